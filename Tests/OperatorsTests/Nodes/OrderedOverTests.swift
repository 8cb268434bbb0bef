import TestSupport
import Testing

@testable import Operators

@Suite("Over, in the order of event time")
struct OrderedOverTests {
    static let forms: [OverForm] = [
        OverForm(name: "rows before", frame: .rows(3)),
        OverForm(name: "many rows before, two columns", key: [1, 7], frame: .rows(20)),
        OverForm(name: "rows before, without the row", frame: .rows(4), excludesCurrent: true),
        OverForm(name: "only the row", key: [], frame: .rows(0)),
        OverForm(name: "no row at all", frame: .rows(0), excludesCurrent: true),
        OverForm(name: "a range", frame: .range(6)),
        OverForm(name: "a range without the row", frame: .range(9), excludesCurrent: true),
        OverForm(name: "a long range, no partitions", key: [], frame: .range(40)),
        OverForm(name: "ties by a column", order: [(5, true, true)], frame: .rows(2)),
        OverForm(name: "a range, ties by columns", order: [(2, false, false)], frame: .range(4)),
        OverForm(name: "rows with a time to live", key: [0], frame: .rows(3), timeToLive: 6),
        OverForm(name: "a range with a time to live", frame: .range(5), timeToLive: 2),
        OverForm(name: "no frame", key: [0], frame: .none),
        OverForm(name: "no frame, with a time to live", key: [0], frame: .none, timeToLive: 4),
    ]

    private static func expected(_ model: OverModel, before watermark: Int64) -> [Row] {
        // The whole order: time, then the form's, then as rows came.
        let results = model.results().filter { $0.row.time < watermark || watermark == .max }
        let order = ReferenceOrder(items: model.form.order)
        return Dictionary(grouping: results) { $0.row.time }.sorted { $0.key < $1.key }
            .flatMap { order.sorted($0.value).map(\.row.rounded) }
    }

