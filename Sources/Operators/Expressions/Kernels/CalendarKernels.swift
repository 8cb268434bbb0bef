/// Arithmetic in units whose length varies: months and years anywhere, days in a time zone.
enum CalendarKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ prepared: PreparedArguments, rows: Int
    ) -> Vector {
        if function == .dateBin { return bin(operands, rows) }
        guard let unit = prepared.unit else {
            return .nulls(function == .dateAdd ? .timestamp : .bigint)
        }
        let zone = prepared.zone
        let outOfRange = RowErrorCode.timestampOutOfRange.rawValue
        if function == .dateAdd {
            return map(operands[1], operands[2], rows: rows, .timestamp, zero: Int64(0)) {
                (count: Int64, time: Int64, code) in
                guard let result = CalendarSpan(unit).adding(count, to: time, in: zone) else {
                    code = outOfRange
                    return 0
                }
                return result
            }
        }
        return map(operands[1], operands[2], rows: rows, .bigint, zero: Int64(0)) {
            (from: Int64, to: Int64, code) in
            guard Timestamp.isInRange(from), Timestamp.isInRange(to) else {
                code = outOfRange
                return 0
            }
            return CalendarSpan(unit).count(from: from, to: to, in: zone)
        }
    }

    /// The start of the stretch of a length that holds a moment, counted from an origin.
    private static func bin(_ operands: [Vector], _ rows: Int) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.timestamp) }
        let values = Buffer(capacity: frame.count * 8)
        let target = values.pointer(to: Int64.self)
        let widths = Reader(operands[0], as: Int64.self)
        let times = Reader(operands[1], as: Int64.self)
        let origins = Reader(operands[2], as: Int64.self)
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            let (width, time, origin) = (widths[row], times[row], origins[row])
            guard width > 0 else {
                frame.fail(row, RowErrorCode.argumentOutOfRange.rawValue)
                continue
            }
            // Both are within 10,000 years, so that neither difference nor product overflows.
            let isSound = Timestamp.isInRange(time) && Timestamp.isInRange(origin)
            let (_, behind) = isSound ? Timestamp.floorDivide(time &- origin, width) : (0, 0)
            let result = time &- behind
            guard isSound, Timestamp.isInRange(result) else {
                frame.fail(row, RowErrorCode.timestampOutOfRange.rawValue)
                continue
            }
            target[row] = result
        }
        return frame.result(.timestamp, values)
    }
}

/// A unit as a number of months, of days by the clocks of a zone, or of microseconds.
struct CalendarSpan {
    private let months: Int64
    private let days: Int64
    private let micros: Int64

    init(_ unit: TimeUnit) {
        var (months, days, micros) = (Int64(0), Int64(0), Int64(0))
        switch unit {
        case .month: months = 1
        case .quarter: months = 3
        case .year: months = 12
        case .decade: months = 120
        case .century: months = 1200
        case .millennium: months = 12_000
        case .week: days = 7
        case .day: days = 1
        case .microseconds, .milliseconds, .second, .minute, .hour: micros = unit.fixedMicros ?? 1
        }
        (self.months, self.days, self.micros) = (months, days, micros)
    }

    /// So many units later; the last day of a month that is too short for the day.
    ///
    /// - Returns: nil outside of the years 0001 to 9999.
    func adding(_ count: Int64, to time: Int64, in zone: TimeZoneRules) -> Int64? {
        guard Timestamp.isInRange(time) else { return nil }
        let result: Int64
        if micros > 0 {
            let (length, overflows) = count.multipliedReportingOverflow(by: micros)
            let (sum, exceeds) = time.addingReportingOverflow(length)
            if overflows || exceeds { return nil }
            result = sum
        } else {
            let local = zone.microsecondsLocal(utc: time)
            guard let moved = addingLocal(count, to: local) else { return nil }
            result = moved == local ? time : zone.microsecondsUTC(local: moved)
        }
        return Timestamp.isInRange(result) ? result : nil
    }

    /// By the clocks of a place.
    private func addingLocal(_ count: Int64, to local: Int64) -> Int64? {
        // More than there are days from the first year to the last.
        guard count.magnitude < 4_000_000 else { return nil }
        let (day, time) = Timestamp.floorDivide(local, Timestamp.microsPerDay)
        var moved = day &+ count &* days
        if months > 0 {
            let date = CivilDate(daysSinceEpoch: Int(day))
            let total = Int64(date.year) &* 12 &+ Int64(date.month) &- 1 &+ count &* months
            let (year, month) = Timestamp.floorDivide(total, 12)
            guard (0...10_000).contains(year) else { return nil }
            let last = CivilDate.dayCount(year: Int(year), month: Int(month) + 1)
            moved = Int64(
                CivilDate(year: Int(year), month: Int(month) + 1, day: min(date.day, last))
                    .daysSinceEpoch)
        }
        guard moved.magnitude < 4_000_000 else { return nil }
        return moved &* Timestamp.microsPerDay &+ time
    }

    /// How many whole units lie between two moments in range; negative if the second is earlier.
    func count(from: Int64, to: Int64, in zone: TimeZoneRules) -> Int64 {
        if micros > 0 { return (to &- from) / micros }
        let (start, end) = (zone.microsecondsLocal(utc: from), zone.microsecondsLocal(utc: to))
        if days > 0 { return (end &- start) / (days &* Timestamp.microsPerDay) }
        return start <= end ? wholeMonths(start, end) / months : -(wholeMonths(end, start) / months)
    }

    /// The most months that can be added to `start` without passing `end`, which is not before it.
    private func wholeMonths(_ start: Int64, _ end: Int64) -> Int64 {
        func monthNumber(_ local: Int64) -> Int64 {
            let date = CivilDate(
                daysSinceEpoch: Int(Timestamp.floorDivide(local, Timestamp.microsPerDay).0))
            return Int64(date.year) * 12 + Int64(date.month)
        }
        let months = monthNumber(end) - monthNumber(start)
        let month = CalendarSpan(.month)
        guard let reached = month.addingLocal(months, to: start) else { return months }
        return reached > end ? months - 1 : months
    }
}
