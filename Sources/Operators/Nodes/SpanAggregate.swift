/// Aggregates over windows of any bounds: those that rows bring along (`window: inherit`), and
/// those that grow from one start (`cumulative`). Each fires once, in order of its end, when the
/// watermark reaches its end plus grace; its groups leave in the order of start and key bytes.
///
/// Late rows are those of ``WindowedAggregate``: late in every window they belong to.
package final class SpanAggregate: Operator {
    /// Where the bounds of a row's windows come from.
    package enum Spans: Sendable {
        /// Columns of the input, timestamps without nulls.
        case inherited(start: Int, end: Int)
        /// [start, start + n × every) up to `size`, start ≡ offset mod size.
        case cumulative(AggregatePlan.Window)
    }

    private final class OpenSpan {
        let end: Int64
        /// By start, as 8 big-endian bytes with the sign bit flipped, and then the group's key.
        let table = KeyTable()

        init(end: Int64) { self.end = end }
    }

    private let plan: AggregatePlan
    private let spans: Spans
    private let input: AggregateInput
    private let store: GroupStore
    private let compute: [ExpressionEvaluator]
    private let callSchema: Schema
    /// By end, ascending.
    private var open: [OpenSpan] = []
    private var watermark = Int64.min
    /// Windows that end before this have fired since the last checkpoint; nil if none has.
    private var firedBelow: Int64?
    private static let batchRowsMax = 8192
    private static let startBytes = 8

    /// - Parameter plan: With bounds; its own window is not read.
    package init(_ plan: AggregatePlan, spans: Spans) {
        precondition(plan.hasBounds, "an aggregate without windows")
        self.plan = plan
        self.spans = spans
        input = AggregateInput(plan)
        store = GroupStore(calls: plan.calls)
        compute = plan.compute.map { ExpressionEvaluator($0.expression) }
        callSchema = plan.callSchema
    }

    package var holdMicros: Int64 { plan.graceMicros }

    private func fireTime(_ end: Int64) -> Int64 {
        let (time, overflow) = end.addingReportingOverflow(plan.graceMicros)
        return overflow ? .max : time
    }

    // MARK: Rows

    /// The bounds of the rows of a batch.
    private struct Bounds {
        let starts: Column
        /// Of the first of each row's windows.
        let ends: Column
        /// How much later the next window ends, and the last one after the start; 0 for one window.
        let every: Int64
        let size: Int64

        var passes: Int { every == 0 ? 1 : Int(size / every) }
    }

    private func bounds(_ batch: Batch) -> Bounds {
        switch spans {
        case .inherited(let start, let end):
            return Bounds(
                starts: batch.column(start), ends: batch.column(end), every: 0, size: 0)
        case .cumulative(let window):
            let times = batch.times
            let time = times.integers
            let count = batch.count
            let starts = Column.repeating(.max, count: count)
            let ends = Column.repeating(.min, count: count)
            let whole = AggregatePlan.Window(
                sizeMicros: window.sizeMicros, everyMicros: window.sizeMicros,
                offsetMicros: window.offsetMicros)
            for row in 0..<count {
                // Where that leaves 64 bits the row is in no window.
                guard let start = whole.lastStart(time[row]) else { continue }
                let steps = (time[row] - start) / window.everyMicros + 1
                starts.integers[row] = start
                ends.integers[row] = start + steps * window.everyMicros
            }
            return Bounds(
                starts: starts, ends: ends, every: window.everyMicros, size: window.sizeMicros)
        }
    }

    package func process(
        _ batch: Batch, input index: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = input.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let bounds = bounds(rows.batch)
        let keys = prefixed(rows.keys, by: bounds.starts.integers, count: count)
        let groupBuffer = Buffer(capacity: count * 4)
        let groups = groupBuffer.pointer(to: Int32.self)
        let fates = Buffer(capacity: count)
        let fate = fates.pointer(to: UInt8.self)
        fate.initialize(repeating: Fate.late, count: count)
        let weights = rows.batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        var unknown: Set<Int> = []
        for pass in 0..<bounds.passes {
            place(rows.batch, bounds, pass: Int64(pass), keys.strings, groups: groups, fate: fate)
            unknown.formUnion(store.countRows(groups, count: count, weights: weight))
            store.update(groups, count: count, arguments: rows.arguments, weights: weight)
        }
        emitLate(rows.batch, fate, to: output)
        AggregateInput.rejectUnknown(
            unknown.sorted(), of: rows.batch, schema: plan.inputSchema, to: output)
    }

    /// What became of a row over all its windows.
    private enum Fate {
        static let placed: UInt8 = 0
        static let late: UInt8 = 1
        /// In time by its own split, but the window had fired.
        static let fired: UInt8 = 2
    }

    /// Finds each row's group in the `pass`-th of its windows, counted from the first one.
    private func place(
        _ batch: Batch, _ bounds: Bounds, pass: Int64, _ keys: UnsafePointer<StringView>,
        groups: UnsafeMutablePointer<Int32>, fate: UnsafeMutablePointer<UInt8>
    ) {
        let rowWatermarks = batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        let starts = bounds.starts.integers
        let ends = bounds.ends.integers
        var last: OpenSpan?
        for row in 0..<batch.count {
            groups[row] = -1
            // The last end of a cumulative window is within 64 bits; this one may be past it.
            let (end, overflow) = ends[row].addingReportingOverflow(pass * bounds.every)
            guard starts[row] < ends[row], !overflow else { continue }
            if bounds.every > 0 && end - starts[row] > bounds.size { continue }
            let fires = fireTime(end)
            if let rowWatermark, rowWatermark[row] >= fires { continue }
            if fires <= watermark {
                if fate[row] == Fate.late { fate[row] = Fate.fired }
                continue
            }
            fate[row] = Fate.placed
            let span = last.flatMap { $0.end == end ? $0 : nil } ?? openSpan(end)
            last = span
            groups[row] = group(keys[row], in: span)
        }
    }

    /// The keys with the bytes of `starts` before them.
    private func prefixed(
        _ keys: Column, by starts: UnsafePointer<Int64>, count: Int
    ) -> Column {
        let views = keys.strings
        var total = 0
        for row in 0..<count { total += views[row].count + SpanAggregate.startBytes }
        let storage = Buffer(capacity: total)
        let values = Buffer(capacity: count * 16)
        let target = values.pointer(to: StringView.self)
        var next = storage.pointer(to: UInt8.self)
        for row in 0..<count {
            let bits = UInt64(bitPattern: starts[row]) ^ (1 << 63)
            UnsafeMutableRawPointer(next).storeBytes(of: bits.bigEndian, as: UInt64.self)
            (next + SpanAggregate.startBytes).update(from: views[row].base, count: views[row].count)
            let size = views[row].count + SpanAggregate.startBytes
            target[row] = StringView(base: next, count: size)
            next += size
        }
        return Column(type: .string, count: count, values: values, retained: [storage])
    }

    private static func start(_ key: StringView) -> Int64 {
        let bits = UnsafeRawPointer(key.base).loadUnaligned(as: UInt64.self)
        return Int64(bitPattern: UInt64(bigEndian: bits) ^ (1 << 63))
    }

    private static func groupKey(_ key: StringView) -> StringView {
        StringView(base: key.base + startBytes, count: key.count - startBytes)
    }

    private func group(_ key: StringView, in span: OpenSpan) -> Int32 {
        let hash = key.hash
        let known = span.table.find(key, hash: hash)
        if known >= 0 { return known }
        let group = store.allocate()
        span.table.insert(key, hash: hash, value: group)
        store.keys.base[Int(group)] = span.table.entries[span.table.count - 1].key
        store.times.base[Int(group)] = span.end
        return group
    }

    private func openSpan(_ end: Int64) -> OpenSpan {
        var index = open.count
        while index > 0 && open[index - 1].end >= end {
            if open[index - 1].end == end { return open[index - 1] }
            index -= 1
        }
        let span = OpenSpan(end: end)
        open.insert(span, at: index)
        return span
    }

    private func emitLate(
        _ batch: Batch, _ fate: UnsafePointer<UInt8>, to output: any OperatorOutput
    ) {
        for (kind, wasInTime) in [(Fate.late, false), (Fate.fired, true)] {
            let rows = (0..<batch.count).filter { fate[$0] == kind }
            guard !rows.isEmpty else { continue }
            output.emitLate(
                batch.selecting(RowSplit(failed: rows, count: batch.count).failed),
                wasInTime: wasInTime)
        }
    }

    // MARK: Results

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        var fired = 0
        while fired < open.count && fireTime(open[fired].end) <= watermark {
            fire(open[fired], now: now, to: output)
            fired += 1
        }
        open.removeFirst(fired)
    }

    private func fire(_ span: OpenSpan, now: Int64, to output: any OperatorOutput) {
        let table = span.table
        let order = (0..<table.count).filter {
            store.rowCounts.base[Int(table.entries[$0].value)] > 0
        }.sorted {
            StringView.compare(table.entries[$0].key, table.entries[$1].key) < 0
        }
        var next = 0
        while next < order.count {
            let slice = order[next..<min(next + SpanAggregate.batchRowsMax, order.count)]
            next += slice.count
            emit(
                span, groups: slice.map { table.entries[$0].value },
                keys: slice.map { table.entries[$0].key }, now: now, to: output)
        }
        for index in 0..<table.count { store.release(table.entries[index].value) }
        firedBelow = span.end == .max ? .max : span.end + 1
    }

    private func emit(
        _ span: OpenSpan, groups: [Int32], keys: [StringView], now: Int64,
        to output: any OperatorOutput
    ) {
        guard
            var columns = input.codec.decode(
                keys.map { SpanAggregate.groupKey($0) }, retained: span.table.arena.blocks)
        else { preconditionFailure("group keys of the windows up to \(span.end) do not decode") }
        var starts = ColumnBuilder(type: .timestamp, capacity: keys.count)
        for key in keys { starts.append(integer: SpanAggregate.start(key)) }
        columns.append(starts.finish())
        columns.append(.repeating(span.end, count: groups.count))
        var failed: [Int: String] = [:]
        columns += store.results(groups, failed: &failed)
        var batch = Batch(
            columns: columns, rowtime: .repeating(span.end - 1, count: groups.count),
            rowCount: groups.count)
        if !failed.isEmpty {
            let rows = failed.keys.sorted()
            let split = RowSplit(failed: rows, count: groups.count)
            output.reject(
                batch.selecting(split.failed), schema: callSchema,
                reasons: rows.compactMap { failed[$0] })
            batch = batch.selecting(split.good)
        }
        let kept = plan.groups.count + 2
        let computed = EvaluatedRows(
            compute, over: batch, now: now, schema: callSchema, rejectingTo: output)
        guard computed.batch.count > 0 else { return }
        let passed = (0..<kept).map { computed.batch.column($0) }
        output.emit(computed.batch.replacingColumns(passed + computed.columns))
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) {
        if let firedBelow {
            for part in store.parts { changes.deleteBelow(part: part, time: firedBelow) }
        }
        firedBelow = nil
        store.capture(into: &changes, prefix: { _, _ in })
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        var bytes = StringView(entry.key)
        var member: (call: Int, value: StringView)?
        if entry.part != 0 {
            guard let (key, call, value) = ValueSets.split(entry.key) else {
                throw .damagedEntry
            }
            bytes = key
            member = (call, value)
        }
        guard bytes.count >= SpanAggregate.startBytes else { throw .damagedEntry }
        _ = try input.key(of: SpanAggregate.groupKey(bytes))
        let group = group(bytes, in: openSpan(entry.time))
        if let member {
            try store.restoreValue(
                member.value, count: entry.value, call: member.call, group: group)
        } else {
            var reader = ByteReader(entry.value)
            try store.restore(group, from: &reader)
        }
    }

    package func restore(watermark: Int64) { self.watermark = watermark }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + open.reduce(0) { $0 + $1.table.memoryBytes })
    }
}
