import Foundation
import TestSupport
import Testing

/// The queries of docs/nexmark.md over 20,000 events, against what scripts/nexmark-oracle.py says.
@Suite("Nexmark queries")
struct NexmarkTests {
    /// Those that this version can run; the others wait in Tests/Fixtures/nexmark-later.
    static let running = (0...22).map { "q\($0)" }.filter { !waiting.contains($0) }
    static let waiting = ["q6"]
    private static let later = "Tests/Fixtures/nexmark-later"

    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("nexmark") }

    private func path(_ name: String, in place: String) -> String {
        repositoryRoot.appendingPathComponent("\(place)/\(name).yaml").path
    }

    @Test("are all there, each in one place")
    func complete() throws {
        func names(_ place: String) throws -> Set<String> {
            let folder = repositoryRoot.appendingPathComponent(place)
            return Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
        }
        #expect(try names("pipelines/nexmark") == Set(Self.running.map { "\($0).yaml" }))
        #expect(try names(Self.later) == Set(Self.waiting.map { "\($0).yaml" }))
    }

    @Test("give the rows of the golden", arguments: running)
    func result(_ name: String) throws {
        let outcome = try Program.run(
            ["run", path(name, in: "pipelines/nexmark")], in: folder,
            variables: ["NEXMARK_EVENTS": "20000", "NEXMARK_RATE": "200"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let expected = try NexmarkGolden(name, events: 20_000)
        let rows = try expected.rows(folder.rows("out/nexmark/\(name).ndjson"))
        #expect(rows.count == expected.rowCount)
        #expect(NexmarkGolden.checksum(rows) == expected.checksum)
        if !expected.shown.isEmpty {
            #expect(rows.sorted() == (try expected.rows(expected.shown)).sorted())
        }
    }

    @Test("wait only as long as they do not load", arguments: waiting)
    func waits(_ name: String) throws {
        let outcome = try Program.run(["validate", path(name, in: Self.later)], in: folder)
        #expect(
            outcome.status != 0,
            "\(name) loads: move it to pipelines/nexmark and name it in NexmarkTests.running")
    }
}
