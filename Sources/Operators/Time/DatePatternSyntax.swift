/// Patterns of letters: `yyyy-MM-dd'T'HH:mm:ss.SSSXXX`.
enum LetterPattern {
    static func elements(
        _ pattern: [UInt8]
    ) throws(DatePattern.Problem) -> [DatePattern.Element] {
        var result: [DatePattern.Element] = []
        var index = 0
        while index < pattern.count {
            let byte = pattern[index]
            if byte == UInt8(ascii: "'") {
                result += try quoted(pattern, &index).map { .literal($0) }
                continue
            }
            guard byte | 0x20 >= UInt8(ascii: "a"), byte | 0x20 <= UInt8(ascii: "z") else {
                result.append(.literal(byte))
                index += 1
                continue
            }
            var end = index
            while end < pattern.count, pattern[end] == byte { end += 1 }
            result.append(try element(byte, end - index))
            index = end
        }
        return result
    }

    /// Text between quotes; two quotes are one.
    private static func quoted(
        _ pattern: [UInt8], _ index: inout Int
    ) throws(DatePattern.Problem) -> [UInt8] {
        index += 1
        if index < pattern.count, pattern[index] == UInt8(ascii: "'") {
            index += 1
            return [UInt8(ascii: "'")]
        }
        var text: [UInt8] = []
        while index < pattern.count {
            let byte = pattern[index]
            index += 1
            if byte != UInt8(ascii: "'") {
                text.append(byte)
            } else if index < pattern.count, pattern[index] == UInt8(ascii: "'") {
                text.append(byte)
                index += 1
            } else {
                return text
            }
        }
        throw DatePattern.Problem(
            message: "quoted text in the pattern of a date is not closed", help: nil)
    }

    private static func element(
        _ letter: UInt8, _ count: Int
    ) throws(DatePattern.Problem) -> DatePattern.Element {
        let text = String(repeating: Character(Unicode.Scalar(letter)), count: count)
        switch (Character(Unicode.Scalar(letter)), count) {
        case ("y", 2), ("u", 2): return .shortYear
        case ("y", 1...4), ("u", 1...4): return .year(digits: 4)
        case ("M", 1...2), ("L", 1...2): return .month(width: count)
        case ("M", 3), ("L", 3): return .monthName(isShort: true)
        case ("M", 4), ("L", 4): return .monthName(isShort: false)
        case ("d", 1...2): return .day(width: count)
        case ("D", 1), ("D", 3): return .dayOfYear(width: count)
        case ("H", 1...2): return .hour(width: count)
        case ("h", 1...2): return .halfDayHour(width: count)
        case ("m", 1...2): return .minute(width: count)
        case ("s", 1...2): return .second(width: count)
        case ("S", 1...9): return .fraction(digits: count)
        case ("a", 1): return .halfDay
        case ("E", 1...3): return .weekday(isShort: true)
        case ("E", 4): return .weekday(isShort: false)
        case ("Z", 1...3): return .offset(hasColon: false, writesZ: false, hoursOnly: false)
        case ("X", 1): return .offset(hasColon: false, writesZ: true, hoursOnly: true)
        case ("X", 2): return .offset(hasColon: false, writesZ: true, hoursOnly: false)
        case ("X", 3): return .offset(hasColon: true, writesZ: true, hoursOnly: false)
        case ("x", 1): return .offset(hasColon: false, writesZ: false, hoursOnly: true)
        case ("x", 2): return .offset(hasColon: false, writesZ: false, hoursOnly: false)
        case ("x", 3): return .offset(hasColon: true, writesZ: false, hoursOnly: false)
        case ("z", 1...3): return .zoneName
        default: throw problem(letter, text)
        }
    }

    private static func problem(_ letter: UInt8, _ text: String) -> DatePattern.Problem {
        let help: String?
        switch Character(Unicode.Scalar(letter)) {
        case "Y": help = "'\(text)' is the year that a week belongs to; years are 'yyyy'"
        case "D": help = "'\(text)' is a day of the year; days of the month are 'dd'"
        case "T": help = "quote the letter: 'T' in single quotes (doubled inside an expression)"
        case "n", "N": help = "decimals of the second are 'SSS'"
        case "k", "K": help = "hours are 'HH' (0 to 23)"
        case "A": help = "AM and PM are 'a'"
        case "w", "W": help = "weeks are not in patterns; extract(week FROM …) gives them"
        default: help = "letters that stand for themselves are written in single quotes"
        }
        return DatePattern.Problem(
            message: "'\(text)' is not possible in the pattern of a date", help: help)
    }
}

/// Patterns with `%`: `%d/%b/%Y:%H:%M:%S %z`.
enum StrftimePattern {
    static func elements(
        _ pattern: [UInt8]
    ) throws(DatePattern.Problem) -> [DatePattern.Element] {
        var result: [DatePattern.Element] = []
        var index = 0
        while index < pattern.count {
            let byte = pattern[index]
            index += 1
            guard byte == UInt8(ascii: "%") else {
                result.append(.literal(byte))
                continue
            }
            guard index < pattern.count else {
                throw DatePattern.Problem(
                    message: "pattern of a date ends with '%'", help: "a percent sign is '%%'")
            }
            let letter = pattern[index]
            index += 1
            guard let elements = elements(letter) else {
                throw DatePattern.Problem(
                    message: "'%\(Character(Unicode.Scalar(letter)))' is not possible in the "
                        + "pattern of a date",
                    help: "possible are %Y %m %d %H %M %S %f %L %z %Z %b %B %a %A %p %I %j %y "
                        + "%e %u %F %T %D %R %s %%")
            }
            result += elements
        }
        return result
    }

    private static func elements(_ letter: UInt8) -> [DatePattern.Element]? {
        let dash = DatePattern.Element.literal(UInt8(ascii: "-"))
        let colon = DatePattern.Element.literal(UInt8(ascii: ":"))
        let slash = DatePattern.Element.literal(UInt8(ascii: "/"))
        switch Character(Unicode.Scalar(letter)) {
        case "%": return [.literal(letter)]
        case "n": return [.literal(0x0a)]
        case "t": return [.literal(0x09)]
        case "Y": return [.year(digits: 4)]
        case "y": return [.shortYear]
        case "m": return [.month(width: 2)]
        case "d": return [.day(width: 2)]
        case "e": return [.blankPaddedDay]
        case "H": return [.hour(width: 2)]
        case "I": return [.halfDayHour(width: 2)]
        case "M": return [.minute(width: 2)]
        case "S": return [.second(width: 2)]
        case "f": return [.anyFraction]
        case "L": return [.fraction(digits: 3)]
        case "p": return [.halfDay]
        case "j": return [.dayOfYear(width: 3)]
        case "b", "h": return [.monthName(isShort: true)]
        case "B": return [.monthName(isShort: false)]
        case "a": return [.weekday(isShort: true)]
        case "A": return [.weekday(isShort: false)]
        case "u": return [.isoWeekday]
        case "z": return [.offset(hasColon: false, writesZ: false, hoursOnly: false)]
        case "Z": return [.zoneName]
        case "s": return [.epochSeconds]
        case "F": return [.year(digits: 4), dash, .month(width: 2), dash, .day(width: 2)]
        case "T":
            return [.hour(width: 2), colon, .minute(width: 2), colon, .second(width: 2)]
        case "R": return [.hour(width: 2), colon, .minute(width: 2)]
        case "D": return [.month(width: 2), slash, .day(width: 2), slash, .shortYear]
        default: return nil
        }
    }
}
