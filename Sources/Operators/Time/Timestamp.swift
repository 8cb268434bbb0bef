/// Microseconds since 1970-01-01T00:00:00Z, from and to text.
///
/// Every timestamp that text is read from or written to lies in the years 0001 to 9999.
package enum Timestamp {
    package static let microsPerSecond: Int64 = 1_000_000
    package static let microsPerDay: Int64 = 86_400_000_000
    /// 0001-01-01T00:00:00Z
    package static let min: Int64 = -62_135_596_800_000_000
    /// 9999-12-31T23:59:59.999999Z
    package static let max: Int64 = 253_402_300_799_999_999

    @inlinable @inline(__always)
    package static func isInRange(_ micros: Int64) -> Bool {
        micros >= -62_135_596_800_000_000 && micros <= 253_402_300_799_999_999
    }

    /// Longest text that ``write(_:into:)`` makes.
    package static let textBytesMax = 27

    /// Reads `2026-01-31T12:00:00.5Z`: RFC 3339, also with a space for the `T`, with an offset of
    /// hours only, without seconds, without an offset, or a date alone (midnight).
    ///
    /// Digits behind the microseconds are dropped, never rounded up into another window. A leap
    /// second counts as the first second of the next minute.
    ///
    /// - Parameters:
    ///   - text: The bytes, without blanks around them.
    ///   - zone: Where a time without an offset is. ``TimeZoneRules/microsecondsUTC(local:)`` says
    ///     what happens to times that a change of clocks skips or repeats.
    /// - Returns: nil when the text is anything else, or outside the years 0001 to 9999.
    /// - Complexity: O(count); does not allocate.
    package static func parseRFC3339(
        _ text: UnsafeBufferPointer<UInt8>, zone: TimeZoneRules = .utc
    ) -> Int64? {
        guard text.count >= 10, let bytes = text.baseAddress else { return nil }
        if text.count >= 20, let seconds = wholeSeconds(bytes) {
            var index = 19
            var micros = seconds &* microsPerSecond
            if bytes[19] == UInt8(ascii: ".") {
                guard let fraction = fraction(text, &index) else { return nil }
                micros &+= fraction
            }
            // The usual end; everything else takes the long way.
            if index == text.count &- 1, bytes[index] == UInt8(ascii: "Z") { return micros }
        }
        guard let date = date(bytes) else { return nil }
        let days = Int64(date.daysSinceEpoch)
        if text.count == 10 { return zoned(days &* microsPerDay, zone) }
        guard text.count >= 16, isTimeSeparator(bytes[10]), bytes[13] == UInt8(ascii: ":"),
            let hour = twoDigits(bytes + 11, max: 23), let minute = twoDigits(bytes + 14, max: 59)
        else { return nil }
        var micros = (days &* 86_400 &+ Int64(hour &* 3600 &+ minute &* 60)) &* microsPerSecond
        var index = 16
        if index < text.count, bytes[index] == UInt8(ascii: ":") {
            guard text.count >= 19, let second = twoDigits(bytes + 17, max: 60) else { return nil }
            micros &+= Int64(second) &* microsPerSecond
            index = 19
            if index < text.count, bytes[index] == UInt8(ascii: ".") {
                guard let fraction = fraction(text, &index) else { return nil }
                micros &+= fraction
            }
        }
        if index == text.count { return zoned(micros, zone) }
        guard let offset = offset(text, &index), index == text.count else { return nil }
        let result = micros &- Int64(offset) &* microsPerSecond
        return isInRange(result) ? result : nil
    }

    /// Seconds since the epoch of `2026-01-31T12:00:00`; nil when the 19 bytes are anything else, or
    /// a leap second.
    ///
    /// Mistakes are gathered and looked at once: with a branch for each digit a value took 25 ns,
    /// with this 14.
    @inline(__always)
    private static func wholeSeconds(_ bytes: UnsafePointer<UInt8>) -> Int64? {
        var worst: UInt8 = 0
        @inline(__always) func pair(_ index: Int) -> Int {
            let tens = bytes[index] &- 0x30
            let ones = bytes[index &+ 1] &- 0x30
            worst = Swift.max(worst, tens, ones)
            return Int(tens) &* 10 &+ Int(ones)
        }
        let year = pair(0) &* 100 &+ pair(2)
        let month = pair(5)
        let day = pair(8)
        let hour = pair(11)
        let minute = pair(14)
        let second = pair(17)
        let separators =
            (bytes[4] ^ UInt8(ascii: "-")) | (bytes[7] ^ UInt8(ascii: "-"))
            | (bytes[10] ^ UInt8(ascii: "T")) | (bytes[13] ^ UInt8(ascii: ":"))
            | (bytes[16] ^ UInt8(ascii: ":"))
        guard worst <= 9, separators == 0, hour <= 23, minute <= 59, second <= 59 else {
            return nil
        }
        let date = CivilDate(year: year, month: month, day: day)
        guard date.isValid else { return nil }
        let time = hour &* 3600 &+ minute &* 60 &+ second
        return Int64(date.daysSinceEpoch &* 86_400 &+ time)
    }

    /// Whole seconds east of UTC: `Z`, `+02:00`, `+0200` or `+02`.
    @inline(__always)
    static func offset(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int) -> Int? {
        guard index < text.count, let bytes = text.baseAddress else { return nil }
        let sign = bytes[index]
        index += 1
        if sign == UInt8(ascii: "Z") || sign == UInt8(ascii: "z") { return 0 }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return nil }
        guard index + 2 <= text.count, let hours = twoDigits(bytes + index, max: 23) else {
            return nil
        }
        index += 2
        var seconds = hours &* 3600
        if index < text.count {
            let hasColon = bytes[index] == UInt8(ascii: ":")
            let start = hasColon ? index + 1 : index
            if start + 2 <= text.count, let minutes = twoDigits(bytes + start, max: 59) {
                seconds &+= minutes &* 60
                index = start + 2
            } else if hasColon {
                return nil
            }
        }
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }

    @inline(__always)
    private static func date(_ bytes: UnsafePointer<UInt8>) -> CivilDate? {
        guard let century = twoDigits(bytes, max: 99), let years = twoDigits(bytes + 2, max: 99),
            bytes[4] == UInt8(ascii: "-"), let month = twoDigits(bytes + 5, max: 12),
            bytes[7] == UInt8(ascii: "-"), let day = twoDigits(bytes + 8, max: 31)
        else { return nil }
        let date = CivilDate(year: century &* 100 &+ years, month: month, day: day)
        return date.isValid ? date : nil
    }

    @inline(__always)
    private static func isTimeSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "T") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "t")
    }

    @inline(__always)
    static func twoDigits(_ bytes: UnsafePointer<UInt8>, max: Int) -> Int? {
        let tens = bytes[0] &- 0x30
        let ones = bytes[1] &- 0x30
        guard tens <= 9, ones <= 9 else { return nil }
        let value = Int(tens) &* 10 &+ Int(ones)
        return value <= max ? value : nil
    }

    /// The digits behind a point at `index`, as microseconds; at least one.
    @inline(__always)
    private static func fraction(
        _ text: UnsafeBufferPointer<UInt8>, _ index: inout Int
    ) -> Int64? {
        index &+= 1
        let start = index
        var value: Int64 = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit <= 9 else { break }
            if index &- start < 6 { value = value &* 10 &+ Int64(digit) }
            index &+= 1
        }
        switch index &- start {
        case 0: return nil
        case 1: return value &* 100_000
        case 2: return value &* 10_000
        case 3: return value &* 1000
        case 4: return value &* 100
        case 5: return value &* 10
        default: return value
        }
    }

    @inline(__always)
    private static func zoned(_ local: Int64, _ zone: TimeZoneRules) -> Int64? {
        let result = zone.microsecondsUTC(local: local)
        return isInRange(result) ? result : nil
    }

    /// Writes `2026-01-31T12:00:00Z`, with three decimals of the second if they say it all and six
    /// if not.
    ///
    /// - Parameters:
    ///   - micros: In the years 0001 to 9999; others are written as the nearest bound.
    ///   - target: Room for ``textBytesMax`` bytes.
    /// - Returns: How many bytes were written.
    package static func write(_ micros: Int64, into target: UnsafeMutablePointer<UInt8>) -> Int {
        let bounded = Swift.min(Swift.max(micros, min), max)
        let (day, time) = floorDivide(bounded, microsPerDay)
        let date = CivilDate(daysSinceEpoch: Int(day))
        let second = Int(time / microsPerSecond)
        let fraction = Int(time % microsPerSecond)
        writeDigits(date.year, 4, target)
        target[4] = UInt8(ascii: "-")
        writeDigits(date.month, 2, target + 5)
        target[7] = UInt8(ascii: "-")
        writeDigits(date.day, 2, target + 8)
        target[10] = UInt8(ascii: "T")
        writeDigits(second / 3600, 2, target + 11)
        target[13] = UInt8(ascii: ":")
        writeDigits(second / 60 % 60, 2, target + 14)
        target[16] = UInt8(ascii: ":")
        writeDigits(second % 60, 2, target + 17)
        var count = 19
        if fraction != 0 {
            target[19] = UInt8(ascii: ".")
            let isMillis = fraction % 1000 == 0
            writeDigits(isMillis ? fraction / 1000 : fraction, isMillis ? 3 : 6, target + 20)
            count = isMillis ? 23 : 26
        }
        target[count] = UInt8(ascii: "Z")
        return count + 1
    }

    /// The text of ``write(_:into:)``, for people.
    package static func text(_ micros: Int64) -> String {
        String(unsafeUninitializedCapacity: textBytesMax) { buffer in
            buffer.baseAddress.map { write(micros, into: $0) } ?? 0
        }
    }

    @inline(__always)
    static func writeDigits(_ value: Int, _ count: Int, _ target: UnsafeMutablePointer<UInt8>) {
        var rest = value
        var index = count
        while index > 0 {
            index &-= 1
            target[index] = UInt8(truncatingIfNeeded: rest % 10) &+ 0x30
            rest /= 10
        }
    }

    /// Quotient and remainder with the remainder in `0..<divisor`.
    @inline(__always)
    static func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        var quotient = value / divisor
        var remainder = value % divisor
        if remainder < 0 {
            quotient &-= 1
            remainder &+= divisor
        }
        return (quotient, remainder)
    }
}
