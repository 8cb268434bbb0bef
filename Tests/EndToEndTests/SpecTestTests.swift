import Foundation
import TestSupport
import Testing

@Suite("pipelined test, as built")
struct SpecTestTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder("spec-test")
        try FileManager.default.copyItem(
            at: repositoryRoot.appendingPathComponent("pipelines"),
            to: folder.url.appendingPathComponent("pipelines"))
    }

    @Test("the samples and Nexmark's queries do what their tests say, and nothing is written")
    func samples() throws {
        let outcome = try Program.run(
            [
                "test", "pipelines", "pipelines/nexmark", "--allow-path", "/var/log", "-o", "json",
                "--junit", "results.xml",
            ], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)\(outcome.output)")
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        let results = try #require(report["results"] as? [[String: Any]])
        #expect(Set(results.compactMap { $0["pipeline"] as? String }).count == 33)
        let xml = try folder.read("results.xml")
        #expect(xml.components(separatedBy: "<testcase ").count - 1 == results.count)
        #expect(!FileManager.default.fileExists(atPath: folder.path(of: "out")))
    }

    @Test("says what is different, and exits with 1")
    func different() throws {
        let path = folder.path(of: "pipelines/fraud.yaml")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try folder.write(
            text.replacing("taken: 78000", with: "taken: 78001"), to: "pipelines/fraud.yaml")
        let outcome = try Program.run(["test", "pipelines/fraud.yaml"], in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("row 1 of 'alerts' differs"))
        #expect(outcome.output.contains("2 tests, 1 of them not as expected"))
    }

    @Test("exits with 2 for a spec that is wrong, and for one without tests")
    func refused() throws {
        try folder.write("pipeline: x", to: "x.yaml")
        #expect(try Program.run(["test", "x.yaml"], in: folder).status == 2)
        #expect(try Program.run(["test", "pipelines/data"], in: folder).status == 2)
        #expect(try Program.run(["test", "--no-such-flag"], in: folder).status == 2)
        let run = try Program.run(["run", "pipelines/orders.test.yaml"], in: folder)
        #expect(run.status == 1 && run.errors.contains("'pipelined test' runs them"))
    }
}
