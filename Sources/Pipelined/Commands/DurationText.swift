/// Durations as people write them: `1h30m`, `250ms`, `90d`.
enum DurationText {
    private static let units: [(name: String, micros: Int64)] = [
        ("w", 604_800_000_000), ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000),
        ("s", 1_000_000), ("ms", 1000), ("us", 1),
    ]

    /// Microseconds; nil when it is no duration or does not fit in 64 bits.
    static func micros(_ text: String) -> Int64? {
        var total: Int64 = 0
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let count = Int64(digits), let unit = units.first(where: { $0.name == name })
            else { return nil }
            let (part, overflow) = count.multipliedReportingOverflow(by: unit.micros)
            let (sum, overflowOfSum) = total.addingReportingOverflow(part)
            guard !overflow, !overflowOfSum else { return nil }
            total = sum
        }
        return total
    }
}
