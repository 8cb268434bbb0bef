/// Functions that make new text, in memory that the result retains.
enum TextBuildingKernels {
    static func call(_ function: ScalarFunction, _ operands: [Vector], rows: Int) -> Vector {
        switch function {
        case .concatenate: return concatenate(operands, rows)
        case .concat: return joined(operands, separator: nil, rows)
        case .concatWithSeparator:
            return joined(Array(operands.dropFirst()), separator: operands[0], rows)
        case .lower, .upper: return changeCase(operands, isUpper: function == .upper, rows)
        case .replace: return replace(operands, rows)
        case .reverse: return reverse(operands, rows)
        case .repeated: return repeated(operands, rows)
        default: return pad(operands, isLeft: function == .leftPad, rows)
        }
    }

    /// A new string for each row whose operands are there, by `body`, which writes into the arena;
    /// nil fails the row because its text would be too long.
    @inline(__always)
    static func built(
        _ operands: [Vector], _ rows: Int, bytesPerRow: Int = 32,
        _ body: (Int, inout StringArena) -> StringView?
    ) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.string) }
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        var arena = StringArena(expectedBytes: frame.count * bytesPerRow)
        let empty = StringView.empty
        for row in 0..<frame.count {
            target[row] = empty
            guard frame.isValid(row) else { continue }
            if let view = body(row, &arena) {
                target[row] = view
            } else {
                frame.fail(row, RowErrorCode.stringTooLong.rawValue)
            }
        }
        return frame.result(.string, values, retained: arena.chunks)
    }

    @inline(__always)
    private static func append(
        _ text: StringView, _ target: UnsafeMutablePointer<UInt8>, _ count: inout Int
    ) {
        (target + count).update(from: text.base, count: text.count)
        count &+= text.count
    }

    private static func concatenate(_ operands: [Vector], _ rows: Int) -> Vector {
        let a = Reader(operands[0], as: StringView.self)
        let b = Reader(operands[1], as: StringView.self)
        return built(operands, rows) { row, arena in
            let (x, y) = (a[row], b[row])
            let total = x.count + y.count
            guard total <= StringArena.resultBytesMax else { return nil }
            let target = arena.reserve(total)
            var count = 0
            append(x, target, &count)
            append(y, target, &count)
            return arena.commit(count)
        }
    }

    /// `concat` and `concat_ws`: null operands are passed over.
    private static func joined(
        _ operands: [Vector], separator: Vector?, _ rows: Int
    ) -> Vector {
        let isConstant = operands.allSatisfy(\.isConstant) && (separator?.isConstant ?? true)
        let count = isConstant ? 1 : rows
        // Nulls of the parts are no nulls of the result; their failures are failures of it.
        let parts = operands.map { $0.expanded(to: count) }
        let failures = parts.map { part -> Vector in
            var all = Vector(
                column: Column(type: .string, count: count, values: part.column.values))
            all.errors = part.errors
            if let errors = part.errors {
                let valid = Buffer(capacity: count)
                for row in 0..<count {
                    let isFailed = errors.pointer(to: UInt8.self)[row] != 0
                    valid.pointer(to: UInt8.self)[row] = isFailed ? 0 : 1
                }
                all.column = Column(
                    type: .string, count: count, values: part.column.values, validity: valid)
            }
            return all
        }
        let between = separator?.expanded(to: count)
        let strict = failures + (between.map { [$0] } ?? [])
        var result = built(strict, count) { row, arena in
            var total = 0
            for part in parts where !part.column.isNull(row) {
                total += part.column.strings[row].count + (between?.column.strings[row].count ?? 0)
            }
            guard total <= StringArena.resultBytesMax else { return nil }
            let target = arena.reserve(total)
            var written = 0
            var isFirst = true
            for part in parts where !part.column.isNull(row) {
                if !isFirst, let between { append(between.column.strings[row], target, &written) }
                append(part.column.strings[row], target, &written)
                isFirst = false
            }
            return arena.commit(written)
        }
        result.isConstant = isConstant
        return result
    }

    /// ASCII by bytes; other characters by Unicode where one character maps to one.
    private static func changeCase(
        _ operands: [Vector], isUpper: Bool, _ rows: Int
    ) -> Vector {
        let source = Reader(operands[0], as: StringView.self)
        let first = isUpper ? UInt8(ascii: "a") : UInt8(ascii: "A")
        return built(operands, rows) { row, arena in
            let text = source[row]
            let target = arena.reserve(text.count)
            var seen: UInt8 = 0
            for index in 0..<text.count {
                let byte = text.base[index]
                seen |= byte
                target[index] = byte ^ (byte &- first < 26 ? 0x20 : 0)
            }
            if seen < 0x80 { return arena.commit(text.count) }
            return changeUnicodeCase(text, isUpper: isUpper, &arena)
        }
    }

    private static func changeUnicodeCase(
        _ text: StringView, isUpper: Bool, _ arena: inout StringArena
    ) -> StringView? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + 8)
        for scalar in String(decoding: text.bytes, as: UTF8.self).unicodeScalars {
            let chosen = isUpper ? upper(scalar) : lower(scalar)
            result.append(contentsOf: UTF8.encode(chosen) ?? UTF8.encodedReplacementCharacter)
        }
        guard result.count <= StringArena.resultBytesMax else { return nil }
        let target = arena.reserve(result.count)
        for index in 0..<result.count { target[index] = result[index] }
        return arena.commit(result.count)
    }

    /// The one character that Unicode maps a character to, where the full mapping may have more.
    static func upper(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let properties = scalar.properties
        return only(properties.uppercaseMapping) ?? only(properties.titlecaseMapping) ?? scalar
    }

    static func lower(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        // U+0130 is the one character whose full mapping is longer.
        only(scalar.properties.lowercaseMapping) ?? (scalar == "\u{130}" ? "i" : scalar)
    }

    private static func only(_ text: String) -> Unicode.Scalar? {
        var scalars = text.unicodeScalars.makeIterator()
        let first = scalars.next()
        return scalars.next() == nil ? first : nil
    }

    private static func replace(_ operands: [Vector], _ rows: Int) -> Vector {
        let texts = Reader(operands[0], as: StringView.self)
        let parts = Reader(operands[1], as: StringView.self)
        let replacements = Reader(operands[2], as: StringView.self)
        return built(operands, rows) { row, arena in
            let (text, part, replacement) = (texts[row], parts[row], replacements[row])
            var found = 0
            var position = 0
            while part.count > 0,
                let next = Utf8.find(part.bytes, in: text.bytes, from: position)
            {
                found += 1
                position = next + part.count
            }
            let (added, overflows) = found.multipliedReportingOverflow(by: replacement.count)
            guard !overflows, added <= StringArena.resultBytesMax else { return nil }
            let total = text.count - found * part.count + added
            guard total <= StringArena.resultBytesMax else { return nil }
            let target = arena.reserve(total)
            var written = 0
            position = 0
            for _ in 0..<found {
                guard let next = Utf8.find(part.bytes, in: text.bytes, from: position) else {
                    break
                }
                let before = StringView(base: text.base + position, count: next - position)
                append(before, target, &written)
                append(replacement, target, &written)
                position = next + part.count
            }
            let rest = StringView(base: text.base + position, count: text.count - position)
            append(rest, target, &written)
            return arena.commit(written)
        }
    }

    private static func reverse(_ operands: [Vector], _ rows: Int) -> Vector {
        let source = Reader(operands[0], as: StringView.self)
        return built(operands, rows) { row, arena in
            let text = source[row]
            let target = arena.reserve(text.count)
            var position = 0
            while position < text.count {
                let next = Utf8.next(text.bytes, position)
                (target + (text.count - next)).update(
                    from: text.base + position, count: next - position)
                position = next
            }
            return arena.commit(text.count)
        }
    }

    private static func repeated(_ operands: [Vector], _ rows: Int) -> Vector {
        let source = Reader(operands[0], as: StringView.self)
        let times = Reader(operands[1], as: Int64.self)
        return built(operands, rows) { row, arena in
            let text = source[row]
            let wanted = max(times[row], 0)
            let (total, overflows) = wanted.multipliedReportingOverflow(by: Int64(text.count))
            guard !overflows, total <= Int64(StringArena.resultBytesMax) else { return nil }
            let target = arena.reserve(Int(total))
            var written = 0
            while written < Int(total) { append(text, target, &written) }
            return arena.commit(written)
        }
    }

    /// `lpad` and `rpad`: exactly so many characters, the text cut at its end if it has more.
    private static func pad(_ operands: [Vector], isLeft: Bool, _ rows: Int) -> Vector {
        let source = Reader(operands[0], as: StringView.self)
        let lengths = Reader(operands[1], as: Int64.self)
        let fills = operands.count > 2 ? Reader(operands[2], as: StringView.self) : nil
        let blank = Vector.constant(.string([0x20]), .string)
        let space = blank.column.strings[0]
        let result = built(operands, rows) { row, arena -> StringView? in
            let text = source[row]
            let fill = fills?[row] ?? space
            let length = max(lengths[row], 0)
            guard length <= Int64(StringArena.resultBytesMax) else { return nil }
            let kept = Utf8.position(text.bytes, character: length)
            let characters = Utf8.count(UnsafeBufferPointer(rebasing: text.bytes[..<kept]))
            let missing = fill.count == 0 ? 0 : Int(length) - characters
            let fillCharacters = max(1, Utf8.count(fill.bytes))
            let rest = Utf8.position(
                fill.bytes, character: Int64(missing % fillCharacters))
            let fillBytes = missing / fillCharacters * fill.count + rest
            guard kept + fillBytes <= StringArena.resultBytesMax else { return nil }
            let target = arena.reserve(kept + fillBytes)
            var written = 0
            let own = StringView(base: text.base, count: kept)
            if !isLeft { append(own, target, &written) }
            for _ in 0..<(missing / fillCharacters) { append(fill, target, &written) }
            append(StringView(base: fill.base, count: rest), target, &written)
            if isLeft { append(own, target, &written) }
            return arena.commit(written)
        }
        return result
    }
}
