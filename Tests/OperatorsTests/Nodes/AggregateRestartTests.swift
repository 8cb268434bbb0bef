import TestSupport
import Testing

@testable import Operators

/// Aggregates that are stopped and restored at random give what one gives that never stops.
@Suite("Aggregates over restarts")
struct AggregateRestartTests {
    private static let schema = Schema.of([
        "g": .bigint, "n": .bigint, "d": .double, "p": .bytes, "s": .string,
    ])
    private static let window = AggregatePlan.Window(
        sizeMicros: 12, everyMicros: 4, offsetMicros: 0)

    enum Kind: CaseIterable { case hopping, cumulative, session, shortSession, running }

    private static func make(_ kind: Kind, _ emission: AggregatePlan.Emission) -> any Operator {
        var plan = Plans.aggregate(
            schema, by: ["g": "g"],
            compute: [
                "rows": "count(*)", "total": "sum(d)", "spread": "round(variance(d), 3)",
                "different": "count(DISTINCT n)", "most": "max(n)", "last_p": "last(p)",
                "first_p": "first(p)", "by_p": "arg_max(s, p)", "list": "array_agg(n)",
                "sum_n": "sum(DISTINCT n)", "middle": "median(n)", "highest": "max(p)",
                "low": "percentile_disc(n, 0.3)", "any": "bool_or(n > 2)",
            ], window: kind == .running ? nil : window, grace: kind == .running ? 0 : 6)
        plan.emission = kind == .running && emission == .final ? .changes : emission
        switch kind {
        case .session: return SessionAggregate(plan, gapMicros: 6)
        case .shortSession: return SessionAggregate(plan, gapMicros: 6, maxMicros: 9)
        default: break
        }
        plan.calls = plan.calls.map(\.takingBack)
        switch kind {
        case .hopping: return WindowedAggregate(plan, window: window)
        case .cumulative: return SpanAggregate(plan, cumulative: window)
        default: return RunningAggregate(plan)
        }
    }

    /// The rows of one batch; rows that stand may be taken back, but for sessions.
    private static func rows(
        _ kind: Kind, _ standing: inout [Row], highest: inout Int64,
        using random: inout SeededRandom
    ) -> [Row] {
        let takesBack = kind != .session && kind != .shortSession
        var rows: [Row] = []
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            if takesBack, Bool.random(using: &random),
                let index = standing.indices.randomElement(using: &random)
            {
                var row = standing.remove(at: index)
                row.weight = -1
                rows.append(row)
                continue
            }
            let time = max(0, highest + Int64.random(in: -9...5, using: &random))
            highest = max(highest, time)
            let n = Int64.random(in: -1...4, using: &random)
            let large: Double = takesBack ? 1e17 : 1
            let row = Row(
                values: [
                    .bigint(Int64.random(in: 0...2, using: &random)), n < 0 ? .null : .bigint(n),
                    .double(Double(n) * large + 0.25), .text("p\(5 - n)"),
                    .text("s\(Int.random(in: 0...9, using: &random))"),
                ], time: time)
            standing.append(row)
            rows.append(row)
        }
        return rows
    }

    @Test(
        "give what one gives that is never stopped", arguments: Kind.allCases,
        [AggregatePlan.Emission.final, .changes, .every(micros: 3)])
    func restarted(_ kind: Kind, _ emission: AggregatePlan.Emission) throws {
        for seed in testSeed..<testSeed + 40 {
            var random = SeededRandom(seed: seed)
            var node = Self.make(kind, emission)
            let steady = Self.make(kind, emission)
            var state = KeptState()
            let output = Collected()
            let expected = Collected()
            var standing: [Row] = []
            var highest: Int64 = 20
            var watermark: Int64 = 0
            func both(_ body: (any Operator, Collected) -> Void) {
                body(node, output)
                body(steady, expected)
            }
            for step in 0..<30 {
                let rows = Self.rows(kind, &standing, highest: &highest, using: &random)
                watermark = max(watermark, highest - Int64.random(in: 2...9, using: &random))
                let now = Int64(step)
                both { node, output in
                    node.process(Batch(rows, Self.schema), input: 0, now: now, to: output)
                    node.advance(to: watermark, now: now, to: output)
                    if step % 3 == 0 { node.tick(now: .max, to: output) }
                }
                guard Bool.random(using: &random) else { continue }
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
                guard Bool.random(using: &random) else { continue }
                node = Self.make(kind, emission)
                try state.restore(into: node, watermark: watermark, using: &random)
            }
            both { node, output in node.advance(to: .max, now: 30, to: output) }
            #expect(
                Self.standing(output.rows) == Self.standing(expected.rows),
                "\(kind), \(emission), seed \(seed)")
            #expect(output.fired == expected.fired && output.late == expected.late)
            if kind == .running { continue }
            var changes = StateChanges()
            node.capture(into: &changes)
            state.apply(changes)
            #expect(node.stateSize.entries == 0 && state.entries.isEmpty, "seed \(seed)")
        }
    }

    /// How often each row stands after the changes.
    private static func standing(_ changes: [Row]) -> [Row: Int] {
        var rows: [Row: Int] = [:]
        for var row in changes {
            let weight = Int(row.weight)
            row.weight = 1
            rows[row, default: 0] += weight
        }
        return rows.filter { $0.value != 0 }
    }

    @Test("the last value of two sessions that become one is that of the later one")
    func mergedViews() {
        let plan = Plans.aggregate(
            Schema.of(["p": .bytes, "s": .string]), by: [:],
            compute: ["last_p": "last(p)", "by_p": "arg_max(s, p)", "first_p": "first(p)"],
            window: Self.window)
        let node = SessionAggregate(plan, gapMicros: 10)
        let output = Collected()
        let rows = [(0, "a"), (15, "c"), (8, "b")].map {
            Row(values: [.text($0.1), .text($0.1)], time: Int64($0.0))
        }
        node.process(Batch(rows, plan.inputSchema), input: 0, now: 0, to: output)
        node.advance(to: .max, now: 0, to: output)
        #expect(
            output.rows.map { Array($0.values[2...]) } == [[.text("c"), .text("c"), .text("a")]])
    }
}
