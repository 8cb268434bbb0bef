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
        ] { #expect(page.contains(figure), "\(figure)") }
    }

    private func keys(_ value: JSONValue, _ found: inout Set<String>) {
        for member in value.object?.members ?? [] {
            found.insert(member.key)
            keys(member.value, &found)
        }
        for element in value.array ?? [] { keys(element, &found) }
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
        #expect(found.count > 60)
        for key in found.sorted() { #expect(page.contains("`\(key)`"), "\(key)") }
    }
}
