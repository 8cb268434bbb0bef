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
    /// The values that a call keeps over rows that may be taken back, or in groups that merge: all
    /// that stand.
    private let sets: [ValueSets?]
    /// Those that DISTINCT calls have seen where rows are only added.
    private let distinct: [DistinctValues]
    /// For each call its place in `distinct`.
    private let distinctOf: [Int?]
    private let isDirty = GroupArray<UInt8>(0)
    private var dirty: [Int32] = []
    private var free: [Int32] = []
    private var count = 0
    private var masked: Buffer = Buffer(capacity: 0)

    /// - Parameter mergesGroups: Whether ``merge(_:into:)`` will be called. Groups then come and go one
    ///   by one, and have sets of values of their own.
    init(calls: [AggregateCall], mergesGroups: Bool = false) {
        self.calls = calls
        accumulators = calls.map { makeAccumulator($0) }
        sets = zip(calls, accumulators).map { call, accumulator in
            if let multiset = accumulator as? MultisetAccumulator { return multiset.sets }
            guard call.isDistinct, call.takesBack || mergesGroups, let argument = call.argument
            else { return nil }
            return ValueSets(types: [argument.type])
        }
        (distinct, distinctOf) =
            mergesGroups ? ([], calls.map { _ in nil }) : GroupStore.sharedSets(calls)
    }

    /// The tables of DISTINCT calls over append-only input; calls with one column share one.
    private static func sharedSets(_ calls: [AggregateCall]) -> ([DistinctValues], [Int?]) {
        var members: [(argument: BoundExpression, calls: [Int])] = []
        var places: [Int?] = []
        for (index, call) in calls.enumerated() {
            guard call.isDistinct, !call.takesBack, !call.keepsValues, let argument = call.argument
            else {
                places.append(nil)
                continue
            }
            // Another argument than a column is null where the call's filter is not true.
            var shared: Int?
            if case .column = argument.root {
                shared = members.firstIndex {
                    $0.argument.root == argument.root
                        && $0.calls.count < DistinctValues.callsMax
                }
            }
            if let shared {
                members[shared].calls.append(index)
            } else {
                members.append((argument, [index]))
            }
            places.append(shared ?? members.count - 1)
        }
        let sets = members.map { DistinctValues(type: $0.argument.type, calls: $0.calls) }
        return (sets, places)
    }

    var liveCount: Int { count - free.count }

    /// Bytes of memory, about, without the keys.
    var memoryBytes: Int {
        let valueCount = sets.reduce(0) { $0 + ($1?.entryCount ?? 0) }
        return count * (32 + 24 * calls.count) + valueCount * 64
            + distinct.reduce(0) { $0 + $1.memoryBytes }
    }

    func allocate() -> Int32 {
        if let group = free.popLast() { return group }
        count += 1
        keys.reserve(count)
        times.reserve(count)
        rowCounts.reserve(count)
        isDirty.reserve(count)
        for accumulator in accumulators { accumulator.reserve(count) }
        for set in sets { set?.reserve(count) }
        for set in distinct { set.reserve(count) }
        return Int32(count - 1)
    }

    func release(_ group: Int32) {
        clear(group)
        for set in sets { set?.reset(Int(group)) }
        for set in distinct { set.reset(Int(group)) }
        isDirty.base[Int(group)] = 0
        free.append(group)
    }

    /// Makes a group's values those of no rows.
    func clear(_ group: Int32) {
        rowCounts.reset(Int(group))
        for (index, accumulator) in accumulators.enumerated() {
            sets[index]?.clear(Int(group))
            if !(accumulator is MultisetAccumulator) { accumulator.reset(Int(group)) }
        }
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

    /// What a call is given for each row, dense.
    struct Arguments {
        var argument: Column?
        var order: Column?
        var filter: Column?
    }

    /// Feeds rows that have been counted to every call.
    ///
    /// - Parameters:
    ///   - groups: The group of each row, −1 for rows that do not count.
    ///   - arguments: One for each call.
    func update(
        _ groups: UnsafePointer<Int32>, count: Int, arguments: [Arguments],
        weights: UnsafePointer<Int32>?
    ) {
        markDirty(groups, count: count)
        for set in distinct { update(set, groups, count: count, arguments) }
        for index in calls.indices where distinctOf[index] == nil {
            let given = arguments[index]
            let isDistinct = calls[index].isDistinct && !calls[index].keepsValues
            guard given.filter != nil || isDistinct else {
                accumulators[index].update(
                    groups, count: count, argument: given.argument, order: given.order,
                    weights: weights)
                continue
            }
            let mask = scratch(count)
            mask.update(from: groups, count: count)
            if let filter = given.filter {
                let isTrue = filter.booleans
                for row in 0..<count where isTrue[row] == 0 || filter.isNull(row) {
                    mask[row] = -1
                }
            }
            var counted = weights
            if isDistinct, let set = sets[index], let argument = given.argument {
                let changes = mask + count
                set.add(
                    mask, count: count, columns: [argument], weights: weights, changes: changes)
                if weights != nil { counted = UnsafePointer(changes) }
            }
            accumulators[index].update(
                mask, count: count, argument: given.argument, order: given.order, weights: counted)
        }
    }

    /// Adds to a group all that another one has, which is then to be cleared.
    func merge(_ source: Int32, into target: Int32) {
        rowCounts.base[Int(target)] &+= rowCounts.base[Int(source)]
        for (index, accumulator) in accumulators.enumerated() {
            guard calls[index].isDistinct, !calls[index].keepsValues, let set = sets[index] else {
                accumulator.merge(Int(source), into: Int(target))
                continue
            }
            let come = set.merge(Int(source), into: Int(target))
            guard let argument = come.first, argument.count > 0 else { continue }
            let groups = Array(repeating: target, count: argument.count)
            accumulator.update(groups, count: groups.count, argument: argument, weights: nil)
        }
        touch([target])
    }

    /// Has the next checkpoint put these groups.
    func touch(_ groups: [Int32]) {
        groups.withUnsafeBufferPointer {
            if let base = $0.baseAddress { markDirty(base, count: $0.count) }
        }
    }

    /// Feeds the calls that share a set with the rows whose values are new to them.
    private func update(
        _ set: DistinctValues, _ groups: UnsafePointer<Int32>, count: Int, _ arguments: [Arguments]
    ) {
        guard let argument = arguments[set.calls[0]].argument else { return }
        let mask = scratch(count)
        let asking = UnsafeMutableRawPointer(mask + count).assumingMemoryBound(to: UInt32.self)
        asking.initialize(repeating: 0, count: count)
        for (place, call) in set.calls.enumerated() {
            let bit: UInt32 = 1 << UInt32(place)
            guard let filter = arguments[call].filter else {
                for row in 0..<count { asking[row] |= bit }
                continue
            }
            let isTrue = filter.booleans
            let validity = filter.validityPointer
            for row in 0..<count where isTrue[row] != 0 && validity?[row] != 0 {
                asking[row] |= bit
            }
        }
        set.add(groups, count: count, column: argument, asking: asking)
        for (place, call) in set.calls.enumerated() {
            let bit: UInt32 = 1 << UInt32(place)
            for row in 0..<count { mask[row] = asking[row] & bit != 0 ? groups[row] : -1 }
            accumulators[call].update(
                mask, count: count, argument: argument, order: arguments[call].order, weights: nil)
        }
    }

    /// Room for two numbers of 32 bits a row.
    private func scratch(_ count: Int) -> UnsafeMutablePointer<Int32> {
        if masked.capacity < count * 8 { masked = Buffer(capacity: count * 8) }
        return masked.pointer(to: Int32.self)
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
        changes.retain(distinct.map { $0.beginCapture(dirty) })
        for group in dirty {
            let group = Int(group)
            guard isDirty.base[group] != 0 else { continue }
            isDirty.base[group] = 0
            let key = keys.base[group]
            for (index, set) in sets.enumerated() {
                set?.capture(
                    group: group, key: key, time: times.base[group], call: index, into: &changes)
            }
            for set in distinct {
                set.capture(group: group, key: key, time: times.base[group], into: &changes)
            }
            if rowCounts.base[group] == 0 {
                changes.delete(time: times.base[group], key: key.bytes)
                continue
            }
            changes.put(time: times.base[group], key: key.bytes) { bytes in
                prefix(group, &bytes)
                bytes.append(littleEndian: rowCounts.base[group])
                for accumulator in accumulators { accumulator.write(group, to: &bytes) }
            }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// The parts that entries of this store have.
    var parts: [UInt8] {
        sets.contains { $0 != nil } || !distinct.isEmpty ? [0, ValueSets.part] : [0]
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

    /// Takes back one entry of ``ValueSets/part``.
    func restoreValue(
        _ value: StringView, count: UnsafeBufferPointer<UInt8>, call: Int, group: Int32
    ) throws(StateError) {
        if calls.indices.contains(call), let place = distinctOf[call] {
            guard distinct[place].restore(value, value: count, call: call, group: Int(group))
            else { throw .damagedEntry }
            return
        }
        guard sets.indices.contains(call), let set = sets[call],
            set.restore(value, count: count, group: Int(group))
        else { throw .damagedEntry }
    }
}

extension StateError {
    static var damagedEntry: StateError {
        StateError(message: "cannot restore state: an entry is not what this version wrote")
    }
}
