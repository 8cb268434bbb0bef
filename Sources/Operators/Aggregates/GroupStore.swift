/// The groups of an aggregate: a number for each, its key and time, and the accumulators of every
/// call. Numbers of groups that are gone are given out again.
final class GroupStore {
    let calls: [AggregateCall]
    /// The group's key; it lies in the arena of the table that maps it.
    let keys = GroupArray<StringView>(.empty)
    /// The window's start, or 0.
    let times = GroupArray<Int64>(0)
    private let accumulators: [any Accumulator]
    private let distinct: [DistinctSets?]
    private let isDirty = GroupArray<UInt8>(0)
    private var dirty: [Int32] = []
    private var free: [Int32] = []
    private var count = 0
    private var masked: Buffer = Buffer(capacity: 0)

    init(calls: [AggregateCall]) {
        self.calls = calls
        accumulators = calls.map { makeAccumulator($0) }
        distinct = calls.map { call in
            call.isDistinct ? DistinctSets(type: call.argument?.type ?? .bigint) : nil
        }
    }

    var liveCount: Int { count - free.count }

    /// Bytes of memory, about, without the keys.
    var memoryBytes: Int {
        count * (32 + 24 * calls.count) + distinct.reduce(0) { $0 + ($1?.entryCount ?? 0) * 64 }
    }

    func allocate() -> Int32 {
        if let group = free.popLast() { return group }
        count += 1
        keys.reserve(count)
        times.reserve(count)
        isDirty.reserve(count)
        for accumulator in accumulators { accumulator.reserve(count) }
        for set in distinct { set?.reserve(count) }
        return Int32(count - 1)
    }

    func release(_ group: Int32) {
        reset(group)
        isDirty.base[Int(group)] = 0
        free.append(group)
    }

    /// Makes a group's values those of no rows.
    func reset(_ group: Int32) {
        for accumulator in accumulators { accumulator.reset(Int(group)) }
        for set in distinct { set?.reset(Int(group)) }
    }

    /// Feeds rows to every call.
    ///
    /// - Parameters:
    ///   - groups: The group of each row, −1 for rows that do not count.
    ///   - arguments: For each call its argument and its filter, dense.
    func update(
        _ groups: UnsafePointer<Int32>, count: Int,
        arguments: [(argument: Column?, filter: Column?)], weights: UnsafePointer<Int32>?
    ) {
        markDirty(groups, count: count)
        for index in calls.indices {
            let (argument, filter) = arguments[index]
            guard filter != nil || distinct[index] != nil else {
                accumulators[index].update(
                    groups, count: count, argument: argument, weights: weights)
                continue
            }
            if masked.capacity < count * 4 { masked = Buffer(capacity: count * 4) }
            let mask = masked.pointer(to: Int32.self)
            mask.update(from: groups, count: count)
            if let filter {
                let isTrue = filter.booleans
                for row in 0..<count where isTrue[row] == 0 || filter.isNull(row) {
                    mask[row] = -1
                }
            }
            if let set = distinct[index], let argument {
                set.keepNew(mask, count: count, argument: argument)
            }
            accumulators[index].update(mask, count: count, argument: argument, weights: weights)
        }
    }

    private func markDirty(_ groups: UnsafePointer<Int32>, count: Int) {
        let isDirty = isDirty.base
        for row in 0..<count {
            let group = Int(groups[row])
            if group >= 0 && isDirty[group] == 0 {
                isDirty[group] = 1
                dirty.append(Int32(group))
            }
        }
    }

    /// One column for each call.
    func results(_ groups: [Int32], failed: inout [Int: String]) -> [Column] {
        accumulators.map { $0.result(groups, failed: &failed) }
    }

    /// Puts the groups that have changed; `prefix` is written before the accumulators.
    func capture(
        into changes: inout StateChanges, prefix: (Int, inout [UInt8]) -> Void,
        isGone: (Int) -> Bool
    ) {
        for group in dirty {
            let group = Int(group)
            guard isDirty.base[group] != 0 else { continue }
            isDirty.base[group] = 0
            let key = keys.base[group]
            if isGone(group) {
                changes.delete(time: times.base[group], key: key.bytes)
                continue
            }
            changes.put(time: times.base[group], key: key.bytes) { bytes in
                prefix(group, &bytes)
                for accumulator in accumulators { accumulator.write(group, to: &bytes) }
            }
            for (index, set) in distinct.enumerated() {
                set?.capture(
                    group: group, key: key, time: times.base[group], part: UInt8(index + 1),
                    into: &changes)
            }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// The parts that entries of this store have.
    var parts: [UInt8] {
        [0] + distinct.indices.filter { distinct[$0] != nil }.map { UInt8($0 + 1) }
    }

    func restore(_ group: Int32, from reader: inout ByteReader) throws(StateError) {
        for accumulator in accumulators {
            guard accumulator.read(Int(group), from: &reader) else { throw .damagedEntry }
        }
        guard reader.isAtEnd else { throw .damagedEntry }
    }

    func restoreDistinct(
        _ value: StringView, part: UInt8, group: Int32
    ) throws(StateError) {
        let index = Int(part) - 1
        guard distinct.indices.contains(index), let set = distinct[index] else {
            throw .damagedEntry
        }
        set.restore(value, group: Int(group))
    }
}

extension StateError {
    static var damagedEntry: StateError {
        StateError(message: "cannot restore state: an entry is not what this version wrote")
    }
}