    @Test("gives what a quadratic model gives, over restarts", arguments: forms)
    func random(_ form: OverForm) throws {
        for seed in testSeed..<testSeed + 3 {
            var random = SeededRandom(seed: seed)
            var node = OrderedOver(form.plan(afterRowtime: true))
            var state = KeptState()
            var model = OverModel(form, isByTime: true)
            var given: [Row] = []
            var watermark = Int64.min
            var highest: Int64 = -30
            for step in 0..<16 {
                let output = Collected()
                let input = Int.random(in: 0...1, using: &random)
                var late: [Row] = []
                var passed: [Row] = []
                let rows = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                    var row = Reference.row(
                        time: highest + Int64.random(in: -9...3, using: &random), using: &random)
                    row.watermark = highest - 5
                    highest = max(highest, row.time)
                    if row.time < row.watermark {
                        late.append(row)
                    } else if row.time < watermark {
                        passed.append(row)
                    } else {
                        model.add(row, input: input)
                    }
                    return row
                }
                node.process(
                    Batch(rows, Reference.schema, padding: step % 2 == 0), input: input, now: 0,
                    to: output)
                #expect(output.late.map(\.values) == late.map(\.values), "seed \(seed) \(step)")
                #expect(output.fired.map(\.values) == passed.map(\.values), "seed \(seed) \(step)")
                let ahead = Int64([-8, -5, -5, -5, 0].randomElement(using: &random) ?? 0)
                if highest + ahead > watermark {
                    watermark = highest + ahead
                    node.advance(to: watermark, now: 0, to: output)
                }
                given += output.rows
                #expect(output.reasons.isEmpty)
                let expected = Self.expected(model, before: watermark)
                #expect(given.map(\.rounded) == expected, "seed \(seed), step \(step)")
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
                #expect(state.entries.count == node.stateSize.entries, "seed \(seed) \(step)")
                if Bool.random(using: &random) {
                    node = OrderedOver(form.plan(afterRowtime: true))
                    try state.restore(into: node, watermark: watermark, using: &random)
                }
            }
            let output = Collected()
            node.advance(to: .max, now: 0, to: output)
            #expect(
                (given + output.rows).map(\.rounded) == Self.expected(model, before: .max),
                "seed \(seed)")
        }
    }

    @Test(
        "gives the same bits for every way to cut its input, restarted at every cut",
        arguments: [OverPlan.Frame.rows(4), .range(5)])
    func everySplit(_ frame: OverPlan.Frame) throws {
        var random = SeededRandom(seed: testSeed)
        let form = OverForm(name: "", key: [7], frame: frame)
        let rows = (0..<9).map { index in
            var row = Reference.row(
                time: Int64(index) + Int64.random(in: 0...2, using: &random), using: &random)
            // Sums of such numbers depend on their order.
            row.values[3] = .double(Double.random(in: -1e3...1e3, using: &random) / 7)
            return row
        }
        let plan = form.plan()
        var first: [Row]?
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            var state = KeptState()
            var rest = rows[...]
            let output = Collected()
            var watermark = Int64.min
            for length in lengths + [0] {
                let node = OrderedOver(plan)
                try state.restore(into: node, watermark: watermark, using: &random)
                let part = Array(rest.prefix(length))
                node.process(Batch(part, Reference.schema), input: 0, now: 0, to: output)
                rest = rest.dropFirst(length)
                // Three microseconds may be out of order.
                watermark = length == 0 ? .max : max(watermark, (part.map(\.time).max() ?? 0) - 3)
                node.advance(to: watermark, now: 0, to: output)
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
            }
            #expect(output.rows.count == rows.count)
            first = first ?? output.rows
            #expect(output.rows == first, "seed \(testSeed), \(lengths)")
        }
    }

    @Test("does not drift: a mean and a spread after large numbers have left are those of the rest")
    func noDrift() {
        let schema = Schema.of(["x": .double])
        let node = OrderedOver(
            Plans.over(
                schema, by: [], order: RowOrder(items: []), frame: .rows(3),
                compute: [("mean", "avg(x)"), ("spread", "stddev(x)")]))
        let numbers = [1e16, 1, -3e15, 1, 2, 3, 4]
        let rows = numbers.enumerated().map {
            Row(values: [.double($0.element)], time: Int64($0.offset))
        }
        let output = Collected()
        node.process(Batch(rows, schema), input: 0, now: 0, to: output)
        node.advance(to: .max, now: 0, to: output)
        #expect(
            output.rows.last?.values == [.double(4), .double(2.5), .double((5.0 / 3).squareRoot())])
    }

    @Test("writes to a checkpoint what has changed, and not the frame")
    func incremental() {
        let schema = Schema.of(["k": .bigint, "n": .bigint])
        for frame in [OverPlan.Frame.rows(500), .range(5000)] {
            let node = OrderedOver(
                Plans.over(
                    schema, by: [0], order: RowOrder(items: []), frame: frame,
                    compute: [("total", "sum(n)"), ("most", "max(n)")]))
            func step(_ start: Int, _ count: Int) -> Int {
                let rows = (start..<start + count).map { index in
                    Row(values: [.bigint(Int64(index % 5)), .bigint(1)], time: Int64(index))
                }
                node.process(Batch(rows, schema), input: 0, now: 0, to: Collected())
                node.advance(to: Int64(start + count), now: 0, to: Collected())
                var changes = StateChanges()
                node.capture(into: &changes)
                return changes.items.count
            }
            _ = step(0, 5000)
            #expect(step(5000, 10) <= 30, "\(frame)")
            _ = step(5010, 20_000)
            #expect(node.stateSize.entries <= 5010, "\(frame)")
        }
    }

    @Test("frees partitions that no row sees any more")
    func freed() {
        let schema = Schema.of(["k": .string, "n": .bigint])
        let node = OrderedOver(
            Plans.over(
                schema, by: [0], order: RowOrder(items: []), frame: .range(1000),
                compute: [("total", "sum(DISTINCT n)"), ("least", "min(k)")]))
        var most = 0
        for step in 0..<160 {
            let rows = (0..<50).map { index in
                Row(
                    values: [.text("key \(step) \(index)"), .bigint(1)],
                    time: Int64(step * 100 + index))
            }
            node.process(Batch(rows, schema), input: 0, now: 0, to: Collected())
            node.advance(to: Int64(step * 100 + 50), now: 0, to: Collected())
            most = max(most, node.stateSize.bytes)
        }
        #expect(most < 1_500_000)
        node.advance(to: 100_000, now: 0, to: Collected())
        #expect(node.stateSize.entries == 0)
    }

    @Test("sets a row aside whose result cannot be computed, and counts it in frames")
    func failing() {
        let schema = Schema.of(["n": .bigint])
        let node = OrderedOver(
            Plans.over(
                schema, by: [], order: RowOrder(items: []), frame: .rows(1),
                compute: [("share", "10 / sum(n)")]))
        let rows = [1, -1, 3].enumerated().map {
            Row(values: [.bigint(Int64($0.element))], time: Int64($0.offset))
        }
        let output = Collected()
        node.process(Batch(rows, schema), input: 0, now: 0, to: output)
        node.advance(to: .max, now: 0, to: output)
        #expect(
            output.rows.map(\.values) == [[.bigint(1), .bigint(10)], [.bigint(3), .bigint(5)]])
        #expect(output.rejected.map { $0.values.first } == [.bigint(-1)])
        #expect(output.reasons == ["cannot evaluate '10 / sum(n)': division by zero"])
    }

    @Test("refuses a damaged entry of a checkpoint")
    func damaged() {
        let node = OrderedOver(Self.forms[0].plan())
        for part in [UInt8(0), 1] {
            #expect(throws: StateError.self) {
                try [UInt8(1)].withUnsafeBufferPointer { bytes in
                    try node.restore(
                        StateEntry(part: part, time: 0, key: bytes, value: bytes))
                }
            }
        }
    }
}
