import Config
import Operators
import Testing

@Suite("Patterns in specs")
struct PatternTests {
    private func spec(_ fields: String) throws -> PipelineSpec {
        let indented = fields.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
        let result = load(
            pipeline(
                step: "from: events\npattern:\n\(indented)",
                sink: "from: out, stdout: {}, format: json"))
        #expect(result.diagnostics.rendered == "")
        return try #require(result.pipelines.first)
    }

    private static let usual = """
        partition_by: [kind]
        match: a b+ c
        define:
          b: price > 2
          c: price > last(b.price)
        measures:
          rows: count(*)
          lowest: min(b.price)
        within: 5m
        """

    @Test("only add rows, of the partition and the measures")
    func output() throws {
        let step = try #require(try spec(Self.usual).steps.first { $0.name == "out" })
        #expect(step.output.change == .append)
        #expect(step.output.schema.fields.map(\.name) == ["kind", "rows", "lowest"])
        guard case .pattern(let pattern) = step.verb else {
            Issue.record("no pattern")
            return
        }
        #expect(pattern.pattern.variables == ["a", "b", "c"])
        #expect(pattern.conditions.map { $0?.calls.count } == [nil, 0, 1])
        #expect(pattern.withinMicros == 300_000_000 && !pattern.skipsToNextRow)
    }

    @Test(
        "say what they keep",
        arguments: [
            (usual, "the rows of open matches, 5m", true),
            (
                usual.replacing("within: 5m", with: ""),
                "grows with the rows of open matches; 'within' would bound it", false
            ),
            (
                "partition_by: [id]\nmatch: a b\nmeasures: {n: count(*)}",
                "grows with the number of partitions; 'within' would bound it", false
            ),
            ("match: a b\nmeasures: {n: count(*)}", "the rows of an open match", true),
        ])
    func state(_ fields: String, _ words: String, _ isBounded: Bool) throws {
        let spec = try spec(fields)
        let node = try #require(PipelineExplanation(spec).nodes.first { $0.name == "out" })
        #expect(node.state == (isBounded ? .bounded(words) : .unbounded(words)))
        #expect(spec.statefulNodes.contains("out"))
    }

    @Test(
        "have another state when they match something else",
        arguments: [
            ("a b+ c", "a b* c"), ("a b+ c", "a b+? c"), ("price > 2", "price > 3"),
            ("within: 5m", "within: 6m"), ("[kind]", "[id]"), ("last(b.price)", "first(b.price)"),
            ("last(b.price)", "last(a.price)"), ("min(b.price)", "max(b.price)"),
            ("within: 5m", "within: 5m\nafter_match: skip_to_next_row"),
        ])
    func fingerprints(_ old: String, _ new: String) throws {
        let usual = try spec(Self.usual).stateFingerprints()["out"]
        #expect(try spec(Self.usual.replacing(old, with: new)).stateFingerprints()["out"] != usual)
        // The names of variables mean nothing.
        let renamed = Self.usual.replacing("b.price", with: "x.price")
            .replacing("b+", with: "x+").replacing("  b:", with: "  x:")
        #expect(try spec(renamed).stateFingerprints()["out"] == usual)
    }
}
