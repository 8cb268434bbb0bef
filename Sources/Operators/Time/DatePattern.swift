/// A pattern of dates, compiled once: letters as in Flink and ksqlDB (`yyyy-MM-dd HH:mm:ss.SSS`),
/// or strftime's if it contains `%`.
package struct DatePattern: Sendable {
    /// What is wrong with a pattern, and what was probably meant.
    package struct Problem: Error, Hashable, Sendable {
        package let message: String
        package let help: String?
    }

    /// A part of the pattern. Numbers are written with at least `width` digits.
    enum Element: Hashable, Sendable {
        /// One byte: every element is a plain value, so that loops over them count no references.
        case literal(UInt8)
        case year(digits: Int)
        /// Two digits: 70 to 99 are 19xx, others 20xx.
        case shortYear
        case month(width: Int)
        case monthName(isShort: Bool)
        case day(width: Int)
        /// Padded with a blank.
        case blankPaddedDay
        case dayOfYear(width: Int)
        /// 0...23
        case hour(width: Int)
        /// 1...12
        case halfDayHour(width: Int)
        case minute(width: Int)
        case second(width: Int)
        /// Exactly so many decimals of the second.
        case fraction(digits: Int)
        /// One to nine decimals when read, six when written.
        case anyFraction
        case halfDay
        case weekday(isShort: Bool)
        case isoWeekday
        /// `+0200`, `+02:00` with a colon; `Z` for zero if asked for. All forms are read.
        case offset(hasColon: Bool, writesZ: Bool, hoursOnly: Bool)
        case zoneName
        case epochSeconds
    }

    let elements: [Element]

    /// Longest text that ``format(_:zone:into:)`` makes.
    package let formattedBytesMax: Int

    /// Compiles a pattern.
    ///
    /// - Parameters:
    ///   - pattern: UTF-8.
    ///   - isParsing: Whether it must say which moment a text is; a text of the time of day alone
    ///     is on 1970-01-01.
    package static func compile(
        _ pattern: [UInt8], isParsing: Bool
    ) -> Result<DatePattern, Problem> {
        do throws(Problem) {
            guard pattern.count <= 256 else {
                throw Problem(message: "pattern of a date is longer than 256 bytes", help: nil)
            }
            let elements =
                pattern.contains(UInt8(ascii: "%"))
                ? try StrftimePattern.elements(pattern) : try LetterPattern.elements(pattern)
            try check(elements, isParsing: isParsing)
            return .success(DatePattern(elements: elements))
        } catch {
            return .failure(error)
        }
    }

    package static func compile(_ pattern: String, isParsing: Bool) -> Result<DatePattern, Problem>
    {
        compile(Array(pattern.utf8), isParsing: isParsing)
    }

    private init(elements: [Element]) {
        self.elements = elements
        formattedBytesMax = elements.reduce(8) { $0 + $1.bytesMax }
    }

    /// Mistakes that leave a pattern which is valid and wrong.
    private static func check(_ elements: [Element], isParsing: Bool) throws(Problem) {
        var kinds: Set<String> = []
        for element in elements { kinds.insert(element.kind) }
        guard kinds != ["literal"], !kinds.isEmpty else {
            throw Problem(
                message: "pattern of a date has no part of a date",
                help: "write it like 'yyyy-MM-dd HH:mm:ss', or '%Y-%m-%d'")
        }
        if kinds.contains("minute"), !kinds.contains("hour"), !kinds.contains("halfDayHour"),
            kinds.contains("year")
        {
            throw Problem(
                message: "pattern of a date has minutes without hours",
                help: "'mm' is minutes; months are 'MM'")
        }
        if kinds.contains("halfDayHour"), !kinds.contains("halfDay") {
            throw Problem(
                message: "pattern of a date counts hours to 12 without saying which half",
                help: "hours from 0 to 23 are 'HH'; or add 'a' for AM and PM")
        }
        if kinds.contains("hour"), kinds.contains("month"), !kinds.contains("day"),
            kinds.contains("dayOfYear")
        {
            throw Problem(
                message: "pattern of a date has a month and the day of the year",
                help: "days of the month are 'dd'")
        }
        guard isParsing else { return }
        if kinds.contains("month") || kinds.contains("day"), !kinds.contains("year"),
            !kinds.contains("epoch")
        {
            throw Problem(
                message: "pattern of a date has no year, so no text says which day it is",
                help: "join the year to the text first")
        }
    }
}

extension DatePattern.Element {
    /// Most bytes that it is written with.
    fileprivate var bytesMax: Int {
        switch self {
        case .literal: return 1
        case .year(let digits): return max(4, digits)
        case .fraction(let digits): return digits
        case .epochSeconds: return 20
        case .zoneName: return 64
        default: return 10
        }
    }

    fileprivate var kind: String {
        switch self {
        case .literal: return "literal"
        case .year, .shortYear: return "year"
        case .month, .monthName: return "month"
        case .day, .blankPaddedDay: return "day"
        case .dayOfYear: return "dayOfYear"
        case .hour: return "hour"
        case .halfDayHour: return "halfDayHour"
        case .minute: return "minute"
        case .halfDay: return "halfDay"
        case .epochSeconds: return "epoch"
        case .second, .fraction, .anyFraction, .weekday, .isoWeekday, .offset, .zoneName:
            return "other"
        }
    }
}
