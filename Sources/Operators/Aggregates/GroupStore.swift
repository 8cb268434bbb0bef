/// The groups of an aggregate: a number for each, its key and time, and the accumulators of every
/// call. Numbers of groups that are gone are given out again.
final class GroupStore {
    let calls: [AggregateCall]
    /// The group's key; it lies in the arena of the table that maps it.
    let keys = GroupArray<StringView>(.empty)
    /// The window's start, or 0.
    let times = GroupArray<Int64>(0)
    /// Rows in the group: the sum of their weights, never below 0.
    let rowCounts = GroupArray<Int64>(0)
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
        rowCounts.reserve(count)
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
        rowCounts.reset(Int(group))
        for accumulator in accumulators { accumulator.reset(Int(group)) }
        for set in distinct { set?.reset(Int(group)) }
    }

    /// Counts the rows of each group, in order.
    ///
    /// - Parameters:
    ///   - groups: The group of each row, −1 for rows that do not count; becomes −1 for rows that
    ///     take back what the group does not have.
    ///   - weights: nil when all are +1.
    /// - Returns: The rows that became −1, ascending.
    func countRows(
        _ groups: UnsafeMutablePointer<Int32>, count: Int, weights: UnsafePointer<Int32>?
    ) -> [Int] {
        let rowCounts = rowCounts.base
        guard let weights else {
            for row in 0..<count where groups[row] >= 0 { rowCounts[Int(groups[row])] &+= 1 }
            return []
        }
        var unknown: [Int] = []
        for row in 0..<count where groups[row] >= 0 {
            let sum = rowCounts[Int(groups[row])] &+ Int64(weights[row])
            if sum < 0 {
                groups[row] = -1
                unknown.append(row)
            } else {
                rowCounts[Int(groups[row])] = sum
            }
        }
        return unknown
    }

    /// Feeds rows that have been counted to every call.
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

    /// Puts the groups that have changed and deletes those without rows; `prefix` is written first.
    func capture(into changes: inout StateChanges, prefix: (Int, inout [UInt8]) -> Void) {
        for group in dirty {
            let group = Int(group)
            guard isDirty.base[group] != 0 else { continue }
            isDirty.base[group] = 0
            let key = keys.base[group]
            if rowCounts.base[group] == 0 {
                changes.delete(time: times.base[group], key: key.bytes)
                continue
            }
            changes.put(time: times.base[group], key: key.bytes) { bytes in
                prefix(group, &bytes)
                bytes.append(littleEndian: rowCounts.base[group])
                for accumulator in accumulators { accumulator.write(group, to: &bytes) }
            }
            for (index, set) in distinct.enumerated() {
                set?.capture(
                    group: group, key: key, time: times.base[group], call: index, into: &changes)
            }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// The parts that entries of this store have.
    var parts: [UInt8] {
        distinct.contains { $0 != nil } ? [0, DistinctSets.part] : [0]
    }

    /// Takes back what ``capture(into:prefix:)`` wrote behind the prefix.
    func restore(_ group: Int32, from reader: inout ByteReader) throws(StateError) {
        guard let rows = reader.read(Int64.self), rows > 0 else { throw .damagedEntry }
        rowCounts.base[Int(group)] = rows
        for accumulator in accumulators {
            guard accumulator.read(Int(group), from: &reader) else { throw .damagedEntry }
        }
        guard reader.isAtEnd else { throw .damagedEntry }
    }

    func restoreDistinct(
        _ value: StringView, call: Int, group: Int32
    ) throws(StateError) {
        guard distinct.indices.contains(call), let set = distinct[call] else {
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
