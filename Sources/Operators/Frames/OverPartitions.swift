/// The partitions of an ``OrderedOver``: which rows each still needs, and how many it has had.
///
/// A row has an ordinal in its partition, from 0. It begins anew where nothing of the rows before
/// can be seen any more: so that what comes out does not depend on when they were let go.
final class OverPartitions {
    private let plan: OverPlan
    private let lagMax: Int64
    /// Whether something of a partition is seen by rows however much later.
    private let persists: Bool
    private let table = PartitionTable()
    /// The next row's ordinal, the first one whose row is kept, and the first one in range.
    private let nexts = GroupArray<Int64>(0)
    private let starts = GroupArray<Int64>(0)
    private let frameStarts = GroupArray<Int64>(0)
    private let lastTimes = GroupArray<Int64>(.min)
    private let lives = GroupArray<Int32>(0)
    private let flags = GroupArray<UInt8>(0)
    private let members = FrameTrees<Int32>()
    private(set) var count = 0
    private var free: [Int32] = []
    private var dirty: [Int32] = []
    private var removedKeys: [[UInt8]] = []
    /// Rows that are no longer needed.
    private var gone: [Int32] = []
    /// Rows by the time at which they leave the range, the earliest first from `aging`'s head on.
    private var aging: [Aging] = []
    private var agingHead = 0
    private var due = DueHeap()

    private struct Aging {
        var time: Int64
        var ordinal: Int64
        var partition: Int32
        var life: Int32
    }

    private enum Flag {
        static let dirty: UInt8 = 1
        static let captured: UInt8 = 2
        static let queued: UInt8 = 4
    }

    init(_ plan: OverPlan) {
        self.plan = plan
        lagMax = Int64(plan.lagMax)
        if case .range = plan.frame {
            persists = plan.lagMax > 0 || plan.numbersRows
        } else {
            persists = true
        }
    }

    var liveCount: Int { count - free.count }
    var memoryBytes: Int {
        count * 64 + table.memoryBytes + members.memoryBytes
            + aging.count * MemoryLayout<Aging>.stride
    }

    func takeGone() -> [Int32] {
        defer { gone.removeAll(keepingCapacity: true) }
        return gone
    }

    // MARK: Rows

    /// Takes in rows of one time, which stand in order, and asks for their results.
    ///
    /// - Parameter chunk: Rows of the store, of which `range` is taken.
    func take(
        _ chunk: [Int32], _ range: Range<Int>, at time: Int64, _ store: RowStore,
        into questions: inout OverRows.Questions
    ) {
        guard case .range(let back) = plan.frame else {
            for index in range { takeCounted(chunk, index, at: time, store, into: &questions) }
            return
        }
        let (bound, overflow) = time.subtractingReportingOverflow(back)
        var places: [(partition: Int32, ordinal: Int64)] = []
        for index in range {
            let row = chunk[index]
            let partition = partition(store.keys.base[Int(row)])
            restartIfPast(partition, at: time, &questions.steps)
            moveRange(partition, to: overflow ? .min : bound, store, &questions.steps)
            let ordinal = append(row, to: partition, at: time)
            questions.steps.add(
                row: index, slot: row, to: partition, ordinal: ordinal,
                start: frameStarts.base[Int(partition)])
            aging.append(
                Aging(
                    time: time, ordinal: ordinal, partition: partition,
                    life: lives.base[Int(partition)]))
            places.append((partition, ordinal))
        }
        for (place, index) in range.enumerated() {
            let (partition, ordinal) = places[place]
            questions.steps.ask(
                partition, frameStarts.base[Int(partition)]..<nexts.base[Int(partition)],
                without: plan.excludesCurrent ? ordinal : -1)
            ask(partition, ordinal, row: index, into: &questions)
        }
        for (partition, _) in places { trim(partition) }
    }

    private func takeCounted(
        _ chunk: [Int32], _ index: Int, at time: Int64, _ store: RowStore,
        into questions: inout OverRows.Questions
    ) {
        let row = chunk[index]
        let partition = partition(store.keys.base[Int(row)])
        restartIfPast(partition, at: time, &questions.steps)
        let ordinal = append(row, to: partition, at: time)
        if case .rows(let before) = plan.frame {
            let first = max(0, ordinal - Int64(before))
            // Without the row itself it is asked before the row is in.
            if plan.excludesCurrent { questions.steps.ask(partition, first..<ordinal) }
            questions.steps.add(
                row: index, slot: row, to: partition, ordinal: ordinal, start: first)
            if !plan.excludesCurrent { questions.steps.ask(partition, first..<ordinal + 1) }
        }
        ask(partition, ordinal, row: index, into: &questions)
        trim(partition)
    }

