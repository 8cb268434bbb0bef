import TestSupport
import Testing

@testable import Operators

@Suite("Transform")
struct TransformTests {
    private static let schema = Schema.of(["a": .bigint, "b": .bigint, "s": .string])

    private static func row(_ a: Int64?, _ b: Int64, _ s: String = "x") -> Row {
        Row(values: [a.map { .bigint($0) } ?? .null, .bigint(b), .text(s)], time: b)
    }

    private static func run(_ transform: Transform, _ rows: [Row], padding: Bool = false)
        -> Collected
    {
        let output = Collected()
        transform.process(Batch(rows, schema, padding: padding), input: 0, now: 0, to: output)
        return output
    }

    @Test("keeps the rows for which the condition is true, not those where it is unknown")
    func filter() {
        let transform = Transform(
            inputSchema: Self.schema, filter: Plans.bind("a > 1", Self.schema))
        let output = Self.run(transform, [Self.row(2, 1), Self.row(nil, 2), Self.row(1, 3)])
        #expect(output.rows.map(\.time) == [1])
        #expect(output.rejected.isEmpty)
    }

    @Test("lets a later item see an earlier one and one that was replaced")
    func additions() {
        var added = Self.schema
        added.fields.append(Field("c", .bigint))
        let items = [
            NamedExpression(name: "c", expression: Plans.bind("a + b", Self.schema)),
            NamedExpression(name: "a", expression: Plans.bind("c * 10", added)),
            NamedExpression(name: "b", expression: Plans.bind("a + 1", added)),
        ]
        let output = Self.run(
            Transform(inputSchema: Self.schema, additions: items), [Self.row(1, 2)])
        #expect(output.rows.map(\.values) == [[.bigint(30), .bigint(31), .text("x"), .bigint(3)]])
    }

    @Test("acts in the order where, add, having, select")
    func order() {
        let added = Schema(Self.schema.fields + [Field("c", .bigint)])
        let transform = Transform(
            inputSchema: Self.schema, filter: Plans.bind("a > 0", Self.schema),
            additions: [NamedExpression(name: "c", expression: Plans.bind("100 / b", Self.schema))],
            having: Plans.bind("c > 10", added),
            projection: Plans.named(["twice": "c * 2", "s": "s"], added))
        let rows = [
            Self.row(0, 0, "filtered before it fails"), Self.row(1, 0, "fails"),
            Self.row(1, 5, "ok"),
            Self.row(1, 50, "too little"),
        ]
        for padding in [false, true] {
            let output = Self.run(transform, rows, padding: padding)
            #expect(output.rows.map(\.values) == [[.bigint(40), .text("ok")]])
            #expect(output.rows.map(\.time) == [5])
            #expect(output.rejected.map { $0.values[2] } == [.text("fails")])
            #expect(output.reasons == ["cannot evaluate '100 / b': division by zero"])
        }
    }

    @Test("rejects a failed row with the columns that it had where it failed")
    func rejectedColumns() {
        let replaced = Schema.of(["a": .string, "b": .bigint, "s": .string])
        let transform = Transform(
            inputSchema: Self.schema,
            additions: [
                NamedExpression(name: "a", expression: Plans.bind("'n' || s", Self.schema)),
                NamedExpression(name: "c", expression: Plans.bind("1 / b", replaced)),
            ])
        let output = Self.run(transform, [Self.row(1, 0), Self.row(1, 1)])
        // The collector checks that the schema fits the columns.
        #expect(output.rejected.map(\.values) == [[.text("nx"), .bigint(0), .text("x")]])
        #expect(output.rows.count == 1)
    }

    @Test("reports a condition that fails and a result that fails")
    func failures() {
        let filtering = Transform(
            inputSchema: Self.schema, filter: Plans.bind("10 / b > 1", Self.schema))
        let output = Self.run(filtering, [Self.row(1, 2), Self.row(1, 0), Self.row(1, 3)])
        #expect(output.rows.map(\.time) == [2, 3])
        #expect(output.rejected.map(\.time) == [0])
        let projecting = Transform(
            inputSchema: Self.schema, projection: Plans.named(["x": "10 / b"], Self.schema))
        let failed = Self.run(projecting, [Self.row(1, 0)])
        #expect(failed.rows.isEmpty && failed.rejected.count == 1)
    }

    @Test("drops the taking back of a row that failed")
    func failedRetraction() {
        let transform = Transform(
            inputSchema: Self.schema, filter: Plans.bind("10 / b > 1", Self.schema))
        var gone = Self.row(1, 0)
        gone.weight = -1
        let output = Self.run(transform, [gone, Self.row(1, 0), Self.row(1, 2)])
        #expect(output.rejected.map(\.weight) == [1])
        #expect(output.rows.map(\.time) == [2])
    }

    @Test("knows when it changes nothing")
    func identity() {
        let same = Plans.named(["a": "a", "b": "b", "s": "s"], Self.schema)
        #expect(Transform(inputSchema: Self.schema).isIdentity)
        #expect(Transform(inputSchema: Self.schema, projection: same).isIdentity)
        let swapped = Plans.named(["b": "b", "a": "a", "s": "s"], Self.schema)
        #expect(!Transform(inputSchema: Self.schema, projection: swapped).isIdentity)
        let fewer = Plans.named(["a": "a"], Self.schema)
        #expect(!Transform(inputSchema: Self.schema, projection: fewer).isIdentity)
    }

    @Test("gives the same rows for every way to cut its input into batches")
    func everyBatchSplit() {
        let added = Schema(Self.schema.fields + [Field("c", .bigint)])
        let transform = Transform(
            inputSchema: Self.schema, filter: Plans.bind("a <> 3", Self.schema),
            additions: [NamedExpression(name: "c", expression: Plans.bind("6 / b", Self.schema))],
            having: Plans.bind("c % 2 = 0", added), projection: Plans.named(["c": "c"], added))
        let rows = (0..<8).map { Self.row($0, Int64($0) % 4) }
        let whole = Self.run(transform, rows)
        for lengths in everySplit(of: rows.count) {
            let output = Collected()
            var rest = rows[...]
            for length in lengths {
                let batch = Batch(Array(rest.prefix(length)), Self.schema)
                transform.process(batch, input: 0, now: 0, to: output)
                rest = rest.dropFirst(length)
            }
            #expect(output.rows == whole.rows)
            #expect(output.rejected == whole.rejected)
        }
    }
}
