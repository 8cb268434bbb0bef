import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Topic commands")
struct TopicCommandTests {
    private func harness(_ reach: TopicHarness.Reach) throws -> TopicHarness {
        let harness = try TopicHarness(reach)
        try harness.declare(
            """
            topic: clicks
            description: Every click
            owner: web
            schema: {id: bigint, at: timestamp}
            key: [id]
            event_time: at
            retention: {time: 90d, size: 10GiB}
            """)
        try harness.produce(
            "{\"id\":1,\"at\":\"2025-03-01T00:00:00Z\"}\n{\"id\":2,\"at\":\"2025-03-02T00:00:00Z\"}\n",
            to: "clicks")
        return harness
    }

    @Test(
        "list topics as a table, wide, as JSON and as names", arguments: TopicHarness.Reach.allCases
    )
    func list(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        expectGolden(steadyTopics(harness.run("topics").output, harness.folder), "topics/table.txt")
        #expect(harness.run("topics", "ls").output == harness.run("topics").output)
        expectGolden(
            steadyTopics(harness.run("topics", "ls", "-o", "wide").output, harness.folder),
            "topics/wide.txt")
        expectGolden(
            steadyTopics(harness.run("topics", "-o", "json").output, harness.folder),
            "topics/topics.json")
        #expect(harness.run("topics", "-o", "names").output == "clicks\n")
    }

    @Test("describe a topic, as text and as JSON", arguments: TopicHarness.Reach.allCases)
    func describe(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        let text = harness.run("topics", "describe", "clicks").output
        expectGolden(steadyTopics(text, harness.folder), "topics/describe.txt")
        let json = harness.run("topics", "describe", "clicks", "-o", "json").output
        expectGolden(steadyTopics(json, harness.folder), "topics/describe.json")
        let unknown = harness.run("topics", "describe", "click")
        #expect(unknown.error == "error: there is no topic 'click'; did you mean 'clicks'?\n")
        #expect(unknown.status == .failed)
    }

    @Test("delete a topic, once it has been said twice", arguments: TopicHarness.Reach.allCases)
    func delete(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        let asked = harness.run("topics", "delete", "clicks")
        #expect(asked.status == .usage)
        #expect(asked.error.hasPrefix("this deletes of 'clicks': 2 rows ("))
        #expect(asked.error.hasSuffix("error: nobody is there to ask; say --yes\n"))
        let done = harness.run("topics", "delete", "clicks", "--yes")
        #expect(done.output == "'clicks' is deleted\n", "\(done)")
        #expect(harness.run("topics").output == "no topics\n")
        #expect(harness.run("topics", "delete", "clicks", "--yes").status == .failed)
    }

    @Test("do not delete what is read or written, unless they are forced")
    func refused() throws {
        let harness = try harness(.daemon)
        defer { harness.close() }
        let daemon = try #require(harness.daemon)
        let reader = try #require(RawClient(daemon.socketPath))
        let request = ConsumeRequest(topic: "clicks", isFollowing: true)
        reader.send(ControlRequest(id: 1, method: "consume", params: request.params).line)
        #expect(reader.line()?.contains("\"frames\":true") == true)
        let writer = try #require(RawClient(daemon.socketPath))
        let produce = ProduceRequest(topic: "clicks").params
        writer.send(ControlRequest(id: 1, method: "produce", params: produce).line)
        #expect(writer.line()?.contains("\"ready\":true") == true)
        #expect(daemon.run("topics").output.contains("produce"))
        let refused = harness.run("topics", "delete", "clicks", "--yes")
        #expect(refused.status == .failed)
        #expect(
            refused.error
                == "error: cannot delete the topic 'clicks': produce writes it, and consume "
                + "reads it; stop that first, or say --force\n")
        #expect(harness.run("topics", "delete", "clicks", "--yes", "--force").status == .done)
        let row = Array("{\"id\":1,\"at\":\"2025-03-01T00:00:00Z\"}\n".utf8)
        writer.send(ControlFrame.head(row.count) + row + ControlFrame.head(0))
        // What stands for the acknowledgements says that there are none.
        #expect(writer.line()?.contains("\"rows\":0") == true)
        #expect(writer.line()?.contains("the topic has been deleted") == true)
    }

    @Test("verify every byte, and name file and byte of one that changed")
    func verify() throws {
        let harness = try harness(.state)
        for n in 0..<20 {
            try harness.produce("{\"id\":\(n),\"at\":\"2025-03-01T00:00:00Z\"}\n", to: "clicks")
        }
        let sound = harness.run("topics", "verify", "-o", "json")
        #expect(sound.status == .done)
        expectGolden(steadyTopics(sound.output, harness.folder), "topics/verify.json")
        #expect(harness.run("topics", "verify", "clicks").output.hasSuffix(", sound\n"))
        #expect(harness.run("topics", "verify", "clack").status == .failed)
        let topic = harness.folder.path(of: "state/topics/clicks")
        let folder = try #require(
            try FileManager.default.contentsOfDirectory(atPath: topic)
                .first { $0.hasPrefix("ingest~") })
        let partition = topic + "/" + folder
        let name = try #require(
            try FileManager.default.contentsOfDirectory(atPath: partition)
                .first { $0.hasSuffix(".segment") })
        let path = partition + "/" + name
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[600] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: path))
        let damaged = harness.run("topics", "verify", "clicks")
        #expect(damaged.status == .failed)
        #expect(damaged.output.hasSuffix(", DAMAGED\n"))
        #expect(damaged.error.contains(name), "\(damaged.error)")
        #expect(damaged.error.contains("at byte "), "\(damaged.error)")
    }

    @Test("verify a topic that is being written, through a daemon")
    func verifyDaemon() throws {
        let harness = try harness(.daemon)
        defer { harness.close() }
        let result = harness.run("topics", "verify")
        #expect(result.output.hasSuffix("sound\n"), "\(result)")
    }

    @Test("say who holds a state directory, and how to ask them")
    func locked() throws {
        let harness = try harness(.daemon)
        defer { harness.close() }
        let terminal = Terminal(capturing: ())
        let state = harness.folder.path(of: "state")
        #expect(
            CommandLineProgram.run(["topics", "--state", state], terminal: terminal) == .failed)
        #expect(
            terminal.error
                == "error: cannot open the state in \(state): process \(getpid()) holds it; "
                + "leave --state out to ask a daemon that listens, or name its socket with --socket "
                + "\(state)/control.sock\n")
        let none = Terminal(capturing: ())
        #expect(
            CommandLineProgram.run(["topics", "--socket", "/nowhere/s"], terminal: none)
                == .noDaemon)
        let missing = Terminal(capturing: ())
        #expect(
            CommandLineProgram.run(["topics", "--state", "/nowhere/s"], terminal: missing)
                == .failed)
        #expect(missing.error.contains("there is no such folder"))
    }

    @Test(
        "have commands of their own",
        arguments: [
            (["topics", "lss"], "unknown command 'topics lss'; did you mean 'topics ls'?"),
            (
                ["topics", "frobnicate"],
                "unknown command 'topics frobnicate'; there is ls, describe, delete, verify"
            ),
            (["topics", "describe"], "'topics describe' needs TOPIC: the topic's name"),
        ])
    func subcommands(_ words: [String], _ message: String) {
        let terminal = Terminal(capturing: ())
        #expect(CommandLineProgram.run(words, terminal: terminal) == .usage)
        #expect(terminal.error.hasPrefix("error: \(message)\nusage: pipelined topics"))
    }
}
