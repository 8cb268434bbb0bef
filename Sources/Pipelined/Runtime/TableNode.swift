import Config
import Connectors
import Glibc
import Operators
import Synchronization

/// A table in its place in a graph: its rows, which are state, and when its file is looked at again.
final class TableNode {
    let spec: TableSpec
    let counters: NodeCounters
    let invalid: InvalidPort
    private let open: () throws(ConnectorError) -> any Source
    private let deleteWhen: ExpressionEvaluator?
    private var joins: [TableJoin] = []
    private var builder: TableState.TableBuilder
    private(set) var state: TableState
    private var pending = StateChanges()
    /// What the files looked like when the rows were read.
    private(set) var signature: [UInt8] = []
    private var hasRows = false
    /// When to look at the files again, wall clock; nil for never.
    private(set) var refreshesAt: Int64?
    /// Of a table over a topic: what is read on as rows are committed.
    private var followed: FollowedTopic?

    init(
        _ spec: TableSpec, counters: NodeCounters, invalid: InvalidPort,
        open: @escaping () throws(ConnectorError) -> any Source
    ) {
        self.spec = spec
        self.counters = counters
        self.invalid = invalid
        self.open = open
        deleteWhen = spec.deleteWhen.map { ExpressionEvaluator($0) }
        builder = TableState.TableBuilder(schema: spec.output.schema, key: spec.key)
        state = .empty(schema: spec.output.schema)
    }

    func add(_ join: TableJoin) {
        joins.append(join)
        join.table = state
    }

    var hasChanged: Bool { !pending.isEmpty }

    private var refreshMicros: Int64? {
        if case .file(let options) = spec.connector { return options.refreshMicros }
        return nil
    }

    // MARK: Checkpoints

    func restore(_ entry: StateEntry) throws(StateError) {
        if case .topic = spec.connector {
            try restoreOriginated(entry)
        } else {
            try builder.restore(StringView(entry.key), row: StringView(entry.value))
        }
        hasRows = true
    }

    func restore(signature: [UInt8]) { self.signature = signature }

    /// Whether rows of its topic were committed since it was read.
    var hasNews: Bool { followed?.hasNews.load(ordering: .relaxed) ?? false }

    /// Calls `changed`, on any thread, whenever there may be more to read than a time tells.
    func subscribe(_ changed: @escaping @Sendable () -> Void) {
        followed?.source.subscribe { [weak followed] in
            followed?.hasNews.store(true, ordering: .releasing)
            changed()
        }
        // Rows may have come since the table was read.
        followed?.hasNews.store(true, ordering: .releasing)
    }

    func takeChanges() -> StateChanges {
        defer { pending = StateChanges() }
        return pending
    }

    // MARK: Reading

    /// Reads the table before streams flow, unless the checkpoint has it as the files are now.
    func load(now: Int64) throws(ConnectorError) {
        if case .topic = spec.connector { return try loadTopic(now: now) }
        refreshesAt = refreshMicros.map { now + $0 }
        let present = currentSignature()
        if hasRows && present == signature {
            publish(builder.finish())
            return
        }
        try replace(now: now, signature: present)
    }

    /// Reads the files again if they have changed. Between two batches.
    func refresh(now: Int64) throws(ConnectorError) {
        if let followed { return try follow(followed, now: now) }
        guard let interval = refreshMicros else { return }
        refreshesAt = now + interval
        let present = currentSignature()
        if present != signature { try replace(now: now, signature: present) }
    }

    private func replace(now: Int64, signature: [UInt8]) throws(ConnectorError) {
        let fresh = TableState.TableBuilder(schema: spec.output.schema, key: spec.key)
        let source = try open()
        for split in try source.discover() {
            try read(split, into: fresh, now: now)
        }
        let old = builder
        fresh.forEachRow { key, row in
            if let known = old.row(key), known == row { return }
            pending.put(time: 0, key: key.bytes) { $0.append(contentsOf: row.bytes) }
        }
        old.forEachRow { key, _ in
            if fresh.row(key) == nil { pending.delete(time: 0, key: key.bytes) }
        }
        builder = fresh
        hasRows = true
        self.signature = signature
        publish(fresh.finish())
    }

    private func read(
        _ split: any SourceSplit, into builder: TableState.TableBuilder, now: Int64
    ) throws(ConnectorError) {
        while true {
            guard case .rows(let rows) = try split.read(now: now) else { return }
            counters.rowsIn += Int64(rows.rowCount)
            invalid.reject(rows.invalid, source: spec.name, split: split.id)
            guard rows.rowCount > 0 else { continue }
            guard let deleteWhen else {
                builder.add(rows.columns, count: rows.rowCount)
                continue
            }
            let flags = marked(rows, deleteWhen, nil, now: now)
            builder.add(
                rows.columns, count: rows.rowCount,
                isDeletion: UnsafePointer(flags.pointer(to: UInt8.self)))
        }
    }

    // MARK: Topics

    /// The splits of a topic that a table follows, with what tells that there is more.
    private final class FollowedTopic: Sendable {
        // SAFETY: source and splits are used by the lane only.
        nonisolated(unsafe) let source: any Source
        nonisolated(unsafe) var splits: [any SourceSplit] = []
        let hasNews = Atomic(true)

        init(_ source: any Source) { self.source = source }
    }

    /// Making a table's columns costs time that grows with the table: at most a tenth goes there.
    private static let publishShare: Int64 = 10

