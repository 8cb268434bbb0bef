import Glibc

/// Numbers from and to text, on raw bytes.
package enum NumberText {
    /// Longest text that a double or bigint takes in ``writeDouble`` and ``writeInteger``.
    package static let textBytesMax = 32

    /// The bytes without blanks around them.
    package static func trimmed(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var start = 0
        var end = text.count
        while start < end, isBlank(text[start]) { start += 1 }
        while end > start, isBlank(text[end - 1]) { end -= 1 }
        return UnsafeBufferPointer(rebasing: text[start..<end])
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) }

    // MARK: Integers

    /// Reads an optional sign and digits; nil when there is anything else or it does not fit.
    package static func integer(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var index = 0
        var isNegative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+")
        {
            isNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        guard index < text.count else { return nil }
        var result: Int64 = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit <= 9 else { return nil }
            let (tenfold, overflow) = result.multipliedReportingOverflow(by: 10)
            let (sum, carry) =
                isNegative
                ? tenfold.subtractingReportingOverflow(Int64(digit))
                : tenfold.addingReportingOverflow(Int64(digit))
            if overflow || carry { return nil }
            result = sum
            index += 1
        }
        return result
    }

    /// - Parameter target: Room for 20 bytes.
    /// - Returns: How many were written.
    package static func writeInteger(
        _ value: Int64, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var magnitude = value.magnitude
        var count = 0
        var length = 1
        var probe = magnitude
        while probe >= 10 {
            probe /= 10
            length += 1
        }
        if value < 0 {
            target[0] = UInt8(ascii: "-")
            count = 1
        }
        var index = count + length
        repeat {
            index -= 1
            target[index] = UInt8(truncatingIfNeeded: magnitude % 10) + 0x30
            magnitude /= 10
        } while magnitude > 0
        return count + length
    }

    // MARK: Doubles

    /// Reads a decimal number with an optional exponent, `NaN` or `Infinity` (any case, signed).
    ///
    /// - Returns: nil for anything else, and where the number is too large or too small.
    package static func double(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        guard decimalParts(text) != nil else { return special(text) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { copy in
            guard let base = copy.baseAddress else { return nil }
            for index in 0..<text.count { copy[index] = CChar(bitPattern: text[index]) }
            copy[text.count] = 0
            let value = strtod(base, nil)
            if value.isInfinite { return nil }
            if value == 0, let parts = decimalParts(text), !parts.isZero { return nil }
            return value
        }
    }

    private static func special(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        var start = 0
        var sign = 1.0
        if let first = text.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            sign = first == UInt8(ascii: "-") ? -1 : 1
            start = 1
        }
        let rest = UnsafeBufferPointer(rebasing: text[start...])
        if equals(rest, "nan") { return start == 0 ? Double.nan : nil }
        if equals(rest, "infinity") || equals(rest, "inf") { return sign * Double.infinity }
        return nil
    }

    /// Whether the bytes are `word` (ASCII, lower case), whatever their case.
    package static func equals(_ text: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
        guard text.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<text.count {
            let byte = text[index]
            let lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
            if lower != word.utf8Start[index] { return false }
        }
        return true
    }

    /// Writes the shortest text that reads back as the same double, in PostgreSQL's form: plain for
    /// exponents −4 to 14, otherwise `1e+15`.
    ///
    /// - Parameter target: Room for ``textBytesMax`` bytes.
    /// - Returns: How many were written.
    package static func writeDouble(
        _ value: Double, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        if value.isNaN { return copy("NaN", target) }
        if value.isInfinite { return copy(value < 0 ? "-Infinity" : "Infinity", target) }
        if value == 0 { return copy(value.sign == .minus ? "-0" : "0", target) }
        // The standard library finds the shortest digits; only their arrangement differs.
        var text = value.description
        return text.withUTF8 { shortest in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digits in
                arrange(shortest, digits, isNegative: value < 0, into: target)
            }
        }
    }

    private static func arrange(
        _ shortest: UnsafeBufferPointer<UInt8>, _ digits: UnsafeMutableBufferPointer<UInt8>,
        isNegative: Bool, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        guard let parts = decimalParts(shortest) else { return 0 }
        var count = 0
        var skipped = 0
        for byte in shortest.prefix(parts.mantissaEnd) where byte >= 0x30 && byte <= 0x39 {
            if count == 0, byte == 0x30 {
                skipped += 1
            } else if count < digits.count {
                digits[count] = byte
                count += 1
            }
        }
        // value = 0.d1d2d3… × 10^point
        let point = parts.digitCount - skipped - parts.fractionCount + parts.exponent
        while count > 1, digits[count - 1] == 0x30 { count -= 1 }
        var out = 0
        func put(_ byte: UInt8) {
            target[out] = byte
            out += 1
        }
        if isNegative { put(UInt8(ascii: "-")) }
        let exponent = point - 1
        if exponent < -4 || exponent >= 15 {
            put(digits[0])
            if count > 1 { put(UInt8(ascii: ".")) }
            for index in 1..<max(count, 1) { put(digits[index]) }
            put(UInt8(ascii: "e"))
            put(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            if exponent.magnitude < 10 { put(0x30) }
            return out + writeInteger(Int64(exponent.magnitude), into: target + out)
        }
        if point <= 0 {
            put(0x30)
            put(UInt8(ascii: "."))
            for _ in 0..<(-point) { put(0x30) }
        }
        for index in 0..<max(count, point) {
            if index == point, index > 0 { put(UInt8(ascii: ".")) }
            put(index < count ? digits[index] : 0x30)
        }
        return out
    }

    private static func copy(
        _ text: StaticString, _ target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        target.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        return text.utf8CodeUnitCount
    }

    /// The double with 15 significant digits as text: what is exact when it came from a decimal.
    static func withFifteenDigits<Result>(
        _ value: Double, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 40) { text in
            let count = withVaList([value]) { vsnprintf(text.baseAddress, 40, "%.14e", $0) }
            return text.withMemoryRebound(to: UInt8.self) {
                body(UnsafeBufferPointer(rebasing: $0[..<max(0, min(Int(count), 39))]))
            }
        }
    }

    // MARK: Grammar

    struct DecimalParts {
        var isNegative = false
        /// Digits before the exponent, leading zeros counted.
        var digitCount = 0
        var leadingZeroCount = 0
        /// How many of them stand behind the point.
        var fractionCount = 0
        var exponent = 0
        /// Where the exponent starts, or the end.
        var mantissaEnd = 0
        var isZero: Bool { leadingZeroCount == digitCount }
    }

    /// The shape of `[sign] digits [. digits] [e [sign] digits]`; nil when it has another.
    static func decimalParts(_ text: UnsafeBufferPointer<UInt8>) -> DecimalParts? {
        var parts = DecimalParts()
        var index = 0
        if let first = text.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            parts.isNegative = first == UInt8(ascii: "-")
            index = 1
        }
        var hasPoint = false
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else if byte >= 0x30, byte <= 0x39 {
                if parts.leadingZeroCount == parts.digitCount, byte == 0x30 {
                    parts.leadingZeroCount += 1
                }
                parts.digitCount += 1
                if hasPoint { parts.fractionCount += 1 }
            } else {
                break
            }
            index += 1
        }
        guard parts.digitCount > 0 else { return nil }
        parts.mantissaEnd = index
        guard index < text.count else { return parts }
        guard text[index] | 0x20 == UInt8(ascii: "e") else { return nil }
        guard let exponent = integer(UnsafeBufferPointer(rebasing: text[(index + 1)...])) else {
            return nil
        }
        // Beyond this a double is zero or infinite and a decimal has too many digits.
        parts.exponent = Int(max(-100_000, min(100_000, exponent)))
        return parts
    }
}
