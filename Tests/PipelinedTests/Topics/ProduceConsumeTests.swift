import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Produce and consume")
struct ProduceConsumeTests {
    private static let schema =
        "flag: boolean, n: bigint, x: double, text: string, at: timestamp, raw_at: timestamp(ms)"
    private static let rows = """
        {"flag":true,"n":9223372036854775807,"x":0.1,"text":"plain","at":"2026-01-01T00:00:00Z","raw_at":1767225600001}
        {"flag":false,"n":-9223372036854775808,"x":-1e+300,"text":"a \\"b\\", c\\n\\u0001 é 日本","at":"2026-01-01T00:00:00.000001Z","raw_at":0}
        {"flag":null,"n":null,"x":null,"text":"","at":"2026-01-01T00:00:01Z","raw_at":null}
        {"flag":null,"n":0,"x":2.5,"text":null,"at":"2026-01-01T00:00:02Z","raw_at":-1}

        """
    private static let printed = """
        {"flag":true,"n":9223372036854775807,"x":0.1,"text":"plain","at":"2026-01-01T00:00:00Z","raw_at":"2026-01-01T00:00:00.001Z"}
        {"flag":false,"n":-9223372036854775808,"x":-1e+300,"text":"a \\"b\\", c\\n\\u0001 é 日本","at":"2026-01-01T00:00:00.000001Z","raw_at":"1970-01-01T00:00:00Z"}
        {"flag":null,"n":null,"x":null,"text":"","at":"2026-01-01T00:00:01Z","raw_at":null}
        {"flag":null,"n":0,"x":2.5,"text":null,"at":"2026-01-01T00:00:02Z","raw_at":"1969-12-31T23:59:59.999Z"}

        """

