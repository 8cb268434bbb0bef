/// Aggregates over tumbling or hopping event-time windows. Each window fires once, in order of its
/// end, when the watermark reaches its end plus grace; its groups leave in the order of their keys.
///
/// Late is decided by the row's own split (SEMANTICS 15): a row goes to the late port when every
/// window it belongs to had been reached by its split's watermark, or has fired meanwhile.
package final class WindowedAggregate: Operator {
    private let plan: AggregatePlan
    private let window: AggregatePlan.Window
    private let input: AggregateInput
    private let open: OpenWindows

    package init(_ plan: AggregatePlan, window: AggregatePlan.Window) {
        self.plan = plan
        self.window = window
        input = AggregateInput(plan)
        open = OpenWindows(
            plan, codec: input.codec, naming: .start(sizeMicros: window.sizeMicros))
    }

    package var holdMicros: Int64 { plan.graceMicros }

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = input.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let groupBuffer = Buffer(capacity: count * 4)
        let groups = groupBuffer.pointer(to: Int32.self)
        let fates = RowFates(count: count)
        let weights = rows.batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        var unknown: Set<Int> = []
        let isPartial = window.sizeMicros % window.everyMicros != 0
        for pass in 0..<window.sizeMicros / window.everyMicros + (isPartial ? 1 : 0) {
            place(rows, pass: pass, groups: groups, fates: fates)
            unknown.formUnion(open.update(groups, rows, weights: weight, now: now))
        }
        fates.giveLate(of: rows.batch, to: output)
        AggregateInput.rejectUnknown(
            unknown.sorted(), of: rows.batch, schema: plan.inputSchema, to: output)
        open.giveChanges(now: now, to: output)
    }

    /// Finds each row's group in the `pass`-th of its windows, counted from the last one.
    private func place(
        _ rows: AggregateInput.Rows, pass: Int64, groups: UnsafeMutablePointer<Int32>,
        fates: RowFates
    ) {
        let count = rows.batch.count
        let times = rows.batch.times
        let time = times.integers
        let rowWatermarks = rows.batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        let keys = rows.keys.strings
        let every = window.everyMicros
        var row = 0
        while row < count {
            guard let last = window.lastStart(time[row]) else {
                groups[row] = -1
                row += 1
                continue
            }
            // A run of rows whose last window is the same one.
            var end = row + 1
            if rowWatermark == nil {
                let (behind, isEndless) = last.addingReportingOverflow(every)
                while end < count && time[end] >= last && (isEndless || time[end] < behind) {
                    end += 1
                }
            }
            let (start, overflow) = last.subtractingReportingOverflow(pass * every)
            let fires = open.fireTime(start)
            let isLate = rowWatermark.map { $0[row] >= fires } ?? false
            let hasFired = fires <= open.watermark
            // The window's end is no more than the last one's, which is within 64 bits.
            let isInside = !overflow && time[row] < start &+ window.sizeMicros
            if end - row > 1 && !holdsRun(start, last: last) {
                // Rows of one run may differ in whether the earliest window still holds them.
                end = row + 1
            }
            if !isInside || isLate || hasFired {
                for index in row..<end {
                    groups[index] = -1
                    if isInside && !isLate { fates.miss(index) }
                }
            } else {
                let window = open.window(start)
                window.table.find(keys, rows: row..<end, into: groups)
                for index in row..<end {
                    fates.place(index)
                    // An earlier row of the same run may have added it.
                    if groups[index] < 0 { groups[index] = open.group(keys[index], in: window) }
                }
            }
            row = end
        }
    }

    /// Whether the window at `start` holds every row whose last window is the one at `last`.
    private func holdsRun(_ start: Int64, last: Int64) -> Bool {
        let (behind, overflow) = last.addingReportingOverflow(window.everyMicros)
        return !overflow && behind <= start &+ window.sizeMicros
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        open.advance(to: watermark, now: now, to: output)
    }

    package func tick(now: Int64, to output: any OperatorOutput) { open.tick(now: now, to: output) }

    package var nextTickAt: Int64? { open.results.nextTickAt }

    package func capture(into changes: inout StateChanges) { open.capture(into: &changes) }

    package func restore(_ entry: StateEntry) throws(StateError) {
        guard window.lastStart(entry.time) == entry.time else { throw .damagedEntry }
        try open.restore(entry) { (key) throws(StateError) in _ = try input.key(of: key) }
    }

    package func restore(watermark: Int64) { open.restore(watermark: watermark) }

    package var stateSize: StateSize { open.stateSize }
}
