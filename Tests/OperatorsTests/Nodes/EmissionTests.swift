import TestSupport
import Testing

@testable import Operators

/// `emit: changes` and `emit: every` of windows, as the rows that stand after all changes.
@Suite("Changes of windows")
struct EmissionTests {
    private static let schema = Schema.of(["g": .bigint, "n": .bigint])
    private static let window = AggregatePlan.Window(
        sizeMicros: 12, everyMicros: 4, offsetMicros: 0)
    private static let grace: Int64 = 6
    private static let gap: Int64 = 5

    enum Kind: CaseIterable { case hopping, cumulative, session }

    private static func make(
        _ kind: Kind, _ emission: AggregatePlan.Emission
    ) -> any Operator {
        var plan = Plans.aggregate(
            schema, by: ["g": "g"],
            compute: ["rows": "count(*)", "total": "sum(n)", "some": "count(DISTINCT n)"],
            window: window, grace: grace)
        plan.emission = emission
        switch kind {
        case .hopping: return WindowedAggregate(plan, window: window)
        case .cumulative: return SpanAggregate(plan, cumulative: window)
        case .session: return SessionAggregate(plan, gapMicros: gap)
        }
    }

    /// The windows of rows that have been accepted, each with its result row; the rows' watermark is
    /// the node's before them.
    private static func windows(_ kind: Kind, _ rows: [Row]) -> [(end: Int64, row: Row)] {
        func isOpen(_ end: Int64, _ row: Row) -> Bool { end + grace > row.watermark }
        var groups: [[Int64]: [Row]] = [:]
        for group in Set(rows.map { $0.values[0] }) {
            guard case .bigint(let g) = group else { continue }
            let all = rows.filter { $0.values[0] == group }.sorted { $0.time < $1.time }
            var start: Int64 = 0
            var last: Int64 = .min
            for row in all {
                switch kind {
                case .hopping:
                    for start in row.time - 11...row.time
                    where start % 4 == 0 && isOpen(start + 12, row) {
                        groups[[g, start, start + 12], default: []].append(row)
                    }
                case .cumulative:
                    let start = row.time / 12 * 12
                    for end in [start + 4, start + 8, start + 12]
                    where end > row.time && isOpen(end, row) {
                        groups[[g, start, end], default: []].append(row)
                    }
                case .session:
                    if last == .min || row.time >= last + gap { start = row.time }
                    let before = groups.removeValue(forKey: [g, start, last + gap]) ?? []
                    last = row.time
                    groups[[g, start, last + gap]] = before + [row]
                }
            }
        }
        return groups.map { name, rows in
            let numbers = rows.compactMap { row -> Int64? in
                if case .bigint(let n) = row.values[1] { return n }
                return nil
            }
            return (
                name[2],
                Row(
                    values: [
                        .bigint(name[0]), .timestamp(name[1]), .timestamp(name[2]),
                        .bigint(Int64(rows.count)),
                        numbers.isEmpty ? .null : .bigint(numbers.reduce(0, +)),
                        .bigint(Int64(Set(numbers).count)),
                    ], time: name[2] - 1)
            )
        }
    }

    /// The rows that stand; each leaves as it came.
    private struct Standing {
        var rows: Set<Row> = []

        mutating func apply(_ changes: [Row], _ comment: String) {
            for change in changes {
                var row = change
                row.weight = 1
                if change.weight > 0 {
                    #expect(rows.insert(row).inserted, "twice: \(comment)")
                } else {
                    #expect(rows.remove(row) != nil, "not there: \(comment)")
                }
            }
        }
    }

    private static func run(
        _ kind: Kind, _ emission: AggregatePlan.Emission, seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        var node = make(kind, emission)
        var state = KeptState()
        var standing = Standing()
        var accepted: [Row] = []
        var highest: Int64 = 20
        var watermark: Int64 = 0
        node.advance(to: 0, now: 0, to: Collected())
        for step in 0..<60 {
            let comment = "\(kind), \(emission), seed \(seed), step \(step)"
            let output = Collected()
            var rows: [Row] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let time = max(0, highest + Int64.random(in: -12...4, using: &random))
                highest = max(highest, time)
                let n = Int64.random(in: -3...3, using: &random)
                rows.append(
                    Row(
                        values: [
                            .bigint(Int64.random(in: 0...1, using: &random)),
                            n == 0 ? .null : .bigint(n),
                        ], time: time))
            }
            if !rows.isEmpty {
                node.process(Batch(rows, schema), input: 0, now: Int64(step), to: output)
                let late = Set(output.fired)
                for var row in rows where !late.contains(row) {
                    row.watermark = watermark
                    accepted.append(row)
                }
            }
            let next = max(watermark, highest - Int64.random(in: 0...8, using: &random))
            node.advance(to: next, now: Int64(step), to: output)
            watermark = next
            let isTick = Int.random(in: 0..<3, using: &random) == 0
            if isTick { node.tick(now: .max, to: output) }
            standing.apply(output.rows, comment)
            let all = windows(kind, accepted)
            let now = Set(all.map(\.row))
            let ended = Set(all.filter { $0.end <= watermark }.map(\.row))
            if emission == .changes {
                #expect(standing.rows.isSuperset(of: ended), "\(comment)")
                #expect(standing.rows.isSubset(of: now), "\(comment)")
            } else if isTick {
                #expect(standing.rows == now, "\(comment)")
            }
            if Bool.random(using: &random) {
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    node = make(kind, emission)
                    try state.restore(into: node, watermark: watermark, using: &random)
                }
            }
        }
        let output = Collected()
        node.advance(to: .max, now: 0, to: output)
        standing.apply(output.rows, "\(kind), \(emission), seed \(seed), end")
        #expect(standing.rows == Set(windows(kind, accepted).map(\.row)), "seed \(seed)")
        var changes = StateChanges()
        node.capture(into: &changes)
        state.apply(changes)
        #expect(node.stateSize.entries == 0 && state.entries.isEmpty, "seed \(seed)")
    }

    @Test("stand from a window's end on, and follow late rows", arguments: Kind.allCases)
    func changes(_ kind: Kind) throws {
        for seed in testSeed..<testSeed + 12 { try Self.run(kind, .changes, seed: seed) }
    }

    @Test("stand at each tick, before a window's end, too", arguments: Kind.allCases)
    func every(_ kind: Kind) throws {
        for seed in testSeed..<testSeed + 12 {
            try Self.run(kind, .every(micros: 5), seed: seed)
        }
    }

    @Test("are given when the clock says so, and not without a change")
    func ticks() {
        let node = Self.make(.hopping, .every(micros: 100))
        let output = Collected()
        #expect(node.nextTickAt == nil)
        node.process(
            Batch([Row(values: [.bigint(1), .bigint(2)], time: 3)], Self.schema), input: 0,
            now: 1000, to: output)
        #expect(node.nextTickAt == 1100)
        node.tick(now: 1099, to: output)
        #expect(output.rows.isEmpty)
        node.tick(now: 1100, to: output)
        #expect(output.rows.count == 3)
        #expect(node.nextTickAt == nil)
    }
}
