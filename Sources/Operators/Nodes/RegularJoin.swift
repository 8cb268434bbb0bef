/// Joins all rows of two streams that have one key, whenever they come; both may take rows back.
///
/// Each row stands by itself, so that equal rows may stand more than once. A row of an outer side
/// comes out alone while no partner stands. Within a batch the changes of a row of the output are
/// summed up, and those that take back precede those that give. With `timeToLive`, rows are let go
/// once the watermark is further behind them, without taking back what came of them; two rows
/// further apart than that never meet, so that the result does not depend on when they are let go.
package final class RegularJoin: Operator {
    private let plan: StreamJoinPlan
    private let timeToLiveMicros: Int64?
    /// By side: rows are only ever added, and those behind their split's watermark are set aside.
    private let isAppend: [Bool]
    private let changes: JoinChanges
    private let isAppendOnly: Bool
    private let readers: [JoinInputReader]
    private let sides: [JoinRows]
    private let pairs: JoinPairs
    private var due = [DueHeap(), DueHeap()]
    private var watermark = Int64.min
    private var closedBelow: Int64?

    /// - Parameters:
    ///   - isAppend: Whether the left and the right input only add rows.
    ///   - key: Positions in the output of what identifies a row; nil when nothing does.
    package init(
        _ plan: StreamJoinPlan, timeToLiveMicros: Int64?, isAppend: (left: Bool, right: Bool),
        key: [Int]?
    ) {
        self.plan = plan
        self.timeToLiveMicros = timeToLiveMicros
        self.isAppend = [isAppend.left, isAppend.right]
        isAppendOnly = plan.kind == .inner && isAppend.left && isAppend.right
        changes = JoinChanges(plan, key: key)
        readers = [JoinInputReader(.left, plan.left), JoinInputReader(.right, plan.right)]
        sides = [JoinRows(.left, plan.left), JoinRows(.right, plan.right)]
        pairs = JoinPairs(plan)
    }

    // MARK: Rows

    /// One row that comes or goes.
    private struct Operation {
        /// In the batch.
        let row: Int
        let slot: Int32
        let isInsertion: Bool
    }

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        let side: JoinSide = index == 0 ? .left : .right
        let reader = readers[side.rawValue]
        let timely =
            isAppend[side.rawValue]
            ? reader.keepingTimely(batch, watermark: watermark, to: output) : batch
        guard let input = reader.read(timely, now: now, to: output) else { return }
        let operations = apply(input, of: side, to: output)
        let partners = findPartners(operations, input, of: side, now: now, to: output)
        collectChanges(operations, partners, of: side)
        for operation in operations where !operation.isInsertion {
            sides[side.rawValue].release(operation.slot, isExpired: false)
        }
        changes.emit(
            input, of: side, others: sides[side.other.rawValue], isAppendOnly: isAppendOnly,
            to: output)
        if operations.contains(where: { !$0.isInsertion }) { sides[side.rawValue].compact() }
    }

    /// Adds rows to their side's state and takes out those that are taken back, whose values stay
    /// until they are released. What takes back a row that is not there is rejected, or, where rows are let
    /// go, counted as late.
    private func apply(
        _ input: JoinInput, of side: JoinSide, to output: any OperatorOutput
    ) -> [Operation] {
        let rows = sides[side.rawValue]
        let weights = input.batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        let (keys, bytes) = (input.keys.strings, input.rows.strings)
        let time = input.times.integers
        var operations: [Operation] = []
        operations.reserveCapacity(input.count)
        var unknown: [Int] = []
        // Taken back after their time to live.
        var forgotten = 0
        for row in 0..<input.count where plan.keeps(side) || input.isMatchable(row) {
            let times = Int(weight?[row] ?? 1)
            for _ in 0..<max(times, 0) {
                let close = closeTime(time[row])
                let slot = rows.insert(
                    bytes[row], key: keys[row], time: time[row], opens: .min, closes: close)
                if timeToLiveMicros != nil { due[side.rawValue].push(slot, at: close) }
                operations.append(Operation(row: row, slot: slot, isInsertion: true))
            }
            for _ in 0..<max(-times, 0) {
                // A row that was let go must not take an equal one with it.
                let isPast = closeTime(time[row]) < watermark
                guard
                    let slot = rows.find(
                        bytes[row], key: keys[row], time: time[row], isExact: isPast)
                else {
                    if timeToLiveMicros == nil { unknown.append(row) } else { forgotten += 1 }
                    break
                }
                rows.unlink(slot)
                operations.append(Operation(row: row, slot: slot, isInsertion: false))
            }
        }
        if forgotten > 0 { output.countLate(forgotten, wasInTime: false) }
        if !unknown.isEmpty {
            output.reject(
                input.batch.selecting(RowSplit(failed: unknown, count: input.count).failed),
                schema: plan[side].schema,
                reasons: unknown.map { _ in "cannot take back a row: it is not there" })
        }
        return operations
    }

    private func closeTime(_ time: Int64) -> Int64 {
        guard let timeToLiveMicros else { return .max - 1 }
        let (value, overflow) = time.addingReportingOverflow(timeToLiveMicros)
        return overflow ? .max - 1 : min(value, .max - 1)
    }

    /// What the operations of a batch meet on the other side.
    private struct Partners {
        /// By pair, in the order of the operations: the operation's place, the partner's number, and
        /// the later of the two times.
        var operations: [Int32] = []
        var slots: [Int32] = []
        var times: [Int64] = []
    }

    private func findPartners(
        _ operations: [Operation], _ input: JoinInput, of side: JoinSide, now: Int64,
        to output: any OperatorOutput
    ) -> Partners {
        let own = sides[side.rawValue]
        let others = sides[side.other.rawValue]
        let count = input.count
        let found = Buffer(capacity: count * 4)
        let key = found.pointer(to: Int32.self)
        others.keys.find(input.keys.strings, rows: 0..<count, into: key)
        var partners = Partners()
        /// The operation of each pair that is collected.
        var places: [Int32] = []
        func flush() {
            guard pairs.count > 0 else { return }
            defer {
                pairs.removeAll()
                places.removeAll(keepingCapacity: true)
            }
            let weights = Buffer(capacity: pairs.count * 4)
            for (index, place) in places.enumerated() {
                weights.pointer(to: Int32.self)[index] =
                    operations[Int(place)].isInsertion ? 1 : -1
            }
            let matching = pairs.matching(
                input.columns,
                times: { own.slots.base[Int(operations[Int(places[$0])].slot)].time }, of: side,
                others: others, weights: weights, now: now, to: output)
            for row in 0..<matching.count {
                let place = matching.physicalRow(row)
                partners.operations.append(places[place])
                partners.slots.append(pairs.other[place])
                partners.times.append(matching.rowtime.integers[place])
            }
        }
        for (place, operation) in operations.enumerated() {
            let ownTime = own.slots.base[Int(operation.slot)].time
            guard key[operation.row] >= 0, input.isMatchable(operation.row) else { continue }
            var partner = others.firsts.base[Int(key[operation.row])]
            while partner >= 0 {
                if isWithinLife(ownTime, others.slots.base[Int(partner)].time) {
                    pairs.append(operation.row, partner)
                    places.append(Int32(place))
                    if pairs.isFull { flush() }
                }
                partner = others.slots.base[Int(partner)].next
            }
        }
        flush()
        return partners
    }

    /// Whether the earlier of two rows is still kept when the later one comes in time.
    private func isWithinLife(_ a: Int64, _ b: Int64) -> Bool {
        guard timeToLiveMicros != nil else { return true }
        return closeTime(min(a, b)) >= max(a, b)
    }

    /// Counts partners, and finds what comes and goes of the output.
    private func collectChanges(_ operations: [Operation], _ partners: Partners, of side: JoinSide)
    {
        let own = sides[side.rawValue]
        let others = sides[side.other.rawValue]
        let keepsOthers = plan.keeps(side.other)
        var pair = 0
        for (place, operation) in operations.enumerated() {
            let first = pair
            while pair < partners.slots.count && partners.operations[pair] == place { pair += 1 }
            let index = Int(operation.slot)
            let sign: Int32 = operation.isInsertion ? 1 : -1
            if operation.isInsertion { own.slots.base[index].matches = Int32(pair - first) }
            if plan.keeps(side), own.slots.base[index].matches == 0 {
                changes.add(row: operation.row, other: -1, time: own.slots.base[index].time, sign)
            }
            for place in first..<pair {
                let partner = partners.slots[place]
                changes.add(
                    row: operation.row, other: partner, time: partners.times[place], sign)
                guard keepsOthers else { continue }
                let count = others.slots.base[Int(partner)].matches
                let isAlone = operation.isInsertion ? count == 0 : count == 1
                others.slots.base[Int(partner)].matches = max(0, count + sign)
                others.markDirty(partner)
                if isAlone {
                    changes.add(
                        row: -1, other: partner, time: others.slots.base[Int(partner)].time, -sign)
                }
            }
        }
    }

    // MARK: Time

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        guard timeToLiveMicros != nil else { return }
        var hasClosed = false
        for rows in sides {
            while let slot = due[rows.side.rawValue].pop(below: watermark) {
                // A row that was taken back may have left its number to another.
                guard rows.isLive(slot), rows.slots.base[Int(slot)].closes < watermark else {
                    continue
                }
                rows.unlink(slot)
                rows.release(slot, isExpired: true)
                hasClosed = true
            }
            if hasClosed { rows.compact() }
        }
        if hasClosed { closedBelow = watermark }
    }

    // MARK: Checkpoints

    package func capture(into changes: inout StateChanges) {
        for rows in sides {
            if let closedBelow { changes.deleteBelow(part: rows.side.part, time: closedBelow) }
            rows.capture(into: &changes)
        }
        closedBelow = nil
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        guard let side = JoinSide(rawValue: Int(entry.part)) else { throw .damagedEntry }
        try sides[side.rawValue].restore(entry)
    }

    package func restore(watermark: Int64) {
        self.watermark = watermark
        for rows in sides {
            for slot in rows.finishRestoring() where timeToLiveMicros != nil {
                due[rows.side.rawValue].push(slot, at: rows.slots.base[Int(slot)].closes)
            }
        }
    }

    package var stateSize: StateSize {
        StateSize(
            entries: sides.reduce(0) { $0 + $1.count },
            bytes: sides.reduce(0) { $0 + $1.memoryBytes })
    }
}
