import Config
import Connectors
import Foundation
import Operators
import Store
import Synchronization
import TestSupport
import Testing

@testable import Pipelined

/// Faults that were found by reading, each as it would come about; the test states what should hold.
@Suite("What must not happen to topics in an engine")
struct TopicFaultTests {
    private static func makeDisk() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 1)
        _ = try disk.createDirectory("/state", permissions: 0o700)
        try disk.syncDirectory("/")
        return disk
    }

    private static func spec(_ folder: TemporaryFolder, sinks: String) throws -> PipelineSpec {
        try loadSpec(
            """
            pipeline: p
            sources:
              rows:
                file: {path: "\(folder.path)/in-*.ndjson"}
                format: json
                schema: {n: bigint}
            sinks:
            \(sinks)
            """, in: folder)
    }

    private static func input(_ folder: TemporaryFolder) throws -> [String] {
        var all: [String] = []
        for file in 0..<4 {
            let rows = (0..<3).map { "{\"n\":\(file * 3 + $0)}" }
            all += rows
            _ = try folder.write(rows.joined(separator: "\n") + "\n", to: "in-\(file).ndjson")
        }
        return all
    }

    @Test("a sink that goes to another topic after a crash leaves each row once")
    func movedSink() throws {
        let folder = try TemporaryFolder("moved")
        let expected = try Self.input(folder)
        let before = try Self.spec(folder, sinks: "  out: {from: rows, topic: a}")
        let after = try Self.spec(folder, sinks: "  out: {from: rows, topic: b}")
        var wrong: [String] = []
        for point in 0..<400 {
            let disk = try Self.makeDisk()
            disk.crash(afterMutations: point)
            _ = EngineRun(spec: before, fileSystem: disk, statePath: "/state").run()
            guard disk.hasCrashed else { break }
            let next = disk.afterKill()
            guard
                case .finished = EngineRun(spec: after, fileSystem: next, statePath: "/state").run()
            else { continue }
            let found =
                try TopicDump.rows("a", state: "/state", next)
                + TopicDump.rows("b", state: "/state", next)
            if found.sorted() != expected.sorted() {
                wrong.append("after \(point): \(found.count) of \(expected.count)")
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test(
        "a partition whose sink was removed from its pipeline is sealed",
        arguments: [
            "  other: {from: rows, topic: a}", "  out: {from: rows, topic: b}",
        ])
    func removedSink(sinks: String) throws {
        let folder = try TemporaryFolder("removed")
        _ = try Self.input(folder)
        let disk = try Self.makeDisk()
        let first = try Self.spec(folder, sinks: "  out: {from: rows, topic: a}")
        _ = EngineRun(spec: first, fileSystem: disk, statePath: "/state").run()
        _ = try folder.write("{\"n\":100}\n", to: "in-9.ndjson")
        let second = try Self.spec(folder, sinks: sinks)
        guard case .finished = EngineRun(spec: second, fileSystem: disk, statePath: "/state").run()
        else {
            Issue.record("it did not end")
            return
        }
        let state = try StateDirectory.open(path: "/state", fileSystem: disk)
        defer { state.close() }
        let service = try TopicService.open(state)
        defer { service.close() }
        let partition = try #require(try service.catalog.entry("a")?.topic.partition("p.out"))
        #expect(partition.isSealed)
    }

    // MARK: Ingest

    private static func ingestBlocks(_ value: UInt8) -> BlockBuffer {
        var blocks = BlockBuffer()
        blocks.appendRows(count: 1, minTime: 0, maxTime: 0) { $0.append(value) }
        return blocks
    }

    private static func ingestTopic(_ disk: SimulatedFileSystem) throws -> (StateDirectory, Topic) {
        let state = try StateDirectory.open(path: "/state", fileSystem: disk)
        let store = try TopicStore.open(state: state, options: TopicOptions(clock: { 1 })) {
            _, _ in nil
        }
        return (state, try store.create("t", definition: [1], schema: [2]))
    }

    @Test("a batch behind one that failed is not acknowledged: a retry would leave a hole")
    func holeInIngest() throws {
        let disk = try Self.makeDisk()
        let (_, topic) = try Self.ingestTopic(disk)
        let log = try IngestLog(topic, idleMicros: 30_000_000) { _, _ in false }
        let outcomes = Mutex<[String]>([])
        let ended = Pipelined.Semaphore()
        let me = Array("me".utf8)
        // The disk is full for one write; the producer's second batch already waits then.
        disk.inject(SimulatedFault(.write, code: ENOSPC))
        log.submit(
            IngestLog.Entry(
                blocks: Self.ingestBlocks(1), producer: (me, 0..<100),
                done: { error in
                    outcomes.withLock { $0.append(error == nil ? "1 durable" : "1 refused") }
                    log.submit(
                        IngestLog.Entry(
                            blocks: Self.ingestBlocks(2), producer: (me, 100..<200),
                            done: { error in
                                outcomes.withLock {
                                    $0.append(error == nil ? "2 durable" : "2 refused")
                                }
                                ended.signal()
                            }))
                }))
        ended.wait(atMostMicros: 5_000_000)
        let found = outcomes.withLock { $0 }
        #expect(found.first == "1 refused")
        // The producer comes back and asks from where to go on.
        #expect(log.lastSequence(me) == 0, "\(found)")
        #expect(log.partition.committed.nextOffset == 0)
        log.close()
    }

    @Test("a producer whose log was closed behind it is told so")
    func submitAfterClose() throws {
        let disk = try Self.makeDisk()
        let (_, topic) = try Self.ingestTopic(disk)
        let logs = IngestLogs()
        let log = try logs.acquire(topic)
        // The topic is deleted and made again, and another producer comes: `acquire` closes the log.
        log.close()
        let isTold = Atomic(false)
        log.submit(
            IngestLog.Entry(
                blocks: Self.ingestBlocks(1), producer: nil,
                done: { _ in isTold.store(true, ordering: .releasing) }))
        let wasTold = isTold.load(ordering: .acquiring)
        #expect(wasTold)
    }

    @Test("a retry that comes before the first try was written is not appended again")
    func retryWhileUnderWay() throws {
        let disk = try Self.makeDisk()
        let (_, topic) = try Self.ingestTopic(disk)
        let log = try IngestLog(topic, idleMicros: 30_000_000) { _, _ in false }
        let me = Array("me".utf8)
        let isBlocked = Pipelined.Semaphore()
        let goOn = Pipelined.Semaphore()
        let ended = Pipelined.Semaphore()
        log.submit(
            IngestLog.Entry(
                blocks: Self.ingestBlocks(9), producer: nil,
                done: { _ in
                    isBlocked.signal()
                    goOn.wait()
                }))
        isBlocked.wait()
        // The log's thread is busy. A producer hands its rows over, and its connection breaks.
        log.submit(
            IngestLog.Entry(blocks: Self.ingestBlocks(1), producer: (me, 0..<100), done: { _ in }))
        // It comes back, is told from where to go on, and does.
        if log.lastSequence(me) < 100 {
            log.submit(
                IngestLog.Entry(
                    blocks: Self.ingestBlocks(1), producer: (me, 0..<100),
                    done: { _ in ended.signal() }))
        }
        goOn.signal()
        ended.wait(atMostMicros: 2_000_000)
        #expect(log.partition.committed.nextOffset == 2)
        log.close()
    }

    @Test("a producer that comes while an idle log is being closed is served")
    func acquireWhileClosing() throws {
        let disk = try Self.makeDisk()
        let (_, topic) = try Self.ingestTopic(disk)
        let logs = IngestLogs()
        let log = try logs.acquire(topic)
        let isBlocked = Pipelined.Semaphore()
        let goOn = Pipelined.Semaphore()
        let isClosed = Pipelined.Semaphore()
        log.submit(
            IngestLog.Entry(
                blocks: Self.ingestBlocks(9), producer: nil,
                done: { _ in
                    isBlocked.signal()
                    goOn.wait()
                }))
        isBlocked.wait()
        logs.release(log)
        Foundation.Thread.detachNewThread {
            logs.closeIfIdle("t")
            isClosed.signal()
        }
        Foundation.Thread.sleep(forTimeInterval: 0.2)
        Foundation.Thread.detachNewThread {
            Foundation.Thread.sleep(forTimeInterval: 0.3)
            goOn.signal()
        }
        #expect(throws: Never.self) { _ = try logs.acquire(topic) }
        isClosed.wait(atMostMicros: 2_000_000)
    }

    // MARK: Tables

    /// A keyed topic, who writes it, and tables over it.
    private final class TableBench {
        let service: TopicService
        let schema = Schema([Field("id", .string), Field("n", .bigint)])
        private var sinks: [String: any Sink] = [:]
        private var epoch: UInt64 = 0

        init(segmentBytes: Int64 = 64 << 20) throws {
            let disk = try TopicFaultTests.makeDisk()
            let state = try StateDirectory.open(path: "/state", fileSystem: disk)
            service = try TopicService.open(state)
        }

        func write(_ id: String, _ value: Int64, at time: Int64, by name: String = "out") throws {
            epoch += 1
            if sinks[name] == nil {
                let sink = try SinkFactory.open(
                    SinkSpec(
                        name: name, input: NodeReference(node: "x", port: .main),
                        inputSchema: schema, inputKey: [0],
                        connector: .topic(TopicSinkOptions(name: "t")), format: .none,
                        mode: .upsert(key: [0]), deleteWhen: nil),
                    existing: .refuse, topics: service.connection(for: "w"))
                try sink.recover(token: nil)
                sinks[name] = sink
            }
            let sink = try #require(sinks[name])
            let number = Column.repeating(value, count: 1)
            try sink.write(
                Batch(
                    columns: [
                        Column.words([id], count: 1) { _ in 0 },
                        Column(type: .bigint, count: 1, values: number.values),
                    ], rowtime: .repeating(time, count: 1), rowCount: 1))
            let cut = try sink.cut(epoch: epoch)
            try cut.sync()
            try cut.commit()
        }

        func table() -> TableNode {
            let counters = NodeCounters(name: "names")
            let context = LaneContext(onError: .deadLetter)
            let spec = TableSpec(
                name: "names",
                connector: .topic(TopicSourceOptions(name: "t", mode: .upsert)), format: .none,
                fields: schema.fields.enumerated().map { ordinal, field in
                    FieldSpec(
                        name: field.name, type: field.type, path: [field.name], ordinal: ordinal)
                }, key: [0], deleteWhen: nil,
                output: NodeOutput(schema: schema, change: .updating(key: ["id"])))
            let service = self.service
            return TableNode(
                spec, counters: counters,
                invalid: InvalidPort(counters: counters, context: context), context: context
            ) { () throws(ConnectorError) in
                try SourceFactory.open(spec, topics: service.connection(for: "r"))
            }
        }

        static func values(_ table: TableNode) -> [Int64] {
            (0..<table.state.count).map { table.state.columns[1].integers[$0] }
        }
    }

    @Test("a table sees what was committed between its first reading and the pipeline's start")
    func tableBetweenLoadAndStart() throws {
        let bench = try TableBench()
        try bench.write("a", 1, at: 1)
        let table = bench.table()
        try table.load(now: 1)
        #expect(table.state.count == 1)
        try bench.write("b", 2, at: 2)
        // `EmbeddedPipeline.begin`
        table.subscribe {}
        #expect(table.hasNews)
        if table.hasNews { try table.refresh(now: 2) }
        #expect(table.state.count == 2)
    }

    @Test("of one writer's rows of a key the last one stands, as compaction has it")
    func lastRowOfKey() throws {
        let bench = try TableBench()
        try bench.write("a", 1, at: 10)
        try bench.write("a", 2, at: 5)
        let table = bench.table()
        try table.load(now: 1)
        #expect(TableBench.values(table) == [2])
    }

    @Test("a table over two writers is the same with and without a restart")
    func tableAfterRestart() throws {
        func run(restarts: Bool) throws -> [Int64] {
            let bench = try TableBench()
            try bench.write("a", 1, at: 10, by: "one")
            try bench.write("z", 0, at: 0, by: "two")
            var table = bench.table()
            try table.load(now: 1)
            if restarts {
                let changes = table.takeChanges()
                let signature = table.signature
                table = bench.table()
                for item in changes.items {
                    try changes.bytes.withUnsafeBytes { raw in
                        func part(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
                            UnsafeRawBufferPointer(rebasing: raw[range]).bindMemory(to: UInt8.self)
                        }
                        try table.restore(
                            StateEntry(
                                part: item.part, time: item.time,
                                key: part(item.keyStart..<item.valueStart),
                                value: part(item.valueStart..<item.end)))
                    }
                }
                table.restore(signature: signature)
            }
            try bench.write("a", 2, at: 5, by: "two")
            if restarts {
                try table.load(now: 2)
            } else {
                table.subscribe {}
                try bench.write("z", 0, at: 0, by: "two")
                try table.refresh(now: 2)
            }
            return TableBench.values(table).sorted()
        }
        let through = try run(restarts: false)
        let restarted = try run(restarts: true)
        #expect(through == restarted)
    }
}
