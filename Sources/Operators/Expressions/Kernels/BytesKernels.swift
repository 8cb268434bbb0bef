import Glibc

/// Functions and casts of bytes, and `chr`.
enum BytesKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ type: ColumnType, rows: Int
    ) -> Vector {
        switch function {
        case .encode, .decode: return converted(function, operands, type, rows)
        default: return characters(operands[0], rows)
        }
    }

    /// `encode` and `decode`; the name of the form is a literal.
    private static func converted(
        _ function: ScalarFunction, _ operands: [Vector], _ type: ColumnType, _ rows: Int
    ) -> Vector {
        guard case .string(let name)? = operands[1].literal else { return .nulls(type) }
        let isHexadecimal = name == Array("hex".utf8)
        let source = Reader(operands[0], as: StringView.self)
        return NestedKernels.built([operands[0]], type, rows: rows) { row, writer in
            let bytes = source[row].bytes
            if function == .encode {
                if isHexadecimal {
                    Hexadecimal.encode(bytes, into: &writer.bytes)
                } else {
                    Base64.encode(bytes, into: &writer.bytes)
                }
                return .value
            }
            let decoded =
                isHexadecimal ? Hexadecimal.decode(bytes) : Base64.decode(bytes)
            guard let decoded else {
                return .failed(isHexadecimal ? .notHexadecimal : .notBase64)
            }
            writer.bytes = decoded
            return .value
        }
    }

    private static func characters(_ a: Vector, _ rows: Int) -> Vector {
        let numbers = Reader(a, as: Int64.self)
        return NestedKernels.built([a], .string, rows: rows) { row, writer in
            guard numbers[row] > 0, let number = UInt32(exactly: numbers[row]),
                let scalar = Unicode.Scalar(number), let encoded = UTF8.encode(scalar)
            else { return .failed(.notCharacter) }
            writer.bytes.append(contentsOf: encoded)
            return .value
        }
    }

    /// Bytes as text; those that are not UTF-8 fail their row.
    static func text(_ a: Vector, rows: Int) -> Vector {
        checked(a, .string, .notUTF8, rows) { Utf8.isValid($0) }
    }

    /// Text as json; what is none fails its row.
    static func json(_ a: Vector, rows: Int) -> Vector {
        checked(a, .json, .notJSON, rows) { JSONCursor.isValid($0) }
    }

    /// The same views as another type, after a look at each.
    private static func checked(
        _ a: Vector, _ type: ColumnType, _ failure: RowErrorCode, _ rows: Int,
        _ isGood: (UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Vector {
        var frame = StrictRows([a], rows: rows)
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        let source = a.column.strings
        for row in 0..<frame.count {
            target[row] = .empty
            guard frame.isValid(row) else { continue }
            if isGood(source[row].bytes) {
                target[row] = source[row]
            } else {
                frame.fail(row, failure.rawValue)
            }
        }
        return frame.result(type, values, retained: a.column.retained)
    }
}
