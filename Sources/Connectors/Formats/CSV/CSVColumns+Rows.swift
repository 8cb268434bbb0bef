import Config
import Operators

// What the formats whose rows are split into cells have in common.
extension CSVColumns {
    /// A column of one row with each field's default; nil where it has none.
    static func defaults(of fields: [FieldSpec]) -> [Column?] {
        fields.map { field in
            field.defaultValue.map { Column.constant($0, type: field.type) }
        }
    }

    /// The rows that could be converted; the others join those that were found invalid before.
    ///
    /// - Parameters:
    ///   - converted: What ``column(_:_:timestamps:fallback:)`` gave for each field.
    ///   - rowEnds: Where each row ends, byte in the chunk.
    ///   - origin: The byte of the chunk that is at `position` in the split.
    ///   - invalid: Rows that could not be split.
    func rows(
        _ converted: [Column], rowEnds: UnsafePointer<UInt32>, origin: Int, position: Int64,
        consumed: Int, invalid: [InvalidRow]
    ) -> SourceRows {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        var converted = converted
        var positions = Column(
            type: .bigint, count: rowCount, values: Buffer(capacity: rowCount * 8))
        let target = positions.integers
        for row in 0..<rowCount { target[row] = position &+ Int64(rowStarts[row]) &- Int64(origin) }

        var allInvalid = invalid
        var kept = rowCount
        if !failures.isEmpty {
            for (row, error) in failures {
                let start = Int(rowStarts[row])
                allInvalid.append(
                    InvalidRow(
                        base + start, count: Int(rowEnds[row]) - start, error: error,
                        position: target[row]))
            }
            allInvalid.sort { $0.position < $1.position }
            let rows = Buffer(capacity: rowCount * 4)
            let good = rows.pointer(to: Int32.self)
            kept = 0
            for row in 0..<rowCount where failures[row] == nil {
                good[kept] = Int32(row)
                kept += 1
            }
            converted = converted.map { $0.gathered(good, count: kept) }
            positions = positions.gathered(good, count: kept)
        }
        return SourceRows(
            columns: converted, rowCount: kept, positions: positions.values, invalid: allInvalid,
            byteCount: consumed)
    }
}

extension TimestampText {
    /// For each field how its text is read as a timestamp; nil for fields of other types, and for
    /// those that are counted in units.
    static func readers(
        of fields: [FieldSpec], timezone: String
    ) throws(ConnectorError) -> [TimestampText?] {
        var result: [TimestampText?] = []
        for field in fields {
            var isText = field.type == .timestamp
            if case .integer = field.timestamp { isText = false }
            result.append(isText ? try TimestampText(field.timestamp, timezone: timezone) : nil)
        }
        return result
    }
}
