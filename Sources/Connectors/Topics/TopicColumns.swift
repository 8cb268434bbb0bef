import Config
import Operators
import Store

/// Turns blocks of a topic into the columns that a reader asks for, whatever schema they were written
/// with.
struct TopicColumns {
    /// What a reader wants: columns by name, in its own types.
    let fields: [FieldSpec]
    let metadata: [MetadataColumn]
    let partition: String
    /// By version, as far as they were known when the reader was made or last met a newer one.
    private var schemas: [Schema]
    private let topic: Topic
    private let catalog: TopicCatalog

    init(
        fields: [FieldSpec], metadata: [MetadataColumn], partition: String,
        entry: TopicCatalog.Entry, catalog: TopicCatalog
    ) {
        self.fields = fields
        self.metadata = metadata
        self.partition = partition
        schemas = entry.schemas
        topic = entry.topic
        self.catalog = catalog
    }

    /// The wanted columns of a block.
    ///
    /// - Parameters:
    ///   - firstOffset: Of the block, for messages and `topic.offset`.
    ///   - offsets: Each row's, relative to it; nil for 0, 1, 2, ….
    mutating func columns(
        _ reader: RowBlockReader, firstOffset: UInt64, offsets: Buffer?
    ) throws(ConnectorError) -> [Column] {
        let schema = try schema(Int(reader.schemaVersion), firstOffset)
        guard schema.fields.map(\.type.inBlock) == reader.columnTypes else {
            throw .unreadableBlock(
                partition, firstOffset,
                "its columns are not those of schema \(reader.schemaVersion)")
        }
        var columns: [Column] = []
        columns.reserveCapacity(fields.count + metadata.count)
        for field in fields {
            guard let index = schema.index(of: field.name) else {
                columns.append(Self.missing(field, count: reader.rowCount))
                continue
            }
            let column: Column
            do throws(RowBlockError) {
                column = try reader.column(index).retyped(schema[index].type)
            } catch {
                throw .unreadableBlock(partition, firstOffset, error.message)
            }
            guard let widened = SchemaEvolution.widen(column, to: field.type) else {
                throw .notWidened(field.name, field.type.name, firstOffset)
            }
            columns.append(widened)
        }
        for column in metadata {
            columns.append(
                metadataColumn(column, reader, firstOffset: firstOffset, offsets: offsets))
        }
        return columns
    }

    private mutating func schema(_ version: Int, _ offset: UInt64) throws(ConnectorError) -> Schema
    {
        if version >= schemas.count { schemas = try catalog.entry(topic).schemas }
        guard version < schemas.count else {
            throw .unreadableBlock(
                partition, offset, "it has schema \(version), which the topic does not know")
        }
        return schemas[version]
    }

    /// A column that rows of an older schema lack: its default, or null.
    private static func missing(_ field: FieldSpec, count: Int) -> Column {
        guard let value = field.defaultValue, count > 0 else {
            return .nulls(type: field.type, count: count)
        }
        let one = Column.constant(value, type: field.type)
        let rows = Buffer(capacity: count * 4)
        rows.pointer(to: Int32.self).initialize(repeating: 0, count: count)
        return one.gathered(rows.pointer(to: Int32.self), count: count)
    }

    private func metadataColumn(
        _ column: MetadataColumn, _ reader: RowBlockReader, firstOffset: UInt64, offsets: Buffer?
    ) -> Column {
        let count = reader.rowCount
        switch column.origin {
        case .topicPartition:
            let bytes = Array(partition.utf8)
            let one = Column.constant(.string(bytes), type: .string)
            let rows = Buffer(capacity: count * 4)
            rows.pointer(to: Int32.self).initialize(repeating: 0, count: count)
            return one.gathered(rows.pointer(to: Int32.self), count: count)
        case .topicOffset:
            let values = Buffer(capacity: count * 8)
            let target = values.pointer(to: Int64.self)
            let relative = offsets?.pointer(to: Int64.self)
            for row in 0..<count {
                target[row] = Int64(bitPattern: firstOffset) &+ (relative?[row] ?? Int64(row))
            }
            return Column(type: .bigint, count: count, values: values)
        case .topicAppendedAt, .arrival: return .repeating(reader.appendedAt, count: count)
        case .filePath, .fileLine: return .nulls(type: column.origin.type, count: count)
        }
    }
}
