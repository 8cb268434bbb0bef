/// Figures as a person wants to read them, in a few characters.
enum HumanText {
    /// `0`, `999`, `12.3k`, `4.56M`: three digits that matter.
    static func count(_ value: Double) -> String {
        guard value.isFinite, value >= 0 else { return "-" }
        return scaled(value, step: 1000, units: ["", "k", "M", "G", "T", "P"], separator: "")
    }

    static func count(_ value: Int64) -> String { count(Double(value)) }

    /// `1 row`, `2 rows`.
    static func rows(_ count: Int64) -> String { count == 1 ? "1 row" : "\(count) rows" }

    /// `0 B`, `12.3 KiB`, `4.56 GiB`.
    static func bytes(_ value: Int64) -> String {
        scaled(
            Double(max(value, 0)), step: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"],
            separator: " ")
    }

    /// The two largest units: `12s`, `3m20s`, `5h4m`, `9d3h`.
    static func duration(micros: Int64) -> String {
        let seconds = max(micros, 0) / 1_000_000
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3600 { return pair(seconds, 60, "m", "s") }
        if seconds < 86_400 { return pair(seconds / 60, 60, "h", "m") }
        return pair(seconds / 3600, 24, "d", "h")
    }

    /// UTC, to the second: `2026-03-01T10:20:30Z`.
    static func time(micros: Int64) -> String {
        let second = micros.quotientAndRemainderFloored(by: 1_000_000).0
        let (days, secondOfDay) = second.quotientAndRemainderFloored(by: 86_400)
        // Days since 0000-03-01, in eras of 400 years: the civil calendar by counting from March.
        let shifted = days + 719_468
        let (era, dayOfEra) = shifted.quotientAndRemainderFloored(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let clock = [secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60]
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + clock.map { padded($0, 2) }.joined(separator: ":") + "Z"
    }

    /// UTC, to the microsecond, or to as many digits of it as asked for.
    static func time(micros: Int64, fractionDigits: Int) -> String {
        let fraction = micros % 1_000_000
        let digits = padded(fraction < 0 ? fraction + 1_000_000 : fraction, 6)
        return "\(time(micros: micros).dropLast()).\(digits.prefix(fractionDigits))Z"
    }

    private static func pair(_ value: Int64, _ base: Int64, _ big: String, _ small: String)
        -> String
    {
        let rest = value % base
        return "\(value / base)\(big)" + (rest == 0 ? "" : "\(rest)\(small)")
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    private static func scaled(
        _ value: Double, step: Double, units: [String], separator: String
    ) -> String {
        var value = value
        var unit = 0
        // 999.5 would be written as 1000.
        while value >= step - 0.5, unit + 1 < units.count {
            value /= step
            unit += 1
        }
        let decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
        return fixed(value, decimals) + separator + units[unit]
    }

    /// A number with so many decimals, rounded; for values below 10^15.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale: Int64 = decimals == 0 ? 1 : decimals == 1 ? 10 : 100
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scaled = Int64((value * Double(scale)).rounded())
        guard decimals > 0 else { return String(scaled) }
        let sign = scaled < 0 ? "-" : ""
        let magnitude = abs(scaled)
        return "\(sign)\(magnitude / scale).\(padded(magnitude % scale, decimals))"
    }
}

extension Int64 {
    /// Division that rounds towards minus infinity, for times before the epoch.
    fileprivate func quotientAndRemainderFloored(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
