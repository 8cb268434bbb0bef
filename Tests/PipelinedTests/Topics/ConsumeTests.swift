import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Consume")
struct ConsumeTests {
    /// Rows n = 0...9, each a minute after the other.
    private func harness(_ reach: TopicHarness.Reach) throws -> TopicHarness {
        let harness = try TopicHarness(reach)
        let rows = (0..<10).map {
            "{\"n\":\($0),\"name\":\"k\($0 % 3)\",\"at\":\"2026-03-01T00:0\($0):00Z\"}\n"
        }
        try harness.produce(
            rows.joined(), to: "t", "--schema", "n: bigint, name: string, at: timestamp",
            "--event-time", "at")
        return harness
    }

    private func numbers(_ result: TopicHarness.Result) -> [Int] {
        #expect(result.status == .done, "\(result)")
        return result.output.matches(of: /"n":(\d+)/).compactMap { Int($0.1) }
    }

    @Test("begins and ends where it is told", arguments: TopicHarness.Reach.allCases)
    func places(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        #expect(numbers(harness.run("consume", "t", "--limit", "3")) == [0, 1, 2])
        #expect(numbers(harness.run("consume", "t", "--from", "7")) == [7, 8, 9])
        #expect(numbers(harness.run("consume", "t", "--from", "ingest:8")) == [8, 9])
        #expect(numbers(harness.run("consume", "t", "--to", "ingest:2")) == [0, 1])
        #expect(
            numbers(
                harness.run(
                    "consume", "t", "--from", "2026-03-01T00:03:00Z", "--to",
                    "2026-03-01T00:05:00Z")) == [3, 4])
        #expect(numbers(harness.run("consume", "t", "--from", "latest")) == [])
        #expect(numbers(harness.run("consume", "t", "--from", "-1h")) == [])
        #expect(
            numbers(harness.run("consume", "t", "--partition", "ingest", "--from", "9")) == [9])
        let other = harness.run("consume", "t", "--partition", "x")
        #expect(
            other.error.contains("cannot read the partition 'x' of the topic 't': it has ingest"))
        #expect(harness.run("consume", "t", "--from", "soon").status == .usage)
        #expect(harness.run("consume", "t", "--to", "earliest").status == .usage)
    }

    @Test("filters and selects", arguments: TopicHarness.Reach.allCases)
    func filters(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        let some = harness.run(
            "consume", "t", "--where", "name = 'k1' and n > 1", "--select", "at, n", "--limit", "1")
        #expect(some.output == "{\"at\":\"2026-03-01T00:04:00Z\",\"n\":4}\n")
        let timed = harness.run(
            "consume", "t", "--where", "rowtime >= timestamp '2026-03-01T00:08:00Z'")
        #expect(numbers(timed) == [8, 9])
        let wrong = harness.run("consume", "t", "--where", "n > 1 and nmae = 'x'")
        #expect(wrong.status == .failed)
        expectGolden(wrong.error, "topics/where.txt")
        let unknown = harness.run("consume", "t", "--select", "nam")
        #expect(
            unknown.error
                == "error: cannot select 'nam': the topic 't' has n, name, at; did you mean 'name'?\n"
        )
        let failing = harness.run("consume", "t", "--where", "10 / (n - 5) > 0", "--select", "n")
        #expect(numbers(failing) == [6, 7, 8, 9])
        #expect(
            failing.error.hasPrefix("left out, as the filter has no value for them: 1 row: "))
    }

    @Test("prints tables, CSV and metadata", arguments: TopicHarness.Reach.allCases)
    func formats(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        let table = harness.run("consume", "t", "-o", "table", "--with-metadata", "--limit", "3")
        expectGolden(table.output, "topics/consume.txt")
        let csv = harness.run("consume", "t", "-o", "csv", "--limit", "2")
        #expect(csv.output == "n,name,at\n0,k0,2026-03-01T00:00:00Z\n1,k1,2026-03-01T00:01:00Z\n")
        let metadata = harness.run("consume", "t", "--with-metadata", "--from", "9")
        #expect(
            metadata.output.contains(
                "\"_partition\":\"ingest\",\"_offset\":9,\"_rowtime\":\"2026-03-01T00:09:00Z\","
                    + "\"_op\":\"insert\"}"))
    }

    @Test("follows what is committed, in a topic that has no partition yet too")
    func follow() throws {
        let harness = try TopicHarness(.daemon)
        defer { harness.close() }
        let daemon = try #require(harness.daemon)
        try harness.declare("topic: t\nschema: {n: bigint}\n")
        let reader = Reader(daemon, "consume", "t", "--follow", "--limit", "4")
        let deadline = Date().addingTimeInterval(5)
        while Date() < deadline,
            !daemon.run("topics", "-o", "json").output.contains("\"name\": \"consume\"")
        {
            usleep(1000)
        }
        try harness.produce("{\"n\":1}\n{\"n\":2}\n", to: "t")
        try harness.produce("{\"n\":3}\n{\"n\":4}\n", to: "t")
        #expect(numbers(reader.finish()) == [1, 2, 3, 4])
    }

    @Test("that follows is woken by a commit, and not by looking now and then")
    func wakes() throws {
        let harness = try harness(.state)
        let local = try LocalTopics(harness.folder.path(of: "state"))
        defer { local.close() }
        let plan = try ConsumePlan(ConsumeRequest(topic: "t", isFollowing: true), local.topics)
        let merge = TopicMergeProbe(plan, local.topics)
        #expect(try merge.rows() == 10)
        #expect(merge.wakes == 0)
        let session = try ProduceSession(
            ProduceRequest(topic: "t"), topics: local.topics, logs: local.logs)
        let row = Array("{\"n\":10,\"at\":\"2026-03-01T00:10:00Z\"}\n".utf8)
        row.withUnsafeBytes { session.room(row.count).copyMemory(from: $0) }
        try session.received(row.count)
        try session.finish()
        #expect(merge.wakes > 0)
        #expect(try merge.rows() == 1)
    }

    @Test("that does not read is dropped, and others do not notice")
    func deaf() throws {
        var limits = ControlLimits()
        limits.frameStallMicrosMax = 300_000
        let harness = try TopicHarness(.daemon, limits: limits)
        defer { harness.close() }
        let daemon = try #require(harness.daemon)
        let text = String(repeating: "x", count: 1000)
        let rows = (0..<8000).map { "{\"n\":\($0),\"text\":\"\(text)\"}\n" }.joined()
        try harness.produce(rows, to: "t", "--schema", "n: bigint, text: string")
        let client = try #require(RawClient(daemon.socketPath))
        client.send(
            ControlRequest(id: 1, method: "consume", params: ConsumeRequest(topic: "t").params).line
        )
        #expect(harness.run("consume", "t", "--select", "n").output.count > 8000)
        let deadline = Date().addingTimeInterval(10)
        while Date() < deadline,
            daemon.run("topics", "-o", "json").output.contains("\"name\": \"consume\"")
        {
            usleep(10_000)
        }
        #expect(!daemon.run("topics", "-o", "json").output.contains("\"name\": \"consume\""))
    }

    /// A command line that runs while the test goes on.
    private final class Reader {
        private let thread: DaemonThread?
        private let terminal = Terminal(capturing: ())
        private let status = Semaphore()

        init(_ daemon: TestDaemon, _ words: String...) {
            let terminal = self.terminal
            let all = words + ["--socket", daemon.socketPath]
            thread = DaemonThread.start("reader") {
                _ = CommandLineProgram.run(all, terminal: terminal)
            }
        }

        func finish() -> TopicHarness.Result {
            thread?.join()
            return (.done, terminal.output, terminal.error)
        }
    }
}
