import TestSupport
import Testing

@testable import Operators

@Suite("Aggregate over sessions")
struct SessionAggregateTests {
    private static let gap: Int64 = 5

    private static func make(
        _ key: [Int], grace: Int64, longest: Int64? = nil
    ) -> SessionAggregate {
        let plan = Plans.aggregate(
            Reference.schema, by: key == [1] ? ["g": "g"] : ["k": "k", "g": "g"],
            compute: Reference.compute,
            window: AggregatePlan.Window(sizeMicros: 1, everyMicros: 1, offsetMicros: 0),
            grace: grace)
        return SessionAggregate(plan, gapMicros: gap, maxMicros: longest)
    }

    /// Rows that wait, cut into sessions each time that somebody asks.
    struct Model {
        let key: [Int]
        let grace: Int64
        let longest: Int64
        private var rows: [[Literal]: [Row]] = [:]
        private(set) var watermark = Int64.min

        init(key: [Int], grace: Int64, longest: Int64? = nil) {
            self.key = key
            self.grace = grace
            self.longest = longest ?? .max / 2
        }

        private func end(_ session: [Row]) -> Int64 {
            let times = session.map(\.time)
            return min((times.max() ?? 0) + gap, (times.min() ?? 0) + longest)
        }

        mutating func add(_ row: Row) -> ReferenceWindows.Fate {
            if row.watermark != .min && row.time < row.watermark - grace { return .late }
            if watermark != .min && row.time < watermark - grace { return .fired }
            rows[key.map { row.values[$0] }, default: []].append(row)
            return .placed
        }

        /// The sessions that fire by `watermark`, in order.
        mutating func advance(to watermark: Int64) -> [Row] {
            self.watermark = watermark
            var fired: [(key: [Literal], row: Row)] = []
            for (key, all) in rows {
                var rest: [Row] = []
                for session in sessions(all) {
                    let end = end(session)
                    if end + grace <= watermark {
                        fired.append((key, result(key, session, all)))
                    } else {
                        rest += all.filter { row in
                            session.contains { $0.time == row.time }
                        }
                    }
                }
                rows[key] = rest.isEmpty ? nil : rest
            }
            return fired.sorted {
                $0.row.time != $1.row.time
                    ? $0.row.time < $1.row.time : Reference.isLess($0.key, $1.key)
            }.map(\.row)
        }

        private func sessions(_ rows: [Row]) -> [[Row]] {
            var result: [[Row]] = []
            for row in rows.sorted(by: { $0.time < $1.time }) {
                if let session = result.last, row.time < end(session) {
                    result[result.count - 1].append(row)
                } else {
                    result.append([row])
                }
            }
            return result
        }

        private func result(_ key: [Literal], _ session: [Row], _ all: [Row]) -> Row {
            let start = session.map(\.time).min() ?? 0
            let end = end(session)
            let bounds: [Literal] = [.timestamp(start), .timestamp(end)]
            // In the order in which they came.
            var rows = all.filter { start <= $0.time && $0.time < end }
            if longest < .max / 2 {
                // Or of their time, where they wait for it.
                rows = rows.enumerated().sorted {
                    $0.element.time != $1.element.time
                        ? $0.element.time < $1.element.time : $0.offset < $1.offset
                }.map(\.element)
            }
            return Row(values: key + bounds + Reference.results(rows.map(\.values)), time: end - 1)
        }
    }

    @Test("gives what a reference gives, over restarts", arguments: [[1], [0, 1]], [0, 3])
    func random(_ key: [Int], _ grace: Int64) throws {
        try run(key, grace, longest: nil)
    }

    @Test("cuts sessions that would be longer than may be", arguments: [[1], [0, 1]], [0, 3])
    func longest(_ key: [Int], _ grace: Int64) throws {
        try run(key, grace, longest: 8)
    }

