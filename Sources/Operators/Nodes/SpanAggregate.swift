/// Aggregates over windows of any bounds: those that rows bring along (`window: inherit`), those
/// that grow from one start (`cumulative`), and days of a time zone. Each fires once, in order of its
/// end, when the watermark reaches its end plus grace; its groups leave in the order of start and key
/// bytes.
///
/// Late rows are those of ``WindowedAggregate``: late in every window they belong to.
package final class SpanAggregate: Operator {
    private final class OpenSpan {
        let end: Int64
        /// By start, as 8 big-endian bytes with the sign bit flipped, and then the group's key.
        let table = KeyTable()

        init(end: Int64) { self.end = end }
    }

    private let plan: AggregatePlan
    private let spans: any WindowSpans
    private let input: AggregateInput
    private let store: GroupStore
    private let results: WindowResults
    /// By end, ascending.
    private var open: [OpenSpan] = []
    private var watermark = Int64.min
    /// Windows that end before this have fired since the last checkpoint; nil if none has.
    private var firedBelow: Int64?
    private static let startBytes = 8

    /// - Parameter plan: With bounds; its own window is not read.
    init(_ plan: AggregatePlan, spans: any WindowSpans) {
        precondition(plan.hasBounds, "an aggregate without windows")
        self.plan = plan
        self.spans = spans
        input = AggregateInput(plan)
        store = GroupStore(calls: plan.calls)
        results = WindowResults(plan, codec: input.codec, store: store)
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

    private func fireTime(_ end: Int64) -> Int64 {
        let (time, overflow) = end.addingReportingOverflow(plan.graceMicros)
        return overflow ? .max : time
    }

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
            unknown.formUnion(store.countRows(groups, count: count, weights: weight))
            store.update(groups, count: count, arguments: rows.arguments, weights: weight)
            results.touch(groups, count: count, now: now)
        }
        fates.giveLate(of: rows.batch, to: output)
        AggregateInput.rejectUnknown(
            unknown.sorted(), of: rows.batch, schema: plan.inputSchema, to: output)
        give(results.takeEmptied(), now: now, to: output)
        if plan.emission == .changes {
            let ended = results.takeTouched().filter { store.times.base[Int($0)] <= watermark }
            give(ended, now: now, to: output)
        }
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
        var last: OpenSpan?
        for row in 0..<batch.count {
            groups[row] = -1
            guard starts[row] < ends[row] else { continue }
            let fires = fireTime(ends[row])
            if let rowWatermark, rowWatermark[row] >= fires { continue }
            if fires <= watermark {
                fates.miss(row)
                continue
            }
            fates.place(row)
            let span = last.flatMap { $0.end == ends[row] ? $0 : nil } ?? openSpan(ends[row])
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

    // MARK: Results

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        let previous = self.watermark
        self.watermark = watermark
        var fired = 0
        for span in open {
            guard span.end <= watermark else { break }
            let fires = fireTime(span.end) <= watermark
            switch plan.emission {
            case .final, .every: if fires { giveAll(span, now: now, to: output) }
            case .changes: if span.end > previous { giveAll(span, now: now, to: output) }
            }
            guard fires else { continue }
            for index in 0..<span.table.count { results.release(span.table.entries[index].value) }
            firedBelow = span.end == .max ? .max : span.end + 1
            fired += 1
        }
        open.removeFirst(fired)
    }

    package func tick(now: Int64, to output: any OperatorOutput) {
        if let at = results.nextTickAt, at <= now {
            give(results.takeTouched(), now: now, to: output)
        }
    }

    package var nextTickAt: Int64? { results.nextTickAt }

    /// Gives the groups of a window in the order of start and key.
    private func giveAll(_ span: OpenSpan, now: Int64, to output: any OperatorOutput) {
        let entries = UnsafeBufferPointer(start: span.table.entries, count: span.table.count)
        let standing = entries.filter {
            plan.emission != .final || store.rowCounts.base[Int($0.value)] > 0
        }
        let order = standing.sorted { StringView.compare($0.key, $1.key) < 0 }
        give(order.map(\.value), retained: span.table.arena.blocks, now: now, to: output)
    }

    private func give(
        _ ids: [Int32], retained: [Buffer]? = nil, now: Int64, to output: any OperatorOutput
    ) {
        guard !ids.isEmpty else { return }
        var groups = WindowResults.Groups(
            retained: retained ?? open.flatMap(\.table.arena.blocks))
        for id in ids {
            let key = store.keys.base[Int(id)]
            groups.append(
                id, key: SpanAggregate.groupKey(key), start: SpanAggregate.start(key),
                end: store.times.base[Int(id)])
        }
        results.give(groups, now: now, to: output)
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) {
        if let firedBelow {
            for part in store.parts { changes.deleteBelow(part: part, time: firedBelow) }
        }
        firedBelow = nil
        store.capture(into: &changes) { results.write($0, to: &$1) }
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
            try results.read(group, from: &reader)
            try store.restore(group, from: &reader)
        }
    }

    package func restore(watermark: Int64) { self.watermark = watermark }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + results.memoryBytes
                + open.reduce(0) { $0 + $1.table.memoryBytes })
    }
}
