import TestSupport
import Testing

@testable import Operators

@Suite("Interval join")
struct IntervalJoinTests {
    private static let constant = IntervalJoin.Bounds.around(beforeMicros: 4, afterMicros: 2)
    private static let own = IntervalJoin.Bounds.between(
        from: Plans.bind("opens", JoinModel.left), to: Plans.bind("closes", JoinModel.left))

    private static func isNear(_ bounds: IntervalJoin.Bounds) -> (Row, Row) -> Bool {
        switch bounds {
        case .around(let before, let after):
            return { left, right in
                left.time - before <= right.time && right.time <= left.time + after
            }
        case .between:
            return { left, right in
                guard case .timestamp(let from) = left.values[3],
                    case .timestamp(let to) = left.values[4]
                else { return false }
                return from <= right.time && right.time <= to
            }
        }
    }

    /// Delivers both feeds in batches, checkpointing and restoring as it goes.
    private struct Delivery {
        let model: JoinModel
        let bounds: IntervalJoin.Bounds
        let feeds: [JoinFeed]
        var join: IntervalJoin
        var state = KeptState()
        var done = [0, 0]
        var watermark = Int64.min
        let output = Collected()
        var restoresAlways = false

        init(_ model: JoinModel, _ bounds: IntervalJoin.Bounds, _ feeds: [JoinFeed]) {
            self.model = model
            self.bounds = bounds
            self.feeds = feeds
            join = IntervalJoin(model.plan, bounds: bounds)
        }

        mutating func deliver(
            _ side: Int, count: Int, using random: inout SeededRandom
        ) throws {
            let rows = Array(feeds[side].rows[done[side]..<done[side] + count])
            done[side] += count
            let schema = side == 0 ? JoinModel.left : JoinModel.right
            let passed = join.holdMicros
            join.process(
                Batch(rows, schema, padding: Bool.random(using: &random)), input: side, now: 0,
                to: output)
            try checkpoint(using: &random)
            let reached = min(
                feeds[0].watermark(after: done[0]), feeds[1].watermark(after: done[1]))
            if reached > watermark, Bool.random(using: &random) || reached == .max {
                let before = output.rows.count
                let unmatched = output.unmatched.count
                let bound = watermark == .min ? .min : watermark - passed
                let unmatchedBound =
                    watermark == .min ? .min : watermark - join.unmatchedHoldMicros
                watermark = reached
                join.advance(to: reached, now: 0, to: output)
                #expect(output.rows[before...].allSatisfy { $0.time >= bound })
                #expect(output.unmatched[unmatched...].allSatisfy { $0.time >= unmatchedBound })
                try checkpoint(using: &random)
            }
        }

        private mutating func checkpoint(using random: inout SeededRandom) throws {
            guard restoresAlways || Int.random(in: 0..<4, using: &random) == 0 else { return }
            var changes = StateChanges()
            join.capture(into: &changes)
            state.apply(changes)
            guard restoresAlways || Bool.random(using: &random) else { return }
            let hold = join.unmatchedHoldMicros
            join = IntervalJoin(model.plan, bounds: bounds)
            try state.restore(into: join, watermark: watermark, using: &random)
            // Less where rows have found a partner since the watermark last rose.
            #expect(join.unmatchedHoldMicros <= hold)
        }

        /// Everything, in random batches of random sides.
        mutating func run(batchMax: Int, using random: inout SeededRandom) throws {
            while done[0] < feeds[0].rows.count || done[1] < feeds[1].rows.count {
                let side = Int.random(in: 0...1, using: &random)
                let left = feeds[side].rows.count - done[side]
                guard left > 0 else { continue }
                let count = Int.random(in: 1...min(batchMax, left), using: &random)
                try deliver(side, count: count, using: &random)
            }
        }
    }