    @Test(
        "give back every type of value, from NDJSON and from CSV",
        arguments: TopicHarness.Reach.allCases)
    func roundTrip(_ reach: TopicHarness.Reach) throws {
        let harness = try TopicHarness(reach)
        defer { harness.close() }
        let made = try harness.produce(
            Self.rows, to: "t", "--schema", Self.schema, "--event-time", "at")
        #expect(
            made.output == "4 rows (\(HumanText.bytes(Int64(Self.rows.utf8.count)))) acknowledged\n"
        )
        #expect(made.error == "")
        let read = harness.run("consume", "t")
        #expect(read.output == Self.printed)
        let csv = harness.run("consume", "t", "-o", "csv")
        #expect(csv.output.hasPrefix("flag,n,x,text,at,raw_at\n"))
        let again = try harness.produce(
            csv.output, to: "u", "--format", "csv", "--schema",
            "flag: boolean, n: bigint, x: double, text: string, at: timestamp, raw_at: timestamp",
            "--event-time", "at")
        #expect(again.status == .done, "\(again)")
        #expect(harness.run("consume", "u").output == Self.printed)
    }

    @Test(
        "stop at a row that does not fit, with what stands before it in the topic",
        arguments: TopicHarness.Reach.allCases)
    func invalid(_ reach: TopicHarness.Reach) throws {
        let harness = try TopicHarness(reach)
        defer { harness.close() }
        let rows = "{\"n\":1}\n{\"n\":2}\n\n{\"n\":\"x\"}\n{\"n\":3}\nnonsense\n{\"n\":4}\n"
        let stopped = try harness.produce(rows, to: "t", "--schema", "n: bigint")
        #expect(stopped.status == .failed)
        #expect(
            stopped.error == """
                error: cannot take row 3: cannot read field 'n' as bigint: a value of another type at byte 5; correct it, or leave such rows out with --skip-invalid
                in the topic before that: 2 rows

                """)
        #expect(harness.run("consume", "t").output == "{\"n\":1}\n{\"n\":2}\n")
        let skipped = try harness.produce(rows, to: "t", "--skip-invalid")
        #expect(skipped.status == .done)
        #expect(skipped.output == "4 rows (52 B) acknowledged, 2 left out\n")
        #expect(skipped.error.contains("  row 3: cannot read field 'n'"))
        #expect(skipped.error.contains("  row 5: "))
        let json = try harness.produce(rows, to: "t", "-o", "json")
        #expect(json.status == .failed)
        expectGolden(steadyTopics(json.output, harness.folder), "topics/produce-failed.json")
    }

    @Test(
        "say what is wrong with a topic, its columns and its event time",
        arguments: TopicHarness.Reach.allCases)
    func problems(_ reach: TopicHarness.Reach) throws {
        let harness = try TopicHarness(reach)
        defer { harness.close() }
        try harness.produce("", to: "clicks", "--schema", "n: bigint, at: timestamp")
        func error(_ flags: String...) throws -> String {
            let result = try harness.produce("{\"n\":1}\n", to: flags[0], "--id", "x")
            #expect(result.status == .failed)
            return result.error
        }
        #expect(
            try error("clikcs") == "error: there is no topic 'clikcs'; did you mean 'clicks'?\n")
        for (flags, text) in [
            (["--event-time", "when"], "the topic 'clicks' has no such column; it has n, at"),
            (["--event-time", "n"], "in the topic 'clicks' it is bigint"),
            (["--schema", "n: string"], "it is there, with the columns n: bigint, at: timestamp"),
            (["--schema", "n: bigin"], "did you mean 'bigint'?"),
            (["--schema", "n: bigint} #${HOME}"], "a line end or '${' stands in them"),
        ] {
            let path = try harness.folder.write("{\"n\":1}\n", to: "rows")
            let result = harness.run(["produce", "clicks", "--file", path] + flags)
            #expect(result.status == .failed)
            #expect(result.error.contains(text), "\(result.error)")
        }
        let missing = harness.run("produce", "clicks", "--file", "/nowhere")
        #expect(missing.error == "error: cannot read '/nowhere': No such file or directory\n")
        let late = try harness.produce("{\"n\":1}\n", to: "clicks", "--event-time", "at")
        #expect(late.error.contains("cannot take row 1: the event time 'at' is null"))
    }

    @Test("send only what is missing when an input with an id comes again")
    func retry() throws {
        let harness = try TopicHarness(.daemon)
        defer { harness.close() }
        let daemon = try #require(harness.daemon)
        try harness.produce("", to: "t", "--schema", "n: bigint")
        let rows = (0..<1000).map { "{\"n\":\($0)}\n" }.joined()
        // A connection that is cut in the middle of a row, after an acknowledgement.
        let client = try #require(RawClient(daemon.socketPath))
        let params = ProduceRequest(topic: "t", identifier: "input-1").params
        client.send(ControlRequest(id: 1, method: "produce", params: params).line)
        let part = Array(rows.utf8.prefix(5003))
        client.send(ControlFrame.head(part.count) + part)
        while let line = client.line(), !line.contains("\"rows\":") {}
        shutdown(client.descriptor, Int32(SHUT_RDWR))
        let deadline = Date().addingTimeInterval(5)
        while Date() < deadline, daemon.logs.producers(of: "t") > 0 { usleep(1000) }
        let there = harness.run("consume", "t").output.split(separator: "\n").count
        #expect((1..<1000).contains(there))
        let again = try harness.produce(rows, to: "t", "--id", "input-1")
        #expect(
            again.output.hasPrefix("\(1000 - there) rows")
                && again.output.hasSuffix(", \(there) were there already\n"), "\(again)")
        #expect(harness.run("consume", "t").output == rows)
        let once = try harness.produce(rows, to: "t", "--id", "input-1", "-o", "json")
        #expect(once.output.contains("\"already_there\": 1000"))
        #expect(harness.run("consume", "t").output == rows)
    }

    @Test("of several at once lose nothing and keep each one's order")
    func several() throws {
        let harness = try TopicHarness(.daemon)
        defer { harness.close() }
        let daemon = try #require(harness.daemon)
        try harness.produce("", to: "t", "--schema", "who: bigint, n: bigint")
        let paths = try (0..<4).map { who in
            try harness.folder.write(
                (0..<3000).map { "{\"who\":\(who),\"n\":\($0)}\n" }.joined(), to: "rows-\(who)")
        }
        let threads = paths.map { path in
            DaemonThread.start("producer") {
                for _ in 0..<3 {
                    #expect(
                        daemon.run("produce", "t", "--file", path, "--id", path).status == .done)
                }
            }
        }
        for thread in threads { thread?.join() }
        for who in 0..<4 {
            let read = daemon.run("consume", "t", "--where", "who = \(who)", "--select", "n")
            #expect(read.output == (0..<3000).map { "{\"n\":\($0)}\n" }.joined())
        }
    }

    @Test(
        "delete rows of an upsert topic, and say so when it is read",
        arguments: TopicHarness.Reach.allCases)
    func upsert(_ reach: TopicHarness.Reach) throws {
        let harness = try TopicHarness(reach)
        defer { harness.close() }
        try harness.declare(
            """
            topic: users
            schema: {id: {type: bigint, required: true}, name: {type: string, required: true}}
            key: [id]
            mode: upsert
            """)
        let made = try harness.produce(
            """
            {"id":1,"name":"a"}
            {"id":2,"name":"b","_op":"upsert"}
            {"_op":"delete","id":1}

            """, to: "users")
        #expect(made.status == .done, "\(made)")
        #expect(
            harness.run("consume", "users").output == """
                {"id":1,"name":"a","_op":"upsert"}
                {"id":2,"name":"b","_op":"upsert"}
                {"id":1,"name":null,"_op":"delete"}

                """)
        for (row, cause) in [
            ("{\"name\":\"x\"}", "'id' is null, and it is part of the topic's key"),
            ("{\"id\":3}", "'name' is null"),
            ("{\"id\":3,\"name\":\"c\",\"_op\":\"remove\"}", "'_op' is \"remove\", and not"),
        ] {
            let result = try harness.produce(row + "\n", to: "users")
            #expect(result.error.contains(cause), "\(result)")
        }
        let csv = try harness.produce("id,name,_op\n2,,delete\n", to: "users", "--format", "csv")
        #expect(csv.status == .done, "\(csv)")
        #expect(
            harness.run("consume", "users", "--from", "3", "-o", "csv").output
                == "id,name,_op\n2,,delete\n")
    }

    @Test("refuse a row without end")
    func longRow() throws {
        let harness = try TopicHarness(.state)
        let row = "{\"n\":\"" + String(repeating: "x", count: 17 << 20)
        let result = try harness.produce("{\"n\":\"a\"}\n" + row, to: "t", "--schema", "n: string")
        #expect(
            result.error.hasPrefix("error: cannot take row 2: it is longer than 16 MiB"),
            "\(result.error.prefix(200))")
        #expect(result.error.hasSuffix("in the topic before that: 1 row\n"))
    }
}
