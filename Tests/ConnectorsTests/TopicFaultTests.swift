import Config
import Glibc
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

/// Faults that were found by reading, each as it would come about; the test states what should hold.
@Suite("What must not happen between a topic and a pipeline")
struct TopicFaultTests {
    /// A topic whose segments are sealed at every commit with rows, or at a size.
    private struct Bench {
        let catalog: TopicCatalog

        init(segmentBytes: Int64 = 1) throws {
            let state = try StateDirectory.open(
                path: "/s", fileSystem: SimulatedFileSystem(), processID: 1, reserveBytes: 100)
            var options = TopicOptions(clock: { 7_000 })
            options.segmentBytesMax = segmentBytes
            catalog = TopicCatalog(
                try TopicStore.open(state: state, options: options) { _, _ in nil })
        }

        func connection(_ pipeline: String) -> TopicConnection {
            TopicConnection(catalog: catalog, pipeline: pipeline, clock: { 7_000 })
        }

        func sink(
            mode: SinkSpec.Mode = .append, key: [Int]? = nil, schema: Schema = TopicBench.schema,
            name: String = "out"
        ) throws -> any Sink {
            let spec = SinkSpec(
                name: name, input: NodeReference(node: "x", port: .main), inputSchema: schema,
                inputKey: key, connector: .topic(TopicSinkOptions(name: "t")), format: .none,
                mode: mode, deleteWhen: nil)
            let sink = try SinkFactory.open(spec, existing: .refuse, topics: connection("p"))
            try sink.recover(token: nil)
            return sink
        }

        func splits(stop: TopicPosition? = .latest, mode: TopicSpec.Mode = .append) throws
            -> [any SourceSplit]
        {
            let spec = SourceSpec(
                name: "in",
                connector: .topic(TopicSourceOptions(name: "t", stop: stop, mode: mode)),
                format: .none, fields: TopicBench.schema.fieldSpecs, metadata: [],
                eventTime: EventTimeSpec(value: .arrival),
                output: NodeOutput(schema: TopicBench.schema, change: .append))
            return try SourceFactory.open(spec, topics: connection("r")).discover()
        }
    }

    private static func commit(_ sink: any Sink, _ epoch: UInt64) throws {
        let cut = try sink.cut(epoch: epoch)
        try cut.sync()
        try cut.commit()
    }

    @Test("`start: latest` on a topic without rows misses none after a restart")
    func latestAfterRestart() throws {
        let bench = try TopicBench()
        let sink = try bench.sink()
        _ = try bench.catalog.apply(
            TopicSpec(
                name: "t", path: "t.yaml", line: 1, schema: TopicBench.schema, key: nil,
                mode: .append), isDocumented: true)
        let first = try bench.source(start: .latest)
        #expect(try first.discover().isEmpty)
        // The reader's first checkpoint, of another source's rows, has no position of this one.
        try sink.recover(token: nil)
        try bench.write([("a", 1), ("b", 2)], to: sink, epoch: 1)
        let again = try bench.source(start: .latest)
        var splits = try again.restore([])
        splits += try again.discover()
        #expect(try TopicBench.read(splits) == ["a 1", "b 2"])
    }

    @Test("a bounded source ends where compaction has removed the last rows")
    func endOfCompacted() throws {
        let bench = try Bench()
        _ = try bench.catalog.apply(
            TopicSpec(
                name: "t", path: "t.yaml", line: 1, schema: TopicBench.schema, key: [0],
                mode: .upsert, retention: .forever,
                compaction: TopicSpec.Compaction(withinMicros: 0, tombstonesMicros: 10)),
            isDocumented: true)
        let sink = try bench.sink(mode: .upsert(key: [0]), key: [0])
        try sink.write(TopicBench.batch([("a", 1)]))
        try Self.commit(sink, 1)
        try sink.write(TopicBench.batch([("a", 1)], weights: [-1]))
        try Self.commit(sink, 2)
        // Another sink of the pipeline has rows.
        try Self.commit(sink, 3)
        let entry = try #require(try bench.catalog.entry("t"))
        let result = try TopicUpkeep(entry, now: 1_000_000, memory: UpkeepMemory()).run()
        #expect(result.compactedRows == 2)
        let split = try #require(try bench.splits(mode: .upsert).first)
        guard case .ended = try split.read(now: 0) else {
            Issue.record("it waits for ever: \(split.progress)")
            return
        }
    }

    @Test("no row is behind the watermark that a reader has when it comes to it")
    func watermarkOfLargeRows() throws {
        let bench = try Bench(segmentBytes: 1 << 40)
        let sink = try bench.sink()
        let text = String(repeating: "a", count: 10 << 20)
        try sink.write(TopicBench.batch((0..<4).map { _ in (text, 50) }))
        sink.advance(watermark: 100)
        try sink.write(TopicBench.batch((0..<4).map { _ in (text, 150) }))
        sink.advance(watermark: 200)
        try Self.commit(sink, 1)
        let split = try #require(try bench.splits().first)
        var stated = Int64.min
        while case .rows(let rows) = try split.read(now: 0) {
            let stored = try #require(rows.stored)
            // As `SourceNode.deliver` has it.
            let watermark = max(stored.watermark ?? .min, stated)
            for row in 0..<rows.rowCount where stored.rowWatermarks == nil {
                #expect(stored.rowtime.integers[row] >= watermark)
            }
            stated = split.statedWatermark ?? .min
        }
    }

