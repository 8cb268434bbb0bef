import CPrimitives

/// The values that DISTINCT calls over append-only input have seen, for all groups of a node in one
/// table: calls with the same argument share it, and each has a bit of an entry's mask.
///
/// `count(distinct bidder)` and the same with three filters look a value up once, not four times, and
/// checkpoints have what a group's calls have newly seen since the last one as one entry: with a set
/// for each group and call and an entry for each value, q16 ran at an eighth of its present speed.
// SAFETY: the entries' memory is owned by this class and reached by one thread at a time; indices come
// from the table itself.
final class DistinctValues {
    private struct Entry: BitwiseCopyable {
        var hash: UInt64
        /// The value itself if it has 64 bits, otherwise where its bytes are.
        var bits: UInt64
        /// Bytes of a value that has not 64 bits.
        var byteCount: Int32
        /// −1 for an entry whose group is gone.
        var group: Int32
        /// Which calls have seen the value, and which since the last checkpoint.
        var seen: UInt32
        var fresh: UInt32
        /// The group's next entry; −1 at the end.
        var next: Int32
    }

    /// A set has so many calls at most.
    static let callsMax = 32
    /// An entry of a checkpoint is ended when its values have this many bytes.
    private static let chunkBytes = 256 << 10

    /// The calls that share the table, by their index among the node's; the first names it.
    let calls: [Int]
    private let codec: KeyCodec
    private let isWord: Bool
    private let type: ColumnType
    private var entries = UnsafeMutablePointer<Entry>.allocate(capacity: 16)
    private var entryCapacity = 16
    private var count = 0
    private var deadCount = 0
    /// Entry number plus one in the low half, the hash's high half above it; 0 is free.
    private var slots = UnsafeMutablePointer<UInt64>.allocate(capacity: 32)
    private var slotMask = 31
    private var arena = ByteArena()
    /// By group: its last entry, −1 where there is none; the bytes that its entries with fresh bits
    /// take in a checkpoint, and where these end while one is made.
    private let heads = GroupArray<Int32>(-1)
    private let freshBytes = GroupArray<Int>(0)
    private let ends = GroupArray<Int>(0)
    /// The entries with fresh bits, in the order in which they got them.
    private let fresh = GroupArray<Int32>(0)
    private var freshCount = 0
    private var captured = Buffer(capacity: 0)
    private var nextSequence: UInt64 = 0

    /// - Parameter calls: At most ``callsMax``, ascending.
    init(type: ColumnType, calls: [Int]) {
        precondition(calls.count <= DistinctValues.callsMax, "\(calls.count) calls")
        self.calls = calls
        self.type = type
        codec = KeyCodec(types: [type])
        switch type {
        case .bigint, .timestamp, .interval: isWord = true
        default: isWord = false
        }
        slots.initialize(repeating: 0, count: 32)
    }

    deinit {
        entries.deallocate()
        slots.deallocate()
    }

    var memoryBytes: Int {
        (slotMask + 1) * 8 + entryCapacity * MemoryLayout<Entry>.stride + arena.byteCount
    }

    func reserve(_ groups: Int) {
        heads.reserve(groups)
        freshBytes.reserve(groups)
        ends.reserve(groups)
    }

    /// Forgets a group whose entries are gone from the checkpoint, too.
    func reset(_ group: Int) {
        var entry = heads.base[group]
        while entry >= 0 {
            entries[Int(entry)].group = -1
            deadCount += 1
            entry = entries[Int(entry)].next
        }
        heads.reset(group)
        freshBytes.reset(group)
    }

