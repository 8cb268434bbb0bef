import Config

extension ServeConfiguration {
    static let gitKeys = ["url", "branch", "path", "interval", "verify_signatures"]

    /// The flags that say more about `--git`.
    private static let gitFlags = ["branch", "path", "interval", "verify-signatures"]

    /// What is wrong with the flags about a repository; nil where nothing is.
    func gitProblem(_ invocation: Invocation) -> String? {
        if invocation.isSet("git"), invocation.isSet("pipelines") {
            return "'--git' and '--pipelines' exclude each other; '--path' is the folder below the "
                + "root of the repository"
        }
        if let flag = Self.gitFlags.first(where: { invocation.isSet($0) }),
            !invocation.isSet("git"), git == nil
        {
            return "'--\(flag)' is about a repository; say which one with '--git URL'"
        }
        if let problem = invocation.text("git").flatMap(GitSource.problem(url:)) {
            return "'--git' cannot be followed: \(problem)"
        }
        if let problem = invocation.text("branch").flatMap(GitSource.problem(branch:)) {
            return "'--branch' is wrong: \(problem)"
        }
        if let path = invocation.text("path"), GitSource.normalised(path: path) == nil {
            return "'--path' is a folder below the root of the repository"
        }
        if let interval = invocation.micros("interval"), interval < GitSource.intervalMicrosMin {
            return "'--interval' is at least 1s"
        }
        return nil
    }

    /// Puts the flags about a repository over what stands there; they have been checked.
    mutating func take(git invocation: Invocation) {
        if let url = invocation.text("git") {
            // What the file says of another repository does not count for this one.
            if git?.url != url { git = GitSource(url: url) }
        }
        if let branch = invocation.text("branch") { git?.branch = branch }
        if let path = invocation.text("path").flatMap(GitSource.normalised(path:)) {
            git?.path = path
        }
        if let interval = invocation.micros("interval") { git?.intervalMicros = interval }
        if invocation.isSet("verify-signatures") { git?.verifiesSignatures = true }
    }

    /// Reads `git: {url: …}`.
    mutating func takeGit(_ entry: LocatedEntry) -> [Problem] {
        guard case .mapping(let entries) = entry.value.content else {
            return [Problem(message: "'git' is a mapping with 'url'", range: entry.value.range)]
        }
        var source = GitSource(url: "")
        let problems = entries.compactMap { Self.take($0, &source) }
        if problems.isEmpty, source.url.isEmpty {
            return [Problem(message: "'git' needs 'url'", range: entry.key.range)]
        }
        git = source
        return problems
    }

    private static func take(_ entry: LocatedEntry, _ source: inout GitSource) -> Problem? {
        let key = entry.key.text
        guard gitKeys.contains(key) else {
            let near = Suggestion.nearest(to: key, among: gitKeys)
            return Problem(
                message: "unknown key '\(key)' of 'git'", range: entry.key.range,
                help: near.map { "did you mean '\($0)'?" })
        }
        func wrong(_ what: String) -> Problem {
            Problem(message: "'git.\(key)' \(what)", range: entry.value.range)
        }
        guard case .scalar(let scalar) = entry.value.content, !entry.value.isNull else {
            return wrong("needs a value")
        }
        switch key {
        case "url":
            if let problem = GitSource.problem(url: scalar.text) {
                return wrong("cannot be followed: \(problem)")
            }
            source.url = scalar.text
        case "branch":
            if let problem = GitSource.problem(branch: scalar.text) {
                return wrong("is wrong: \(problem)")
            }
            source.branch = scalar.text
        case "path":
            guard let path = GitSource.normalised(path: scalar.text) else {
                return wrong("is a folder below the root of the repository")
            }
            source.path = path
        case "interval":
            guard let micros = DurationText.micros(scalar.text),
                micros >= GitSource.intervalMicrosMin
            else { return wrong("is a duration of at least 1s, such as 30s") }
            source.intervalMicros = micros
        default:
            guard case .boolean(let value) = scalar.resolved else {
                return wrong("is true or false")
            }
            source.verifiesSignatures = value
        }
        return nil
    }
}
