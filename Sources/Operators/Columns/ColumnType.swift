/// The type of a column or of an expression's result.
///
/// `timestamp` is microseconds since the Unix epoch, UTC. `interval` exists in expressions only.
/// `decimal` is exact: an unscaled 128-bit integer and a scale shared by the whole column.
package enum ColumnType: Hashable, Sendable {
    case boolean
    case bigint
    case double
    case string
    case timestamp
    case decimal(precision: Int, scale: Int)
    case interval

    /// Bytes of one value in a column's `values` buffer.
    @inlinable package var stride: Int {
        switch self {
        case .boolean: return 1
        case .bigint, .double, .timestamp, .interval: return 8
        case .string, .decimal: return 16
        }
    }

    /// The name as people write it in a spec: `bigint`, `decimal(10,3)`.
    package var name: String {
        switch self {
        case .boolean: return "boolean"
        case .bigint: return "bigint"
        case .double: return "double"
        case .string: return "string"
        case .timestamp: return "timestamp"
        case .decimal(let precision, let scale): return "decimal(\(precision),\(scale))"
        case .interval: return "interval"
        }
    }

    package var isNumeric: Bool {
        switch self {
        case .bigint, .double, .decimal: return true
        default: return false
        }
    }
}
