import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Comparing other specs with what runs")
struct DaemonDiffTests {
    private static func spec(_ name: String, _ window: String, more: String = "") -> String {
        """
        pipeline: \(name)
        sources:
          events:
            generate: {count: 10, columns: {id: {sequence: 1}, at: {time: {start: 2026-01-01T00:00:00Z, step: 1s}}}}
            schema: {id: bigint, at: timestamp}
            event_time: {column: at}
        steps:
          counts:
            from: events
            aggregate: {window: {tumbling: \(window)}, compute: {n: count(*)}}
        sinks:
          out: {from: counts, stdout: {}, format: json}
        \(more)
        """
    }

    private func folder(_ specs: [String: String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder("diff")
        for (name, text) in specs { try folder.writeSpec(text, to: name) }
        return folder
    }

    /// What a daemon that runs these specs tells.
    private func meanings(_ texts: [String]) throws -> JSONValue {
        let folder = try TemporaryFolder("meanings")
        let rows = try texts.map { text -> JSONValue in
            let meaning = PipelineMeaning(try loadSpec(text, in: folder))
            let name = try loadSpec(text, in: folder).name
            return [
                "name": .string(name), "phase": "Running", "state": meaning.json,
                "needs_approval": false, "approved_plan": .null, "rows": 5_000_000,
                "micros_to_read_all": 3_000_000,
            ]
        }
        return ["pipelines": .array(rows)]
    }

    private func texts(_ answer: JSONValue) -> [String] {
        (answer["changes"]?.array ?? []).compactMap { $0["text"]?.text }
    }

    @Test("of a folder, all that would change; of a file, its pipelines alone")
    func paths() throws {
        let told = try meanings([
            Self.spec("a", "10s"), Self.spec("b", "10s"), Self.spec("gone", "10s"),
        ])
        let other = try folder([
            "a.yaml": Self.spec("a", "20s"), "b.yaml": Self.spec("b", "10s"),
            "c.yaml": Self.spec("c", "10s"),
        ])
        let all = try DaemonDiff(
            path: other.path, revision: nil, environment: SpecEnvironment(workingDirectory: "/")
        )
        .answer(told)
        #expect(
            texts(all) == [
                "~ a: rebuild beside the running version, from 5.00M rows in about 3s\n"
                    + "    step 'counts': rebuilt, because its definition has changed",
                "+ c: start", "- gone: stop (removed), state is kept",
            ])
        let one = try DaemonDiff(
            path: other.path + "/b.yaml", revision: nil,
            environment: SpecEnvironment(workingDirectory: "/")
        ).answer(told)
        #expect(texts(one).isEmpty)
        let changed = try DaemonDiff(
            path: other.path + "/a.yaml", revision: nil,
            environment: SpecEnvironment(workingDirectory: "/")
        ).answer(told)
        #expect(texts(changed).count == 1)
        #expect(changed["changes"]?.array?.first?["plan"]?.text?.utf8.count == 12)
    }

    @Test("of a commit that is not applied, and of what cannot be read")
    func revisions() throws {
        let told = try meanings([Self.spec("a", "10s")])
        let other = try folder(["a.yaml": Self.spec("a", "20s")])
        func git(_ words: String...) {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            #expect(ChildProcess.run("git", ["-C", other.path] + identity + words)?.status == 0)
        }
        git("init", "-q")
        git("add", ".")
        git("commit", "-q", "-m", "one")
        try other.writeSpec(Self.spec("a", "10s"), to: "a.yaml")
        func diff(_ revision: String?) throws -> JSONValue {
            try DaemonDiff(
                path: other.path, revision: revision,
                environment: SpecEnvironment(workingDirectory: "/")
            )
            .answer(told)
        }
        #expect(try texts(diff(nil)).isEmpty)
        #expect(try texts(diff("HEAD")).count == 1)
        #expect(throws: GitError.self) { try diff("nonsense") }
        #expect(throws: GitError.self) {
            try DaemonDiff(
                path: other.path + "/nowhere", revision: nil,
                environment: SpecEnvironment(workingDirectory: "/")
            ).answer(told)
        }
        try other.writeSpec("pipeline: [", to: "a.yaml")
        #expect(try diff(nil)["problems"]?.array?.count == 1)
    }

    @Test("a daemon tells what its states belong to")
    func meanings() throws {
        let daemon = try TestDaemon(specs: ["a.yaml": "a 1"])
        defer { daemon.close() }
        try daemon.converge()
        let answer = try #require(try daemon.client().request("meanings"))
        let told = try #require(answer["pipelines"]?.array?.first)
        #expect(told["name"]?.text == "a")
        #expect(told["state"].flatMap(PipelineMeaning.init(json:))?.digest == "1w")
    }
}
