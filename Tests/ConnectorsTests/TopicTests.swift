import Config
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

/// A topic store on a simulated disk, seen through connectors.
struct TopicBench {
    let disk: SimulatedFileSystem
    let state: StateDirectory
    let catalog: TopicCatalog

    init(_ disk: SimulatedFileSystem = SimulatedFileSystem()) throws {
        self.disk = disk
        state = try StateDirectory.open(
            path: "/s", fileSystem: disk, processID: 1, reserveBytes: 100)
        catalog = TopicCatalog(
            try TopicStore.open(state: state, options: TopicOptions(clock: { 7_000 })) { _, _ in
                nil
            })
    }

    func connection(_ pipeline: String = "p") -> TopicConnection {
        TopicConnection(catalog: catalog, pipeline: pipeline, clock: { 7_000 })
    }

    static let schema = Schema([Field("id", .string), Field("n", .bigint)])

    func sink(
        _ name: String = "out", schema: Schema = TopicBench.schema,
        mode: SinkSpec.Mode = .append, pipeline: String = "p"
    ) throws -> any Sink {
        let spec = SinkSpec(
            name: name, input: NodeReference(node: "x", port: .main), inputSchema: schema,
            inputKey: [0], connector: .topic(TopicSinkOptions(name: "t")), format: .none,
            mode: mode, deleteWhen: nil)
        return try SinkFactory.open(spec, existing: .refuse, topics: connection(pipeline))
    }

    func source(
        schema: Schema = TopicBench.schema, start: TopicPosition = .earliest,
        stop: TopicPosition? = nil, mode: TopicSpec.Mode = .append
    ) throws -> any Source {
        let spec = SourceSpec(
            name: "in",
            connector: .topic(
                TopicSourceOptions(name: "t", start: start, stop: stop, mode: mode)),
            format: .none, fields: schema.fieldSpecs, metadata: [],
            eventTime: EventTimeSpec(value: .arrival),
            output: NodeOutput(schema: schema, change: .append))
        return try SourceFactory.open(spec, topics: connection("reader"))
    }

    /// Writes rows `id, n` at the event times `n`, as one epoch.
    func write(_ rows: [(String, Int)], to sink: any Sink, epoch: UInt64) throws {
        try sink.write(Self.batch(rows))
        let cut = try sink.cut(epoch: epoch)
        try cut.sync()
        try cut.commit()
    }

    static func batch(_ rows: [(String, Int)], weights: [Int32]? = nil) -> Batch {
        var rowtime = ColumnBuilder(type: .timestamp, capacity: rows.count)
        for row in rows { rowtime.append(integer: Int64(row.1)) }
        var result = Batch(
            columns: [
                column(rows.map { Optional($0.0) } as [String?]),
                column(rows.map { Optional(Int64($0.1)) }),
            ],
            rowtime: rowtime.finish(), rowCount: rows.count)
        if let weights {
            let buffer = Buffer(capacity: weights.count * 4)
            for (row, weight) in weights.enumerated() {
                buffer.pointer(to: Int32.self)[row] = weight
            }
            result.weights = buffer
        }
        return result
    }

    /// What the splits have now, `id n`, and `-id n` for rows that go.
    static func read(_ splits: [any SourceSplit]) throws -> [String] {
        var result: [String] = []
        for split in splits {
            while case .rows(let rows) = try split.read(now: 0) {
                for row in 0..<rows.rowCount {
                    let isGone = rows.weights.map { $0.pointer(to: Int32.self)[row] < 0 } ?? false
                    let number = rows.columns[1]
                    let text = number.isNull(row) ? "null" : "\(number.integers[row])"
                    result.append(
                        (isGone ? "-" : "") + rows.columns[0].strings[row].string + " " + text)
                    if let stored = rows.stored {
                        #expect(number.isNull(row) || stored.rowtime.integers[row] >= 0)
                    }
                }
            }
        }
        return result
    }
}

@Suite("Topic source and sink")
struct TopicTests {
    @Test("give every row once, through checkpoints of the reader at any place")
    func positions() throws {
        let bench = try TopicBench()
        let sink = try bench.sink()
        try sink.recover(token: nil)
        var expected: [String] = []
        var random = SeededRandom(seed: testSeed)
        var source = try bench.source()
        var splits = try source.discover()
        var found: [String] = []
        for epoch in 1...40 {
            let rows = (0..<Int.random(in: 1...30, using: &random)).map { ("k\($0)", $0) }
            expected += rows.map { "\($0.0) \($0.1)" }
            try bench.write(rows, to: sink, epoch: UInt64(epoch))
            if splits.isEmpty { splits = try source.discover() }
            found += try TopicBench.read(splits)
            if epoch % 3 == 0 {
                let positions = splits.map { $0.position() }
                source = try bench.source()
                splits = try source.restore(positions)
                splits += try source.discover()
            }
        }
        #expect(found == expected)
    }

    @Test("fills blocks from many small batches and splits large ones")
    func blockSizes() throws {
        let bench = try TopicBench()
        let sink = try bench.sink()
        try sink.recover(token: nil)
        var expected: [String] = []
        for size in [1, 5000, 3, 20_000, 900, 8192] {
            let rows = (0..<size).map { ("r\(size)", $0) }
            expected += rows.map { "\($0.0) \($0.1)" }
            try sink.write(TopicBench.batch(rows))
        }
        let cut = try sink.cut(epoch: 1)
        try cut.sync()
        try cut.commit()
        #expect(try TopicBench.read(try bench.source().discover()) == expected)
    }