    /// Adds the values of rows, nulls left out.
    ///
    /// - Parameters:
    ///   - groups: The group of each row, −1 for rows that do not count.
    ///   - asking: Of each row the bits of the calls that count it; becomes those that have not seen
    ///     its value before.
    func add(
        _ groups: UnsafePointer<Int32>, count: Int, column: Column,
        asking: UnsafeMutablePointer<UInt32>
    ) {
        let validity = column.validityPointer
        if isWord {
            let values = column.integers
            for row in 0..<count where asking[row] != 0 {
                guard groups[row] >= 0, validity?[row] != 0 else {
                    asking[row] = 0
                    continue
                }
                let word = UInt64(bitPattern: values[row])
                let hash = DistinctValues.hash(cp_hash_word(word), groups[row])
                var entry = find(word: word, hash, groups[row])
                if entry < 0 { entry = insert(hash, word, 0, groups[row]) }
                asking[row] = note(asking[row], entry)
            }
            return
        }
        let keys = codec.encode([column], count: count)
        let views = keys.strings
        for row in 0..<count where asking[row] != 0 {
            guard groups[row] >= 0, validity?[row] != 0 else {
                asking[row] = 0
                continue
            }
            asking[row] = note(asking[row], entry(of: views[row], groups[row]))
        }
    }

    @inline(__always)
    private static func hash(_ value: UInt64, _ group: Int32) -> UInt64 {
        cp_hash_word(value ^ UInt64(UInt32(bitPattern: group)) &* 0x9e37_79b9_7f4a_7c15)
    }

    /// Marks an entry as seen; returns the bits that it had not.
    @inline(__always)
    private func note(_ asked: UInt32, _ entry: Int) -> UInt32 {
        let known = entries + entry
        let fresh = asked & ~known.pointee.seen
        guard fresh != 0 else { return 0 }
        known.pointee.seen |= fresh
        if known.pointee.fresh == 0 {
            if freshCount == self.fresh.count { self.fresh.reserve(max(64, freshCount * 2)) }
            self.fresh.base[freshCount] = Int32(truncatingIfNeeded: entry)
            freshCount += 1
            freshBytes.base[Int(known.pointee.group)] += size(known)
        }
        known.pointee.fresh |= fresh
        return fresh
    }

    /// Bytes of an entry's value in a checkpoint, with the bits of the calls.
    @inline(__always)
    private func size(_ entry: UnsafePointer<Entry>) -> Int {
        isWord ? 12 : 8 + Int(entry.pointee.byteCount)
    }

