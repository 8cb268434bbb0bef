import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Dead letters")
struct DeadLetterTests {
    private func harness(_ reach: TopicHarness.Reach) throws -> TopicHarness {
        let harness = try TopicHarness(reach)
        try harness.makeDeadLetters(of: "views")
        func letter(_ raw: String, _ error: String, _ position: Int) -> String {
            let object = JSONObject([
                ("raw", .string(raw)), ("error", .string(error)), ("node", "events"),
                ("source", "events:a.ndjson"), ("position", .count(position)),
            ])
            return JSONValue.object(object).rendered + "\n"
        }
        let made = try harness.produce(
            letter("{\"n\":\"x\"}", "cannot read field 'n' as bigint: \"x\" at byte 5", 1)
                + letter("{\"n\":7}", "cannot read field 'm' as bigint: it is missing", 2)
                + letter("{\"n\":\"y\"}", "cannot read field 'n' as bigint: \"y\" at byte 5", 3),
            to: "views.dead-letters")
        #expect(made.status == .done, "\(made)")
        return harness
    }

    @Test(
        "are listed by pipeline with the most frequent error",
        arguments: TopicHarness.Reach.allCases)
    func list(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        let text = harness.run("dead-letters").output
        expectGolden(steadyTopics(text, harness.folder), "topics/dead-letters.txt")
        let json = harness.run("dead-letters", "ls", "-o", "json").output
        expectGolden(steadyTopics(json, harness.folder), "topics/dead-letters.json")
    }

    @Test("are shown, filtered by their error", arguments: TopicHarness.Reach.allCases)
    func show(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        expectGolden(
            harness.run("dead-letters", "show", "views").output, "topics/dead-letters-show.txt")
        let some = harness.run(
            "dead-letters", "show", "views", "--error", "'n' as", "-o", "json", "--limit", "1")
        #expect(
            some.output == """
                {"raw":"{\\"n\\":\\"x\\"}","error":"cannot read field 'n' as bigint: \\"x\\" at byte 5","node":"events","source":"events:a.ndjson","position":1}

                """)
        #expect(
            harness.run("dead-letters", "show", "views", "--error", "100%").output.isEmpty == false)
        #expect(
            harness.run(
                "dead-letters", "show", "views", "--error", "%", "-o", "json"
            ).output == "")
        #expect(harness.run("dead-letters", "show", "clicks").status == .failed)
    }

    @Test("are given to a topic, or printed as they came", arguments: TopicHarness.Reach.allCases)
    func replay(_ reach: TopicHarness.Reach) throws {
        let harness = try harness(reach)
        defer { harness.close() }
        #expect(
            harness.run("dead-letters", "replay", "views", "--stdout").output
                == "{\"n\":\"x\"}\n{\"n\":7}\n{\"n\":\"y\"}\n")
        #expect(
            harness.run("dead-letters", "replay", "views", "--stdout", "--to-topic", "x").status
                == .usage)
        try harness.produce("", to: "mended", "--schema", "n: bigint")
        let stopped = harness.run("dead-letters", "replay", "views", "--to-topic", "mended")
        #expect(stopped.status == .failed)
        #expect(stopped.error.hasPrefix("error: cannot take row 1: "), "\(stopped)")
        let skipped = harness.run(
            "dead-letters", "replay", "views", "--to-topic", "mended", "--skip-invalid")
        #expect(skipped.output.hasSuffix("acknowledged, 2 left out\n"), "\(skipped)")
        #expect(harness.run("consume", "mended").output == "{\"n\":7}\n")
        let chosen = harness.run(
            "dead-letters", "replay", "views", "--to-topic", "mended", "--where", "position = 2")
        #expect(chosen.status == .done, "\(chosen)")
    }
}
