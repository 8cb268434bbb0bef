/// Aggregates over windows of any bounds: those that rows bring along (`window: inherit`), those
/// that grow from one start (`cumulative`), and days of a time zone. Each fires once, in order of its
/// end, when the watermark reaches its end plus grace; its groups leave in the order of start and key
/// bytes.
///
/// Late rows are those of ``WindowedAggregate``: late in every window they belong to.
package final class SpanAggregate: Operator {
    private let plan: AggregatePlan
    private let spans: any WindowSpans
    private let input: AggregateInput
    private let open: OpenWindows

    /// - Parameter plan: With bounds; its own window is not read.
    init(_ plan: AggregatePlan, spans: any WindowSpans) {
        precondition(plan.hasBounds, "an aggregate without windows")
        self.plan = plan
        self.spans = spans
        input = AggregateInput(plan)
        open = OpenWindows(plan, codec: input.codec, naming: .end)
    }

    /// Over the windows whose bounds are columns of the input, timestamps without nulls.
    package convenience init(_ plan: AggregatePlan, inheritedStart start: Int, end: Int) {
        self.init(plan, spans: InheritedSpans(start: start, end: end))
    }

    /// Over [start, start + n × every) up to `size`, start ≡ offset mod size.
    package convenience init(_ plan: AggregatePlan, cumulative window: AggregatePlan.Window) {
        self.init(plan, spans: CumulativeSpans(window: window))
    }

    /// Over days of a place; see ``ZonedSpans``.
    package convenience init(
        _ plan: AggregatePlan, zone: TimeZoneRules, window: AggregatePlan.Window,
        isCumulative: Bool
    ) {
        self.init(
            plan, spans: ZonedSpans(zone: zone, window: window, isCumulative: isCumulative))
    }

    package var holdMicros: Int64 { plan.graceMicros }

    // MARK: Rows

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
        for pass in 0..<spans.passes {
            let bounds = spans.bounds(rows.batch, pass: pass)
            let keys = prefixed(rows.keys, by: bounds.starts.integers, count: count)
            place(rows.batch, bounds, keys.strings, groups: groups, fates: fates)
            unknown.formUnion(open.update(groups, rows, weights: weight, now: now))
        }
        fates.giveLate(of: rows.batch, to: output)
        AggregateInput.rejectUnknown(
            unknown.sorted(), of: rows.batch, schema: plan.inputSchema, to: output)
        open.giveChanges(now: now, to: output)
    }

    /// Finds each row's group in the window of `bounds`.
    private func place(
        _ batch: Batch, _ bounds: SpanBounds, _ keys: UnsafePointer<StringView>,
        groups: UnsafeMutablePointer<Int32>, fates: RowFates
    ) {
        let rowWatermarks = batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        let starts = bounds.starts.integers
        let ends = bounds.ends.integers
        var last: OpenWindows.Window?
        for row in 0..<batch.count {
            groups[row] = -1
            guard starts[row] < ends[row] else { continue }
            let fires = open.fireTime(ends[row])
            if let rowWatermark, rowWatermark[row] >= fires { continue }
            if fires <= open.watermark {
                fates.miss(row)
                continue
            }
            fates.place(row)
            let span = last.flatMap { $0.time == ends[row] ? $0 : nil } ?? open.window(ends[row])
            last = span
            groups[row] = open.group(keys[row], in: span)
        }
    }

    /// The keys with the bytes of `starts` before them.
    private func prefixed(
        _ keys: Column, by starts: UnsafePointer<Int64>, count: Int
    ) -> Column {
        let views = keys.strings
        var total = 0
        for row in 0..<count { total += views[row].count + OpenWindows.startBytes }
        let storage = Buffer(capacity: total)
        let values = Buffer(capacity: count * 16)
        let target = values.pointer(to: StringView.self)
        var next = storage.pointer(to: UInt8.self)
        for row in 0..<count {
            let bits = UInt64(bitPattern: starts[row]) ^ (1 << 63)
            UnsafeMutableRawPointer(next).storeBytes(of: bits.bigEndian, as: UInt64.self)
            (next + OpenWindows.startBytes).update(from: views[row].base, count: views[row].count)
            let size = views[row].count + OpenWindows.startBytes
            target[row] = StringView(base: next, count: size)
            next += size
        }
        return Column(type: .string, count: count, values: values, retained: [storage])
    }

    // MARK: Results and state

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        open.advance(to: watermark, now: now, to: output)
    }

    package func tick(now: Int64, to output: any OperatorOutput) { open.tick(now: now, to: output) }

    package var nextTickAt: Int64? { open.results.nextTickAt }

    package func capture(into changes: inout StateChanges) { open.capture(into: &changes) }

    package func restore(_ entry: StateEntry) throws(StateError) {
        try open.restore(entry) { (key) throws(StateError) in
            guard key.count >= OpenWindows.startBytes else { throw .damagedEntry }
            _ = try input.key(of: OpenWindows.groupKey(key))
        }
    }

    package func restore(watermark: Int64) { open.restore(watermark: watermark) }

    package var stateSize: StateSize { open.stateSize }
}
