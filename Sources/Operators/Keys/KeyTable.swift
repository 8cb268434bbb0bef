import CPrimitives

/// A hash table from key bytes to a number: open addressing, linear probing, at most half full.
///
/// Keys are copied into an arena and live as long as the table. Nothing that leaves the table may
/// depend on its order.
// SAFETY: the raw memory is owned by this class and reached by one thread at a time.
package final class KeyTable {
    package struct Entry {
        package var key: StringView
        package var hash: UInt64
        package var value: Int32
    }

    /// Entries in the order of insertion.
    package private(set) var entries: UnsafeMutablePointer<Entry>
    package private(set) var count = 0
    package private(set) var arena: ByteArena
    private var entryCapacity: Int
    /// Index of an entry plus one in the low half, the hash's high half above it; 0 is free.
    private var slots: UnsafeMutablePointer<UInt64>
    private var mask: Int

    package init(capacity: Int = 16) {
        let size = max(16, KeyTable.powerOfTwo(atLeast: capacity * 2))
        slots = .allocate(capacity: size)
        slots.initialize(repeating: 0, count: size)
        mask = size - 1
        entryCapacity = size / 2
        entries = .allocate(capacity: entryCapacity)
        arena = ByteArena(firstBlockBytes: size < 64 ? 512 : 4096)
    }

    deinit {
        slots.deallocate()
        entries.deallocate()
    }

    private static func powerOfTwo(atLeast count: Int) -> Int {
        count <= 1 ? 1 : 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount)
    }

    /// The value of a key, or −1.
    @inline(__always)
    package func find(_ key: StringView) -> Int32 {
        find(key, hash: key.hash)
    }

    @inline(__always)
    package func find(_ key: StringView, hash: UInt64) -> Int32 {
        let tag = hash & 0xffff_ffff_0000_0000
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots[index]
            if slot == 0 { return -1 }
            if slot & 0xffff_ffff_0000_0000 == tag {
                let entry = entries + Int(truncatingIfNeeded: slot & 0xffff_ffff) - 1
                if entry.pointee.key == key { return entry.pointee.value }
            }
            index = (index &+ 1) & mask
        }
    }

    /// The values of many keys, −1 where a key is not there. The loop to use per batch: nothing in
    /// it is looked up through the class.
    package func find(
        _ keys: UnsafePointer<StringView>, rows: Range<Int>,
        into values: UnsafeMutablePointer<Int32>
    ) {
        let slots = slots
        let entries = entries
        let mask = mask
        for row in rows {
            let key = keys[row]
            let hash = key.hash
            let tag = hash & 0xffff_ffff_0000_0000
            var index = Int(truncatingIfNeeded: hash) & mask
            var found: Int32 = -1
            while true {
                let slot = slots[index]
                if slot == 0 { break }
                if slot & 0xffff_ffff_0000_0000 == tag {
                    let entry = entries + Int(truncatingIfNeeded: slot & 0xffff_ffff) - 1
                    if entry.pointee.key == key {
                        found = entry.pointee.value
                        break
                    }
                }
                index = (index &+ 1) & mask
            }
            values[row] = found
        }
    }

    /// Adds a key that is not there.
    @inline(never)
    package func insert(_ key: StringView, hash: UInt64, value: Int32) {
        if count == entryCapacity { grow() }
        let stored = arena.store(key.base, count: key.count)
        (entries + count).initialize(to: Entry(key: stored, hash: hash, value: value))
        count += 1
        place(hash: hash, entry: count)
    }

    private func place(hash: UInt64, entry: Int) {
        var index = Int(truncatingIfNeeded: hash) & mask
        while slots[index] != 0 { index = (index &+ 1) & mask }
        slots[index] = hash & 0xffff_ffff_0000_0000 | UInt64(entry)
    }

    private func grow() {
        let size = (mask + 1) * 2
        let grown = UnsafeMutablePointer<Entry>.allocate(capacity: size / 2)
        grown.moveInitialize(from: entries, count: count)
        entries.deallocate()
        entries = grown
        entryCapacity = size / 2
        slots.deallocate()
        slots = .allocate(capacity: size)
        slots.initialize(repeating: 0, count: size)
        mask = size - 1
        for index in 0..<count { place(hash: entries[index].hash, entry: index + 1) }
    }

    /// Bytes of memory, about.
    package var memoryBytes: Int {
        (mask + 1) * 8 + entryCapacity * MemoryLayout<Entry>.stride + arena.byteCount
    }
}
