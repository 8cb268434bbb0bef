/// Values of rows by partition and ordinal, and above them those of aligned blocks of 2, 4, 8 … rows:
/// what a frame gives is combined from a few blocks (a flat FAT, Tangwongsan and others, "General
/// incremental sliding-window aggregation", VLDB 2015). A value that goes need not be undone, so that
/// nothing drifts.
///
/// Each partition has a ring as large as its rows that are still needed, rounded up to a power of two.
/// Which blocks a frame is made of depends on ordinals only.
// SAFETY: the rings' memory is owned by this class and reached by one thread at a time; a slot is read
// only for ordinals between a ring's start and next.
final class FrameTrees<Value: BitwiseCopyable> {
    private struct Ring: BitwiseCopyable {
        var base: UnsafeMutablePointer<Value>?
        /// A power of two.
        var capacity: Int64
        var start: Int64
        var next: Int64

        /// The slot of block `block` of `1 << level` rows.
        @inline(__always)
        func slot(_ block: Int64, _ level: Int64) -> Int {
            let above = capacity << 1
            return Int(above - (above >> level) + (block & ((capacity >> level) - 1)))
        }
    }

    private let rings = GroupArray<Ring>(Ring(base: nil, capacity: 0, start: 0, next: 0))
    /// Slots of all rings.
    private var slotCount = 0

    deinit { clear() }

    var memoryBytes: Int { slotCount * MemoryLayout<Value>.stride }

    func reserve(_ count: Int) { rings.reserve(count) }

    func start(_ partition: Int32) -> Int64 { rings.base[Int(partition)].start }

    func forget(_ partition: Int32) {
        let ring = rings.base[Int(partition)]
        slotCount -= Int(ring.capacity) * 2
        ring.base?.deallocate()
        rings.reset(Int(partition))
    }

    func clear() {
        for partition in 0..<rings.count { forget(Int32(partition)) }
    }

    /// Adds the value of the next row. The first one of a partition begins at its ordinal.
    ///
    /// - Parameter start: Values before it are no longer needed.
    /// - Complexity: O(1), amortised.
    @inline(__always)
    func append(
        _ value: Value, to partition: Int32, ordinal: Int64, start: Int64,
        combine: (Value, Value) -> Value
    ) {
        let place = Int(partition)
        if rings.base[place].base == nil {
            rings.base[place].next = ordinal
            rings.base[place].start = ordinal
        }
        rings.base[place].start = max(rings.base[place].start, min(start, ordinal))
        if ordinal + 1 - rings.base[place].start > rings.base[place].capacity {
            grow(place, combine: combine)
        }
        let ring = rings.base[place]
        guard let base = ring.base else { return }
        base[ring.slot(ordinal, 0)] = value
        rings.base[place].next = ordinal + 1
        var level: Int64 = 1
        while 1 << level <= ring.capacity, (ordinal + 1) & ((1 << level) - 1) == 0 {
            let block = ordinal >> level
            guard block << level >= ring.start else { return }
            base[ring.slot(block, level)] = combine(
                base[ring.slot(2 * block, level - 1)], base[ring.slot(2 * block + 1, level - 1)])
            level += 1
        }
    }

    private func grow(_ place: Int, combine: (Value, Value) -> Value) {
        let old = rings.base[place]
        var ring = old
        ring.capacity = max(4, old.capacity * 2)
        let base = UnsafeMutablePointer<Value>.allocate(capacity: Int(ring.capacity) * 2)
        ring.base = base
        slotCount += Int(ring.capacity - old.capacity) * 2
        if let values = old.base {
            for ordinal in ring.start..<ring.next {
                base[ring.slot(ordinal, 0)] = values[old.slot(ordinal, 0)]
            }
            values.deallocate()
        }
        var level: Int64 = 1
        while 1 << level <= ring.capacity {
            let size: Int64 = 1 << level
            let first = (ring.start + size - 1) >> level
            let end = ring.next >> level
            for block in stride(from: first, to: end, by: 1) {
                base[ring.slot(block, level)] = combine(
                    base[ring.slot(2 * block, level - 1)],
                    base[ring.slot(2 * block + 1, level - 1)])
            }
            level += 1
        }
        rings.base[place] = ring
    }

    /// The value of one row that is still needed.
    func leaf(_ partition: Int32, _ ordinal: Int64) -> Value? {
        let ring = rings.base[Int(partition)]
        guard let base = ring.base, ordinal >= ring.start, ordinal < ring.next else { return nil }
        return base[ring.slot(ordinal, 0)]
    }

    /// Gives a row that is still needed another value.
    ///
    /// - Complexity: O(log rows).
    func replace(
        _ partition: Int32, _ ordinal: Int64, by value: Value, combine: (Value, Value) -> Value
    ) {
        let ring = rings.base[Int(partition)]
        guard let base = ring.base, ordinal >= ring.start, ordinal < ring.next else { return }
        base[ring.slot(ordinal, 0)] = value
        var level: Int64 = 1
        while 1 << level <= ring.capacity {
            let block = ordinal >> level
            guard block << level >= ring.start, (block + 1) << level <= ring.next else { return }
            base[ring.slot(block, level)] = combine(
                base[ring.slot(2 * block, level - 1)], base[ring.slot(2 * block + 1, level - 1)])
            level += 1
        }
    }

    /// The value of rows that are still needed.
    ///
    /// - Parameter inTurn: Combines row by row, so that the result depends on the values alone.
    /// - Complexity: O(log rows), in turn O(rows).
    @inline(__always)
    func value(
        _ partition: Int32, _ frame: Range<Int64>, identity: Value, inTurn: Bool,
        combine: (Value, Value) -> Value
    ) -> Value {
        let ring = rings.base[Int(partition)]
        var result = identity
        var place = max(frame.lowerBound, ring.start)
        let end = min(frame.upperBound, ring.next)
        guard let base = ring.base else { return identity }
        while place < end {
            var level: Int64 = 0
            if !inTurn {
                let longest = Int64(Int64.bitWidth - 1 - (end - place).leadingZeroBitCount)
                level = place == 0 ? longest : min(longest, Int64(place.trailingZeroBitCount))
            }
            result = combine(result, base[ring.slot(place >> level, level)])
            place += 1 << level
        }
        return result
    }
}
