import Config
import Operators
import Store

/// What makes rows of a format rows of a topic: their event time, and in upsert topics `_op`.
struct IngestRows {
    /// What the parser reads: the topic's columns and, where rows may be deletions, `_op` behind them.
    let fields: [FieldSpec]
    private let columnCount: Int
    private let hasOperations: Bool
    private let eventTime: Int?
    /// Columns that a row must have; of a deletion only the key.
    private let required: [Int]
    private let key: [Int]

    static let operationColumn = "_op"

    init(_ entry: TopicCatalog.Entry, eventTime: String?) throws(ConnectorError) {
        let topic = entry.topic.name
        let mode = entry.definition.mode
        guard mode != .changelog else { throw .takesNoInput(topic) }
        var fields = entry.fields
        columnCount = fields.count
        hasOperations = mode == .upsert
        key = hasOperations ? entry.key ?? [] : []
        required = hasOperations ? fields.indices.filter { fields[$0].isRequired } : []
        if hasOperations {
            for index in fields.indices { fields[index].isRequired = false }
            fields.append(
                FieldSpec(
                    name: Self.operationColumn, type: .string, path: [Self.operationColumn],
                    defaultValue: .string(Array("upsert".utf8)), ordinal: fields.count))
        }
        self.fields = fields
        guard let name = eventTime ?? entry.definition.eventTime else {
            self.eventTime = nil
            return
        }
        guard let index = entry.schema.index(of: name) else {
            throw .noEventTimeColumn(name, topic, entry.schema.fields.map(\.name))
        }
        guard entry.schema[index].type == .timestamp else {
            throw .eventTimeHasType(name, topic, entry.schema[index].type.name)
        }
        self.eventTime = index
    }

    /// The rows with what the topic keeps of each; those that lack something are added to `bad`.
    func complete(_ parsed: SourceRows, now: Int64, _ bad: inout [InvalidRow])
        -> (batch: Batch, operations: Buffer?)
    {
        let count = parsed.rowCount
        guard count > 0 else {
            let empty = Batch(
                columns: fields.prefix(columnCount).map { .nulls(type: $0.type, count: 0) },
                rowtime: .repeating(now, count: 0), rowCount: 0)
            return (empty, nil)
        }
        var problems: [Int: String] = [:]
        let operations = hasOperations ? self.operations(parsed, &problems) : nil
        let columns = Array(parsed.columns.prefix(columnCount))
        var rowtime = Column.repeating(now, count: eventTime == nil ? count : 0)
        if let eventTime {
            let times = columns[eventTime]
            if times.validity != nil {
                for row in 0..<count where times.isNull(row) && problems[row] == nil {
                    problems[row] = "the event time '\(fields[eventTime].name)' is null"
                }
            }
            rowtime = Column(type: .timestamp, count: count, values: times.values)
        }
        let batch = Batch(
            columns: columns, rowtime: rowtime, rowCount: count,
            origin: BatchOrigin(source: "", split: "", positions: parsed.positions))
        guard !problems.isEmpty else { return (batch, operations) }
        let positions = parsed.positions?.pointer(to: Int64.self)
        var rows = Set<Int64>()
        for (row, problem) in problems {
            let position = positions?[row] ?? 0
            rows.insert(position)
            bad.append(InvalidRow(raw: [], error: problem, position: position))
        }
        return Self.keep(batch, operations) { !rows.contains($0) }
    }

    /// What each row does, one byte each.
    private func operations(_ parsed: SourceRows, _ problems: inout [Int: String]) -> Buffer {
        let words = parsed.columns[columnCount]
        let count = parsed.rowCount
        let result = Buffer(capacity: count)
        let target = result.pointer(to: UInt8.self)
        for row in 0..<count {
            target[row] = RowOperation.upsert.rawValue
            let word = words.isNull(row) ? StringView.empty : words.strings[row]
            if word.count > 0 {
                switch word.string {
                case "upsert", "insert", "update_after": break
                case "delete": target[row] = RowOperation.delete.rawValue
                default:
                    problems[row] =
                        "'_op' is \(InvalidRow.quoted(word.bytes)), and not 'upsert' or 'delete'"
                }
            }
            let isDeletion = target[row] == RowOperation.delete.rawValue
            for column in isDeletion ? key : key + required
            where parsed.columns[column].isNull(row) && problems[row] == nil {
                problems[row] =
                    "'\(fields[column].name)' is null"
                    + (key.contains(column) ? ", and it is part of the topic's key" : "")
            }
        }
        return result
    }

    /// The rows whose position is wanted.
    static func keep(_ batch: Batch, _ operations: Buffer?, _ isWanted: (Int64) -> Bool)
        -> (batch: Batch, operations: Buffer?)
    {
        guard let positions = batch.origin?.positions?.pointer(to: Int64.self) else {
            return (batch, operations)
        }
        let rows = (0..<batch.rowCount).filter { isWanted(positions[$0]) }
        if rows.count == batch.rowCount { return (batch, operations) }
        let selection = Buffer(capacity: rows.count * 4)
        let kept = operations.map { _ in Buffer(capacity: rows.count) }
        for (place, row) in rows.enumerated() {
            selection.pointer(to: Int32.self)[place] = Int32(row)
            if let kept, let operations {
                kept.pointer(to: UInt8.self)[place] = operations.pointer(to: UInt8.self)[row]
            }
        }
        return (
            batch.selecting(Selection(rows: selection, count: rows.count)).compacted(), kept
        )
    }
}
