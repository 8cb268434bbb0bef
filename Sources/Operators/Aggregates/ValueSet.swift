/// Values as bytes with how often each stands: one group's part of a ``ValueSets``.
///
/// A value that has left stays as an entry with count 0 until no checkpoint holds it and such
/// entries are more than half of the table. Which end is asked for is kept as a heap of the entries
/// whose count is not 0, and of some that have left since: they are dropped when they come up.
final class ValueSet {
    /// Which end ``extreme()`` gives.
    enum End { case smallest, largest }

    private enum Flag {
        static let stored: UInt8 = 1
        static let dirty: UInt8 = 2
        static let heaped: UInt8 = 4
    }

    private let end: End?
    private var table = KeyTable()
    private var counts: [Int64] = []
    private var flags: [UInt8] = []
    private var heap: [Int32] = []
    private var dirty: [Int32] = []
    /// Entries that neither stand nor are in a checkpoint.
    private var idleCount = 0

    init(end: End?) { self.end = end }

    /// Entries in memory, standing or not.
    var entryCount: Int { counts.count }

    /// Adds a value so many times, or takes it back.
    ///
    /// - Returns: 1 when the value has come, −1 when it has left, 0 when it stands as before. What
    ///   is not there cannot be taken back, which changes nothing.
    /// - Complexity: O(1), O(log values) with an end.
    func add(_ value: StringView, weight: Int64) -> Int32 {
        let hash = value.hash
        var index = Int(table.find(value, hash: hash))
        if index < 0 {
            guard weight > 0 else { return 0 }
            index = counts.count
            table.insert(value, hash: hash, value: Int32(index))
            counts.append(0)
            flags.append(0)
            idleCount += 1
        }
        let before = counts[index]
        let after = max(0, before &+ weight)
        guard after != before else { return 0 }
        counts[index] = after
        markDirty(index)
        if before == 0 {
            if flags[index] & Flag.stored == 0 { idleCount -= 1 }
            push(index)
            return 1
        }
        guard after == 0 else { return 0 }
        if flags[index] & Flag.stored == 0 { idleCount += 1 }
        dropIdle()
        return -1
    }

    /// Takes everything back.
    func clear() {
        for index in counts.indices where counts[index] > 0 {
            counts[index] = 0
            markDirty(index)
            if flags[index] & Flag.stored == 0 { idleCount += 1 }
        }
        for index in heap { flags[Int(index)] &= ~Flag.heaped }
        heap.removeAll()
        dropIdle()
    }

    /// What the values' bytes lie in.
    var blocks: [Buffer] { table.arena.blocks }

    /// Every value that stands and its count, in no order.
    func visit(_ body: (StringView, Int64) -> Void) {
        for index in counts.indices where counts[index] > 0 {
            body(table.entries[index].key, counts[index])
        }
    }

    /// The values whose count has changed since the last call, each with its count; 0 for one that
    /// a checkpoint has and that stands no more.
    func takeChanges(_ body: (StringView, Int64) -> Void) {
        for index in dirty {
            let index = Int(index)
            flags[index] &= ~Flag.dirty
            if counts[index] > 0 {
                flags[index] |= Flag.stored
            } else if flags[index] & Flag.stored != 0 {
                flags[index] &= ~Flag.stored
                idleCount += 1
            } else {
                continue
            }
            body(table.entries[index].key, counts[index])
        }
        dirty.removeAll(keepingCapacity: true)
        dropIdle()
    }

    /// Adds a value that a checkpoint has.
    func restore(_ value: StringView, count: Int64) {
        _ = add(value, weight: count)
        let index = Int(table.find(value))
        flags[index] = flags[index] & ~Flag.dirty | Flag.stored
        dirty.removeAll { $0 == Int32(index) }
    }

    private func markDirty(_ index: Int) {
        guard flags[index] & Flag.dirty == 0 else { return }
        flags[index] |= Flag.dirty
        dirty.append(Int32(index))
    }

    /// Makes the table anew without idle entries when they are many.
    private func dropIdle() {
        guard idleCount > 32, idleCount * 2 > counts.count else { return }
        let old = (table: table, counts: counts, flags: flags)
        table = KeyTable(capacity: old.counts.count - idleCount)
        counts.removeAll()
        flags.removeAll()
        heap.removeAll()
        dirty.removeAll()
        idleCount = 0
        for index in old.counts.indices
        where old.counts[index] > 0 || old.flags[index] & Flag.stored != 0 {
            let entry = old.table.entries[index]
            let place = counts.count
            table.insert(entry.key, hash: entry.hash, value: Int32(place))
            counts.append(old.counts[index])
            flags.append(old.flags[index] & Flag.stored)
            if old.flags[index] & Flag.dirty != 0 { markDirty(place) }
            if old.counts[index] > 0 { push(place) }
        }
    }

    // MARK: The heap

    /// The smallest or largest value that stands; nil when none does.
    ///
    /// - Complexity: O(1), and O(log values) for each that has left since the last call.
    func extreme() -> StringView? {
        while let top = heap.first {
            if counts[Int(top)] > 0 { return table.entries[Int(top)].key }
            flags[Int(top)] &= ~Flag.heaped
            let last = heap.removeLast()
            guard !heap.isEmpty else { return nil }
            heap[0] = last
            sink()
        }
        return nil
    }

    private func isBefore(_ a: Int32, _ b: Int32) -> Bool {
        let order = StringView.compare(table.entries[Int(a)].key, table.entries[Int(b)].key)
        return end == .largest ? order > 0 : order < 0
    }

    private func push(_ index: Int) {
        guard end != nil, flags[index] & Flag.heaped == 0 else { return }
        flags[index] |= Flag.heaped
        heap.append(Int32(index))
        var place = heap.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard isBefore(heap[place], heap[parent]) else { return }
            heap.swapAt(place, parent)
            place = parent
        }
    }

    private func sink() {
        var place = 0
        while true {
            var first = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < heap.count && isBefore(heap[child], heap[first]) {
                first = child
            }
            guard first != place else { return }
            heap.swapAt(place, first)
            place = first
        }
    }
}
