/// The type of a column or of an expression's result.
///
/// `timestamp` is microseconds since the Unix epoch, UTC; `date` days since then. `interval` exists
/// in expressions only. `decimal` is exact: an unscaled 128-bit integer and a scale shared by the
/// whole column. `json` is JSON text as it came, checked. A value of an `array` or a `structure` is
/// one run of bytes, which ``NestedValue`` explains.
package enum ColumnType: Hashable, Sendable {
    case boolean
    case bigint
    case double
    case string
    case timestamp
    case decimal(precision: Int, scale: Int)
    case interval
    case date
    case bytes
    case json
    indirect case array(ColumnType)
    /// At least one field, names unique as bytes.
    case structure([Field])

    /// How deep arrays and structs may lie in each other.
    package static let depthMax = 16

    /// How one value lies in a column's `values` buffer.
    @inlinable package var storage: ColumnStorage {
        switch self {
        case .boolean: return .boolean
        case .bigint, .timestamp, .interval, .date: return .integer
        case .double: return .double
        case .decimal: return .decimal
        case .string, .bytes, .json, .array, .structure: return .view
        }
    }

    /// Bytes of one value in a column's `values` buffer.
    @inlinable package var stride: Int { storage.stride }

    /// The name as people write it in a spec: `bigint`, `decimal(10,3)`, `array<string>`,
    /// `struct<id bigint, tags array<string>>`.
    package var name: String {
        switch self {
        case .boolean: return "boolean"
        case .bigint: return "bigint"
        case .double: return "double"
        case .string: return "string"
        case .timestamp: return "timestamp"
        case .decimal(let precision, let scale): return "decimal(\(precision),\(scale))"
        case .interval: return "interval"
        case .date: return "date"
        case .bytes: return "bytes"
        case .json: return "json"
        case .array(let element): return "array<\(element.name)>"
        case .structure(let fields):
            let list = fields.map { "\(ColumnType.quoted($0.name)) \($0.type.name)" }
            return "struct<\(list.joined(separator: ", "))>"
        }
    }

    /// A field's name as it can be read back: in double quotes unless it is a plain word.
    private static func quoted(_ name: String) -> String {
        let isPlain = name.utf8.enumerated().allSatisfy { index, byte in
            let isLetter = byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte == 0x5f
            return isLetter || (index > 0 && byte &- 0x30 < 10)
        }
        if isPlain && !name.isEmpty { return name }
        return "\"\(name.replacing("\"", with: "\"\""))\""
    }

    package var isNumeric: Bool {
        switch self {
        case .bigint, .double, .decimal: return true
        default: return false
        }
    }

    /// Whether it is an array or a struct.
    package var isNested: Bool {
        switch self {
        case .array, .structure: return true
        default: return false
        }
    }

    /// Arrays and structs on the longest way down; 0 for a type that is neither.
    package var depth: Int {
        switch self {
        case .array(let element): return 1 + element.depth
        case .structure(let fields): return 1 + (fields.map(\.type.depth).max() ?? 0)
        default: return 0
        }
    }
}

/// How the values of a column lie in memory, whatever they mean. Loops are chosen by it.
package enum ColumnStorage: UInt8, Sendable {
    /// UInt8, 0 or 1.
    case boolean
    /// Int64.
    case integer
    /// Double.
    case double
    /// Int128.
    case decimal
    /// ``StringView``.
    case view

    @inlinable package var stride: Int {
        switch self {
        case .boolean: return 1
        case .integer, .double: return 8
        case .decimal, .view: return 16
        }
    }
}
