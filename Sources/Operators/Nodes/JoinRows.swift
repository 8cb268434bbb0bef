/// The rows of one side of a stream join: by key, within a key by event time and, where that is the
/// same, in the order in which they came. Rows are kept as the bytes of ``KeyCodec``.
///
/// A row has a number for as long as it is there; numbers are given out again. What is gone is freed
/// once it is more than what is there.
final class JoinRows {
    let side: JoinSide
    let keyCodec: KeyCodec
    let rowCodec: KeyCodec
    /// A row by its number: side by side, so that one that comes or goes touches one or two lines of
    /// the cache, not ten.
    struct Slot: BitwiseCopyable {
        var time: Int64 = 0
        /// The first time of a partner; used where it is not the same distance for every row.
        var opens = Int64.min
        /// When the row is let go: once the watermark is behind it.
        var closes: Int64 = 0
        var bytes = StringView.empty
        /// How many partners stand, or whether there was one: the operator's affair.
        var matches: Int32 = 0
        /// The row behind and before it under its key, −1 at the ends.
        var next: Int32 = -1
        var previous: Int32 = -1
        fileprivate(set) var key: Int32 = 0
        fileprivate(set) var number: Int64 = 0
        fileprivate(set) var state: UInt8 = 0
        /// The row's place among those that are being decoded, −1 outside of that.
        fileprivate var mark: Int32 = -1
    }
    let slots = GroupArray<Slot>(Slot())
    /// By key number: the ends of its rows, −1 where it has none.
    let lasts = GroupArray<Int32>(-1)
    let firsts = GroupArray<Int32>(-1)
    private(set) var keys = KeyTable()
    private var arena = ByteArena()
    private var free: [Int32] = []
    private var slotCount = 0
    private var liveBytes = 0
    private var liveKeyCount = 0
    private var nextNumber: Int64 = 0
    private var dirty: [Int32] = []
    /// Entries of the last checkpoint that are to be deleted one by one.
    private var deletions = StateChanges()

    private enum State {
        static let isLive: UInt8 = 1
        static let isDirty: UInt8 = 2
        /// Whether a checkpoint may have it.
        static let isKept: UInt8 = 4
    }

    init(_ side: JoinSide, _ plan: StreamJoinPlan.Side) {
        self.side = side
        keyCodec = KeyCodec(types: plan.match.map(\.type))
        rowCodec = KeyCodec(types: plan.schema.fields.map(\.type))
    }

    var count: Int { slotCount - free.count }

    /// Bytes of memory, about.
    var memoryBytes: Int {
        slotCount * MemoryLayout<Slot>.stride + arena.byteCount + keys.memoryBytes
    }

    // MARK: Rows

    /// Adds a row behind those of its key that are not younger.
    ///
    /// - Complexity: O(1) for rows that come in order of time, otherwise O(younger rows of the key).
    func insert(
        _ row: StringView, key: StringView, time: Int64, opens open: Int64, closes close: Int64
    ) -> Int32 {
        let slot = add(row, key: key, time: time, opens: open, closes: close, number: nextNumber)
        nextNumber += 1
        let key = Int(slots.base[Int(slot)].key)
        var before = lasts.base[key]
        while before >= 0 && slots.base[Int(before)].time > time {
            before = slots.base[Int(before)].previous
        }
        link(slot, behind: before, key: key)
        markDirty(slot)
        return slot
    }

    /// Takes a row out from under its key; its values stay until ``release(_:)``.
    func unlink(_ slot: Int32) {
        let key = Int(slots.base[Int(slot)].key)
        let before = slots.base[Int(slot)].previous
        let behind = slots.base[Int(slot)].next
        if before >= 0 { slots.base[Int(before)].next = behind } else { firsts.base[key] = behind }
        if behind >= 0 {
            slots.base[Int(behind)].previous = before
        } else {
            lasts.base[key] = before
        }
        if firsts.base[key] < 0 { liveKeyCount -= 1 }
    }

    /// Forgets a row that was taken out; its number is given out again.
    ///
    /// - Parameter isExpired: The checkpoint's entry goes by its time, not by itself.
    func release(_ slot: Int32, isExpired: Bool) {
        let index = Int(slot)
        if !isExpired, slots.base[index].state & State.isKept != 0 {
            withEntryKey(slot) {
                deletions.delete(part: side.part, time: slots.base[index].closes, key: $0)
            }
        }
        liveBytes -= slots.base[index].bytes.count
        slots.base[index].state = 0
        free.append(slot)
    }

