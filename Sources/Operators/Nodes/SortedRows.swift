/// Rows that wait until no earlier one can come, and then leave in the order of time, then input, then
/// as they came. Each is an entry of the checkpoint as long as it waits.
final class SortedRows {
    private let store: RowStore
    private var due = DueHeap()
    /// Rows before this have left since the last checkpoint; nil if none has.
    private var leftBelow: Int64?
    private let part: UInt8

    /// - Parameter part: Of the node's state.
    init(schema: Schema, part: UInt8) {
        self.part = part
        store = RowStore(schema: schema, keyTypes: [], order: RowOrder(items: []))
    }

    var count: Int { store.liveCount }
    var memoryBytes: Int { store.memoryBytes }

    /// Keeps the rows of a batch; none of them takes another one back.
    func add(_ batch: Batch, input: Int) {
        let batch = batch.compacted()
        let count = batch.count
        guard count > 0 else { return }
        let time = batch.rowtime.integers
        let places = store.orderCodec.encode(
            [], times: time, input: input, sequence: store.nextSequence, count: count)
        store.nextSequence &+= UInt64(count)
        let values = store.encode(batch.columns, count: count)
        for row in 0..<count {
            // No watermark passes the last instant of all but the one that ends the input.
            let entryTime = min(time[row], .max - 1)
            let kept = store.add(
                key: .empty, place: places.strings[row], values: values.strings[row],
                entryTime: entryTime)
            due.push(kept, at: entryTime)
        }
    }

    /// The rows before a time, which leave; nil when there are none.
    func take(below bound: Int64) -> Batch? {
        var rows: [Int32] = []
        while let row = due.pop(below: bound) { rows.append(row) }
        guard !rows.isEmpty else { return nil }
        let places = store.places.base
        rows.sort { StringView.compare(places[Int($0)], places[Int($1)]) < 0 }
        let batch = store.batch(rows)
        for row in rows { store.remove(row, isSwept: true) }
        store.compact()
        leftBelow = bound
        return batch
    }

    func capture(into changes: inout StateChanges) {
        if let leftBelow { changes.deleteBelow(part: part, time: leftBelow) }
        leftBelow = nil
        store.capture(part: part, into: &changes)
    }

    func restore(_ entry: StateEntry) throws(StateError) {
        due.push(try store.restore(entry), at: entry.time)
    }
}
