/// Which rows of a partition see something that changes, before and after it.
struct AffectedRows {
    private(set) var before: [Bool]
    private(set) var after: [Bool]

    /// - Parameters:
    ///   - rowsBefore: The partition's rows in order; those of `rowsAfter` that were there, and others
    ///     whose state is `gone`.
    ///   - rowsAfter: Those that are there now; new ones are `fresh`.
    /// - Complexity: O(rows).
    init(
        _ rowsBefore: [Int32], _ rowsAfter: [Int32], states: GroupArray<UInt8>, store: RowStore,
        plan: OverPlan
    ) {
        before = Array(repeating: false, count: rowsBefore.count)
        after = Array(repeating: false, count: rowsAfter.count)
        var reach = plan.lagMax
        if case .rows(let count) = plan.frame { reach = max(reach, count) }
        // How many rows that stay are behind the last one that does not.
        var since = Int.max
        var times: [Int64] = []
        var (old, new) = (0, 0)
        while old < rowsBefore.count || new < rowsAfter.count {
            if old < rowsBefore.count,
                states.base[Int(rowsBefore[old])] == UpdatingOver.RowState.gone
            {
                before[old] = true
                times.append(store.time(rowsBefore[old]))
                since = 0
                old += 1
            } else if new < rowsAfter.count,
                states.base[Int(rowsAfter[new])] == UpdatingOver.RowState.fresh
            {
                after[new] = true
                times.append(store.time(rowsAfter[new]))
                since = 0
                new += 1
            } else {
                if since < .max {
                    since += 1
                    let isReached = plan.numbersRows || since <= reach
                    before[old] = isReached
                    after[new] = isReached
                }
                old += 1
                new += 1
            }
        }
        if case .range(let range) = plan.frame {
            times.sort()
            AffectedRows.mark(&before, rowsBefore, near: times, range, store)
            AffectedRows.mark(&after, rowsAfter, near: times, range, store)
        }
    }

    /// Marks the rows that have one of `times` in their range.
    private static func mark(
        _ flags: inout [Bool], _ rows: [Int32], near times: [Int64], _ range: Int64,
        _ store: RowStore
    ) {
        var next = 0
        for (index, row) in rows.enumerated() {
            let time = store.time(row)
            while next < times.count, times[next] <= time { next += 1 }
            guard next > 0 else { continue }
            let (distance, overflow) = time.subtractingReportingOverflow(times[next - 1])
            if !overflow && distance <= range { flags[index] = true }
        }
    }
}

/// The questions about partitions as they are at one moment, one partition after the other.
struct OverSide {
    private let plan: OverPlan
    private let store: RowStore
    private(set) var questions: OverRows.Questions
    /// The rows of the store that the questions' batch is made of.
    private(set) var batch: [Int32] = []

    init(_ plan: OverPlan, _ store: RowStore) {
        self.plan = plan
        self.store = store
        questions = OverRows.Questions(plan)
    }

    /// Asks for the results of the rows that `flags` marks, of a partition's rows in order.
    mutating func ask(_ rows: [Int32], _ flags: [Bool]) {
        var next = 0
        while next < rows.count {
            guard flags[next] else {
                next += 1
                continue
            }
            var end = next + 1
            while end < rows.count, flags[end] { end += 1 }
            switch plan.frame {
            case .none:
                for index in next..<end {
                    batch.append(rows[index])
                    note(rows, index, at: batch.count - 1)
                }
            case .rows(let count): askCounted(rows, next..<end, count)
            case .range(let range): askRange(rows, next..<end, flags, range)
            }
            next = end
        }
    }

    private mutating func note(_ rows: [Int32], _ index: Int, at place: Int) {
        questions.rows.append(Int32(place))
        questions.numbers.append(Int64(index + 1))
        for (call, rowCall) in plan.rowCalls.enumerated() {
            guard case .lag(_, let count, _) = rowCall else { continue }
            questions.lagged[call].append(index >= count ? rows[index - count] : -1)
        }
    }

    private mutating func add(_ rows: [Int32], _ index: Int, start: Int) {
        questions.steps.add(
            row: batch.count, slot: Int32(batch.count), to: 0, ordinal: Int64(index),
            start: Int64(start))
        batch.append(rows[index])
    }

    private mutating func askCounted(_ rows: [Int32], _ run: Range<Int>, _ count: Int) {
        questions.steps.forget(0)
        for index in max(0, run.lowerBound - count)..<run.upperBound {
            let first = max(0, index - count)
            let isAsked = index >= run.lowerBound
            if isAsked, plan.excludesCurrent {
                questions.steps.ask(0, Int64(first)..<Int64(index))
            }
            add(rows, index, start: first)
            guard isAsked else { continue }
            if !plan.excludesCurrent {
                questions.steps.ask(0, Int64(first)..<Int64(index) + 1)
            }
            note(rows, index, at: batch.count - 1)
        }
    }

    private mutating func askRange(
        _ rows: [Int32], _ run: Range<Int>, _ flags: [Bool], _ range: Int64
    ) {
        questions.steps.forget(0)
        func bound(_ index: Int) -> Int64 {
            let (bound, overflow) = store.time(rows[index]).subtractingReportingOverflow(range)
            return overflow ? .min : bound
        }
        var first = run.lowerBound
        while first > 0, store.time(rows[first - 1]) >= bound(run.lowerBound) { first -= 1 }
        var next = first
        while next < run.upperBound {
            // All rows of one time are in each other's frame.
            let time = store.time(rows[next])
            let start = next
            while store.time(rows[first]) < bound(start) { first += 1 }
            let place = batch.count
            while next < rows.count, store.time(rows[next]) == time {
                add(rows, next, start: first)
                next += 1
            }
            for index in start..<next where run.contains(index) {
                questions.steps.ask(
                    0, Int64(first)..<Int64(next),
                    without: plan.excludesCurrent ? Int64(index) : -1)
                note(rows, index, at: place + index - start)
            }
        }
    }
}
