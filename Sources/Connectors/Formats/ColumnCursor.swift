import Operators

/// A column as an encoder's inner loop reads it: raw pointers and a one-byte kind, nothing that is
/// reference-counted. The encoder holds the batch while it uses them, which
/// ``RenderedColumn`` has gone over.
struct ColumnCursor {
    enum Kind: UInt8 {
        case boolean, integer, double, string, timestamp, decimal, date
        /// JSON text.
        case json
    }
    let kind: Kind
    /// Digits behind the point, for decimals.
    let scale: Int
    // SAFETY: the encoder keeps the batch, and with it these buffers, until `end()`.
    let values: UnsafeMutableRawPointer
    let validity: UnsafeMutablePointer<UInt8>?

    init(_ column: Column) {
        switch column.type {
        case .boolean: (kind, scale) = (.boolean, 0)
        case .bigint, .interval: (kind, scale) = (.integer, 0)
        case .double: (kind, scale) = (.double, 0)
        case .string: (kind, scale) = (.string, 0)
        case .timestamp: (kind, scale) = (.timestamp, 0)
        case .decimal(_, let digits): (kind, scale) = (.decimal, digits)
        case .date: (kind, scale) = (.date, 0)
        // Others have been rendered.
        case .json, .bytes, .array, .structure: (kind, scale) = (.json, 0)
        }
        values = column.values.base
        validity = column.validityPointer
    }

    @inline(__always)
    func isNull(_ row: Int) -> Bool {
        guard let validity else { return false }
        return validity[row] == 0
    }

    @inline(__always)
    func value<T>(_ row: Int, as type: T.Type) -> T {
        values.assumingMemoryBound(to: T.self)[row]
    }
}
