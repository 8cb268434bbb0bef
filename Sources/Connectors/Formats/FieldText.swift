import Glibc

/// Reads typed values from the text of one field, without blanks around it.
enum FieldText {
    /// An optional sign and digits; nil for anything else and for what does not fit.
    @inline(__always)
    static func integer(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var index = 0
        var isNegative = false
        guard let first = text.first else { return nil }
        if first == 0x2d || first == 0x2b {
            isNegative = first == 0x2d
            index = 1
        }
        guard index < text.count else { return nil }
        if text.count - index <= 18 {
            var value: Int64 = 0
            while index < text.count {
                let digit = text[index] &- 0x30
                guard digit < 10 else { return nil }
                // Eighteen digits are below 2^63.
                value = value &* 10 &+ Int64(digit)
                index &+= 1
            }
            return isNegative ? 0 &- value : value
        }
        var value: Int64 = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit < 10 else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) =
                isNegative
                ? scaled.subtractingReportingOverflow(Int64(digit))
                : scaled.addingReportingOverflow(Int64(digit))
            if overflow || carry { return nil }
            value = next
            index &+= 1
        }
        return value
    }

    /// Decimal text with optional sign, fraction and exponent, correctly rounded; `NaN`,
    /// `Infinity` and `inf` in any case. nil for anything else and for what is too large.
    static func double(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        let hasSign = text.first == 0x2d || text.first == 0x2b
        let digits = UnsafeBufferPointer(rebasing: text.dropFirst(hasSign ? 1 : 0))
        guard let first = digits.first else { return nil }
        let sign = text.first == 0x2d ? -1.0 : 1.0
        guard isNumber(digits) else {
            // A word, or nothing known.
            guard first | 0x20 == 0x69 || first | 0x20 == 0x6e else { return nil }
            if equals(digits, "nan") { return .nan }
            return equals(digits, "inf") || equals(digits, "infinity") ? sign * .infinity : nil
        }
        return ExactDouble.read(digits).map { sign * $0 }
    }

    /// Digits with at most one point, at least one digit, and an optional exponent.
    private static func isNumber(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        var digitCount = 0
        var hasPoint = false
        while index < text.count {
            let byte = text[index]
            if byte &- 0x30 < 10 {
                digitCount += 1
            } else if byte == 0x2e, !hasPoint {
                hasPoint = true
            } else {
                break
            }
            index += 1
        }
        if digitCount == 0 { return false }
        if index == text.count { return true }
        guard text[index] | 0x20 == 0x65 else { return false }
        index += 1
        if index < text.count, text[index] == 0x2b || text[index] == 0x2d { index += 1 }
        guard index < text.count else { return false }
        return text[index...].allSatisfy { $0 &- 0x30 < 10 }
    }

    /// 1 or 0 for `true t yes y on 1` and `false f no n off 0` in any case.
    static func boolean(_ text: UnsafeBufferPointer<UInt8>) -> UInt8? {
        guard text.count <= 5, let first = text.first else { return nil }
        if text.count == 1 {
            switch first | 0x20 {
            case 0x74, 0x79: return 1
            case 0x66, 0x6e: return 0
            default: return first == 0x31 ? 1 : first == 0x30 ? 0 : nil
            }
        }
        if equals(text, "true") || equals(text, "yes") || equals(text, "on") { return 1 }
        return equals(text, "false") || equals(text, "no") || equals(text, "off") ? 0 : nil
    }

    /// An exact decimal with `scale` digits behind the point, further ones rounded half away from
    /// zero; nil for anything else and for more than `precision` digits.
    static func decimal(
        _ text: UnsafeBufferPointer<UInt8>, precision: Int, scale: Int
    ) -> Int128? {
        var index = 0
        let isNegative = text.first == 0x2d
        if isNegative || text.first == 0x2b { index = 1 }
        var value: Int128 = 0
        var digitCount = 0
        var fractionDigits = 0
        var hasPoint = false
        var roundsUp = false
        while index < text.count {
            let byte = text[index]
            index += 1
            if byte == 0x2e, !hasPoint {
                hasPoint = true
                continue
            }
            guard byte &- 0x30 < 10 else { return nil }
            digitCount += 1
            if hasPoint {
                fractionDigits += 1
                if fractionDigits > scale {
                    if fractionDigits == scale + 1 { roundsUp = byte >= 0x35 }
                    continue
                }
            }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) = scaled.addingReportingOverflow(Int128(byte &- 0x30))
            if overflow || carry { return nil }
            value = next
        }
        guard digitCount > 0 else { return nil }
        var missing = scale - min(fractionDigits, scale)
        while missing > 0 {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = scaled
            missing -= 1
        }
        if roundsUp { value &+= 1 }
        guard String(value).utf8.count <= precision || value == 0 else { return nil }
        return isNegative ? -value : value
    }

    /// An integer timestamp as microseconds; nil when it does not fit. Nanoseconds are cut.
    ///
    /// - Parameter unitsPerSecond: 1, 1_000, 1_000_000 or 1_000_000_000.
    @inline(__always)
    static func micros(_ value: Int64, unitsPerSecond: Int64) -> Int64? {
        if unitsPerSecond > 1_000_000 {
            return floorDivide(value, unitsPerSecond / 1_000_000).quotient
        }
        let (result, overflow) = value.multipliedReportingOverflow(by: 1_000_000 / unitsPerSecond)
        return overflow ? nil : result
    }

    /// The text without the blanks at its ends.
    static func trimmed(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var start = 0
        var end = text.count
        while start < end, isBlank(text[start]) { start += 1 }
        while end > start, isBlank(text[end - 1]) { end -= 1 }
        return UnsafeBufferPointer(rebasing: text[start..<end])
    }

    private static func equals(_ text: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
        guard text.count == word.utf8CodeUnitCount else { return false }
        return text.indices.allSatisfy { text[$0] | 0x20 == word.utf8Start[$0] }
    }
}
