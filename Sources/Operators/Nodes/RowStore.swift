/// Rows that a node keeps, each known by a small number: the bytes of its key, of its place in the
/// node's order and of its values. Numbers of rows that are gone are given out again.
///
/// A checkpoint has an entry for each row, under its key and sequence number.
final class RowStore {
    let orderCodec: OrderCodec
    private let codec: KeyCodec
    private let keyCodec: KeyCodec
    private(set) var keys = GroupArray<StringView>(.empty)
    private(set) var places = GroupArray<StringView>(.empty)
    private(set) var values = GroupArray<StringView>(.empty)
    private let entryTimes = GroupArray<Int64>(0)
    private let states = GroupArray<UInt8>(0)
    private var arena = ByteArena()
    private var liveBytes = 0
    private var count = 0
    private var free: [Int32] = []
    private var dirty: [Int32] = []
    /// Names of entries to be deleted: keys of entries, one after the other, with their ends.
    private var removedBytes: [UInt8] = []
    private var removed: [(time: Int64, end: Int)] = []
    /// The number of the next row that comes.
    var nextSequence: UInt64 = 0

    private static let isLive: UInt8 = 1
    private static let isDirty: UInt8 = 2
    /// A checkpoint has the row.
    private static let isCaptured: UInt8 = 4
    /// Bytes of rows that are gone are kept until there are this many, and as many as of others.
    private static let deadBytesMin = 1 << 16

    /// - Parameters:
    ///   - schema: The columns of the rows.
    ///   - keyTypes: Of the columns that make a row's key.
    init(schema: Schema, keyTypes: [ColumnType], order: RowOrder) {
        codec = KeyCodec(types: schema.fields.map(\.type))
        keyCodec = KeyCodec(types: keyTypes)
        orderCodec = OrderCodec(order: order)
    }

    var liveCount: Int { count - free.count }
    /// What the bytes of keys lie in.
    var blocks: [Buffer] { arena.blocks }
    var memoryBytes: Int { arena.byteCount + count * 64 }

    /// The values of rows as bytes, to be kept or to be compared with what is.
    func encode(_ columns: [Column], count: Int) -> Column { codec.encode(columns, count: count) }

    /// Keeps a row.
    ///
    /// - Parameter entryTime: The time of its entry in checkpoints.
    /// - Complexity: O(bytes); does not allocate, amortised.
    func add(
        key: StringView, place: StringView, values: StringView, entryTime: Int64
    ) -> Int32 {
        let row = allocate()
        let index = Int(row)
        let target = arena.reserve(key.count + place.count + values.count)
        keys.base[index] = StringView(copying: key, to: target)
        places.base[index] = StringView(copying: place, to: target + key.count)
        self.values.base[index] = StringView(
            copying: values, to: target + key.count + place.count)
        entryTimes.base[index] = entryTime
        states.base[index] = RowStore.isLive | RowStore.isDirty
        dirty.append(row)
        liveBytes += key.count + place.count + values.count
        return row
    }

    private func allocate() -> Int32 {
        if let row = free.popLast() { return row }
        if count == keys.count {
            // Many at once: it is asked for row by row.
            let room = count + max(64, min(count, 4096))
            keys.reserve(room)
            places.reserve(room)
            values.reserve(room)
            entryTimes.reserve(room)
            states.reserve(room)
        }
        count += 1
        return Int32(count - 1)
    }

    /// Forgets a row. With `isSwept` its entry goes by a deletion of all entries below a time.
    func remove(_ row: Int32, isSwept: Bool = false) {
        let index = Int(row)
        if states.base[index] & RowStore.isCaptured != 0 && !isSwept {
            append(entryKeyOf: index, to: &removedBytes)
            removed.append((entryTimes.base[index], removedBytes.count))
        }
        liveBytes -=
            keys.base[index].count + places.base[index].count + values.base[index].count
        states.base[index] = 0
        free.append(row)
    }

    func time(_ row: Int32) -> Int64 { orderCodec.time(places.base[Int(row)]) }

