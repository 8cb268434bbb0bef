/// Shows the first rows of each partition, as they change: what a batch moves in or out leaves as
/// +1 or −1, once for all the rows of the batch.
///
/// Over append-only input only rows that are shown are kept. Over rows that may be taken back all
/// are, since any of them may move up.
package final class Top: Operator {
    private let plan: TopPlan
    private let evaluators: KeyedRows.Evaluators
    private let codec: KeyCodec
    private let store: RowStore
    private let ranking: RankedRows
    private let table = KeyTable()
    /// The partition's place in `touched` plus one; 0 outside of a batch.
    private let marks = GroupArray<Int32>(0)
    /// The partitions that the batch changes, and where what they showed before it begins.
    private var touched: [(partition: Int32, start: Int)] = []
    private var shownBefore: [Int32] = []
    /// Rows that are out of their partitions, but may still have to be taken back.
    private var gone: [Int32] = []

    package init(_ plan: TopPlan) {
        precondition(plan.windowEnd == nil, "a top of windows")
        self.plan = plan
        evaluators = KeyedRows.Evaluators(
            key: plan.partition, order: plan.order, schema: plan.inputSchema)
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
        let partitionBuffer = Buffer(capacity: count * 4)
        let partitions = partitionBuffer.pointer(to: Int32.self)
        table.find(keys.strings, rows: 0..<count, into: partitions)
        let candidates = candidates(partitions, places.strings, count: count)
        let unknown = take(
            rows.batch.selecting(candidates).compacted(), candidates, keys: keys.strings,
            places: places.strings, partitions: partitions)
        emitChanges(to: output)
        for row in gone { store.remove(row) }
        gone.removeAll(keepingCapacity: true)
        store.compact()
        rejectUnknown(unknown, of: rows.batch, to: output)
    }

    /// The rows that are not beyond all that their partition showed before the batch.
    private func candidates(
        _ partitions: UnsafePointer<Int32>, _ places: UnsafePointer<StringView>, count: Int
    ) -> Selection {
        let buffer = Buffer(capacity: count * 4)
        let candidates = buffer.pointer(to: Int32.self)
        var next = 0
        for row in 0..<count {
            if partitions[row] >= 0 && ranking.isBeyond(places[row], in: partitions[row]) {
                continue
            }
            candidates[next] = Int32(row)
            next += 1
        }
        return Selection(rows: buffer, count: next)
    }

    /// Puts rows into their partitions and takes them out, one after the other.
    ///
    /// - Parameters:
    ///   - batch: The candidates, which `candidates` finds among all rows.
    /// - Returns: The rows that take back what is not there, ascending.
    private func take(
        _ batch: Batch, _ candidates: Selection, keys: UnsafePointer<StringView>,
        places: UnsafePointer<StringView>, partitions: UnsafePointer<Int32>
    ) -> [Int] {
        let values = store.encode(batch.columns, count: batch.count)
        let value = values.strings
        let weight = batch.weights?.pointer(to: Int32.self)
        var unknown: [Int] = []
        for index in 0..<batch.count {
            let row = Int(candidates.pointer[index])
            let place = places[row]
            var partition = partitions[row]
            let isTakenBack = weight.map { $0[index] < 0 } ?? false
            if partition < 0 {
                partition = self.partition(keys[row], isAdded: !isTakenBack)
            }
            guard isTakenBack else {
                if ranking.isBeyond(place, in: partition) { continue }
                touch(partition)
                let kept = store.add(
                    key: keys[row], place: place, values: value[index],
                    entryTime: store.orderCodec.time(place))
                ranking.insert(kept, into: partition)
                while let last = ranking.removeBeyond(from: partition) { gone.append(last) }
                continue
            }
            guard partition >= 0,
                let known = ranking.index(ofPlace: place, values: value[index], in: partition)
            else {
                unknown.append(row)
                continue
            }
            touch(partition)
            gone.append(ranking.remove(at: known, from: partition))
        }
        return unknown
    }

    private func partition(_ key: StringView, isAdded: Bool) -> Int32 {
        let hash = key.hash
        // An earlier row of the same batch may have added it.
        let known = table.find(key, hash: hash)
        if known >= 0 || !isAdded { return known }
        let partition = ranking.allocate()
        table.insert(key, hash: hash, value: partition)
        marks.reserve(Int(partition) + 1)
        return partition
    }

    /// Notes what a partition shows before the batch changes it.
    private func touch(_ partition: Int32) {
        guard marks.base[Int(partition)] == 0 else { return }
        touched.append((partition, shownBefore.count))
        marks.base[Int(partition)] = Int32(touched.count)
        shownBefore.append(contentsOf: ranking.shown(partition))
    }

    private func rejectUnknown(_ rows: [Int], of batch: Batch, to output: any OperatorOutput) {
        guard !rows.isEmpty else { return }
        let split = RowSplit(failed: rows, count: batch.count)
        output.reject(
            batch.selecting(split.failed), schema: plan.inputSchema,
            reasons: rows.map { _ in "cannot take back a row: it is not there" })
    }

    // MARK: Changes

    private func emitChanges(to output: any OperatorOutput) {
        var changes = TopChanges()
        for (index, (partition, start)) in touched.enumerated() {
            marks.base[Int(partition)] = 0
            let end = index + 1 < touched.count ? touched[index + 1].start : shownBefore.count
            let before = shownBefore[start..<end]
            let after = ranking.shown(partition)
            if plan.hasRank && !plan.showsTies {
                changes.addByRank(before, after, store)
            } else {
                changes.addByRow(
                    before, plan.ranks(before, in: store), after, plan.ranks(after, in: store),
                    comparesRanks: plan.hasRank, store)
            }
        }
        touched.removeAll(keepingCapacity: true)
        shownBefore.removeAll(keepingCapacity: true)
        // A row whose key stays while its partition changes must go before it comes.
        if plan.isUpdating && !plan.hasRank && plan.limit > 1 { changes.putDeletionsFirst() }
        guard !changes.rows.isEmpty else { return }
        var batch = store.batch(changes.rows)
        if plan.hasRank { batch.columns.append(TopPlan.column(changes.ranks)) }
        batch.weights = changes.weightBuffer
        output.emit(batch)
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) { store.capture(into: &changes) }

    package func restore(_ entry: StateEntry) throws(StateError) {
        let row = try store.restore(entry)
        ranking.insert(row, into: partition(store.keys.base[Int(row)], isAdded: true))
    }

    package var stateSize: StateSize {
        StateSize(entries: store.liveCount, bytes: store.memoryBytes + table.memoryBytes)
    }
}

