import Config
import Foundation
import TestSupport
import Testing

private let page = repositoryRoot.appendingPathComponent("docs/spec-reference.md")

/// The YAML blocks of the page that are whole pipelines or topics.
private let examples: [String] = {
    let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
    return text.components(separatedBy: "```yaml\n").dropFirst()
        .compactMap { $0.components(separatedBy: "```").first }
        .filter { $0.hasPrefix("pipeline:") || $0.hasPrefix("topic:") }
}()

@Suite("Spec reference")
struct ReferenceTests {
    @Test("has the table of every group of fields; RECORD_GOLDENS=1 writes them")
    func tables() throws {
        var text = try String(contentsOf: page, encoding: .utf8)
        for group in SpecFields.all {
            let opening = "<!-- fields: \(group.name) -->\n"
            let table = group.markdownTable + "\n"
            let start = try #require(text.firstRange(of: opening), "no table of \(group.name)")
            let rest = text[start.upperBound...]
            let end = try #require(rest.firstRange(of: "<!-- end -->"))
            if isRecordingGoldens {
                text.replaceSubrange(start.upperBound..<end.lowerBound, with: table)
            } else {
                #expect(rest[..<end.lowerBound] == table, "the table of \(group.name) is stale")
            }
        }
        if isRecordingGoldens { try text.write(to: page, atomically: true, encoding: .utf8) }
    }

    @Test("has examples that load", arguments: examples)
    func example(_ text: String) {
        #expect(load(text).diagnostics.rendered == "")
    }

    @Test("has an example of every feature")
    func count() { #expect(examples.count >= 6) }

    @Test("declares each field once, with all that the page shows")
    func declarations() {
        for group in SpecFields.all {
            #expect(Set(group.fields.map(\.name)).count == group.fields.count, "\(group.name)")
            for field in group.fields {
                #expect(!field.doc.isEmpty && !field.example.isEmpty, "\(group.name).\(field.name)")
            }
        }
        #expect(Set(SpecFields.all.map(\.name)).count == SpecFields.all.count)
    }

    @Test("is not the only place: every sample loads without a word")
    func samples() throws {
        let folder = repositoryRoot.appendingPathComponent("pipelines")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".yaml") }
        let inputs = try names.sorted().map { name in
            SpecInput(
                path: "pipelines/\(name)",
                bytes: [UInt8](try Data(contentsOf: folder.appendingPathComponent(name))))
        }
        let results = loader(allowedPaths: ["/var/log"]).load(inputs)
        for result in results { #expect(result.diagnostics.rendered == "") }
        let specs = results.flatMap(\.pipelines)
        let topics = results.flatMap(\.topics)
        #expect(SpecDirectory.check(specs, topics: topics).failed.isEmpty)
        #expect(specs.count >= 5 && topics.count >= 2)
    }
}
