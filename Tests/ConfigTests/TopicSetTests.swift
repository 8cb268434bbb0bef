import Config
import Operators
import TestSupport
import Testing

/// A pipeline that passes rows from one topic to another.
private func link(_ name: String, _ from: String, _ to: String, _ more: String = "") -> SpecInput {
    let text = """
        pipeline: \(name)
        sources: {rows: {topic: \(from)\(more)}}
        sinks: {out: {from: rows, topic: \(to)}}
        """
    return SpecInput(path: "\(name).yaml", bytes: Array(text.utf8))
}

private func document(_ name: String, _ schema: String, path: String = "topics.yaml") -> SpecInput {
    SpecInput(path: path, bytes: Array("topic: \(name)\nschema: {\(schema)}\n".utf8))
}

/// A pipeline that begins a chain.
private func head(_ name: String, _ to: String, _ schema: String) -> SpecInput {
    let text = """
        pipeline: \(name)
        sources:
          rows: {file: {path: data/\(name).ndjson}, format: json, schema: {\(schema)}}
        sinks: {out: {from: rows, topic: \(to)}}
        """
    return SpecInput(path: "\(name).yaml", bytes: Array(text.utf8))
}

private func columns(_ results: [LoadResult], _ name: String) -> [String]? {
    results.flatMap(\.pipelines).first { $0.name == name }?
        .sources[0].output.schema.fields.map { "\($0.name) \($0.type.name)" }
}

private func problems(_ results: [LoadResult]) -> [String] {
    results.flatMap(\.diagnostics).map(\.message)
}

@Suite("Topics between files")
struct TopicSetTests {
    @Test("resolve along a chain, in any order of the files")
    func chain() {
        let files = [
            head("a", "one", "id: string, n: bigint"), link("b", "one", "two"),
            link("c", "two", "three"), link("d", "three", "four"),
        ]
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<10 {
            let results = loader().load(files.shuffled(using: &random))
            #expect(problems(results) == [], "seed \(testSeed)")
            #expect(columns(results, "d") == ["id string", "n bigint"], "seed \(testSeed)")
        }
    }

    @Test("are what a document says, not what a sink gives")
    func documented() {
        let files = [
            link("b", "one", "two"), head("a", "one", "n: bigint, id: string"),
            document("one", "id: string, n: double"),
        ]
        let results = loader().load(files)
        #expect(problems(results) == [])
        #expect(columns(results, "b") == ["id string", "n double"])
        let checked = SpecDirectory.check(
            results.flatMap(\.pipelines), topics: results.flatMap(\.topics))
        #expect(checked.diagnostics.isEmpty)
    }

    @Test("are known from the store where no file speaks of them")
    func stored() {
        let known = KnownTopic(
            schema: Schema([Field("x", .string)]), mode: .append, origin: "the store")
        let loader = SpecLoader(
            environment: SpecEnvironment(workingDirectory: "/usr"),
            options: SpecLoadOptions(topics: ["one": known, "two": known]))
        let results = loader.load([link("c", "two", "three"), head("a", "two", "id: string")])
        #expect(columns(results, "c") == ["id string"])
        #expect(columns(loader.load([link("b", "one", "two")]), "b") == ["x string"])
    }

    @Test("go round in a circle when a reader states the columns")
    func statedCircle() {
        let results = loader().load([
            link("a", "two", "one", ", schema: {id: string}"), link("b", "one", "two"),
        ])
        #expect(problems(results) == [])
        #expect(columns(results, "a") == ["id string"])
        #expect(columns(results, "b") == ["id string"])
    }

    @Test("go round in a circle when a document or the store knows one of them")
    func knownCircle() {
        let circle = [link("a", "two", "one"), link("b", "one", "two")]
        let documented = loader().load(circle + [document("one", "id: string")])
        #expect(problems(documented) == [])
        let known = KnownTopic(
            schema: Schema([Field("id", .string)]), mode: .append, origin: "the store")
        let loader = SpecLoader(
            environment: SpecEnvironment(workingDirectory: "/usr"),
            options: SpecLoadOptions(topics: ["two": known]))
        #expect(problems(loader.load(circle)) == [])
    }

    @Test("of a circle that states columns must have them")
    func wrongCircle() {
        let results = loader().load([
            link("a", "two", "one", ", schema: {id: string}"),
            SpecInput(
                path: "b.yaml",
                bytes: Array(
                    """
                    pipeline: b
                    sources: {rows: {topic: one}}
                    steps: {other: {from: rows, select: {key: id}}}
                    sinks: {out: {from: other, topic: two}}
                    """.utf8)),
        ])
        #expect(problems(results) == ["unknown column 'id'"])
        #expect(results[0].failed.map(\.name) == ["a"])
    }

    @Test("that know nothing of themselves are an error each, and so is what follows")
    func circle() {
        let results = loader().load([
            link("a", "two", "one"), link("b", "one", "two"), link("c", "two", "three"),
            link("d", "three", "four"),
        ])
        #expect(
            problems(results) == [
                "the columns of topic 'two' depend on themselves",
                "the columns of topic 'one' depend on themselves",
                "the columns of topic 'two' depend on themselves",
                "the columns of topic 'three' are not known",
            ])
    }

    @Test("of a broken writer are not called unknown")
    func brokenWriter() {
        let results = loader().load([link("b", "one", "two"), head("a", "one", "id: strng")])
        #expect(
            problems(results) == [
                "the columns of topic 'one' are not known", "unknown type 'strng'",
            ])
        #expect(results[0].diagnostics[0].label == "sink 'out' of 'a' has mistakes")
        let documented = loader().load([link("b", "one", "two"), document("one", "id: strng")])
        #expect(
            documented[0].diagnostics[0].label == "its document at topics.yaml:1 has mistakes")
    }

    @Test("are declared once in a directory; the one in force stands")
    func duplicates() {
        let topics = loader().load([
            document("one", "id: string", path: "a.yaml"),
            document("one", "id: bigint", path: "b.yaml"),
        ]).flatMap(\.topics)
        let first = SpecDirectory.check([], topics: topics)
        #expect(first.topics.map(\.path) == ["a.yaml"])
        #expect(first.failed.map(\.kind) == [.topic])
        #expect(first.diagnostics.map(\.message) == ["topic 'one' is declared twice"])
        let inForce = SpecDirectory.check(
            [], topics: topics, inForce: .init(topics: ["one": "b.yaml"]))
        #expect(inForce.topics.map(\.path) == ["b.yaml"])
    }

    @Test("have several writers when those agree, whatever the order of columns")
    func writers() {
        func check(_ second: String) -> [String] {
            let results = loader().load([
                head("a", "one", "id: string, n: bigint"), head("b", "one", second),
            ])
            return SpecDirectory.check(results.flatMap(\.pipelines)).failed.compactMap(\.name)
        }
        #expect(check("n: bigint, id: string") == [])
        #expect(check("id: string, n: double") == ["b"])
        #expect(check("id: string") == ["b"])
    }

    @Test("cost one reading a document, a thousand in the worst order")
    func many() {
        var files = (1..<1000).map { link("p\($0)", "t\($0)", "t\($0 + 1)") }
        files.reverse()
        files.append(head("p0", "t1", "id: string"))
        let clock = ContinuousClock()
        var results: [LoadResult] = []
        let time = clock.measure { results = loader().load(files) }
        #expect(problems(results) == [])
        #expect(results.flatMap(\.pipelines).count == 1000)
        // It takes a second or two; quadratic work would take minutes.
        #expect(time < .seconds(60))
    }
}
