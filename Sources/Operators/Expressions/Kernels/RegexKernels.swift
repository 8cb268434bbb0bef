/// What a regular expression's literal arguments were turned into.
struct PreparedRegex: Sendable {
    let program: RegexProgram
    /// `g`: every match is replaced.
    let isGlobal: Bool
    /// Tables of the pattern that have grown over earlier batches.
    let automata: RegexAutomatonPool

    /// nil where the binder has found something wrong.
    init?(pattern: [UInt8]?, flags: [UInt8]?) {
        let flags = flags ?? []
        guard let pattern,
            let program = try? RegexProgram(
                pattern, ignoresCase: flags.contains(UInt8(ascii: "i")))
        else { return nil }
        self.program = program
        automata = RegexAutomatonPool(program)
        isGlobal = flags.contains(UInt8(ascii: "g"))
    }
}

/// Functions of regular expressions. The pattern is the second operand, and a literal.
enum RegexKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ regex: PreparedRegex?, rows: Int
    ) -> Vector {
        guard let regex else { preconditionFailure("\(function) without a pattern") }
        switch function {
        case .regexpLike: return like(operands[0], regex, rows)
        case .regexpInstr: return place(operands[0], regex.program, rows)
        case .regexpCount: return count(operands[0], regex.program, rows)
        case .regexpSubstr: return piece(operands, regex, rows)
        default: return replace(operands, regex, rows)
        }
    }

    private static func like(_ text: Vector, _ regex: PreparedRegex, _ rows: Int) -> Vector {
        let frame = StrictRows([text], rows: rows)
        let values = Buffer(capacity: frame.count)
        let target = values.pointer(to: UInt8.self)
        let source = Reader(text, as: StringView.self)
        var machine = RegexMachine(regex.program, groups: 0)
        let automaton = regex.automata.take(groups: [])
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            let bytes = source[row].bytes
            let isThere = automaton?.find(in: bytes) ?? machine.find(in: bytes, from: 0)
            target[row] = isThere ? 1 : 0
        }
        regex.automata.give(automaton, groups: [])
        return frame.result(.boolean, values)
    }

    private static func count(_ text: Vector, _ program: RegexProgram, _ rows: Int) -> Vector {
        let frame = StrictRows([text], rows: rows)
        let values = Buffer(capacity: frame.count * 8)
        let target = values.pointer(to: Int64.self)
        let source = Reader(text, as: StringView.self)
        var machine = RegexMachine(program, groups: 1)
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            machine.visit(source[row].bytes) { _ in
                target[row] += 1
                return true
            }
        }
        return frame.result(.bigint, values)
    }

    /// The character at which the first match starts, from 1; 0 where there is none.
    private static func place(_ text: Vector, _ program: RegexProgram, _ rows: Int) -> Vector {
        let frame = StrictRows([text], rows: rows)
        let values = Buffer(capacity: frame.count * 8)
        let target = values.pointer(to: Int64.self)
        let source = Reader(text, as: StringView.self)
        var machine = RegexMachine(program, groups: 1)
        for row in 0..<frame.count {
            target[row] = 0
            let bytes = source[row].bytes
            guard frame.isValid(row), machine.find(in: bytes, from: 0) else { continue }
            let before = UnsafeBufferPointer(rebasing: bytes[..<machine.slots[0]])
            target[row] = Int64(Utf8.count(before)) + 1
        }
        return frame.result(.bigint, values)
    }

    /// The first match or one of its groups, a piece of the text; null where there is none.
    private static func piece(
        _ operands: [Vector], _ regex: PreparedRegex, _ rows: Int
    ) -> Vector {
        var frame = StrictRows([operands[0]], rows: rows)
        let group = operands.count > 2 ? Int(operands[2].column.integers[0]) : 0
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        let source = Reader(operands[0], as: StringView.self)
        let empty = StringView.empty
        var machine = RegexMachine(regex.program, groups: group + 1)
        let automaton = regex.automata.take(groups: [group])
        for row in 0..<frame.count {
            target[row] = empty
            guard frame.isValid(row) else { continue }
            let text = source[row]
            var start = -1
            var end = -1
            if let automaton, let isFound = automaton.find(in: text.bytes) {
                if isFound { (start, end) = (Int(automaton.slots[0]), Int(automaton.slots[1])) }
            } else if machine.find(in: text.bytes, from: 0) {
                (start, end) = (machine.slots[2 * group], machine.slots[2 * group + 1])
            }
            guard start >= 0 else {
                frame.makeNull(row)
                continue
            }
            if end > start { target[row] = StringView(base: text.base + start, count: end - start) }
        }
        regex.automata.give(automaton, groups: [group])
        return frame.result(.string, values, retained: operands[0].column.retained)
    }

    private static func replace(_ operands: [Vector], _ regex: PreparedRegex, _ rows: Int) -> Vector
    {
        let texts = Reader(operands[0], as: StringView.self)
        let replacements = Reader(operands[2], as: StringView.self)
        var machine = RegexMachine(regex.program, groups: min(regex.program.groupCount, 9) + 1)
        let strict = [operands[0], operands[2]]
        return TextBuildingKernels.built(strict, rows) { row, arena in
            let text = texts[row].bytes
            var result: [UInt8] = []
            var position = 0
            var isTooLong = false
            machine.visit(text) { slots in
                result.append(contentsOf: text[position..<slots[0]])
                append(replacements[row].bytes, slots, text, to: &result)
                position = slots[1]
                isTooLong = result.count > StringArena.resultBytesMax
                return regex.isGlobal && !isTooLong
            }
            result.append(contentsOf: text[position...])
            guard !isTooLong, result.count <= StringArena.resultBytesMax else { return nil }
            let target = arena.reserve(result.count)
            for index in result.indices { target[index] = result[index] }
            return arena.commit(result.count)
        }
    }

    /// A replacement with its `\1` to `\9`, and `\&` or `\0` for the whole match.
    private static func append(
        _ replacement: UnsafeBufferPointer<UInt8>, _ slots: [Int],
        _ text: UnsafeBufferPointer<UInt8>, to result: inout [UInt8]
    ) {
        var index = 0
        while index < replacement.count {
            let byte = replacement[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < replacement.count else {
                result.append(byte)
                continue
            }
            let next = replacement[index]
            index += 1
            guard next &- 0x30 < 10 || next == UInt8(ascii: "&") else {
                if next != UInt8(ascii: "\\") { result.append(byte) }
                result.append(next)
                continue
            }
            let group = next == UInt8(ascii: "&") ? 0 : Int(next - 0x30)
            guard 2 * group < slots.count, slots[2 * group] >= 0 else { continue }
            result.append(contentsOf: text[slots[2 * group]..<slots[2 * group + 1]])
        }
    }
}
