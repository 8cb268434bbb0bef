import Config
import Connectors
import Foundation
import Operators
import TestSupport
import Testing

@testable import Pipelined

/// A graph whose tables and sources the test reads when it likes, with a clock of its own.
private final class GraphBench {
    private final class Collector: BatchReceiver {
        var lines: [String] = []
        let schema: Schema

        init(_ schema: Schema) { self.schema = schema }

        func receive(_ batch: Batch, input: Int) {
            let weights = batch.denseWeights?.pointer(to: Int32.self)
            for (row, text) in RowText.json(batch, schema: schema).enumerated() {
                lines.append((weights.map { $0[row] < 0 } ?? false ? "-" : "+") + text)
            }
        }

        func receive(watermark: Int64, isIdle: Bool, input: Int) {}
    }

    let folder: TemporaryFolder
    let graph: Graph
    private var collectors: [String: Collector] = [:]

    init(_ text: String, in folder: TemporaryFolder) throws {
        self.folder = folder
        let spec = try loadSpec(text.replacing("FOLDER", with: folder.path), in: folder)
        graph = try GraphBuilder.build(
            spec,
            connectors: .init(
                openSource: { (source) throws(ConnectorError) in
                    try SourceFactory.open(source)
                },
                openTable: { (table) throws(ConnectorError) in try SourceFactory.open(table) },
                openSink: { (sink) throws(ConnectorError) in
                    try SinkFactory.open(sink, existing: .overwrite)
                },
                openDeadLetters: { preconditionFailure("rows that fail end the test") }))
    }

    func start(now: Int64 = 0) throws {
        for table in graph.tables { try table.load(now: now) }
        for source in graph.sources { try source.discover(now: now) }
        settle(now)
    }

    /// What the lane does between two batches.
    func settle(_ now: Int64) {
        for table in graph.tables { table.flush() }
        for table in graph.tables { table.sendWatermark(wallClock: now) }
        for source in graph.sources { source.sendWatermark(wallClock: now) }
    }

    func read(now: Int64 = 0) throws {
        settle(now)
        for source in graph.sources {
            source.wake()
            while let split = source.nextSplit(now: now) {
                _ = try source.read(split, wallClock: now)
            }
        }
        settle(now)
    }

    func refresh(now: Int64) throws {
        for table in graph.tables { try table.refresh(now: now) }
        settle(now)
    }

    func watch(_ node: String, _ port: NodeReference.Port = .main) throws {
        let output = try #require(graph.ports[NodeReference(node: node, port: port)])
        let collector = Collector(output.schema)
        collectors["\(node)\(port.rawValue)"] = collector
        output.taps.append(collector)
    }

    /// What a port has given since the last call.
    func take(_ node: String, _ port: NodeReference.Port = .main) -> [String] {
        let collector = collectors["\(node)\(port.rawValue)"]
        defer { collector?.lines = [] }
        return collector?.lines ?? []
    }
}

@Suite("Tables in a graph")
struct TableGraphTests {
    private static func spec(_ table: String, _ join: String) -> String {
        """
        pipeline: bench
        sources:
          orders:
            file: {path: "FOLDER/orders.ndjson", follow: true}
            format: json
            schema: {id: bigint, k: string, at: timestamp(s)}
            event_time: {column: at}
        tables:
          rates:
            file: {path: "FOLDER/rates.csv", refresh: 1s}
            format: {csv: {header: false}}
            schema: {k: string, rate: bigint, since: timestamp(s)}
            key: [k]
        \(table)
        steps:
          joined:
            from: orders
            join: {table: rates, match: [k], \(join)}
            select: [id, rate]
          best:
            from: rates
            top: {n: 1, order_by: [rate desc]}
            select: [k, rate]
          met:
            from: orders
            join: {stream: rates, match: [k], within: unbounded}
            select: [id, rate]
        sinks:
          bests: {from: best, stdout: {}, format: json, mode: changelog}
          mets: {from: met, stdout: {}, format: json, mode: changelog}
          out: {from: joined, stdout: {}, format: json}
          lost: {from: joined.unmatched, stdout: {}, format: json}
          all: {from: rates, stdout: {}, format: json, mode: changelog}
        settings: {on_error: fail}
        """
    }

    private static func bench(
        table: String = "", join: String, rates: String, orders: String
    ) throws -> GraphBench {
        let folder = try TemporaryFolder("table-graph")
        _ = try folder.write(rates, to: "rates.csv")
        _ = try folder.write(orders, to: "orders.ndjson")
        let bench = try GraphBench(spec(table, join), in: folder)
        for node in ["joined", "rates", "best", "met"] { try bench.watch(node) }
        try bench.watch("joined", .unmatched)
        return bench
    }

