import TestSupport
import Testing

@testable import Operators

@Suite("Top")
struct TopTests {
    /// One way to use the operator.
    struct Form: CustomTestStringConvertible, Sendable {
        var name: String
        var key = [1]
        var order: [(column: Int, isDescending: Bool, isNullFirst: Bool)]
        var limit = 2
        var hasRank = false
        var ties = false
        var isUpdating = false
        var isLatestFirst = false

        var testDescription: String { name }

        var reference: ReferenceOrder {
            ReferenceOrder(items: order, isLatestFirst: isLatestFirst)
        }

        var plan: TopPlan {
            let schema = Reference.schema
            return TopPlan(
                inputSchema: schema, partition: key.map { .column($0, schema[$0]) },
                order: reference.order(schema), limit: limit, hasRank: hasRank, showsTies: ties,
                isUpdating: isUpdating)
        }
    }

    static let forms: [Form] = [
        Form(name: "ascending", order: [(2, false, false)]),
        Form(name: "descending text, null first", order: [(5, true, true)], limit: 3),
        Form(
            name: "several items with ranks", key: [0],
            order: [(5, false, true), (3, true, false), (4, false, false)], hasRank: true),
        Form(name: "ties", order: [(2, true, false)], ties: true),
        Form(name: "ties with ranks", order: [(7, false, false)], hasRank: true, ties: true),
        Form(name: "no partitions", key: [], order: [(6, false, false)], limit: 5, hasRank: true),
        Form(name: "changing rows", order: [(2, false, false)], isUpdating: true),
        Form(
            name: "changing rows with ranks", order: [(5, true, false)], hasRank: true,
            isUpdating: true),
        Form(
            name: "changing rows, ties with ranks", order: [(1, false, false), (7, true, false)],
            hasRank: true, ties: true, isUpdating: true),
        Form(
            name: "the last of each key", key: [0, 1], order: [], limit: 1, isLatestFirst: true),
        Form(
            name: "the last of each key, changing", order: [], limit: 1, isUpdating: true,
            isLatestFirst: true),
    ]

    /// The rows that stand in each partition, and what is shown of them.
    private struct Partitions {
        let form: Form
        private var rows: [[Literal]: [ArrivedRow]] = [:]
        private var number = 0

        init(_ form: Form) { self.form = form }

        mutating func add(_ row: Row, input: Int) {
            number += 1
            let key = form.key.map { row.values[$0] }
            if row.weight > 0 {
                rows[key, default: []].append(ArrivedRow(row: row, input: input, number: number))
                return
            }
            let same = rows[key]?.indices.filter { rows[key]?[$0].row.values == row.values } ?? []
            let best = same.first { rows[key]?[$0].row.time == row.time }
            if let index = best { rows[key]?.remove(at: index) }
        }

        var shown: [Row: Int] {
            var result: [Row: Int] = [:]
            for partition in rows.values {
                let top = form.reference.top(partition, limit: form.limit, ties: form.ties)
                for (row, rank) in top {
                    var row = row
                    row.watermark = .min
                    if form.hasRank { row.values.append(.bigint(rank)) }
                    result[row, default: 0] += 1
                }
            }
            return result
        }

        /// A row that stands, to be taken back.
        func any(using random: inout SeededRandom) -> Row? {
            let all = rows.values.flatMap { $0 }.sorted { $0.number < $1.number }
            guard var row = all.randomElement(using: &random)?.row else { return nil }
            row.weight = -1
            return row
        }
    }

    /// Random rows, some of which take back others.
    private static func rows(
        _ form: Form, count: Int, partitions: Partitions, using random: inout SeededRandom
    ) -> [Row] {
        var shadow = partitions
        return (0..<count).map { _ in
            var row = Reference.row(time: Int64.random(in: 0...9, using: &random), using: &random)
            if form.isUpdating, Int.random(in: 0..<9, using: &random) < 4,
                let old = shadow.any(using: &random)
            {
                row = old
            }
            shadow.add(row, input: 0)
            return row
        }
    }