    @Test("a schema that comes while upkeep runs does not end the daemon")
    func schemaDuringUpkeep() async throws {
        await #expect(processExitsWith: .success) {
            let bench = try Bench()
            _ = try bench.catalog.apply(
                TopicSpec(
                    name: "t", path: "t.yaml", line: 1, schema: TopicBench.schema, key: [0],
                    mode: .upsert, retention: .forever,
                    compaction: TopicSpec.Compaction(withinMicros: 0, tombstonesMicros: 10)),
                isDocumented: true)
            // The keeper has the topic, and is busy with another partition of it.
            guard let entry = try bench.catalog.entry("t") else { exit(1) }
            let wider = Schema([Field("id", .string), Field("n", .bigint), Field("m", .bigint)])
            let sink = try bench.sink(mode: .upsert(key: [0]), key: [0], schema: wider)
            for epoch in 1...4 {
                var batch = TopicBench.batch([("a", epoch)])
                batch.columns.append(batch.columns[1])
                try sink.write(batch)
                try TopicFaultTests.commit(sink, UInt64(epoch))
            }
            _ = try TopicUpkeep(entry, now: 1_000_000, memory: UpkeepMemory()).run()
            exit(0)
        }
    }

    @Test("a segment of large rows is not rewritten again and again")
    func rewritingLargeRows() throws {
        let bench = try Bench(segmentBytes: 25 << 20)
        let sink = try bench.sink()
        let text = String(repeating: "a", count: 1 << 20)
        for epoch in 1...28 {
            try sink.write(TopicBench.batch([(text, epoch), (text, epoch), (text, epoch)]))
            try Self.commit(sink, UInt64(epoch))
        }
        let entry = try #require(try bench.catalog.entry("t"))
        // A block of them is full although it has few rows.
        for _ in 0..<2 {
            let result = try TopicUpkeep(entry, now: 7_000, memory: UpkeepMemory()).run()
            #expect(result.rewrittenSegments == 0)
        }
    }

    @Test("`start: {offset: …}` goes on when a second writer comes")
    func offsetWithSecondPartition() throws {
        let bench = try TopicBench()
        let sink = try bench.sink()
        try sink.recover(token: nil)
        try bench.write([("a", 1), ("b", 2)], to: sink, epoch: 1)
        let source = try bench.source(start: .offset(partition: nil, 1))
        #expect(try TopicBench.read(try source.discover()) == ["b 2"])
        let other = try bench.sink("other", pipeline: "q")
        try other.recover(token: nil)
        #expect(throws: Never.self) { try source.discover() }
    }

    @Test("a row that another writer has deleted does not come back by compaction")
    func deletionInAnotherPartition() throws {
        let bench = try Bench()
        _ = try bench.catalog.apply(
            TopicSpec(
                name: "t", path: "t.yaml", line: 1, schema: TopicBench.schema, key: [0],
                mode: .upsert, retention: .forever,
                compaction: TopicSpec.Compaction(withinMicros: 0, tombstonesMicros: 10)),
            isDocumented: true)
        let first = try bench.sink(mode: .upsert(key: [0]), key: [0], name: "first")
        try first.write(TopicBench.batch([("a", 1)]))
        for epoch in 1...2 { try Self.commit(first, UInt64(epoch)) }
        // As after a reset that keeps, a renamed sink, or by `produce`.
        let second = try bench.sink(mode: .upsert(key: [0]), key: [0], name: "second")
        try second.write(TopicBench.batch([("a", 2)], weights: [-1]))
        for epoch in 1...2 { try Self.commit(second, UInt64(epoch)) }
        #expect(try TopicBench.read(try bench.splits(mode: .upsert)) == ["a 1", "-a 2"])
        let entry = try #require(try bench.catalog.entry("t"))
        _ = try TopicUpkeep(entry, now: 1_000_000, memory: UpkeepMemory()).run()
        let rows = try TopicBench.read(try bench.splits(mode: .upsert))
        #expect(rows == ["a 1", "-a 2"] || rows.isEmpty)
    }

    @Test("a document stays right after a writer has added a column, as `evolution` allows")
    func documentAfterEvolution() throws {
        let bench = try Bench()
        let document = TopicSpec(
            name: "t", path: "t.yaml", line: 1, schema: TopicBench.schema, key: nil, mode: .append)
        _ = try bench.catalog.apply(document, isDocumented: true)
        let wider = Schema([Field("id", .string), Field("n", .bigint), Field("m", .bigint)])
        _ = try bench.sink(schema: wider)
        // The daemon starts again.
        #expect(throws: Never.self) { try bench.catalog.apply(document, isDocumented: true) }
    }

    /// A sink whose epoch 2 is in the journal, and was not shown since another sink's commit failed.
    private static func unshown(_ bench: TopicBench) throws -> [UInt8] {
        let sink = try bench.sink()
        try sink.recover(token: nil)
        try bench.write([("a", 1)], to: sink, epoch: 1)
        try sink.write(TopicBench.batch([("b", 2)]))
        let cut = try sink.cut(epoch: 2)
        try cut.sync()
        let token = cut.token
        sink.close()
        return token
    }

    @Test("settling a removed sink shows what its token says, also when the topic is open")
    func settleOpenTopic() throws {
        let bench = try TopicBench()
        let token = try Self.unshown(bench)
        try SinkTokens.settle(
            token: token, of: "out", fileSystem: bench.disk, topics: bench.connection())
        #expect(try TopicBench.read(try bench.source().discover()) == ["a 1", "b 2"])
    }

    @Test("forgetting a pipeline seals what its token says, also when the topic is open")
    func forgetOpenTopic() throws {
        let bench = try TopicBench()
        let token = try Self.unshown(bench)
        try SinkTokens.forget([("out", token)], topics: bench.connection())
        #expect(try TopicBench.read(try bench.source().discover()) == ["a 1", "b 2"])
        let again = try TopicBench(bench.disk.afterKill())
        #expect(try TopicBench.read(try again.source().discover()) == ["a 1", "b 2"])
    }
}
