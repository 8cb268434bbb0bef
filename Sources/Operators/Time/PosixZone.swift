/// A rule for all years, as POSIX writes it in TZ: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixZone: Sendable {
    /// The day and second of a year at which clocks change.
    fileprivate struct Change: Sendable {
        enum Day: Sendable {
            /// 1...365, February 29 never counted.
            case julian(Int)
            /// 0...365
            case ofYear(Int)
            /// The last such weekday is week 5.
            case weekday(month: Int, week: Int, day: Int)
        }
        let day: Day
        /// Seconds behind midnight, by the offset before the change; may exceed a day.
        let seconds: Int

        /// Seconds since the epoch of a clock without zone.
        func local(year: Int) -> Int64 {
            let first = CivilDate(year: year, month: 1, day: 1).daysSinceEpoch
            let days: Int
            switch day {
            case .julian(let number):
                days = first + number - 1 + (CivilDate.isLeap(year) && number > 59 ? 1 : 0)
            case .ofYear(let number):
                days = first + number
            case .weekday(let month, let week, let weekday):
                let start = CivilDate(year: year, month: month, day: 1)
                let count = CivilDate.dayCount(year: year, month: month)
                var index = (weekday - start.dayOfWeek + 7) % 7 + (week - 1) * 7
                while index >= count { index -= 7 }
                days = start.daysSinceEpoch + index
            }
            return Int64(days) * 86_400 + Int64(seconds)
        }
    }

    private struct Daylight: Sendable {
        let abbreviation: [UInt8]
        let offset: Int
        let start: Change
        let end: Change
    }

    private let abbreviation: [UInt8]
    private let standardOffset: Int
    private let daylight: Daylight?

    var hasDaylightTime: Bool { daylight != nil }

    /// - Returns: nil when the text is not such a rule.
    init?(_ text: [UInt8]) {
        var reader = Reader(text)
        guard let name = reader.name(), let west = reader.time(hoursMax: 24) else { return nil }
        abbreviation = name
        standardOffset = -west
        guard !reader.isAtEnd else {
            daylight = nil
            return
        }
        guard let other = reader.name() else { return nil }
        var offset = -west + 3600
        if !reader.isAtEnd, reader.peek != UInt8(ascii: ",") {
            guard let west = reader.time(hoursMax: 24) else { return nil }
            offset = -west
        }
        // Without dates POSIX leaves them open; everybody takes the rule of the United States.
        guard let start = reader.isAtEnd ? Change.secondSundayOfMarch : reader.change(),
            let end = reader.isAtEnd ? Change.firstSundayOfNovember : reader.change(),
            reader.isAtEnd
        else { return nil }
        daylight = Daylight(abbreviation: other, offset: offset, start: start, end: end)
    }

    /// Seconds since the epoch at which clocks change in a year, ascending.
    func transitions(year: Int) -> [Int64] {
        guard let daylight else { return [] }
        let start = daylight.start.local(year: year) - Int64(standardOffset)
        let end = daylight.end.local(year: year) - Int64(daylight.offset)
        return start < end ? [start, end] : [end, start]
    }

    private func isDaylight(at seconds: Int64) -> Bool {
        guard let daylight else { return false }
        let (day, _) = Timestamp.floorDivide(seconds &+ Int64(standardOffset), 86_400)
        let year = CivilDate(daysSinceEpoch: Int(day)).year
        let start = daylight.start.local(year: year) - Int64(standardOffset)
        let end = daylight.end.local(year: year) - Int64(daylight.offset)
        return start < end
            ? seconds >= start && seconds < end : seconds >= start || seconds < end
    }

    func offset(at seconds: Int64) -> Int {
        guard let daylight, isDaylight(at: seconds) else { return standardOffset }
        return daylight.offset
    }

    func abbreviation(at seconds: Int64) -> [UInt8] {
        guard let daylight, isDaylight(at: seconds) else { return abbreviation }
        return daylight.abbreviation
    }

    private struct Reader {
        private let text: [UInt8]
        private var position = 0

        init(_ text: [UInt8]) { self.text = text }

        var isAtEnd: Bool { position >= text.count }
        var peek: UInt8 { isAtEnd ? 0 : text[position] }

        mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte, !isAtEnd else { return false }
            position += 1
            return true
        }

        /// `CET`, or `<+03>`.
        mutating func name() -> [UInt8]? {
            let isQuoted = take(UInt8(ascii: "<"))
            let start = position
            while !isAtEnd,
                isQuoted
                    ? peek != UInt8(ascii: ">")
                    : peek | 0x20 >= UInt8(ascii: "a") && peek | 0x20 <= UInt8(ascii: "z")
            { position += 1 }
            let name = Array(text[start..<position])
            guard name.count >= 3, name.count <= 16, !isQuoted || take(UInt8(ascii: ">")) else {
                return nil
            }
            return name
        }

        mutating func number(_ range: ClosedRange<Int>) -> Int? {
            var value = 0
            let start = position
            while !isAtEnd, peek >= 0x30, peek <= 0x39, position - start < 4 {
                value = value * 10 + Int(peek - 0x30)
                position += 1
            }
            return position > start && range.contains(value) ? value : nil
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time(hoursMax: Int) -> Int? {
            let isNegative = peek == UInt8(ascii: "-")
            if isNegative || peek == UInt8(ascii: "+") { position += 1 }
            guard let hours = number(0...hoursMax) else { return nil }
            var seconds = hours * 3600
            if take(UInt8(ascii: ":")) {
                guard let minutes = number(0...59) else { return nil }
                seconds += minutes * 60
                if take(UInt8(ascii: ":")) {
                    guard let rest = number(0...59) else { return nil }
                    seconds += rest
                }
            }
            return isNegative ? -seconds : seconds
        }

        /// `,M3.5.0/2`
        mutating func change() -> Change? {
            guard take(UInt8(ascii: ",")) else { return nil }
            let day: Change.Day
            if take(UInt8(ascii: "M")) {
                guard let month = number(1...12), take(UInt8(ascii: ".")),
                    let week = number(1...5), take(UInt8(ascii: ".")), let weekday = number(0...6)
                else { return nil }
                day = .weekday(month: month, week: week, day: weekday)
            } else if take(UInt8(ascii: "J")) {
                guard let number = number(1...365) else { return nil }
                day = .julian(number)
            } else {
                guard let number = number(0...365) else { return nil }
                day = .ofYear(number)
            }
            guard take(UInt8(ascii: "/")) else { return Change(day: day, seconds: 7200) }
            guard let seconds = time(hoursMax: 167) else { return nil }
            return Change(day: day, seconds: seconds)
        }
    }
}

extension PosixZone.Change {
    fileprivate static let secondSundayOfMarch = PosixZone.Change(
        day: .weekday(month: 3, week: 2, day: 0), seconds: 7200)
    fileprivate static let firstSundayOfNovember = PosixZone.Change(
        day: .weekday(month: 11, week: 1, day: 0), seconds: 7200)
}
