import TestSupport
import Testing

@testable import Operators

@Suite("Batches and columns")
struct BatchTests {
    private static let schema = Schema.of(["n": .bigint, "s": .string, "b": .boolean])

    private static func rows(_ count: Int, using random: inout SeededRandom) -> [Row] {
        (0..<count).map { index in
            let isNull = Int.random(in: 0..<4, using: &random) == 0
            return Row(
                values: [
                    isNull ? .null : .bigint(Int64(index)),
                    isNull ? .null : .text("text \(index)"), .boolean(index % 2 == 0),
                ],
                time: Int64(index), weight: index % 3 == 0 ? -1 : 1)
        }
    }

    private static func selection(_ rows: [Int]) -> Selection {
        let buffer = Buffer(capacity: rows.count * 4)
        for (index, row) in rows.enumerated() {
            buffer.pointer(to: Int32.self)[index] = Int32(row)
        }
        return Selection(rows: buffer, count: rows.count)
    }

    @Test("selects from what was selected, and compacts to the same rows")
    func selecting() {
        var random = SeededRandom(seed: testSeed)
        var expected = Self.rows(200, using: &random)
        var batch = Batch(expected, Self.schema)
        let positions = Buffer(capacity: expected.count * 8)
        for row in expected.indices { positions.pointer(to: Int64.self)[row] = Int64(row * 7) }
        batch.origin = BatchOrigin(source: "s", split: "f", positions: positions)
        while !expected.isEmpty {
            let kept = expected.indices.filter { _ in Int.random(in: 0..<5, using: &random) > 0 }
            if kept.count == expected.count { continue }
            expected = kept.map { expected[$0] }
            batch = batch.selecting(Self.selection(kept))
            #expect(batch.count == expected.count)
            #expect(batch.rows == expected)
            let compact = batch.compacted()
            #expect(compact.selection == nil && compact.rows == expected)
            let found = compact.origin?.positions?.pointer(to: Int64.self)
            for (row, value) in expected.enumerated() {
                #expect(found?[row] == value.time * 7)
                #expect(batch.physicalRow(row) == Int(value.time))
            }
            let half = expected.count / 2
            #expect(batch.prefix(half).rows == Array(expected.prefix(half)))
            #expect(
                batch.compacted(columns: [1]).rows.map(\.values) == expected.map { [$0.values[1]] })
            let other = batch.replacingColumns([batch.column(2)])
            #expect(other.rows.map(\.weight) == expected.map(\.weight))
            #expect(other.rows.map(\.time) == expected.map(\.time))
        }
        #expect(batch.rows.isEmpty)
    }

    private static let types: [ColumnType] = [
        .boolean, .bigint, .double, .string, .timestamp, .decimal(precision: 38, scale: 3),
        .date, .bytes, .json, .array(.bigint),
    ]

    private static func literals(_ type: ColumnType, isNullable: Bool) -> [Literal] {
        (0..<9).map { index in
            if isNullable && index % 3 == 1 { return .null }
            switch type {
            case .boolean: return .boolean(index % 2 == 0)
            case .bigint: return .bigint(Int64(index))
            case .double: return .double(Double(index) / 2)
            case .string: return .text(String(repeating: "é", count: index))
            case .timestamp: return .timestamp(Int64(-index))
            case .interval: return .interval(Int64(index))
            case .date: return .bigint(Int64(index))
            case .bytes, .json, .array, .structure: return .text(String(index))
            case .decimal(_, let scale): return .decimal(unscaled: Int128(index), scale: scale)
            }
        }
    }

    private static func read(_ column: Column) -> [Literal] {
        (0..<column.count).map { ExpressionFixture.literal(column, $0) }
    }

    @Test("gathers, with null for −1, and concatenates columns of every type", arguments: types)
    func columns(_ type: ColumnType) {
        for isNullable in [false, true] {
            let values = Self.literals(type, isNullable: isNullable)
            let column = ExpressionFixture.column(type, values)
            let rows: [Int32] = [8, 0, 0, 4, 1]
            #expect(Self.read(column.gathered(rows, count: 5)) == rows.map { values[Int($0)] })
            let outer: [Int32] = [-1, 3, 1, -1]
            let found = column.gatheredOrNull(outer, count: 4)
            #expect(Self.read(found) == [.null, values[3], values[1], .null])
            let empty = column.gathered(rows, count: 0)
            #expect(Self.read(empty.gatheredOrNull([-1], count: 1)) == [.null])
            for (other, literals) in [
                (Column.nulls(type: type, count: 2), [.null, .null]), (column, values),
            ] {
                #expect(Self.read(.concatenating(column, other)) == values + literals)
                #expect(Self.read(.concatenating(other, column)) == literals + values)
            }
            #expect(Self.read(.concatenating(empty, empty)) == [])
        }
    }

    @Test("builds columns of every type past their first capacity", arguments: types)
    func builder(_ type: ColumnType) {
        let values = (0..<50).flatMap { _ in Self.literals(type, isNullable: true) }
        let source = ExpressionFixture.column(type, values)
        var builder = ColumnBuilder(type: type, capacity: 0)
        for row in values.indices {
            if source.isNull(row) {
                builder.appendNull()
                continue
            }
            switch type.storage {
            case .boolean: builder.append(boolean: source.booleans[row] != 0)
            case .double: builder.append(double: source.doubles[row])
            case .view: builder.append(view: source.strings[row])
            case .decimal: builder.append(decimal: source.decimals[row])
            case .integer: builder.append(integer: source.integers[row])
            }
        }
        #expect(Self.read(builder.finish(retained: source.retained)) == values)
    }

    @Test("keeps what strings point into alive")
    func retained() {
        func joined() -> Column {
            let first = ExpressionFixture.column(.string, [.text("kept by the column alone")])
            let second = ExpressionFixture.column(.string, [.text("and this one too, further on")])
            return .concatenating(first.gathered([0, 0], count: 2), second)
        }
        let column = joined()
        // Memory that was let go would be given out again.
        let others = (0..<500).map { ExpressionFixture.column(.string, [.text("other \($0)")]) }
        #expect(column.strings[1].string == "kept by the column alone")
        #expect(column.strings[2].string == "and this one too, further on")
        #expect(others.count == 500)
    }

    @Test("compares strings as bytes")
    func strings() {
        let words = [
            "", "a", "abcd", "abcde", "abcdefgh", "abcdefgi", "b", "é", "e\u{301}", "\u{0}",
        ]
        let column = ExpressionFixture.column(.string, words.map { .text($0) })
        for a in words.indices {
            for b in words.indices {
                let isEqual = Array(words[a].utf8) == Array(words[b].utf8)
                #expect((column.strings[a] == column.strings[b]) == isEqual)
                let isLess = Array(words[a].utf8).lexicographicallyPrecedes(Array(words[b].utf8))
                #expect((StringView.compare(column.strings[a], column.strings[b]) < 0) == isLess)
            }
        }
    }
}