    @Test(
        "agrees with every pair of rows tried, over random batches, checkpoints and watermarks",
        arguments: StreamJoinKind.allCases, [true, false])
    func random(_ kind: StreamJoinKind, isConstant: Bool) throws {
        let bounds = isConstant ? Self.constant : Self.own
        for round in 0..<60 {
            let seed = testSeed &+ UInt64(round)
            var random = SeededRandom(seed: seed)
            let model = JoinModel(
                kind: kind, key: round % 2 == 0 ? [0] : [0, 1], hasCondition: round % 3 == 0)
            let feeds = [
                JoinFeed(.left, count: 40, using: &random),
                JoinFeed(.right, count: 40, using: &random),
            ]
            var delivery = Delivery(model, bounds, feeds)
            delivery.restoresAlways = round % 5 == 0
            try delivery.run(batchMax: 1 + round % 12, using: &random)
            let output = delivery.output
            let expected = model.result(
                feeds[0].timely, feeds[1].timely, isNear: Self.isNear(bounds))
            #expect(output.rows.counted == expected.rows.counted, "seed \(seed)")
            #expect(output.unmatched.counted == expected.unmatched.counted, "seed \(seed)")
            #expect(output.late.counted == feeds[0].late.counted, "seed \(seed)")
            #expect(output.lateCount == feeds[1].late.count, "seed \(seed)")
            #expect(output.fired.isEmpty && output.rejected.isEmpty, "seed \(seed)")
            #expect(delivery.join.stateSize.entries == 0, "seed \(seed)")
            var changes = StateChanges()
            delivery.join.capture(into: &changes)
            delivery.state.apply(changes)
            #expect(delivery.state.entries.isEmpty, "seed \(seed)")
        }
    }

    @Test("gives the same rows in the same order for every way to cut its input into batches")
    func everyBatchSplit() throws {
        var random = SeededRandom(seed: testSeed)
        let model = JoinModel(kind: .full, key: [1])
        let feeds = [
            JoinFeed(.left, count: 5, using: &random), JoinFeed(.right, count: 5, using: &random),
        ]
        let order = [0, 0, 1, 1, 0, 1, 1, 0, 0, 1]
        var whole: [Row]?
        for lengths in everySplit(of: order.count) {
            let join = IntervalJoin(model.plan, bounds: Self.constant)
            let output = Collected()
            var done = [0, 0]
            var place = 0
            for length in lengths {
                // A run of one side is a batch.
                for side in order[place..<place + length].runs {
                    let rows = Array(feeds[side.value].rows[done[side.value]...].prefix(side.count))
                    done[side.value] += side.count
                    join.process(
                        Batch(rows, side.value == 0 ? JoinModel.left : JoinModel.right),
                        input: side.value, now: 0, to: output)
                }
                place += length
            }
            join.advance(to: .max, now: 0, to: output)
            whole = whole ?? output.rows
            #expect(output.rows == whole, "seed \(testSeed), batches of \(lengths)")
        }
    }

    private static func left(_ key: String?, _ n: Int64, at time: Int64) -> Row {
        Row(
            values: [
                key.map { .text($0) } ?? .null, .null, .bigint(n), .timestamp(n),
                .timestamp(n + 5),
            ], time: time)
    }

    private static func right(_ key: String?, _ m: Int64, at time: Int64) -> Row {
        Row(values: [key.map { .text($0) } ?? .null, .null, .bigint(m)], time: time)
    }

