import TestSupport
import Testing

@testable import Operators

@Suite("Deduplicate, keeping the first")
struct DeduplicateFirstTests {
    private static func make(_ key: [Int], within: Int64?) -> DeduplicateFirst {
        DeduplicateFirst(
            inputSchema: Reference.schema, key: key.map { .column($0, Reference.schema[$0]) },
            withinMicros: within)
    }

    /// The first rows of each key among all rows that were in time.
    private static func firsts(_ rows: [ArrivedRow], key: [Int], within: Int64?) -> [Row] {
        var last: [[Literal]: Int64] = [:]
        var result: [Row] = []
        for arrived in ReferenceOrder(items: []).sorted(rows) {
            let name = key.map { arrived.row.values[$0] }
            if let first = last[name], within.map({ arrived.row.time < first + $0 }) ?? true {
                continue
            }
            last[name] = arrived.row.time
            var row = arrived.row
            row.watermark = .min
            result.append(row)
        }
        return result
    }

    private static let arguments: [(key: [Int], within: Int64?)] = [
        ([0], nil), ([0], 20), ([1, 7], nil), ([1, 7], 7), ([1], 1),
    ]

    @Test("gives what a reference gives, over restarts", arguments: 0..<arguments.count)
    func random(_ argument: Int) throws {
        let (key, within) = Self.arguments[argument]
        for seed in testSeed..<testSeed + 8 {
            var random = SeededRandom(seed: seed)
            var node = Self.make(key, within: within)
            var state = KeptState()
            var inTime: [ArrivedRow] = []
            var given: [Row] = []
            var watermark = Int64.min
            var highest: Int64 = -30
            for step in 0..<40 {
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
                        inTime.append(ArrivedRow(row: row, input: input, number: inTime.count))
                    }
                    return row
                }
                node.process(
                    Batch(rows, Reference.schema, padding: step % 2 == 0), input: input, now: 0,
                    to: output)
                #expect(output.late.map(\.values) == late.map(\.values), "seed \(seed) \(step)")
                #expect(output.fired.map(\.values) == passed.map(\.values), "seed \(seed) \(step)")
                // Now and then another input has gone on while this one was idle.
                let ahead = Int64([-8, -5, -5, -5, 0].randomElement(using: &random) ?? 0)
                if highest + ahead > watermark {
                    watermark = highest + ahead
                    node.advance(to: watermark, now: 0, to: output)
                }
                given += output.rows
                let expected = Self.firsts(inTime, key: key, within: within)
                    .filter { $0.time < watermark }
                #expect(given == expected, "seed \(seed), step \(step)")
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
                #expect(state.entries.count == node.stateSize.entries, "seed \(seed) \(step)")
                if Bool.random(using: &random) {
                    node = Self.make(key, within: within)
                    try state.restore(into: node, watermark: watermark, using: &random)
                }
            }
            let output = Collected()
            node.advance(to: .max, now: 0, to: output)
            #expect(
                given + output.rows == Self.firsts(inTime, key: key, within: within),
                "seed \(seed)")
        }
    }

    @Test("gives the same for every way to cut its input, restarted at every cut")
    func everySplit() throws {
        var random = SeededRandom(seed: testSeed)
        let rows = (0..<9).map { _ in
            Reference.row(time: Int64.random(in: 0...6, using: &random), using: &random)
        }
        let arrived = rows.enumerated().map {
            ArrivedRow(row: $0.element, input: 0, number: $0.offset)
        }
        let expected = Self.firsts(arrived, key: [1], within: 3)
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            var state = KeptState()
            var rest = rows[...]
            let output = Collected()
            for length in lengths + [0] {
                let node = Self.make([1], within: 3)
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

    @Test("frees keys once `within` has passed them")
    func freed() {
        let node = Self.make([0], within: 1000)
        var most = 0
        for step in 0..<200 {
            let rows = (0..<50).map { index in
                var random = SeededRandom(seed: UInt64(step * 50 + index))
                var row = Reference.row(time: Int64(step * 100 + index), using: &random)
                row.values[0] = .text("key \(step) \(index)")
                return row
            }
            node.process(Batch(rows, Reference.schema), input: 0, now: 0, to: Collected())
            node.advance(to: Int64(step * 100), now: 0, to: Collected())
            most = max(most, node.stateSize.entries)
        }
        #expect(most < 1200)
        node.advance(to: .max, now: 0, to: Collected())
        #expect(node.stateSize.entries == 0)
    }
}
