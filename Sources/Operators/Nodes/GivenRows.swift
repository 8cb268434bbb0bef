/// What rows of a stream that changes were given by a join: for each row, by its bytes, as often as it
/// stands. What a row is taken back with is what it was given.
final class GivenRows {
    private var keys = KeyTable()
    /// By row number: what was given last, −1 where the row does not stand.
    private let lasts = GroupArray<Int32>(-1)
    private let rowStates = GroupArray<UInt8>(0)
    private let times = GroupArray<Int64>(0)
    private let given = GroupArray<StringView>(.empty)
    private let matches = GroupArray<UInt8>(0)
    private let previous = GroupArray<Int32>(-1)
    private var arena = ByteArena()
    private var liveBytes = 0
    private var liveRows = 0
    private var slotCount = 0
    private var free: [Int32] = []
    private var dirty: [Int32] = []

    private enum State {
        static let isDirty: UInt8 = 1
        /// A checkpoint may have it.
        static let isKept: UInt8 = 2
    }

    var count: Int { slotCount - free.count }
    var memoryBytes: Int { slotCount * 29 + arena.byteCount + keys.memoryBytes }
    var blocks: [Buffer] { arena.blocks }

    /// Notes what a row was given; returns the bytes as they are kept.
    ///
    /// - Complexity: O(bytes).
    func push(_ row: StringView, time: Int64, isMatched: Bool, _ bytes: StringView) -> StringView {
        let number = Int(number(of: row))
        let slot = add(bytes, time: time, isMatched: isMatched)
        if lasts.base[number] < 0 { liveRows += 1 }
        previous.base[slot] = lasts.base[number]
        lasts.base[number] = Int32(slot)
        markDirty(number)
        return given.base[slot]
    }

    /// Takes out what a row was given: that of its time if there is one, else the last. The bytes stay
    /// until ``compact()``.
    ///
    /// - Returns: nil when the row does not stand.
    /// - Complexity: O(how often the row stands).
    func pop(_ row: StringView, time: Int64) -> (bytes: StringView, isMatched: Bool)? {
        let number = Int(keys.find(row))
        guard number >= 0, lasts.base[number] >= 0 else { return nil }
        var behind: Int32 = -1
        var slot = lasts.base[number]
        while slot >= 0, times.base[Int(slot)] != time {
            behind = slot
            slot = previous.base[Int(slot)]
        }
        if slot < 0 {
            slot = lasts.base[number]
            behind = -1
        }
        let index = Int(slot)
        if behind >= 0 {
            previous.base[Int(behind)] = previous.base[index]
        } else {
            lasts.base[number] = previous.base[index]
        }
        if lasts.base[number] < 0 { liveRows -= 1 }
        markDirty(number)
        let bytes = given.base[index]
        liveBytes -= bytes.count
        given.base[index] = .empty
        free.append(slot)
        return (bytes, matches.base[index] != 0)
    }

    private func number(of row: StringView) -> Int32 {
        let hash = row.hash
        let known = keys.find(row, hash: hash)
        if known >= 0 { return known }
        let number = Int32(keys.count)
        keys.insert(row, hash: hash, value: number)
        lasts.reserve(keys.count)
        rowStates.reserve(keys.count)
        return number
    }

    private func add(_ bytes: StringView, time: Int64, isMatched: Bool) -> Int {
        let slot: Int
        if let known = free.popLast() {
            slot = Int(known)
        } else {
            slot = slotCount
            slotCount += 1
            times.reserve(slotCount)
            given.reserve(slotCount)
            matches.reserve(slotCount)
            previous.reserve(slotCount)
        }
        times.base[slot] = time
        matches.base[slot] = isMatched ? 1 : 0
        given.base[slot] = arena.store(bytes.base, count: bytes.count)
        liveBytes += bytes.count
        return slot
    }

    private func markDirty(_ number: Int) {
        guard rowStates.base[number] & State.isDirty == 0 else { return }
        rowStates.base[number] |= State.isDirty
        dirty.append(Int32(number))
    }

    /// Gives memory back when most of it is of rows that are gone. Not while views are in use.
    func compact() {
        if arena.byteCount > 2 * liveBytes + 1 << 16 {
            var dense = ByteArena()
            for slot in 0..<slotCount where given.base[slot].count > 0 {
                given.base[slot] = dense.store(given.base[slot].base, count: given.base[slot].count)
            }
            arena = dense
        }
        // Rows that a checkpoint has and that are gone must be named in the next one.
        guard keys.count > 2 * liveRows + 1024, dirty.isEmpty else { return }
        let dense = KeyTable(capacity: liveRows)
        for number in 0..<keys.count where lasts.base[number] >= 0 {
            let entry = keys.entries[number]
            let fresh = dense.count
            dense.insert(entry.key, hash: entry.hash, value: Int32(fresh))
            lasts.base[fresh] = lasts.base[number]
            rowStates.base[fresh] = rowStates.base[number]
        }
        for number in dense.count..<keys.count {
            lasts.base[number] = -1
            rowStates.base[number] = 0
        }
        keys = dense
    }

    // MARK: Checkpoints

    /// An entry a row: of each time that it stands its time (i64), 1 where it found a partner (u8), how
    /// many bytes it was given (u32), and these, the first one first.
    func capture(into changes: inout StateChanges) {
        for number in dirty {
            let index = Int(number)
            let wasKept = rowStates.base[index] & State.isKept != 0
            let key = keys.entries[index].key.bytes
            if lasts.base[index] < 0 {
                if wasKept { changes.delete(time: 0, key: key) }
                rowStates.base[index] = 0
                continue
            }
            rowStates.base[index] = State.isKept
            var slots: [Int] = []
            var slot = lasts.base[index]
            while slot >= 0 {
                slots.append(Int(slot))
                slot = previous.base[Int(slot)]
            }
            changes.put(time: 0, key: key) { bytes in
                for slot in slots.reversed() {
                    bytes.append(littleEndian: times.base[slot])
                    bytes.append(matches.base[slot])
                    bytes.append(littleEndian: UInt32(given.base[slot].count))
                    bytes.append(contentsOf: given.base[slot].bytes)
                }
            }
        }
        dirty.removeAll(keepingCapacity: true)
        compact()
    }

    /// - Parameters:
    ///   - row: Of the rows.
    ///   - values: Of what they were given.
    func restore(_ entry: StateEntry, row: KeyCodec, values: KeyCodec) throws(StateError) {
        guard row.isKey(StringView(entry.key)), !entry.value.isEmpty else { throw .damagedEntry }
        var reader = ByteReader(entry.value)
        while !reader.isAtEnd {
            guard let time = reader.read(Int64.self), let match = reader.read(UInt8.self),
                let count = reader.read(UInt32.self), let bytes = reader.readBytes(Int(count)),
                values.isKey(StringView(bytes))
            else { throw .damagedEntry }
            _ = push(
                StringView(entry.key), time: time, isMatched: match != 0, StringView(bytes))
        }
        let number = Int(keys.find(StringView(entry.key)))
        rowStates.base[number] = State.isKept
        dirty.removeAll(keepingCapacity: true)
    }
}
