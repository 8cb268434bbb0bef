import Glibc
import Operators

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

    /// RFC 3339 in UTC: `2026-01-01T00:00:10Z`, `…:10.500Z`.
    ///
    /// What lies outside the years 1 to 9999 has a sign and six digits for the year, as ISO 8601
    /// has it.
    ///
    /// - Parameter micros: Microseconds since the Unix epoch.
    @inline(__always)
    mutating func appendTimestamp(_ micros: Int64) {
        guard Timestamp.isInRange(micros) else { return appendDistant(micros) }
        reserve(Timestamp.textBytesMax)
        advance(Timestamp.write(micros, into: cursor))
    }

    /// `2026-01-31`.
    mutating func appendDate(_ day: Int64) {
        reserve(CalendarDay.textBytes)
        advance(CalendarDay.write(day, into: cursor))
    }

    @inline(never)
    private mutating func appendDistant(_ micros: Int64) {
        let (days, microsOfDay) = floorDivide(micros, Timestamp.microsPerDay)
        let date = CivilDate(daysSinceEpoch: Int(days))
        // The same month, day and time in a year that has a leap day when this one has.
        let near = CivilDate(
            year: CivilDate.isLeap(date.year) ? 2000 : 2001, month: date.month, day: date.day)
        let start = count
        reserve(Timestamp.textBytesMax)
        advance(
            Timestamp.write(
                Int64(near.daysSinceEpoch) * Timestamp.microsPerDay + microsOfDay, into: cursor))
        let rest = Array(array[(start + 4)...])
        truncate(to: start)
        let year = String(date.year.magnitude)
        append(date.year < 0 ? 0x2d : 0x2b)
        append(String(repeating: "0", count: max(0, 6 - year.utf8.count)) + year)
        append(rest)
    }
}

/// Quotient rounded down, and the remainder, which is never negative. `divisor` is positive.
@inline(__always)
func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient &- 1, remainder &+ divisor) : (quotient, remainder)
}
