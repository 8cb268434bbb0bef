import Config
import Operators
import Testing

@Suite("Steps that keep rows of each key")
struct PerKeyTests {
    private static let changes = "from: out, stdout: {}, format: json, mode: changelog"

    private func step(_ text: String, sink: String = changes) throws -> StepSpec {
        let result = load(pipeline(step: text, sink: sink))
        #expect(result.diagnostics.rendered == "")
        let spec = try #require(result.pipelines.first)
        return try #require(spec.steps.first { $0.name == "out" })
    }

    @Test("deduplicate into rows that are only added, or that change by the key")
    func deduplicate() throws {
        let first = try step("from: events\ndeduplicate: {by: [id, kind], within: 15m}")
        #expect(first.output.change == .append)
        guard case .deduplicate(let spec) = first.verb else {
            Issue.record("no deduplicate")
            return
        }
        #expect(spec.by.map(\.name) == ["id", "kind"])
        #expect(spec.keep == .first)
        #expect(spec.withinMicros == 900_000_000)
        let last = try step("from: events\ndeduplicate: {by: [id], keep: last}")
        #expect(last.output.change == .updating(key: ["id"]))
        let computed = try step(
            "from: events\ndeduplicate: {by: [{name: lower(id)}], keep: last}")
        #expect(computed.output.change == .updating(key: nil))
        #expect(computed.output.schema == computed.inputSchema)
    }

    @Test("top into rows that change by partition and rank, or by the row's own key")
    func top() throws {
        let ranked = try step(
            """
            from: events
            top:
              n: 10
              partition_by: [kind]
              order_by: [price desc, at nulls first, "amount DESC NULLS LAST"]
              rank: place
            """)
        #expect(ranked.output.change == .updating(key: ["kind", "place"]))
        #expect(ranked.output.schema.fields.last == Field("place", .bigint))
        guard case .top(let spec) = ranked.verb else {
            Issue.record("no top")
            return
        }
        #expect(spec.limit == 10)
        #expect(spec.order.items.map(\.isDescending) == [true, false, true])
        #expect(spec.order.items.map(\.isNullFirst) == [true, true, false])
        #expect(spec.order.items.map { $0.expression.text } == ["price", "at", "amount"])
        let plain = try step("from: events\ntop: {n: 1, order_by: [price]}")
        #expect(plain.output.change == .updating(key: nil))
        let tied = try step("from: events\ntop: {n: 1, order_by: [price], rank: r, ties: all}")
        #expect(tied.output.change == .updating(key: nil))
    }

    private static let windowed = """
          views:
            from: events
            aggregate: {window: {tumbling: 1m}, group_by: [kind], compute: {n: count(*)}}
            select: [n, kind, window_end, window_start]
          out:

        """

    @Test("top of the windows of its input, which never changes")
    func windows() throws {
        let text = pipeline(
            step: "from: views\ntop: {n: 3, order_by: [n desc], window: inherit}",
            sink: "from: out, stdout: {}, format: json"
        ).replacing("  out:\n", with: Self.windowed)
        let result = load(text)
        #expect(result.diagnostics.rendered == "")
        let spec = try #require(result.pipelines.first)
        let found = try #require(spec.steps.first { $0.name == "out" })
        #expect(found.output.change == .append)
        guard case .top(let top) = found.verb else {
            Issue.record("no top")
            return
        }
        #expect(top.windowEnd == 2)
    }

    @Test("over rows that change keep them all, by their own key")
    func changing() throws {
        let text = pipeline(
            step: "from: views\ntop: {n: 3, order_by: [n desc]}", sink: Self.changes
        ).replacing(
            "  out:\n",
            with: Self.windowed.replacing("window: {tumbling: 1m}, ", with: "")
                .replacing("\n    select: [n, kind, window_end, window_start]", with: ""))
        let result = load(text)
        #expect(result.diagnostics.rendered == "")
        let found = try #require(result.pipelines.first?.steps.first { $0.name == "out" })
        #expect(found.output.change == .updating(key: ["kind"]))
        let explained = PipelineExplanation(try #require(result.pipelines.first))
        #expect(
            explained.nodes.first { $0.name == "out" }?.state
                == .unbounded("every row of its input that stands"))
    }

    @Test(
        "say what they keep",
        arguments: [
            ("deduplicate: {by: [id]}", "grows with the number of keys", false),
            (
                "deduplicate: {by: [id], within: 15m}",
                "the keys of the last 15m, at most twice as long", true
            ),
            ("top: {n: 3, order_by: [at]}", "3 rows", true),
            (
                "top: {n: 3, order_by: [at], partition_by: [id]}",
                "grows with the number of partitions", false
            ),
        ])
    func state(_ verb: String, _ words: String, _ isBounded: Bool) throws {
        let result = load(pipeline(step: "from: events\n\(verb)", sink: Self.changes))
        let spec = try #require(result.pipelines.first)
        let node = try #require(PipelineExplanation(spec).nodes.first { $0.name == "out" })
        #expect(node.state == (isBounded ? .bounded(words) : .unbounded(words)))
        #expect(spec.statefulNodes.contains("out"))
    }

    @Test(
        "have another state when what they keep differs",
        arguments: [
            "deduplicate: {by: [id], within: 1m}", "deduplicate: {by: [kind]}",
            "deduplicate: {by: [id], keep: last}", "top: {n: 3, order_by: [at]}",
            "top: {n: 4, order_by: [at]}", "top: {n: 3, order_by: [at desc]}",
            "top: {n: 3, order_by: [at nulls first]}", "top: {n: 3, order_by: [at], ties: all}",
            "top: {n: 3, order_by: [at], partition_by: [id]}",
        ])
    func fingerprints(_ verb: String) throws {
        func fingerprint(_ verb: String) throws -> String? {
            let text = pipeline(step: "from: events\n\(verb)", sink: Self.changes)
            return try #require(load(text).pipelines.first).stateFingerprints()["out"]
        }
        #expect(try fingerprint(verb) != fingerprint("deduplicate: {by: [id]}"))
        #expect(try fingerprint(verb) == fingerprint(verb))
        if verb == "top: {n: 3, order_by: [at]}" {
            #expect(
                try fingerprint(verb) == fingerprint("top: {n: 3, order_by: [at], rank: place}"))
        }
    }
}
