import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("The page of the control protocol")
struct ControlPageTests {
    private let page: String

    init() throws {
        page = try String(
            contentsOf: repositoryRoot.appendingPathComponent("docs/control-protocol.md"),
            encoding: .utf8)
    }

    private func section(_ method: String) throws -> String {
        let start = try #require(page.range(of: "### `\(method)`\n"))
        let rest = page[start.upperBound...]
        return String(rest[..<(rest.range(of: "\n#")?.lowerBound ?? rest.endIndex)])
    }

    @Test("has every method with its parameters and their types, and no others")
    func methods() throws {
        for method in ControlMethod.all {
            let section = try section(method.name)
            for parameter in method.parameters {
                let words = parameter.kind.rawValue + (parameter.isRequired ? ", required" : "")
                #expect(section.contains("`\(parameter.name)` (\(words))"), "\(method.name)")
            }
            #expect(section.contains("Parameters:") == !method.parameters.isEmpty)
            #expect(!method.isStream || section.contains("stream"), "\(method.name)")
        }
        let headings = page.split(separator: "\n").filter { $0.hasPrefix("### `") }
        #expect(headings.count == ControlMethod.all.count)
    }

    @Test("has every error code, phase and limit")
    func words() {
        for code in ControlFailure.Code.allCases {
            #expect(page.contains("| `\(code.rawValue)` |"))
        }
        for phase in PipelinePhase.allCases { #expect(page.contains("`\(phase.rawValue)`")) }
        for figure in [
            "\(ControlProtocol.requestBytesMax) bytes", "| \(ControlProtocol.clientsMax) |",
            "| \(ControlLimits().openRequestsMax) |", "\(JSONParser.depthMax) levels",
            "\(ControlProtocol.streamBacklogBytesMax) bytes",
            "| \(ControlProtocol.stallMicrosMax / 1_000_000) s,",
            "| \(ControlLimits().idleMicrosMax / 1_000_000) s |",
            "| frames left unread | \(ControlLimits().frameStallMicrosMax / 1_000_000) s,",
            "| length of a frame | \(ControlProtocol.frameBytesMax) bytes |",
        ] { #expect(page.contains(figure), "\(figure)") }
    }

    private func keys(_ value: JSONValue, _ found: inout Set<String>) {
        for member in value.object?.members ?? [] {
            found.insert(member.key)
            keys(member.value, &found)
        }
        for element in value.array ?? [] { keys(element, &found) }
    }

    /// Fills a topic and reads it.
    private func produce(_ client: ControlClient, _ found: inout Set<String>) throws {
        for topic in ["t", "a.dead-letters"] {
            let request = ProduceRequest(
                topic: topic, schema: topic == "t" ? "n: bigint, error: string" : nil,
                skipsInvalid: true)
            let upload = try ProduceUpload(client, request) { _, _ in }
            let rows = Array("{\"n\":1}\nx\n".utf8)
            try rows.withUnsafeBytes { try upload.send($0) }
            keys(try upload.finish(), &found)
        }
        let read = try client.consume(
            ConsumeRequest(topic: "t"), isWanted: { true }, write: { _ in true })
        keys(try #require(read), &found)
    }

    @Test("has every member of every answer")
    func members() throws {
        let daemon = try TestDaemon(specs: ["a.yaml": "a 1", "b.yaml": "broken"])
        defer { daemon.close() }
        let client = try daemon.client()
        let name = JSONObject([("name", "a")])
        while try client.request("version") != nil, !daemon.controller.view.hasConverged {}
        try daemon.folder.writeSpec("c 1", to: "specs/c.yaml")
        var found: Set<String> = []
        for (method, params) in [
            ("version", JSONObject()), ("status", JSONObject()), ("diff", JSONObject()),
            ("reload", JSONObject()), ("describe", name), ("pause", name), ("resume", name),
            ("restart", name), ("graph", name), ("metrics", JSONObject()),
            ("wait", JSONObject([("name", "a"), ("for", "ready")])),
            ("reset", JSONObject([("name", "a"), ("output", "keep")])),
            ("events", JSONObject()),
        ] {
            let result = try client.request(method, params) { item in
                keys(item, &found)
                return true
            }
            keys(try #require(result), &found)
        }
        let target = JSONObject([("directory", .string(daemon.folder.path(of: "b")))])
        let backup = try client.request("backup", target) { item in
            keys(item, &found)
            return true
        }
        keys(try #require(backup), &found)
        _ = try daemon.topics.catalog.apply(deadLetterTopic(of: "a"), isDocumented: false)
        try produce(client, &found)
        let topic = JSONObject([("name", "t")])
        for (method, params) in [
            ("topics", JSONObject()), ("topic", topic), ("topic_verify", JSONObject()),
            ("dead_letters", JSONObject()), ("topic_delete", topic),
        ] {
            keys(try #require(try client.request(method, params)), &found)
        }
        #expect(found.count > 90)
        for key in found.sorted() { #expect(page.contains("`\(key)`"), "\(key)") }
    }
}
