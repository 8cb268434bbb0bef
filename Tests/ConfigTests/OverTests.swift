import Config
import Operators
import Testing

@Suite("Over in specs")
struct OverTests {
    private static let changes = "from: out, stdout: {}, format: json, mode: changelog"

    private func step(_ verb: String, sink: String = changes) throws -> StepSpec {
        let result = load(pipeline(step: "from: events\n\(verb)", sink: sink))
        #expect(result.diagnostics.rendered == "")
        let spec = try #require(result.pipelines.first)
        return try #require(spec.steps.first { $0.name == "out" })
    }

    @Test(
        "only adds rows in the order of event time, and gives the input's columns and the results")
    func ordered() throws {
        let step = try step(
            """
            over:
              partition_by: [kind]
              order_by: [rowtime, id desc]
              range: 1h
              current_row: exclude
              compute:
                share: price - avg(price)
                before: lag(price, 2, 0)
                number: row_number()
                again: row_number() + count(*)
            """, sink: "from: out, stdout: {}, format: json")
        #expect(step.output.change == .append)
        #expect(
            step.output.schema.fields.suffix(4).map(\.name) == [
                "share", "before", "number", "again",
            ])
        guard case .over(let spec) = step.verb else {
            Issue.record("no over")
            return
        }
        #expect(spec.isOrdered && spec.excludesCurrent)
        #expect(spec.frame == .range(3_600_000_000))
        #expect(spec.calls.count == 2 && spec.rowCalls.count == 2)
        #expect(spec.order.items.map(\.isDescending) == [false, true])
    }

    @Test(
        "changes in any other order, by the key of its input",
        arguments: ["price", "at", "rowtime desc"])
    func updating(_ order: String) throws {
        let step = try step(
            "over: {order_by: [\(order)], rows: 3, compute: {most: max(price)}}")
        #expect(step.output.change == .updating(key: nil))
        guard case .over(let spec) = step.verb else {
            Issue.record("no over")
            return
        }
        #expect(!spec.isOrdered)
    }

    @Test("changes by the key of an input that does")
    func overChanges() throws {
        let text = pipeline(
            step: "from: latest\nover: {rows: 3, compute: {most: max(price)}}", sink: Self.changes
        ).replacing(
            "  out:\n",
            with: "  latest:\n    from: events\n    deduplicate: {by: [id], keep: last}\n  out:\n")
        let result = load(text)
        #expect(result.diagnostics.rendered == "")
        let found = try #require(result.pipelines.first?.steps.first { $0.name == "out" })
        #expect(found.output.change == .updating(key: ["id"]))
    }

    @Test(
        "says what it keeps",
        arguments: [
            ("range: 15m, compute: {n: count(*)}", "the rows of the last 15m", true),
            (
                "partition_by: [id], range: 15m, compute: {n: count(*)}",
                "the rows of the last 15m", true
            ),
            ("rows: 5, compute: {n: count(*), o: \"lag(id, 9)\"}", "9 rows", true),
            (
                "partition_by: [id], compute: {n: row_number()}",
                "grows with the number of partitions", false
            ),
            (
                "order_by: [price], rows: 5, compute: {n: count(*)}",
                "every row of its input that stands", false
            ),
        ])
    func state(_ fields: String, _ words: String, _ isBounded: Bool) throws {
        let text = pipeline(step: "from: events\nover: {\(fields)}", sink: Self.changes)
        let result = load(text)
        #expect(result.diagnostics.rendered == "")
        let spec = try #require(result.pipelines.first)
        let node = try #require(PipelineExplanation(spec).nodes.first { $0.name == "out" })
        #expect(node.state == (isBounded ? .bounded(words) : .unbounded(words)))
        #expect(spec.statefulNodes.contains("out"))
    }

    @Test(
        "has another state when what it keeps differs",
        arguments: [
            "rows: 4, compute: {n: sum(price)}", "range: 5m, compute: {n: sum(price)}",
            "partition_by: [id], rows: 5, compute: {n: sum(price)}",
            "order_by: [price], rows: 5, compute: {n: sum(price)}",
            "rows: 5, compute: {n: avg(price)}", "rows: 5, compute: {n: sum(price), m: lag(id)}",
        ])
    func fingerprints(_ fields: String) throws {
        func fingerprint(_ fields: String) throws -> String? {
            let text = pipeline(step: "from: events\nover: {\(fields)}", sink: Self.changes)
            return try #require(load(text).pipelines.first).stateFingerprints()["out"]
        }
        let usual = try fingerprint("rows: 5, compute: {n: sum(price)}")
        #expect(try fingerprint(fields) != usual)
        #expect(try fingerprint("rows: 5, compute: {n: sum(price) + 1}") == usual)
    }
}
