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

    @Test("several topics are replayed side by side: none is late, and none runs ahead")
    func merge() throws {
        let folder = try TemporaryFolder("merge")
        let disk = SimulatedFileSystem(seed: 1)
        _ = try disk.createDirectory("/state", permissions: 0o700)
        try disk.syncDirectory("/")
        // A day of orders, one a second, and of payments, one in three.
        for (name, count, step) in [("orders", 86_400, "1s"), ("payments", 28_800, "3s")] {
            let spec = try loadSpec(
                """
                pipeline: \(name)
                sources:
                  rows:
                    generate:
                      count: \(count)
                      columns:
                        n: {sequence: 0}
                        at: {time: {start: 2026-01-01T00:00:00Z, step: \(step)}}
                    schema: {n: bigint, at: timestamp}
                    event_time: {column: at}
                sinks:
                  out: {from: rows, topic: \(name)}
                """, in: folder)
            // Each batch is an epoch, and so a block: of 8,192 rows at most.
            try Self.run(spec, disk, everyBatch: true)
        }
        let schema = "schema: {n: bigint, at: timestamp}"
        let spec = try loadSpec(
            """
            pipeline: merged
            sources:
              orders: {topic: orders, stop: latest, \(schema)}
              payments: {topic: payments, stop: latest, \(schema)}
            steps:
              both: {from: [orders, payments]}
              hourly:
                from: both
                aggregate: {window: {tumbling: 1h}, compute: {rows: count(*)}}
            sinks:
              rows: {from: both, topic: merged}
              hours: {from: hourly, topic: hours}
              late: {from: hourly.late, topic: late}
            """, in: folder)
        try Self.run(spec, disk, everyBatch: true)
        #expect(try TopicDump.rows("late", state: "/state", disk).isEmpty)
        let hours = try TopicDump.rows("hours", state: "/state", disk)
        #expect(hours.count == 24)
        #expect(hours.allSatisfy { $0.hasSuffix("\"rows\":4800}") }, "\(hours)")
        // Of neither are more rows taken before their time than a block has.
        let format = ISO8601DateFormatter()
        let start = try #require(format.date(from: "2026-01-01T00:00:00Z"))
        var taken = [0, 0]
        var early = 0
        let rows = try TopicDump.rows("merged", state: "/state", disk)
        #expect(rows.count == 86_400 + 28_800)
        for row in rows {
            let text = String(row.suffix(22).prefix(20))
            let moment = try #require(format.date(from: text)).timeIntervalSince(start)
            let number = try #require(Int(row.dropFirst(5).prefix { $0 != "," }))
            // The number of a row is its second, or its third of one.
            let isPayment = Double(number) * 3 == moment && number == taken[1]
            taken[isPayment ? 1 : 0] += 1
            let due = [Int(moment) + 1, Int(moment) / 3 + 1]
            early = max(early, taken[0] - due[0], taken[1] - due[1])
        }
        print("of two topics at most \(early) rows were read before their time")
        #expect(taken == [86_400, 28_800])
        #expect(early > 0 && early <= 8192)
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
