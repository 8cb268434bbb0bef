import TestSupport
import Testing

@testable import Operators

@Suite("Table join")
struct TableJoinTests {
    private static let tableSchema = Schema.of([
        "id": .string, "region": .bigint, "name": .string, "rate": .double,
    ])
    private static let schema = Schema.of(["ad": .string, "r": .bigint, "n": .bigint])

    private static func table(_ rows: [[Literal]], key: [Int]) -> TableState {
        let builder = TableState.TableBuilder(schema: tableSchema, key: key)
        add(rows, to: builder)
        return builder.finish()
    }

    private static func add(
        _ rows: [[Literal]], to builder: TableState.TableBuilder, deleting: [Bool]? = nil
    ) {
        let batch = Batch(rows.map { Row(values: $0, time: 0) }, tableSchema)
        let flags = deleting?.map { UInt8($0 ? 1 : 0) }
        builder.add(batch.columns, count: rows.count, isDeletion: flags)
    }

    private static func join(
        _ table: TableState, on texts: [String], columns: [Int] = [2, 3], isLeft: Bool = false
    ) -> TableJoin {
        TableJoin(
            table: table, match: texts.map { Plans.bind($0, schema) }, tableColumns: columns,
            keepsUnmatched: isLeft, inputSchema: schema)
    }

    private static func run(_ join: TableJoin, _ rows: [Row], padding: Bool = false) -> Collected {
        let output = Collected()
        join.process(Batch(rows, schema, padding: padding), input: 0, now: 0, to: output)
        return output
    }

    private static func row(_ ad: String?, _ region: Int64?, _ n: Int64, weight: Int32 = 1) -> Row {
        Row(
            values: [
                ad.map { .text($0) } ?? .null, region.map { .bigint($0) } ?? .null, .bigint(n),
            ],
            time: n, weight: weight)
    }

    private static func entry(_ id: String, _ region: Int64, _ name: String) -> [Literal] {
        [.text(id), .bigint(region), .text(name), .double(Double(region) / 2)]
    }

    private static let two = table([entry("a", 1, "first"), entry("b", 2, "second")], key: [0])

    @Test("gives matched rows the table's columns and sets the others aside")
    func inner() {
        let output = Self.run(
            Self.join(Self.two, on: ["ad"]),
            [Self.row("b", 0, 1), Self.row("c", 0, 2), Self.row(nil, 0, 3), Self.row("a", 0, 4)])
        #expect(
            output.rows.map(\.description) == [
                "+1 ['b', 0, 1, 'second', 1.0] @1", "+1 ['a', 0, 4, 'first', 0.5] @4",
            ])
        #expect(output.unmatched.map { $0.values[0] } == [.text("c"), .null])
    }

    @Test("keeps unmatched rows in a left join, with nulls")
    func left() {
        let output = Self.run(
            Self.join(Self.two, on: ["ad"], isLeft: true),
            [Self.row("c", 0, 2), Self.row("a", 0, 4)])
        #expect(
            output.rows.map(\.description) == [
                "+1 ['c', 0, 2, null, null] @2", "+1 ['a', 0, 4, 'first', 0.5] @4",
            ])
        #expect(output.unmatched.count == 1)
    }

    @Test("matches nothing against an empty table")
    func empty() {
        let join = Self.join(.empty(schema: Self.tableSchema), on: ["ad"], isLeft: true)
        #expect(
            Self.run(join, [Self.row("a", 0, 1)]).rows.map { Array($0.values.suffix(2)) }
                == [[.null, .null]])
    }

    @Test("uses the table's new state from the next batch on")
    func refresh() {
        let join = Self.join(Self.two, on: ["ad"])
        let before = Self.run(join, [Self.row("a", 0, 1)])
        join.table = Self.table([Self.entry("a", 9, "other")], key: [0])
        #expect(Self.run(join, [Self.row("a", 0, 1)]).rows[0].values[3] == .text("other"))
        #expect(before.rows[0].values[3] == .text("first"))
    }

    @Test("keeps weights, times and rows that fail apart")
    func weightsAndFailures() {
        let join = Self.join(Self.two, on: ["substring(ad, 1, n)"])
        let output = Self.run(
            join, [Self.row("ab", 0, -1), Self.row("ab", 0, 1, weight: -1), Self.row("b", 0, 1)])
        #expect(output.rejected.map(\.time) == [-1])
        #expect(output.rows.map(\.weight) == [-1, 1])
    }

    @Test(
        "agrees with a dictionary, for random rows and keys of one and two columns",
        arguments: [[0], [0, 1]])
    func random(_ key: [Int]) {
        var random = SeededRandom(seed: testSeed)
        for isLeft in [false, true] {
            let builder = TableState.TableBuilder(schema: Self.tableSchema, key: key)
            var reference: [[Literal]: [Literal]] = [:]
            for _ in 0..<20 {
                let rows = (0..<10).map { _ -> [Literal] in
                    let id = [
                        "a", "b", "", "a long identifier \(Int.random(in: 0...3, using: &random))",
                    ]
                    .randomElement(using: &random)!
                    return Self.entry(
                        id, Int64.random(in: 0...3, using: &random),
                        "\(Int.random(in: 0...99, using: &random))")
                }
                let deleting = rows.map { _ in Int.random(in: 0..<3, using: &random) == 0 }
                Self.add(rows, to: builder, deleting: deleting)
                for (row, isDeleted) in zip(rows, deleting) {
                    reference[key.map { row[$0] }] = isDeleted ? nil : row
                }
                let join = Self.join(
                    builder.finish(), on: key == [0] ? ["ad"] : ["ad", "r"], isLeft: isLeft)
                #expect(join.table.count == reference.count)
                let input = (0..<20).map { n -> Row in
                    let id = ["a", "b", nil, "", "a long identifier 2"].randomElement(
                        using: &random)!
                    let region = Int.random(in: 0...4, using: &random)
                    return Self.row(id, region == 4 ? nil : Int64(region), Int64(n))
                }
                let output = Self.run(join, input, padding: Bool.random(using: &random))
                var expected: [Row] = []
                var unmatched: [Row] = []
                for row in input {
                    let name = key.map { row.values[$0] }
                    let partner = name.contains(.null) ? nil : reference[name]
                    if partner == nil { unmatched.append(row) }
                    if partner == nil && !isLeft { continue }
                    var joined = row
                    joined.values += partner.map { Array($0[2...]) } ?? [.null, .null]
                    expected.append(joined)
                }
                #expect(output.rows == expected, "seed \(testSeed)")
                #expect(output.unmatched == unmatched, "seed \(testSeed)")
            }
        }
    }

    @Test("restores a table's rows and refuses what is none")
    func restore() throws {
        let builder = TableState.TableBuilder(schema: Self.tableSchema, key: [0])
        Self.add([Self.entry("a", 1, "x"), Self.entry("b", 1, "y")], to: builder)
        let copy = TableState.TableBuilder(schema: Self.tableSchema, key: [0])
        var entries: [(StringView, StringView)] = []
        func keep(_ key: StringView, _ row: StringView) { entries.append((key, row)) }
        builder.forEachRow(keep)
        for (key, row) in entries { try copy.restore(key, row: row) }
        let state = copy.finish()
        #expect(state.count == 2)
        #expect(ExpressionFixture.literal(state.columns[2], 1) == .text("y"))
        for (key, row) in entries {
            for count in 0..<row.count {
                let part = StringView(base: row.base, count: count)
                #expect(throws: StateError.self) { try copy.restore(key, row: part) }
            }
        }
    }
}