    @inline(__always)
    private func find(word: UInt64, _ hash: UInt64, _ group: Int32) -> Int {
        var slot = Int(truncatingIfNeeded: hash) & slotMask
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) >> 32 == 0 {
                let entry = Int(slots[slot] & 0xffff_ffff) - 1
                if entries[entry].bits == word && entries[entry].group == group { return entry }
            }
            slot = (slot &+ 1) & slotMask
        }
        return -1
    }

    /// The entry of a value of any length, which is added if it is not there.
    private func entry(of value: StringView, _ group: Int32) -> Int {
        let hash = DistinctValues.hash(value.hash, group)
        var slot = Int(truncatingIfNeeded: hash) & slotMask
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) >> 32 == 0 {
                let entry = Int(slots[slot] & 0xffff_ffff) - 1
                if entries[entry].group == group && bytes(entry) == value { return entry }
            }
            slot = (slot &+ 1) & slotMask
        }
        // Before the value is in the arena, which this may replace.
        makeRoom()
        let stored = arena.store(value.base, count: value.count)
        return insert(
            hash, UInt64(UInt(bitPattern: stored.base)), Int32(value.count), group)
    }

    private func bytes(_ entry: Int) -> StringView {
        guard let base = UnsafePointer<UInt8>(bitPattern: UInt(entries[entry].bits)) else {
            return .empty
        }
        return StringView(base: base, count: Int(entries[entry].byteCount))
    }

    private func insert(_ hash: UInt64, _ bits: UInt64, _ byteCount: Int32, _ group: Int32) -> Int {
        makeRoom()
        let entry = count
        (entries + entry).initialize(
            to: Entry(
                hash: hash, bits: bits, byteCount: byteCount, group: group, seen: 0, fresh: 0,
                next: heads.base[Int(group)]))
        heads.base[Int(group)] = Int32(truncatingIfNeeded: entry)
        count += 1
        place(entry)
        return entry
    }

    private func place(_ entry: Int) {
        let hash = entries[entry].hash
        var slot = Int(truncatingIfNeeded: hash) & slotMask
        while slots[slot] != 0 { slot = (slot &+ 1) & slotMask }
        slots[slot] = hash & 0xffff_ffff_0000_0000 | UInt64(entry + 1)
    }

    /// Makes sure that one more entry fits.
    @inline(__always)
    private func makeRoom() {
        if count == entryCapacity || (count + 1) * 2 > slotMask { grow() }
    }

    /// Drops the entries of groups that are gone if they are half of all, and doubles the table if not.
    private func grow() {
        if deadCount * 2 > count {
            dropDead()
        } else {
            let grown = UnsafeMutablePointer<Entry>.allocate(capacity: entryCapacity * 2)
            grown.moveInitialize(from: entries, count: count)
            entries.deallocate()
            entries = grown
            entryCapacity *= 2
        }
        var size = 32
        while size < entryCapacity * 2 { size *= 2 }
        slots.deallocate()
        slots = .allocate(capacity: size)
        slots.initialize(repeating: 0, count: size)
        slotMask = size - 1
        for entry in 0..<count { place(entry) }
    }

    /// Moves the entries that are left together, and their bytes; the room stays.
    private func dropDead() {
        var moved = [Int32](repeating: -1, count: count)
        var dense = ByteArena()
        var kept = 0
        for entry in 0..<count where entries[entry].group >= 0 {
            moved[entry] = Int32(truncatingIfNeeded: kept)
            if !isWord {
                let value = bytes(entry)
                let stored = dense.store(value.base, count: value.count)
                entries[entry].bits = UInt64(UInt(bitPattern: stored.base))
            }
            entries[kept] = entries[entry]
            kept += 1
        }
        // Entries of a group that lives are all there, so that what they point to has moved, too.
        for entry in 0..<kept where entries[entry].next >= 0 {
            entries[entry].next = moved[Int(entries[entry].next)]
        }
        for group in 0..<heads.count where heads.base[group] >= 0 {
            heads.base[group] = moved[Int(heads.base[group])]
        }
        var keptFresh = 0
        for index in 0..<freshCount where moved[Int(fresh.base[index])] >= 0 {
            fresh.base[keptFresh] = moved[Int(fresh.base[index])]
            keptFresh += 1
        }
        freshCount = keptFresh
        arena = dense
        count = kept
        deadCount = 0
    }
}

// Checkpoints: what a group's calls have newly seen, as one entry. Its key is the group's key with its
// length before it (u32), the first call (u32) and a number that no other entry of the node has (u64,
// big-endian); its value, for each value seen, the bits of the calls (u32) and the value, a word as i64
// and anything else as ``KeyCodec`` writes it with its length before it (u32).
extension DistinctValues {
    /// Writes what the groups have seen since the last time, side by side for each group: the entries
    /// lie in the order of time, and are visited once in it.
    ///
    /// - Parameter groups: All that may have seen something.
    /// - Returns: The buffer that ``capture(group:key:time:into:)`` points into.
    func beginCapture(_ groups: [Int32]) -> Buffer {
        var total = 0
        for group in groups {
            ends.base[Int(group)] = total
            total += freshBytes.base[Int(group)]
        }
        captured = Buffer(capacity: total)
        let target = UnsafeMutableRawPointer(captured.base)
        for index in 0..<freshCount {
            let entry = entries + Int(fresh.base[index])
            guard entry.pointee.group >= 0 else { continue }
            let group = Int(entry.pointee.group)
            let place = target + ends.base[group]
            ends.base[group] += size(entry)
            place.storeBytes(of: entry.pointee.fresh.littleEndian, as: UInt32.self)
            entry.pointee.fresh = 0
            if isWord {
                (place + 4).storeBytes(of: entry.pointee.bits.littleEndian, as: UInt64.self)
            } else {
                let value = bytes(Int(fresh.base[index]))
                (place + 4).storeBytes(
                    of: UInt32(truncatingIfNeeded: value.count).littleEndian, as: UInt32.self)
                (place + 8).copyMemory(from: value.base, byteCount: value.count)
            }
        }
        freshCount = 0
        return captured
    }

