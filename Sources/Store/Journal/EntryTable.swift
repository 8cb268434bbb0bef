import CPrimitives
import Glibc

/// The live entries of one node, by time and key bytes, while a journal is read or rewritten.
///
/// An open-addressing table over bytes in one arena. What is deleted leaves garbage, which goes when
/// the arena or the table would have to grow: memory stays within a small multiple of the live
/// entries, and each change costs O(1) on average, ``deleteBelow(_:)`` included.
struct EntryTable: Sendable {
    private struct Entry: Sendable {
        var time: Int64
        var hash: UInt64
        /// Where in the arena the key begins; the value follows it.
        var position: Int
        var keyCount: Int32
        /// -1 where the entry has been deleted.
        var valueCount: Int32
        /// When it was put, in changes of this table.
        var sequence: UInt64
    }

    /// `deleteBelow(time)` at `sequence`. Kept so that each one is below all that came earlier, by
    /// dropping those that a later and higher one makes void.
    private struct Floor: Sendable {
        var sequence: UInt64
        var time: Int64
    }

    private var entries: [Entry] = []
    /// Entry number plus one; 0 for an empty slot. A power of two of them, at most half in use.
    private var slots: [UInt32] = []
    private var arena: [UInt8] = []
    private var arenaLimit = 4096
    private var floors: [Floor] = []
    private var sequence: UInt64 = 0

    mutating func put(time: Int64, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        sequence &+= 1
        if (entries.count + 1) * 2 > slots.count { sweep() }
        if arena.count + key.count + value.count > arenaLimit { sweep(key.count + value.count) }
        let hash = Self.hash(time, key)
        let (slot, found) = find(time, key, hash)
        if let found {
            entries[found].sequence = sequence
            if entries[found].valueCount >= value.count {
                let start = entries[found].position + Int(entries[found].keyCount)
                arena.withUnsafeMutableBytes { arena in
                    UnsafeMutableRawBufferPointer(rebasing: arena[start..<start + value.count])
                        .copyMemory(from: value)
                }
            } else {
                entries[found].position = arena.count
                arena.append(contentsOf: key)
                arena.append(contentsOf: value)
            }
            entries[found].valueCount = Int32(value.count)
            return
        }
        entries.append(
            Entry(
                time: time, hash: hash, position: arena.count, keyCount: Int32(key.count),
                valueCount: Int32(value.count), sequence: sequence))
        slots[slot] = UInt32(entries.count)
        arena.append(contentsOf: key)
        arena.append(contentsOf: value)
    }

    mutating func delete(time: Int64, key: UnsafeRawBufferPointer) {
        guard !slots.isEmpty, let found = find(time, key, Self.hash(time, key)).entry else {
            return
        }
        entries[found].valueCount = -1
    }

    mutating func deleteBelow(_ time: Int64) {
        sequence &+= 1
        while let last = floors.last, last.time <= time { floors.removeLast() }
        floors.append(Floor(sequence: sequence, time: time))
    }

    mutating func removeAll() { self = EntryTable() }

    /// The live entries in the order of time, then of key bytes.
    ///
    /// - Complexity: O(n log n); allocates a number per entry.
    func forEach<E: Error>(
        _ body: (Int64, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        var order: [Int] = []
        for index in entries.indices where isLive(entries[index]) { order.append(index) }
        try arena.span.bytes.withUnsafeBytes { arena throws(E) in
            order.sort { precedes(entries[$0], entries[$1], arena) }
            for index in order {
                let entry = entries[index]
                let keyEnd = entry.position + Int(entry.keyCount)
                try body(
                    entry.time, UnsafeRawBufferPointer(rebasing: arena[entry.position..<keyEnd]),
                    UnsafeRawBufferPointer(
                        rebasing: arena[keyEnd..<keyEnd + Int(entry.valueCount)]))
            }
        }
    }

    var count: Int { entries.count { isLive($0) } }

    private func isLive(_ entry: Entry) -> Bool {
        guard entry.valueCount >= 0 else { return false }
        // The first floor that came later is also the highest of those that came later.
        var low = 0
        var high = floors.count
        while low < high {
            let middle = (low + high) / 2
            if floors[middle].sequence > entry.sequence { high = middle } else { low = middle + 1 }
        }
        return low == floors.count || entry.time >= floors[low].time
    }

    private func precedes(_ a: Entry, _ b: Entry, _ arena: UnsafeRawBufferPointer) -> Bool {
        if a.time != b.time { return a.time < b.time }
        let shared = Int(min(a.keyCount, b.keyCount))
        guard shared > 0, let keys = arena.baseAddress else { return a.keyCount < b.keyCount }
        // SAFETY: both keys lie in the arena, and `shared` is not longer than either.
        let order = unsafe memcmp(keys + a.position, keys + b.position, shared)
        return order != 0 ? order < 0 : a.keyCount < b.keyCount
    }

    /// The slot where the entry is or would be, and the entry if it is there, dead or live.
    private func find(_ time: Int64, _ key: UnsafeRawBufferPointer, _ hash: UInt64)
        -> (slot: Int, entry: Int?)
    {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if entries[index].hash == hash, entries[index].time == time,
                Int(entries[index].keyCount) == key.count
            {
                let start = entries[index].position
                let isEqual = arena.withUnsafeBytes { arena in
                    guard key.count > 0, let keys = arena.baseAddress, let other = key.baseAddress
                    else { return key.count == 0 }
                    // SAFETY: the entry's key lies in the arena and is as long as the other.
                    return unsafe memcmp(keys + start, other, key.count) == 0
                }
                if isEqual { return (slot, index) }
            }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    /// Drops what is dead, and gives the rest room to double.
    private mutating func sweep(_ wanted: Int = 0) {
        var kept: [Entry] = []
        var bytes: [UInt8] = []
        for var entry in entries where isLive(entry) {
            let count = Int(entry.keyCount) + Int(entry.valueCount)
            let position = bytes.count
            bytes.append(contentsOf: arena[entry.position..<entry.position + count])
            entry.position = position
            // It outlived all floors so far.
            entry.sequence = sequence
            kept.append(entry)
        }
        entries = kept
        arena = bytes
        floors.removeAll()
        arenaLimit = max(4096, (arena.count + wanted) * 2)
        var slotCount = 16
        while slotCount < (entries.count + 1) * 4 { slotCount *= 2 }
        slots = [UInt32](repeating: 0, count: slotCount)
        for (index, entry) in entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.hash) & (slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = UInt32(index + 1)
        }
    }

    private static func hash(_ time: Int64, _ key: UnsafeRawBufferPointer) -> UInt64 {
        let mixed: UInt64
        if let address = key.baseAddress {
            // SAFETY: address and count are one buffer's.
            mixed = unsafe cp_hash(address.assumingMemoryBound(to: UInt8.self), key.count)
        } else {
            mixed = 0
        }
        return cp_hash_word(mixed ^ UInt64(bitPattern: time))
    }
}
