import Foundation
import TestSupport
import Testing

@Suite("File to file")
struct BenchmarkShapeTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("file-to-file") }

    @Test("20,000 events give the counts that a reference works out row by row")
    func counts() throws {
        try Views.prepare(folder, Views.spec(follow: false))
        var views = Views(seed: testSeed)
        try folder.write((0..<20_000).map { _ in views.line() }.joined(), to: "data/events.ndjson")
        let outcome = try Program.run(
            ["run", "views.yaml", "--state", "state", "-o", "json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try Views.actualCounts(folder) == views.expectedCounts, "seed \(testSeed)")
        #expect(try Views.actualLate(folder) == views.late, "seed \(testSeed)")
        #expect(views.late.count > 20)
        let report = try outcome.json()
        #expect(report["rows"] as? Int == 20_000 - views.invalidCount)
        #expect(report["dead_letters"] as? Int == views.invalidCount)
        #expect(report["late"] as? Int == views.late.count)
        #expect(try folder.topicRows("views.dead-letters").count == views.invalidCount)
    }

    @Test("a run without --state leaves no state behind, and the same output")
    func withoutState() throws {
        try Views.prepare(folder, Views.spec(follow: false))
        var views = Views(seed: testSeed &+ 1)
        try folder.write((0..<500).map { _ in views.line() }.joined(), to: "data/events.ndjson")
        try folder.write("", to: "tmp/keep")
        let outcome = try Program.run(["run", "views.yaml"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try Views.actualCounts(folder) == views.expectedCounts)
        #expect(outcome.errors.contains("rows failed; --state DIR keeps them"))
    }
}
