import Glibc

/// Reads integers from number text whose grammar has been checked: digits with an optional sign,
/// fraction and exponent.
package enum ExactInteger {
    /// The value if it is an integer (`1.0` and `1e3` are) that fits, otherwise nil.
    package static func read(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var index = 0
        let isNegative = text.first == 0x2d
        if isNegative { index += 1 }
        // The digits without point, and where the point is.
        var magnitude: UInt64 = 0
        var droppedZeros = 0
        var fractionDigits = 0
        var isInFraction = false
        while index < text.count {
            let byte = text[index]
            if byte == 0x2e {
                isInFraction = true
            } else if byte | 0x20 == 0x65 {
                break
            } else {
                if isInFraction { fractionDigits += 1 }
                if byte == 0x30 {
                    droppedZeros += 1
                } else {
                    // Zeros are appended only once a digit follows, so that `1.000…` stays small.
                    if magnitude == 0 { droppedZeros = 0 }
                    for _ in 0..<droppedZeros {
                        let (next, overflow) = magnitude.multipliedReportingOverflow(by: 10)
                        if overflow { return nil }
                        magnitude = next
                    }
                    droppedZeros = 0
                    let (scaled, overflow) = magnitude.multipliedReportingOverflow(by: 10)
                    let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte - 0x30))
                    if overflow || carry { return nil }
                    magnitude = sum
                }
            }
            index += 1
        }
        if magnitude == 0 { return 0 }
        var exponent = 0
        if index < text.count {
            index += 1
            var isExponentNegative = false
            if text[index] == 0x2b || text[index] == 0x2d {
                isExponentNegative = text[index] == 0x2d
                index += 1
            }
            while index < text.count {
                exponent = min(exponent * 10 + Int(text[index] - 0x30), 1_000_000_000)
                index += 1
            }
            if isExponentNegative { exponent = -exponent }
        }
        // value = magnitude × 10^(droppedZeros + exponent − fractionDigits)
        let power = droppedZeros + exponent - fractionDigits
        guard power >= 0, power <= 19 else { return nil }
        for _ in 0..<power {
            let (next, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            magnitude = next
        }
        if isNegative {
            return magnitude <= UInt64(1) << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
        }
        return Int64(exactly: magnitude)
    }
}

/// Reads doubles, correctly rounded, from number text whose grammar has been checked.
package enum ExactDouble {
    // 10^0...10^22 are exact doubles.
    private static let powers: [Double] = (0...22).map { exponent in
        (0..<exponent).reduce(1.0) { value, _ in value * 10 }
    }

    /// The nearest double, nil when the number is too large for one.
    ///
    /// Up to 15 digits and a small power of ten are exact operands, so that one multiplication or
    /// division rounds once (Clinger, "How to read floating point numbers accurately", 1990); the
    /// rest is left to `strtod`, which glibc rounds correctly.
    package static func read(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        var index = 0
        let isNegative = text.first == 0x2d
        if isNegative { index += 1 }
        var mantissa: UInt64 = 0
        var digits = 0
        var exponent = 0
        var isInFraction = false
        while index < text.count {
            let byte = text[index]
            if byte == 0x2e {
                isInFraction = true
            } else if byte &- 0x30 < 10 {
                mantissa = mantissa &* 10 &+ UInt64(byte &- 0x30)
                if mantissa != 0 { digits += 1 }
                if digits > 15 { return slow(text) }
                if isInFraction { exponent -= 1 }
            } else {
                return slow(text)
            }
            index += 1
        }
        guard exponent >= -22 else { return slow(text) }
        let value = exponent == 0 ? Double(mantissa) : Double(mantissa) / powers[-exponent]
        return isNegative ? -value : value
    }

    private static func slow(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        let value = withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) {
            copy -> Double in
            for index in text.indices { copy[index] = CChar(bitPattern: text[index]) }
            copy[text.count] = 0
            guard let start = copy.baseAddress else { return .nan }
            return strtod(start, nil)
        }
        return value.isFinite ? value : nil
    }
}
