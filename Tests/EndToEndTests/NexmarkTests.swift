import Foundation
import TestSupport
import Testing

/// The queries of docs/nexmark.md over 20,000 events, against what scripts/nexmark-oracle.py says.
@Suite("Nexmark queries")
struct NexmarkTests {
    static let names = (0...22).map { "q\($0)" }

    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("nexmark") }

    private static let specs = repositoryRoot.appendingPathComponent("pipelines/nexmark")

    @Test("are all there")
    func complete() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.specs.path)
        #expect(Set(files) == Set(Self.names.flatMap { ["\($0).yaml", "\($0).test.yaml"] }))
    }

    @Test("give the rows of the golden", arguments: names)
    func result(_ name: String) throws {
        let outcome = try Program.run(
            ["run", Self.specs.appendingPathComponent("\(name).yaml").path], in: folder,
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
}
