/// A day of the proleptic Gregorian calendar.
package struct CivilDate: Hashable, Sendable {
    package var year: Int
    /// 1...12
    package var month: Int
    /// 1...31
    package var day: Int

    @inlinable @inline(__always)
    package init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The date that lies `days` after 1970-01-01.
    ///
    /// Source: the "civil from days" algorithm of Howard Hinnant's chrono calendar paper.
    @inlinable @inline(__always)
    package init(daysSinceEpoch days: Int) {
        let shifted = days &+ 719_468
        let era = (shifted >= 0 ? shifted : shifted &- 146_096) / 146_097
        let dayOfEra = shifted &- era &* 146_097
        let yearOfEra =
            (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let monthIndex = (5 &* dayOfYear &+ 2) / 153
        day = dayOfYear &- (153 &* monthIndex &+ 2) / 5 &+ 1
        month = monthIndex < 10 ? monthIndex &+ 3 : monthIndex &- 9
        year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01; negative before it.
    ///
    /// Source: "days from civil", as above. The date must be valid, the year within ±1,000,000.
    @inlinable @inline(__always)
    package var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year &- 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear &- 399) / 400
        let yearOfEra = shiftedYear &- era &* 400
        let monthIndex = month > 2 ? month &- 3 : month &+ 9
        let dayOfYear = (153 &* monthIndex &+ 2) / 5 &+ day &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        return era &* 146_097 &+ dayOfEra &- 719_468
    }

    @inlinable @inline(__always)
    package static func isLeap(_ year: Int) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    /// - Parameter month: 1...12.
    @inlinable @inline(__always)
    package static func dayCount(year: Int, month: Int) -> Int {
        if month == 2 { return isLeap(year) ? 29 : 28 }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
    }

    /// Whether there is such a day in the years 1 to 9999.
    @inlinable @inline(__always)
    package var isValid: Bool {
        year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1
            && day <= CivilDate.dayCount(year: year, month: month)
    }

    /// 0 for Sunday to 6 for Saturday.
    package var dayOfWeek: Int { ((daysSinceEpoch + 4) % 7 + 7) % 7 }

    /// 1...366
    package var dayOfYear: Int {
        daysSinceEpoch - CivilDate(year: year, month: 1, day: 1).daysSinceEpoch + 1
    }

    /// The week of ISO 8601 and the year that it belongs to.
    package var isoWeek: (year: Int, week: Int) {
        // The Thursday of a week decides its year.
        let thursday = daysSinceEpoch + 3 - (dayOfWeek + 6) % 7
        let date = CivilDate(daysSinceEpoch: thursday)
        return (date.year, (date.dayOfYear - 1) / 7 + 1)
    }
}
