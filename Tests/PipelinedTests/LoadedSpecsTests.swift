import Config
import Operators
import TestSupport
import Testing

@testable import Pipelined

@Suite("Specs that a command names")
struct LoadedSpecsTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder("named-specs")
        try folder.write(
            """
            pipeline: reader
            sources: {rows: {topic: numbers}}
            sinks: {out: {from: rows, topic: documented}}
            """, to: "reader.yaml")
        try folder.write(
            """
            pipeline: writer
            sources: {made: {generate: {count: 9, columns: {n: sequence}}, schema: {n: bigint}}}
            sinks: {out: {from: made, topic: numbers}}
            """, to: "writer.yaml")
        try folder.write("topic: documented\nschema: {n: string}\n", to: "topics.yaml")
        try folder.write("pipeline: [", to: "broken.yaml")
    }

    private func load(
        _ names: String..., knownTopics: [String: KnownTopic] = [:]
    ) -> LoadedSpecs {
        let files = SpecFiles(names.map { folder.path(of: $0) })
        return LoadedSpecs(
            files, Invocation(command: "validate"), isEnvironmentStrict: false,
            knownTopics: knownTopics)
    }

    @Test("find their topics in the files beside them, and say nothing of those")
    func neighbours() {
        let specs = load("reader.yaml")
        #expect(specs.diagnostics.rendered == "")
        #expect(specs.pipelines.map(\.name) == ["reader"])
        #expect(specs.topics.isEmpty)
    }

    @Test("are held to the documents beside them")
    func documents() {
        var specs = load("reader.yaml", "reader.yaml")
        #expect(specs.pipelines.count == 1)
        specs.checkTogether()
        #expect(
            specs.diagnostics.map(\.message) == [
                "the rows of this sink do not fit topic 'documented'"
            ])
        #expect(specs.pipelines.isEmpty)
    }

    @Test("take topics that are known besides")
    func known() throws {
        try folder.write("# Nothing.\n", to: "writer.yaml")
        #expect(load("reader.yaml").diagnostics.map(\.message) == ["unknown topic 'numbers'"])
        let topic = KnownTopic(
            schema: Schema([Field("n", .string)]), mode: .append, origin: "the store")
        var specs = load("reader.yaml", knownTopics: ["numbers": topic])
        specs.checkTogether()
        #expect(specs.diagnostics.rendered == "")
    }
}
