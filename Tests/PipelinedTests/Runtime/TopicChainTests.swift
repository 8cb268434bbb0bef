import Config
import Connectors
import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

/// A pipeline's output as another one's input.
@Suite("Pipelines chained through a topic")
struct TopicChainTests {
    private static let steps = """
          per_id:
            from: events
            aggregate:
              window: {tumbling: 5s}
              group_by: [id]
              compute:
                rows: count(*)
                total: sum(n)
        """

    /// Rows out of order, some of them late, in several files.
    private static func writeInput(in folder: TemporaryFolder) throws {
        var random = SeededRandom(seed: testSeed)
        for file in 0..<4 {
            var text = ""
            for row in 0..<200 {
                let time = (file * 200 + row) * 50 - Int.random(in: 0...1500, using: &random)
                let late = row % 23 == 22 ? 20_000 : 0
                text += "{\"id\":\"k\(row % 7)\",\"at\":\(max(0, time - late)),\"n\":\(row)}\n"
            }
            _ = try folder.write(text, to: "in-\(file).ndjson")
        }
    }

    private static func source(_ folder: TemporaryFolder) -> String {
        """
          events:
            file: {path: "\(folder.path)/in-*.ndjson"}
            format: json
            schema: {id: string, at: timestamp(ms), n: bigint}
            event_time: {column: at, max_out_of_orderness: 1s}
        """
    }

    private static func run(
        _ spec: PipelineSpec, _ disk: SimulatedFileSystem, everyBatch: Bool
    ) throws {
        var run = EngineRun(spec: spec, fileSystem: disk, statePath: "/state")
        run.commitsEachBatch = everyBatch
        let outcome = run.run()
        guard case .finished = outcome else {
            Issue.record("\(spec.name) ended with \(outcome)")
            return
        }
    }

    @Test(
        "give the same rows and the same late ones as one pipeline does",
        arguments: [true, false])
    func sameAsOne(everyBatch: Bool) throws {
        let folder = try TemporaryFolder("chain")
        try Self.writeInput(in: folder)
        let disk = SimulatedFileSystem(seed: 1)
        _ = try disk.createDirectory("/state", permissions: 0o700)
        try disk.syncDirectory("/")
        let whole = try loadSpec(
            """
            pipeline: whole
            sources:
            \(Self.source(folder))
            steps:
            \(Self.steps)
            sinks:
              rows: {from: per_id, topic: whole-rows}
              late: {from: per_id.late, topic: whole-late}
            """, in: folder)
        let first = try loadSpec(
            """
            pipeline: first
            sources:
            \(Self.source(folder))
            steps:
              passed: {from: events, where: n >= 0}
            sinks:
              out: {from: passed, topic: events}
            """, in: folder)
        try Self.run(whole, disk, everyBatch: everyBatch)
        try Self.run(first, disk, everyBatch: everyBatch)
        let second = try loadSpec(
            """
            pipeline: second
            sources:
              events: {topic: events, stop: latest, schema: {id: string, at: timestamp, n: bigint}}
            steps:
            \(Self.steps)
            sinks:
              rows: {from: per_id, topic: chained-rows}
              late: {from: per_id.late, topic: chained-late}
            """, in: folder)
        try Self.run(second, disk, everyBatch: everyBatch)
        for name in ["rows", "late"] {
            let expected = try TopicDump.rows("whole-\(name)", state: "/state", disk)
            let actual = try TopicDump.rows("chained-\(name)", state: "/state", disk)
            #expect(!expected.isEmpty)
            #expect(actual == expected, "seed \(testSeed)")
        }
    }

    @Test("a table follows a keyed topic: the latest row of a key, and none after a deletion")
    func table() throws {
        let folder = try TemporaryFolder("topic-table")
        _ = try folder.write(
            """
            {"id":"a","name":"one","gone":false}
            {"id":"b","name":"two","gone":false}
            {"id":"c","name":"three","gone":false}
            {"id":"a","name":"uno","gone":false}
            {"id":"c","name":"three","gone":true}

            """, to: "names.ndjson")
        _ = try folder.write(
            "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n", to: "events.ndjson")
        let disk = SimulatedFileSystem(seed: 1)
        _ = try disk.createDirectory("/state", permissions: 0o700)
        try disk.syncDirectory("/")
        let names = try loadSpec(
            """
            pipeline: names
            sources:
              names:
                file: {path: "\(folder.path)/names.ndjson"}
                format: json
                schema: {id: string, name: string, gone: boolean}
            sinks:
              out: {from: names, topic: names, mode: upsert, key: [id], delete_when: gone}
            """, in: folder)
        try Self.run(names, disk, everyBatch: true)
        let joined = try loadSpec(
            """
            pipeline: joined
            sources:
              events:
                file: {path: "\(folder.path)/events.ndjson"}
                format: json
                schema: {id: string}
            tables:
              names: {topic: names, key: [id], schema: {id: string, name: string}}
            steps:
              named: {from: events, join: {table: names, match: [id], type: left}}
            sinks:
              rows: {from: named, topic: joined-rows}
            """, in: folder)
        try Self.run(joined, disk, everyBatch: true)
        let rows = try TopicDump.rows("joined-rows", state: "/state", disk)
        #expect(
            rows == [
                "{\"id\":\"a\",\"name\":\"uno\"}", "{\"id\":\"b\",\"name\":\"two\"}",
                "{\"id\":\"c\",\"name\":null}",
            ])
    }
}
