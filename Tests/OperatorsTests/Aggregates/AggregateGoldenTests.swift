import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("Aggregates against PostgreSQL")
struct AggregateGoldenTests {
    private struct Case {
        let call: String
        let schema: Schema
        let rows: [Row]
        let expected: String
    }

    /// The lines of the table; a row's time is its number.
    private static func load() throws -> [Case] {
        let path = repositoryRoot.appendingPathComponent("Tests/Goldens/aggregates.tsv")
        let text = try String(contentsOf: path, encoding: .utf8)
        return try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
                .map(String.init)
            let columns = try fields[1].components(separatedBy: ", ").map { column -> Field in
                let words = column.split(separator: " ", maxSplits: 1).map(String.init)
                let cast = ExpressionBinder.bind(
                    "CAST(null AS \(words[1]))", in: ExpressionFixture.noColumns)
                return Field(words[0], try cast.get().type)
            }
            let rows = try fields[2].components(separatedBy: "; ").enumerated().map {
                number, row in
                let values = try zip(row.components(separatedBy: ", "), columns).map {
                    cell, column -> Literal in
                    let isPlain = cell == "null" || cell.hasPrefix("'")
                    let text = "CAST(\(isPlain ? cell : "'\(cell)'") AS \(column.type.name))"
                    let bound = ExpressionBinder.bind(text, in: ExpressionFixture.noColumns)
                    return try #require(try bound.get().literal)
                }
                return Row(values: values, time: Int64(number))
            }
            return Case(call: fields[0], schema: Schema(columns), rows: rows, expected: fields[3])
        }
    }

    /// The result of a call over rows that come in two batches, with a checkpoint between them.
    private static func outcome(_ one: Case, takesBack: Bool) throws -> String {
        var plan = Plans.aggregate(one.schema, by: [:], compute: ["result": one.call])
        if takesBack { plan.calls = plan.calls.map(\.takingBack) }
        var aggregate = RunningAggregate(plan)
        var state = KeptState()
        var standing: Literal?
        var failure: String?
        let half = (one.rows.count + 1) / 2
        for part in [one.rows.prefix(half), one.rows.dropFirst(half)] where !part.isEmpty {
            let output = Collected()
            aggregate.process(Batch(Array(part), one.schema), input: 0, now: 0, to: output)
            for row in output.rows { standing = row.weight > 0 ? row.values[0] : nil }
            failure = output.reasons.first
            var changes = StateChanges()
            aggregate.capture(into: &changes)
            state.apply(changes)
            aggregate = RunningAggregate(plan)
            var random = SeededRandom(seed: 1)
            try state.restore(into: aggregate, watermark: .min, using: &random)
        }
        if let failure { return "error: \(failure)" }
        return standing.map { ExpressionFixture.text($0, plan.compute[0].expression.type) }
            ?? "nothing"
    }

    @Test("every line of the table has PostgreSQL's result", arguments: [false, true])
    func table(takesBack: Bool) throws {
        let cases = try Self.load()
        #expect(cases.count > 400)
        for one in cases {
            let actual = try Self.outcome(one, takesBack: takesBack)
            #expect(
                Self.agrees(actual, one.expected),
                "\(one.call) of \(one.rows) is \(actual), expected \(one.expected)")
        }
    }

    /// As for expressions; doubles may differ in their last digits.
    private static func agrees(_ actual: String, _ expected: String) -> Bool {
        if ExpressionGoldenTests.agrees(actual, expected) { return true }
        guard let a = Double(actual), let b = Double(expected) else { return false }
        return abs(a - b) <= 1e-12 * max(abs(a), abs(b))
    }
}
