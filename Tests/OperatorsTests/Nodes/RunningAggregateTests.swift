import TestSupport
import Testing

@testable import Operators

@Suite("Running aggregate")
struct RunningAggregateTests {
    /// The rows that stand in each group, and what that gives.
    private struct Groups {
        let key: [Int]
        let results: ([[Literal]]) -> [Literal]
        private var standing: [[Literal]: [[Literal]]] = [:]
        private var times: [[Literal]: Int64] = [:]

        init(key: [Int], results: @escaping ([[Literal]]) -> [Literal]) {
            self.key = key
            self.results = results
        }

        private func row(_ key: [Literal], weight: Int32) -> Row? {
            guard let rows = standing[key], !rows.isEmpty, let time = times[key] else { return nil }
            return Row(values: key + results(rows), time: time, weight: weight)
        }

        /// The changes that a batch makes: by group in the order in which they come.
        mutating func add(_ rows: [Row]) -> [Row] {
            var order: [[Literal]] = []
            for row in rows {
                let name = key.map { row.values[$0] }
                if !order.contains(name) { order.append(name) }
            }
            let before = order.map { row($0, weight: -1) }
            for row in rows {
                let name = key.map { row.values[$0] }
                if row.weight > 0 {
                    standing[name, default: []].append(row.values)
                } else if let index = standing[name]?.lastIndex(of: row.values) {
                    standing[name]?.remove(at: index)
                }
                let isEmpty = standing[name]?.isEmpty ?? true
                times[name] = isEmpty ? nil : max(times[name] ?? .min, row.time)
            }
            return order.indices.flatMap { index -> [Row] in
                let old = before[index]
                let new = row(order[index], weight: 1)
                if let old, let new, old.values == new.values, old.time == new.time { return [] }
                return [old, new].compactMap { $0 }
            }
        }

        /// A row that stands, to be taken back.
        func any(using random: inout SeededRandom) -> Row? {
            let rows = standing.values.flatMap { $0 }.sorted { Reference.isLess($0, $1) }
            return rows.randomElement(using: &random).map { Row(values: $0, time: 0, weight: -1) }
        }
    }

    private func capture(_ aggregate: RunningAggregate, into state: inout KeptState) {
        var changes = StateChanges()
        aggregate.capture(into: &changes)
        state.apply(changes)
    }

