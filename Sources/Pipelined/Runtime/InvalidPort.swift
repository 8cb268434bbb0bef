import Config
import Connectors
import Operators

/// The rows of a node that failed: on their way to a step or sink that reads `NODE.invalid`, or to
/// the dead letters.
final class InvalidPort {
    /// `raw, error, node, source, position`.
    static let schema = SinkFactory.deadLetterSchema

    let port = OutputPort(schema: InvalidPort.schema)
    private let counters: NodeCounters
    private let context: LaneContext

    init(counters: NodeCounters, context: LaneContext) {
        self.counters = counters
        self.context = context
    }

    /// Rows that a source could not read.
    func reject(_ rows: [InvalidRow], source: String, split: String) {
        guard !rows.isEmpty else { return }
        let origin = split.isEmpty ? source : "\(source):\(split)"
        send(
            rows.map {
                FailedRow(
                    raw: FailedRow.text($0.raw), error: $0.error, source: origin,
                    position: $0.position)
            }, rowtime: context.now)
    }

    /// Rows that a step could not evaluate: as JSON, with what is known of where they came from.
    func reject(_ batch: Batch, schema: Schema, reasons: [String]) {
        guard batch.count > 0 else { return }
        let texts = RowText.json(batch, schema: schema)
        reject(batch, raw: { texts[$0] }, reasons: reasons)
    }

    /// Rows of which a text could not be read: that text.
    func reject(_ batch: Batch, texts: Column, reasons: [String]) {
        guard batch.count > 0 else { return }
        reject(
            batch, raw: { FailedRow.text(Array(texts.strings[$0].bytes.prefix(64 * 1024))) },
            reasons: reasons)
    }

    private func reject(_ batch: Batch, raw: (_ row: Int) -> String, reasons: [String]) {
        let positions = batch.origin?.positions?.pointer(to: Int64.self)
        let origin = batch.origin.map { $0.split.isEmpty ? $0.source : "\($0.source):\($0.split)" }
        let rows = (0..<batch.count).map { row in
            FailedRow(
                raw: raw(row), error: reasons[row], source: origin,
                position: positions.map { $0[batch.physicalRow(row)] })
        }
        send(rows, rowtime: batch.rowtime.integers[batch.physicalRow(0)])
    }

    private func send(_ rows: [FailedRow], rowtime: Int64) {
        counters.invalid += Int64(rows.count)
        if context.onError == .fail {
            let first = rows[0]
            context.fail(
                EngineError(
                    message: "cannot go on after a row that failed in '\(counters.name)': "
                        + "\(first.error)\(first.place); mend the row, or set "
                        + "settings.on_error: dead_letter",
                    node: counters.name, isTerminal: true))
            return
        }
        let batch = FailedRow.batch(rows, node: counters.name, rowtime: rowtime)
        if port.isRead {
            port.send(batch)
        } else {
            for tap in port.taps { tap.receive(batch, input: 0) }
            context.deadLetters?.write(batch)
        }
    }
}

/// A row on its way to the dead letters.
struct FailedRow {
    let raw: String
    let error: String
    let source: String?
    let position: Int64?

    /// ` (events:data/a.ndjson at 4711)`, for a message.
    var place: String {
        guard let source else { return "" }
        return position.map { " (\(source) at \($0))" } ?? " (\(source))"
    }

    /// Bytes as text; what is not UTF-8 becomes U+FFFD.
    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The columns of ``InvalidPort/schema``.
    static func batch(_ rows: [FailedRow], node: String, rowtime: Int64) -> Batch {
        func strings(_ value: (FailedRow) -> String?) -> Column {
            var arena = ByteArena()
            var builder = ColumnBuilder(type: .string, capacity: rows.count)
            for row in rows {
                guard var text = value(row) else {
                    builder.appendNull()
                    continue
                }
                text.withUTF8 { bytes in
                    guard let base = bytes.baseAddress else { return builder.append(view: .empty) }
                    builder.append(view: arena.store(base, count: bytes.count))
                }
            }
            return builder.finish(retained: arena.blocks)
        }
        var positions = ColumnBuilder(type: .bigint, capacity: rows.count)
        for row in rows {
            if let position = row.position {
                positions.append(integer: position)
            } else {
                positions.appendNull()
            }
        }
        return Batch(
            columns: [
                strings { $0.raw }, strings { $0.error }, strings { _ in node },
                strings { $0.source }, positions.finish(),
            ], rowtime: .repeating(rowtime, count: rows.count), rowCount: rows.count)
    }
}

/// Where rows go that failed and that no step reads: the topic `PIPELINE.dead-letters`, a sink
/// like any other, in the same checkpoints.
final class DeadLetters {
    let sink: SinkNode
    private(set) var count: Int64 = 0

    init(sink: SinkNode) { self.sink = sink }

    func restore(count: Int64) { self.count = count }

    func write(_ batch: Batch) {
        count += Int64(batch.count)
        sink.receive(batch, input: 0)
    }
}
