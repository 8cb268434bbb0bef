/// When a pipeline that failed is tried again: the pause doubles with each failure in a row.
struct Backoff: Sendable {
    var firstMicros: Int64 = 1_000_000
    var longestMicros: Int64 = 300_000_000
    /// A graph that ran for this long before it failed counts as its first failure again.
    var forgivenAfterMicros: Int64 = 600_000_000

    /// The pause before the next try.
    ///
    /// - Parameters:
    ///   - attemptCount: Failures in a row, at least 1.
    ///   - random: 0..<1; spreads the pauses by a fifth to either side, so that a thousand
    ///     pipelines that failed together do not come back together.
    func pauseMicros(attemptCount: Int, random: Double) -> Int64 {
        var pause = firstMicros
        for _ in 1..<max(2, min(attemptCount + 1, 40)) - 1 where pause < longestMicros {
            pause = min(longestMicros, pause.saturatingAdd(pause))
        }
        return Int64(Double(pause) * (0.8 + 0.4 * random))
    }
}