    /// Reads the topic on from where the checkpoint stood to its present end.
    private func loadTopic(now: Int64) throws(ConnectorError) {
        let followed = FollowedTopic(try open())
        if let positions = SplitPosition.list(signature) {
            followed.splits = try followed.source.restore(positions)
        }
        self.followed = followed
        try follow(followed, now: now)
        publish(builder.finish())
    }

    private func follow(_ followed: FollowedTopic, now: Int64) throws(ConnectorError) {
        refreshesAt = nil
        guard followed.hasNews.exchange(false, ordering: .acquiring) else { return }
        followed.splits += try followed.source.discover()
        builder.keepsRemoved = followed.splits.count > 1
        var hasRows = false
        for split in followed.splits {
            while case .rows(let rows) = try split.read(now: now) {
                hasRows = true
                apply(rows, of: split, now: now)
            }
        }
        signature = SplitPosition.encode(followed.splits.map { $0.position() })
        guard hasRows, self.hasRows else {
            self.hasRows = true
            return
        }
        let begin = MonotonicClock.micros()
        publish(builder.finish())
        let spent = MonotonicClock.micros() - begin
        if spent > 1000 {
            // Rows that come meanwhile wait together.
            refreshesAt = now + spent * TableNode.publishShare
        }
    }

    /// How a row of a topic's table stands in a checkpoint: place (u64), event time (i64), 1 for a row
    /// that has gone (u8), and the row.
    private static let originBytes = 17

    private func restoreOriginated(_ entry: StateEntry) throws(StateError) {
        guard entry.value.count >= Self.originBytes else {
            throw StateError(
                message: "cannot restore table '\(spec.name)': an entry of its state is too short")
        }
        let value = UnsafeRawBufferPointer(entry.value)
        let origin = TableState.TableBuilder.Origin(
            place: UInt64(littleEndian: value.loadUnaligned(as: UInt64.self)),
            time: Int64(littleEndian: value.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
        let row = UnsafeBufferPointer(rebasing: entry.value[Self.originBytes...])
        try builder.restore(
            StringView(entry.key), row: value[16] == 1 ? nil : StringView(row), from: origin)
    }

    private func apply(_ rows: SourceRows, of split: any SourceSplit, now: Int64) {
        guard rows.rowCount > 0 else { return }
        counters.rowsIn += Int64(rows.rowCount)
        var deletions = rows.weights.map { weights -> Buffer in
            let flags = Buffer(capacity: rows.rowCount)
            let source = weights.pointer(to: Int32.self)
            let target = flags.pointer(to: UInt8.self)
            for row in 0..<rows.rowCount { target[row] = source[row] < 0 ? 1 : 0 }
            return flags
        }
        if let deleteWhen { deletions = marked(rows, deleteWhen, deletions, now: now) }
        builder.add(
            rows.columns, count: rows.rowCount,
            isDeletion: deletions.map { UnsafePointer($0.pointer(to: UInt8.self)) },
            place: split.place,
            rowtimes: rows.stored.map { UnsafePointer($0.rowtime.integers) },
            changed: { [self] key, row, origin in
                // A row that has gone is kept as such where an older one of another place may come yet.
                if row == nil, !builder.keepsRemoved {
                    return pending.delete(time: 0, key: key.bytes)
                }
                pending.put(time: 0, key: key.bytes) { bytes in
                    withUnsafeBytes(of: origin.place.littleEndian) {
                        bytes.append(contentsOf: $0)
                    }
                    withUnsafeBytes(of: origin.time.littleEndian) {
                        bytes.append(contentsOf: $0)
                    }
                    bytes.append(row == nil ? 1 : 0)
                    if let row { bytes.append(contentsOf: row.bytes) }
                }
            })
    }

    /// One byte a row: 1 where the row is a deletion by the expression, or was one before.
    private func marked(
        _ rows: SourceRows, _ deleteWhen: ExpressionEvaluator, _ known: Buffer?, now: Int64
    ) -> Buffer {
        let batch = Batch(
            columns: rows.columns, rowtime: .repeating(now, count: rows.rowCount),
            rowCount: rows.rowCount)
        let (selection, _) = deleteWhen.evaluateFilter(batch, now: now)
        let flags = known ?? Buffer(capacity: rows.rowCount)
        if known == nil { memset(flags.base, 0, rows.rowCount) }
        let flag = flags.pointer(to: UInt8.self)
        for index in 0..<selection.count { flag[Int(selection.pointer[index])] = 1 }
        return flags
    }

    private func publish(_ state: TableState) {
        self.state = state
        counters.rowsOut = Int64(state.count)
        for join in joins { join.table = state }
    }

    /// Path, device, inode, size and time of change of the files that the table is made of; empty
    /// for what is not made of files.
    private func currentSignature() -> [UInt8] {
        guard case .file(let options) = spec.connector else { return [] }
        var paths = [options.path]
        if options.isGlob {
            var found = glob_t()
            defer { globfree(&found) }
            guard glob(options.path, 0, nil, &found) == 0 else { return [] }
            paths = (0..<Int(found.gl_pathc)).compactMap { index in
                found.gl_pathv[index].map { String(cString: $0) }
            }
        }
        var text = ""
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            text +=
                "\(path) \(status.st_dev) \(status.st_ino) \(status.st_size) "
                + "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)\n"
        }
        return Array(text.utf8)
    }
}
