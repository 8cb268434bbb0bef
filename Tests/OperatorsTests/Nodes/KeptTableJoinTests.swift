import TestSupport
import Testing

@testable import Operators

/// Small tables of whole numbers, and restarts, for joins that keep rows.
private enum Tables {
    static let schema = Schema.of(["id": .bigint, "rate": .bigint])
    static let left = Schema.of(["k": .bigint, "n": .bigint])

    static func state(_ rows: [Int64: Int64?]) -> TableState {
        let builder = TableState.TableBuilder(schema: schema, key: [0])
        let batch = Batch(
            rows.sorted { $0.key < $1.key }.map { key, rate in
                Row(values: [.bigint(key), rate.map { .bigint($0) } ?? .null], time: 0)
            }, schema)
        if !rows.isEmpty { builder.add(batch.columns, count: rows.count) }
        return builder.finish()
    }

    static func row(_ key: Int64?, _ n: Int64, at time: Int64, weight: Int32 = 1) -> Row {
        Row(
            values: [key.map { .bigint($0) } ?? .null, .bigint(n)], time: time, weight: weight)
    }

    static func random(_ random: inout SeededRandom) -> [Int64: Int64?] {
        var rows: [Int64: Int64?] = [:]
        for key in 0..<4 where Bool.random(using: &random) {
            rows[Int64(key)] =
                Int.random(in: 0..<6, using: &random) == 0
                ? .some(nil) : Int64.random(in: 0...99, using: &random)
        }
        return rows
    }
}

@Suite("Table join over rows that change")
struct KeptTableJoinTests {
    private static func make(isLeft: Bool) -> KeptTableJoin {
        KeptTableJoin(
            table: .empty(schema: Tables.schema), match: [Plans.bind("k", Tables.left)],
            tableColumns: [1], keepsUnmatched: isLeft, inputSchema: Tables.left)
    }

    @Test("takes a row back with what it was given, whatever the table says by then")
    func takenBack() {
        let join = Self.make(isLeft: false)
        let output = Collected()
        join.table = Tables.state([1: 10])
        join.process(
            Batch([Tables.row(1, 1, at: 1), Tables.row(2, 2, at: 1)], Tables.left), input: 0,
            now: 0, to: output)
        join.table = Tables.state([1: 11, 2: 20])
        join.process(
            Batch(
                [
                    Tables.row(1, 1, at: 1, weight: -1), Tables.row(1, 5, at: 2),
                    Tables.row(2, 2, at: 1, weight: -1), Tables.row(3, 3, at: 2, weight: -1),
                ], Tables.left), input: 0, now: 0, to: output)
        #expect(
            output.rows.map(\.description) == [
                "+1 [1, 1, 10] @1", "-1 [1, 1, 10] @1", "+1 [1, 5, 11] @2",
            ])
        #expect(output.unmatched.map(\.description) == ["+1 [2, 2] @1", "-1 [2, 2] @1"])
        #expect(output.rejected.map(\.description) == ["-1 [3, 3] @2"])
        #expect(join.stateSize.entries == 1)
    }

    @Test("agrees with a list, in any batches, with restarts anywhere", arguments: [false, true])
    func random(_ isLeft: Bool) throws {
        for round in 0..<40 {
            let seed = testSeed &+ UInt64(round)
            var random = SeededRandom(seed: seed)
            var join = Self.make(isLeft: isLeft)
            let output = Collected()
            var kept = KeptState()
            /// What stands: the row, and what it was given; nil without a partner.
            var standing: [(row: Row, given: Literal?)] = []
            var rows: [Row] = []
            var unmatched: [Row] = []
            var table: [Int64: Int64?] = [:]
            for step in 0..<40 {
                if Bool.random(using: &random) {
                    table = Tables.random(&random)
                    join.table = Tables.state(table)
                }
                var batch: [Row] = []
                for _ in 0..<Int.random(in: 1...5, using: &random) {
                    var row: Row
                    let given: Literal?
                    if Int.random(in: 0..<5, using: &random) < 2, !standing.isEmpty {
                        let any = standing.randomElement(using: &random)!.row
                        // Of equal rows that of the same time goes, of several the last.
                        let place = standing.lastIndex { $0.row == any }!
                        (row, given) = standing.remove(at: place)
                        row.weight = -1
                    } else {
                        let key = Int64.random(in: 0...5, using: &random)
                        row = Tables.row(
                            key == 5 ? nil : key, Int64.random(in: 0...1, using: &random),
                            at: Int64(step % 3))
                        given =
                            key == 5
                            ? nil : table[key].map { $0.map { .bigint($0) } ?? .null }
                        standing.append((row, given))
                    }
                    batch.append(row)
                    if given == nil { unmatched.append(row) }
                    guard given != nil || isLeft else { continue }
                    var joined = row
                    joined.values.append(given ?? .null)
                    rows.append(joined)
                }
                join.process(
                    Batch(batch, Tables.left, padding: Bool.random(using: &random)), input: 0,
                    now: 0, to: output)
                guard Int.random(in: 0..<4, using: &random) == 0 else { continue }
                var changes = StateChanges()
                join.capture(into: &changes)
                kept.apply(changes)
                join = Self.make(isLeft: isLeft)
                join.table = Tables.state(table)
                try kept.restore(into: join, watermark: .min, using: &random)
            }
            #expect(output.rows == rows, "seed \(seed)")
            #expect(output.unmatched == unmatched, "seed \(seed)")
            #expect(output.rejected.isEmpty)
            #expect(join.stateSize.entries == standing.count)
        }
    }
}

