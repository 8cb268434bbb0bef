/// Intervals from and to text: microseconds, without months and years, whose length varies.
package enum IntervalText {
    /// Longest text that ``write(_:into:)`` makes.
    package static let textBytesMax = 48

    package enum Failure: Error {
        case malformed
        /// It has months or years.
        case calendarUnit
    }

    private static let units: [(StaticString, Int64)] = [
        ("us", 1), ("microsecond", 1), ("microseconds", 1),
        ("ms", 1000), ("millisecond", 1000), ("milliseconds", 1000),
        ("s", 1_000_000), ("sec", 1_000_000), ("secs", 1_000_000), ("second", 1_000_000),
        ("seconds", 1_000_000),
        ("m", 60_000_000), ("min", 60_000_000), ("mins", 60_000_000), ("minute", 60_000_000),
        ("minutes", 60_000_000),
        ("h", 3_600_000_000), ("hour", 3_600_000_000), ("hours", 3_600_000_000),
        ("hr", 3_600_000_000), ("hrs", 3_600_000_000),
        ("d", 86_400_000_000), ("day", 86_400_000_000), ("days", 86_400_000_000),
        ("w", 604_800_000_000), ("week", 604_800_000_000), ("weeks", 604_800_000_000),
    ]

    private static let calendarUnits: [StaticString] = [
        "month", "months", "mon", "mons", "year", "years", "y", "quarter", "quarters", "decade",
        "decades", "century", "centuries",
    ]

    /// Microseconds of a unit in lower case; nil when there is no such unit.
    static func unitMicros(_ name: String) -> Int64? {
        var name = name
        return name.withUTF8 { bytes in units.first { NumberText.equals(bytes, $0.0) }?.1 }
    }

    /// Reads `10 seconds`, `1 day 02:00:00`, `-1.5h`, `90` (seconds), and sums of such parts.
    package static func parse(
        _ text: UnsafeBufferPointer<UInt8>
    ) throws(Failure) -> Int64 {
        var index = 0
        var total: Int64 = 0
        var partCount = 0
        skipBlanks(text, &index)
        while index < text.count {
            let (sum, overflow) = total.addingReportingOverflow(try part(text, &index))
            if overflow { throw .malformed }
            total = sum
            partCount += 1
            skipBlanks(text, &index)
        }
        guard partCount > 0 else { throw .malformed }
        return total
    }

    private static func skipBlanks(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int) {
        while index < text.count, NumberText.isBlank(text[index]) { index += 1 }
    }

    /// One number with its unit, or one time of day.
    private static func part(
        _ text: UnsafeBufferPointer<UInt8>, _ index: inout Int
    ) throws(Failure) -> Int64 {
        var isNegative = false
        if text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            isNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        let start = index
        while index < text.count, isNumberByte(text[index]) { index += 1 }
        let number = UnsafeBufferPointer(rebasing: text[start..<index])
        if index < text.count, text[index] == UInt8(ascii: ":") {
            index = start
            let micros = try clock(text, &index)
            return isNegative ? -micros : micros
        }
        // Nine decimals leave room for fractions of every unit and stay exact.
        guard let value = Decimal38.parse(number, scale: 9) else { throw .malformed }
        skipBlanks(text, &index)
        let unitStart = index
        while index < text.count, isLetter(text[index]) { index += 1 }
        let unit = UnsafeBufferPointer(rebasing: text[unitStart..<index])
        var factor = Timestamp.microsPerSecond
        if !unit.isEmpty {
            guard let found = units.first(where: { NumberText.equals(unit, $0.0) }) else {
                let isCalendar = calendarUnits.contains { NumberText.equals(unit, $0) }
                throw isCalendar ? .calendarUnit : .malformed
            }
            factor = found.1
        }
        guard let scaled = Decimal38.multiply(value, Int128(factor)),
            let micros = Decimal38.rescale(scaled, from: 9, to: 0),
            let result = Int64(exactly: isNegative ? -micros : micros)
        else { throw .malformed }
        return result
    }

    /// `02:30`, `02:30:15.5`
    private static func clock(
        _ text: UnsafeBufferPointer<UInt8>, _ index: inout Int
    ) throws(Failure) -> Int64 {
        var fields: [Int128] = []
        repeat {
            if !fields.isEmpty { index += 1 }
            let start = index
            while index < text.count, isNumberByte(text[index]) { index += 1 }
            let field = UnsafeBufferPointer(rebasing: text[start..<index])
            guard field.count <= 16, let value = Decimal38.parse(field, scale: 6) else {
                throw .malformed
            }
            fields.append(value)
        } while index < text.count && text[index] == UInt8(ascii: ":") && fields.count < 3
        guard fields.count >= 2, fields[0] % 1_000_000 == 0, fields[1] % 1_000_000 == 0,
            fields[1] < 60_000_000, fields.count < 3 || fields[2] < 60_000_000
        else { throw .malformed }
        let seconds = fields.count > 2 ? fields[2] : 0
        guard let micros = Int64(exactly: fields[0] * 3600 + fields[1] * 60 + seconds) else {
            throw .malformed
        }
        return micros
    }

    private static func isNumberByte(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || byte == UInt8(ascii: ".")
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
    }

    /// Writes `1 day 02:00:00.5`, as PostgreSQL does; days have 24 hours.
    ///
    /// - Parameter target: Room for ``textBytesMax`` bytes.
    /// - Returns: How many were written.
    package static func write(_ micros: Int64, into target: UnsafeMutablePointer<UInt8>) -> Int {
        let days = micros / Timestamp.microsPerDay
        let rest = micros % Timestamp.microsPerDay
        var count = 0
        if days != 0 {
            count = NumberText.writeInteger(days, into: target)
            let word: StaticString = days == 1 ? " day" : " days"
            (target + count).update(from: word.utf8Start, count: word.utf8CodeUnitCount)
            count += word.utf8CodeUnitCount
            if rest == 0 { return count }
            target[count] = UInt8(ascii: " ")
            count += 1
        }
        if rest < 0 {
            target[count] = UInt8(ascii: "-")
            count += 1
        }
        let magnitude = Int(rest.magnitude)
        let second = magnitude / 1_000_000
        var fraction = magnitude % 1_000_000
        Timestamp.writeDigits(second / 3600, 2, target + count)
        target[count + 2] = UInt8(ascii: ":")
        Timestamp.writeDigits(second / 60 % 60, 2, target + count + 3)
        target[count + 5] = UInt8(ascii: ":")
        Timestamp.writeDigits(second % 60, 2, target + count + 6)
        count += 8
        if fraction != 0 {
            var digits = 6
            while fraction % 10 == 0 {
                fraction /= 10
                digits -= 1
            }
            target[count] = UInt8(ascii: ".")
            Timestamp.writeDigits(fraction, digits, target + count + 1)
            count += 1 + digits
        }
        return count
    }
}
