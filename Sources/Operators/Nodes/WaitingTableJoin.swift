/// Joins a stream to a table's present rows; a row without a partner waits for one, by event time.
///
/// It waits until the table has its key, or until the input's watermark is further behind the row than
/// the wait; then it has no partner. Rows of one key leave in the order in which they came. Rows behind
/// their split's watermark, and those with a null in their key, do not wait.
package final class WaitingTableJoin: Operator, TableReader {
    /// The table as it stands; ``tableChanged(now:to:)`` follows, before the next batch.
    package var table: TableState
    private let match: [ExpressionEvaluator]
    private let tableColumns: [Int]
    private let keepsUnmatched: Bool
    private let waitMicros: Int64
    private let codec: KeyCodec
    private let inputSchema: Schema
    private let store: RowStore
    /// In the order in which they came; −1 where one has left.
    private var waiting: [Int32] = []
    private var goneCount = 0
    private var due = DueHeap()
    /// By the row's number: its place in ``waiting``; −1 once it has left.
    private let placeOf = GroupArray<Int32>(-1)
    private var watermark = Int64.min
    /// Rows due before this have left since the last checkpoint; nil if none has.
    private var leftBelow: Int64?

    private static let batchRowsMax = 8192

    /// - Parameters:
    ///   - waitMicros: At least 0.
    ///
    /// The others are those of ``TableJoin``.
    package init(
        table: TableState, match: [BoundExpression], tableColumns: [Int], keepsUnmatched: Bool,
        waitMicros: Int64, inputSchema: Schema
    ) {
        self.table = table
        self.match = match.map { ExpressionEvaluator($0) }
        self.tableColumns = tableColumns
        self.keepsUnmatched = keepsUnmatched
        self.waitMicros = waitMicros
        self.inputSchema = inputSchema
        codec = KeyCodec(types: match.map(\.type))
        store = RowStore(
            schema: inputSchema, keyTypes: match.map(\.type), order: RowOrder(items: []))
    }

    // MARK: Rows

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = EvaluatedRows(
            match, over: batch, now: now, schema: inputSchema, rejectingTo: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let found = Buffer(capacity: count * 4)
        let partners = found.pointer(to: Int32.self)
        TableJoin.find(rows.columns, codec, count: count, in: table, into: partners)
        let times = rows.batch.times
        let rowWatermarks = rows.batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        var kept: [Int] = []
        for row in 0..<count where partners[row] < 0 {
            let time = times.integers[row]
            guard rowWatermark.map({ time >= $0[row] }) ?? true, dueTime(time) >= watermark,
                !rows.columns.contains(where: { $0.isNull(row) })
            else { continue }
            kept.append(row)
        }
        guard !kept.isEmpty else {
            return emit(rows.batch, partners, to: output)
        }
        let split = RowSplit(failed: kept, count: count)
        keep(rows, split.failed)
        guard split.good.count > 0 else { return }
        let passing = Buffer(capacity: split.good.count * 4)
        let target = passing.pointer(to: Int32.self)
        for index in 0..<split.good.count {
            target[index] = partners[Int(split.good.pointer[index])]
        }
        emit(rows.batch.selecting(split.good), target, to: output)
    }

    private func emit(
        _ batch: Batch, _ partners: UnsafePointer<Int32>, to output: any OperatorOutput
    ) {
        TableJoin.emit(
            batch, partners, tableColumns.map { table.columns[$0] },
            keepsUnmatched: keepsUnmatched, to: output)
    }

    private func dueTime(_ time: Int64) -> Int64 {
        let (due, overflow) = time.addingReportingOverflow(waitMicros)
        // Below the watermark of inputs that have ended, whatever the time.
        return overflow ? .max - 1 : min(due, .max - 1)
    }

    private func keep(_ rows: EvaluatedRows, _ kept: Selection) {
        let count = kept.count
        let keys = codec.encode(
            rows.columns.map { $0.gathered(kept.pointer, count: count) }, count: count)
        let batch = rows.batch.selecting(kept)
        let values = store.encode(batch.columns.indices.map { batch.column($0) }, count: count)
        let times = batch.times
        let places = store.orderCodec.encode(
            [], times: times.integers, input: 0, sequence: store.nextSequence, count: count)
        store.nextSequence &+= UInt64(count)
        for row in 0..<count {
            let due = dueTime(times.integers[row])
            wait(
                store.add(
                    key: keys.strings[row], place: places.strings[row],
                    values: values.strings[row], entryTime: due), due: due)
        }
    }

    private func wait(_ slot: Int32, due: Int64) {
        placeOf.reserve(Int(slot) + 1)
        placeOf.base[Int(slot)] = Int32(waiting.count)
        waiting.append(slot)
        self.due.push(slot, at: due)
    }

    private func leave(_ slot: Int32, isSwept: Bool) {
        waiting[Int(placeOf.base[Int(slot)])] = -1
        placeOf.base[Int(slot)] = -1
        goneCount += 1
        store.remove(slot, isSwept: isSwept)
    }

    /// Lets go of the places of rows that have left, and moves rows together.
    private func compact() {
        store.compact()
        guard goneCount > waiting.count / 2 else { return }
        waiting.removeAll { $0 < 0 }
        goneCount = 0
        for (place, slot) in waiting.enumerated() { placeOf.base[Int(slot)] = Int32(place) }
    }

    // MARK: The table and time

    /// The table has other rows: those that waited for one of them leave.
    ///
    /// - Complexity: O(waiting rows).
    package func tableChanged(now: Int64, to output: any OperatorOutput) {
        let slots = waiting.filter { $0 >= 0 }
        guard !slots.isEmpty else { return }
        var keys = ColumnBuilder(type: .string, capacity: slots.count)
        for slot in slots { keys.append(view: store.keys.base[Int(slot)]) }
        let names = keys.finish()
        let found = Buffer(capacity: slots.count * 4)
        let partners = found.pointer(to: Int32.self)
        table.find(names.strings, count: slots.count, into: partners)
        let ready = slots.indices.filter { partners[$0] >= 0 }
        guard !ready.isEmpty else { return }
        for start in stride(from: 0, to: ready.count, by: Self.batchRowsMax) {
            let part = ready[start..<min(start + Self.batchRowsMax, ready.count)]
            let chosen = Buffer(capacity: part.count * 4)
            let target = chosen.pointer(to: Int32.self)
            for (place, index) in part.enumerated() { target[place] = partners[index] }
            emit(store.batch(part.map { slots[$0] }), target, to: output)
        }
        for index in ready { leave(slots[index], isSwept: false) }
        // Of rows that have left by themselves; a number may come again.
        rebuildDue()
        compact()
    }

    private func rebuildDue() {
        due.removeAll()
        for slot in waiting where slot >= 0 { due.push(slot, at: dueTime(store.time(slot))) }
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        var expired: [Int32] = []
        while let slot = due.pop(below: watermark) { expired.append(slot) }
        guard !expired.isEmpty else { return }
        expired.sort {
            StringView.compare(store.places.base[Int($0)], store.places.base[Int($1)]) < 0
        }
        for start in stride(from: 0, to: expired.count, by: Self.batchRowsMax) {
            let part = expired[start..<min(start + Self.batchRowsMax, expired.count)]
            let none = Buffer(capacity: part.count * 4)
            let partners = none.pointer(to: Int32.self)
            partners.initialize(repeating: -1, count: part.count)
            emit(store.batch(Array(part)), partners, to: output)
        }
        for slot in expired { leave(slot, isSwept: true) }
        leftBelow = watermark
        compact()
    }

    package var holdMicros: Int64 { waitMicros }

    // MARK: State

    package func capture(into changes: inout StateChanges) {
        if let leftBelow { changes.deleteBelow(time: leftBelow) }
        leftBelow = nil
        store.capture(into: &changes)
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        waiting.append(try store.restore(entry))
    }

    package func restore(watermark: Int64) {
        self.watermark = watermark
        let codec = store.orderCodec
        let slots = waiting.sorted {
            codec.sequence(store.places.base[Int($0)]) < codec.sequence(store.places.base[Int($1)])
        }
        waiting.removeAll()
        for slot in slots { wait(slot, due: dueTime(store.time(slot))) }
    }

    package var stateSize: StateSize {
        StateSize(entries: store.liveCount, bytes: store.memoryBytes)
    }
}
