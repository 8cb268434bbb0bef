import TestSupport
import Testing

@testable import Operators

@Suite("Over, in any order and over changes")
struct UpdatingOverTests {
    static let forms: [OverForm] = [
        OverForm(name: "rows before", order: [(2, false, false)], frame: .rows(2)),
        OverForm(
            name: "rows before, descending, without the row", key: [],
            order: [(5, true, true), (3, false, false)], frame: .rows(5), excludesCurrent: true),
        OverForm(name: "many rows before by event time", key: [7], frame: .rows(30)),
        OverForm(name: "a range", frame: .range(5)),
        OverForm(name: "a range without the row", key: [], frame: .range(8), excludesCurrent: true),
        OverForm(name: "no frame", key: [0], order: [(4, true, false)], frame: .none),
        OverForm(name: "only the row", order: [(3, false, true)], frame: .rows(0)),
    ]

    private static func standing(_ model: OverModel) -> [Row: Int] {
        var result: [Row: Int] = [:]
        for arrived in model.results() { result[arrived.row.rounded, default: 0] += 1 }
        return result
    }

    private static func rounded(_ counts: [Row: Int]) -> [Row: Int] {
        var result: [Row: Int] = [:]
        for (row, count) in counts { result[row.rounded, default: 0] += count }
        return result
    }

    @Test("what stands is what a quadratic model gives, over restarts", arguments: forms)
    func random(_ form: OverForm) throws {
        for seed in testSeed..<testSeed + 3 {
            var random = SeededRandom(seed: seed)
            var node = UpdatingOver(form.plan())
            var state = KeptState()
            var model = OverModel(form)
            var standing = StandingRows()
            for step in 0..<14 {
                let input = Int.random(in: 0...1, using: &random)
                var rows: [Row] = []
                for _ in 0..<Int.random(in: 1...7, using: &random) {
                    var row = Reference.row(
                        time: Int64.random(in: -12...12, using: &random), using: &random)
                    if Int.random(in: 0..<3, using: &random) == 0,
                        let known = model.all.randomElement(using: &random)
                    {
                        row = known
                        row.weight = -1
                    }
                    rows.append(row)
                    model.add(row, input: input)
                }
                let output = Collected()
                node.process(
                    Batch(rows, Reference.schema, padding: step % 2 == 0), input: input, now: 0,
                    to: output)
                #expect(output.rejected.isEmpty, "seed \(seed), step \(step)")
                let isConsistent = standing.apply(output.rows)
                #expect(isConsistent, "seed \(seed), step \(step)")
                #expect(
                    Self.rounded(standing.counts) == Self.standing(model),
                    "seed \(seed), step \(step)")
                // Nothing is taken back and given again as it was.
                let weights = Dictionary(grouping: output.rows) { row in
                    var plain = row
                    plain.weight = 1
                    return plain
                }
                #expect(weights.values.allSatisfy { Set($0.map(\.weight)).count == 1 })
                let firstAdded = output.rows.firstIndex { $0.weight > 0 } ?? output.rows.count
                #expect(output.rows[firstAdded...].allSatisfy { $0.weight > 0 })
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    node = UpdatingOver(form.plan())
                    try state.restore(into: node, watermark: .min, using: &random)
                }
            }
            #expect(state.entries.count == node.stateSize.entries, "seed \(seed)")
        }
    }

    @Test("leaves the same rows standing for every way to cut its input", arguments: forms)
    func everySplit(_ form: OverForm) throws {
        var random = SeededRandom(seed: testSeed)
        var model = OverModel(form)
        var rows: [Row] = []
        for index in 0..<8 {
            var row = Reference.row(time: Int64.random(in: 0...5, using: &random), using: &random)
            if index % 3 == 2, let known = model.all.randomElement(using: &random) {
                row = known
                row.weight = -1
            }
            rows.append(row)
            model.add(row, input: 0)
        }
        let plan = form.plan()
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            var standing = StandingRows()
            var state = KeptState()
            var rest = rows[...]
            for length in lengths {
                let node = UpdatingOver(plan)
                try state.restore(into: node, watermark: .min, using: &random)
                let output = Collected()
                node.process(
                    Batch(Array(rest.prefix(length)), Reference.schema), input: 0, now: 0,
                    to: output)
                rest = rest.dropFirst(length)
                let isConsistent = standing.apply(output.rows)
                #expect(isConsistent, "\(lengths)")
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
            }
            #expect(
                Self.rounded(standing.counts) == Self.standing(model),
                "seed \(testSeed), \(lengths)")
        }
    }

    @Test("gives one pair for each row that changes, and leaves other frames alone")
    func pairs() {
        let schema = Schema.of(["n": .bigint])
        let node = UpdatingOver(
            Plans.over(
                schema, by: [], order: ReferenceOrder(items: [(0, false, false)]).order(schema),
                frame: .rows(1), compute: [("total", "sum(n)")]))
        func row(_ n: Int64, _ total: Int64? = nil, _ weight: Int32 = 1) -> Row {
            let total = total.map { [Literal.bigint($0)] } ?? []
            return Row(values: [.bigint(n)] + total, time: 0, weight: weight)
        }
        let output = Collected()
        node.process(Batch([row(1), row(3), row(5), row(7)], schema), input: 0, now: 0, to: output)
        #expect(output.rows == [row(1, 1), row(3, 4), row(5, 8), row(7, 12)])
        let second = Collected()
        node.process(
            Batch([row(4), row(6), row(6, nil, -1)], schema), input: 0, now: 0, to: second)
        #expect(second.rows == [row(5, 8, -1), row(4, 7), row(5, 9)])
        let third = Collected()
        node.process(Batch([row(4, nil, -1), row(4)], schema), input: 0, now: 0, to: third)
        #expect(third.rows.isEmpty)
    }

    @Test("sets aside a row that takes back what is not there")
    func unknown() {
        let node = UpdatingOver(Self.forms[0].plan())
        var random = SeededRandom(seed: testSeed)
        var row = Reference.row(time: 1, using: &random)
        row.weight = -1
        let output = Collected()
        node.process(Batch([row], Reference.schema), input: 0, now: 0, to: output)
        #expect(output.rows.isEmpty)
        #expect(output.reasons == ["cannot take back a row: it is not there"])
    }

    @Test("lets a partition go after its time to live, and begins anew")
    func timeToLive() {
        let schema = Schema.of(["k": .string, "n": .bigint])
        let node = UpdatingOver(
            Plans.over(
                schema, by: [0], order: ReferenceOrder(items: [(1, false, false)]).order(schema),
                frame: .rows(9), compute: [("total", "sum(n)")], timeToLive: 100))
        func give(_ n: Int64, at time: Int64, _ weight: Int32 = 1) -> Collected {
            let output = Collected()
            let row = Row(values: [.text("a"), .bigint(n)], time: time, weight: weight)
            node.process(Batch([row], schema), input: 0, now: 0, to: output)
            return output
        }
        #expect(give(1, at: 0).rows.map { $0.values[2] } == [.bigint(1)])
        #expect(give(2, at: 100).rows.map { $0.values[2] } == [.bigint(3)])
        // Beyond its time, though the watermark has not come that far.
        #expect(give(3, at: 201).rows.map { $0.values[2] } == [.bigint(3)])
        node.advance(to: 301, now: 0, to: Collected())
        #expect(node.stateSize.entries == 1)
        node.advance(to: 302, now: 0, to: Collected())
        #expect(node.stateSize.entries == 0)
        let forgotten = give(3, at: 201, -1)
        #expect(forgotten.rejected.isEmpty && forgotten.lateCount == 1)
    }
}
