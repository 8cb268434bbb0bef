/// Aggregates over sessions: rows of one group each less than `gap` after another one. A session is
/// [first row, last row + gap); it fires once, in order of its end and then of the key's bytes, when
/// the watermark reaches its end plus grace.
///
/// A row that is older than its split's watermark less grace is late, so that none touches a session
/// that has fired (SEMANTICS 15). A row may join two sessions; they become one.
///
/// With a longest session, a row that comes that long after the first one begins another session. Which
/// row is first is known once no earlier one can come: until then rows wait, in the order of time.
package final class SessionAggregate: Operator {
    private let plan: AggregatePlan
    /// Rows that wait for earlier ones; nil where they need not.
    private let sorted: SortedRows?
    private let input: AggregateInput
    private let store: GroupStore
    private let results: WindowResults

    private let sessions: SessionLists
    private let states = GroupArray<UInt8>(0)
    /// When the session's entry in `due` is; other entries of it are stale.
    private let dueTimes = GroupArray<Int64>(.min)

    private var due = DueHeap()
    /// Sessions that have come since the last checkpoint.
    private var fresh: [Int32] = []
    /// Sessions that are over and whose entries the next checkpoint deletes.
    private var retired: [Int32] = []
    private var watermark = Int64.min

    /// Of the entries of rows that wait; 0 has the sessions and ``ValueSets/part`` their values.
    private static let waitingPart: UInt8 = 2

    private enum State {
        static let live: UInt8 = 1
        /// A checkpoint has it.
        static let captured: UInt8 = 2
    }

    /// - Parameters:
    ///   - plan: With bounds; its own window is not read.
    ///   - gapMicros: Above 0.
    ///   - maxMicros: Above 0; nil for no bound.
    package init(_ plan: AggregatePlan, gapMicros: Int64, maxMicros: Int64? = nil) {
        precondition(plan.hasBounds && gapMicros > 0, "sessions with gap \(gapMicros)")
        precondition(maxMicros ?? 1 > 0, "sessions of \(maxMicros ?? 0)")
        self.plan = plan
        sessions = SessionLists(gapMicros: gapMicros, maxMicros: maxMicros)
        sorted = maxMicros.map { _ in
            SortedRows(schema: plan.inputSchema, part: SessionAggregate.waitingPart)
        }
        input = AggregateInput(plan)
        store = GroupStore(calls: plan.calls, mergesGroups: true)
        results = WindowResults(plan, codec: input.codec, store: store)
    }

    package var holdMicros: Int64 { plan.graceMicros }

    private func fireTime(_ session: Int32) -> Int64 {
        let (time, overflow) = sessions.end(session).addingReportingOverflow(plan.graceMicros)
        return overflow ? .max : time
    }

    // MARK: Rows

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        guard let sorted else {
            return place(batch, checksTime: true, now: now, to: output)
        }
        let fates = RowFates(count: batch.count)
        let times = batch.times
        let watermarks = batch.denseRowWatermarks
        var late: [Int] = []
        for row in 0..<batch.count
        where !isTimely(row, times.integers, watermarks?.pointer(to: Int64.self), fates) {
            late.append(row)
        }
        fates.giveLate(of: batch, to: output)
        let timely =
            late.isEmpty
            ? batch : batch.selecting(RowSplit(failed: late, count: batch.count).good)
        sorted.add(timely, input: index)
    }

    /// Whether a row is in time; its fate is noted.
    @inline(__always)
    private func isTimely(
        _ row: Int, _ time: UnsafePointer<Int64>, _ rowWatermark: UnsafePointer<Int64>?,
        _ fates: RowFates
    ) -> Bool {
        if let rowWatermark, isBehind(time[row], rowWatermark[row]) { return false }
        guard sessions.canHold(time[row]) else { return false }
        guard !isBehind(time[row], watermark) else {
            fates.miss(row)
            return false
        }
        fates.place(row)
        return true
    }

    /// Adds rows to the sessions.
    ///
    /// - Parameter checksTime: Whether rows may be late.
    private func place(
        _ batch: Batch, checksTime: Bool, now: Int64, to output: any OperatorOutput
    ) {
        let rows = input.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let groupBuffer = Buffer(capacity: count * 4)
        let groups = groupBuffer.pointer(to: Int32.self)
        let fates = RowFates(count: count)
        let times = rows.batch.times
        let time = times.integers
        let rowWatermarks = rows.batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        let keys = rows.keys.strings
        var flushed = 0
        var merged: [Int32] = []
        for row in 0..<count {
            groups[row] = -1
            guard !checksTime || isTimely(row, time, rowWatermark, fates) else { continue }
            let key = sessions.key(keys[row])
            let session =
                sessions.find(key, at: time[row]) ?? add(to: key, anchor: time[row])
            while let next = sessions.follower(of: session) {
                // What came before counts before, as it would in a batch of its own.
                update(rows, groups, flushed..<row, now: now)
                flushed = row
                absorb(next, into: session)
                merged.append(next)
            }
            groups[row] = session
        }
        update(rows, groups, flushed..<count, now: now)
        if checksTime { fates.giveLate(of: rows.batch, to: output) }
        giveChanges(merged, now: now, to: output)
    }

    /// Whether a row's time is more than grace behind a watermark.
    private func isBehind(_ time: Int64, _ watermark: Int64) -> Bool {
        let (bound, overflow) = watermark.subtractingReportingOverflow(plan.graceMicros)
        return !overflow && time < bound
    }

    /// Feeds some rows to their sessions.
    private func update(
        _ rows: AggregateInput.Rows, _ groups: UnsafeMutablePointer<Int32>, _ range: Range<Int>,
        now: Int64
    ) {
        guard !range.isEmpty else { return }
        let part = groups + range.lowerBound
        var arguments = rows.arguments
        if range.count < rows.batch.count {
            let selected = range.map { Int32($0) }
            func slice(_ column: Column?) -> Column? {
                column?.gathered(selected, count: selected.count)
            }
            arguments = arguments.map {
                GroupStore.Arguments(
                    argument: slice($0.argument), order: slice($0.order), filter: slice($0.filter))
            }
        }
        _ = store.countRows(part, count: range.count, weights: nil)
        store.update(part, count: range.count, arguments: arguments, weights: nil)
        results.touch(part, count: range.count, now: now)
    }

    // MARK: Sessions of a key

    /// A session of one row, in its place in the key's list.
    ///
    /// - Parameter anchor: The row's time. It names the session in checkpoints: those of a key do not
    ///   overlap.
    private func add(to key: Int32, anchor: Int64) -> Int32 {
        let session = store.allocate()
        let index = Int(session)
        dueTimes.reserve(index + 1)
        states.reserve(index + 1)
        states.base[index] = State.live
        sessions.add(session, to: key, at: anchor)
        store.keys.base[index] = sessions.keyBytes(of: session)
        store.times.base[index] = anchor
        fresh.append(session)
        schedule(session)
        return session
    }

    private func absorb(_ next: Int32, into session: Int32) {
        store.merge(next, into: session)
        sessions.absorb(next, into: session)
        states.base[Int(next)] &= ~State.live
        store.clear(next)
    }

    /// Frees a session that is no longer in its key's list.
    private func retire(_ session: Int32) {
        results.forget(session)
        guard states.base[Int(session)] & State.captured != 0 else {
            return store.release(session)
        }
        store.clear(session)
        store.touch([session])
        retired.append(session)
    }

    // MARK: Results

    /// When the session ends, where that is to be seen, and then when it fires.
    private func dueTime(_ session: Int32, after watermark: Int64) -> Int64 {
        let end = sessions.end(session)
        return plan.emission == .changes && end > watermark ? end : fireTime(session)
    }

    private func schedule(_ session: Int32) {
        let time = dueTime(session, after: watermark)
        dueTimes.base[Int(session)] = time
        due.push(session, at: time)
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        let previous = self.watermark
        self.watermark = watermark
        if let sorted {
            let (bound, overflow) = watermark.subtractingReportingOverflow(plan.graceMicros)
            let isEnd = watermark == .max
            if isEnd || !overflow, let rows = sorted.take(below: isEnd ? .max : bound) {
                place(rows, checksTime: false, now: now, to: output)
            }
        }
        var ready: [Int32] = []
        while let time = due.earliest, time <= watermark, let session = due.popFirst() {
            let index = Int(session)
            guard states.base[index] & State.live != 0, dueTimes.base[index] == time else {
                continue
            }
            // Another entry of the same time is stale.
            dueTimes.base[index] = .min
            if dueTime(session, after: previous) <= watermark {
                ready.append(session)
            } else {
                schedule(session)
            }
        }
        guard !ready.isEmpty else { return }
        ready.sort { isBefore($0, $1) }
        give(ready, now: now, to: output)
        for session in ready {
            guard fireTime(session) <= watermark else {
                schedule(session)
                continue
            }
            sessions.unlink(session)
            states.base[Int(session)] &= ~State.live
            retire(session)
        }
    }

    private func isBefore(_ a: Int32, _ b: Int32) -> Bool {
        let (first, second) = (sessions.end(a), sessions.end(b))
        if first != second { return first < second }
        return StringView.compare(store.keys.base[Int(a)], store.keys.base[Int(b)]) < 0
    }

    private func give(_ given: [Int32], now: Int64, to output: any OperatorOutput) {
        guard !given.isEmpty else { return }
        var groups = WindowResults.Groups(retained: sessions.blocks)
        for session in given {
            groups.append(
                session, key: store.keys.base[Int(session)], start: sessions.start(session),
                end: sessions.end(session))
        }
        results.give(groups, now: now, to: output)
    }

    /// With `changes` what of the batch is to be seen; always those that became part of another one.
    private func giveChanges(_ merged: [Int32], now: Int64, to output: any OperatorOutput) {
        var changed = merged.filter { results.isShown($0) }
        if plan.emission == .changes {
            let touched = results.takeTouched().filter { states.base[Int($0)] & State.live != 0 }
            changed += touched.filter { sessions.end($0) <= watermark || results.isShown($0) }
        }
        give(changed, now: now, to: output)
        for session in merged { retire(session) }
    }

    package func tick(now: Int64, to output: any OperatorOutput) {
        if let at = results.nextTickAt, at <= now {
            give(results.takeTouched(), now: now, to: output)
        }
    }

    package var nextTickAt: Int64? { results.nextTickAt }

    // MARK: State

    package func capture(into changes: inout StateChanges) {
        store.capture(into: &changes) { session, bytes in
            results.write(session, to: &bytes)
            sessions.write(Int32(session), to: &bytes)
        }
        for session in retired { store.release(session) }
        retired.removeAll(keepingCapacity: true)
        for session in fresh where states.base[Int(session)] & State.live != 0 {
            states.base[Int(session)] |= State.captured
        }
        fresh.removeAll(keepingCapacity: true)
        sorted?.capture(into: &changes)
        sessions.dropIdleKeys { store.keys.base[Int($0)] = $1 }
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        if entry.part == SessionAggregate.waitingPart {
            guard let sorted else { throw .damagedEntry }
            return try sorted.restore(entry)
        }
        guard entry.part != 0 else {
            let session = known(try input.key(of: StringView(entry.key)), anchor: entry.time)
            var reader = ByteReader(entry.value)
            try results.read(session, from: &reader)
            guard sessions.read(session, anchor: entry.time, from: &reader) else {
                throw .damagedEntry
            }
            try store.restore(session, from: &reader)
            return schedule(session)
        }
        guard let (bytes, call, value) = ValueSets.split(entry.key) else { throw .damagedEntry }
        let session = known(try input.key(of: bytes), anchor: entry.time)
        try store.restoreValue(value, count: entry.value, call: call, group: session)
    }

    /// The session of a checkpoint that `anchor` names.
    private func known(_ bytes: StringView, anchor: Int64) -> Int32 {
        let key = sessions.key(bytes)
        if let known = sessions.first(of: key, where: { store.times.base[Int($0)] == anchor }) {
            return known
        }
        let added = add(to: key, anchor: anchor)
        states.base[Int(added)] = State.live | State.captured
        return added
    }

    package func restore(watermark: Int64) {
        self.watermark = watermark
        fresh.removeAll()
    }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount - retired.count + (sorted?.count ?? 0),
            bytes: store.memoryBytes + (sorted?.memoryBytes ?? 0) + results.memoryBytes
                + sessions.memoryBytes)
    }
}
