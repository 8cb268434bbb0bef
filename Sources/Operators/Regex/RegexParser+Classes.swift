/// Escapes and classes of characters.
extension RegexParser {
    private static let digits = RuneSet([0x30...0x39])
    private static let words = RuneSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    private static let blanks = RuneSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])

    private static let named: [String: [ClosedRange<UInt32>]] = [
        "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A],
        "ascii": [0...0x7F], "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0...0x1F, 0x7F...0x7F],
        "digit": [0x30...0x39], "graph": [0x21...0x7E], "lower": [0x61...0x7A],
        "print": [0x20...0x7E], "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E],
        "space": [0x09...0x0D, 0x20...0x20], "upper": [0x41...0x5A],
        "word": [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A],
        "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
    ]

    /// A backslash outside of a class.
    mutating func escape() throws(RegexProblem) -> RegexSyntax {
        let start = position
        if var set = try classEscape() {
            set.finish()
            return .one(set)
        }
        position += 1
        guard let byte else { throw problem("a backslash at the end", from: start) }
        let assertions: [UInt8: RegexSyntax.Assertion] = [
            UInt8(ascii: "A"): .textStart, UInt8(ascii: "z"): .textEnd,
            UInt8(ascii: "b"): .wordBoundary, UInt8(ascii: "B"): .noWordBoundary,
        ]
        if let assertion = assertions[byte] {
            position += 1
            return .assertion(assertion)
        }
        if byte >= 0x31, byte <= 0x39 {
            throw problem(
                "back references are not supported: they take more than linear time", from: start)
        }
        position = start
        return literal(try escapedRune())
    }

    /// `\d`, `\W`, `\pL`, `\P{Lu}` and their like; nil when there is another escape.
    private mutating func classEscape() throws(RegexProblem) -> RuneSet? {
        guard position + 1 < pattern.count else { return nil }
        let letter = pattern[position + 1]
        let set: RuneSet
        switch letter | 0x20 {
        case UInt8(ascii: "d"): set = RegexParser.digits
        case UInt8(ascii: "w"): set = RegexParser.words
        case UInt8(ascii: "s"): set = RegexParser.blanks
        case UInt8(ascii: "p"): return try category()
        default: return nil
        }
        position += 2
        var result = RuneSet()
        result.insert(set, isNegated: letter & 0x20 == 0)
        return result
    }

    private mutating func category() throws(RegexProblem) -> RuneSet {
        let start = position
        var isNegated = pattern[position + 1] == UInt8(ascii: "P")
        position += 2
        var name = ""
        if take("{") {
            if take("^") { isNegated.toggle() }
            while let byte, byte != UInt8(ascii: "}") {
                name.unicodeScalars.append(Unicode.Scalar(byte))
                position += 1
            }
            guard take("}") else {
                throw problem("a category that is not closed by '}'", from: start)
            }
        } else if let byte {
            name.unicodeScalars.append(Unicode.Scalar(byte))
            position += 1
        }
        guard let bits = RuneSet.categoryBits(name) else {
            position -= 1
            throw problem(
                "unknown category '\(name)': Unicode's general ones are known, such as L or Lu",
                from: start)
        }
        var set = RuneSet()
        set.insert(categories: bits, isNegated: isNegated)
        return set
    }

    /// An escape that stands for one character.
    private mutating func escapedRune() throws(RegexProblem) -> UInt32 {
        let start = position
        position += 1
        guard let byte else { throw problem("a backslash at the end", from: start) }
        position += 1
        switch byte {
        case UInt8(ascii: "a"): return 7
        case UInt8(ascii: "f"): return 12
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "v"): return 11
        case UInt8(ascii: "0"): return octal()
        case UInt8(ascii: "x"): return try hexadecimal(from: start)
        default:
            let isWord = (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10
            guard !isWord, byte < 0x80 else {
                position -= 1
                throw problem("unknown escape", from: start)
            }
            return UInt32(byte)
        }
    }

    private mutating func octal() -> UInt32 {
        var value: UInt32 = 0
        var count = 0
        while let byte, byte &- 0x30 < 8, count < 2 {
            value = value * 8 + UInt32(byte - 0x30)
            position += 1
            count += 1
        }
        return value
    }

    private mutating func hexadecimal(from start: Int) throws(RegexProblem) -> UInt32 {
        let isBraced = take("{")
        let first = position
        var value: UInt32 = 0
        while let byte, position - first < (isBraced ? 6 : 2),
            let digit = Character(Unicode.Scalar(byte)).hexDigitValue
        {
            value = value * 16 + UInt32(digit)
            position += 1
        }
        let isComplete = isBraced ? position > first && take("}") : position - first == 2
        guard isComplete, Unicode.Scalar(value) != nil else {
            throw problem(
                "\\x needs two hexadecimal digits, or a character's number in braces", from: start)
        }
        return value
    }

    /// `[a-z]`, `[^…]`, with classes inside.
    mutating func characterClass() throws(RegexProblem) -> RuneSet {
        let start = position
        position += 1
        let isNegated = take("^")
        var set = RuneSet()
        var isFirst = true
        while let byte, byte != UInt8(ascii: "]") || isFirst {
            isFirst = false
            if try namedClass(into: &set) { continue }
            if byte == UInt8(ascii: "\\"), let escaped = try classEscape() {
                set.insert(escaped, isNegated: false)
                continue
            }
            let itemStart = position
            let low = try classRune()
            var high = low
            if isNext("-"), position + 1 < pattern.count, pattern[position + 1] != UInt8(ascii: "]")
            {
                position += 1
                high = try classRune()
                position -= 1
                if high < low {
                    throw problem("a range whose bounds are reversed", from: itemStart)
                }
                position += 1
            }
            set.insert(low...high)
        }
        guard take("]") else { throw problem("a class that is not closed by ']'", from: start) }
        if flags.ignoresCase { set.foldCase() }
        set.finish(isNegated: isNegated)
        return set
    }

    private mutating func classRune() throws(RegexProblem) -> UInt32 {
        byte == UInt8(ascii: "\\") ? try escapedRune() : rune()
    }

    /// `[:alpha:]` or `[:^alpha:]` inside a class.
    private mutating func namedClass(into set: inout RuneSet) throws(RegexProblem) -> Bool {
        guard isNext("[:") else { return false }
        let start = position
        var end = position + 2
        while end < pattern.count, pattern[end] != UInt8(ascii: ":") { end += 1 }
        guard end + 1 < pattern.count, pattern[end + 1] == UInt8(ascii: "]") else { return false }
        var name = String(decoding: pattern[position + 2..<end], as: UTF8.self)
        let isNegated = name.hasPrefix("^")
        if isNegated { name.removeFirst() }
        position = end + 1
        guard let ranges = RegexParser.named[name] else {
            throw problem("unknown class '[:\(name):]'", from: start)
        }
        position += 1
        set.insert(RuneSet(ranges), isNegated: isNegated)
        return true
    }
}
