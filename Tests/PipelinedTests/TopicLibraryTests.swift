import Config
import Operators
import Synchronization
import TestSupport
import Testing

@testable import Pipelined

/// A library over texts that the test holds, which notes what is read.
private final class Folder {
    private final class Notes: Sendable {
        let loads = Mutex<[String]>([])
        let stored = Mutex<[String: KnownTopic]>([:])
    }
    private let notes = Notes()
    private(set) var library: SpecLibrary
    private var known: [String: String] = [:]
    private let reading: SpecLibrary.Reading

    init() {
        let specs = SpecReading(
            folder: "pipelines", environment: SpecEnvironment(workingDirectory: "/usr"),
            isEnvironmentStrict: true)
        let notes = notes
        reading = SpecLibrary.Reading(
            load: { texts, topics in
                notes.loads.withLock { $0 += texts.map(\.file) }
                return specs.load(texts, topics)
            }, conflicts: SpecReading.conflicts,
            storedTopics: { notes.stored.withLock { $0 } })
        library = SpecLibrary(reading)
    }

    func store(_ name: String, _ fields: [Field]) {
        notes.stored.withLock {
            $0[name] = KnownTopic(schema: Schema(fields), mode: .append, origin: "the store")
        }
    }

    /// Looks at files, by name.
    ///
    /// - Returns: The files that were read, in the order of the reading.
    @discardableResult
    func look(_ files: [String: String]) -> [String] {
        notes.loads.withLock { $0 = [] }
        let listed = files.sorted { $0.key < $1.key }.map { name, text in
            SpecFile(
                name: name,
                content: known[name] == text ? .unchanged : .changed(Array(text.utf8)))
        }
        known = files
        _ = library.take(.files(listed), allowEmpty: true)
        return notes.loads.withLock { $0 }
    }

    /// What a new daemon begins with.
    func restart() {
        let remembered = library.pipelines.sorted { $0.key < $1.key }.map { name, entry in
            SpecLibrary.Remembered(
                name: name, text: SpecLibrary.Text(file: entry.file, bytes: entry.bytes))
        }
        library = SpecLibrary(reading)
        library.remember(remembered)
        known = [:]
    }

    func columns(_ pipeline: String) -> [String]? {
        library.pipelines[pipeline]?.loaded.spec.sources[0].output.schema.fields.map(\.name)
    }

    func problem(_ pipeline: String) -> String? { library.pipelines[pipeline]?.problem?.summary }
}

private let writer = """
    pipeline: writer
    sources:
      rows: {file: {path: data/rows.ndjson}, format: json, schema: {id: string, n: bigint}}
    sinks: {out: {from: rows, topic: rows}}
    """
private let middle = """
    pipeline: middle
    sources: {rows: {topic: rows}}
    sinks: {out: {from: rows, topic: more}}
    """
private let reader = """
    pipeline: reader
    sources: {rows: {topic: more}}
    sinks: {out: {from: rows, file: {path: out/more.ndjson}, format: json}}
    """
private let other = """
    pipeline: other
    sources:
      rows: {file: {path: data/rows.ndjson}, format: json, schema: {id: string}}
    sinks: {out: {from: rows, file: {path: out/other.ndjson}, format: json}}
    """
private let all = ["a.yaml": reader, "b.yaml": middle, "c.yaml": writer, "d.yaml": other]

@Suite("Topics of a library of specs")
struct TopicLibraryTests {
    @Test("are found across files, each of which is read once")
    func first() {
        let folder = Folder()
        #expect(folder.look(all) == ["a.yaml", "b.yaml", "c.yaml", "d.yaml"])
        #expect(folder.library.pipelines.count == 4)
        #expect(folder.library.orphanProblems.isEmpty)
        #expect(folder.library.topics.keys.sorted() == ["more", "rows"])
        #expect(folder.look(all) == [])
    }

    @Test("have only those files read again that name a topic whose shape is new")
    func changes() {
        let folder = Folder()
        folder.look(all)
        var files = all
        files["c.yaml"] = writer + "\n# A comment."
        #expect(folder.look(files) == ["c.yaml"])
        files["c.yaml"] = writer.replacing("n: bigint", with: "n: bigint, x: double")
        #expect(folder.look(files) == ["c.yaml", "b.yaml", "a.yaml"])
        #expect(folder.columns("reader") == ["id", "n", "x"])
        files["b.yaml"] = middle.replacing(
            "topic: rows}", with: "topic: rows, schema: {id: string}}")
        #expect(folder.look(files) == ["b.yaml", "a.yaml"])
        #expect(folder.columns("reader") == ["id"])
    }

    @Test("are taken up when their writer comes later")
    func later() {
        let folder = Folder()
        folder.look(["b.yaml": middle])
        #expect(folder.library.pipelines.isEmpty)
        #expect(folder.library.orphanProblems["b.yaml"]?.count == 1)
        #expect(folder.look(["b.yaml": middle, "c.yaml": writer]) == ["c.yaml", "b.yaml"])
        #expect(folder.library.pipelines.keys.sorted() == ["middle", "writer"])
        #expect(folder.library.orphanProblems.isEmpty)
    }