    /// Puts what a group had seen at the last ``beginCapture(_:)``.
    func capture(group: Int, key: StringView, time: Int64, into changes: inout StateChanges) {
        let end = ends.base[group]
        var start = end - freshBytes.base[group]
        freshBytes.reset(group)
        var name: [UInt8] = []
        while start < end {
            name.removeAll(keepingCapacity: true)
            name.append(littleEndian: UInt32(key.count))
            name.append(contentsOf: key.bytes)
            name.append(littleEndian: UInt32(truncatingIfNeeded: calls[0]))
            name.append(littleEndian: nextSequence.bigEndian)
            nextSequence &+= 1
            let behind = chunkEnd(start, end)
            let chunk = StringView(
                base: captured.pointer(to: UInt8.self) + start, count: behind - start)
            name.withUnsafeBufferPointer {
                changes.put(part: ValueSets.part, time: time, key: $0, tail: chunk) { _ in }
            }
            start = behind
        }
    }

    /// Where the values end that go into one entry with the one at `start`.
    private func chunkEnd(_ start: Int, _ end: Int) -> Int {
        if isWord { return min(end, start + DistinctValues.chunkBytes / 12 * 12) }
        var behind = start
        while behind < end && behind - start < DistinctValues.chunkBytes {
            let count = (captured.base + behind + 4).loadUnaligned(as: UInt32.self)
            behind += 8 + Int(UInt32(littleEndian: count))
        }
        return behind
    }

    /// Takes back one entry; false when it is not one of these.
    ///
    /// - Parameters:
    ///   - name: What is behind the call in its key.
    ///   - call: The call in its key. Checkpoints of before this format have an entry without a value
    ///     for each value and call, which is `name`.
    func restore(
        _ name: StringView, value: UnsafeBufferPointer<UInt8>, call: Int, group: Int
    ) -> Bool {
        if value.isEmpty {
            guard let bit = calls.firstIndex(of: call) else { return false }
            return restore(key: name, 1 << UInt32(bit), Int32(group))
        }
        var reader = ByteReader(UnsafeBufferPointer(start: name.base, count: name.count))
        guard let sequence = reader.read(UInt64.self), reader.isAtEnd, call == calls[0] else {
            return false
        }
        nextSequence = max(nextSequence, sequence.byteSwapped &+ 1)
        var values = ByteReader(value)
        while !values.isAtEnd {
            guard let seen = values.read(UInt32.self), seen != 0,
                calls.count == DistinctValues.callsMax || seen >> UInt32(calls.count) == 0
            else { return false }
            if isWord {
                guard let word = values.read(UInt64.self) else { return false }
                restore(word: word, seen, Int32(group))
            } else {
                guard let length = values.read(Int32.self),
                    let bytes = values.readBytes(Int(length)),
                    restore(key: StringView(bytes), seen, Int32(group))
                else { return false }
            }
        }
        return true
    }

    private func restore(word: UInt64, _ seen: UInt32, _ group: Int32) {
        let hash = DistinctValues.hash(cp_hash_word(word), group)
        var entry = find(word: word, hash, group)
        if entry < 0 { entry = insert(hash, word, 0, group) }
        entries[entry].seen |= seen
    }

    private func restore(key: StringView, _ seen: UInt32, _ group: Int32) -> Bool {
        guard codec.isKey(key) else { return false }
        if isWord {
            guard let column = codec.decode([key], retained: [])?.first, !column.isNull(0) else {
                return false
            }
            restore(word: UInt64(bitPattern: column.integers[0]), seen, group)
        } else {
            // First, as it may move the entries.
            let entry = entry(of: key, group)
            entries[entry].seen |= seen
        }
        return true
    }
}
