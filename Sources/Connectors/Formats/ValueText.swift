import Glibc

// How values are written in every text format: JSON, CSV, lines.

/// The ASCII digits of 0 to 99, two each, so that a number takes half as many divisions.
// SAFETY: written once before it is shared, never after.
private nonisolated(unsafe) let digitPairs: UnsafeMutablePointer<UInt16> = {
    let table = UnsafeMutablePointer<UInt16>.allocate(capacity: 100)
    for value in 0..<100 {
        let tens = UInt16(0x30 + value / 10)
        let ones = UInt16(0x30 + value % 10)
        table[value] = UInt16(littleEndian: tens | ones << 8)
    }
    return table
}()

extension OutputBytes {
    /// At most 20 bytes: every Int64 is exact.
    @inline(__always)
    mutating func appendInteger(_ value: Int64) {
        reserve(24)
        var magnitude = value.magnitude
        if value < 0 {
            cursor.pointee = 0x2d
            advance(1)
        }
        if magnitude < 10 {
            cursor.pointee = 0x30 &+ UInt8(truncatingIfNeeded: magnitude)
            advance(1)
            return
        }
        // Twenty digits, filled from the end.
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { scratch in
            guard let start = scratch.baseAddress else { return }
            var position = 24
            while magnitude >= 100 {
                let (rest, pair) = magnitude.quotientAndRemainder(dividingBy: 100)
                position &-= 2
                // SAFETY: a UInt64 has at most twenty digits, so that `position` stays above 3.
                (start + position).storeBytes(of: digitPairs[Int(pair)], as: UInt16.self)
                magnitude = rest
            }
            if magnitude >= 10 {
                position &-= 2
                (start + position).storeBytes(of: digitPairs[Int(magnitude)], as: UInt16.self)
            } else {
                position &-= 1
                (start + position).storeBytes(of: 0x30 &+ UInt8(magnitude), as: UInt8.self)
            }
            memcpy(cursor, start + position, 24 &- position)
            advance(24 &- position)
        }
    }

    /// The shortest text that reads back as the same double; the caller has dealt with NaN and
    /// infinities, which no format but CSV can write.
    mutating func appendDouble(_ value: Double) {
        if value == value.rounded(.towardZero), value.magnitude < 1e15,
            value != 0 || value.sign == .plus
        {
            appendInteger(Int64(value))
            append(0x2e)
            append(0x30)
            return
        }
        var text = value.description
        text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            append(start, count: bytes.count)
        }
    }

    /// `unscaled` × 10^−scale, exact: `-12.340`.
    mutating func appendDecimal(_ unscaled: Int128, scale: Int) {
        var text = Array(String(unscaled.magnitude).utf8)
        if text.count <= scale {
            text.insert(contentsOf: repeatElement(0x30, count: scale + 1 - text.count), at: 0)
        }
        if scale > 0 { text.insert(0x2e, at: text.count - scale) }
        if unscaled < 0 { append(0x2d) }
        append(text)
    }

    /// RFC 3339 in UTC with as many digits of a second as it takes: `2026-01-01T00:00:10Z`,
    /// `…:10.5Z`. Years before 0 and after 9999 have a sign and six digits, as ISO 8601 has it.
    ///
    /// - Parameter micros: Microseconds since the Unix epoch.
    @inline(__always)
    mutating func appendTimestamp(_ micros: Int64) {
        reserve(40)
        let (days, microsOfDay) = floorDivide(micros, 86_400_000_000)
        appendDate(days: days)
        let seconds = microsOfDay / 1_000_000
        var fraction = microsOfDay % 1_000_000
        cursor.pointee = 0x54
        advance(1)
        appendPair(seconds / 3600)
        cursor.pointee = 0x3a
        advance(1)
        appendPair(seconds / 60 % 60)
        cursor.pointee = 0x3a
        advance(1)
        appendPair(seconds % 60)
        if fraction != 0 {
            cursor.pointee = 0x2e
            advance(1)
            var digits = 6
            while fraction % 10 == 0 {
                fraction /= 10
                digits &-= 1
            }
            var place = digits &- 1
            while place >= 0 {
                cursor[place] = 0x30 &+ UInt8(truncatingIfNeeded: fraction % 10)
                fraction /= 10
                place &-= 1
            }
            advance(digits)
        }
        cursor.pointee = 0x5a
        advance(1)
    }

    /// `2026-01-01`, of days since the epoch.
    mutating func appendDate(days: Int64) {
        reserve(24)
        let date = CivilDate(daysSinceEpoch: days)
        if date.year >= 0 && date.year <= 9999 {
            appendPair(date.year / 100)
            appendPair(date.year % 100)
        } else {
            cursor.pointee = date.year < 0 ? 0x2d : 0x2b
            advance(1)
            let year = Int64(date.year.magnitude)
            appendPair(year / 10_000)
            appendPair(year / 100 % 100)
            appendPair(year % 100)
        }
        cursor.pointee = 0x2d
        advance(1)
        appendPair(date.month)
        cursor.pointee = 0x2d
        advance(1)
        appendPair(date.day)
    }

    /// Two digits of a number in 0...99; room has been reserved.
    @inline(__always)
    mutating func appendPair(_ value: Int64) {
        // SAFETY: the callers' arithmetic keeps the value in 0...99, and they reserved the room.
        UnsafeMutableRawPointer(cursor).storeBytes(
            of: digitPairs[Int(value)], as: UInt16.self)
        advance(2)
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate: Equatable {
    let year: Int64
    let month: Int64
    let day: Int64

    /// By counting in eras of 400 years that begin on 1 March, so that the leap day is the last of
    /// its year.
    @inline(__always)
    init(daysSinceEpoch: Int64) {
        let (era, dayOfEra) = floorDivide(daysSinceEpoch &+ 719_468, 146_097)
        let leapDays = dayOfEra / 1460 &- dayOfEra / 36_524 &+ dayOfEra / 146_096
        let yearOfEra = (dayOfEra &- leapDays) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let shifted = (5 &* dayOfYear &+ 2) / 153
        day = dayOfYear &- (153 &* shifted &+ 2) / 5 &+ 1
        month = shifted < 10 ? shifted &+ 3 : shifted &- 9
        year = era &* 400 &+ yearOfEra &+ (month <= 2 ? 1 : 0)
    }
}

extension CivilDate {
    /// 1...366
    var dayOfYear: Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let before: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        return before[Int(month - 1)] + day + (isLeap && month > 2 ? 1 : 0)
    }
}

/// Quotient rounded down, and the remainder, which is never negative. `divisor` is positive.
@inline(__always)
func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient &- 1, remainder &+ divisor) : (quotient, remainder)
}