    @Test("gives the changes that a reference gives, over restarts", arguments: [[0], [0, 1]])
    func appendOnly(_ key: [Int]) throws {
        let plan = Plans.aggregate(
            Reference.schema, by: key == [0] ? ["k": "k"] : ["k": "k", "g": "g"],
            compute: Reference.compute)
        for seed in testSeed..<testSeed + 5 {
            var random = SeededRandom(seed: seed)
            var groups = Groups(key: key, results: Reference.results)
            var aggregate = RunningAggregate(plan)
            var state = KeptState()
            for step in 0..<25 {
                let rows = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                    Reference.row(time: Int64.random(in: 0...99, using: &random), using: &random)
                }
                let output = Collected()
                aggregate.process(
                    Batch(rows, Reference.schema, padding: step % 2 == 0), input: 0, now: 0,
                    to: output)
                #expect(output.rows == groups.add(rows), "seed \(seed), step \(step)")
                capture(aggregate, into: &state)
                if Bool.random(using: &random) {
                    aggregate = RunningAggregate(plan)
                    try state.restore(into: aggregate, watermark: .min, using: &random)
                }
            }
        }
    }

    @Test("follows rows that are taken back, over restarts")
    func weighted() throws {
        let plan = Plans.aggregate(
            Reference.schema, by: ["g": "g"], compute: Reference.weightedCompute)
        for seed in testSeed..<testSeed + 5 {
            var random = SeededRandom(seed: seed)
            var groups = Groups(key: [1], results: Reference.weightedResults)
            var aggregate = RunningAggregate(plan)
            var state = KeptState()
            for step in 0..<40 {
                var rows: [Row] = []
                var shadow = groups
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    let time = Int64.random(in: 0...99, using: &random)
                    var row = Reference.row(time: time, using: &random)
                    // Few rows stand at a time, so that groups vanish and come back.
                    if Int.random(in: 0..<9, using: &random) < 5,
                        let old = shadow.any(using: &random)
                    {
                        row = old
                        row.time = time
                    }
                    rows.append(row)
                    _ = shadow.add([row])
                }
                let output = Collected()
                aggregate.process(Batch(rows, Reference.schema), input: 0, now: 0, to: output)
                #expect(output.rows == groups.add(rows), "seed \(seed), step \(step)")
                #expect(output.rejected.isEmpty)
                capture(aggregate, into: &state)
                if Bool.random(using: &random) {
                    aggregate = RunningAggregate(plan)
                    try state.restore(into: aggregate, watermark: .min, using: &random)
                }
            }
        }
    }

    @Test("leaves the same rows standing for every way to cut its input into batches")
    func everyBatchSplit() {
        let plan = Plans.aggregate(
            Reference.schema, by: ["g": "g"], compute: Reference.weightedCompute)
        var random = SeededRandom(seed: testSeed)
        var rows: [Row] = []
        var groups = Groups(key: [1], results: Reference.weightedResults)
        for time in 0..<9 {
            var row = Reference.row(time: Int64(time), using: &random)
            if time % 3 == 2, let old = groups.any(using: &random) { row = old }
            row.time = Int64(9 - time)
            rows.append(row)
            _ = groups.add([row])
        }
        var whole: Set<Row>?
        for lengths in everySplit(of: rows.count) {
            let aggregate = RunningAggregate(plan)
            var standing: Set<Row> = []
            var rest = rows[...]
            for length in lengths {
                let output = Collected()
                aggregate.process(
                    Batch(Array(rest.prefix(length)), Reference.schema), input: 0, now: 0,
                    to: output)
                rest = rest.dropFirst(length)
                for (index, row) in output.rows.enumerated() {
                    var plain = row
                    plain.weight = 1
                    if row.weight > 0 {
                        standing.insert(plain)
                    } else {
                        #expect(standing.remove(plain) != nil, "took back what did not stand")
                        // A key's +1, if there is one, follows its −1 at once.
                        let key = row.values[0]
                        let later = output.rows[index...].dropFirst()
                        let place = later.firstIndex { $0.values[0] == key }
                        #expect(place == nil || place == index + 1)
                    }
                }
            }
            whole = whole ?? standing
            #expect(standing == whole, "seed \(testSeed), batches of \(lengths)")
        }
    }

    private static let schema = Schema.of(["k": .string, "n": .bigint])

    private static func row(_ key: String, _ n: Int64, at time: Int64 = 0, weight: Int32 = 1) -> Row
    {
        Row(values: [.text(key), .bigint(n)], time: time, weight: weight)
    }

    private static func run(
        _ aggregate: RunningAggregate, _ rows: [Row]
    ) -> Collected {
        let output = Collected()
        aggregate.process(Batch(rows, schema), input: 0, now: 0, to: output)
        return output
    }

    @Test("says nothing where a result has not changed")
    func noChange() {
        let aggregate = RunningAggregate(
            Plans.aggregate(Self.schema, by: ["k": "k"], compute: ["most": "max(n)"]))
        #expect(Self.run(aggregate, [Self.row("a", 5)]).rows.count == 1)
        #expect(Self.run(aggregate, [Self.row("a", 3), Self.row("a", 5)]).rows.isEmpty)
        #expect(
            Self.run(aggregate, [Self.row("a", 6, at: 7)]).rows.map(\.description)
                == ["-1 ['a', 5] @0", "+1 ['a', 6] @7"])
    }

    @Test("lets a group vanish at zero rows and come back")
    func vanishing() throws {
        let plan = Plans.aggregate(
            Self.schema, by: ["k": "k"], compute: ["total": "sum(n)", "rows": "count(*)"])
        let aggregate = RunningAggregate(plan)
        var state = KeptState()
        _ = Self.run(aggregate, [Self.row("a", 5, at: 9)])
        capture(aggregate, into: &state)
        #expect(
            Self.run(aggregate, [Self.row("a", 5, weight: -1)]).rows.map(\.description)
                == ["-1 ['a', 5, 1] @9"])
        capture(aggregate, into: &state)
        #expect(state.entries.isEmpty)
        #expect(
            Self.run(aggregate, [Self.row("a", 2, at: 4)]).rows.map(\.description)
                == ["+1 ['a', 2, 1] @4"])
    }

    @Test("sets aside what takes back a row that is not there")
    func unknownRow() {
        let aggregate = RunningAggregate(
            Plans.aggregate(Self.schema, by: ["k": "k"], compute: ["total": "sum(n)"]))
        let output = Self.run(
            aggregate,
            [Self.row("a", 1, weight: -1), Self.row("a", 2), Self.row("b", 1, weight: -1)])
        #expect(output.rows.map(\.description) == ["+1 ['a', 2] @0"])
        #expect(output.rejected.map(\.values[0]) == [.text("a"), .text("b")])
    }

    @Test("reports an overflow of a result, takes the old one back, and recovers")
    func overflow() {
        let aggregate = RunningAggregate(
            Plans.aggregate(Self.schema, by: ["k": "k"], compute: ["total": "sum(n)"]))
        _ = Self.run(aggregate, [Self.row("a", .max)])
        let failing = Self.run(aggregate, [Self.row("a", 1)])
        #expect(failing.rows.map(\.weight) == [-1])
        #expect(failing.reasons == ["cannot compute sum: bigint overflow"])
        let mended = Self.run(aggregate, [Self.row("a", 1, weight: -1)])
        #expect(mended.rows.map(\.description) == ["+1 ['a', \(Int64.max)] @0"])
        #expect(mended.reasons.isEmpty)
    }

    @Test("drops the taking back of a row that failed")
    func failedRetraction() {
        let aggregate = RunningAggregate(
            Plans.aggregate(Self.schema, by: ["k": "k"], compute: ["total": "sum(10 / n)"]))
        let output = Self.run(aggregate, [Self.row("a", 0, weight: -1), Self.row("a", 0)])
        #expect(output.rejected.map(\.weight) == [1])
        #expect(output.rows.isEmpty)
    }

    @Test("has one group without grouping")
    func oneGroup() {
        let aggregate = RunningAggregate(
            Plans.aggregate(Self.schema, by: [:], compute: ["rows": "count(*)"]))
        #expect(
            Self.run(aggregate, [Self.row("a", 0), Self.row("b", 0)]).rows.map(\.values)
                == [[.bigint(2)]])
    }
}
