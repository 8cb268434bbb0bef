/// Reads RE2's syntax: what can be matched in linear time, so no back references and no look-around.
struct RegexParser {
    struct Flags {
        var ignoresCase = false
        /// `^` and `$` match at lines.
        var isMultiline = false
        /// `.` matches a line end.
        var dotTakesAll = false
        /// `*` is lazy and `*?` greedy.
        var isUngreedy = false
    }

    static let repeatMax = 1000
    static let groupsMax = 100
    private static let depthMax = 200

    let pattern: [UInt8]
    var position = 0
    var flags: Flags
    private(set) var groupCount = 0
    /// The groups that have names, in order.
    private(set) var names: [RegexPattern.Group] = []
    private var depth = 0

    init(_ pattern: [UInt8], ignoresCase: Bool) {
        self.pattern = pattern
        flags = Flags(ignoresCase: ignoresCase)
    }

    static func parse(
        _ pattern: [UInt8], ignoresCase: Bool
    ) throws(RegexProblem) -> (syntax: RegexSyntax, groupCount: Int) {
        var parser = RegexParser(pattern, ignoresCase: ignoresCase)
        let syntax = try parser.choice()
        if parser.position < pattern.count {
            throw parser.problem("unexpected ')'", from: parser.position)
        }
        return (syntax, parser.groupCount)
    }

    /// The groups with names of a pattern, in order.
    static func names(of pattern: [UInt8]) throws(RegexProblem) -> [RegexPattern.Group] {
        var parser = RegexParser(pattern, ignoresCase: false)
        _ = try parser.choice()
        return parser.names
    }

    func problem(_ message: String, from start: Int) -> RegexProblem {
        RegexProblem(
            message: message, range: start..<Swift.max(start, min(position + 1, pattern.count)))
    }

    // MARK: Characters

    var byte: UInt8? { position < pattern.count ? pattern[position] : nil }

    mutating func take(_ character: Character) -> Bool {
        guard let byte, byte == character.asciiValue else { return false }
        position += 1
        return true
    }

    func isNext(_ text: String) -> Bool { pattern[position...].starts(with: text.utf8) }

    /// The next character, which is there.
    mutating func rune() -> UInt32 {
        let end = pattern.withUnsafeBufferPointer { Utf8.next($0, position) }
        let text = String(decoding: pattern[position..<end], as: UTF8.self)
        position = end
        return text.unicodeScalars.first?.value ?? 0xFFFD
    }

    // MARK: Structure