    /// Gives memory back when most of it is of rows and keys that are gone. Not while views of rows
    /// or numbers of keys are in use.
    ///
    /// - Complexity: O(1) a row that came since the last time, on average.
    func compact() {
        if arena.byteCount > 2 * liveBytes + 1 << 16 {
            var dense = ByteArena()
            for index in 0..<slotCount where slots.base[index].state & State.isLive != 0 {
                slots.base[index].bytes = dense.store(
                    slots.base[index].bytes.base, count: slots.base[index].bytes.count)
            }
            arena = dense
        }
        guard keys.count > 2 * liveKeyCount + 1024 else { return }
        let dense = KeyTable(capacity: liveKeyCount)
        for key in 0..<keys.count where firsts.base[key] >= 0 {
            let entry = keys.entries[key]
            let number = dense.count
            dense.insert(entry.key, hash: entry.hash, value: Int32(number))
            firsts.base[number] = firsts.base[key]
            lasts.base[number] = lasts.base[key]
            var slot = firsts.base[number]
            while slot >= 0 {
                slots.base[Int(slot)].key = Int32(number)
                slot = slots.base[Int(slot)].next
            }
        }
        for key in dense.count..<keys.count {
            firsts.base[key] = -1
            lasts.base[key] = -1
        }
        keys = dense
    }

    func isLive(_ slot: Int32) -> Bool { slots.base[Int(slot)].state & State.isLive != 0 }

    /// The last row of a key with these bytes: of the same time if there is one.
    ///
    /// - Parameter isExact: No row of another time will do.
    /// - Complexity: O(rows of the key).
    func find(_ row: StringView, key: StringView, time: Int64, isExact: Bool) -> Int32? {
        let number = keys.find(key)
        guard number >= 0 else { return nil }
        var found: Int32?
        var slot = lasts.base[Int(number)]
        while slot >= 0 {
            if slots.base[Int(slot)].bytes == row {
                if slots.base[Int(slot)].time == time { return slot }
                if !isExact { found = found ?? slot }
            }
            slot = slots.base[Int(slot)].previous
        }
        return found
    }

    /// The columns of rows. Each is decoded once, however often it stands there: an auction of q9 has
    /// hundreds of bids in a batch.
    func columns(_ rows: UnsafeBufferPointer<Int32>) -> [Column] {
        let slots = slots.base
        let gathered = Buffer(capacity: rows.count * 4)
        let places = gathered.pointer(to: Int32.self)
        var views: [StringView] = []
        views.reserveCapacity(rows.count)
        for (index, row) in rows.enumerated() {
            if slots[Int(row)].mark < 0 {
                slots[Int(row)].mark = Int32(truncatingIfNeeded: views.count)
                views.append(slots[Int(row)].bytes)
            }
            places[index] = slots[Int(row)].mark
        }
        for row in rows { slots[Int(row)].mark = -1 }
        guard let columns = rowCodec.decode(views, retained: arena.blocks) else {
            preconditionFailure("rows of a join do not decode")
        }
        if views.count == rows.count { return columns }
        return columns.map { $0.gathered(places, count: rows.count) }
    }

    /// Orders rows by key, then by their bytes.
    func compareContents(_ a: Int32, _ b: Int32) -> Int {
        let first = keys.entries[Int(slots.base[Int(a)].key)].key
        let second = keys.entries[Int(slots.base[Int(b)].key)].key
        let order = StringView.compare(first, second)
        return order != 0
            ? order : StringView.compare(slots.base[Int(a)].bytes, slots.base[Int(b)].bytes)
    }

    func markDirty(_ slot: Int32) {
        guard slots.base[Int(slot)].state & State.isDirty == 0 else { return }
        slots.base[Int(slot)].state |= State.isDirty
        dirty.append(slot)
    }

    private func add(
        _ row: StringView, key: StringView, time: Int64, opens open: Int64, closes close: Int64,
        number: Int64
    ) -> Int32 {
        let slot = free.popLast() ?? allocate()
        let index = Int(slot)
        let hash = key.hash
        var known = keys.find(key, hash: hash)
        if known < 0 {
            known = Int32(keys.count)
            keys.insert(key, hash: hash, value: known)
            firsts.reserve(keys.count)
            lasts.reserve(keys.count)
        }
        if firsts.base[Int(known)] < 0 { liveKeyCount += 1 }
        slots.base[index] = Slot(
            time: time, opens: open, closes: close, bytes: arena.store(row.base, count: row.count),
            key: known, number: number, state: State.isLive)
        liveBytes += row.count
        return slot
    }

