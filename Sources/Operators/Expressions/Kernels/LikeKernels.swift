/// `LIKE` with a pattern that is known, or one from each row.
enum LikeKernels {
    static func like(_ operands: [Vector], _ pattern: LikePattern?, rows: Int) -> Vector {
        guard let pattern else { return dynamic(operands, rows) }
        let text = operands[0]
        return pattern.literal.withUnsafeBufferPointer { literal in
            switch pattern.shape {
            case .equal:
                return each(text, rows) { x in
                    x.count == literal.count && Utf8.equal(literal, x, at: 0)
                }
            case .prefix:
                return each(text, rows) { x in
                    x.count >= literal.count && Utf8.equal(literal, x, at: 0)
                }
            case .suffix:
                return each(text, rows) { x in
                    x.count >= literal.count
                        && Utf8.equal(literal, x, at: x.count - literal.count)
                }
            case .contains:
                return each(text, rows) { x in Utf8.find(literal, in: x, from: 0) != nil }
            case .general:
                return pattern.elements.withUnsafeBufferPointer { elements in
                    each(text, rows) { x in LikePattern.matches(x, elements) }
                }
            }
        }
    }

    @inline(__always)
    private static func each(
        _ text: Vector, _ rows: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Vector {
        map(text, rows: rows, .boolean, zero: UInt8(0)) { (x: StringView, _) in
            body(x.bytes) ? 1 : 0
        }
    }

    /// The pattern is compiled for each row, again only when it changes.
    private static func dynamic(_ operands: [Vector], _ rows: Int) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.boolean) }
        let values = Buffer(capacity: frame.count)
        let target = values.pointer(to: UInt8.self)
        let text = Reader(operands[0], as: StringView.self)
        let patterns = Reader(operands[1], as: StringView.self)
        let escapes = operands.count > 2 ? Reader(operands[2], as: StringView.self) : nil
        var last: (pattern: StringView, compiled: Result<LikePattern, RowErrorCode>)?
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            let pattern = patterns[row]
            if escapes != nil || last.map({ $0.pattern == pattern }) != true {
                let escape = escapes.map { Array($0[row].bytes) } ?? LikePattern.defaultEscape
                let compiled = LikePattern.compile(Array(pattern.bytes), escape: escape)
                last = (pattern, compiled)
            }
            switch last?.compiled {
            case .success(let like):
                let fits = like.elements.withUnsafeBufferPointer {
                    LikePattern.matches(text[row].bytes, $0)
                }
                target[row] = fits ? 1 : 0
            case .failure(let code): frame.fail(row, code.rawValue)
            case nil: break
            }
        }
        return frame.result(.boolean, values)
    }
}