    /// Asks for what does not go by the frame.
    private func ask(
        _ partition: Int32, _ ordinal: Int64, row: Int, into questions: inout OverRows.Questions
    ) {
        questions.rows.append(Int32(row))
        questions.numbers.append(ordinal + 1)
        for (index, call) in plan.rowCalls.enumerated() {
            guard case .lag(_, let count, _) = call else { continue }
            questions.lagged[index].append(members.leaf(partition, ordinal - Int64(count)) ?? -1)
        }
    }

    private func append(_ row: Int32, to partition: Int32, at time: Int64) -> Int64 {
        let place = Int(partition)
        let ordinal = nexts.base[place]
        members.append(
            row, to: partition, ordinal: ordinal, start: starts.base[place],
            combine: { first, _ in first })
        nexts.base[place] = ordinal + 1
        lastTimes.base[place] = time
        if flags.base[place] & Flag.dirty == 0 {
            flags.base[place] |= Flag.dirty
            dirty.append(partition)
        }
        queue(partition)
        return ordinal
    }

    /// Leaves out rows before `bound`, and begins anew where none is left.
    private func moveRange(
        _ partition: Int32, to bound: Int64, _ store: RowStore, _ steps: inout FrameSteps
    ) {
        let place = Int(partition)
        while frameStarts.base[place] < nexts.base[place],
            let row = members.leaf(partition, frameStarts.base[place]), store.time(row) < bound
        {
            frameStarts.base[place] += 1
        }
        if !persists, frameStarts.base[place] == nexts.base[place], nexts.base[place] > 0 {
            empty(partition)
            steps.forget(partition)
        }
    }

    /// Begins anew when the partition's time to live is over.
    private func restartIfPast(
        _ partition: Int32, at time: Int64, _ steps: inout FrameSteps
    ) {
        guard nexts.base[Int(partition)] > 0, dueTime(partition) < time else { return }
        empty(partition)
        steps.forget(partition)
    }

    private func dueTime(_ partition: Int32) -> Int64 {
        guard let timeToLive = plan.timeToLiveMicros else { return .max }
        let (time, overflow) = lastTimes.base[Int(partition)].addingReportingOverflow(timeToLive)
        return overflow ? .max : time
    }

    /// Lets go of rows that no row to come needs.
    private func trim(_ partition: Int32) {
        let place = Int(partition)
        let next = nexts.base[place]
        var start = next - lagMax
        switch plan.frame {
        case .none: break
        case .rows(let before): start = min(start, next - Int64(before))
        case .range: start = min(start, frameStarts.base[place])
        }
        for ordinal in stride(from: starts.base[place], to: start, by: 1) {
            if let row = members.leaf(partition, ordinal) { gone.append(row) }
        }
        starts.base[place] = max(starts.base[place], start)
    }

    private func empty(_ partition: Int32) {
        let place = Int(partition)
        for ordinal in starts.base[place]..<nexts.base[place] {
            if let row = members.leaf(partition, ordinal) { gone.append(row) }
        }
        members.forget(partition)
        nexts.reset(place)
        starts.reset(place)
        frameStarts.reset(place)
        lives.base[place] &+= 1
    }

    // MARK: Partitions

    private func partition(_ key: StringView) -> Int32 {
        let known = table.find(key)
        if known >= 0 { return known }
        let partition = allocate()
        table.insert(key, partition)
        return partition
    }

    private func allocate() -> Int32 {
        if let partition = free.popLast() { return partition }
        count += 1
        for array in [nexts, starts, frameStarts, lastTimes] { array.reserve(count) }
        lives.reserve(count)
        flags.reserve(count)
        members.reserve(count)
        return Int32(count - 1)
    }

    private func release(_ partition: Int32) {
        empty(partition)
        let place = Int(partition)
        if flags.base[place] & Flag.captured != 0 {
            removedKeys.append(Array(table.key(partition).bytes))
        }
        table.remove(partition)
        lastTimes.reset(place)
        // What is queued may still come up.
        flags.base[place] &= Flag.queued
        free.append(partition)
    }

