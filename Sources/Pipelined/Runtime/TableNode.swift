import Config
import Connectors
import Glibc
import Operators
import Synchronization

/// A table in its place in a graph: its rows, which are state, and when its file is looked at again.
///
/// It may be a stream of changes as well, and keep its versions for joins with `as_of`. Rows are read
/// between two batches; what they change leaves by ``flush()``.
final class TableNode {
    let spec: TableSpec
    let counters: NodeCounters
    let invalid: InvalidPort
    /// The changes, of a table that a step or sink reads as a stream.
    let main: OutputPort
    /// Tells joins with `as_of` how far the versions are known; no rows pass.
    let versions: OutputPort
    let open: () throws(ConnectorError) -> any Source
    let context: LaneContext
    let deleteWhen: ExpressionEvaluator?
    let eventTimes: EventTimes?
    private var joins: [any TableReader] = []
    /// Called on the lane when the rows have changed, before the next batch.
    private var listeners: [() -> Void] = []
    private var hasNewRows = false
    var builder: TableState.TableBuilder
    private(set) var state: TableState
    /// The versions of tables with a `history`, also before a join asks for them.
    private(set) var history: TableHistory?
    var pending = StateChanges()
    var changes: RowChanges
    /// What the files looked like when the rows were read, or where the splits of a topic stand.
    var signature: [UInt8] = []
    var hasRows = false
    /// When to look at the files again, wall clock; nil for never.
    var refreshesAt: Int64?
    /// Of a table over a topic: what is read on as rows are committed.
    var followed: FollowedTopic?
    /// By split; a file has one for all.
    var clocks: [TableClock] = []
    /// Of splits that the checkpoint has.
    var savedTimes: [String: Int64] = [:]
    var startedAt: Int64 = 0
    var isLoaded = false
    var sentVersions = Int64.min
    var sentMain: (watermark: Int64, isIdle: Bool) = (.min, false)

    init(
        _ spec: TableSpec, counters: NodeCounters, invalid: InvalidPort, context: LaneContext,
        open: @escaping () throws(ConnectorError) -> any Source
    ) {
        self.spec = spec
        self.counters = counters
        self.invalid = invalid
        self.open = open
        self.context = context
        let schema = spec.output.schema
        main = OutputPort(schema: schema)
        versions = OutputPort(schema: schema)
        deleteWhen = spec.deleteWhen.map { ExpressionEvaluator($0) }
        if case .expression(let expression) = spec.eventTime?.value {
            eventTimes = EventTimes(
                evaluator: ExpressionEvaluator(expression), schema: schema, invalid: invalid)
        } else {
            eventTimes = nil
        }
        builder = TableNode.makeBuilder(spec)
        changes = RowChanges(schema: schema)
        state = .empty(schema: schema)
        if let micros = spec.historyMicros {
            history = TableHistory(schema: schema, key: spec.key, historyMicros: micros)
        }
    }

    func add(_ join: any TableReader) {
        joins.append(join)
        join.table = state
    }

    var hasChanged: Bool { !pending.isEmpty || history?.hasChanged ?? false }

    // MARK: Checkpoints

    /// The part of the state that has the splits' highest event times.
    static let timesPart: UInt8 = 1

    /// Whether it is kept of every row when it happened and where it comes from.
    var keepsOrigins: Bool {
        if case .topic = spec.connector { return true }
        return spec.isStreamed || spec.historyMicros != nil
    }

    /// Of a table with versions the newest one stands, in whatever order they come.
    static func makeBuilder(_ spec: TableSpec) -> TableState.TableBuilder {
        let builder = TableState.TableBuilder(schema: spec.output.schema, key: spec.key)
        builder.isByTime = spec.historyMicros != nil
        builder.keepsRemoved = builder.isByTime
        return builder
    }

    func restore(_ entry: StateEntry) throws(StateError) {
        switch entry.part {
        case TableNode.timesPart:
            guard entry.value.count == 8 else { throw damaged }
            let raw = UnsafeRawBufferPointer(entry.value)
            savedTimes[String(decoding: entry.key, as: UTF8.self)] =
                Int64(littleEndian: raw.loadUnaligned(as: Int64.self))
        case TableHistory.part: try history?.restore(entry)
        default:
            if keepsOrigins {
                try restoreOriginated(entry)
            } else {
                try builder.restore(StringView(entry.key), row: StringView(entry.value))
            }
            hasRows = true
        }
    }

    func restore(signature: [UInt8]) { self.signature = signature }

    private var damaged: StateError {
        StateError(
            message: "cannot restore table '\(spec.name)': an entry of its state is too short")
    }

    /// How a row that keeps its origin stands in a checkpoint: place (u64), event time (i64), 1 for a
    /// row that has gone (u8), and the row.
    private static let originBytes = 17