    private static func order(_ id: Int, _ key: String, _ at: Int) -> String {
        "{\"id\":\(id),\"k\":\"\(key)\",\"at\":\(at)}\n"
    }

    @Test("rows wait for the table's watermark, and no longer for one that is silent")
    func asOf() throws {
        let bench = try Self.bench(
            table: """
                    event_time: {column: since, idle_timeout: 10s}
                    history: 1h
                """, join: "as_of: rowtime", rates: "a,1,10\na,2,20\n",
            orders: Self.order(1, "a", 15) + Self.order(2, "a", 25) + Self.order(3, "a", 40)
                + Self.order(4, "a", 41))
        try bench.start()
        try bench.read()
        #expect(bench.take("joined") == [#"+{"id":1,"rate":1}"#])
        _ = try bench.folder.write("a,1,10\na,3,30\na,2,20\n", to: "rates.csv")
        try bench.refresh(now: 1_000_000)
        #expect(bench.take("joined") == [#"+{"id":2,"rate":2}"#])
        bench.settle(10_999_999)
        #expect(bench.take("joined").isEmpty)
        bench.settle(11_000_000)
        #expect(bench.take("joined") == [#"+{"id":3,"rate":3}"#], "the last is not passed yet")
        let wakesAt: Int64? = bench.graph.tables[0].wakesAt
        #expect(wakesAt == 2_000_000)
        // A row that is gone ends when that is seen.
        _ = try bench.folder.write("b,1,70\n", to: "rates.csv")
        try bench.refresh(now: 60_000_000)
        #expect(bench.take("joined").isEmpty)
        let changes = bench.take("rates").filter { $0.hasPrefix("-") }
        #expect(changes.count == 2, "\(changes)")
        _ = try bench.folder.write(
            Self.order(1, "a", 15) + Self.order(2, "a", 25) + Self.order(3, "a", 40)
                + Self.order(4, "a", 41) + Self.order(5, "a", 59) + Self.order(6, "a", 60)
                + Self.order(7, "a", 65), to: "orders.ndjson")
        try bench.read(now: 60_000_000)
        #expect(
            bench.take("joined") == [#"+{"id":4,"rate":3}"#, #"+{"id":5,"rate":3}"#])
        #expect(bench.take("joined", .unmatched).count == 1)
    }

    @Test("rows without a partner wait for the table to have one")
    func wait() throws {
        let bench = try Self.bench(
            join: "wait: 10s", rates: "a,1,0\n",
            orders: Self.order(1, "b", 1) + Self.order(2, "a", 2) + Self.order(3, "c", 2)
                + Self.order(4, "b", 2) + Self.order(5, "a", 9))
        try bench.start()
        try bench.read()
        #expect(bench.take("joined") == [#"+{"id":2,"rate":1}"#, #"+{"id":5,"rate":1}"#])
        _ = try bench.folder.write("a,1,0\nb,7,0\n", to: "rates.csv")
        try bench.refresh(now: 1_000_000)
        #expect(bench.take("joined") == [#"+{"id":1,"rate":7}"#, #"+{"id":4,"rate":7}"#])
        #expect(bench.take("joined", .unmatched).isEmpty)
        _ = try bench.folder.write(
            Self.order(1, "b", 1) + Self.order(2, "a", 2) + Self.order(3, "c", 2)
                + Self.order(4, "b", 2) + Self.order(5, "a", 9) + Self.order(6, "a", 13),
            to: "orders.ndjson")
        try bench.read(now: 1_000_000)
        #expect(bench.take("joined", .unmatched).map { $0.contains("\"id\":3") } == [true])
    }

    @Test("a table in from gives what a refresh changes, to tops and joins of streams as well")
    func stream() throws {
        let bench = try Self.bench(
            join: "type: left", rates: "a,1,0\nb,2,0\nc,3,0\n", orders: Self.order(1, "a", 1))
        try bench.start()
        #expect(bench.take("rates").count == 3)
        try bench.read()
        #expect(bench.take("best").last == #"+{"k":"c","rate":3}"#)
        #expect(bench.take("met") == [#"+{"id":1,"rate":1}"#])
        _ = try bench.folder.write("b,2,0\na,5,0\nd,4,0\n", to: "rates.csv")
        try bench.refresh(now: 1_000_000)
        let epoch = #""since":"1970-01-01T00:00:00Z"}"#
        #expect(
            bench.take("rates") == [
                #"-{"k":"a","rate":1,\#(epoch)"#, #"+{"k":"a","rate":5,\#(epoch)"#,
                #"+{"k":"d","rate":4,\#(epoch)"#, #"-{"k":"c","rate":3,\#(epoch)"#,
            ])
        #expect(bench.take("best").last == #"+{"k":"a","rate":5}"#)
        #expect(bench.take("met") == [#"-{"id":1,"rate":1}"#, #"+{"id":1,"rate":5}"#])
    }
}
