/// The versions of a table's rows by key and event time: what joins with `as_of` look into.
///
/// A version is valid from its time until that of the key's next one; a deletion is a version, too.
/// Versions of one key and time are one: the later in the source's order stands, between places that
/// of the higher place. The table's node fills it, the joins of one lane read it.
package final class TableHistory {
    package let schema: Schema
    let keyCodec: KeyCodec
    let rowCodec: KeyCodec
    private let key: [Int]
    private let historyMicros: Int64
    private var keys = KeyTable()
    /// By key number: its newest version, −1 where it has none, and the one that was found last.
    private let lasts = GroupArray<Int32>(-1)
    private let hints = GroupArray<Int32>(-1)
    private let times = GroupArray<Int64>(0)
    private let rows = GroupArray<StringView>(.empty)
    private let places = GroupArray<UInt64>(0)
    private let states = GroupArray<UInt8>(0)
    private let keyOf = GroupArray<Int32>(0)
    private let next = GroupArray<Int32>(-1)
    private let previous = GroupArray<Int32>(-1)
    private var arena = ByteArena()
    private var liveBytes = 0
    private var slotCount = 0
    private var free: [Int32] = []
    private var dirty: [Int32] = []
    private var deletions = StateChanges()
    private var liveKeyCount = 0
    /// Versions by when they ceased to be valid; one may stand there more than once.
    private var ends = DueHeap()
    /// How far each join has come.
    private var passed: [Int64] = []
    /// Versions that ended by this were let go.
    private var floor = Int64.min

    private enum State {
        static let isLive: UInt8 = 1
        static let isDirty: UInt8 = 2
        static let isDeletion: UInt8 = 4
        /// A checkpoint may have it.
        static let isKept: UInt8 = 8
    }

    /// - Parameters:
    ///   - key: Positions of the key's columns in the schema.
    ///   - historyMicros: How far behind the watermark versions are kept, at least 0.
    package init(schema: Schema, key: [Int], historyMicros: Int64) {
        self.schema = schema
        self.key = key
        self.historyMicros = historyMicros
        keyCodec = KeyCodec(types: key.map { schema[$0].type })
        rowCodec = KeyCodec(types: schema.fields.map(\.type))
    }

    package var count: Int { slotCount - free.count }
    package var memoryBytes: Int { slotCount * 46 + arena.byteCount + keys.memoryBytes }
    package var hasChanged: Bool { !dirty.isEmpty || !deletions.isEmpty }

    // MARK: Versions

    /// The place of deletions of keys that a source did not have when it was read anew.
    private static let absencePlace = UInt64.max

    /// Adds versions, each valid from its row's time.
    ///
    /// - Parameter isDeletion: One byte a row, 1 where the key has no row from then on.
    /// - Complexity: O(1) a row that is the newest of its key, otherwise O(newer ones).
    package func add(
        _ columns: [Column], times: Column, count: Int, isDeletion: UnsafePointer<UInt8>?,
        place: UInt64
    ) {
        let names = keyCodec.encode(key.map { columns[$0] }, count: count)
        let values = rowCodec.encode(columns, count: count)
        for row in 0..<count {
            let isGone = isDeletion.map { $0[row] != 0 } ?? false
            put(
                names.strings[row], row: isGone ? nil : values.strings[row],
                time: times.integers[row], place: place)
        }
        compact()
    }

    /// Ends, at `time`, the rows of all keys for which `isThere` is false.
    package func removeAbsent(at time: Int64, isThere: (StringView) -> Bool) {
        for number in 0..<keys.count where lasts.base[number] >= 0 {
            let last = Int(lasts.base[number])
            guard states.base[last] & State.isDeletion == 0 else { continue }
            let name = keys.entries[number].key
            if isThere(name) { continue }
            let end = max(time, times.base[last])
            put(name, row: nil, time: end, place: TableHistory.absencePlace)
        }
    }

    private func put(_ name: StringView, row: StringView?, time: Int64, place: UInt64) {
        let number = Int(self.number(of: name))
        if row != nil { dropAbsence(of: number) }
        var before = lasts.base[number]
        while before >= 0 && times.base[Int(before)] > time { before = previous.base[Int(before)] }
        if before >= 0 && times.base[Int(before)] == time {
            return replace(before, with: row, place: place)
        }
        let behind = before >= 0 ? next.base[Int(before)] : first(of: number)
        // It would be let go at once.
        if behind >= 0, times.base[Int(behind)] <= floor { return }
        let slot = allocate()
        set(slot, row: row, place: place)
        times.base[Int(slot)] = time
        keyOf.base[Int(slot)] = Int32(number)
        markDirty(slot)
        link(slot, behind: before, number: number)
    }

    /// A key that has a row again was never deleted: its source was incomplete when it was read.
    private func dropAbsence(of number: Int) {
        let last = lasts.base[number]
        guard last >= 0, places.base[Int(last)] == TableHistory.absencePlace,
            states.base[Int(last)] & State.isDeletion != 0
        else { return }
        unlink(last)
    }

    /// Another row of the same key and time.
    private func replace(_ slot: Int32, with row: StringView?, place: UInt64) {
        let index = Int(slot)
        guard place >= places.base[index] else { return }
        let isGone = states.base[index] & State.isDeletion != 0
        if place == places.base[index], isGone == (row == nil),
            row.map({ $0 == rows.base[index] }) ?? true
        {
            return
        }
        liveBytes -= rows.base[index].count
        set(slot, row: row, place: place)
        markDirty(slot)
        pushDeletion(slot)
    }

    private func set(_ slot: Int32, row: StringView?, place: UInt64) {
        let index = Int(slot)
        rows.base[index] = row.map { arena.store($0.base, count: $0.count) } ?? .empty
        liveBytes += row?.count ?? 0
        places.base[index] = place
        states.base[index] &= ~State.isDeletion
        states.base[index] |= State.isLive | (row == nil ? State.isDeletion : 0)
    }

    private func number(of name: StringView) -> Int32 {
        let hash = name.hash
        let known = keys.find(name, hash: hash)
        if known >= 0 { return known }
        let number = Int32(keys.count)
        keys.insert(name, hash: hash, value: number)
        lasts.reserve(keys.count)
        hints.reserve(keys.count)
        return number
    }

    private func allocate() -> Int32 {
        if let slot = free.popLast() { return slot }
        slotCount += 1
        times.reserve(slotCount)
        rows.reserve(slotCount)
        places.reserve(slotCount)
        states.reserve(slotCount)
        keyOf.reserve(slotCount)
        next.reserve(slotCount)
        previous.reserve(slotCount)
        return Int32(slotCount - 1)
    }

    private func link(_ slot: Int32, behind before: Int32, number: Int) {
        let behind = before >= 0 ? next.base[Int(before)] : first(of: number)
        previous.base[Int(slot)] = before
        next.base[Int(slot)] = behind
        if before >= 0 {
            next.base[Int(before)] = slot
            ends.push(before, at: times.base[Int(slot)])
        }
        if behind >= 0 {
            previous.base[Int(behind)] = slot
            ends.push(slot, at: times.base[Int(behind)])
        } else {
            if lasts.base[number] < 0 { liveKeyCount += 1 }
            lasts.base[number] = slot
        }
        pushDeletion(slot)
    }

    /// A deletion that nothing stands before may be let go once no row of its time can come.
    private func pushDeletion(_ slot: Int32) {
        guard states.base[Int(slot)] & State.isDeletion != 0 else { return }
        let (end, overflow) = times.base[Int(slot)].addingReportingOverflow(1)
        if !overflow { ends.push(slot, at: end) }
    }

    private func first(of number: Int) -> Int32 {
        var slot = lasts.base[number]
        while slot >= 0, previous.base[Int(slot)] >= 0 { slot = previous.base[Int(slot)] }
        return slot
    }

    private func markDirty(_ slot: Int32) {
        guard states.base[Int(slot)] & State.isDirty == 0 else { return }
        states.base[Int(slot)] |= State.isDirty
        dirty.append(slot)
    }

    // MARK: Lookup

    /// Versions have numbers below this.
    var slotsMax: Int { slotCount }

    /// The version of a key that was valid at a time; −1 where it had no row then.
    ///
    /// - Complexity: O(1) where a key is asked for rising times, otherwise O(versions between).
    func find(_ name: StringView, at time: Int64) -> Int32 {
        let number = keys.find(name)
        guard number >= 0, lasts.base[Int(number)] >= 0 else { return -1 }
        let hint = hints.base[Int(number)]
        var slot = hint >= 0 ? hint : lasts.base[Int(number)]
        while slot >= 0, times.base[Int(slot)] > time { slot = previous.base[Int(slot)] }
        guard slot >= 0 else { return -1 }
        while next.base[Int(slot)] >= 0, times.base[Int(next.base[Int(slot)])] <= time {
            slot = next.base[Int(slot)]
        }
        hints.base[Int(number)] = slot
        return states.base[Int(slot)] & State.isDeletion != 0 ? -1 : slot
    }

    /// The columns of versions.
    func columns(_ slots: [Int32]) -> [Column] {
        let views = slots.map { rows.base[Int($0)] }
        guard let columns = rowCodec.decode(views, retained: arena.blocks) else {
            preconditionFailure("versions of a table do not decode")
        }
        return columns
    }

    // MARK: Letting go

    /// Registers a join, which keeps versions from being let go; returns its number.
    func register() -> Int {
        passed.append(.min)
        return passed.count - 1
    }

    /// A join has passed `watermark`. Versions that ended further behind what all joins have passed
    /// than the history's length are let go; the one that was valid there stays.
    func pass(_ watermark: Int64, of reader: Int) {
        passed[reader] = watermark
        if let lowest = passed.min() { letGo(behind: lowest) }
    }

    /// The table has reached `watermark`; that counts as long as no join has registered.
    package func reach(_ watermark: Int64) {
        if passed.isEmpty { letGo(behind: watermark) }
    }

    private func letGo(behind lowest: Int64) {
        // At the end of a stream nothing is asked for any more, and what is there stays.
        guard lowest != .max else { return }
        let (bound, overflow) = lowest.subtractingReportingOverflow(historyMicros)
        guard !overflow else { return }
        floor = max(floor, bound)
        var hasDropped = false
        while let time = ends.earliest, time <= bound, let slot = ends.pop(below: time + 1) {
            if drop(slot, below: bound) { hasDropped = true }
        }
        if hasDropped { compact() }
    }

    /// Lets a version go if it ended by `bound`: the heap also holds ends that have moved since.
    private func drop(_ slot: Int32, below bound: Int64) -> Bool {
        let index = Int(slot)
        let state = states.base[index]
        guard state & State.isLive != 0 else { return false }
        let behind = next.base[index]
        let hasEnded = behind >= 0 && times.base[Int(behind)] <= bound
        let isNothing =
            state & State.isDeletion != 0 && times.base[index] < bound
            && previous.base[index] < 0
        guard hasEnded || isNothing else { return false }
        unlink(slot)
        // What is now the first may be a deletion, which says no more than nothing does.
        if behind >= 0, previous.base[Int(behind)] < 0 { pushDeletion(behind) }
        return true
    }

    private func unlink(_ slot: Int32) {
        let index = Int(slot)
        let number = Int(keyOf.base[index])
        let before = previous.base[index]
        let behind = next.base[index]
        if before >= 0 { next.base[Int(before)] = behind }
        if behind >= 0 { previous.base[Int(behind)] = before } else { lasts.base[number] = before }
        if lasts.base[number] < 0 { liveKeyCount -= 1 }
        if hints.base[number] == slot { hints.base[number] = -1 }
        if states.base[index] & State.isKept != 0 {
            deletions.delete(
                part: TableHistory.part, time: times.base[index],
                key: keys.entries[number].key.bytes)
        }
        liveBytes -= rows.base[index].count
        rows.base[index] = .empty
        states.base[index] = 0
        free.append(slot)
    }

    /// Gives memory back when most of it is of versions and keys that are gone.
    private func compact() {
        if arena.byteCount > 2 * liveBytes + 1 << 16 {
            var dense = ByteArena()
            for index in 0..<slotCount where states.base[index] & State.isLive != 0 {
                rows.base[index] = dense.store(rows.base[index].base, count: rows.base[index].count)
            }
            arena = dense
        }
        guard keys.count > 2 * liveKeyCount + 1024 else { return }
        let dense = KeyTable(capacity: liveKeyCount)
        for number in 0..<keys.count where lasts.base[number] >= 0 {
            let entry = keys.entries[number]
            let fresh = dense.count
            dense.insert(entry.key, hash: entry.hash, value: Int32(fresh))
            lasts.base[fresh] = lasts.base[number]
            hints.base[fresh] = -1
            var slot = lasts.base[fresh]
            while slot >= 0 {
                keyOf.base[Int(slot)] = Int32(fresh)
                slot = previous.base[Int(slot)]
            }
        }
        for number in dense.count..<keys.count {
            lasts.base[number] = -1
            hints.base[number] = -1
        }
        keys = dense
    }

    // MARK: Checkpoints

    /// The part of a table's state that the versions are.
    package static let part: UInt8 = 2

    package func capture(into changes: inout StateChanges) {
        for item in deletions.items {
            deletions.bytes[item.keyStart..<item.valueStart].withUnsafeBufferPointer {
                changes.delete(part: item.part, time: item.time, key: $0)
            }
        }
        deletions = StateChanges()
        for slot in dirty {
            let index = Int(slot)
            guard states.base[index] & State.isDirty != 0 else { continue }
            states.base[index] &= ~State.isDirty
            states.base[index] |= State.isKept
            let name = keys.entries[Int(keyOf.base[index])].key
            changes.put(part: TableHistory.part, time: times.base[index], key: name.bytes) {
                $0.append(littleEndian: places.base[index])
                $0.append(states.base[index] & State.isDeletion != 0 ? 1 : 0)
                $0.append(contentsOf: rows.base[index].bytes)
            }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        var reader = ByteReader(entry.value)
        guard let place = reader.read(UInt64.self), let flag = reader.read(UInt8.self),
            let bytes = reader.readBytes(entry.value.count - 9),
            keyCodec.isKey(StringView(entry.key)),
            flag == 1 || rowCodec.isKey(StringView(bytes))
        else { throw .damagedEntry }
        put(
            StringView(entry.key), row: flag == 1 ? nil : StringView(bytes), time: entry.time,
            place: place)
        guard let slot = dirty.popLast() else { throw .damagedEntry }
        states.base[Int(slot)] &= ~State.isDirty
        states.base[Int(slot)] |= State.isKept
    }
}
