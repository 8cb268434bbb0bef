import Config
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

@Suite("Topic upkeep")
struct TopicUpkeepTests {
    /// A topic with small segments, and what it is kept by.
    private struct Bench {
        let disk = SimulatedFileSystem()
        let state: StateDirectory
        let catalog: TopicCatalog

        init(segmentBytes: Int64) throws {
            state = try StateDirectory.open(
                path: "/s", fileSystem: disk, processID: 1, reserveBytes: 100)
            var options = TopicOptions(clock: { 7_000 })
            options.segmentBytesMax = segmentBytes
            catalog = TopicCatalog(
                try TopicStore.open(state: state, options: options) { _, _ in nil })
        }

        func sink(_ topic: TopicSpec, mode: SinkSpec.Mode) throws -> any Sink {
            _ = try catalog.apply(topic, isDocumented: true)
            let spec = SinkSpec(
                name: "out", input: NodeReference(node: "x", port: .main),
                inputSchema: TopicBench.schema, inputKey: [0],
                connector: .topic(TopicSinkOptions(name: topic.name)), format: .none, mode: mode,
                deleteWhen: nil)
            let sink = try SinkFactory.open(
                spec, existing: .refuse,
                topics: TopicConnection(catalog: catalog, pipeline: "p", clock: { 7_000 }))
            try sink.recover(token: nil)
            return sink
        }

        func read(mode: TopicSpec.Mode = .append) throws -> [String] {
            let schema = TopicBench.schema
            let spec = SourceSpec(
                name: "in", connector: .topic(TopicSourceOptions(name: "t", mode: mode)),
                format: .none, fields: schema.fieldSpecs, metadata: [],
                eventTime: EventTimeSpec(value: .arrival),
                output: NodeOutput(schema: schema, change: .append))
            let source = try SourceFactory.open(
                spec, topics: TopicConnection(catalog: catalog, pipeline: "r", clock: { 7_000 }))
            return try TopicBench.read(try source.discover())
        }

        func keep(at now: Int64 = 7_000, keysMax: Int = 1000) throws -> TopicUpkeep.Result {
            let entry = try #require(try catalog.entry("t"))
            return try TopicUpkeep(entry, now: now, memory: UpkeepMemory(), keysMax: keysMax).run()
        }
    }

    private static func topic(
        key: [Int]? = nil, mode: TopicSpec.Mode = .append,
        retention: TopicSpec.Retention = .forever,
        compaction: TopicSpec.Compaction? = nil
    ) -> TopicSpec {
        TopicSpec(
            name: "t", path: "t.yaml", line: 1, schema: TopicBench.schema, key: key, mode: mode,
            retention: retention, compaction: compaction)
    }

    private static func write(
        _ rows: [(String, Int)], weights: [Int32]? = nil, to sink: any Sink, epoch: Int
    ) throws {
        try sink.write(TopicBench.batch(rows, weights: weights))
        let cut = try sink.cut(epoch: UInt64(epoch))
        try cut.sync()
        try cut.commit()
    }

    @Test("makes full blocks of small ones, and every row stays where it was")
    func blocks() throws {
        let bench = try Bench(segmentBytes: 12_000)
        let sink = try bench.sink(Self.topic(), mode: .append)
        for epoch in 1...300 {
            try Self.write([("k\(epoch)", epoch), ("l", epoch)], to: sink, epoch: epoch)
        }
        let expected = try bench.read()
        #expect(expected.count == 600)
        let partition = try #require(try bench.catalog.entry("t")?.topic.partitions.first)
        let before = partition.byteCount
        let result = try bench.keep()
        #expect(result.rewrittenSegments > 2)
        #expect(partition.byteCount < before / 2)
        #expect(try bench.read() == expected)
        // A reader that stands anywhere goes on there.
        for offset in stride(from: UInt64(0), to: 600, by: 37) {
            let splits = try TopicTimesProbe.rows(bench.catalog, from: offset)
            #expect(splits == Array(expected[Int(offset)...]))
        }
        #expect(try bench.keep().rewrittenSegments == 0)
    }