    @Test("starts and stops where it is told")
    func starts() throws {
        let bench = try TopicBench()
        let sink = try bench.sink()
        try sink.recover(token: nil)
        for epoch in 0..<10 {
            let rows = (epoch * 10..<epoch * 10 + 10).map { ("k", $0) }
            try bench.write(rows, to: sink, epoch: UInt64(epoch + 1))
        }
        func rows(_ start: TopicPosition, _ stop: TopicPosition?) throws -> [Int] {
            let splits = try bench.source(start: start, stop: stop).discover()
            return try TopicBench.read(splits).compactMap { Int($0.dropFirst(2)) }
        }
        #expect(try rows(.earliest, nil) == Array(0..<100))
        #expect(try rows(.latest, nil) == [])
        #expect(try rows(.timestamp(57), nil) == Array(57..<100))
        #expect(try rows(.since(7_000 - 57), nil) == Array(57..<100))
        #expect(
            try rows(.offset(partition: nil, 33), .offset(partition: nil, 44)) == Array(33..<44))
        #expect(try rows(.timestamp(25), .timestamp(58)) == Array(25..<58))
        #expect(try rows(.earliest, .latest) == Array(0..<100))
        #expect(try rows(.timestamp(1000), nil) == [])
        let bounded = try bench.source(stop: .latest)
        let splits = try bounded.discover()
        try bench.write([("k", 100)], to: sink, epoch: 11)
        #expect(try TopicBench.read(splits).count == 100)
        guard case .ended = try splits[0].read(now: 0) else {
            Issue.record("a bounded split goes on")
            return
        }
    }

    @Test("reads rows of older schemas, with null for columns that came later")
    func evolution() throws {
        let bench = try TopicBench()
        let old = try bench.sink("old", schema: Schema([Field("id", .string)]))
        try old.recover(token: nil)
        try old.write(
            Batch(
                columns: [column(["a"] as [String?])], rowtime: .repeating(1, count: 1), rowCount: 1
            ))
        let cut = try old.cut(epoch: 1)
        try cut.sync()
        try cut.commit()
        old.close()
        let new = try bench.sink("new")
        try new.recover(token: nil)
        try bench.write([("b", 2)], to: new, epoch: 1)
        let rows = try TopicBench.read(try bench.source().discover())
        #expect(rows.sorted() == ["a null", "b 2"])
        // The older writer may go on as it was; another type may not come.
        let again = try bench.sink("old", schema: Schema([Field("id", .string)]))
        try again.recover(token: nil)
        again.close()
        let wrong = try bench.sink(
            "wrong", schema: Schema([Field("id", .bigint), Field("n", .bigint)]))
        let error = #expect(throws: ConnectorError.self) { try wrong.recover(token: nil) }
        #expect(error?.message.contains("column 'id' would change from string to bigint") == true)
    }

    @Test("keeps changes: upserts as rows and deletions, a changelog as pairs")
    func changes() throws {
        for mode in [SinkSpec.Mode.upsert(key: [0]), .changelog] {
            let bench = try TopicBench()
            let sink = try bench.sink(mode: mode)
            try sink.recover(token: nil)
            try sink.write(TopicBench.batch([("a", 1), ("b", 2)]))
            try sink.write(
                TopicBench.batch([("a", 1), ("a", 3), ("b", 2)], weights: [-1, 1, -1]))
            let cut = try sink.cut(epoch: 1)
            try cut.sync()
            try cut.commit()
            let isUpsert = mode != .changelog
            let splits = try bench.source(mode: isUpsert ? .upsert : .changelog).discover()
            #expect(
                try TopicBench.read(splits)
                    == (isUpsert
                        ? ["a 1", "b 2", "a 3", "-b 2"] : ["a 1", "b 2", "-a 1", "a 3", "-b 2"]))
        }
    }

    @Test(
        "an expected writer holds the watermark, also before it has started, and another does not")
    func idle() throws {
        let bench = try TopicBench()
        let sink = try bench.sink(pipeline: "p")
        try sink.recover(token: nil)
        sink.advance(watermark: 5)
        try sink.write(TopicBench.batch([("a", 7)]))
        let cut = try sink.cut(epoch: 1)
        try cut.sync()
        try cut.commit()
        let split = try #require(try bench.source().discover().first)
        #expect(try TopicBench.read([split]) == ["a 7"])
        #expect(split.statedWatermark == 5)
        #expect(!split.isPaused)
        sink.close()
        #expect(!split.isPaused)
        _ = bench.catalog.writers.set(["p", "reader"])
        #expect(!split.isPaused)
        _ = bench.catalog.writers.set(["reader"])
        #expect(split.isPaused)
        let again = try bench.sink(pipeline: "p")
        try again.recover(token: cut.token)
        #expect(!split.isPaused)
    }

    @Test("says what a reader has missed, or goes on behind it")
    func gone() throws {
        let bench = try TopicBench()
        let sink = try bench.sink()
        try sink.recover(token: nil)
        try bench.write([("a", 1)], to: sink, epoch: 1)
        let source = try bench.source()
        let position = try source.discover().map { $0.position() }
        sink.close()
        #expect(try bench.catalog.store.delete("t"))
        let next = try bench.sink()
        try next.recover(token: nil)
        try bench.write([("b", 1)], to: next, epoch: 1)
        let error = #expect(throws: ConnectorError.self) {
            try bench.source().restore(position)
        }
        #expect(error?.message.contains("it was deleted") == true)
    }
}
