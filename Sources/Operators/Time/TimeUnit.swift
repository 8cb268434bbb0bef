/// What `date_trunc` cuts a timestamp down to.
package enum TimeUnit: String, CaseIterable, Sendable {
    case microseconds, milliseconds, second, minute, hour, day, week, month, quarter, year
    case decade, century, millennium

    package init?(name: String) {
        let singular = name.hasSuffix("s") ? String(name.dropLast()) : name
        switch singular {
        case "microsecond": self = .microseconds
        case "millisecond": self = .milliseconds
        default:
            guard let unit = TimeUnit(rawValue: singular) else { return nil }
            self = unit
        }
    }

    /// The unit's length where every one is equally long and starts at a multiple of it in UTC.
    package var fixedMicros: Int64? {
        switch self {
        case .microseconds: return 1
        case .milliseconds: return 1000
        case .second: return 1_000_000
        case .minute: return 60_000_000
        case .hour: return 3_600_000_000
        case .day: return Timestamp.microsPerDay
        default: return nil
        }
    }

    /// When the unit that holds a moment began, by the clocks of a zone.
    ///
    /// Hours and shorter units are cut within the offset that holds at the moment, so that the
    /// hour that a change of clocks repeats is two hours.
    ///
    /// - Parameter micros: In the years 0001 to 9999. The result may be a little earlier.
    package func start(of micros: Int64, in zone: TimeZoneRules) -> Int64 {
        let local = zone.microsecondsLocal(utc: micros)
        if let width = fixedMicros, width < Timestamp.microsPerDay {
            let offset = local &- micros
            let (quotient, _) = Timestamp.floorDivide(local, width)
            return quotient &* width &- offset
        }
        let (day, _) = Timestamp.floorDivide(local, Timestamp.microsPerDay)
        let start = firstDay(of: Int(day))
        return zone.microsecondsUTC(local: Int64(start) &* Timestamp.microsPerDay)
    }

    private func firstDay(of day: Int) -> Int {
        var date = CivilDate(daysSinceEpoch: day)
        switch self {
        case .day: return day
        case .week: return day - (date.dayOfWeek + 6) % 7
        case .month: break
        case .quarter: date.month = (date.month - 1) / 3 * 3 + 1
        case .year: date.month = 1
        case .decade: date = CivilDate(year: date.year / 10 * 10, month: 1, day: 1)
        case .century: date = CivilDate(year: (date.year - 1) / 100 * 100 + 1, month: 1, day: 1)
        case .millennium:
            date = CivilDate(year: (date.year - 1) / 1000 * 1000 + 1, month: 1, day: 1)
        case .microseconds, .milliseconds, .second, .minute, .hour: return day
        }
        date.day = 1
        return date.daysSinceEpoch
    }
}

/// What `extract` takes out of a timestamp (by UTC) or an interval.
package enum TimeField: String, CaseIterable, Sendable {
    case epoch, microseconds, milliseconds, second, minute, hour, day, dow, isodow, doy, week
    case month, quarter, year, isoyear, decade, century, millennium

    package init?(name: String) {
        if let field = TimeField(rawValue: name) {
            self = field
        } else if name == "microsecond" {
            self = .microseconds
        } else if name == "millisecond" {
            self = .milliseconds
        } else if name.hasSuffix("s"), let field = TimeField(rawValue: String(name.dropLast())) {
            self = field
        } else {
            return nil
        }
    }

    package var type: ColumnType {
        switch self {
        case .epoch: return .decimal(precision: 19, scale: 6)
        case .second: return .decimal(precision: 8, scale: 6)
        case .milliseconds: return .decimal(precision: 8, scale: 3)
        default: return .bigint
        }
    }

    /// Whether an interval, which has no calendar, has it.
    var isOfInterval: Bool {
        switch self {
        case .epoch, .microseconds, .milliseconds, .second, .minute, .hour, .day: return true
        default: return false
        }
    }

    /// The field, unscaled where ``type`` is a decimal.
    func value(of micros: Int64, isInterval: Bool) -> Int64 {
        if self == .epoch { return micros }
        let day: Int64
        let time: Int64
        if isInterval {
            // Both parts of a negative interval are negative.
            day = micros / Timestamp.microsPerDay
            time = micros % Timestamp.microsPerDay
        } else {
            (day, time) = Timestamp.floorDivide(micros, Timestamp.microsPerDay)
        }
        switch self {
        case .microseconds, .milliseconds, .second: return time % 60_000_000
        case .minute: return time / 60_000_000 % 60
        case .hour: return time / 3_600_000_000
        default: return isInterval ? day : calendar(day)
        }
    }

    private func calendar(_ day: Int64) -> Int64 {
        let date = CivilDate(daysSinceEpoch: Int(day))
        let value: Int
        switch self {
        case .day: value = date.day
        case .dow: value = date.dayOfWeek
        case .isodow: value = (date.dayOfWeek + 6) % 7 + 1
        case .doy: value = date.dayOfYear
        case .week: value = date.isoWeek.week
        case .isoyear: value = date.isoWeek.year
        case .month: value = date.month
        case .quarter: value = (date.month + 2) / 3
        case .decade: value = date.year / 10
        case .century: value = (date.year + 99) / 100
        case .millennium: value = (date.year + 999) / 1000
        default: value = date.year
        }
        return Int64(value)
    }
}
