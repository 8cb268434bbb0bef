/// Finds runs of rows that match a pattern, in the order of event time of each partition: strictly one
/// row after the other, the preferred way of several. One row leaves for each match.
///
/// A row is looked at when the watermark has passed it. What is kept, and what a checkpoint holds, are
/// the rows from the start of each partition's attempt on; the threads are made again from them. The
/// node holds its output's watermark back to the earliest start that is not decided.
package final class PatternMatch: Operator {
    /// A partition with rows that are still needed.
    private final class Partition {
        var rows: [Int32] = []
        /// Rows before this one are gone.
        var head = 0
        var attempt: MatchAttempt?
    }

    private let plan: PatternPlan
    private let evaluators: KeyedRows.KeptEvaluators
    private let codec: KeyCodec
    private let store: RowStore
    private let matcher: PatternMatcher
    private let measures: MatchMeasures
    /// By variable: the column that says whether it may take a row, where that goes by the row alone.
    private let conditionColumns: [KeptColumns.Place?]
    private let table = PartitionTable()
    private var partitions: [Partition?] = []
    private var free: [Int32] = []
    private var pending = DueHeap()
    /// Partitions by the last time that their attempt may take a row of.
    private var due = DueHeap()
    /// Partitions by the start of their attempt; some of them have gone on.
    private var starts = DueHeap()
    private var watermark = Int64.min
    private var found: [FoundMatch] = []
    private var tooAmbiguous: [Int32] = []
    private var gone: [Int32] = []
    private var restored: [Int32] = []
    private static let matchesPerBatch = 1024

    package init(_ plan: PatternPlan) {
        self.plan = plan
        var kept = KeptColumns(plan.inputSchema)
        var dependent: Set<Int> = []
        var columns: [KeptColumns.Place?] = []
        var arguments: [[KeptColumns.Call]] = []
        for (index, condition) in plan.conditions.enumerated() {
            let calls = condition?.calls ?? []
            if !calls.isEmpty { dependent.insert(index) }
            columns.append(calls.isEmpty ? condition.map { kept.place($0.result) } : nil)
            arguments.append(calls.map { kept.place($0) })
        }
        let measured = plan.calls.map { kept.place($0) }
        conditionColumns = columns
        let key = plan.partition.map(\.expression)
        evaluators = KeyedRows.KeptEvaluators(
            partition: key, order: plan.order, schema: plan.inputSchema, kept)
        codec = KeyCodec(types: key.map(\.type))
        store = RowStore(schema: kept.schema, keyTypes: key.map(\.type), order: plan.order)
        matcher = PatternMatcher(plan, dependent: dependent, arguments, store)
        measures = MatchMeasures(plan, measured, store)
    }

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let timely = batch.keepingTimely(watermark: watermark, to: output)
        guard timely.count > 0 else { return }
        let rows = evaluators.evaluate(timely, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let time = rows.batch.times.integers
        let keys = codec.encode(rows.key, count: count)
        let places = store.orderCodec.encode(
            rows.order, times: time, input: input, sequence: store.nextSequence, count: count)
        store.nextSequence &+= UInt64(count)
        let values = store.encode(rows.batch.columns, count: count)
        var added: [Int32] = []
        for row in 0..<count {
            let kept = store.add(
                key: keys.strings[row], place: places.strings[row], values: values.strings[row],
                entryTime: 0)
            pending.push(kept, at: min(time[row], .max - 1))
            added.append(kept)
        }
        noteConditions(added, rows.batch)
    }

    /// Notes which variables may take each row, where that goes by the row alone.
    private func noteConditions(_ rows: [Int32], _ batch: Batch) {
        let columns = conditionColumns.map { $0.map(batch.column) }
        for (index, row) in rows.enumerated() {
            var mask: UInt64 = 0
            for (variable, column) in columns.enumerated() {
                let holds = column.map { !$0.isNull(index) && $0.booleans[index] != 0 } ?? true
                if holds { mask |= 1 << UInt64(variable) }
            }
            matcher.masks.reserve(Int(row) + 1)
            matcher.masks.base[Int(row)] = mask
        }
    }

    // MARK: Time

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        var ready: [Int32] = []
        while let row = pending.pop(below: watermark) { ready.append(row) }
        sort(&ready)
        for row in ready {
            endOverdue(before: store.time(row), now: now)
            let partition = partition(of: row)
            partitions[Int(partition)]?.rows.append(row)
            run(partition, now: now)
            if found.count >= PatternMatch.matchesPerBatch { give(now: now, to: output) }
        }
        endOverdue(before: watermark, now: now)
        if watermark == .max { endAll(now: now) }
        give(now: now, to: output)
    }

    private func sort(_ rows: inout [Int32]) {
        let places = store.places.base
        rows.sort { StringView.compare(places[Int($0)], places[Int($1)]) < 0 }
    }

    private func partition(of row: Int32) -> Int32 {
        let key = store.keys.base[Int(row)]
        let known = table.find(key)
        if known >= 0 { return known }
        let partition = free.popLast() ?? Int32(partitions.count)
        if Int(partition) == partitions.count { partitions.append(nil) }
        partitions[Int(partition)] = Partition()
        table.insert(key, partition)
        return partition
    }

    /// Attempts whose time is over before `time` end with the rows they have, the earliest first; of
    /// one time in the order of their first rows.
    private func endOverdue(before time: Int64, now: Int64) {
        while let next = due.earliest, next < time {
            var overdue: [Int32] = []
            var seen: Set<Int32> = []
            while let partition = due.pop(below: next + 1) {
                guard let attempt = partitions[Int(partition)]?.attempt,
                    dueTime(attempt) == next, seen.insert(partition).inserted
                else { continue }
                overdue.append(partition)
            }
            endInOrder(overdue, now: now)
        }
    }

    private func endAll(now: Int64) {
        while true {
            let open = partitions.indices.map { Int32($0) }
                .filter { partitions[Int($0)]?.attempt != nil }
            if open.isEmpty { return }
            endInOrder(open, now: now)
        }
    }

    private func endInOrder(_ overdue: [Int32], now: Int64) {
        let firsts = overdue.compactMap { partition in
            partitions[Int(partition)].map { (partition, store.places.base[Int($0.rows[$0.head])]) }
        }
        for (partition, _) in firsts.sorted(by: { StringView.compare($0.1, $1.1) < 0 }) {
            guard let attempt = partitions[Int(partition)]?.attempt else { continue }
            matcher.end(attempt)
            run(partition, now: now)
        }
    }

    private func dueTime(_ attempt: MatchAttempt) -> Int64 {
        guard let within = plan.withinMicros else { return .max }
        let (time, overflow) = attempt.startTime.addingReportingOverflow(within)
        return overflow ? .max : time
    }

    // MARK: Attempts

    /// Goes on with a partition as far as its rows decide.
    private func run(_ number: Int32, now: Int64) {
        guard let partition = partitions[Int(number)] else { return }
        while partition.head < partition.rows.count {
            let attempt = partition.attempt ?? begin(number, partition)
            while !attempt.isDecided, partition.head + attempt.rowCount < partition.rows.count {
                let row = partition.rows[partition.head + attempt.rowCount]
                if store.time(row) > dueTime(attempt) {
                    matcher.end(attempt)
                } else {
                    matcher.step(attempt, row, now: now)
                }
            }
            guard attempt.isDecided else { break }
            decide(attempt, partition)
        }
        if partition.head == partition.rows.count {
            partitions[Int(number)] = nil
            table.remove(number)
            free.append(number)
        } else if partition.head > 64, partition.head * 2 > partition.rows.count {
            partition.rows.removeFirst(partition.head)
            partition.head = 0
        }
    }

    private func begin(_ number: Int32, _ partition: Partition) -> MatchAttempt {
        let attempt = matcher.begin(at: min(store.time(partition.rows[partition.head]), .max - 1))
        partition.attempt = attempt
        if plan.withinMicros != nil { due.push(number, at: dueTime(attempt)) }
        starts.push(number, at: attempt.startTime)
        return attempt
    }

    /// Notes a match, and lets go of the rows before the next attempt.
    private func decide(_ attempt: MatchAttempt, _ partition: Partition) {
        var skipped = 1
        if attempt.best >= 0 {
            let path = matcher.chains.path(to: attempt.best)
            found.append(
                FoundMatch(
                    rows: path.map { matcher.chains.rows.base[Int($0)] },
                    variables: path.map { matcher.chains.variables.base[Int($0)] }))
            if !plan.skipsToNextRow { skipped = path.count }
        } else if attempt.hasTooManyThreads {
            tooAmbiguous.append(partition.rows[partition.head])
        }
        gone += partition.rows[partition.head..<partition.head + skipped]
        partition.head += skipped
        matcher.release(attempt)
        partition.attempt = nil
    }

    private func give(now: Int64, to output: any OperatorOutput) {
        if !tooAmbiguous.isEmpty {
            let columns = Array(plan.inputSchema.fields.indices)
            let reason =
                "cannot match the pattern from this row on: more than "
                + "\(PatternMatcher.threadsMax) ways are open; make its conditions exclude each other"
            output.reject(
                store.batch(tooAmbiguous).compacted(columns: columns), schema: plan.inputSchema,
                reasons: tooAmbiguous.map { _ in reason })
            tooAmbiguous.removeAll()
        }
        if !found.isEmpty {
            let rows = measures.rows(found, now: now, rejectingTo: output)
            if rows.count > 0 { output.emit(rows) }
            found.removeAll(keepingCapacity: true)
        }
        guard !gone.isEmpty else { return }
        matcher.chains.release(rows: gone)
        for row in gone { store.remove(row) }
        gone.removeAll(keepingCapacity: true)
        store.compact()
    }

    package var holdMicros: Int64 {
        while let start = starts.earliest, let number = starts.earliestRow {
            if partitions[Int(number)]?.attempt?.startTime == start {
                let (hold, overflow) = watermark.subtractingReportingOverflow(start)
                return overflow ? .max : max(0, hold)
            }
            _ = starts.pop(below: start + 1)
        }
        return 0
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) { store.capture(into: &changes) }

    package func restore(_ entry: StateEntry) throws(StateError) {
        restored.append(try store.restore(entry))
    }

    package func restore(watermark: Int64) {
        self.watermark = watermark
        sort(&restored)
        noteConditions(restored, store.batch(restored))
        for row in restored {
            let time = min(store.time(row), .max - 1)
            guard time < watermark else {
                pending.push(row, at: time)
                continue
            }
            partitions[Int(partition(of: row))]?.rows.append(row)
        }
        restored.removeAll()
        for number in partitions.indices { run(Int32(number), now: watermark) }
    }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + table.memoryBytes + matcher.chains.memoryBytes)
    }
}