@Suite("Table join that waits")
struct WaitingTableJoinTests {
    private static func make(isLeft: Bool, wait: Int64) -> WaitingTableJoin {
        WaitingTableJoin(
            table: .empty(schema: Tables.schema), match: [Plans.bind("k", Tables.left)],
            tableColumns: [1], keepsUnmatched: isLeft, waitMicros: wait,
            inputSchema: Tables.left)
    }

    @Test("gives a row the partner that comes in time, and none after it")
    func waits() {
        let join = Self.make(isLeft: false, wait: 10)
        let output = Collected()
        join.process(
            Batch(
                [
                    Tables.row(1, 1, at: 5), Tables.row(2, 2, at: 6), Tables.row(1, 3, at: 4),
                    Tables.row(nil, 4, at: 9),
                ], Tables.left), input: 0, now: 0, to: output)
        #expect(output.unmatched.map { $0.values[1] } == [.bigint(4)])
        join.advance(to: 14, now: 0, to: output)
        join.table = Tables.state([1: 10])
        join.tableChanged(now: 0, to: output)
        #expect(output.rows.map(\.description) == ["+1 [1, 1, 10] @5", "+1 [1, 3, 10] @4"])
        join.advance(to: 17, now: 0, to: output)
        #expect(output.unmatched.map { $0.values[1] } == [.bigint(4), .bigint(2)])
        join.process(Batch([Tables.row(2, 5, at: 6)], Tables.left), input: 0, now: 0, to: output)
        #expect(output.unmatched.count == 3, "its time to wait is over")
        #expect(join.stateSize.entries == 0)
    }

    @Test("agrees with lists, with restarts anywhere", arguments: [false, true])
    func random(_ isLeft: Bool) throws {
        for round in 0..<40 {
            let seed = testSeed &+ UInt64(round)
            var random = SeededRandom(seed: seed)
            let wait = Int64.random(in: 0...20, using: &random)
            var join = Self.make(isLeft: isLeft, wait: wait)
            let output = Collected()
            var kept = KeptState()
            var waiting: [Row] = []
            var rows: [Row] = []
            var unmatched: [Row] = []
            var table: [Int64: Int64?] = [:]
            var (highest, watermark) = (Int64(0), Int64.min)
            func give(_ row: Row, _ rate: Int64??) {
                if rate == nil { unmatched.append(row) }
                guard rate != nil || isLeft else { return }
                var joined = row
                joined.watermark = .min
                joined.values.append((rate ?? nil).map { .bigint($0) } ?? .null)
                rows.append(joined)
            }
            for _ in 0..<50 {
                switch Int.random(in: 0..<6, using: &random) {
                case 0, 1:
                    let batch = (0..<Int.random(in: 1...5, using: &random)).map { n -> Row in
                        highest += Int64.random(in: 0...4, using: &random)
                        let key = Int64.random(in: 0...4, using: &random)
                        return Tables.row(
                            key == 4 ? nil : key, Int64(n),
                            at: highest - Int64.random(in: 0...5, using: &random))
                    }
                    join.process(
                        Batch(batch, Tables.left, padding: Bool.random(using: &random)), input: 0,
                        now: 0, to: output)
                    for row in batch {
                        guard case .bigint(let key) = row.values[0] else {
                            give(row, nil)
                            continue
                        }
                        if let rate = table[key] {
                            give(row, rate)
                        } else if row.time + wait < watermark {
                            give(row, nil)
                        } else {
                            waiting.append(row)
                        }
                    }
                case 2:
                    table = Tables.random(&random)
                    join.table = Tables.state(table)
                    join.tableChanged(now: 0, to: output)
                    waiting.removeAll { row in
                        guard case .bigint(let key) = row.values[0], let rate = table[key] else {
                            return false
                        }
                        give(row, rate)
                        return true
                    }
                case 3, 4:
                    watermark = max(watermark, highest - 5)
                    let before = output.rows.count
                    join.advance(to: watermark, now: 0, to: output)
                    let expired = waiting.enumerated().filter {
                        $0.element.time + wait < watermark
                    }.sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
                    for (_, row) in expired { give(row, nil) }
                    waiting.removeAll { $0.time + wait < watermark }
                    for row in output.rows[before...] {
                        #expect(row.time + wait < watermark)
                    }
                default:
                    var changes = StateChanges()
                    join.capture(into: &changes)
                    kept.apply(changes)
                    join = Self.make(isLeft: isLeft, wait: wait)
                    join.table = Tables.state(table)
                    try kept.restore(into: join, watermark: watermark, using: &random)
                }
            }
            #expect(join.stateSize.entries == waiting.count)
            join.advance(to: .max, now: 0, to: output)
            for row in waiting.enumerated().sorted(by: {
                ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
            }) {
                give(row.element, nil)
            }
            // Rows of one batch that have no partner and those that have leave side by side.
            #expect(output.rows.count == rows.count, "seed \(seed)")
            #expect(output.rows == rows, "seed \(seed)")
            #expect(output.unmatched == unmatched, "seed \(seed)")
        }
    }
}
