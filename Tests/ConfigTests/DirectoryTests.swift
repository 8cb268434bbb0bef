import Config
import TestSupport
import Testing

private func specs(_ files: [(path: String, name: String, input: String, output: String)])
    -> [PipelineSpec]
{
    files.flatMap { file in
        let text = """
            pipeline: \(file.name)
            sources:
              s: {file: {path: "\(file.input)"}, format: json, schema: {n: bigint}}
            sinks:
              out: {from: s, file: {path: "\(file.output)"}, format: json}
            """
        return loader().load(bytes: Array(text.utf8), path: file.path).pipelines
    }
}

@Suite("Specs of one directory")
struct DirectoryTests {
    @Test("all stand when they do not touch")
    func sound() {
        let found = SpecDirectory.check(
            specs([("a.yaml", "a", "in/x", "out/a"), ("b.yaml", "b", "in/x", "out/b")]))
        #expect(found.pipelines.map(\.name) == ["a", "b"])
        #expect(found.diagnostics.isEmpty)
    }

    @Test("keep the first of one name, or the one that is running")
    func names() {
        let both = specs([("b.yaml", "x", "in", "out/1"), ("a.yaml", "x", "in", "out/2")])
        let first = SpecDirectory.check(both)
        #expect(first.pipelines.map(\.path) == ["a.yaml"])
        #expect(first.failed.map(\.path) == ["b.yaml"])
        #expect(first.diagnostics.map(\.message) == ["two pipelines are called 'x'"])
        let running = SpecDirectory.check(both, inForce: .init(pipelines: ["x": "b.yaml"]))
        #expect(running.pipelines.map(\.path) == ["b.yaml"])
    }

    @Test(
        "refuse files that two of them touch",
        arguments: [
            ("in/a", "out/x", "in/b", "out/x", "two sinks write to one path"),
            ("in/a", "out/x", "in/b", "./out/../out/x", "two sinks write to one path"),
            ("in/a", "out/x", "out/x", "out/y", "'b' reads the file that sink 'out' of 'a' writes"),
            (
                "in/a", "out/%Y-%m.json", "out/*.json", "o",
                "'b' reads the file that sink 'out' of 'a' writes"
            ),
            ("out/?", "o", "in/b", "out/x", "'a' reads the file that sink 'out' of 'b' writes"),
        ])
    func files(_ in1: String, _ out1: String, _ in2: String, _ out2: String, _ message: String) {
        let found = SpecDirectory.check(
            specs([("a.yaml", "a", in1, out1), ("b.yaml", "b", in2, out2)]))
        #expect(found.pipelines.map(\.name) == ["a"])
        #expect(found.failed.map(\.name) == ["b"])
        #expect(found.diagnostics.map(\.message) == [message])
        #expect(found.diagnostics.allSatisfy { $0.location != nil })
    }

    @Test("come out of one file even when another document of it is wrong")
    func documents() {
        let text =
            pipeline(step: "from: events") + "\n---\npipeline: second\nsinks: 1\n---\n"
            + pipeline(step: "from: events").replacing("pipeline: test", with: "pipeline: third")
        let result = load(text)
        #expect(result.pipelines.map(\.name) == ["test", "third"])
        #expect(result.failed.map(\.name) == ["second"])
    }

    @Test("are named even when their file is no YAML")
    func brokenFile() {
        let result = load("pipeline: one\nsinks: {\n---\npipeline: \"two\"\n")
        #expect(result.pipelines.isEmpty)
        #expect(result.failed.map(\.name) == ["one", "two"])
        #expect(result.failed.map(\.line) == [1, 4])
    }

    @Test("may be none, which is worth a warning")
    func empty() {
        let result = load("# nothing yet\n")
        #expect(result.diagnostics.map(\.severity) == [.warning])
        #expect(result.failed.isEmpty)
    }
}
