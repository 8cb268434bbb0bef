/// Shows the first rows of each partition of each window, once: when the watermark reaches the
/// window's end. Windows leave in order of their end, partitions in the order of their key bytes.
///
/// Takes append-only input whose rows say in one column when their window ends.
package final class WindowTop: Operator {
    private final class OpenWindow {
        let end: Int64
        let table = KeyTable()

        init(end: Int64) { self.end = end }
    }

    private let plan: TopPlan
    private let windowEnd: Int
    private let evaluators: KeyedRows.Evaluators
    private let codec: KeyCodec
    private let store: RowStore
    private let ranking: RankedRows
    /// By end, ascending.
    private var windows: [OpenWindow] = []
    private var watermark = Int64.min
    /// Windows that end before this have left since the last checkpoint; nil if none has.
    private var firedBelow: Int64?
    private static let batchRowsMax = 8192

    package init(_ plan: TopPlan, windowEnd: Int) {
        self.plan = plan
        self.windowEnd = windowEnd
        let field = plan.inputSchema[windowEnd]
        evaluators = KeyedRows.Evaluators(
            key: [.column(windowEnd, field)] + plan.partition, order: plan.order,
            schema: plan.inputSchema)
        codec = KeyCodec(types: plan.keyTypes)
        store = plan.makeStore()
        ranking = plan.makeRanking(store)
    }

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = evaluators.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let keys = codec.encode(rows.key, count: count)
        let places = store.orderCodec.encode(
            rows.order, times: rows.batch.times.integers, input: input,
            sequence: store.nextSequence, count: count)
        store.nextSequence &+= UInt64(count)
        let values = store.encode(rows.batch.columns, count: count)
        let ends = rows.key[0]
        let end = ends.integers
        let rowWatermark = rows.batch.rowWatermarks?.pointer(to: Int64.self)
        var late: [Int] = []
        var fired: [Int] = []
        var open: OpenWindow?
        for row in 0..<count {
            if let rowWatermark, rowWatermark[row] >= end[row] {
                late.append(row)
                continue
            }
            if end[row] <= watermark {
                fired.append(row)
                continue
            }
            let window =
                open.flatMap { $0.end == end[row] ? $0 : nil } ?? openWindow(end[row])
            open = window
            let partition = partition(keys.strings[row], in: window)
            if ranking.isBeyond(places.strings[row], in: partition) { continue }
            let kept = store.add(
                key: keys.strings[row], place: places.strings[row], values: values.strings[row],
                entryTime: window.end)
            ranking.insert(kept, into: partition)
            while let last = ranking.removeBeyond(from: partition) { store.remove(last) }
        }
        store.compact()
        for (rowsLate, wasInTime) in [(late, false), (fired, true)] where !rowsLate.isEmpty {
            let split = RowSplit(failed: rowsLate, count: count)
            output.emitLate(rows.batch.selecting(split.failed), wasInTime: wasInTime)
        }
    }

    private func openWindow(_ end: Int64) -> OpenWindow {
        var index = windows.count
        while index > 0 && windows[index - 1].end >= end {
            if windows[index - 1].end == end { return windows[index - 1] }
            index -= 1
        }
        let open = OpenWindow(end: end)
        windows.insert(open, at: index)
        return open
    }

    private func partition(_ key: StringView, in window: OpenWindow) -> Int32 {
        let hash = key.hash
        let known = window.table.find(key, hash: hash)
        if known >= 0 { return known }
        let partition = ranking.allocate()
        window.table.insert(key, hash: hash, value: partition)
        return partition
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        var fired = 0
        while fired < windows.count && windows[fired].end <= watermark {
            fire(windows[fired], to: output)
            fired += 1
        }
        windows.removeFirst(fired)
        if fired > 0 { store.compact() }
    }

    private func fire(_ window: OpenWindow, to output: any OperatorOutput) {
        let table = window.table
        let order = (0..<table.count).sorted {
            StringView.compare(table.entries[$0].key, table.entries[$1].key) < 0
        }
        var rows: [Int32] = []
        var ranks: [Int64] = []
        for entry in order {
            let shown = ranking.shown(table.entries[entry].value)
            ranks += plan.ranks(shown, in: store)
            rows += shown
            if rows.count >= WindowTop.batchRowsMax { emit(&rows, &ranks, to: output) }
        }
        emit(&rows, &ranks, to: output)
        for entry in 0..<table.count {
            let partition = table.entries[entry].value
            for row in ranking.rows(partition) { store.remove(row, isSwept: true) }
            ranking.release(partition)
        }
        firedBelow = window.end == .max ? .max : window.end + 1
    }

    private func emit(
        _ rows: inout [Int32], _ ranks: inout [Int64], to output: any OperatorOutput
    ) {
        guard !rows.isEmpty else { return }
        var batch = store.batch(rows)
        if plan.hasRank { batch.columns.append(TopPlan.column(ranks)) }
        output.emit(batch)
        rows.removeAll(keepingCapacity: true)
        ranks.removeAll(keepingCapacity: true)
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) {
        if let firedBelow { changes.deleteBelow(time: firedBelow) }
        firedBelow = nil
        store.capture(into: &changes)
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        let row = try store.restore(entry)
        let window = openWindow(entry.time)
        ranking.insert(row, into: partition(store.keys.base[Int(row)], in: window))
    }

    package func restore(watermark: Int64) { self.watermark = watermark }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + windows.reduce(0) { $0 + $1.table.memoryBytes })
    }
}
