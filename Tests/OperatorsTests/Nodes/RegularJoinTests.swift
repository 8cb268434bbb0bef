import TestSupport
import Testing

@testable import Operators

@Suite("Regular join")
struct RegularJoinTests {
    /// What stands on each side, and what the join has given.
    private struct Standing {
        var sides: [[Row]] = [[], []]
        var output: [Row] = []

        /// Applies changes of the output: nothing may go that did not stand.
        mutating func apply(_ rows: [Row], _ seed: UInt64) {
            for row in rows {
                #expect(row.weight == 1 || row.weight == -1, "seed \(seed)")
                guard row.weight < 0 else {
                    output.append(row)
                    continue
                }
                let place = output.firstIndex { $0.values == row.values }
                #expect(place != nil, "seed \(seed): \(row) did not stand")
                if let place { output.remove(at: place) }
            }
        }
    }

    /// Changes of one side, of which some take back what stands.
    private static func changes(
        _ side: JoinSide, _ standing: inout Standing, count: Int, retracts: Bool,
        using random: inout SeededRandom
    ) -> [Row] {
        (0..<count).map { _ in
            let rows = standing.sides[side.rawValue]
            if retracts, !rows.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
                let place = Int.random(in: 0..<rows.count, using: &random)
                var row = rows[place]
                standing.sides[side.rawValue].remove(at: place)
                row.weight = -1
                return row
            }
            // Equal rows stand more than once, of one time each.
            var row = JoinModel.row(side, time: 5, using: &random)
            if side == .left { row.values[3...4] = [.null, .null] }
            standing.sides[side.rawValue].append(row)
            return row
        }
    }

    @Test(
        "leaves the rows standing that a join of what stands has, over random changes and restores",
        arguments: StreamJoinKind.allCases, [true, false])
    func random(_ kind: StreamJoinKind, retracts: Bool) throws {
        for round in 0..<40 {
            let seed = testSeed &+ UInt64(round)
            var random = SeededRandom(seed: seed)
            let model = JoinModel(
                kind: kind, key: round % 2 == 0 ? [0] : [0, 1], hasCondition: round % 3 == 0)
            func make() -> RegularJoin {
                RegularJoin(
                    model.plan, timeToLiveMicros: nil, isAppend: (!retracts, !retracts),
                    key: round % 4 == 0 ? nil : [0])
            }
            var join = make()
            var state = KeptState()
            var standing = Standing()
            for _ in 0..<12 {
                let side: JoinSide = Bool.random(using: &random) ? .left : .right
                let rows = Self.changes(
                    side, &standing, count: Int.random(in: 1...6, using: &random),
                    retracts: retracts, using: &random)
                let output = Collected()
                join.process(
                    Batch(
                        rows, side == .left ? JoinModel.left : JoinModel.right,
                        padding: Bool.random(using: &random)), input: side.rawValue, now: 0,
                    to: output)
                #expect(output.rejected.isEmpty, "seed \(seed)")
                standing.apply(output.rows, seed)
                let expected = model.result(standing.sides[0], standing.sides[1]).rows
                #expect(standing.output.counted == expected.counted, "seed \(seed)")
                var changes = StateChanges()
                join.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    join = make()
                    try state.restore(into: join, watermark: .min, using: &random)
                }
            }
            let kept = standing.sides.joined().count
            #expect(join.stateSize.entries <= kept, "seed \(seed)")
        }
    }

    private static func left(_ key: String, _ n: Int64, at time: Int64 = 0, weight: Int32 = 1)
        -> Row
    {
        Row(
            values: [.text(key), .null, .bigint(n), .null, .null], time: time, weight: weight)
    }

    private static func right(_ key: String, _ m: Int64, at time: Int64 = 0, weight: Int32 = 1)
        -> Row
    {
        Row(values: [.text(key), .null, .bigint(m)], time: time, weight: weight)
    }

    private static func run(_ join: RegularJoin, _ side: JoinSide, _ rows: [Row]) -> Collected {
        let output = Collected()
        join.process(
            Batch(rows, side == .left ? JoinModel.left : JoinModel.right), input: side.rawValue,
            now: 0, to: output)
        return output
    }

    private static func make(
        _ kind: StreamJoinKind, timeToLive: Int64? = nil, isAppend: Bool = false
    ) -> RegularJoin {
        RegularJoin(
            JoinModel(kind: kind).plan, timeToLiveMicros: timeToLive,
            isAppend: (isAppend, isAppend), key: [0])
    }

    @Test("gives one pair of changes for each changed row of a batch, what is taken back first")
    func consolidation() {
        let join = Self.make(.left)
        _ = Self.run(join, .left, [Self.left("a", 1), Self.left("b", 1)])
        #expect(
            Self.run(
                join, .right,
                [
                    Self.right("a", 1), Self.right("b", 7), Self.right("a", 1, weight: -1),
                    Self.right("a", 2),
                ]
            ).rows.map(\.description) == [
                "-1 ['a', 1, null, null] @0", "+1 ['a', 1, null, 2] @0",
                "-1 ['b', 1, null, null] @0", "+1 ['b', 1, null, 7] @0",
            ])
        #expect(
            Self.run(
                join, .left,
                [Self.left("a", 1, weight: -1), Self.left("a", 1), Self.left("b", 2)]
            ).rows.map(\.description) == ["+1 ['b', 2, null, 7] @0"])
    }

    @Test("rejects what takes back a row that is not there")
    func unknownRow() {
        let output = Self.run(
            Self.make(.full), .left, [Self.left("a", 1, weight: -1), Self.left("a", 2)])
        #expect(output.rows.map(\.description) == ["+1 ['a', 2, null, null] @0"])
        #expect(output.reasons == ["cannot take back a row: it is not there"])
    }

    @Test("a row that was let go is taken back without an equal one that stands")
    func takenBackTooLate() {
        let join = Self.make(.inner, timeToLive: 10)
        func give(_ rows: [Row], _ side: JoinSide) -> Collected {
            let output = Collected()
            let schema = side == .left ? JoinModel.left : JoinModel.right
            join.process(
                Batch(rows, schema, padding: false), input: side.rawValue, now: 0, to: output)
            return output
        }
        _ = give([Self.left("a", 1, at: 0), Self.left("a", 1, at: 20)], .left)
        join.advance(to: 20, now: 0, to: Collected())
        let back = give([Self.left("a", 1, at: 0, weight: -1)], .left)
        #expect(back.rejected.isEmpty)
        #expect(join.stateSize.entries == 1)
        #expect(give([Self.right("a", 7, at: 21)], .right).rows.count == 1)
    }

    @Test("lets rows go once the watermark is 'state_ttl' behind them, and meets none older")
    func timeToLive() throws {
        let join = Self.make(.inner, timeToLive: 10, isAppend: true)
        _ = Self.run(join, .left, [Self.left("a", 1, at: 0), Self.left("a", 2, at: 5)])
        #expect(
            Self.run(join, .right, [Self.right("a", 3, at: 11)]).rows.map(\.description)
                == ["+1 ['a', 2, null, 3] @11"])
        join.advance(to: 11, now: 0, to: Collected())
        #expect(join.stateSize.entries == 2)
        let late = Self.run(join, .left, [Self.left("a", 9, at: 10)])
        #expect(late.fired.count == 1 && late.rows.isEmpty)
        join.advance(to: 30, now: 0, to: Collected())
        #expect(join.stateSize.entries == 0)
    }
}
