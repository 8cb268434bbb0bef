extension StatusJSON {
    /// How it stands with the repository that is followed.
    static func following(_ following: GitFollowing) -> JSONValue {
        [
            "url": .string(following.source.shownURL),
            "branch": .optional(following.source.branch),
            "path": .string(following.source.shownPath), "folder": .string(following.folder),
            "revision": .optional(following.applied),
            "attempted": .optional(following.attempted),
            "attempted_at": time(following.attemptedAt),
            "error": .optional(following.shownProblem),
            "failures": .count(following.failureCount),
            "fetched_at": time(following.fetchedAt), "next_fetch_at": time(following.nextAt),
        ]
    }
}

extension GitFollowing {
    /// The problem as those of specs are shown.
    var specProblem: SpecProblem? {
        shownProblem.map { SpecProblem(summary: $0, rendered: "error: \($0)\n") }
    }
}

extension StatusTable {
    /// What stands below the table: which revision is followed, and why a newer one does not count.
    static func following(_ value: JSONValue?, _ terminal: Terminal) -> String {
        guard let value, value.object != nil else { return "" }
        let branch = value["branch"]?.text.map { "'\($0)'" } ?? "the default branch"
        var line = "following \(branch) of \(value["url"]?.text ?? "")"
        if let revision = value["revision"]?.text {
            line += ": revision \(revision.prefix(8))"
        }
        if let fetched = value["fetched_at"]?.text { line += ", fetched at \(shortTime(fetched))" }
        guard let error = value["error"]?.text else { return "\n\n" + line }
        let attempted = value["attempted_at"]?.text.map { " (at \(shortTime($0)))" } ?? ""
        return "\n\n\(line)\n\(terminal.styled("warning:", .yellow)) \(error)\(attempted)"
    }

    /// `2026-03-01T10:20:30Z`, without what is less than a second.
    private static func shortTime(_ text: String) -> String { text.prefix { $0 != "." } + "Z" }
}