    private func run(_ key: [Int], _ grace: Int64, longest: Int64?) throws {
        for seed in testSeed..<testSeed + 8 {
            var random = SeededRandom(seed: seed)
            var node = Self.make(key, grace: grace, longest: longest)
            var model = Model(key: key, grace: grace, longest: longest)
            var state = KeptState()
            var highest: Int64 = 0
            for step in 0..<40 {
                var late: [[Literal]] = []
                var fired: [[Literal]] = []
                let rows = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                    let time = max(0, highest + Int64.random(in: -9...4, using: &random))
                    var row = Reference.row(time: time, using: &random)
                    row.watermark = highest - 6
                    highest = max(highest, time)
                    switch model.add(row) {
                    case .placed: break
                    case .late: late.append(row.values)
                    case .fired: fired.append(row.values)
                    }
                    return row
                }
                let output = Collected()
                node.process(
                    Batch(rows, Reference.schema, padding: step % 2 == 0), input: 0, now: 0,
                    to: output)
                #expect(output.late.map(\.values) == late, "seed \(seed), step \(step)")
                #expect(output.fired.map(\.values) == fired, "seed \(seed), step \(step)")
                let ahead = Int64([-9, -6, -6, 2].randomElement(using: &random) ?? 0)
                let next = max(model.watermark, highest + ahead)
                node.advance(to: next, now: 0, to: output)
                #expect(output.rows == model.advance(to: next), "seed \(seed), step \(step)")
                if Int.random(in: 0..<3, using: &random) > 0 {
                    var changes = StateChanges()
                    node.capture(into: &changes)
                    state.apply(changes)
                    if Bool.random(using: &random) {
                        node = Self.make(key, grace: grace, longest: longest)
                        try state.restore(into: node, watermark: next, using: &random)
                    }
                }
            }
            let output = Collected()
            node.advance(to: .max, now: 0, to: output)
            #expect(output.rows == model.advance(to: .max), "seed \(seed)")
            var changes = StateChanges()
            node.capture(into: &changes)
            state.apply(changes)
            #expect(node.stateSize.entries == 0 && state.entries.isEmpty, "seed \(seed)")
        }
    }

    @Test("gives the same for every way to cut its input, restarted at every cut")
    func everySplit() throws {
        var random = SeededRandom(seed: testSeed)
        let rows = (0..<9).map { _ in
            Reference.row(time: Int64.random(in: 0...30, using: &random), using: &random)
        }
        var model = Model(key: [1], grace: 0)
        for row in rows { _ = model.add(row) }
        let expected = model.advance(to: .max)
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            var state = KeptState()
            var rest = rows[...]
            let output = Collected()
            for length in lengths + [0] {
                let node = Self.make([1], grace: 0)
                try state.restore(into: node, watermark: .min, using: &random)
                node.process(
                    Batch(Array(rest.prefix(length)), Reference.schema), input: 0, now: 0,
                    to: output)
                rest = rest.dropFirst(length)
                if length == 0 { node.advance(to: .max, now: 0, to: output) }
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
            }
            #expect(output.rows == expected, "seed \(testSeed), \(lengths)")
        }
    }

    @Test("a row that a gap has passed begins another session, a row in between joins two")
    func bounds() {
        let plan = Plans.aggregate(
            Schema.of(["k": .bigint]), by: ["k": "k"], compute: ["rows": "count(*)"],
            window: AggregatePlan.Window(sizeMicros: 1, everyMicros: 1, offsetMicros: 0))
        func sessions(_ times: [Int64]) -> [[Literal]] {
            let node = SessionAggregate(plan, gapMicros: 10)
            let output = Collected()
            let rows = times.map { Row(values: [.bigint(7)], time: $0) }
            node.process(Batch(rows, plan.inputSchema), input: 0, now: 0, to: output)
            node.advance(to: .max, now: 0, to: output)
            return output.rows.map { Array($0.values[1...]) }
        }
        func session(_ start: Int64, _ end: Int64, _ rows: Int64) -> [Literal] {
            [.timestamp(start), .timestamp(end), .bigint(rows)]
        }
        #expect(sessions([0, 10]) == [session(0, 10, 1), session(10, 20, 1)])
        #expect(sessions([0, 9]) == [session(0, 19, 2)])
        #expect(sessions([0, 18, 9]) == [session(0, 28, 3)])
        #expect(
            sessions([40, 0, 20]) == [session(0, 10, 1), session(20, 30, 1), session(40, 50, 1)])
        #expect(sessions([5, 0]) == [session(0, 15, 2)])
        #expect(sessions([.max, .max - 10]) == [session(.max - 10, .max, 1)])
    }

    @Test("forgets keys whose sessions are over")
    func keysGo() {
        let plan = Plans.aggregate(
            Schema.of(["k": .bigint]), by: ["k": "k"], compute: ["rows": "count(*)"],
            window: AggregatePlan.Window(sizeMicros: 1, everyMicros: 1, offsetMicros: 0))
        let node = SessionAggregate(plan, gapMicros: 10)
        var sizes: [Int] = []
        for round in 0..<40 {
            let output = Collected()
            let rows = (0..<500).map {
                Row(values: [.bigint(Int64(round * 500 + $0))], time: Int64(round * 100))
            }
            node.process(Batch(rows, plan.inputSchema), input: 0, now: 0, to: output)
            node.advance(to: Int64(round * 100 + 50), now: 0, to: output)
            #expect(output.rows.count == 500)
            var changes = StateChanges()
            node.capture(into: &changes)
            sizes.append(node.stateSize.bytes)
        }
        #expect((sizes.max() ?? 0) < 3 * (sizes.prefix(4).max() ?? 0))
    }
}
