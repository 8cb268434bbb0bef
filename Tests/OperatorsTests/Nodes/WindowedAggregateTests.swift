import TestSupport
import Testing

@testable import Operators

@Suite("Windowed aggregate")
struct WindowedAggregateTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        let size, every, offset, grace: Int64
        let key: [Int]
        var testDescription: String {
            "size \(size) every \(every) offset \(offset) grace \(grace)"
        }

        var plan: AggregatePlan {
            Plans.aggregate(
                Reference.schema, by: key == [0] ? ["k": "k"] : ["k": "k", "g": "g"],
                compute: Reference.compute, window: window, grace: grace)
        }

        var window: AggregatePlan.Window {
            AggregatePlan.Window(sizeMicros: size, everyMicros: every, offsetMicros: offset)
        }

        var reference: ReferenceWindows {
            ReferenceWindows(size: size, every: every, offset: offset, grace: grace, key: key)
        }
    }

    static let shapes = [
        Shape(size: 10, every: 10, offset: 0, grace: 0, key: [0]),
        Shape(size: 10, every: 10, offset: 3, grace: 7, key: [0, 1]),
        Shape(size: 12, every: 4, offset: 1, grace: 0, key: [0]),
        Shape(size: 10, every: 4, offset: 0, grace: 3, key: [0, 1]),
        Shape(size: 7, every: 3, offset: 2, grace: 0, key: [0]),
        Shape(size: 1, every: 1, offset: 0, grace: 0, key: [0, 1]),
    ]

    /// One split of a source: rows that come about in order, with the watermark before each.
    static func split(
        count: Int, disorder: Int64, from start: Int64, using random: inout SeededRandom
    ) -> [Row] {
        var watermark = SplitWatermark(
            maxOutOfOrdernessMicros: disorder / 2, maxFutureMicros: 1 << 40)
        var clock = start
        return (0..<count).map { _ in
            clock += Int64.random(in: 0...3, using: &random)
            let time = clock - Int64.random(in: 0...disorder, using: &random)
            var row = Reference.row(time: time, using: &random)
            row.watermark = watermark.value
            _ = withUnsafePointer(to: time) { watermark.advance($0, count: 1, now: 1 << 40) }
            return row
        }
    }

    @Test("gives what a row-at-a-time reference gives, over restarts", arguments: shapes)
    func matchesReference(_ shape: Shape) throws {
        for seed in testSeed..<testSeed + 6 {
            var random = SeededRandom(seed: seed)
            // Two splits; the second one comes late, when windows may have fired.
            let first = Self.split(count: 150, disorder: 12, from: -100, using: &random)
            let second = Self.split(count: 60, disorder: 4, from: 0, using: &random)
            var queues = [first[...], second[...]]
            var marks: [Int64] = [.min, .min]
            var reference = shape.reference
            var aggregate = WindowedAggregate(shape.plan, window: shape.window)
            var state = KeptState()
            let output = Collected()
            let expected = Collected()
            while let next = [0, 1].filter({ !queues[$0].isEmpty }).randomElement(using: &random) {
                let length = Int.random(in: 1...20, using: &random)
                let rows = Array(queues[next].prefix(length))
                queues[next] = queues[next].dropFirst(length)
                for row in rows {
                    var plain = row
                    plain.watermark = .min
                    switch reference.add(row) {
                    case .placed: break
                    case .late: expected.late.append(plain)
                    case .fired: expected.fired.append(plain)
                    }
                }
                let padding = Bool.random(using: &random)
                aggregate.process(
                    Batch(rows, Reference.schema, padding: padding), input: 0, now: 0, to: output)
                marks[next] = queues[next].first?.watermark ?? .max
                // The second split is unknown, or idle, until its first rows have come.
                let watermark = queues[1].count == second.count ? marks[0] : min(marks[0], marks[1])
                if watermark > reference.watermark {
                    expected.rows += reference.advance(to: watermark)
                    aggregate.advance(to: watermark, now: 0, to: output)
                }
                var changes = StateChanges()
                aggregate.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    aggregate = WindowedAggregate(shape.plan, window: shape.window)
                    try state.restore(
                        into: aggregate, watermark: reference.watermark, using: &random)
                }
            }
            expected.rows += reference.advance(to: .max)
            aggregate.advance(to: .max, now: 0, to: output)
            #expect(output.rows == expected.rows, "seed \(seed)")
            #expect(output.late == expected.late, "seed \(seed)")
            #expect(output.fired == expected.fired, "seed \(seed)")
            #expect(output.rejected.isEmpty)
            var changes = StateChanges()
            aggregate.capture(into: &changes)
            state.apply(changes)
            #expect(state.entries.isEmpty, "seed \(seed): fired windows leave no state")
            #expect(aggregate.stateSize.entries == 0)
        }
    }

    @Test("gives the same for every way to cut its input into batches", arguments: shapes.prefix(4))
    func everyBatchSplit(_ shape: Shape) {
        var random = SeededRandom(seed: testSeed)
        let rows = Self.split(count: 8, disorder: 14, from: 0, using: &random)
        func run(_ lengths: [Int]) -> Collected {
            let aggregate = WindowedAggregate(shape.plan, window: shape.window)
            let output = Collected()
            var rest = rows[...]
            for length in lengths {
                let batch = Batch(Array(rest.prefix(length)), Reference.schema)
                aggregate.process(batch, input: 0, now: 0, to: output)
                rest = rest.dropFirst(length)
                let watermark = rest.first?.watermark ?? .max
                if watermark > .min { aggregate.advance(to: watermark, now: 0, to: output) }
            }
            return output
        }
        let whole = run([rows.count])
        for lengths in everySplit(of: rows.count) {
            let output = run(lengths)
            #expect(output.rows == whole.rows, "seed \(testSeed), batches of \(lengths)")
            #expect(output.late == whole.late, "seed \(testSeed), batches of \(lengths)")
            #expect(output.fired.isEmpty)
        }
    }

    // MARK: By name

    static let counts = Schema.of(["k": .string, "n": .bigint])

    static func plan(
        size: Int64, every: Int64, grace: Int64 = 0,
        compute: KeyValuePairs<String, String> = ["rows": "count(*)"]
    ) -> AggregatePlan {
        Plans.aggregate(
            counts, by: ["k": "k"], compute: compute,
            window: AggregatePlan.Window(sizeMicros: size, everyMicros: every, offsetMicros: 0),
            grace: grace)
    }

    static func aggregate(_ plan: AggregatePlan) -> WindowedAggregate {
        WindowedAggregate(plan, window: plan.window!)
    }

    static func row(
        _ key: String, _ time: Int64, n: Int64 = 1, weight: Int32 = 1, watermark: Int64 = .min
    ) -> Row {
        Row(values: [.text(key), .bigint(n)], time: time, weight: weight, watermark: watermark)
    }

    @Test("counts a hopping row in the windows that it is not late for")
    func hoppingPartlyLate() {
        let aggregate = Self.aggregate(Self.plan(size: 10, every: 5))
        let output = Collected()
        // 7 lies in [0, 10) and [5, 15); the watermark has reached the end of the first.
        aggregate.process(
            Batch([Self.row("a", 7, watermark: 12)], Self.counts), input: 0, now: 0, to: output)
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(
            output.rows.map(\.values) == [
                [.text("a"), .timestamp(5), .timestamp(15), .bigint(1)]
            ])
        #expect(output.late.isEmpty && output.fired.isEmpty)
    }

    @Test("sets a row aside when its split's watermark has reached end and grace")
    func late() {
        let aggregate = Self.aggregate(Self.plan(size: 10, every: 10, grace: 5))
        let output = Collected()
        let rows = [
            Self.row("in grace", 3, watermark: 14), Self.row("late", 3, watermark: 15),
            Self.row("next", 13, watermark: 15),
        ]
        aggregate.process(Batch(rows, Self.counts), input: 0, now: 0, to: output)
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(output.rows.map(\.values[0]) == [.text("in grace"), .text("next")])
        #expect(output.late.map(\.values[0]) == [.text("late")])
    }

    @Test("tells rows whose window fired meanwhile from late ones")
    func firedMeanwhile() {
        let aggregate = Self.aggregate(Self.plan(size: 10, every: 10))
        let output = Collected()
        aggregate.advance(to: 20, now: 0, to: output)
        let rows = [Self.row("in time", 3, watermark: 2), Self.row("late", 3, watermark: 17)]
        aggregate.process(Batch(rows, Self.counts), input: 0, now: 0, to: output)
        #expect(output.fired.map(\.values[0]) == [.text("in time")])
        #expect(output.late.map(\.values[0]) == [.text("late")])
        #expect(output.rows.isEmpty)
    }

    @Test("fires at end and grace, not before, each window once")
    func fires() {
        let aggregate = Self.aggregate(Self.plan(size: 10, every: 10, grace: 5))
        let output = Collected()
        aggregate.process(
            Batch([Self.row("a", 3), Self.row("b", -3)], Self.counts), input: 0, now: 0, to: output)
        aggregate.advance(to: 4, now: 0, to: output)
        #expect(output.rows.isEmpty)
        aggregate.advance(to: 5, now: 0, to: output)
        #expect(output.rows.map(\.time) == [-1])
        aggregate.advance(to: 14, now: 0, to: output)
        #expect(output.rows.count == 1)
        aggregate.advance(to: 15, now: 0, to: output)
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(output.rows.map(\.time) == [-1, 9])
        #expect(aggregate.holdMicros == 5)
    }

    @Test("survives times and grace at the ends of 64 bits")
    func extremeTimes() {
        let plan = Self.plan(size: 10, every: 4, grace: .max)
        for grace in [0, Int64.max] {
            var plan = plan
            plan.graceMicros = grace
            let aggregate = Self.aggregate(plan)
            let output = Collected()
            let low = Int64.min
            let high = Int64.max
            let times: [Int64] = [low, low + 9, low + 40, -1, 0, high - 40, high - 9, high]
            aggregate.process(
                Batch(times.map { Self.row("a", $0) }, Self.counts), input: 0, now: 0, to: output)
            aggregate.advance(to: .max, now: 0, to: output)
            #expect(output.late.allSatisfy { $0.time < low + 10 || $0.time > high - 10 })
            #expect(output.rows.contains { $0.time == 9 || $0.time == 11 })
        }
    }

    @Test("counts late rows that take others back, and gives the others to the late port")
    func lateTakingBack() {
        let aggregate = Self.aggregate(
            Self.plan(size: 10, every: 10, compute: ["rows": "count(*)"]))
        let output = Collected()
        aggregate.advance(to: 20, now: 0, to: output)
        var behind = Self.row("a", 1, n: 4, weight: -1)
        behind.watermark = 15
        let rows = [
            behind, Self.row("b", 2, n: 9, weight: -1), Self.row("c", 3, n: 1),
            Self.row("d", 25, n: 1),
        ]
        aggregate.process(Batch(rows, Self.counts), input: 0, now: 0, to: output)
        #expect(output.lateCount == 2)
        #expect(output.late.isEmpty && output.fired.map(\.values) == [rows[2].values])
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(output.rows.map { $0.values[0] } == [.text("d")])
    }

    @Test("takes rows back, forgets groups without any, sets unknown ones aside")
    func retractions() throws {
        let plan = Self.plan(
            size: 10, every: 10, compute: ["rows": "count(*)", "total": "sum(n)"])
        var aggregate = Self.aggregate(plan)
        let output = Collected()
        var state = KeptState()
        var random = SeededRandom(seed: testSeed)
        let steps = [
            [Self.row("a", 1, n: 4), Self.row("b", 2, n: 9)],
            [Self.row("a", 1, n: 4, weight: -1), Self.row("a", 3, n: 5)],
            [Self.row("b", 2, n: 9, weight: -1), Self.row("c", 2, n: 9, weight: -1)],
        ]
        for rows in steps {
            aggregate.process(Batch(rows, Self.counts), input: 0, now: 0, to: output)
            var changes = StateChanges()
            aggregate.capture(into: &changes)
            state.apply(changes)
            aggregate = Self.aggregate(plan)
            try state.restore(into: aggregate, watermark: .min, using: &random)
        }
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(
            output.rows.map(\.values) == [
                [.text("a"), .timestamp(0), .timestamp(10), .bigint(1), .bigint(5)]
            ])
        #expect(output.rejected.map(\.values[0]) == [.text("c")])
        #expect(state.entries.count == 1)
    }

    @Test("rejects rows that fail, once, and counts the others")
    func failingRows() {
        let aggregate = Self.aggregate(
            Self.plan(size: 10, every: 5, compute: ["total": "sum(10 / n)", "rows": "count(*)"]))
        let output = Collected()
        let rows = [Self.row("a", 6, n: 2), Self.row("a", 6, n: 0), Self.row("a", 7, n: 5)]
        aggregate.process(Batch(rows, Self.counts), input: 0, now: 0, to: output)
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(output.rejected.map(\.values[1]) == [.bigint(0)])
        #expect(output.reasons == ["cannot evaluate '10 / n': division by zero"])
        #expect(
            output.rows.map { Array($0.values.suffix(2)) } == [
                [.bigint(7), .bigint(2)], [.bigint(7), .bigint(2)],
            ])
    }

    @Test("asks for an argument only where its filter is true")
    func filteredArgument() {
        let aggregate = Self.aggregate(
            Self.plan(size: 10, every: 10, compute: ["t": "sum(10 / n) FILTER (WHERE n <> 0)"]))
        let output = Collected()
        let rows = [Self.row("a", 1, n: 2), Self.row("a", 1, n: 0)]
        aggregate.process(Batch(rows, Self.counts), input: 0, now: 0, to: output)
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(output.rejected.isEmpty)
        #expect(output.rows.map(\.values.last) == [.bigint(5)])
    }

    @Test("reports an overflow when the window fires, and keeps its neighbours")
    func overflowAtEmission() {
        let aggregate = Self.aggregate(
            Self.plan(size: 10, every: 10, compute: ["total": "sum(n)"]))
        let output = Collected()
        let rows = [
            Self.row("a", 1, n: .max), Self.row("b", 1, n: 1), Self.row("c", 1, n: .max),
            Self.row("c", 1, n: 1), Self.row("a", 1, n: 1), Self.row("a", 2, n: -1),
        ]
        aggregate.process(Batch(rows, Self.counts), input: 0, now: 0, to: output)
        #expect(output.rejected.isEmpty)
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(output.rows.map { $0.values[0] } == [.text("a"), .text("b")])
        #expect(output.rows.map { $0.values[3] } == [.bigint(.max), .bigint(1)])
        #expect(output.reasons == ["cannot compute sum: bigint overflow"])
    }

    @Test("gives its groups in slices of whole batches")
    func manyGroups() {
        let aggregate = Self.aggregate(Self.plan(size: 10, every: 10))
        let output = Collected()
        let keys = (0..<17_000).map { "key \($0)" }
        aggregate.process(
            Batch(keys.map { Self.row($0, 1) }, Self.counts), input: 0, now: 0, to: output)
        aggregate.advance(to: .max, now: 0, to: output)
        #expect(output.batchCount == 3)
        #expect(output.rows.map(\.values[0]) == keys.sorted().map { .text($0) })
    }

    @Test("refuses entries that it did not write")
    func damagedEntries() throws {
        let plan = Plans.aggregate(
            Reference.schema, by: ["k": "k", "g": "g"], compute: Reference.compute,
            window: AggregatePlan.Window(sizeMicros: 10, everyMicros: 10, offsetMicros: 0))
        var random = SeededRandom(seed: testSeed)
        let aggregate = Self.aggregate(plan)
        let rows = (0..<5).map { Reference.row(time: $0, using: &random) }
        aggregate.process(Batch(rows, Reference.schema), input: 0, now: 0, to: Collected())
        var changes = StateChanges()
        aggregate.capture(into: &changes)
        var state = KeptState()
        state.apply(changes)
        for (name, value) in state.entries {
            for _ in 0..<40 {
                var key = name.key
                var value = value
                switch Int.random(in: 0..<4, using: &random) {
                case 0: key = Array(key.prefix(Int.random(in: 0...key.count, using: &random)))
                case 1: value = Array(value.prefix(Int.random(in: 0...value.count, using: &random)))
                case 2:
                    if let place = key.indices.randomElement(using: &random) { key[place] ^= 0x81 }
                default:
                    if let place = value.indices.randomElement(using: &random) {
                        value[place] ^= 0x81
                    }
                }
                let fresh = Self.aggregate(plan)
                // An error or other numbers, never a trap; also when it fires.
                try? key.withUnsafeBufferPointer { key in
                    try value.withUnsafeBufferPointer { value in
                        try fresh.restore(
                            StateEntry(part: name.part, time: name.time, key: key, value: value))
                    }
                }
                fresh.advance(to: .max, now: 0, to: Collected())
            }
        }
    }
}