    @Test("come from the store as well, also when they are made there between two looks")
    func stored() {
        let folder = Folder()
        folder.look(["b.yaml": middle])
        #expect(folder.library.pipelines.isEmpty)
        folder.store("rows", [Field("x", .string)])
        #expect(folder.look(["b.yaml": middle]) == ["b.yaml"])
        #expect(folder.columns("middle") == ["x"])
        #expect(folder.library.topics.keys.sorted() == ["more"])
    }

    @Test("stay as they were while what says them is broken")
    func brokenWriter() {
        let folder = Folder()
        folder.look(all)
        var files = all
        files["c.yaml"] = writer.replacing("json", with: "jsno")
        #expect(folder.look(files) == ["c.yaml"])
        #expect(folder.problem("writer") != nil)
        #expect(folder.problem("middle") == nil)
        #expect(folder.library.topics["rows"] != nil)
        // The reader is written anew meanwhile.
        files["b.yaml"] = middle + "\n# A comment."
        folder.look(files)
        #expect(folder.problem("middle") == nil)
    }

    @Test("are what their document says; a broken document leaves the last good one in force")
    func documents() {
        let folder = Folder()
        let document = "topic: rows\nschema: {n: double, id: string}\n"
        var files = all
        files["t.yaml"] = document
        folder.look(files)
        #expect(folder.columns("middle") == ["n", "id"])
        #expect(folder.library.topics["rows"]?.writer == nil)
        files["t.yaml"] = document.replacing("double", with: "duble")
        #expect(folder.look(files) == ["t.yaml"])
        #expect(folder.library.topics["rows"]?.schema.fields.map(\.type) == [.double, .string])
        #expect(folder.library.orphanProblems["t.yaml"]?.map(\.topic) == ["rows"])
        files["t.yaml"] = document.replacing("double", with: "bigint")
        folder.look(files)
        #expect(folder.library.orphanProblems.isEmpty)
        #expect(folder.library.topics["rows"]?.schema.fields.map(\.type) == [.bigint, .string])
    }

    @Test("lose their document when two looks in a row do not have it")
    func removedDocument() {
        let folder = Folder()
        var files = all
        files["t.yaml"] = "topic: rows\nschema: {n: double, id: string}\n"
        folder.look(files)
        #expect(folder.look(all) == [])
        #expect(folder.columns("middle") == ["n", "id"])
        #expect(folder.library.isMakingSure)
        #expect(folder.look(all) == ["b.yaml", "a.yaml"])
        #expect(folder.columns("middle") == ["id", "n"])
        #expect(!folder.library.isMakingSure)
    }

    @Test("hold their writers to the document; who does not fit runs on as it was")
    func mismatch() {
        let folder = Folder()
        folder.look(all)
        let before = folder.library.pipelines["writer"]?.loaded.meaning
        var files = all
        files["t.yaml"] = "topic: rows\nschema: {id: string}\n"
        folder.look(files)
        #expect(folder.problem("writer")?.hasSuffix("do not fit topic 'rows'") == true)
        #expect(folder.library.pipelines["writer"]?.loaded.meaning == before)
        #expect(folder.columns("middle") == ["id"])
    }

    @Test("are declared by the document in force when there are two")
    func duplicates() {
        let folder = Folder()
        folder.look(["t.yaml": "topic: rows\nschema: {id: string}\n"])
        folder.look([
            "s.yaml": "topic: rows\nschema: {id: bigint}\n",
            "t.yaml": "topic: rows\nschema: {id: string}\n",
        ])
        #expect(folder.library.topics["rows"]?.path == "pipelines/t.yaml")
        #expect(
            folder.library.orphanProblems["s.yaml"]?.first?.summary
                == "pipelines/s.yaml:1:8: topic 'rows' is declared twice")
    }

    @Test("are known to a daemon that starts again")
    func restart() {
        let folder = Folder()
        var files = all
        folder.look(files)
        folder.restart()
        #expect(folder.library.pipelines.count == 4)
        #expect(folder.columns("reader") == ["id", "n"])
        files["c.yaml"] = writer.replacing("json", with: "jsno")
        folder.look(files)
        #expect(folder.columns("reader") == ["id", "n"])
        #expect(folder.problem("reader") == nil)
    }

    @Test("cost a thousand specs nothing when one of them changes that nobody reads")
    func many() {
        let folder = Folder()
        var files: [String: String] = [:]
        for index in 0..<1000 {
            files["p\(index).yaml"] = middle.replacing("middle", with: "p\(index)")
                .replacing("topic: rows", with: "topic: t\(index)")
                .replacing("topic: more", with: "topic: t\(index + 1)")
        }
        files["w.yaml"] = writer.replacing("topic: rows", with: "topic: t0")
        #expect(folder.look(files).count == 1001)
        #expect(folder.library.pipelines.count == 1001)
        files["p999.yaml"] = (files["p999.yaml"] ?? "") + "\ndescription: The last"
        #expect(folder.look(files) == ["p999.yaml"])
        let clock = ContinuousClock()
        let time = clock.measure { folder.look(files) }
        #expect(time < .seconds(2))
    }
}