    private func link(_ slot: Int32, behind before: Int32, key: Int) {
        let behind = before >= 0 ? slots.base[Int(before)].next : firsts.base[key]
        slots.base[Int(slot)].previous = before
        slots.base[Int(slot)].next = behind
        if before >= 0 { slots.base[Int(before)].next = slot } else { firsts.base[key] = slot }
        if behind >= 0 { slots.base[Int(behind)].previous = slot } else { lasts.base[key] = slot }
    }

    private func allocate() -> Int32 {
        // Many at once: it is asked for row by row.
        if slotCount == slots.count { slots.reserve(slotCount + max(64, min(slotCount, 4096))) }
        slotCount += 1
        return Int32(slotCount - 1)
    }

    // MARK: Checkpoints

    /// An entry's name is the row's key and, as 8 bytes, its number among all rows of the side.
    private func withEntryKey(_ slot: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        let key = keys.entries[Int(slots.base[Int(slot)].key)].key
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: key.count + 8) { name in
            _ = name.update(from: key.bytes)
            UnsafeMutableRawPointer(name.baseAddress! + key.count).storeBytes(
                of: slots.base[Int(slot)].number.bigEndian, as: Int64.self)
            body(UnsafeBufferPointer(name))
        }
    }

    /// Puts the rows that have come or changed, after deleting those that are gone.
    func capture(into changes: inout StateChanges) {
        for item in deletions.items {
            deletions.bytes.withUnsafeBufferPointer { bytes in
                changes.delete(
                    part: item.part, time: item.time,
                    key: UnsafeBufferPointer(rebasing: bytes[item.keyStart..<item.valueStart]))
            }
        }
        deletions = StateChanges()
        changes.retain(arena.blocks)
        changes.reserve(dirty.count, byteCount: dirty.count * 48)
        for slot in dirty {
            let index = Int(slot)
            guard slots.base[index].state & State.isDirty != 0 else { continue }
            slots.base[index].state = State.isLive | State.isKept
            withEntryKey(slot) { name in
                changes.put(
                    part: side.part, time: slots.base[index].closes, key: name,
                    tail: slots.base[index].bytes
                ) { value in
                    value.append(littleEndian: slots.base[index].time)
                    value.append(littleEndian: slots.base[index].opens)
                    value.append(littleEndian: slots.base[index].matches)
                }
            }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// Takes back one entry; the row is not under its key before ``finishRestoring()``.
    func restore(_ entry: StateEntry) throws(StateError) {
        var reader = ByteReader(entry.value)
        guard entry.key.count >= 8, let time = reader.read(Int64.self),
            let open = reader.read(Int64.self), let count = reader.read(Int32.self), count >= 0,
            let row = reader.readBytes(entry.value.count - 20)
        else { throw .damagedEntry }
        let keyCount = entry.key.count - 8
        let key = StringView(UnsafeBufferPointer(rebasing: entry.key[..<keyCount]))
        var name = ByteReader(UnsafeBufferPointer(rebasing: entry.key[keyCount...]))
        guard keyCodec.isKey(key), rowCodec.isKey(StringView(row)),
            let number = name.read(Int64.self)?.byteSwapped, number >= 0, number < .max
        else { throw .damagedEntry }
        let slot = add(
            StringView(row), key: key, time: time, opens: open, closes: entry.time, number: number)
        slots.base[Int(slot)].matches = count
        slots.base[Int(slot)].state |= State.isKept
        nextNumber = max(nextNumber, number + 1)
    }

    /// Brings the restored rows into order.
    ///
    /// - Returns: All of them.
    func finishRestoring() -> [Int32] {
        let restored = (0..<Int32(slotCount)).sorted { a, b in
            let (a, b) = (Int(a), Int(b))
            return (slots.base[a].key, slots.base[a].time, slots.base[a].number)
                < (slots.base[b].key, slots.base[b].time, slots.base[b].number)
        }
        liveKeyCount = keys.count
        for slot in restored {
            let key = Int(slots.base[Int(slot)].key)
            link(slot, behind: lasts.base[key], key: key)
        }
        return restored
    }
}