    // MARK: Time

    private func queue(_ partition: Int32) {
        guard plan.timeToLiveMicros != nil,
            flags.base[Int(partition)] & Flag.queued == 0
        else { return }
        flags.base[Int(partition)] |= Flag.queued
        due.push(partition, at: dueTime(partition))
    }

    /// Lets go of rows and partitions that no row at or after `watermark` sees.
    func letGo(below watermark: Int64, forgetting steps: inout FrameSteps) {
        if case .range(let back) = plan.frame {
            let (bound, overflow) = watermark.subtractingReportingOverflow(back)
            if !overflow { letGoAged(below: bound, forgetting: &steps) }
        }
        while let partition = due.pop(below: watermark) {
            let place = Int(partition)
            flags.base[place] &= ~Flag.queued
            guard table.has(partition) else { continue }
            if dueTime(partition) < watermark {
                release(partition)
                steps.forget(partition)
            } else {
                queue(partition)
            }
        }
    }

    private func letGoAged(below bound: Int64, forgetting steps: inout FrameSteps) {
        while agingHead < aging.count, aging[agingHead].time < bound {
            let item = aging[agingHead]
            agingHead += 1
            let place = Int(item.partition)
            guard lives.base[place] == item.life else { continue }
            frameStarts.base[place] = max(frameStarts.base[place], item.ordinal + 1)
            trim(item.partition)
            if !persists, starts.base[place] == nexts.base[place] {
                release(item.partition)
                steps.forget(item.partition)
            }
        }
        if agingHead > 1024, agingHead * 2 > aging.count {
            aging.removeFirst(agingHead)
            agingHead = 0
        }
    }

    // MARK: State

    /// An entry for each partition, under its key: the next ordinal and the time of the last row.
    func capture(part: UInt8, into changes: inout StateChanges) {
        for key in removedKeys {
            key.withUnsafeBufferPointer { changes.delete(part: part, time: 0, key: $0) }
        }
        removedKeys.removeAll()
        for partition in dirty {
            let place = Int(partition)
            guard flags.base[place] & Flag.dirty != 0 else { continue }
            flags.base[place] = flags.base[place] & ~Flag.dirty | Flag.captured
            let key = table.key(partition).bytes
            changes.put(part: part, time: 0, key: key) { bytes in
                bytes.append(littleEndian: nexts.base[place])
                bytes.append(littleEndian: lastTimes.base[place])
            }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    func restore(_ entry: StateEntry) throws(StateError) {
        var reader = ByteReader(entry.value)
        guard let next = reader.read(Int64.self), let time = reader.read(Int64.self),
            reader.isAtEnd, next > 0
        else { throw .damagedEntry }
        let partition = partition(StringView(entry.key))
        let place = Int(partition)
        nexts.base[place] = next
        starts.base[place] = next
        lastTimes.base[place] = time
        flags.base[place] |= Flag.captured
        queue(partition)
    }

    /// Takes back the rows that the restored partitions still need, in order.
    func takeBack(_ rows: [Int32], _ store: RowStore, into steps: inout FrameSteps) {
        let places = rows.map { partition(store.keys.base[Int($0)]) }
        for partition in places { starts.base[Int(partition)] -= 1 }
        for place in 0..<count {
            // A partition without its entry counts from its first row that is kept.
            if starts.base[place] < 0 {
                nexts.base[place] -= starts.base[place]
                starts.base[place] = 0
            }
            frameStarts.base[place] = starts.base[place]
        }
        let cursors = GroupArray<Int64>(0)
        cursors.reserve(count)
        for place in 0..<count { cursors.base[place] = starts.base[place] }
        for (index, row) in rows.enumerated() {
            let partition = places[index]
            let place = Int(partition)
            let ordinal = cursors.base[place]
            cursors.base[place] += 1
            members.append(
                row, to: partition, ordinal: ordinal, start: starts.base[place],
                combine: { first, _ in first })
            if plan.frame != .none {
                steps.add(
                    row: index, slot: row, to: partition, ordinal: ordinal,
                    start: starts.base[place])
            }
            if case .range = plan.frame {
                aging.append(
                    Aging(
                        time: store.time(row), ordinal: ordinal, partition: partition,
                        life: lives.base[place]))
            }
        }
    }
}
