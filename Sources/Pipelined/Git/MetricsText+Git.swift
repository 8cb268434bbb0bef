extension MetricsText {
    /// How it stands with the repository that is followed; nothing where none is.
    mutating func write(_ following: GitFollowing?) {
        guard let following else { return }
        family(
            "pipelined_git_revision", "info", "The commit that is applied.",
            [
                Sample(
                    labels: [
                        ("revision", following.applied ?? ""),
                        ("branch", following.source.branch ?? ""),
                    ], value: 1)
            ], suffix: "_info")
        family(
            "pipelined_git_failures", "gauge",
            "Attempts in a row to apply the newest commit that did not count.",
            [Sample(labels: [], value: Double(following.failureCount))])
        family(
            "pipelined_git_fetch_timestamp_seconds", "gauge",
            "When the repository was last reached.",
            following.fetchedAt.map { [Sample(labels: [], value: Double($0) / 1e6)] } ?? [])
    }
}