    /// Whether two rows have the same values and event time.
    func isSame(_ first: Int32, _ second: Int32) -> Bool {
        first == second
            || values.base[Int(first)] == values.base[Int(second)] && time(first) == time(second)
    }

    /// The rows as a batch, in the order of `rows`.
    func batch(_ rows: [Int32]) -> Batch {
        guard
            let columns = codec.decode(
                rows.map { values.base[Int($0)] }, retained: arena.blocks)
        else { preconditionFailure("kept rows do not decode") }
        var times = ColumnBuilder(type: .timestamp, capacity: rows.count)
        for row in rows { times.append(integer: time(row)) }
        return Batch(columns: columns, rowtime: times.finish(), rowCount: rows.count)
    }

    /// Moves the rows together when most bytes are of rows that are gone. What points to kept bytes
    /// is no longer valid afterwards.
    func compact() {
        guard arena.byteCount - liveBytes > max(RowStore.deadBytesMin, liveBytes) else { return }
        var fresh = ByteArena()
        for index in 0..<count where states.base[index] & RowStore.isLive != 0 {
            for views in [keys, places, values] {
                let view = views.base[index]
                views.base[index] = fresh.store(view.base, count: view.count)
            }
        }
        arena = fresh
    }

    // MARK: Checkpoints

    private func append(entryKeyOf index: Int, to bytes: inout [UInt8]) {
        let key = keys.base[index]
        bytes.append(littleEndian: UInt32(key.count))
        bytes.append(contentsOf: key.bytes)
        let sequence = orderCodec.sequence(places.base[index])
        bytes.append(littleEndian: sequence.bigEndian)
    }

    func capture(part: UInt8 = 0, into changes: inout StateChanges) {
        var start = 0
        for (time, end) in removed {
            removedBytes[start..<end].withUnsafeBufferPointer {
                changes.delete(part: part, time: time, key: $0)
            }
            start = end
        }
        removed.removeAll(keepingCapacity: true)
        removedBytes.removeAll(keepingCapacity: true)
        var name: [UInt8] = []
        changes.retain(arena.blocks)
        changes.reserve(dirty.count, byteCount: dirty.count * 80)
        for row in dirty {
            let index = Int(row)
            guard states.base[index] & RowStore.isDirty != 0 else { continue }
            states.base[index] = RowStore.isLive | RowStore.isCaptured
            name.removeAll(keepingCapacity: true)
            append(entryKeyOf: index, to: &name)
            name.withUnsafeBufferPointer {
                changes.put(
                    part: part, time: entryTimes.base[index], key: $0, tail: values.base[index]
                ) { bytes in
                    bytes.append(littleEndian: UInt32(places.base[index].count))
                    bytes.append(contentsOf: places.base[index].bytes)
                }
            }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// Takes back one row; returns its number.
    func restore(_ entry: StateEntry) throws(StateError) -> Int32 {
        var name = ByteReader(entry.key)
        var reader = ByteReader(entry.value)
        guard let keyCount = name.read(UInt32.self), let key = name.readBytes(Int(keyCount)),
            let sequence = name.read(UInt64.self), name.isAtEnd,
            let placeCount = reader.read(UInt32.self),
            let place = reader.readBytes(Int(placeCount)),
            place.count >= OrderCodec.tailBytes,
            let values = reader.readBytes(entry.value.count - 4 - place.count)
        else { throw .damagedEntry }
        let placeView = StringView(place)
        guard keyCodec.isKey(StringView(key)), codec.isKey(StringView(values)),
            orderCodec.sequence(placeView) == sequence.byteSwapped
        else { throw .damagedEntry }
        let row = add(
            key: StringView(key), place: placeView, values: StringView(values),
            entryTime: entry.time)
        // It is in the checkpoint as it is.
        states.base[Int(row)] = RowStore.isLive | RowStore.isCaptured
        dirty.removeLast()
        nextSequence = max(nextSequence, orderCodec.sequence(placeView) &+ 1)
        return row
    }
}
