/// The results of an aggregate's windows: how they are made of the groups, and what has been given.
///
/// `emit: final` gives each group once, when its window fires. `changes` gives it when its window
/// ends and each time that it changes afterwards, `every` so often by the clock while it changes.
final class WindowResults {
    /// Groups of windows that are still there.
    struct Groups {
        var ids: [Int32] = []
        /// The bytes of each group's key, without its window.
        var keys: [StringView] = []
        var starts: [Int64] = []
        var ends: [Int64] = []
        /// What the keys point into.
        var retained: [Buffer] = []

        mutating func append(_ id: Int32, key: StringView, start: Int64, end: Int64) {
            ids.append(id)
            keys.append(key)
            starts.append(start)
            ends.append(end)
        }
    }

    private let plan: AggregatePlan
    private let codec: KeyCodec
    private let store: GroupStore
    private let compute: [ExpressionEvaluator]
    private let callSchema: Schema
    /// nil with `emit: final`.
    private let shown: ShownRows?
    private var touched: TouchedGroups
    /// Groups that were given and have no rows any more.
    private var emptied: [Int32] = []
    private static let batchRowsMax = 8192

    init(_ plan: AggregatePlan, codec: KeyCodec, store: GroupStore) {
        self.plan = plan
        self.codec = codec
        self.store = store
        compute = plan.compute.map { ExpressionEvaluator($0.expression) }
        callSchema = plan.callSchema
        touched = TouchedGroups(plan.emission)
        shown = plan.emission == .final ? nil : ShownRows(types: plan.outputTypes)
    }

    var memoryBytes: Int { shown?.byteCount ?? 0 }

    // MARK: Giving

    /// Gives the groups, in their order: with `final` as they are, otherwise what has changed.
    func give(_ groups: Groups, now: Int64, to output: any OperatorOutput) {
        var next = 0
        while next < groups.ids.count {
            let slice = next..<min(next + WindowResults.batchRowsMax, groups.ids.count)
            next = slice.upperBound
            give(groups, slice, now: now, to: output)
        }
    }

    private func give(
        _ groups: Groups, _ slice: Range<Int>, now: Int64, to output: any OperatorOutput
    ) {
        let standing = slice.filter { store.rowCounts.base[Int(groups.ids[$0])] > 0 }
        let ids = standing.map { groups.ids[$0] }
        guard
            var columns = codec.decode(
                standing.map { groups.keys[$0] }, retained: groups.retained)
        else { preconditionFailure("group keys of windows do not decode") }
        columns.append(WindowResults.times(standing.map { groups.starts[$0] }))
        columns.append(WindowResults.times(standing.map { groups.ends[$0] }))
        let kept = columns.count
        var failed: [Int: String] = [:]
        columns += store.results(ids, failed: &failed)
        let batch = Batch(
            columns: columns, rowtime: WindowResults.times(standing.map { groups.ends[$0] - 1 }),
            rowCount: ids.count)
        guard let shown else {
            let rows = computed(batch, failed: failed, now: now, to: output)
            guard rows.batch.count > 0 else { return }
            let passed = (0..<kept).map { rows.batch.column($0) }
            return output.emit(rows.batch.replacingColumns(passed + rows.columns))
        }
        let rows = computed(batch, failed: failed, now: now, to: output)
        // The batch was dense: what is selected of it are positions in `standing`.
        let selected = rows.batch.selection?.pointer
        var rowOf = Array(repeating: -1, count: slice.count)
        for row in 0..<rows.batch.count {
            let place = standing[selected.map { Int($0[row]) } ?? row]
            rowOf[place - slice.lowerBound] = row
        }
        let passed = (0..<kept).map { rows.batch.column($0) }
        let changed = shown.give(
            Array(groups.ids[slice]), rowOf: rowOf, columns: passed + rows.columns,
            rowtime: rows.batch.times, to: output)
        store.touch(changed)
    }

    /// The rows with what is computed of them, without those that fail.
    private func computed(
        _ batch: Batch, failed: [Int: String], now: Int64, to output: any OperatorOutput
    ) -> EvaluatedRows {
        var batch = batch
        if !failed.isEmpty {
            let rows = failed.keys.sorted()
            let split = RowSplit(failed: rows, count: batch.count)
            output.reject(
                batch.selecting(split.failed), schema: callSchema,
                reasons: rows.compactMap { failed[$0] })
            batch = batch.selecting(split.good)
        }
        return EvaluatedRows(
            compute, over: batch, now: now, schema: callSchema, rejectingTo: output)
    }

    private static func times(_ micros: [Int64]) -> Column {
        let column = Column.repeating(0, count: micros.count)
        for (row, time) in micros.enumerated() { column.integers[row] = time }
        return column
    }

    // MARK: Changes

    /// Notes that groups have changed, where changes are given.
    func touch(_ groups: UnsafePointer<Int32>, count: Int, now: Int64) {
        guard shown != nil else { return }
        for row in 0..<count where groups[row] >= 0 {
            touched.add(groups[row], now: now)
            if store.rowCounts.base[Int(groups[row])] == 0, isShown(groups[row]) {
                emptied.append(groups[row])
            }
        }
    }

    /// The groups that have changed since the last call, each once.
    func takeTouched() -> [Int32] { touched.take() }

    /// The groups that have lost their last row since the last call: they are taken back at once, as a
    /// group without rows is in no checkpoint.
    func takeEmptied() -> [Int32] {
        defer { emptied.removeAll(keepingCapacity: true) }
        return emptied.filter { store.rowCounts.base[Int($0)] == 0 }
    }

    /// When groups that have changed are to be given, by the clock.
    var nextTickAt: Int64? { touched.nextTick }

    /// Whether a row of the group has been given and stands.
    func isShown(_ group: Int32) -> Bool { shown?.has(group) ?? false }

    /// Frees a group without giving anything.
    func release(_ group: Int32) {
        forget(group)
        store.release(group)
    }

    func forget(_ group: Int32) {
        guard let shown else { return }
        shown.forget(group)
        touched.forget(group)
    }

    // MARK: State

    /// What stands before a group's values in a checkpoint.
    func write(_ group: Int, to bytes: inout [UInt8]) { shown?.write(group, to: &bytes) }

    func read(_ group: Int32, from reader: inout ByteReader) throws(StateError) {
        guard let shown else { return }
        try shown.read(group, from: &reader)
        // It may have changed after it was given last.
        touched.add(group, now: .min)
    }
}
