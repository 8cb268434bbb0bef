/// Functions of text whose results are numbers, or pieces of their operands: nothing is copied.
enum TextViewKernels {
    static func call(_ function: ScalarFunction, _ operands: [Vector], rows: Int) -> Vector {
        switch function {
        case .length:
            return map(operands[0], rows: rows, .bigint, zero: Int64(0)) { (x: StringView, _) in
                Int64(Utf8.count(x.bytes))
            }
        case .octetLength:
            return map(operands[0], rows: rows, .bigint, zero: Int64(0)) { (x: StringView, _) in
                Int64(x.count)
            }
        case .position:
            return map(operands[0], operands[1], rows: rows, .bigint, zero: Int64(0)) {
                (part: StringView, text: StringView, _) in position(of: part, in: text)
            }
        case .startsWith:
            return map(operands[0], operands[1], rows: rows, .boolean, zero: UInt8(0)) {
                (text: StringView, part: StringView, _) in
                part.count <= text.count && Utf8.equal(part.bytes, text.bytes, at: 0) ? 1 : 0
            }
        case .endsWith:
            return map(operands[0], operands[1], rows: rows, .boolean, zero: UInt8(0)) {
                (text: StringView, part: StringView, _) in
                part.count <= text.count
                    && Utf8.equal(part.bytes, text.bytes, at: text.count - part.count) ? 1 : 0
            }
        case .substring: return substring(operands, rows)
        case .splitPart: return splitPart(operands, rows)
        case .left, .right: return side(operands, isLeft: function == .left, rows)
        default: return trim(function, operands, rows)
        }
    }

    /// Counts characters from 1; 0 when the part is not there.
    private static func position(of part: StringView, in text: StringView) -> Int64 {
        guard let found = Utf8.find(part.bytes, in: text.bytes, from: 0) else { return 0 }
        return Int64(Utf8.count(UnsafeBufferPointer(rebasing: text.bytes[..<found]))) + 1
    }

    @inline(__always)
    private static func piece(_ text: StringView, _ start: Int, _ end: Int) -> StringView {
        StringView(base: text.base + start, count: end - start)
    }

    /// A piece of the first operand for each row, by `body`, which may fail the row.
    @inline(__always)
    private static func pieces(
        _ operands: [Vector], _ rows: Int,
        _ body: (Int, StringView, inout UInt8) -> StringView
    ) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.string) }
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        let source = Reader(operands[0], as: StringView.self)
        let empty = StringView.empty
        for row in 0..<frame.count {
            target[row] = empty
            guard frame.isValid(row) else { continue }
            var code: UInt8 = 0
            let view = body(row, source[row], &code)
            if code == 0 { target[row] = view } else { frame.fail(row, code) }
        }
        return frame.result(.string, values, retained: operands[0].column.retained)
    }

    /// Characters from `start` (from 1; what lies before the first is not there), `count` of them.
    private static func substring(_ operands: [Vector], _ rows: Int) -> Vector {
        let starts = Reader(operands[1], as: Int64.self)
        let counts = operands.count > 2 ? Reader(operands[2], as: Int64.self) : nil
        return pieces(operands, rows) { row, text, code in
            let start = starts[row]
            var end = Int64.max
            if let count = counts?[row] {
                if count < 0 {
                    code = RowErrorCode.negativeLength.rawValue
                    return text
                }
                let (sum, overflows) = start.addingReportingOverflow(count)
                end = overflows ? .max : sum
            }
            let first = max(start, 1)
            guard end > first else { return .empty }
            let from = Utf8.position(text.bytes, character: first - 1)
            guard end < .max else { return piece(text, from, text.count) }
            let rest = UnsafeBufferPointer(rebasing: text.bytes[from...])
            return piece(text, from, from + Utf8.position(rest, character: end - first))
        }
    }

    /// `left(text, n)` and `right(text, n)`; a negative n leaves out so many at the other end.
    private static func side(_ operands: [Vector], isLeft: Bool, _ rows: Int) -> Vector {
        let counts = Reader(operands[1], as: Int64.self)
        return pieces(operands, rows) { row, text, _ in
            let count = counts[row]
            var characters = count
            if count < 0 || !isLeft {
                let total = Int64(Utf8.count(text.bytes))
                if count < 0 {
                    // A magnitude that does not fit leaves nothing.
                    characters = count <= -total ? 0 : total + count
                }
                if !isLeft { characters = max(0, total - characters) }
            }
            let cut = Utf8.position(text.bytes, character: characters)
            return isLeft ? piece(text, 0, cut) : piece(text, cut, text.count)
        }
    }

    /// The part number n between delimiters, from 1, or from the end when negative.
    private static func splitPart(_ operands: [Vector], _ rows: Int) -> Vector {
        let delimiters = Reader(operands[1], as: StringView.self)
        let numbers = Reader(operands[2], as: Int64.self)
        return pieces(operands, rows) { row, text, code in
            let number = numbers[row]
            if number == 0 {
                code = RowErrorCode.fieldNumberZero.rawValue
                return text
            }
            return part(text, delimiters[row].bytes, number)
        }
    }

    private static func part(
        _ text: StringView, _ delimiter: UnsafeBufferPointer<UInt8>, _ number: Int64
    ) -> StringView {
        if delimiter.isEmpty { return number == 1 || number == -1 ? text : .empty }
        var wanted = number
        if number < 0 {
            var total: Int64 = 1
            var position = 0
            while let found = Utf8.find(delimiter, in: text.bytes, from: position) {
                total += 1
                position = found + delimiter.count
            }
            guard number >= -total else { return .empty }
            wanted = total + number + 1
        }
        var start = 0
        while let found = Utf8.find(delimiter, in: text.bytes, from: start) {
            if wanted == 1 { return piece(text, start, found) }
            wanted -= 1
            start = found + delimiter.count
        }
        return wanted == 1 ? piece(text, start, text.count) : .empty
    }

    /// Takes characters of a set (blanks if there is none) off the ends.
    private static func trim(
        _ function: ScalarFunction, _ operands: [Vector], _ rows: Int
    ) -> Vector {
        let sets = operands.count > 1 ? Reader(operands[1], as: StringView.self) : nil
        let trimsStart = function != .rightTrim
        let trimsEnd = function != .leftTrim
        return pieces(operands, rows) { row, text, _ in
            let bytes = text.bytes
            var start = 0
            var end = text.count
            let set = sets?[row]
            while trimsStart, start < end {
                let next = Utf8.next(bytes, start)
                guard isMember(bytes, start, next, set) else { break }
                start = next
            }
            while trimsEnd, end > start {
                let previous = Utf8.previous(bytes, end)
                guard isMember(bytes, previous, end, set) else { break }
                end = previous
            }
            return piece(text, start, end)
        }
    }

    /// Whether the character at `start..<end` is in the set; without a set, whether it is a blank.
    @inline(__always)
    private static func isMember(
        _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, _ set: StringView?
    ) -> Bool {
        guard let set = set?.bytes else { return end == start + 1 && text[start] == 0x20 }
        let character = UnsafeBufferPointer(rebasing: text[start..<end])
        var position = 0
        while position < set.count {
            let next = Utf8.next(set, position)
            if next - position == character.count, Utf8.equal(character, set, at: position) {
                return true
            }
            position = next
        }
        return false
    }
}
