import Operators
import TestSupport
import Testing

@testable import Pipelined

@Suite("Rows of a topic by key")
struct UpsertRowsTests {
    private static let schema = Schema([Field("id", .bigint), Field("n", .bigint)])

    private struct Change: Hashable {
        var id: Int64
        var n: Int64
        var time: Int64
        /// A tombstone.
        var isGone = false
    }

    private static func batch(_ changes: [Change], watermark: Int64 = .min) -> Batch {
        func column(_ type: ColumnType, _ value: (Change) -> Int64) -> Column {
            var builder = ColumnBuilder(type: type, capacity: changes.count)
            for change in changes { builder.append(integer: value(change)) }
            return builder.finish()
        }
        var batch = Batch(
            columns: [column(.bigint) { $0.id }, column(.bigint) { $0.n }],
            rowtime: column(.timestamp) { $0.time }, rowCount: changes.count)
        let weights = Buffer(capacity: changes.count * 4)
        for (row, change) in changes.enumerated() {
            weights.pointer(to: Int32.self)[row] = change.isGone ? -1 : 1
        }
        batch.weights = weights
        batch.watermark = watermark
        return batch
    }

    /// The rows with their weights.
    private static func rows(_ batches: [Batch]) -> [(row: Change, weight: Int)] {
        batches.flatMap { batch in
            (0..<batch.rowCount).map { row in
                let weight = batch.weights.map { $0.pointer(to: Int32.self)[row] } ?? 1
                return (
                    Change(
                        id: batch.columns[0].integers[row], n: batch.columns[1].integers[row],
                        time: batch.rowtime.integers[row]), Int(weight)
                )
            }
        }
    }

    @Test("stand as a dictionary's do, from two partitions, with restarts anywhere")
    func random() throws {
        for round in 0..<30 {
            let seed = testSeed &+ UInt64(round)
            var random = SeededRandom(seed: seed)
            let placeCount = UInt64.random(in: 1...2, using: &random)
            var rows = UpsertRows(schema: Self.schema, key: [0])
            rows.keepsRemoved = placeCount > 1
            var kept: [[UInt8]: [UInt8]] = [:]
            /// By key: what stands or has gone, and where it came from.
            var latest: [Int64: (change: Change, place: UInt64)] = [:]
            var standing: [Change: Int] = [:]
            var unknown: Int64 = 0
            for time in 0..<60 {
                let place = UInt64.random(in: 0..<placeCount, using: &random)
                let changes = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                    Change(
                        id: Int64.random(in: 0...4, using: &random),
                        n: Int64.random(in: 0...9, using: &random),
                        time: Int64(time) - Int64.random(in: 0...5, using: &random),
                        isGone: Int.random(in: 0..<3, using: &random) == 0)
                }
                for change in changes {
                    if let known = latest[change.id], known.place != place,
                        (known.change.time, known.place) >= (change.time, place)
                    {
                        continue
                    }
                    if change.isGone, latest[change.id]?.change.isGone ?? true { unknown += 1 }
                    latest[change.id] = (change, place)
                }
                for (row, weight) in Self.rows(rows.changes(of: Self.batch(changes), place: place))
                {
                    standing[row, default: 0] += weight
                    #expect(standing[row, default: 0] >= 0, "seed \(seed)")
                }
                let expected = Set(latest.values.map(\.change).filter { !$0.isGone })
                #expect(Set(standing.filter { $0.value > 0 }.keys) == expected, "seed \(seed)")
                guard Int.random(in: 0..<4, using: &random) == 0 else { continue }
                let state = rows.takeChanges()
                for item in state.items {
                    let key = [item.part] + state.bytes[item.keyStart..<item.valueStart]
                    kept[key] =
                        item.change == .put ? Array(state.bytes[item.valueStart..<item.end]) : nil
                }
                rows = UpsertRows(schema: Self.schema, key: [0])
                rows.keepsRemoved = placeCount > 1
                for (key, value) in kept {
                    try key.dropFirst().withUnsafeBufferPointer { name in
                        try value.withUnsafeBufferPointer { value in
                            try rows.restore(
                                StateEntry(part: key[0], time: 0, key: name, value: value))
                        }
                    }
                }
                #expect(rows.takeChanges().isEmpty)
            }
            #expect(rows.unknownCount == unknown, "seed \(seed)")
        }
    }

    @Test("say of a row that goes that it is late where its time has passed")
    func late() {
        let rows = UpsertRows(schema: Self.schema, key: [0])
        _ = rows.changes(of: Self.batch([Change(id: 1, n: 1, time: 10)]), place: 0)
        let batches = rows.changes(
            of: Self.batch([Change(id: 1, n: 2, time: 60)], watermark: 50), place: 0)
        #expect(Self.rows(batches).map(\.weight) == [-1, 1])
        #expect(Self.rows(batches).map(\.row.time) == [10, 60])
        #expect(batches[0].rowWatermarks?.pointer(to: Int64.self)[0] == 50)
    }
}
