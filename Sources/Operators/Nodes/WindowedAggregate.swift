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
    private let results: WindowResults
    /// By start, ascending.
    private var windows: [OpenWindow] = []
    private var watermark = Int64.min
    /// Windows that start before this have fired since the last checkpoint; nil if none has.
    private var firedBelow: Int64?

    package init(_ plan: AggregatePlan, window: AggregatePlan.Window) {
        self.plan = plan
        self.window = window
        input = AggregateInput(plan)
        store = GroupStore(calls: plan.calls)
        results = WindowResults(plan, codec: input.codec, store: store)
    }

    package var holdMicros: Int64 { plan.graceMicros }

    /// When the window ends; `Int64.max` where that leaves 64 bits.
    private func endTime(_ start: Int64) -> Int64 {
        let (end, overflow) = start.addingReportingOverflow(window.sizeMicros)
        return overflow ? .max : end
    }

    /// When the window may fire.
    private func fireTime(_ start: Int64) -> Int64 {
        let (time, overflow) = endTime(start).addingReportingOverflow(plan.graceMicros)
        return overflow ? .max : time
    }

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = input.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let groupBuffer = Buffer(capacity: count * 4)
        let groups = groupBuffer.pointer(to: Int32.self)
        let fates = RowFates(count: count)
        let weights = rows.batch.denseWeights

        let weight = weights?.pointer(to: Int32.self)
        var unknown: Set<Int> = []
        let isPartial = window.sizeMicros % window.everyMicros != 0
        for pass in 0..<window.sizeMicros / window.everyMicros + (isPartial ? 1 : 0) {
            place(rows, pass: pass, groups: groups, fates: fates)
            unknown.formUnion(store.countRows(groups, count: count, weights: weight))
            store.update(groups, count: count, arguments: rows.arguments, weights: weight)
            results.touch(groups, count: count, now: now)
        }
        fates.giveLate(of: rows.batch, to: output)
        AggregateInput.rejectUnknown(
            unknown.sorted(), of: rows.batch, schema: plan.inputSchema, to: output)
        give(results.takeEmptied(), now: now, to: output)
        if plan.emission == .changes {
            give(results.takeTouched().filter { hasEnded($0) }, now: now, to: output)
        }
    }

    /// Whether the group's window has ended, though it may wait for late rows.
    private func hasEnded(_ group: Int32) -> Bool {
        endTime(store.times.base[Int(group)]) <= watermark
    }

    /// Finds each row's group in the `pass`-th of its windows, counted from the last one.
    private func place(
        _ rows: AggregateInput.Rows, pass: Int64, groups: UnsafeMutablePointer<Int32>,
        fates: RowFates
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
                    if isInside && !isLate { fates.miss(index) }
                }
            } else {
                let open = openWindow(start)
                open.table.find(keys, rows: row..<end, into: groups)
                for index in row..<end {
                    fates.place(index)
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

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        let previous = self.watermark
        self.watermark = watermark
        var fired = 0
        for open in windows {
            let end = endTime(open.start)
            guard end <= watermark else { break }
            let fires = fireTime(open.start) <= watermark
            switch plan.emission {
            case .final, .every: if fires { giveAll(open, now: now, to: output) }
            case .changes: if end > previous { giveAll(open, now: now, to: output) }
            }
            guard fires else { continue }
            for index in 0..<open.table.count { results.release(open.table.entries[index].value) }
            firedBelow = open.start + 1
            fired += 1
        }
        windows.removeFirst(fired)
    }

    package func tick(now: Int64, to output: any OperatorOutput) {
        if let at = results.nextTickAt, at <= now {
            give(results.takeTouched(), now: now, to: output)
        }
    }

    package var nextTickAt: Int64? { results.nextTickAt }

    /// Gives the groups of a window in the order of their keys.
    private func giveAll(_ open: OpenWindow, now: Int64, to output: any OperatorOutput) {
        let entries = UnsafeBufferPointer(start: open.table.entries, count: open.table.count)
        var groups = WindowResults.Groups(retained: open.table.arena.blocks)
        let end = endTime(open.start)
        for entry in entries.sorted(by: { StringView.compare($0.key, $1.key) < 0 })
        where plan.emission != .final || store.rowCounts.base[Int(entry.value)] > 0 {
            groups.append(entry.value, key: entry.key, start: open.start, end: end)
        }
        results.give(groups, now: now, to: output)
    }

    private func give(_ ids: [Int32], now: Int64, to output: any OperatorOutput) {
        guard !ids.isEmpty else { return }
        var groups = WindowResults.Groups(retained: windows.flatMap(\.table.arena.blocks))
        for id in ids {
            let start = store.times.base[Int(id)]
            groups.append(
                id, key: store.keys.base[Int(id)], start: start, end: endTime(start))
        }
        results.give(groups, now: now, to: output)
    }

    package func capture(into changes: inout StateChanges) {
        if let firedBelow {
            for part in store.parts { changes.deleteBelow(part: part, time: firedBelow) }
        }
        firedBelow = nil
        store.capture(into: &changes) { results.write($0, to: &$1) }
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        guard window.lastStart(entry.time) == entry.time else { throw .damagedEntry }
        let open = openWindow(entry.time)
        if entry.part == 0 {
            let key = try input.key(of: StringView(entry.key))
            var reader = ByteReader(entry.value)
            let group = insert(key, into: open)
            try results.read(group, from: &reader)
            try store.restore(group, from: &reader)
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
            bytes: store.memoryBytes + results.memoryBytes
                + windows.reduce(0) { $0 + $1.table.memoryBytes })
    }
}
