import Glibc

/// Functions of json: checked text of which parts are found and, where they can be, not copied.
enum JSONKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ prepared: PreparedArguments,
        _ type: ColumnType, rows: Int
    ) -> Vector {
        switch function {
        case .jsonArrayLength:
            return map(operands[0], rows: rows, .bigint, zero: Int64(0)) { (x: StringView, code) in
                guard let count = JSONPath.count(x.bytes) else {
                    if x.count > 0 { code = RowErrorCode.notArray.rawValue }
                    return 0
                }
                return Int64(count)
            }
        case .jsonTypeof: return typeNames(operands[0], rows)
        case .toJson: return NestedKernels.json(operands[0], .json, rows: rows)
        case .jsonValue:
            guard let path = prepared.path else { return .nulls(type) }
            return found(operands, type, isScalar: true, rows) { _, text in path.find(in: text) }
        default:
            let isText = function == .jsonGetText
            if operands[1].type == .bigint {
                let numbers = Reader(operands[1], as: Int64.self)
                return found(operands, type, isText: isText, rows) { row, text in
                    JSONPath.element(numbers[row], of: text)
                }
            }
            let names = Reader(operands[1], as: StringView.self)
            return found(operands, type, isText: isText, rows) { row, text in
                JSONPath.member(names[row].bytes, of: text)
            }
        }
    }

    /// The part that `body` finds in each row's text: as json, or, with `isText` or `isScalar`, a
    /// string as what it means, JSON's null as null, and with `isScalar` objects and arrays as null.
    private static func found(
        _ operands: [Vector], _ type: ColumnType, isText: Bool = false, isScalar: Bool = false,
        _ rows: Int,
        _ body: (Int, UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>?
    ) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(type) }
        let source = Reader(operands[0], as: StringView.self)
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        var arena = ByteArena()
        for row in 0..<frame.count {
            target[row] = .empty
            guard frame.isValid(row) else { continue }
            guard let part = body(row, source[row].bytes) else {
                frame.makeNull(row)
                continue
            }
            if !isText && !isScalar {
                target[row] = StringView(part)
            } else if let view = text(part, isScalar: isScalar, &arena) {
                target[row] = view
            } else {
                frame.makeNull(row)
            }
        }
        let retained = operands[0].column.retained + arena.blocks
        return frame.result(type, values, retained: retained)
    }

    private static func text(
        _ part: UnsafeBufferPointer<UInt8>, isScalar: Bool, _ arena: inout ByteArena
    ) -> StringView? {
        // The whole text may have white space around it.
        let part = NumberText.trimmed(part)
        switch part.first {
        case UInt8(ascii: "n"): return nil
        case UInt8(ascii: "{"), UInt8(ascii: "["): return isScalar ? nil : StringView(part)
        case UInt8(ascii: "\""):
            var cursor = JSONCursor(part)
            guard let string = cursor.string() else { return nil }
            guard string.hasEscape else { return StringView(string.bytes) }
            var decoded: [UInt8] = []
            string.decode(into: &decoded)
            return decoded.withUnsafeBufferPointer { bytes in
                bytes.baseAddress.map { arena.store($0, count: bytes.count) } ?? .empty
            }
        default: return StringView(part)
        }
    }

    private static func typeNames(_ a: Vector, _ rows: Int) -> Vector {
        let source = Reader(a, as: StringView.self)
        return NestedKernels.built([a], .string, rows: rows) { row, writer in
            let name: StaticString
            switch NumberText.trimmed(source[row].bytes).first {
            case UInt8(ascii: "{"): name = "object"
            case UInt8(ascii: "["): name = "array"
            case UInt8(ascii: "\""): name = "string"
            case UInt8(ascii: "t"), UInt8(ascii: "f"): name = "boolean"
            case UInt8(ascii: "n"): name = "null"
            default: name = "number"
            }
            writer.bytes.append(
                contentsOf: UnsafeBufferPointer(
                    start: name.utf8Start, count: name.utf8CodeUnitCount))
            return .value
        }
    }
}
