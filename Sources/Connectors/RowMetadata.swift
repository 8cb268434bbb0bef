import Config
import Glibc
import Operators

/// Adds to a format's rows the columns from outside them: `file.path`, `file.line`, `arrival`.
struct RowMetadata {
    private let fields: [FieldSpec]
    private let columns: [MetadataColumn]
    let countsLines: Bool

    init(fields: [FieldSpec], columns: [MetadataColumn]) {
        self.fields = fields
        self.columns = columns
        countsLines = columns.contains { $0.origin == .fileLine }
    }

    /// The rows of a source: the format's columns and then the metadata.
    ///
    /// - Parameters:
    ///   - path: nil for input that is no file: the column is null.
    ///   - lines: Int64 a row; nil when lines are not counted.
    ///   - base: What is added to the positions: the bytes of earlier files.
    ///   - now: Microseconds since the epoch.
    func complete(_ rows: SourceRows, path: String?, lines: Buffer?, base: Int64, now: Int64)
        -> SourceRows
    {
        var result = rows
        let count = rows.rowCount
        if count == 0 {
            result.columns = fields.map { .nulls(type: $0.type, count: 0) }
        }
        for column in columns {
            switch column.origin {
            case .filePath: result.columns.append(Self.text(path, count: count))
            case .topicPartition, .topicOffset, .topicAppendedAt:
                // A topic's rows bring these themselves.
                result.columns.append(.nulls(type: column.origin.type, count: count))
            case .fileLine:
                result.columns.append(
                    lines.map { Column(type: .bigint, count: count, values: $0) }
                        ?? .nulls(type: .bigint, count: count))
            case .arrival:
                let values = Buffer(capacity: count * 8)
                values.pointer(to: Int64.self).initialize(repeating: now, count: count)
                result.columns.append(Column(type: .timestamp, count: count, values: values))
            }
        }
        if base > 0 {
            if let positions = rows.positions?.pointer(to: Int64.self) {
                for row in 0..<count { positions[row] += base }
            }
            result.invalid = rows.invalid.map {
                InvalidRow(raw: $0.raw, error: $0.error, position: $0.position + base)
            }
        }
        return result
    }

    private static func text(_ text: String?, count: Int) -> Column {
        guard let text else { return .nulls(type: .string, count: count) }
        let bytes = Array(text.utf8)
        let buffer = Buffer(capacity: bytes.count)
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { memcpy(buffer.base, start, source.count) }
        }
        let values = Buffer(capacity: count * MemoryLayout<StringView>.stride)
        let view = StringView(base: buffer.pointer(to: UInt8.self), count: bytes.count)
        values.pointer(to: StringView.self).initialize(repeating: view, count: count)
        return Column(type: .string, count: count, values: values, retained: [buffer])
    }
}
