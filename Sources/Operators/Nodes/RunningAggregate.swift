/// Aggregates without a window: one result a group, which changes as rows come. For each group that
/// a batch changes, its old row leaves with weight −1 and its new one with +1, next to each other.
/// With `emit: every` that happens so often by the clock, and at the end of the input.
package final class RunningAggregate: Operator {
    private let plan: AggregatePlan
    private let input: AggregateInput
    private let store: GroupStore
    private let compute: [ExpressionEvaluator]
    private let callSchema: Schema
    private let table = KeyTable()
    /// The highest event time since the group was last empty.
    private let rowtimes = GroupArray<Int64>(.min)
    /// The group's place in the batch's list of changed groups plus one; 0 outside of a batch.
    private let marks = GroupArray<Int32>(0)
    /// What has been given, and what is to be; nil where each batch's changes are given with it.
    private let shown: ShownRows?
    private var touched: TouchedGroups

    package init(_ plan: AggregatePlan) {
        self.plan = plan
        input = AggregateInput(plan)
        store = GroupStore(calls: plan.calls)
        compute = plan.compute.map { ExpressionEvaluator($0.expression) }
        callSchema = plan.callSchema
        touched = TouchedGroups(plan.emission)
        shown = plan.emission == .changes ? nil : ShownRows(types: plan.outputTypes)
    }

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = input.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let groupBuffer = Buffer(capacity: count * 4)
        let groups = groupBuffer.pointer(to: Int32.self)
        let keys = rows.keys.strings
        table.find(keys, rows: 0..<count, into: groups)
        var changed: [Int32] = []
        for row in 0..<count {
            if groups[row] < 0 { groups[row] = insert(keys[row]) }
            let group = Int(groups[row])
            if marks.base[group] == 0 {
                changed.append(Int32(group))
                marks.base[group] = Int32(changed.count)
            }
        }
        let before =
            shown == nil ? Standing(of: changed, in: self, now: now, rejectingTo: nil) : nil
        let times = rows.batch.times
        let weights = rows.batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        takeTimes(times.integers, groups, count: count, weight)
        let unknown = store.countRows(groups, count: count, weights: weight)
        AggregateInput.rejectUnknown(
            unknown, of: rows.batch, schema: plan.inputSchema, to: output)
        store.update(groups, count: count, arguments: rows.arguments, weights: weight)
        for group in changed where store.rowCounts.base[Int(group)] == 0 { store.clear(group) }
        for group in changed { marks.base[Int(group)] = 0 }
        if let before {
            let after = Standing(of: changed, in: self, now: now, rejectingTo: output)
            emitChanges(changed.count, from: before, to: after, output)
        } else {
            for group in changed { touched.add(group, now: now) }
            // The row of a group that is gone is not in the next checkpoint.
            give(
                changed.filter { store.rowCounts.base[Int($0)] == 0 }, now: now, to: output)
        }
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        if watermark == .max && shown != nil { give(touched.take(), now: now, to: output) }
    }

    package func tick(now: Int64, to output: any OperatorOutput) {
        if let at = touched.nextTick, at <= now { give(touched.take(), now: now, to: output) }
    }

    package var nextTickAt: Int64? { touched.nextTick }

    /// Gives what has changed of some groups since they were given.
    private func give(_ groups: [Int32], now: Int64, to output: any OperatorOutput) {
        guard let shown, !groups.isEmpty else { return }
        let standing = Standing(of: groups, in: self, now: now, rejectingTo: output)
        store.touch(
            shown.give(
                groups, rowOf: standing.rowOf, columns: standing.columns,
                rowtime: standing.rowtime, to: output))
    }

    /// Takes the rows' event times, row by row, so that the result does not depend on how rows are
    /// cut into batches: a group that was empty on the way forgets what was before.
    private func takeTimes(
        _ times: UnsafePointer<Int64>, _ groups: UnsafePointer<Int32>, count: Int,
        _ weights: UnsafePointer<Int32>?
    ) {
        guard let weights else {
            for row in 0..<count {
                let group = Int(groups[row])
                rowtimes.base[group] = max(rowtimes.base[group], times[row])
            }
            return
        }
        var counts: [Int32: Int64] = [:]
        for row in 0..<count {
            let group = groups[row]
            let sum =
                counts[group, default: store.rowCounts.base[Int(group)]] &+ Int64(weights[row])
            if sum < 0 { continue }
            counts[group] = sum
            let highest = rowtimes.base[Int(group)]
            rowtimes.base[Int(group)] = sum == 0 ? .min : max(highest, times[row])
        }
    }

    private func insert(_ key: StringView) -> Int32 {
        let hash = key.hash
        let known = table.find(key, hash: hash)
        if known >= 0 { return known }
        let group = store.allocate()
        table.insert(key, hash: hash, value: group)
        store.keys.base[Int(group)] = table.entries[table.count - 1].key
        rowtimes.reserve(Int(group) + 1)
        marks.reserve(Int(group) + 1)
        return group
    }

    /// The result rows of some groups at one moment.
    private struct Standing {
        /// The row of the `n`-th group in the columns, −1 when it has none.
        var rowOf: [Int]
        var columns: [Column]
        var rowtime: Column
        /// The rows' values as bytes, to see whether a change shows.
        var bytes: Column

        init(
            of groups: [Int32], in aggregate: RunningAggregate, now: Int64,
            rejectingTo output: (any OperatorOutput)?
        ) {
            let counts = aggregate.store.rowCounts
            let present = groups.indices.filter { counts.base[Int(groups[$0])] > 0 }
            let ids = present.map { groups[$0] }
            let keys = ids.map { aggregate.store.keys.base[Int($0)] }
            guard
                var columns = aggregate.input.codec.decode(
                    keys, retained: aggregate.table.arena.blocks)
            else { preconditionFailure("group keys do not decode") }
            var failed: [Int: String] = [:]
            columns += aggregate.store.results(ids, failed: &failed)
            var times = ColumnBuilder(type: .timestamp, capacity: ids.count)
            for id in ids { times.append(integer: aggregate.rowtimes.base[Int(id)]) }
            let batch = Batch(columns: columns, rowtime: times.finish(), rowCount: ids.count)
            for evaluator in aggregate.compute {
                let result = evaluator.evaluate(batch, now: now)
                columns.append(result.column)
                for row in result.errors?.failedRows ?? [] where failed[row] == nil {
                    failed[row] = evaluator.reason(result.errors?.code(row))
                }
            }
            rowOf = Array(repeating: -1, count: groups.count)
            for (row, index) in present.enumerated() where failed[row] == nil {
                rowOf[index] = row
            }
            let kept = aggregate.plan.groups.count
            let calls = aggregate.plan.calls.count
            self.columns = Array(columns[..<kept] + columns[(kept + calls)...])
            rowtime = batch.rowtime
            bytes = KeyCodec(types: self.columns.map(\.type)).encode(
                self.columns, count: ids.count)
            if let output, !failed.isEmpty {
                let rows = failed.keys.sorted()
                output.reject(
                    batch.selecting(RowSplit(failed: rows, count: ids.count).failed),
                    schema: aggregate.callSchema, reasons: rows.compactMap { failed[$0] })
            }
        }
    }

    private func emitChanges(
        _ count: Int, from before: Standing, to after: Standing, _ output: any OperatorOutput
    ) {
        var order: [Int32] = []
        var weights: [Int32] = []
        let offset = before.rowtime.count
        for index in 0..<count {
            let old = before.rowOf[index]
            let new = after.rowOf[index]
            // A row whose time alone has changed leaves, too: its −1 must have its +1's time.
            if old >= 0 && new >= 0 && before.bytes.strings[old] == after.bytes.strings[new]
                && (!plan.isTimeObserved
                    || before.rowtime.integers[old] == after.rowtime.integers[new])
            {
                continue
            }
            if old >= 0 {
                order.append(Int32(old))
                weights.append(-1)
            }
            if new >= 0 {
                order.append(Int32(offset + new))
                weights.append(1)
            }
        }
        guard !order.isEmpty else { return }
        let weightBuffer = Buffer(capacity: weights.count * 4)
        for (index, weight) in weights.enumerated() {
            weightBuffer.pointer(to: Int32.self)[index] = weight
        }
        let columns = zip(before.columns, after.columns).map { old, new in
            Column.concatenating(old, new).gathered(order, count: order.count)
        }
        let rowtime = Column.concatenating(before.rowtime, after.rowtime)
            .gathered(order, count: order.count)
        output.emit(
            Batch(
                columns: columns, rowtime: rowtime, rowCount: order.count, weights: weightBuffer))
    }

    package func capture(into changes: inout StateChanges) {
        store.capture(into: &changes) { group, bytes in
            shown?.write(group, to: &bytes)
            bytes.append(littleEndian: rowtimes.base[group])
        }
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        if entry.part == 0 {
            let group = insert(try input.key(of: StringView(entry.key)))
            var reader = ByteReader(entry.value)
            if let shown {
                try shown.read(group, from: &reader)
                touched.add(group, now: .min)
            }
            guard let time = reader.read(Int64.self) else { throw .damagedEntry }
            rowtimes.base[Int(group)] = time
            try store.restore(group, from: &reader)
        } else {
            guard let (bytes, call, value) = ValueSets.split(entry.key) else {
                throw .damagedEntry
            }
            let key = try input.key(of: bytes)
            try store.restoreValue(
                value, count: entry.value, call: call, group: insert(key))
        }
    }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + table.memoryBytes + (shown?.byteCount ?? 0))
    }
}
