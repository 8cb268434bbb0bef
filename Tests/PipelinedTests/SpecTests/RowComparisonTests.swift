import Config
import Operators
import TestSupport
import Testing

@testable import Pipelined

private let place = FileLocation(file: "x.yaml", line: 3, column: 5, endColumn: 6, lineText: "")
private let columns = ["a", "b", "c"]
private let schema = Schema(columns.map { Field($0, .bigint) })

private func observed(_ values: [Int64?], _ operation: String? = nil) -> ObservedRow {
    let op = operation.map { "\"_op\":\"\($0)\"," } ?? ""
    let cells = zip(columns, values).map { "\"\($0)\":\($1.map(String.init) ?? "null")" }
    return ObservedRow("{\(op)\(cells.joined(separator: ","))}", hasOperation: operation != nil)
}

private func expected(_ values: [(String, Int64?)]) -> ExpectedRow {
    ExpectedRow(
        values: values.map { ($0.0, $0.1.map { .integer($0) } ?? .null) }, operation: nil,
        location: place)
}

@Suite("Comparing rows")
struct RowComparisonTests {
    private func differences(_ wanted: [ExpectedRow], _ rows: [ObservedRow]) -> [RowDifference] {
        RowComparison.differences(
            TestExpectation(
                name: "n", target: .sink("n"), location: place, rows: .rows(wanted)),
            rows, NodeOutput(schema: schema, change: .append))
    }

    /// Whether each expected row can have a row of its own, by trying everything.
    private func canMatch(_ wanted: ArraySlice<ExpectedRow>, _ rows: [ObservedRow]) -> Bool {
        guard let first = wanted.first else { return rows.isEmpty }
        return rows.indices.contains { index in
            guard first.matches(rows[index]) else { return false }
            var rest = rows
            rest.remove(at: index)
            return canMatch(wanted.dropFirst(), rest)
        }
    }

