/// `over` in any order, over rows that may be taken back: what a batch changes leaves as −1 and +1 of
/// the rows whose result is another one, once for all the rows of the batch.
///
/// All rows are kept, since a row may come in or go between any two of them; with a time to live, a
/// partition's rows are let go together.
///
/// - Complexity: a batch costs O(rows of the partitions that it touches), and computes the results of
///   the rows in whose frames something changed.
package final class UpdatingOver: Operator {
    private let plan: OverPlan
    private let rows: OverRows
    private let evaluators: KeyedRows.KeptEvaluators
    private let codec: KeyCodec
    private let store: RowStore
    private let ranking: RankedRows
    private let table = PartitionTable()
    private let resultCodec: KeyCodec
    /// The partition's place in `touched` plus one; 0 outside of a batch.
    private let marks = GroupArray<Int32>(0)
    /// The partitions that the batch changes, and where what they held before it begins.
    private var touched: [(partition: Int32, start: Int)] = []
    private var before: [Int32] = []
    private let rowStates = GroupArray<UInt8>(RowState.stays)
    /// Rows that have come and rows that have gone since the last changes were given.
    private var changed: [Int32] = []
    private let highest = GroupArray<Int64>(.min)
    private let isQueued = GroupArray<UInt8>(0)
    private var due = DueHeap()

    enum RowState {
        static let stays: UInt8 = 0
        static let fresh: UInt8 = 1
        static let gone: UInt8 = 2
        /// It has come and gone.
        static let passed: UInt8 = 3
    }

    package init(_ plan: OverPlan) {
        self.plan = plan
        rows = OverRows(plan, inTurn: true)
        evaluators = KeyedRows.KeptEvaluators(
            partition: plan.partition, order: plan.order, schema: plan.inputSchema,
            rows.columns.kept)
        let keyTypes = plan.partition.map(\.type)
        codec = KeyCodec(types: keyTypes)
        store = RowStore(schema: rows.columns.kept.schema, keyTypes: keyTypes, order: plan.order)
        ranking = RankedRows(store: store, limit: 1, showsTies: false, keepsAll: true)
        resultCodec = KeyCodec(
            types: plan.inputSchema.fields.map(\.type) + plan.compute.map(\.expression.type)
                + [.timestamp])
        rows.reserve(1)
    }

    // MARK: Rows

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let evaluated = evaluators.evaluate(batch, now: now, to: output)
        let count = evaluated.batch.count
        guard count > 0 else { return }
        let times = evaluated.batch.times
        let time = times.integers
        let keys = codec.encode(evaluated.key, count: count)
        let places = store.orderCodec.encode(
            evaluated.order, times: time, input: input, sequence: store.nextSequence, count: count)
        store.nextSequence &+= UInt64(count)
        let values = store.encode(evaluated.batch.columns, count: count)
        let weights = evaluated.batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        var unknown: [Int] = []
        for row in 0..<count {
            restartIfPast(keys.strings[row], at: time[row], now: now, to: output)
            let times = Int(weight?[row] ?? 1)
            for _ in 0..<max(times, 0) {
                add(keys.strings[row], places.strings[row], values.strings[row], at: time[row])
            }
            for _ in 0..<max(-times, 0)
            where !takeBack(keys.strings[row], places.strings[row], values.strings[row]) {
                unknown.append(row)
                break
            }
        }
        giveChanges(now: now, to: output)
        rejectUnknown(unknown, of: evaluated.batch, to: output)
    }

    private func add(_ key: StringView, _ place: StringView, _ values: StringView, at time: Int64) {
        let partition = partition(key)
        touch(partition)
        let row = store.add(key: key, place: place, values: values, entryTime: 0)
        ranking.insert(row, into: partition)
        mark(row, RowState.fresh)
        note(time, of: partition)
    }

    private func takeBack(_ key: StringView, _ place: StringView, _ values: StringView) -> Bool {
        let partition = table.find(key)
        guard partition >= 0,
            let index = ranking.index(ofPlace: place, values: values, in: partition)
        else { return false }
        touch(partition)
        let row = ranking.remove(at: index, from: partition)
        let isFresh = rowStates.base[Int(row)] == RowState.fresh
        mark(row, isFresh ? RowState.passed : RowState.gone)
        return true
    }

    private func mark(_ row: Int32, _ state: UInt8) {
        rowStates.reserve(Int(row) + 1)
        if rowStates.base[Int(row)] == RowState.stays { changed.append(row) }
        rowStates.base[Int(row)] = state
    }

    private func partition(_ key: StringView) -> Int32 {
        let known = table.find(key)
        if known >= 0 { return known }
        let partition = ranking.allocate()
        table.insert(key, partition)
        marks.reserve(Int(partition) + 1)
        highest.reserve(Int(partition) + 1)
        isQueued.reserve(Int(partition) + 1)
        highest.reset(Int(partition))
        return partition
    }

    /// Notes what a partition holds before the batch changes it.
    private func touch(_ partition: Int32) {
        guard marks.base[Int(partition)] == 0 else { return }
        touched.append((partition, before.count))
        marks.base[Int(partition)] = Int32(touched.count)
        before.append(contentsOf: ranking.rows(partition))
    }

    private func rejectUnknown(_ rows: [Int], of batch: Batch, to output: any OperatorOutput) {
        guard !rows.isEmpty else { return }
        // It may have been let go.
        guard plan.timeToLiveMicros == nil else {
            return output.countLate(rows.count, wasInTime: false)
        }
        let split = RowSplit(failed: rows, count: batch.count)
        let columns = Array(plan.inputSchema.fields.indices)
        output.reject(
            batch.selecting(split.failed).compacted(columns: columns), schema: plan.inputSchema,
            reasons: rows.map { _ in "cannot take back a row: it is not there" })
    }

    // MARK: Changes

    private func giveChanges(now: Int64, to output: any OperatorOutput) {
        guard !touched.isEmpty else { return }
        var old = OverSide(plan, store)
        var new = OverSide(plan, store)
        for (index, (partition, start)) in touched.enumerated() {
            marks.base[Int(partition)] = 0
            let end = index + 1 < touched.count ? touched[index + 1].start : before.count
            let rowsBefore = Array(before[start..<end])
            let rowsAfter = Array(ranking.rows(partition))
            let affected = AffectedRows(
                rowsBefore, rowsAfter, states: rowStates, store: store, plan: plan)
            old.ask(rowsBefore, affected.before)
            new.ask(rowsAfter, affected.after)
        }
        let partitions = touched.map(\.partition)
        touched.removeAll(keepingCapacity: true)
        before.removeAll(keepingCapacity: true)
        let given = results(old, now: now, rejectingTo: nil)
        let wanted = results(new, now: now, rejectingTo: output)
        if let changes = difference(from: given, to: wanted) { output.emit(changes) }
        for row in changed {
            let state = rowStates.base[Int(row)]
            rowStates.reset(Int(row))
            if state != RowState.fresh { store.remove(row) }
        }
        changed.removeAll(keepingCapacity: true)
        for partition in partitions where ranking.rows(partition).isEmpty { letGo(partition) }
        store.compact()
    }

    private func results(
        _ side: OverSide, now: Int64, rejectingTo output: (any OperatorOutput)?
    ) -> Batch {
        let results = rows.results(
            side.questions, store.batch(side.batch), store: store, now: now, rejectingTo: output)
        rows.clear()
        return results.batch
    }

    /// What is left of `old` as −1 and of `new` as +1 once equal rows are struck out; nil for nothing.
    private func difference(from old: Batch, to new: Batch) -> Batch? {
        let oldBytes = resultCodec.encode(old.columns + [old.rowtime], count: old.count)
        let newBytes = resultCodec.encode(new.columns + [new.rowtime], count: new.count)
        let counted = KeyTable(capacity: old.count)
        var counts: [Int] = []
        for row in 0..<old.count {
            let key = oldBytes.strings[row]
            let known = counted.find(key)
            if known >= 0 {
                counts[Int(known)] += 1
            } else {
                counted.insert(key, hash: key.hash, value: Int32(counts.count))
                counts.append(1)
            }
        }
        var order: [Int32] = []
        var added: [Int32] = []
        for row in 0..<new.count {
            let known = Int(counted.find(newBytes.strings[row]))
            if known >= 0, counts[known] > 0 {
                counts[known] -= 1
            } else {
                added.append(Int32(old.count + row))
            }
        }
        for row in 0..<old.count {
            let known = Int(counted.find(oldBytes.strings[row]))
            guard counts[known] > 0 else { continue }
            counts[known] -= 1
            order.append(Int32(row))
        }
        let goneCount = order.count
        order += added
        guard !order.isEmpty else { return nil }
        let weights = Buffer(capacity: order.count * 4)
        for index in order.indices {
            weights.pointer(to: Int32.self)[index] = index < goneCount ? -1 : 1
        }
        func chosen(_ first: Column, _ second: Column) -> Column {
            Column.concatenating(first, second).gathered(order, count: order.count)
        }
        return Batch(
            columns: zip(old.columns, new.columns).map(chosen),
            rowtime: chosen(old.rowtime, new.rowtime), rowCount: order.count, weights: weights)
    }

    // MARK: Time

    private func note(_ time: Int64, of partition: Int32) {
        guard plan.timeToLiveMicros != nil else { return }
        highest.base[Int(partition)] = max(highest.base[Int(partition)], time)
        queue(partition)
    }

    private func queue(_ partition: Int32) {
        guard isQueued.base[Int(partition)] == 0 else { return }
        isQueued.base[Int(partition)] = 1
        due.push(partition, at: dueTime(partition))
    }

    private func dueTime(_ partition: Int32) -> Int64 {
        guard let timeToLive = plan.timeToLiveMicros else { return .max }
        let (time, overflow) = highest.base[Int(partition)].addingReportingOverflow(timeToLive)
        return overflow ? .max : time
    }

    /// A row that comes after its partition's time to live does not see it.
    private func restartIfPast(
        _ key: StringView, at time: Int64, now: Int64, to output: any OperatorOutput
    ) {
        guard plan.timeToLiveMicros != nil else { return }
        let partition = table.find(key)
        guard partition >= 0, dueTime(partition) < time else { return }
        giveChanges(now: now, to: output)
        letGo(partition)
    }

    private func letGo(_ partition: Int32) {
        for row in ranking.rows(partition) { store.remove(row) }
        ranking.release(partition)
        table.remove(partition)
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        var hasGone = false
        while let partition = due.pop(below: watermark) {
            isQueued.base[Int(partition)] = 0
            guard table.has(partition) else { continue }
            if dueTime(partition) < watermark {
                letGo(partition)
                hasGone = true
            } else {
                queue(partition)
            }
        }
        if hasGone { store.compact() }
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) { store.capture(into: &changes) }

    package func restore(_ entry: StateEntry) throws(StateError) {
        let row = try store.restore(entry)
        rowStates.reserve(Int(row) + 1)
        let partition = partition(store.keys.base[Int(row)])
        ranking.insert(row, into: partition)
        note(store.time(row), of: partition)
    }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + table.memoryBytes + rows.memoryBytes)
    }
}
