import TestSupport
import Testing

@testable import Operators

@Suite("Changes of rows by key")
struct RowChangesTests {
    private static let schema = Schema.of(["id": .bigint, "n": .bigint])

    @Test("stand as a dictionary's rows do, with pairs side by side")
    func random() {
        var random = SeededRandom(seed: testSeed)
        let builder = TableState.TableBuilder(schema: Self.schema, key: [0])
        let changes = RowChanges(schema: Self.schema)
        var expected: [Literal: Row] = [:]
        var standing: [Row: Int] = [:]
        var unknown = (found: 0, expected: 0)
        for time in 0..<200 {
            let rows = (0..<Int.random(in: 1...9, using: &random)).map { _ in
                Row(
                    values: [
                        .bigint(Int64.random(in: 0...5, using: &random)),
                        .bigint(Int64.random(in: 0...3, using: &random)),
                    ], time: Int64(time))
            }
            let isGone = rows.map { _ in UInt8.random(in: 0...2, using: &random) == 0 }
            for (row, isGone) in zip(rows, isGone) {
                if isGone, expected[row.values[0]] == nil { unknown.expected += 1 }
                expected[row.values[0]] = isGone ? nil : row
            }
            let batch = Batch(rows, Self.schema)
            builder.add(
                batch.columns, count: rows.count, isDeletion: isGone.map { $0 ? 1 : 0 },
                rowtimes: UnsafePointer(batch.rowtime.integers)
            ) { if !changes.append($0) { unknown.found += 1 } }
            for row in changes.take().flatMap(\.rows) {
                var plain = row
                plain.weight = 1
                standing[plain, default: 0] += Int(row.weight)
                #expect(standing[plain, default: 0] >= 0, "seed \(testSeed)")
            }
            let present = Set(standing.filter { $0.value > 0 }.keys)
            #expect(present == Set(expected.values), "seed \(testSeed)")
        }
        #expect(unknown.found == unknown.expected)
    }

    @Test("leave in batches that keep a pair together")
    func pairs() {
        let codec = KeyCodec(types: Self.schema.fields.map(\.type))
        let batch = Batch([Row(values: [.bigint(1), .bigint(2)], time: 0)], Self.schema)
        let encoded = codec.encode(batch.columns, count: 1)
        let row = encoded.strings[0]
        let changes = RowChanges(schema: Self.schema)
        changes.append(row, time: 1, weight: 1)
        for _ in 0..<10_000 {
            changes.append(row, time: 1, weight: -1)
            changes.append(row, time: 2, weight: 1, watermark: 5)
        }
        withExtendedLifetime(encoded) {}
        let batches = changes.take()
        #expect(batches.map(\.rowCount).reduce(0, +) == 20_001)
        #expect(batches.count == 3 && changes.isEmpty)
        for batch in batches.dropFirst() { #expect(batch.rows[0].weight == -1) }
        #expect(batches[0].rowWatermarks != nil)
    }
}