/// What a batch changes in what a ``Top`` shows.
struct TopChanges {
    private(set) var rows: [Int32] = []
    private(set) var weights: [Int32] = []
    private(set) var ranks: [Int64] = []

    private mutating func append(_ row: Int32, _ weight: Int32, _ rank: Int64) {
        rows.append(row)
        weights.append(weight)
        ranks.append(rank)
    }

    /// Each rank's row, where it is another one.
    mutating func addByRank(
        _ before: ArraySlice<Int32>, _ after: UnsafeBufferPointer<Int32>, _ store: RowStore
    ) {
        for index in 0..<max(before.count, after.count) {
            let old = index < before.count ? before[before.startIndex + index] : nil
            let new = index < after.count ? after[index] : nil
            if let old, let new, store.isSame(old, new) { continue }
            if let old { append(old, -1, Int64(index + 1)) }
            if let new { append(new, 1, Int64(index + 1)) }
        }
    }

    /// The rows that are no longer shown, or under another rank, and then those that now are.
    mutating func addByRow(
        _ before: ArraySlice<Int32>, _ ranksBefore: [Int64], _ after: UnsafeBufferPointer<Int32>,
        _ ranksAfter: [Int64], comparesRanks: Bool, _ store: RowStore
    ) {
        if let old = before.first, let new = after.first, before.count == 1, after.count == 1,
            store.isSame(old, new)
        {
            return
        }
        var new: [(row: Int32, rank: Int64)] = []
        var next = 0
        for (index, row) in before.enumerated() {
            let place = store.places.base[Int(row)]
            while next < after.count,
                StringView.compare(store.places.base[Int(after[next])], place) < 0
            {
                new.append((after[next], ranksAfter[next]))
                next += 1
            }
            if next < after.count && after[next] == row {
                if comparesRanks && ranksBefore[index] != ranksAfter[next] {
                    append(row, -1, ranksBefore[index])
                    new.append((row, ranksAfter[next]))
                }
                next += 1
            } else {
                append(row, -1, ranksBefore[index])
            }
        }
        for index in next..<after.count { new.append((after[index], ranksAfter[index])) }
        for (row, rank) in new { append(row, 1, rank) }
    }

    mutating func putDeletionsFirst() {
        let order =
            weights.indices.filter { weights[$0] < 0 }
            + weights.indices.filter { weights[$0] > 0 }
        rows = order.map { rows[$0] }
        ranks = order.map { ranks[$0] }
        weights = order.map { weights[$0] }
    }

    var weightBuffer: Buffer {
        let buffer = Buffer(capacity: weights.count * 4)
        for (index, weight) in weights.enumerated() {
            buffer.pointer(to: Int32.self)[index] = weight
        }
        return buffer
    }
}
