import Glibc
import Operators

/// Finds the field of a key: a small table of the keys that are wanted, compared as bytes.
final class LogfmtKeys {
    private let names: [UnsafeMutablePointer<UInt8>]
    private let views: UnsafeMutablePointer<StringView>
    /// A field, or −1.
    private let slots: UnsafeMutablePointer<Int32>
    private let mask: Int

    /// - Parameter keys: Different from each other.
    init(_ keys: [[UInt8]]) {
        var capacity = 8
        while capacity < 4 * keys.count { capacity *= 2 }
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: -1, count: capacity)
        views = .allocate(capacity: max(1, keys.count))
        names = keys.map { key in
            // Views may be compared eight bytes at a time.
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: key.count + 16)
            copy.initialize(repeating: 0, count: key.count + 16)
            for (index, byte) in key.enumerated() { copy[index] = byte }
            return copy
        }
        for (index, key) in keys.enumerated() {
            (views + index).initialize(to: StringView(base: names[index], count: key.count))
            var slot = LogfmtKeys.hash(views[index]) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(index)
        }
    }

    deinit {
        slots.deallocate()
        views.deallocate()
        for name in names { name.deallocate() }
    }

    /// The length, the first four bytes and the last one tell most keys apart.
    @inline(__always)
    private static func hash(_ key: StringView) -> Int {
        let last = key.count > 0 ? UInt64(key.base[key.count &- 1]) : 0
        let mixed = (key.header ^ last &<< 17) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 40)
    }

    /// The place of a key among those that are wanted, −1 for any other.
    ///
    /// - Parameter key: In a buffer, whose padding may be read.
    @inline(__always)
    func find(_ key: StringView) -> Int {
        var slot = LogfmtKeys.hash(key) & mask
        while true {
            let index = Int(slots[slot])
            if index < 0 || views[index] == key { return index }
            slot = (slot &+ 1) & mask
        }
    }
}
