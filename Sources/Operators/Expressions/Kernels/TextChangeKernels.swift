/// Functions that change some characters of a text.
enum TextChangeKernels {
    static func call(_ function: ScalarFunction, _ operands: [Vector], rows: Int) -> Vector {
        switch function {
        case .translate: return translate(operands, rows)
        case .overlay: return overlay(operands, rows)
        default: return mask(function, operands, rows)
        }
    }

    /// Characters that stand in the second text become those at the same place of the third, or go
    /// where that is shorter.
    private static func translate(_ operands: [Vector], _ rows: Int) -> Vector {
        let texts = Reader(operands[0], as: StringView.self)
        let froms = Reader(operands[1], as: StringView.self)
        let tos = Reader(operands[2], as: StringView.self)
        return TextBuildingKernels.built(operands, rows) { row, arena in
            let (text, from, to) = (texts[row].bytes, froms[row].bytes, tos[row].bytes)
            // A character is four bytes at most.
            let target = arena.reserve(4 * text.count)
            var written = 0
            var position = 0
            while position < text.count {
                let next = Utf8.next(text, position)
                var source = UnsafeBufferPointer(rebasing: text[position..<next])
                if let place = place(of: source, in: from) {
                    let start = Utf8.position(to, character: place)
                    source = UnsafeBufferPointer(
                        rebasing: to[start..<(start < to.count ? Utf8.next(to, start) : start)])
                }
                for byte in source {
                    target[written] = byte
                    written &+= 1
                }
                position = next
            }
            return written <= StringArena.resultBytesMax ? arena.commit(written) : nil
        }
    }

    /// Which character of a text one is, from 0.
    @inline(__always)
    private static func place(
        of character: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>
    ) -> Int64? {
        var position = 0
        var index: Int64 = 0
        while position < text.count {
            let next = Utf8.next(text, position)
            if next - position == character.count, Utf8.equal(character, text, at: position) {
                return index
            }
            index &+= 1
            position = next
        }
        return nil
    }

    /// Puts a text in place of so many characters, as many as it has itself if none are said.
    private static func overlay(_ operands: [Vector], _ rows: Int) -> Vector {
        let texts = Reader(operands[0], as: StringView.self)
        let news = Reader(operands[1], as: StringView.self)
        let starts = Reader(operands[2], as: Int64.self)
        let counts = operands.count > 3 ? Reader(operands[3], as: Int64.self) : nil
        // A start before the first character is refused before anything is built.
        let frame = map(operands[2], rows: rows, .bigint, zero: Int64(0)) { (x: Int64, code) in
            if x < 1 { code = RowErrorCode.negativeLength.rawValue }
            return x
        }
        var strict = operands
        strict[2] = frame
        return TextBuildingKernels.built(strict, rows) { row, arena in
            let (text, new) = (texts[row].bytes, news[row].bytes)
            let before = Utf8.position(text, character: max(starts[row], 1) - 1)
            let count = counts?[row] ?? Int64(Utf8.count(new))
            let (sum, overflows) = (starts[row] - 1).addingReportingOverflow(count)
            let behind = Utf8.position(
                text, character: overflows ? (count < 0 ? 0 : .max) : max(sum, 0))
            let total = before + new.count + text.count - behind
            guard total <= StringArena.resultBytesMax else { return nil }
            let target = arena.reserve(total)
            var written = 0
            for byte in text[..<before] {
                target[written] = byte
                written &+= 1
            }
            for byte in new {
                target[written] = byte
                written &+= 1
            }
            for byte in text[behind...] {
                target[written] = byte
                written &+= 1
            }
            return arena.commit(written)
        }
    }

    /// Hides characters: large letters behind X, small ones behind x, digits behind n, others behind
    /// a dash. Some at an end are kept, or only those are hidden.
    private static func mask(
        _ function: ScalarFunction, _ operands: [Vector], _ rows: Int
    ) -> Vector {
        let texts = Reader(operands[0], as: StringView.self)
        var strict = operands
        if operands.count > 1 {
            strict[1] = map(operands[1], rows: rows, .bigint, zero: Int64(0)) { (x: Int64, code) in
                if x < 0 { code = RowErrorCode.argumentOutOfRange.rawValue }
                return x
            }
        }
        let counts = operands.count > 1 ? Reader(operands[1], as: Int64.self) : nil
        return TextBuildingKernels.built(strict, rows) { row, arena in
            let text = texts[row].bytes
            let total = Int64(Utf8.count(text))
            let count = min(max(counts?[row] ?? total, 0), total)
            let hidden: Range<Int64>
            switch function {
            case .maskRight: hidden = total - count..<total
            case .maskKeepLeft: hidden = count..<total
            case .maskKeepRight: hidden = 0..<total - count
            default: hidden = 0..<count
            }
            let target = arena.reserve(text.count)
            var written = 0
            var position = 0
            var index: Int64 = 0
            while position < text.count {
                let next = Utf8.next(text, position)
                if hidden.contains(index) {
                    target[written] = sign(UnsafeBufferPointer(rebasing: text[position..<next]))
                    written &+= 1
                } else {
                    for byte in text[position..<next] {
                        target[written] = byte
                        written &+= 1
                    }
                }
                index &+= 1
                position = next
            }
            return arena.commit(written)
        }
    }

    @inline(__always)
    private static func sign(_ character: UnsafeBufferPointer<UInt8>) -> UInt8 {
        let byte = character[0]
        if byte &- 0x30 < 10 { return UInt8(ascii: "n") }
        if byte &- 0x41 < 26 { return UInt8(ascii: "X") }
        if byte &- 0x61 < 26 { return UInt8(ascii: "x") }
        if byte < 0x80 { return UInt8(ascii: "-") }
        let properties = String(decoding: character, as: UTF8.self).unicodeScalars.first?.properties
        switch properties?.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: return UInt8(ascii: "X")
        case .lowercaseLetter: return UInt8(ascii: "x")
        case .decimalNumber: return UInt8(ascii: "n")
        default: return UInt8(ascii: "-")
        }
    }

    /// Where a part stands in a text from a character on, counted from 1; 0 if it does not.
    static func locate(_ operands: [Vector], _ rows: Int) -> Vector {
        let frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.bigint) }
        let values = Buffer(capacity: frame.count * 8)
        let target = values.pointer(to: Int64.self)
        let parts = Reader(operands[0], as: StringView.self)
        let texts = Reader(operands[1], as: StringView.self)
        let starts = Reader(operands[2], as: Int64.self)
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            let text = texts[row].bytes
            let start = Utf8.position(text, character: max(starts[row], 1) - 1)
            if let found = Utf8.find(parts[row].bytes, in: text, from: start) {
                target[row] = Int64(Utf8.count(UnsafeBufferPointer(rebasing: text[..<found]))) + 1
            }
        }
        return frame.result(.bigint, values)
    }
}