    private func restoreOriginated(_ entry: StateEntry) throws(StateError) {
        guard entry.value.count >= Self.originBytes else { throw damaged }
        let value = UnsafeRawBufferPointer(entry.value)
        let origin = TableState.TableBuilder.Origin(
            place: UInt64(littleEndian: value.loadUnaligned(as: UInt64.self)),
            time: Int64(littleEndian: value.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
        let row = UnsafeBufferPointer(rebasing: entry.value[Self.originBytes...])
        try builder.restore(
            StringView(entry.key), row: value[16] == 1 ? nil : StringView(row), from: origin)
    }

    /// Notes for the next checkpoint what stands under a key.
    func note(
        _ key: StringView, row: StringView?, from origin: TableState.TableBuilder.Origin
    ) {
        // A row that has gone is kept as such where an older one of another place may come yet.
        if row == nil, !builder.keepsRemoved { return pending.delete(time: 0, key: key.bytes) }
        pending.put(time: 0, key: key.bytes) { bytes in
            if keepsOrigins {
                withUnsafeBytes(of: origin.place.littleEndian) { bytes.append(contentsOf: $0) }
                withUnsafeBytes(of: origin.time.littleEndian) { bytes.append(contentsOf: $0) }
                bytes.append(row == nil ? 1 : 0)
            }
            if let row { bytes.append(contentsOf: row.bytes) }
        }
    }

    func takeChanges() -> StateChanges {
        defer { pending = StateChanges() }
        for clock in clocks where clock.hasMoved && (main.isRead || versions.isRead) {
            clock.hasMoved = false
            Array(clock.id.utf8).withUnsafeBufferPointer {
                pending.put(part: TableNode.timesPart, time: 0, key: $0) { bytes in
                    withUnsafeBytes(of: clock.watermark.highest.littleEndian) {
                        bytes.append(contentsOf: $0)
                    }
                }
            }
        }
        history?.capture(into: &pending)
        return pending
    }

    // MARK: Reading

    /// Reads the table before streams flow, unless the checkpoint has it as the files are now.
    func load(now: Int64) throws(ConnectorError) {
        startedAt = now
        if case .topic = spec.connector {
            try loadTopic(now: now)
        } else {
            try loadFiles(now: now)
        }
        isLoaded = true
    }

    /// Reads on, or reads the files again if they have changed. Between two batches.
    ///
    /// - Parameter isAsked: Whether files are read again that look the same.
    func refresh(now: Int64, isAsked: Bool = false) throws(ConnectorError) {
        if let followed { return try follow(followed, now: now) }
        try refreshFiles(now: now, isAsked: isAsked)
    }

    /// The rows with their event times; nil when none is left.
    func timed(_ rows: SourceRows, split: String, now: Int64) -> Batch? {
        counters.rowsIn += Int64(rows.rowCount)
        invalid.reject(rows.invalid, source: spec.name, split: split)
        guard rows.rowCount > 0 else { return nil }
        let stored = rows.stored?.rowtime
        let batch = Batch(
            columns: rows.columns, rowtime: stored ?? .repeating(now, count: rows.rowCount),
            rowCount: rows.rowCount, weights: rows.weights,
            origin: BatchOrigin(source: spec.name, split: split, positions: rows.positions))
        guard let eventTimes else { return batch }
        return eventTimes.apply(to: batch, stored: stored, now: now)
    }

    /// One byte a row: 1 where the row removes its key; nil when none does.
    func deletions(in batch: Batch, now: Int64) -> Buffer? {
        var flags: Buffer?
        if let weights = batch.weights?.pointer(to: Int32.self) {
            let buffer = Buffer(capacity: batch.rowCount)
            let flag = buffer.pointer(to: UInt8.self)
            for row in 0..<batch.rowCount { flag[row] = weights[row] < 0 ? 1 : 0 }
            flags = buffer
        }
        guard let deleteWhen else { return flags }
        let (selection, _) = deleteWhen.evaluateFilter(batch, now: now)
        guard selection.count > 0 else { return flags }
        let marked = flags ?? Buffer(capacity: batch.rowCount)
        if flags == nil { memset(marked.base, 0, batch.rowCount) }
        let flag = marked.pointer(to: UInt8.self)
        for index in 0..<selection.count { flag[Int(selection.pointer[index])] = 1 }
        return marked
    }

    func publish(_ state: TableState) {
        self.state = state
        counters.rowsOut = Int64(state.count)
        for join in joins { join.table = state }
        hasNewRows = true
    }

    func listen(_ listener: @escaping () -> Void) { listeners.append(listener) }

    /// Sends on what has changed since the last call; before a checkpoint, which has it as given.
    func flush() {
        if !changes.isEmpty {
            for batch in changes.take() { main.send(batch) }
        }
        guard hasNewRows else { return }
        hasNewRows = false
        for listener in listeners { listener() }
    }
}
