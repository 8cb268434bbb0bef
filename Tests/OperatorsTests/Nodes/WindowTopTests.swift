import TestSupport
import Testing

@testable import Operators

@Suite("Top of windows")
struct WindowTopTests {
    private static let schema = Schema.of([
        "g": .bigint, "n": .bigint, "window_start": .timestamp, "window_end": .timestamp,
    ])
    private static let order = ReferenceOrder(items: [(1, true, false)])

    private static func plan(ties: Bool) -> TopPlan {
        TopPlan(
            inputSchema: schema, partition: [.column(0, schema[0])], order: order.order(schema),
            limit: 2, hasRank: true, showsTies: ties, windowEnd: 3)
    }

    /// What windows that end by `watermark` give, of rows in order of arrival.
    private static func expected(
        _ rows: [ArrivedRow], from: Int64, to watermark: Int64, ties: Bool
    ) -> [Row] {
        var groups: [[Literal]: [ArrivedRow]] = [:]
        for row in rows {
            groups[[row.row.values[3], row.row.values[0]], default: []].append(row)
        }
        var result: [Row] = []
        for key in groups.keys.sorted(by: { Reference.isLess($0, $1) }) {
            guard case .timestamp(let end) = key[0], end > from, end <= watermark else { continue }
            for (row, rank) in order.top(groups[key] ?? [], limit: 2, ties: ties) {
                result.append(Row(values: row.values + [.bigint(rank)], time: row.time))
            }
        }
        return result
    }

    private static func row(using random: inout SeededRandom, after watermark: Int64) -> Row {
        let start = (watermark / 10 + Int64.random(in: -1...2, using: &random)) * 10
        func maybe(_ value: Int64) -> Literal {
            Int.random(in: 0..<5, using: &random) == 0 ? .null : .bigint(value)
        }
        let group = maybe(Int64.random(in: 0...2, using: &random))
        let number = maybe(Int64.random(in: 0...4, using: &random))
        return Row(
            values: [group, number, .timestamp(start), .timestamp(start + 10)], time: start + 9)
    }

    @Test("gives what a reference gives, over restarts", arguments: [false, true])
    func random(ties: Bool) throws {
        for seed in testSeed..<testSeed + 10 {
            var random = SeededRandom(seed: seed)
            var top = WindowTop(Self.plan(ties: ties), windowEnd: 3)
            var state = KeptState()
            var placed: [ArrivedRow] = []
            var watermark: Int64 = 50
            top.advance(to: watermark, now: 0, to: Collected())
            for step in 0..<40 {
                let output = Collected()
                let rows = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                    var row = Self.row(using: &random, after: watermark)
                    row.watermark = watermark - Int64.random(in: 0...20, using: &random)
                    return row
                }
                var late: [Row] = []
                var fired: [Row] = []
                for row in rows {
                    let end = row.time + 1
                    if row.watermark >= end {
                        late.append(row)
                    } else if end <= watermark {
                        fired.append(row)
                    } else {
                        placed.append(ArrivedRow(row: row, input: 0, number: placed.count))
                    }
                }
                top.process(
                    Batch(rows, Self.schema, padding: step % 2 == 0), input: 0, now: 0, to: output)
                #expect(output.late.map(\.values) == late.map(\.values), "seed \(seed) \(step)")
                #expect(output.fired.map(\.values) == fired.map(\.values), "seed \(seed) \(step)")
                let next = watermark + Int64.random(in: 0...15, using: &random)
                top.advance(to: next, now: 0, to: output)
                #expect(
                    output.rows
                        == Self.expected(placed, from: watermark, to: next, ties: ties),
                    "seed \(seed) \(step)")
                watermark = next
                var changes = StateChanges()
                top.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    top = WindowTop(Self.plan(ties: ties), windowEnd: 3)
                    try state.restore(into: top, watermark: watermark, using: &random)
                }
            }
            top.advance(to: .max, now: 0, to: Collected())
            #expect(top.stateSize.entries == 0)
        }
    }

    @Test("gives the same for every way to cut its input into batches")
    func everySplit() {
        var random = SeededRandom(seed: testSeed)
        let rows = (0..<9).map { _ in Self.row(using: &random, after: 0) }
        let arrived = rows.enumerated().map {
            ArrivedRow(row: $0.element, input: 0, number: $0.offset)
        }
        let expected = Self.expected(arrived, from: .min, to: .max, ties: false)
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            let top = WindowTop(Self.plan(ties: false), windowEnd: 3)
            var rest = rows[...]
            let output = Collected()
            for length in lengths {
                top.process(
                    Batch(Array(rest.prefix(length)), Self.schema), input: 0, now: 0, to: output)
                rest = rest.dropFirst(length)
            }
            top.advance(to: .max, now: 0, to: output)
            #expect(output.rows == expected, "seed \(testSeed), \(lengths)")
        }
    }
}
