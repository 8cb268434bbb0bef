/// Joins rows of two append-only streams that have one key and lie near each other in time. A pair
/// comes out when the later of its rows does; a row without a partner once, when its interval closes.
///
/// Rows behind their split's watermark, and those behind what the join has passed, are not joined.
/// Pairs leave in the order in which the later row came, and of one row in the order of its partners'
/// times; rows without partners in the order in which their intervals closed. State is freed as the
/// watermark passes.
package final class IntervalJoin: Operator {
    /// Which right rows lie near a left row.
    package enum Bounds: Sendable {
        /// Those with left.rowtime − before ≤ right.rowtime ≤ left.rowtime + after; microseconds, not
        /// below 0.
        case around(beforeMicros: Int64, afterMicros: Int64)
        /// Those between two timestamps over the left columns, both included. The first is not before
        /// the row's own time; such rows are rejected. Null: there are none.
        case between(from: BoundExpression, to: BoundExpression)
    }

    private let plan: StreamJoinPlan
    private let bounds: Bounds
    private let readers: [JoinInputReader]
    private let sides: [JoinRows]
    private let pairs: JoinPairs
    private var due = [DueHeap(), DueHeap()]
    /// Left rows whose interval is their own affair, by event time: what may still come out.
    private var waiting = DueHeap()
    private var watermark = Int64.min
    /// Rows that closed before this are gone since the last checkpoint; nil if none are.
    private var closedBelow: Int64?

    package init(_ plan: StreamJoinPlan, bounds: Bounds) {
        self.plan = plan
        self.bounds = bounds
        var besides: [BoundExpression] = []
        if case .between(let from, let to) = bounds { besides = [from, to] }
        readers = [
            JoinInputReader(.left, plan.left, besides: besides),
            JoinInputReader(.right, plan.right),
        ]
        sides = [JoinRows(.left, plan.left), JoinRows(.right, plan.right)]
        pairs = JoinPairs(plan)
    }

    // MARK: Rows

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        let side: JoinSide = index == 0 ? .left : .right
        let reader = readers[side.rawValue]
        let timely = reader.keepingTimely(batch, watermark: watermark, to: output)
        guard var input = reader.read(timely, now: now, to: output) else { return }
        if case .between = bounds, side == .left {
            guard let checked = rejectingEarlyBounds(input, now: now, to: output) else { return }
            input = checked
        }
        let count = input.count
        let slots = Buffer(capacity: count * 4)
        let slot = slots.pointer(to: Int32.self)
        insert(input, of: side, into: slot)
        findPairs(input, slot, of: side, now: now, to: output)
    }

    /// Sends the pairs of a batch's rows with those of the other side that lie near them.
    private func findPairs(
        _ input: JoinInput, _ slot: UnsafePointer<Int32>, of side: JoinSide, now: Int64,
        to output: any OperatorOutput
    ) {
        let count = input.count
        let found = Buffer(capacity: count * 4)
        let key = found.pointer(to: Int32.self)
        let others = sides[side.other.rawValue]
        others.keys.find(input.keys.strings, rows: 0..<count, into: key)
        // No row comes to either side before the loop's end, so that these stay where they are.
        let own = sides[side.rawValue].slots.base
        let other = others.slots.base
        let lasts = others.lasts.base
        let time = input.times.integers
        let hasKey = input.hasKey?.pointer(to: UInt8.self)
        // Where each left row has an interval of its own, that is what a right row is held against.
        var asksPartner = false
        if case .between = bounds, side == .right { asksPartner = true }
        for row in 0..<count where key[row] >= 0 && hasKey?[row] != 0 {
            let (open, close) = (own[Int(slot[row])].opens, own[Int(slot[row])].closes)
            // The earliest row of the key that is not before the interval.
            var partner: Int32 = -1
            var candidate = lasts[Int(key[row])]
            while candidate >= 0 && other[Int(candidate)].time >= open {
                partner = candidate
                candidate = other[Int(candidate)].previous
            }
            while partner >= 0 && other[Int(partner)].time <= close {
                let known = other + Int(partner)
                if !asksPartner
                    || (known.pointee.opens <= time[row] && time[row] <= known.pointee.closes)
                {
                    pairs.append(row, partner)
                    if pairs.isFull { emitPairs(input, slot, of: side, now: now, to: output) }
                }
                partner = known.pointee.next
            }
        }
        emitPairs(input, slot, of: side, now: now, to: output)
    }

    /// Rows that say an interval which begins before themselves: what it would hold may be gone.
    private func rejectingEarlyBounds(
        _ input: JoinInput, now: Int64, to output: any OperatorOutput
    ) -> JoinInput? {
        let from = input.besides[0]
        let early = (0..<input.count).filter {
            !from.isNull($0) && from.integers[$0] < input.times.integers[$0]
        }
        guard !early.isEmpty else { return input }
        output.reject(early, of: input.batch, schema: plan.left.schema) { _ in
            "cannot join the row: 'from' is before the row's own time"
        }
        let split = RowSplit(failed: early, count: input.count)
        return readers[0].read(input.batch.selecting(split.good), now: now, to: output)
    }

    /// Puts the rows into the state of their side, −1 for those that nothing can come of.
    private func insert(
        _ input: JoinInput, of side: JoinSide, into slots: UnsafeMutablePointer<Int32>
    ) {
        let rows = sides[side.rawValue]
        let time = input.times.integers
        let keys = input.keys.strings
        let bytes = input.rows.strings
        for row in 0..<input.count {
            guard side == .left || plan.kind.keepsRight || input.isMatchable(row) else {
                slots[row] = -1
                continue
            }
            let (open, close) = interval(input, row, side)
            let slot = rows.insert(
                bytes[row], key: keys[row], time: time[row], opens: open, closes: close)
            slots[row] = slot
            due[side.rawValue].push(slot, at: close)
            if case .between = bounds, side == .left { waiting.push(slot, at: time[row]) }
        }
    }

    /// The times of a row's partners: the first, and the last, after which the row is let go.
    private func interval(_ input: JoinInput, _ row: Int, _ side: JoinSide) -> (Int64, Int64) {
        let time = input.times.integers[row]
        switch (bounds, side) {
        case (.around(let before, let after), .left):
            return (Self.subtract(before, from: time), Self.add(after, to: time))
        case (.around(let before, let after), .right):
            return (Self.subtract(after, from: time), Self.add(before, to: time))
        case (.between, .right):
            return (.min, Self.add(0, to: time))
        case (.between, .left):
            let (from, to) = (input.besides[0], input.besides[1])
            let isEmpty =
                from.isNull(row) || to.isNull(row) || to.integers[row] < from.integers[row]
            return isEmpty
                ? (.max, Self.add(0, to: time))
                : (from.integers[row], Self.add(0, to: to.integers[row]))
        }
    }

    private static func subtract(_ amount: Int64, from time: Int64) -> Int64 {
        let (value, overflow) = time.subtractingReportingOverflow(amount)
        return overflow ? .min : value
    }

    /// Below the watermark of an input that has ended, whatever the time.
    private static func add(_ amount: Int64, to time: Int64) -> Int64 {
        let (value, overflow) = time.addingReportingOverflow(amount)
        return overflow ? .max - 1 : min(value, .max - 1)
    }

    private func emitPairs(
        _ input: JoinInput, _ slots: UnsafePointer<Int32>, of side: JoinSide, now: Int64,
        to output: any OperatorOutput
    ) {
        guard pairs.count > 0 else { return }
        defer { pairs.removeAll() }
        let own = pairs.own
        let others = sides[side.other.rawValue]
        let time = input.times.integers
        let matching = pairs.matching(
            input.columns, times: { time[Int(own[$0])] }, of: side, others: others, now: now,
            to: output)
        guard matching.count > 0 else { return }
        for row in 0..<matching.count {
            let place = matching.physicalRow(row)
            mark(slots[Int(own[place])], side)
            mark(pairs.other[place], side.other)
        }
        output.emit(matching.replacingColumns(pairs.joined(matching)))
    }

    /// Notes that a row has found a partner, where that is asked for.
    private func mark(_ slot: Int32, _ side: JoinSide) {
        guard side == .left || plan.kind.keepsRight else { return }
        let rows = sides[side.rawValue]
        guard rows.slots.base[Int(slot)].matches == 0 else { return }
        rows.slots.base[Int(slot)].matches = 1
        rows.markDirty(slot)
    }

    // MARK: Time

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        let closed = sides.map { rows in
            var slots: [Int32] = []
            while let slot = due[rows.side.rawValue].pop(below: watermark) { slots.append(slot) }
            return slots
        }
        guard closed.contains(where: { !$0.isEmpty }) else { return findWaiting() }
        emitUnmatched(closed, to: output)
        findWaiting()
        for rows in sides {
            for slot in closed[rows.side.rawValue] {
                rows.unlink(slot)
                rows.release(slot, isExpired: true)
            }
            rows.compact()
        }
        closedBelow = watermark
    }

    /// Sends the rows of both sides that have closed without a partner, where that is asked for.
    private func emitUnmatched(_ closed: [[Int32]], to output: any OperatorOutput) {
        var alone: [(slot: Int32, side: JoinSide)] = []
        for rows in sides where rows.side == .left || plan.kind.keepsRight {
            let slots = rows.slots.base
            for slot in closed[rows.side.rawValue] where slots[Int(slot)].matches == 0 {
                alone.append((slot, rows.side))
            }
        }
        if plan.kind == .inner && !output.readsUnmatched {
            // Sorting and decoding them for nobody was a sixth of a run of q7.
            output.countUnmatched(alone.count)
        } else {
            emitUnmatched(alone, to: output)
        }
    }

    /// In an order that neither batches nor watermarks on the way can change: by when they closed,
    /// side, time, key and content.
    private func emitUnmatched(
        _ rows: [(slot: Int32, side: JoinSide)], to output: any OperatorOutput
    ) {
        let sorted = rows.sorted { a, b in
            let (first, second) = (sides[a.side.rawValue], sides[b.side.rawValue])
            let (i, j) = (Int(a.slot), Int(b.slot))
            let x = (first.slots.base[i].closes, a.side.rawValue, first.slots.base[i].time)
            let y = (second.slots.base[j].closes, b.side.rawValue, second.slots.base[j].time)
            if x != y { return x < y }
            return first.compareContents(a.slot, b.slot) < 0
        }
        var start = 0
        while start < sorted.count {
            let side = sorted[start].side
            let end =
                sorted[start...].prefix(JoinPairs.countMax).firstIndex { $0.side != side }
                ?? min(start + JoinPairs.countMax, sorted.count)
            emitUnmatched(sorted[start..<end].map(\.slot), of: side, to: output)
            start = end
        }
    }

    private func emitUnmatched(
        _ slots: [Int32], of side: JoinSide, to output: any OperatorOutput
    ) {
        let rows = sides[side.rawValue]
        let columns = slots.withUnsafeBufferPointer { rows.columns($0) }
        var times = ColumnBuilder(type: .timestamp, capacity: slots.count)
        for slot in slots { times.append(integer: rows.slots.base[Int(slot)].time) }
        let batch = Batch(columns: columns, rowtime: times.finish(), rowCount: slots.count)
        if side == .left { output.emitUnmatched(batch) }
        if plan.keeps(side) {
            output.emit(
                batch.replacingColumns(plan.alone(columns, of: side, count: slots.count)))
        }
    }

    /// Finds the earliest left row that may still come out alone; before its number is given out
    /// again.
    private func findWaiting() {
        let left = sides[0]
        // A row that is gone may have left its number to another, which has its own place.
        while let slot = waiting.earliestRow, let time = waiting.earliest,
            left.slots.base[Int(slot)].matches != 0 || left.slots.base[Int(slot)].closes < watermark
                || left.slots.base[Int(slot)].time != time
        {
            _ = waiting.pop(below: time + 1)
        }
    }

    package var holdMicros: Int64 {
        var hold = plan.kind.keepsLeft ? unmatchedHoldMicros : 0
        if plan.kind.keepsRight, case .around(let before, _) = bounds { hold = max(hold, before) }
        return hold
    }

    package var unmatchedHoldMicros: Int64 {
        switch bounds {
        case .around(_, let after): return after
        case .between:
            guard let earliest = waiting.earliest, earliest < watermark else { return 0 }
            let (hold, overflow) = watermark.subtractingReportingOverflow(earliest)
            return overflow ? .max : hold
        }
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
            for slot in rows.finishRestoring() {
                due[rows.side.rawValue].push(slot, at: rows.slots.base[Int(slot)].closes)
                if case .between = bounds, rows.side == .left {
                    waiting.push(slot, at: rows.slots.base[Int(slot)].time)
                }
            }
        }
        findWaiting()
    }

    package var stateSize: StateSize {
        StateSize(
            entries: sides.reduce(0) { $0 + $1.count },
            bytes: sides.reduce(0) { $0 + $1.memoryBytes })
    }
}