    private mutating func choice() throws(RegexProblem) -> RegexSyntax {
        depth += 1
        defer { depth -= 1 }
        if depth > RegexParser.depthMax {
            throw problem("groups are nested too deeply", from: position)
        }
        let outer = flags
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        flags = outer
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence() throws(RegexProblem) -> RegexSyntax {
        var parts: [RegexSyntax] = []
        while let byte, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
            if isNext("\\Q") {
                quoted(into: &parts)
                continue
            }
            let start = position
            guard let part = try atom() else { continue }
            parts.append(try repetitions(of: part, from: start))
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func quoted(into parts: inout [RegexSyntax]) {
        position += 2
        while position < pattern.count, !isNext("\\E") { parts.append(literal(rune())) }
        position = min(position + 2, pattern.count)
    }

    func literal(_ value: UInt32) -> RegexSyntax {
        var set = RuneSet([value...value])
        if flags.ignoresCase { set.foldCase() }
        set.finish()
        return .one(set)
    }

    private mutating func repetitions(
        of part: RegexSyntax, from start: Int
    ) throws(RegexProblem) -> RegexSyntax {
        var part = part
        var isRepeated = false
        while true {
            let before = position
            guard let (low, high) = try counts() else { return part }
            if isRepeated { throw problem("a repetition of a repetition", from: before) }
            let isLazy = take("?")
            if let byte, byte == UInt8(ascii: "+") || byte == UInt8(ascii: "*") {
                throw problem("a repetition of a repetition", from: before)
            }
            if high.map({ $0 < low }) ?? false {
                throw problem("a repetition whose bounds are reversed", from: before)
            }
            if max(low, high ?? 0) > RegexParser.repeatMax {
                throw problem(
                    "a repetition of more than \(RegexParser.repeatMax) times", from: before)
            }
            part = .repeated(part, min: low, max: high, isGreedy: isLazy == flags.isUngreedy)
            isRepeated = true
        }
    }

    /// `*`, `+`, `?` or `{n,m}`; a brace that is none of these is text.
    private mutating func counts() throws(RegexProblem) -> (Int, Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard byte == UInt8(ascii: "{") else { return nil }
        let start = position
        position += 1
        guard let low = number() else {
            position = start
            return nil
        }
        var high: Int? = low
        if take(",") { high = byte == UInt8(ascii: "}") ? nil : number() ?? -1 }
        guard high != -1, take("}") else {
            position = start
            return nil
        }
        return (low, high)
    }

    private mutating func number() -> Int? {
        let start = position
        var value = 0
        while let byte, byte >= 0x30, byte <= 0x39 {
            value = min(value * 10 + Int(byte - 0x30), 1_000_000)
            position += 1
        }
        return position == start ? nil : value
    }

    // MARK: Atoms

    /// One thing that may be repeated; nil for flags, which match nothing.
    private mutating func atom() throws(RegexProblem) -> RegexSyntax? {
        let start = position
        switch pattern[position] {
        case UInt8(ascii: "("): return try group()
        case UInt8(ascii: "["): return .one(try characterClass())
        case UInt8(ascii: "\\"): return try escape()
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
            throw problem("nothing to repeat", from: start)
        case UInt8(ascii: "."):
            position += 1
            var set = RuneSet(
                flags.dotTakesAll ? [0...RuneSet.runeMax] : [0...9, 11...RuneSet.runeMax])
            set.finish()
            return .one(set)
        case UInt8(ascii: "^"):
            position += 1
            return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case UInt8(ascii: "$"):
            position += 1
            return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        default:
            if let (low, _) = try bracesWithoutSubject() {
                throw problem("nothing to repeat \(low) times", from: start)
            }
            return literal(rune())
        }
    }

    private mutating func bracesWithoutSubject() throws(RegexProblem) -> (Int, Int?)? {
        byte == UInt8(ascii: "{") ? try counts() : nil
    }

    private mutating func group() throws(RegexProblem) -> RegexSyntax? {
        let start = position
        position += 1
        var index: Int?
        let outer = flags
        if take("?") {
            if isNext("P<") || isNext("<") {
                let name = try name(from: start)
                let number = try nextGroup(from: start)
                names.append(
                    RegexPattern.Group(
                        name: String(decoding: pattern[name], as: UTF8.self), index: number,
                        range: name))
                index = number
            } else if try readFlags(from: start) {
                return nil
            }
        } else {
            index = try nextGroup(from: start)
        }
        let inner = try choice()
        guard take(")") else { throw problem("a group that is not closed", from: start) }
        flags = outer
        return index.map { .group(inner, index: $0) } ?? inner
    }

    private mutating func nextGroup(from start: Int) throws(RegexProblem) -> Int {
        groupCount += 1
        if groupCount > RegexParser.groupsMax {
            throw problem("more than \(RegexParser.groupsMax) groups", from: start)
        }
        return groupCount
    }

    /// Where a group's name stands; behind it afterwards.
    private mutating func name(from start: Int) throws(RegexProblem) -> Range<Int> {
        _ = take("P")
        position += 1
        if let byte, byte == UInt8(ascii: "=") || byte == UInt8(ascii: "!") {
            throw problem(
                "look-behind is not supported: it takes more than linear time", from: start)
        }
        let first = position
        while let byte, byte != UInt8(ascii: ">") {
            guard byte == 0x5F || (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 else {
                throw problem("a group's name has letters, digits and _ only", from: first)
            }
            position += 1
        }
        guard position > first, take(">") else {
            throw problem("a group's name is not closed by '>'", from: start)
        }
        return first..<position - 1
    }

    /// The flags of `(?i)` or `(?i:`; true when the group ends with them.
    private mutating func readFlags(from start: Int) throws(RegexProblem) -> Bool {
        var isOn = true
        while let byte {
            position += 1
            switch byte {
            case UInt8(ascii: "i"): flags.ignoresCase = isOn
            case UInt8(ascii: "m"): flags.isMultiline = isOn
            case UInt8(ascii: "s"): flags.dotTakesAll = isOn
            case UInt8(ascii: "U"): flags.isUngreedy = isOn
            case UInt8(ascii: "-") where isOn: isOn = false
            case UInt8(ascii: ":"): return false
            case UInt8(ascii: ")"): return true
            case UInt8(ascii: "="), UInt8(ascii: "!"):
                position -= 1
                throw problem(
                    "look-ahead is not supported: it takes more than linear time", from: start)
            default:
                position -= 1
                throw problem("unknown flag: flags are i, m, s and U", from: position)
            }
        }
        throw problem("a group that is not closed", from: start)
    }
}
