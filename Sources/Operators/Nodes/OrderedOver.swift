/// `over` over rows that are only ever added, in the order of their event time: each row leaves once,
/// when the watermark has passed it, with what the rows of its partition up to it give.
///
/// Rows that are behind their split's watermark, or the node's, go to the late port. A row is kept as
/// long as a frame may hold it, as an entry of the checkpoint; frames are made again from these.
package final class OrderedOver: Operator {
    private let plan: OverPlan
    private let rows: OverRows
    private let evaluators: KeyedRows.KeptEvaluators
    private let codec: KeyCodec
    private let store: RowStore
    private let partitions: OverPartitions
    /// Rows that the watermark has not passed.
    private var pending = DueHeap()
    private var watermark = Int64.min
    /// Rows before this have been let go since the last checkpoint; nil if none has.
    private var sweptBelow: Int64?
    /// What is restored: rows, until the watermark tells which have left.
    private var restored: [Int32] = []
    /// How many rows are computed together, about.
    private static let chunkRows = 8192

    package init(_ plan: OverPlan) {
        self.plan = plan
        rows = OverRows(plan, inTurn: false)
        evaluators = KeyedRows.KeptEvaluators(
            partition: plan.partition, order: plan.order, schema: plan.inputSchema,
            rows.columns.kept)
        let keyTypes = plan.partition.map(\.type)
        codec = KeyCodec(types: keyTypes)
        store = RowStore(schema: rows.columns.kept.schema, keyTypes: keyTypes, order: plan.order)
        partitions = OverPartitions(plan)
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
        for row in 0..<count {
            let kept = store.add(
                key: keys.strings[row], place: places.strings[row], values: values.strings[row],
                entryTime: min(time[row], .max - 1))
            pending.push(kept, at: min(time[row], .max - 1))
        }
    }

    // MARK: Time

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        var ready: [Int32] = []
        while let row = pending.pop(below: watermark) { ready.append(row) }
        sort(&ready)
        var rest = ready[...]
        while !rest.isEmpty {
            let chunk = nextChunk(&rest)
            let result = answer(chunk, now: now, to: output)
            if result.count > 0 { output.emit(result) }
        }
        letGo()
    }

    private func sort(_ rows: inout [Int32]) {
        let places = store.places.base
        rows.sort { StringView.compare(places[Int($0)], places[Int($1)]) < 0 }
    }

    /// Some rows, and all of the time of the last one.
    private func nextChunk(_ rest: inout ArraySlice<Int32>) -> [Int32] {
        var end = min(rest.startIndex + OrderedOver.chunkRows, rest.endIndex)
        while end < rest.endIndex, store.time(rest[end]) == store.time(rest[end - 1]) { end += 1 }
        defer { rest = rest[end...] }
        return Array(rest[..<end])
    }

    private func answer(
        _ chunk: [Int32], now: Int64, to output: any OperatorOutput
    ) -> Batch {
        var questions = OverRows.Questions(plan)
        var next = 0
        while next < chunk.count {
            // Rows of one time are in each other's range.
            let time = store.time(chunk[next])
            var end = next + 1
            while end < chunk.count, store.time(chunk[end]) == time { end += 1 }
            partitions.take(chunk, next..<end, at: time, store, into: &questions)
            next = end
        }
        rows.reserve(partitions.count)
        let results = rows.results(
            questions, store.batch(chunk), store: store, now: now, rejectingTo: output)
        removeGone()
        return results.batch
    }

    private func removeGone() {
        let gone = partitions.takeGone()
        guard !gone.isEmpty else { return }
        rows.release(gone)
        for row in gone { store.remove(row, isSwept: isSwept) }
        store.compact()
    }

    /// Whether rows leave the checkpoint by their time.
    private var isSwept: Bool { sweep(at: 0) != nil }

    /// What lies before this is needed by no row after the watermark; nil where rows are counted.
    private func sweep(at watermark: Int64) -> Int64? {
        guard plan.lagMax == 0, plan.timeToLiveMicros == nil else { return nil }
        switch plan.frame {
        case .none, .rows(0): return watermark
        case .rows: return nil
        case .range(let range):
            let (bound, overflow) = watermark.subtractingReportingOverflow(range)
            return overflow ? nil : bound
        }
    }

    private func letGo() {
        var forgotten = FrameSteps()
        partitions.letGo(below: watermark, forgetting: &forgotten)
        rows.reserve(partitions.count)
        if !forgotten.steps.isEmpty { rows.add(forgotten, store.batch([])) }
        removeGone()
        if let bound = sweep(at: watermark) { sweptBelow = bound }
    }

    // MARK: State

    private static let rowsPart: UInt8 = 0
    private static let partitionsPart: UInt8 = 1

    package func capture(into changes: inout StateChanges) {
        if let sweptBelow {
            changes.deleteBelow(part: OrderedOver.rowsPart, time: sweptBelow)
        }
        sweptBelow = nil
        store.capture(part: OrderedOver.rowsPart, into: &changes)
        partitions.capture(part: OrderedOver.partitionsPart, into: &changes)
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        if entry.part == OrderedOver.rowsPart {
            restored.append(try store.restore(entry))
            return
        }
        guard codec.isKey(StringView(entry.key)) else { throw .damagedEntry }
        try partitions.restore(entry)
    }

    package func restore(watermark: Int64) {
        self.watermark = watermark
        sort(&restored)
        let left = restored.filter { min(store.time($0), .max - 1) < watermark }
        for row in restored[left.count...] { pending.push(row, at: min(store.time(row), .max - 1)) }
        restored.removeAll()
        var steps = FrameSteps()
        partitions.takeBack(left, store, into: &steps)
        rows.reserve(partitions.count)
        rows.add(steps, store.batch(left))
    }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount + partitions.liveCount,
            bytes: store.memoryBytes + partitions.memoryBytes + rows.memoryBytes)
    }
}
