import Operators

/// The rows of a topic that stand for their key until the next one, as a stream of changes: the row
/// that stood goes as −1 before the next one comes as +1, and a tombstone is the −1 alone.
///
/// Rows of one partition follow each other; between partitions the one of the later event time stands,
/// in whatever order they are read. The rows are state.
final class UpsertRows {
    private let builder: TableState.TableBuilder
    private let rows: RowChanges
    private var pending = StateChanges()
    /// Tombstones of keys under which nothing stands.
    private(set) var unknownCount: Int64 = 0
    private static let countPart: UInt8 = 1

    /// - Parameter key: Positions of the key's columns in the schema.
    init(schema: Schema, key: [Int]) {
        builder = TableState.TableBuilder(schema: schema, key: key)
        rows = RowChanges(schema: schema)
    }

    /// Whether an older row of another partition may come for a key that has gone.
    var keepsRemoved: Bool {
        get { builder.keepsRemoved }
        set { builder.keepsRemoved = newValue }
    }

    /// What a batch of one partition changes.
    ///
    /// - Parameter batch: Without a selection; −1 for tombstones.
    func changes(of batch: Batch, place: UInt64) -> [Batch] {
        let count = batch.rowCount
        var deletions: Buffer?
        if let weights = batch.weights?.pointer(to: Int32.self) {
            let flags = Buffer(capacity: count)
            let flag = flags.pointer(to: UInt8.self)
            for row in 0..<count { flag[row] = weights[row] < 0 ? 1 : 0 }
            deletions = flags
        }
        let watermarks = batch.rowWatermarks?.pointer(to: Int64.self)
        builder.add(
            batch.columns, count: count,
            isDeletion: deletions.map { UnsafePointer($0.pointer(to: UInt8.self)) }, place: place,
            rowtimes: UnsafePointer(batch.rowtime.integers)
        ) { [self] change in
            note(change)
            let watermark = watermarks?[change.index] ?? batch.watermark
            if !rows.append(change, watermark: watermark) { unknownCount += 1 }
        }
        withExtendedLifetime((deletions, batch)) {}
        noteCount()
        return rows.take().map { changes in
            var changes = changes
            changes.origin = batch.origin.map {
                BatchOrigin(source: $0.source, split: $0.split, positions: nil)
            }
            return changes
        }
    }

    // MARK: Checkpoints

    /// Place (u64), event time (i64), 1 for a row that has gone (u8), and the row.
    private static let headerBytes = 17

    private func note(_ change: TableState.TableBuilder.Change) {
        if change.row == nil, !builder.keepsRemoved {
            return pending.delete(time: 0, key: change.key.bytes)
        }
        pending.put(time: 0, key: change.key.bytes) { bytes in
            withUnsafeBytes(of: change.origin.place.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: change.origin.time.littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(change.row == nil ? 1 : 0)
            if let row = change.row { bytes.append(contentsOf: row.bytes) }
        }
    }

    private var notedCount: Int64 = 0

    private func noteCount() {
        guard unknownCount != notedCount else { return }
        notedCount = unknownCount
        pending.put(part: Self.countPart, time: 0, key: StringView.empty.bytes) { bytes in
            withUnsafeBytes(of: unknownCount.littleEndian) { bytes.append(contentsOf: $0) }
        }
    }

    func takeChanges() -> StateChanges {
        defer { pending = StateChanges() }
        return pending
    }

    func restore(_ entry: StateEntry) throws(StateError) {
        if entry.part == Self.countPart, entry.value.count == 8 {
            unknownCount = Int64(
                littleEndian: UnsafeRawBufferPointer(entry.value).loadUnaligned(as: Int64.self))
            notedCount = unknownCount
            return
        }
        guard entry.value.count >= Self.headerBytes else {
            throw StateError(message: "cannot restore a row by key: its entry is too short")
        }
        let value = UnsafeRawBufferPointer(entry.value)
        let origin = TableState.TableBuilder.Origin(
            place: UInt64(littleEndian: value.loadUnaligned(as: UInt64.self)),
            time: Int64(littleEndian: value.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
        let row = UnsafeBufferPointer(rebasing: entry.value[Self.headerBytes...])
        try builder.restore(
            StringView(entry.key), row: value[16] == 1 ? nil : StringView(row), from: origin)
    }

    var stateSize: StateSize {
        StateSize(entries: builder.keyCount, bytes: builder.memoryBytes)
    }
}