    @Test("finds a partner for each row where there is one, in whatever order, however few columns")
    func matching() {
        var random = SeededRandom(seed: testSeed)
        var matched = 0
        for round in 0..<800 {
            let rows = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                observed((0..<3).map { _ in Int64.random(in: 0...1, using: &random) })
            }
            let wanted = (0..<Int.random(in: max(0, rows.count - 1)...rows.count, using: &random))
                .map { _ in
                    expected(
                        columns.filter { _ in Bool.random(using: &random) }
                            .map { ($0, Int64.random(in: 0...1, using: &random)) })
                }
            let isMatch = canMatch(wanted[...], rows)
            matched += isMatch ? 1 : 0
            #expect(
                differences(wanted, rows).isEmpty == isMatch, "seed \(testSeed), round \(round)")
        }
        #expect(matched > 80)
    }

    @Test("counts each row once: what is missing and what is not expected")
    func counts() {
        var random = SeededRandom(seed: testSeed)
        for round in 0..<500 {
            let rows = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                observed((0..<3).map { _ in Int64.random(in: 0...1, using: &random) })
            }
            let wanted = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                expected([("a", Int64.random(in: 0...2, using: &random))])
            }
            var missing = 0
            var taken = 0
            for difference in differences(wanted, rows) {
                switch difference.kind {
                case .missing(_, let nearest):
                    missing += 1
                    taken += nearest == nil ? 0 : 1
                case .unexpected: taken += 1
                case .differs, .count, .absent, .tooMany: Issue.record("of an ordered comparison")
                }
            }
            #expect(
                wanted.count - missing == rows.count - taken, "seed \(testSeed), round \(round)")
        }
    }

    @Test("in order, says of each row whether it is missing, another one, or one too many")
    func ordered() {
        func words(_ wanted: [Int64], _ came: [Int64]) -> [String] {
            RowComparison.differences(
                TestExpectation(
                    name: "n", target: .sink("n"), location: place,
                    rows: .exactly(
                        wanted.map { expected([("a", $0), ("b", $0), ("c", $0)]) })),
                came.map { observed([$0, $0, $0]) }, NodeOutput(schema: schema, change: .append)
            ).map { difference in
                switch difference.kind {
                case .missing: return "missing"
                case .absent(let row): return "-\(row.values[0].value.jsonText(isNested: false))"
                case .unexpected(let row, let place):
                    return "+\(row["a"]?.json ?? "")@\(place ?? 0)"
                case .differs(let place, let row, let came):
                    let wanted = row.values[0].value.jsonText(isNested: false)
                    return "\(wanted)/\(came["a"]?.json ?? "")@\(place)"
                case .count, .tooMany: return "count"
                }
            }
        }
        #expect(words([1, 2, 3], [1, 2, 3]) == [])
        #expect(words([1, 2, 3, 4], [2, 3, 4]) == ["-1"])
        #expect(words([2, 3, 4], [1, 2, 3, 4]) == ["+1@1"])
        #expect(words([1, 2, 3], [1, 9, 3]) == ["2/9@2"])
        #expect(words([1, 2], [2, 1]) == ["-1", "+1@2"])
        #expect(words([1, 2, 3], []) == ["-1", "-2", "-3"])
        #expect(words([], [7]) == ["+7@1"])
        #expect(words([1, 5, 2, 3], [1, 6, 7, 3]) == ["5/6@2", "2/7@3"])
    }

    @Test("many rows are compared, and too many are said to be", .timeLimit(.minutes(1)))
    func many() {
        var random = SeededRandom(seed: testSeed)
        let rows = (0..<20_000).map { observed([Int64($0), 0, 0]) }
        let wanted = (0..<20_000).map { expected([("a", Int64($0))]) }
        #expect(differences(wanted, rows).isEmpty)
        #expect(differences(wanted, Array(rows.dropFirst())).count == 1)
        #expect(differences(wanted.shuffled(using: &random), rows).isEmpty)
        #expect(differences(wanted, rows.shuffled(using: &random)).isEmpty)
        // Numbers with a point are only nearly equal, and cannot be looked up.
        let near = ExpectedRow(
            values: [("a", .double(-1))], operation: nil, location: place)
        let found = differences(Array(repeating: near, count: 600), Array(rows.prefix(2000)))
        guard case .tooMany? = found.first?.kind else {
            Issue.record("\(found.count) differences")
            return
        }
    }

    @Test("rows stand as changes leave them, under their key or whole")
    func standing() {
        let keyed = NodeOutput(schema: schema, change: .updating(key: ["a"]))
        let upserts = [
            observed([1, 1, 1], "upsert"), observed([2, 1, 1], "upsert"),
            observed([1, 2, 2], "upsert"), observed([2, 1, 1], "delete"),
            observed([9, 9, 9], "delete"),
        ]
        #expect(ObservedRow.standing(upserts, keyed).map { $0["b"]?.json } == ["2"])
        let whole = NodeOutput(schema: schema, change: .updating(key: nil))
        let changes = [
            observed([1, 1, 1], "insert"), observed([1, 1, 1], "insert"),
            observed([1, 1, 1], "delete"), observed([2, 2, 2], "insert"),
            observed([2, 2, 2], "update_before"), observed([3, 3, 3], "update_after"),
        ]
        #expect(ObservedRow.standing(changes, whole).map { $0["a"]?.json } == ["1", "3"])
    }

    @Test(
        "a value is as expected by its type",
        arguments: [
            (TestValue.null, "null", true), (.null, "0", false), (.integer(5), "5", true),
            (.integer(5), "6", false), (.double(0.1), "0.1", true), (.double(5), "5", true),
            (.double(1), "1.0000000001", true), (.double(1), "1.00001", false),
            (.double(1), "null", false), (.decimal("1.50"), "1.5", true),
            (.decimal("-0"), "0.00", true),
            (
                .decimal("12345678901234567890.123456789"),
                "12345678901234567890.123456788", false
            ),
            (.decimal("1.5"), "null", false), (.text("5"), "5", false), (.text("5"), "\"5\"", true),
            (.text("é\"\n"), "\"\u{e9}\\\"\\n\"", true), (.boolean(true), "true", true),
            (.timestamp(1_500_000), "\"1970-01-01T00:00:01.5Z\"", true),
            (.timestamp(1_500_000), "\"1970-01-01T00:00:01Z\"", false),
            (.json("{\"a\":1,\"b\":[2]}"), "{\"b\":[2.0],\"a\":1}", true),
            (.json("{\"a\":1}"), "{\"a\":1,\"b\":2}", false),
            (.list([.integer(1), .decimal("2.50")]), "[1,2.5]", true),
            (.list([.integer(1)]), "[1,2]", false),
            (.fields([.init(name: "a", value: .integer(1))]), "{\"a\":1,\"b\":2}", true),
            (.fields([.init(name: "c", value: .null)]), "{\"a\":1}", true),
        ])
    func values(_ value: TestValue, _ json: String, _ isSame: Bool) {
        let row = ObservedRow("{\"v\":\(json)}", hasOperation: false)
        #expect(value.matches(row["v"]) == isSame)
    }

    @Test("a row is read as it was written, whatever stands in its texts")
    func reading() {
        let row = ObservedRow(
            #"{"_op":"delete","a,b":"x\",{","n":null,"nested":{"k":[1,"]"]},"d":1.50}"#,
            hasOperation: true)
        #expect(row.operation == "delete")
        #expect(row.cells.map(\.column) == ["a,b", "n", "nested", "d"])
        #expect(row.cells.map(\.json) == [#""x\",{""#, "null", #"{"k":[1,"]"]}"#, "1.50"])
        #expect(ObservedRow("{}", hasOperation: true).cells.isEmpty)
        // A column that is called so.
        let named = ObservedRow(#"{"_op":5}"#, hasOperation: false)
        #expect(named.operation == nil && named["_op"]?.json == "5")
    }
}