    @Test("shows what a reference shows, over restarts", arguments: forms)
    func random(_ form: Form) throws {
        for seed in testSeed..<testSeed + 6 {
            var random = SeededRandom(seed: seed)
            var partitions = Partitions(form)
            var standing = StandingRows()
            var top = Top(form.plan)
            var state = KeptState()
            for step in 0..<30 {
                let rows = Self.rows(
                    form, count: Int.random(in: 1...15, using: &random), partitions: partitions,
                    using: &random)
                let input = Int.random(in: 0...1, using: &random)
                for row in rows { partitions.add(row, input: input) }
                let output = Collected()
                top.process(
                    Batch(rows, Reference.schema, padding: step % 2 == 0), input: input, now: 0,
                    to: output)
                #expect(output.rejected.isEmpty, "seed \(seed), step \(step)")
                let isConsistent = standing.apply(output.rows)
                #expect(isConsistent, "seed \(seed), step \(step)")
                #expect(standing.counts == partitions.shown, "seed \(seed), step \(step)")
                var changes = StateChanges()
                top.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    top = Top(form.plan)
                    try state.restore(into: top, watermark: .min, using: &random)
                }
            }
            #expect(state.entries.count == top.stateSize.entries, "seed \(seed)")
        }
    }

    @Test(
        "leaves the same rows standing for every way to cut its input, restarted at every cut",
        arguments: forms)
    func everySplit(_ form: Form) throws {
        var random = SeededRandom(seed: testSeed)
        var partitions = Partitions(form)
        let rows = Self.rows(form, count: 9, partitions: partitions, using: &random)
        for row in rows { partitions.add(row, input: 0) }
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            var standing = StandingRows()
            var state = KeptState()
            var rest = rows[...]
            for length in lengths {
                let top = Top(form.plan)
                try state.restore(into: top, watermark: .min, using: &random)
                let output = Collected()
                top.process(
                    Batch(Array(rest.prefix(length)), Reference.schema), input: 0, now: 0,
                    to: output)
                rest = rest.dropFirst(length)
                let isConsistent = standing.apply(output.rows)
                #expect(isConsistent, "\(lengths)")
                var changes = StateChanges()
                top.capture(into: &changes)
                state.apply(changes)
            }
            #expect(standing.counts == partitions.shown, "seed \(testSeed), \(lengths)")
        }
    }

    @Test("gives one pair for a rank that changes, however often it does in a batch")
    func consolidates() {
        let schema = Schema.of(["k": .string, "n": .bigint])
        let top = Top(
            TopPlan(
                inputSchema: schema, partition: [],
                order: ReferenceOrder(
                    items: [(1, true, true)]).order(schema), limit: 1, hasRank: true))
        func row(_ n: Int64, _ weight: Int32, rank: Int64? = nil) -> Row {
            let rank = rank.map { [Literal.bigint($0)] } ?? []
            return Row(values: [.text("a"), .bigint(n)] + rank, time: n, weight: weight)
        }
        let output = Collected()
        top.process(Batch([row(1, 1), row(2, 1), row(3, 1)], schema), input: 0, now: 0, to: output)
        #expect(output.rows == [row(3, 1, rank: 1)])
        top.process(Batch([row(2, 1), row(5, 1), row(7, 1)], schema), input: 0, now: 0, to: output)
        #expect(output.rows.suffix(2) == [row(3, -1, rank: 1), row(7, 1, rank: 1)])
        top.process(Batch([row(4, 1)], schema), input: 0, now: 0, to: output)
        #expect(output.rows.count == 3)
        #expect(top.stateSize.entries == 1)
    }

    @Test("sets aside a row that takes back what is not there")
    func unknown() {
        let form = Self.forms[6]
        let top = Top(form.plan)
        var random = SeededRandom(seed: testSeed)
        var row = Reference.row(time: 1, using: &random)
        row.weight = -1
        let output = Collected()
        top.process(Batch([row], Reference.schema), input: 0, now: 0, to: output)
        #expect(output.rows.isEmpty)
        #expect(output.reasons == ["cannot take back a row: it is not there"])
    }

    @Test("frees the bytes of rows that are no longer shown")
    func freed() {
        let schema = Schema.of(["k": .string, "n": .bigint])
        let top = Top(
            TopPlan(
                inputSchema: schema, partition: [.column(0, schema[0])],
                order: RowOrder(items: [], isLatestFirst: true), limit: 1))
        var most = 0
        for step in 0..<400 {
            let rows = (0..<100).map { index in
                Row(
                    values: [.text("key \(index % 10)"), .bigint(Int64(step))],
                    time: Int64(step * 100 + index))
            }
            top.process(Batch(rows, schema), input: 0, now: 0, to: Collected())
            most = max(most, top.stateSize.bytes)
        }
        #expect(most < 200_000)
        #expect(top.stateSize.entries == 10)
    }
}
