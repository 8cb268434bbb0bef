/// Aggregates over tumbling or hopping event-time windows. Each window fires once, in order of its
/// end, when the watermark reaches its end plus grace; its groups leave in the order of their keys.
///
/// Late is decided by the row's own split (SEMANTICS 15): a row goes to the late port when every
/// window it belongs to had been reached by its split's watermark, or has fired meanwhile.
package final class WindowedAggregate: Operator {
    private final class OpenWindow {
        let start: Int64
        let table = KeyTable()

        init(start: Int64) { self.start = start }
    }

    private let plan: AggregatePlan
    private let window: AggregatePlan.Window
    private let input: AggregateInput
    private let store: GroupStore
    private let compute: [ExpressionEvaluator]
    private let callSchema: Schema
    /// By start, ascending.
    private var windows: [OpenWindow] = []
    private var watermark = Int64.min
    /// Windows that start before this have fired since the last checkpoint; nil if none has.
    private var firedBelow: Int64?
    private static let batchRowsMax = 8192

    package init(_ plan: AggregatePlan, window: AggregatePlan.Window) {
        self.plan = plan
        self.window = window
        input = AggregateInput(plan)
        store = GroupStore(calls: plan.calls)
        compute = plan.compute.map { ExpressionEvaluator($0.expression) }
        callSchema = plan.callSchema
    }

    package var holdMicros: Int64 { plan.graceMicros }

    /// When the window may fire; `Int64.max` where that leaves 64 bits.
    private func fireTime(_ start: Int64) -> Int64 {
        let (end, endOverflow) = start.addingReportingOverflow(window.sizeMicros)
        let (time, overflow) = end.addingReportingOverflow(plan.graceMicros)
        return endOverflow || overflow ? .max : time
    }

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = input.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let groupBuffer = Buffer(capacity: count * 4)
        let groups = groupBuffer.pointer(to: Int32.self)
        let fates = Buffer(capacity: count)
        let fate = fates.pointer(to: UInt8.self)
        fate.initialize(repeating: Fate.late, count: count)
        let weights = rows.batch.denseWeights

        let weight = weights?.pointer(to: Int32.self)
        var unknown: Set<Int> = []
        let isPartial = window.sizeMicros % window.everyMicros != 0
        for pass in 0..<window.sizeMicros / window.everyMicros + (isPartial ? 1 : 0) {
            place(rows, pass: pass, groups: groups, fate: fate)
            unknown.formUnion(store.countRows(groups, count: count, weights: weight))
            store.update(groups, count: count, arguments: rows.arguments, weights: weight)
        }
        emitLate(rows.batch, fate, to: output)
        AggregateInput.rejectUnknown(
            unknown.sorted(), of: rows.batch, schema: plan.inputSchema, to: output)
    }

    /// What became of a row over all its windows.
    private enum Fate {
        static let placed: UInt8 = 0
        static let late: UInt8 = 1
        /// In time by its own split, but the window had fired.
        static let fired: UInt8 = 2
    }

    /// Finds each row's group in the `pass`-th of its windows, counted from the last one.
    private func place(
        _ rows: AggregateInput.Rows, pass: Int64, groups: UnsafeMutablePointer<Int32>,
        fate: UnsafeMutablePointer<UInt8>
    ) {
        let count = rows.batch.count
        let times = rows.batch.times
        let time = times.integers
        let rowWatermarks = rows.batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        let keys = rows.keys.strings
        let every = window.everyMicros
        var row = 0
        while row < count {
            guard let last = window.lastStart(time[row]) else {
                groups[row] = -1
                row += 1
                continue
            }
            // A run of rows whose last window is the same one.
            var end = row + 1
            if rowWatermark == nil {
                let (behind, isEndless) = last.addingReportingOverflow(every)
                while end < count && time[end] >= last && (isEndless || time[end] < behind) {
                    end += 1
                }
            }
            let (start, overflow) = last.subtractingReportingOverflow(pass * every)
            let fires = fireTime(start)
            let isLate = rowWatermark.map { $0[row] >= fires } ?? false
            let hasFired = fires <= watermark
            // The window's end is no more than the last one's, which is within 64 bits.
            let isInside = !overflow && time[row] < start &+ window.sizeMicros
            if end - row > 1 && !holdsRun(start, last: last) {
                // Rows of one run may differ in whether the earliest window still holds them.
                end = row + 1
            }
            if !isInside || isLate || hasFired {
                for index in row..<end {
                    groups[index] = -1
                    if isInside && !isLate && fate[index] == Fate.late {
                        fate[index] = Fate.fired
                    }
                }
            } else {
                let open = openWindow(start)
                open.table.find(keys, rows: row..<end, into: groups)
                for index in row..<end {
                    fate[index] = Fate.placed
                    if groups[index] < 0 { groups[index] = insert(keys[index], into: open) }
                }
            }
            row = end
        }
    }

    /// Whether the window at `start` holds every row whose last window is the one at `last`.
    private func holdsRun(_ start: Int64, last: Int64) -> Bool {
        let (behind, overflow) = last.addingReportingOverflow(window.everyMicros)
        return !overflow && behind <= start &+ window.sizeMicros
    }

    private func insert(_ key: StringView, into open: OpenWindow) -> Int32 {
        let hash = key.hash
        // An earlier row of the same run may have added it.
        let known = open.table.find(key, hash: hash)
        if known >= 0 { return known }
        let group = store.allocate()
        open.table.insert(key, hash: hash, value: group)
        store.keys.base[Int(group)] = open.table.entries[open.table.count - 1].key
        store.times.base[Int(group)] = open.start
        return group
    }

    private func openWindow(_ start: Int64) -> OpenWindow {
        var index = windows.count
        while index > 0 && windows[index - 1].start >= start {
            if windows[index - 1].start == start { return windows[index - 1] }
            index -= 1
        }
        let open = OpenWindow(start: start)
        windows.insert(open, at: index)
        return open
    }

    private func emitLate(
        _ batch: Batch, _ fate: UnsafePointer<UInt8>, to output: any OperatorOutput
    ) {
        for (kind, wasInTime) in [(Fate.late, false), (Fate.fired, true)] {
            let rows = (0..<batch.count).filter { fate[$0] == kind }
            guard !rows.isEmpty else { continue }
            output.emitLate(
                batch.selecting(RowSplit(failed: rows, count: batch.count).failed),
                wasInTime: wasInTime)
        }
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        var fired = 0
        while fired < windows.count && fireTime(windows[fired].start) <= watermark {
            fire(windows[fired], now: now, to: output)
            fired += 1
        }
        windows.removeFirst(fired)
    }

    private func fire(_ open: OpenWindow, now: Int64, to output: any OperatorOutput) {
        let table = open.table
        let order = (0..<table.count).filter {
            store.rowCounts.base[Int(table.entries[$0].value)] > 0
        }.sorted {
            StringView.compare(table.entries[$0].key, table.entries[$1].key) < 0
        }
        var next = 0
        while next < order.count {
            let slice = order[next..<min(next + WindowedAggregate.batchRowsMax, order.count)]
            next += slice.count
            emit(
                open, groups: slice.map { table.entries[$0].value },
                keys: slice.map { table.entries[$0].key }, now: now, to: output)
        }
        for index in 0..<table.count { store.release(table.entries[index].value) }
        firedBelow = open.start + 1
    }

    private func emit(
        _ open: OpenWindow, groups: [Int32], keys: [StringView], now: Int64,
        to output: any OperatorOutput
    ) {
        guard var columns = input.codec.decode(keys, retained: open.table.arena.blocks) else {
            preconditionFailure("group keys of window \(open.start) do not decode")
        }
        let end = open.start + window.sizeMicros
        columns.append(.repeating(open.start, count: groups.count))
        columns.append(.repeating(end, count: groups.count))
        var failed: [Int: String] = [:]
        columns += store.results(groups, failed: &failed)
        var batch = Batch(
            columns: columns, rowtime: .repeating(end - 1, count: groups.count),
            rowCount: groups.count)
        if !failed.isEmpty {
            let rows = failed.keys.sorted()
            let split = RowSplit(failed: rows, count: groups.count)
            output.reject(
                batch.selecting(split.failed), schema: callSchema,
                reasons: rows.compactMap { failed[$0] })
            batch = batch.selecting(split.good)
        }
        let kept = plan.groups.count + 2
        let computed = EvaluatedRows(
            compute, over: batch, now: now, schema: callSchema, rejectingTo: output)
        guard computed.batch.count > 0 else { return }
        let passed = (0..<kept).map { computed.batch.column($0) }
        output.emit(computed.batch.replacingColumns(passed + computed.columns))
    }

    package func capture(into changes: inout StateChanges) {
        if let firedBelow {
            for part in store.parts { changes.deleteBelow(part: part, time: firedBelow) }
        }
        firedBelow = nil
        store.capture(into: &changes, prefix: { _, _ in })
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        guard window.lastStart(entry.time) == entry.time else { throw .damagedEntry }
        let open = openWindow(entry.time)
        if entry.part == 0 {
            let key = try input.key(of: StringView(entry.key))
            var reader = ByteReader(entry.value)
            try store.restore(insert(key, into: open), from: &reader)
        } else {
            guard let (bytes, call, value) = ValueSets.split(entry.key) else {
                throw .damagedEntry
            }
            let key = try input.key(of: bytes)
            try store.restoreValue(
                value, count: entry.value, call: call, group: insert(key, into: open))
        }
    }

    package func restore(watermark: Int64) { self.watermark = watermark }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + windows.reduce(0) { $0 + $1.table.memoryBytes })
    }
}
