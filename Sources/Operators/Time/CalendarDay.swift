/// Days since 1970-01-01, from and to text. All lie in the years 0001 to 9999.
package enum CalendarDay {
    /// 0001-01-01
    package static let min: Int64 = -719_162
    /// 9999-12-31
    package static let max: Int64 = 2_932_896

    /// Bytes of ``write(_:into:)``.
    package static let textBytes = 10

    @inlinable package static func isInRange(_ day: Int64) -> Bool { day >= min && day <= max }

    /// Reads `2026-01-31`, without blanks around it; nil for anything else.
    package static func parse(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard text.count == textBytes, let bytes = text.baseAddress,
            let century = Timestamp.twoDigits(bytes, max: 99),
            let years = Timestamp.twoDigits(bytes + 2, max: 99), bytes[4] == UInt8(ascii: "-"),
            let month = Timestamp.twoDigits(bytes + 5, max: 12), bytes[7] == UInt8(ascii: "-"),
            let day = Timestamp.twoDigits(bytes + 8, max: 31)
        else { return nil }
        return make(year: Int64(century * 100 + years), month: Int64(month), day: Int64(day))
    }

    /// The day of a year, month and day; nil when there is none such.
    package static func make(year: Int64, month: Int64, day: Int64) -> Int64? {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else {
            return nil
        }
        let date = CivilDate(year: Int(year), month: Int(month), day: Int(day))
        return date.isValid ? Int64(date.daysSinceEpoch) : nil
    }

    /// Writes `2026-01-31`; days out of range are written as the nearest bound.
    ///
    /// - Parameter target: Room for ``textBytes`` bytes.
    /// - Returns: How many bytes were written.
    package static func write(_ day: Int64, into target: UnsafeMutablePointer<UInt8>) -> Int {
        let bounded = Swift.min(Swift.max(day, min), max)
        let date = CivilDate(daysSinceEpoch: Int(bounded))
        Timestamp.writeDigits(date.year, 4, target)
        target[4] = UInt8(ascii: "-")
        Timestamp.writeDigits(date.month, 2, target + 5)
        target[7] = UInt8(ascii: "-")
        Timestamp.writeDigits(date.day, 2, target + 8)
        return textBytes
    }

    /// The day, by UTC, that a moment lies in.
    package static func containing(_ micros: Int64) -> Int64 {
        Timestamp.floorDivide(micros, Timestamp.microsPerDay).0
    }
}
