import Config
import Connectors
import Operators
import Store
import Synchronization

/// One reader of a topic: rows in the order of ``TopicMerge``, as bytes of a format.
///
/// Driven by one thread; ``wake()`` may be called on any.
final class ConsumeSession {
    struct Summary: Sendable {
        var rows: Int64 = 0
        /// Rows for which the filter could not be evaluated; they are left out.
        var failedRows: Int64 = 0
        /// Why the first of them could not.
        var failure: String?
    }

    /// Bytes are handed on from this size, and whenever there is nothing more to read now.
    private static let handoverBytes = 256 << 10
    /// How often a reader that waits looks whether it is still wanted.
    private static let lookMicros: Int64 = 200_000

    private let merge: TopicMerge
    private let encoding: ConsumeEncoding
    private let limit: Int64?
    private let changed = Semaphore()

    /// - Parameter reader: What `topics describe` calls it.
    init(
        _ request: ConsumeRequest, topics: TopicService, reader: String = "consume"
    ) throws(ControlFailure) {
        let plan = try ConsumePlan(request, topics)
        let encoding = try connecting { () throws(ConnectorError) in
            try ConsumeEncoding(plan, request.format)
        }
        self.encoding = encoding
        limit = request.limit
        merge = TopicMerge(
            plan.entry, catalog: topics.catalog, options: plan.options, fields: plan.fields,
            partition: request.partition, isFollowing: request.isFollowing, reader: reader,
            prepare: encoding.prepare)
        let changed = self.changed
        merge.subscribe { changed.signal() }
    }

    func wake() { changed.signal() }

    /// Reads to the end, or for as long as the rows are wanted.
    ///
    /// - Parameters:
    ///   - isWanted: Asked now and then while there is nothing to read.
    ///   - write: Takes whole rows, at most a little more than 256 KiB unless one row is longer;
    ///     returns false when no more are wanted.
    func run(
        isWanted: () -> Bool, write: (UnsafeRawBufferPointer) -> Bool
    ) throws(ControlFailure) -> Summary {
        var summary = Summary()
        var output = OutputBytes(capacity: Self.handoverBytes + 64 << 10)
        output.append(encoding.header)
        func handOver() -> Bool {
            guard output.count > 0 else { return true }
            defer { output.truncate(to: 0) }
            return write(output.bytes)
        }
        reading: while limit.map({ summary.rows < $0 }) ?? true {
            let step = try connecting { () throws(ConnectorError) in try merge.next() }
            switch step {
            case .ended: break reading
            case .waiting:
                guard handOver() else { break reading }
                // Never two looks without a change or a pause between them.
                changed.wait(atMostMicros: Self.lookMicros)
                guard isWanted() else { break reading }
                merge.wake()
            case .rows(let run):
                var range = run.range
                if let limit, Int64(range.count) > limit - summary.rows {
                    range = range.lowerBound..<range.lowerBound + Int(limit - summary.rows)
                }
                summary.rows += Int64(range.count)
                while !range.isEmpty {
                    let part = range.prefix(512)
                    encoding.encode(run, part, into: &output)
                    range = part.upperBound..<range.upperBound
                    if output.count >= Self.handoverBytes, !handOver() { break reading }
                }
            }
        }
        _ = handOver()
        summary.failedRows = encoding.failedRows
        summary.failure = encoding.failure
        return summary
    }
}

/// Filters, selects and encodes: what becomes of the rows of a block.
private final class ConsumeEncoding {
    let header: [UInt8]
    private let plan: ConsumePlan
    private let filter: ExpressionEvaluator?
    private let now: Int64
    /// One a partition, since their rows come in turns.
    private var encoders: [ObjectIdentifier: (any RowEncoder, ObjectIdentifier)] = [:]
    private let format: RowFormat
    private(set) var failedRows: Int64 = 0
    private(set) var failure: String?

    init(_ plan: ConsumePlan, _ format: RowFormat) throws(ConnectorError) {
        self.plan = plan
        self.format = format
        filter = plan.filter.map { ExpressionEvaluator($0) }
        now = WallClock.micros()
        header = try Self.encoder(plan, format).header
    }

    private static func encoder(_ plan: ConsumePlan, _ format: RowFormat) throws(ConnectorError)
        -> any RowEncoder
    {
        try RowEncoderFactory.make(
            format.spec, schema: plan.schema, mode: .append)
    }

    /// The rows that pass the filter, with the columns that are printed.
    func prepare(_ rows: TopicRows) -> TopicRows? {
        var rows = rows
        if let filter {
            let (selection, errors) = filter.evaluateFilter(rows.batch, now: now)
            if let failed = errors?.failedRows, let first = failed.first {
                failedRows += Int64(failed.count)
                if failure == nil { failure = errors?.code(first)?.message }
            }
            guard selection.count > 0 else { return nil }
            if selection.count < rows.batch.rowCount {
                if let operations = rows.operations?.pointer(to: UInt8.self) {
                    let kept = Buffer(capacity: selection.count)
                    for index in 0..<selection.count {
                        kept.pointer(to: UInt8.self)[index] =
                            operations[Int(selection.pointer[index])]
                    }
                    rows.operations = kept
                }
                rows.batch = rows.batch.selecting(selection).compacted()
            }
        }
        let metadata = plan.metadata.map { column($0, rows) }
        rows.batch.columns = Array(rows.batch.columns.prefix(plan.columnCount)) + metadata
        return rows
    }

    private func column(_ metadata: ConsumePlan.Metadata, _ rows: TopicRows) -> Column {
        let count = rows.batch.rowCount
        switch metadata {
        case .rowtime: return rows.batch.rowtime
        case .offset:
            guard let positions = rows.batch.origin?.positions else {
                return .nulls(type: .bigint, count: count)
            }
            return Column(type: .bigint, count: count, values: positions)
        case .partition:
            return Column.words([rows.batch.origin?.split ?? ""], count: count) { _ in 0 }
        case .operation:
            let codes = rows.operations?.pointer(to: UInt8.self)
            return Column.words(TopicOperations.words, count: count) { row in
                codes.map { Int($0[row]) } ?? TopicOperations.insert
            }
        }
    }

    /// Appends rows of a run, which ``prepare(_:)`` has made.
    func encode(_ run: TopicMerge.Run, _ range: Range<Int>, into output: inout OutputBytes) {
        let partition = ObjectIdentifier(run.partition)
        let block = ObjectIdentifier(run.rows.batch.rowtime.values)
        if encoders[partition]?.1 != block {
            guard let encoder = encoders[partition]?.0 ?? (try? Self.encoder(plan, format)) else {
                return
            }
            encoder.end()
            encoder.begin(run.rows.batch, operations: nil)
            encoders[partition] = (encoder, block)
        }
        _ = encoders[partition]?.0.encode(rows: range, into: &output)
    }
}
