/// Exact arithmetic on unscaled 128-bit integers that stand for `value × 10^−scale`.
///
/// At most 38 digits; every operation returns nil rather than a value with more. Rounding is half
/// away from zero, as PostgreSQL's `numeric` does it.
package enum Decimal38 {
    package static let digitsMax = 38

    /// 10^38 − 1.
    package static let maxUnscaled: Int128 = powers[38] - 1

    // SAFETY: written once, before its first use; read-only afterwards.
    private static let powers: [Int128] = {
        var result: [Int128] = [1]
        for _ in 0..<digitsMax { result.append(result[result.count - 1] * 10) }
        return result
    }()

    /// 10^exponent.
    ///
    /// - Parameter exponent: `0...38`.
    package static func power(_ exponent: Int) -> Int128 { powers[exponent] }

    @inlinable @inline(__always)
    package static func isInRange(_ value: Int128) -> Bool {
        value <= 99_999_999_999_999_999_999_999_999_999_999_999_999
            && value >= -99_999_999_999_999_999_999_999_999_999_999_999_999
    }

    /// Number of decimal digits, 1 for zero.
    package static func digits(_ value: Int128) -> Int {
        let magnitude = value.magnitude
        var count = 1
        while count <= digitsMax, magnitude >= UInt128(powers[min(count, digitsMax)]) {
            count += 1
            if count > digitsMax { break }
        }
        return count
    }

    /// The same number with another scale, rounded; nil when it has more than 38 digits.
    package static func rescale(_ value: Int128, from: Int, to: Int) -> Int128? {
        if from == to { return value }
        if to > from {
            guard to - from <= digitsMax else { return value == 0 ? 0 : nil }
            let (result, overflow) = value.multipliedReportingOverflow(by: powers[to - from])
            return overflow || !isInRange(result) ? nil : result
        }
        guard from - to <= digitsMax else { return 0 }
        return divideRounding(value, by: powers[from - to])
    }

    /// `value / divisor`, half away from zero; the divisor is positive.
    static func divideRounding(_ value: Int128, by divisor: Int128) -> Int128 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        let magnitude = remainder.magnitude
        guard magnitude >= UInt128(divisor) - magnitude else { return quotient }
        return quotient + (value < 0 ? -1 : 1)
    }

    static func floor(_ value: Int128, scale: Int) -> Int128 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: powers[scale])
        return remainder < 0 ? quotient - 1 : quotient
    }

    static func ceil(_ value: Int128, scale: Int) -> Int128 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: powers[scale])
        return remainder > 0 ? quotient + 1 : quotient
    }

    static func add(_ a: Int128, _ b: Int128) -> Int128? {
        let (result, overflow) = a.addingReportingOverflow(b)
        return overflow || !isInRange(result) ? nil : result
    }

    static func multiply(_ a: Int128, _ b: Int128) -> Int128? {
        let (result, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow || !isInRange(result) ? nil : result
    }

    /// The quotient with `scale` decimals, rounded; nil when it has more than 38 digits.
    ///
    /// - Parameter b: Not 0.
    static func divide(
        _ a: Int128, scale scaleA: Int, by b: Int128, scale scaleB: Int, to scale: Int
    ) -> Int128? {
        let exponent = scale + scaleB - scaleA
        let isNegative = (a < 0) != (b < 0)
        let divisor = b.magnitude
        if exponent < 0 {
            // Fewer decimals than the division gives: divide by a larger number.
            guard exponent >= -digitsMax else { return 0 }
            let (larger, overflow) = divisor.multipliedReportingOverflow(
                by: UInt128(powers[-exponent]))
            return overflow ? 0 : rounded(a.magnitude, by: larger, isNegative)
        }
        var left = exponent
        var (quotient, remainder) = a.magnitude.quotientAndRemainder(dividingBy: divisor)
        while left > 0 {
            // Long division by up to 18 digits at a time keeps each step in 256 bits.
            let step = min(left, 18)
            let factor = UInt128(powers[step])
            let (shifted, overflow) = quotient.multipliedReportingOverflow(by: factor)
            if overflow { return nil }
            let wide = remainder.multipliedFullWidth(by: factor)
            guard wide.high < divisor else { return nil }
            let (digits, rest) = divisor.dividingFullWidth(wide)
            let (sum, carry) = shifted.addingReportingOverflow(digits)
            if carry { return nil }
            quotient = sum
            remainder = rest
            left -= step
        }
        if remainder >= divisor - remainder { quotient += 1 }
        return signed(quotient, isNegative)
    }

    private static func rounded(_ a: UInt128, by b: UInt128, _ isNegative: Bool) -> Int128? {
        var (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
        if remainder >= b - remainder { quotient += 1 }
        return signed(quotient, isNegative)
    }

    private static func signed(_ magnitude: UInt128, _ isNegative: Bool) -> Int128? {
        guard magnitude <= UInt128(maxUnscaled) else { return nil }
        return isNegative ? -Int128(magnitude) : Int128(magnitude)
    }

    /// Less than 0, 0 or more than 0 as `a` is less than, equal to or more than `b`; exact.
    package static func compare(
        _ a: Int128, scale scaleA: Int, _ b: Int128, scale scaleB: Int
    ) -> Int {
        if scaleA < scaleB { return -compare(b, scale: scaleB, a, scale: scaleA) }
        if scaleA > scaleB {
            let (scaled, overflow) = b.multipliedReportingOverflow(by: powers[scaleA - scaleB])
            // A number too large for 128 bits is further from zero than any of 38 digits.
            if overflow { return b > 0 ? -1 : 1 }
            return a < scaled ? -1 : (a > scaled ? 1 : 0)
        }
        return a < b ? -1 : (a > b ? 1 : 0)
    }

    // MARK: Doubles

    /// The nearest double.
    package static func double(_ value: Int128, scale: Int) -> Double {
        // Both are exact in a double, so that the division is rounded once.
        if value.magnitude <= 1 << 53, scale <= 22 {
            return Double(Int64(value)) / pow10(scale)
        }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { text in
            guard let base = text.baseAddress else { return 0 }
            let count = write(value, scale: scale, into: base)
            return NumberText.double(UnsafeBufferPointer(start: base, count: count)) ?? 0
        }
    }

    private static func pow10(_ exponent: Int) -> Double {
        var result = 1.0
        for _ in 0..<exponent { result *= 10 }
        return result
    }

    /// The decimal of the double's first 15 digits, rounded to `scale`; nil when it is not finite
    /// or has too many digits.
    package static func unscaled(_ value: Double, scale: Int) -> Int128? {
        guard value.isFinite else { return nil }
        return NumberText.withFifteenDigits(value) { parse($0, scale: scale) }
    }

    // MARK: Text

    /// Reads `-12.50`, also with an exponent, rounded to `scale`.
    ///
    /// - Returns: nil when it is not a number (blanks are not skipped) or has too many digits.
    package static func parse(_ text: UnsafeBufferPointer<UInt8>, scale: Int) -> Int128? {
        guard let parts = NumberText.decimalParts(text) else { return nil }
        // value = digits × 10^(exponent − fractionCount); wanted: × 10^−scale.
        let shift = parts.exponent - parts.fractionCount + scale
        var magnitude: UInt128 = 0
        var kept = 0
        let total = parts.digitCount + shift
        if parts.isZero { return 0 }
        guard total <= digitsMax + parts.leadingZeroCount else { return nil }
        var roundsUp = false
        for byte in text where byte >= 0x30 && byte <= 0x39 {
            if kept >= parts.digitCount { break }
            let digit = UInt128(byte - 0x30)
            if kept < total {
                magnitude = magnitude * 10 + digit
                guard magnitude <= UInt128(maxUnscaled) else { return nil }
            } else {
                if kept == total { roundsUp = digit >= 5 }
                break
            }
            kept += 1
        }
        if roundsUp { magnitude += 1 }
        if shift > 0 {
            guard shift <= digitsMax else { return nil }
            let (scaled, overflow) = magnitude.multipliedReportingOverflow(
                by: UInt128(powers[shift]))
            if overflow { return nil }
            magnitude = scaled
        }
        return signed(magnitude, parts.isNegative)
    }

    /// As ``parse(_:scale:)`` but exact: nil, too, where a digit that is not 0 would be lost or there
    /// are more than `precision` of them.
    package static func exact(
        _ text: UnsafeBufferPointer<UInt8>, precision: Int, scale: Int
    ) -> Int128? {
        guard let parts = NumberText.decimalParts(text), let value = parse(text, scale: scale),
            value.magnitude < power(precision).magnitude
        else { return nil }
        let kept = parts.digitCount + parts.exponent - parts.fractionCount + scale
        var index = 0
        for byte in text.prefix(parts.mantissaEnd) where byte >= 0x30 && byte <= 0x39 {
            if index >= kept, byte != 0x30 { return nil }
            index += 1
        }
        return value
    }

    /// Writes the number with exactly `scale` decimals.
    ///
    /// - Parameter target: Room for 42 bytes.
    /// - Returns: How many were written.
    package static func write(
        _ value: Int128, scale: Int, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var magnitude = value.magnitude
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 48) { digits in
            var count = 0
            // Two steps of 64 bits are faster than 38 divisions of 128.
            while magnitude > UInt128(UInt64.max) {
                let (quotient, remainder) = magnitude.quotientAndRemainder(
                    dividingBy: 1_000_000_000_000_000_000)
                var low = UInt64(remainder)
                for _ in 0..<18 {
                    digits[count] = UInt8(truncatingIfNeeded: low % 10) + 0x30
                    low /= 10
                    count += 1
                }
                magnitude = quotient
            }
            var low = UInt64(magnitude)
            while low > 0 {
                digits[count] = UInt8(truncatingIfNeeded: low % 10) + 0x30
                low /= 10
                count += 1
            }
            while count <= scale {
                digits[count] = 0x30
                count += 1
            }
            var written = 0
            if value < 0 {
                target[0] = UInt8(ascii: "-")
                written = 1
            }
            var index = count
            while index > 0 {
                index -= 1
                target[written] = digits[index]
                written += 1
                if index == scale, scale > 0 {
                    target[written] = UInt8(ascii: ".")
                    written += 1
                }
            }
            return written
        }
    }
}