    @Test("deletes whole segments by age and by size, and never what is not committed")
    func retention() throws {
        let bench = try Bench(segmentBytes: 1_000)
        let sink = try bench.sink(
            Self.topic(retention: TopicSpec.Retention(timeMicros: nil, bytes: 6_000)), mode: .append
        )
        for epoch in 1...100 { try Self.write([("k", epoch)], to: sink, epoch: epoch) }
        let partition = try #require(try bench.catalog.entry("t")?.topic.partitions.first)
        #expect(partition.byteCount > 10_000)
        let result = try bench.keep()
        #expect(result.removedSegments > 2)
        #expect(partition.byteCount <= 6_000)
        let rows = try bench.read()
        #expect(rows.last == "k 100")
        #expect(UInt64(rows.count) == 100 - partition.firstOffset)
        // By age: all but the segment that is written to.
        _ = try bench.catalog.apply(
            Self.topic(retention: TopicSpec.Retention(timeMicros: 1000, bytes: nil)),
            isDocumented: true)
        #expect(try bench.keep(at: 7_500).removedSegments == 0)
        #expect(try bench.keep(at: 9_000).removedSegments > 0)
        #expect(partition.segmentCount <= 2)
        #expect(try bench.read().last == "k 100")
    }

    @Test("keeps the latest row of a key, at its offset, and deletions for a while")
    func compaction() throws {
        let bench = try Bench(segmentBytes: 1_500)
        let compaction = TopicSpec.Compaction(withinMicros: 0, tombstonesMicros: 10_000)
        let sink = try bench.sink(
            Self.topic(key: [0], mode: .upsert, compaction: compaction), mode: .upsert(key: [0]))
        var random = SeededRandom(seed: testSeed)
        var standing: [String: Int] = [:]
        for epoch in 1...120 {
            let rows = (0..<5).map { _ in ("k\(Int.random(in: 0..<20, using: &random))", epoch) }
            let weights = rows.map { _ in Int32(Int.random(in: 0..<5, using: &random) == 0 ? -1 : 1)
            }
            for (row, weight) in zip(rows, weights) {
                standing[row.0] = weight > 0 ? row.1 : nil
            }
            try Self.write(rows, weights: weights, to: sink, epoch: epoch)
        }
        func latest(_ rows: [String]) -> [String: Int] {
            var result: [String: Int] = [:]
            for row in rows {
                let parts = row.split(separator: " ")
                if row.hasPrefix("-") {
                    result[String(parts[0].dropFirst())] = nil
                } else {
                    result[String(parts[0])] = Int(parts[1])
                }
            }
            return result
        }
        let before = try bench.read(mode: .upsert)
        #expect(latest(before) == standing)
        let result = try bench.keep()
        #expect(result.compactedRows > 300)
        let after = try bench.read(mode: .upsert)
        #expect(after.count == before.count - Int(result.compactedRows))
        #expect(latest(after) == standing, "seed \(testSeed)")
        #expect(after.contains { $0.hasPrefix("-") })
        // The deletions are old now: in sealed segments nothing is left of their keys.
        let later = try bench.keep(at: 50_000)
        #expect(later.compactedRows > 0)
        #expect(latest(try bench.read(mode: .upsert)) == standing)
        // Few keys fit in memory: less goes, and nothing else changes.
        #expect(latest(try bench.read(mode: .upsert)) == standing)
        _ = try bench.keep(at: 90_000, keysMax: 3)
        #expect(latest(try bench.read(mode: .upsert)) == standing)
        // And from any offset on, what a reader gets ends with the same rows.
        let all = try bench.read(mode: .upsert)
        for offset in stride(from: UInt64(0), to: 600, by: 41) {
            let rows = try TopicTimesProbe.rows(bench.catalog, from: offset, mode: .upsert)
            #expect(Array(all.suffix(rows.count)) == rows)
        }
    }
}

/// Reads from an offset on.
private enum TopicTimesProbe {
    static func rows(_ catalog: TopicCatalog, from offset: UInt64, mode: TopicSpec.Mode = .append)
        throws -> [String]
    {
        let schema = TopicBench.schema
        let spec = SourceSpec(
            name: "in",
            connector: .topic(
                TopicSourceOptions(
                    name: "t", start: .offset(partition: nil, offset), mode: mode)),
            format: .none, fields: schema.fieldSpecs, metadata: [],
            eventTime: EventTimeSpec(value: .arrival),
            output: NodeOutput(schema: schema, change: .append))
        let source = try SourceFactory.open(
            spec, topics: TopicConnection(catalog: catalog, pipeline: "r", clock: { 7_000 }))
        return try TopicBench.read(try source.discover())
    }
}
