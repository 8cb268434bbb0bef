/// Arithmetic, casts and functions of dates.
enum DateKernels {
    /// A date and a number of days, or two dates.
    static func arithmetic(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ type: ColumnType, rows: Int
    ) -> Vector {
        if b.type == .date {
            // Both lie in the years 1 to 9999.
            return map(a, b, rows: rows, type, zero: Int64(0)) { (x: Int64, y: Int64, _) in x &- y }
        }
        let isSum = function == .add
        return map(a, b, rows: rows, type, zero: Int64(0)) { (x: Int64, y: Int64, code) in
            let (day, overflows) =
                isSum ? x.addingReportingOverflow(y) : x.subtractingReportingOverflow(y)
            return overflows ? checked(.max, &code) : checked(day, &code)
        }
    }

    @inline(__always)
    private static func checked(_ day: Int64, _ code: inout UInt8) -> Int64 {
        if !CalendarDay.isInRange(day) { code = RowErrorCode.dateOutOfRange.rawValue }
        return day
    }

    /// The start of the day, UTC.
    static func timestamps(_ a: Vector, rows: Int) -> Vector {
        map(a, rows: rows, .timestamp, zero: Int64(0)) { (x: Int64, code) in
            checked(x, &code) &* Timestamp.microsPerDay
        }
    }

    /// The day, by UTC.
    static func dates(_ a: Vector, rows: Int) -> Vector {
        map(a, rows: rows, .date, zero: Int64(0)) { (x: Int64, code) in
            checked(CalendarDay.containing(x), &code)
        }
    }

    /// `make_date(year, month, day)`.
    static func make(_ operands: [Vector], rows: Int) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.date) }
        let years = Reader(operands[0], as: Int64.self)
        let months = Reader(operands[1], as: Int64.self)
        let days = Reader(operands[2], as: Int64.self)
        let values = Buffer(capacity: frame.count * 8)
        let target = values.pointer(to: Int64.self)
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            if let day = CalendarDay.make(
                year: years[row], month: months[row], day: days[row])
            {
                target[row] = day
            } else {
                frame.fail(row, RowErrorCode.dateOutOfRange.rawValue)
            }
        }
        return frame.result(.date, values)
    }
}