    @Test("gives a row without a partner once its interval has closed, and no earlier")
    func closing() {
        let join = IntervalJoin(JoinModel(kind: .full).plan, bounds: Self.constant)
        let output = Collected()
        join.process(
            Batch([Self.left("a", 1, at: 10), Self.left(nil, 2, at: 10)], JoinModel.left), input: 0,
            now: 0, to: output)
        join.process(
            Batch([Self.right("b", 3, at: 10)], JoinModel.right), input: 1, now: 0, to: output)
        join.advance(to: 12, now: 0, to: output)
        #expect(output.rows.isEmpty)
        join.advance(to: 13, now: 0, to: output)
        #expect(
            output.rows.map(\.description) == [
                "+1 ['a', 1, null, null] @10", "+1 [null, 2, null, null] @10",
            ])
        join.advance(to: 14, now: 0, to: output)
        #expect(output.rows.count == 2)
        join.advance(to: 15, now: 0, to: output)
        #expect(output.rows.last?.description == "+1 ['b', null, null, 3] @10")
        #expect(join.holdMicros == 4 && join.unmatchedHoldMicros == 2)
    }

    @Test("sets rows aside that an interval of their own does not let be joined")
    func earlyBounds() {
        let join = IntervalJoin(JoinModel(kind: .left).plan, bounds: Self.own)
        let output = Collected()
        join.process(
            Batch([Self.left("a", 9, at: 10), Self.left("a", 10, at: 10)], JoinModel.left),
            input: 0, now: 0, to: output)
        #expect(output.rejected.map { $0.values[2] } == [.bigint(9)])
        #expect(output.reasons == ["cannot join the row: 'from' is before the row's own time"])
        join.process(
            Batch([Self.right("a", 1, at: 15)], JoinModel.right), input: 1, now: 0, to: output)
        #expect(output.rows.map(\.description) == ["+1 ['a', 10, null, 1] @15"])
    }

    @Test("holds back as long as its earliest waiting row where intervals differ")
    func dynamicHold() {
        let join = IntervalJoin(JoinModel(kind: .left).plan, bounds: Self.own)
        let output = Collected()
        join.process(
            Batch(
                [Self.left("a", 10, at: 10), Self.left("b", 50, at: 12)], JoinModel.left), input: 0,
            now: 0, to: output)
        join.advance(to: 14, now: 0, to: output)
        #expect(join.holdMicros == 4)
        join.process(
            Batch([Self.right("a", 1, at: 14)], JoinModel.right), input: 1, now: 0, to: output)
        join.advance(to: 20, now: 0, to: output)
        #expect(join.holdMicros == 8)
        join.advance(to: 56, now: 0, to: output)
        #expect(join.holdMicros == 0)
        #expect(output.rows.last?.description == "+1 ['b', 50, null, null] @12")
    }

    @Test("rejects pairs whose condition fails, which then are no match")
    func failingCondition() {
        let model = JoinModel(kind: .left)
        var plan = model.plan
        plan = StreamJoinPlan(
            kind: .left, left: plan.left, right: plan.right,
            condition: Plans.bind("10 / n >= m", JoinModel.pair), pairSchema: JoinModel.pair,
            columns: plan.columns)
        let join = IntervalJoin(plan, bounds: Self.constant)
        let output = Collected()
        join.process(
            Batch([Self.left("a", 0, at: 10), Self.left("a", 5, at: 10)], JoinModel.left), input: 0,
            now: 0, to: output)
        join.process(
            Batch([Self.right("a", 2, at: 10)], JoinModel.right), input: 1, now: 0, to: output)
        #expect(output.reasons == ["cannot evaluate '10 / n >= m': division by zero"])
        #expect(output.rows.map(\.description) == ["+1 ['a', 5, null, 2] @10"])
        join.advance(to: .max, now: 0, to: output)
        #expect(output.rows.last?.description == "+1 ['a', 0, null, null] @10")
    }

    @Test("frees its state as time passes, also that of keys that do not come again")
    func memory() {
        let join = IntervalJoin(JoinModel(kind: .inner).plan, bounds: Self.constant)
        let output = Collected()
        var highest = 0
        for round in 0..<200 {
            let time = Int64(round * 10)
            let rows = (0..<100).map { Self.left("key \(round)/\($0)", 1, at: time) }
            join.process(Batch(rows, JoinModel.left), input: 0, now: 0, to: output)
            let partners = (0..<100).map { Self.right("key \(round)/\($0)", 1, at: time) }
            join.process(Batch(partners, JoinModel.right), input: 1, now: 0, to: output)
            join.advance(to: time, now: 0, to: output)
            if round < 30 { highest = max(highest, join.stateSize.bytes) }
        }
        #expect(output.rows.count == 20_000)
        #expect(join.stateSize.bytes <= highest)
    }

    @Test("refuses entries that are none of its own")
    func damagedEntries() throws {
        let join = IntervalJoin(JoinModel().plan, bounds: Self.constant)
        join.process(
            Batch([Self.left("a", 1, at: 10)], JoinModel.left), input: 0, now: 0, to: Collected())
        var changes = StateChanges()
        join.capture(into: &changes)
        let item = changes.items[0]
        let key = Array(changes.bytes[item.keyStart..<item.valueStart])
        let value = changes.value(of: item)
        for count in 0..<value.count {
            #expect(throws: StateError.self) {
                try key.withUnsafeBufferPointer { key in
                    try value[..<count].withUnsafeBufferPointer { value in
                        try IntervalJoin(JoinModel().plan, bounds: Self.constant).restore(
                            StateEntry(part: 0, time: 12, key: key, value: value))
                    }
                }
            }
        }
    }
}

extension ArraySlice where Element == Int {
    /// Equal neighbours together.
    fileprivate var runs: [(value: Int, count: Int)] {
        reduce(into: []) { runs, value in
            if let last = runs.last, last.value == value {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((value, 1))
            }
        }
    }
}
