/// The longest duration: a hundred years. Sums of a time and a few of these fit in 64 bits.
private let durationMicrosMax: Int64 = 36_500 * 86_400_000_000

/// Microseconds of a duration such as `90d`, `1h30m` or `250ms`; nil for anything else, and for
/// more than a hundred years.
package func parseDuration(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    var index = 0
    var total: Int64 = 0
    guard !bytes.isEmpty else { return nil }
    while index < bytes.count {
        let digits = bytes[index...].prefix { (0x30...0x39).contains($0) }
        index += digits.count
        let letters = bytes[index...].prefix { (0x61...0x7a).contains($0) }
        index += letters.count
        guard let count = Int64(String(decoding: digits, as: UTF8.self)),
            let unit = microsPerUnit[String(decoding: letters, as: UTF8.self)]
        else { return nil }
        let (product, overflows) = count.multipliedReportingOverflow(by: unit)
        let (sum, exceeds) = total.addingReportingOverflow(product)
        if overflows || exceeds { return nil }
        total = sum
    }
    return total <= durationMicrosMax ? total : nil
}

/// The units of durations, as people write them.
package let durationUnits = ["us", "ms", "s", "m", "h", "d", "w"]

private let microsPerUnit: [String: Int64] = [
    "us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000,
    "d": 86_400_000_000, "w": 604_800_000_000,
]

/// A duration as people write it: `1h30m`, `250ms`, `0s`.
package func formatDuration(micros: Int64) -> String {
    guard micros > 0 else { return "0s" }
    var rest = micros
    var text = ""
    for unit in ["d", "h", "m", "s", "ms", "us"] {
        guard let size = microsPerUnit[unit], rest >= size else { continue }
        text += "\(rest / size)\(unit)"
        rest %= size
    }
    return text
}

/// Bytes of a size such as `64MiB`; nil for anything else, and for more than 64 bits hold.
package func parseSize(_ text: String) -> Int? {
    let bytes = Array(text.utf8)
    let digits = bytes.prefix { (0x30...0x39).contains($0) }
    let unit = String(decoding: bytes[digits.count...], as: UTF8.self)
    guard let count = Int(String(decoding: digits, as: UTF8.self)), let size = bytesPerUnit[unit]
    else { return nil }
    let (product, overflows) = count.multipliedReportingOverflow(by: size)
    return overflows ? nil : product
}

/// The units of sizes, as people write them.
package let sizeUnits = ["B", "KiB", "MiB", "GiB", "TiB", "kB", "MB", "GB", "TB"]

private let bytesPerUnit: [String: Int] = [
    "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
]
