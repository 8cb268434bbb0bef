import Config
import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

/// The queries of docs/nexmark.md however their events are cut into batches, each of which is a
/// checkpoint of its own, and over crashes; on a simulated disk.
@Suite("Nexmark queries in batches")
struct NexmarkBatchTests {
    static let names = (0...22).map { "q\($0)" }
    private static let isDeep = ProcessInfo.processInfo.environment["TEST_DEPTH"] != nil

    private static func path(_ name: String) -> URL {
        repositoryRoot.appendingPathComponent("pipelines/nexmark/\(name).yaml")
    }

    /// The query over so many events, 100 seconds long, to `/out/result.ndjson`.
    private static func load(_ name: String, events: Int, batch: Int64) throws -> PipelineSpec {
        let folder = try TemporaryFolder("nexmark-batches")
        let text = try String(contentsOf: path(name), encoding: .utf8)
            .replacing("${NEXMARK_EVENTS:-1000000}", with: "\(events)")
            .replacing("${NEXMARK_RATE:-10000}", with: "\(events / 100)")
        var spec = try loadSpec(text, in: folder)
        for index in spec.sources.indices {
            guard case .nexmark(var options) = spec.sources[index].connector else { continue }
            options.batchRowsMax = batch
            spec.sources[index].connector = .nexmark(options)
        }
        for index in spec.sinks.indices {
            spec.sinks[index].connector = .file(FileSinkOptions(path: "/out/result.ndjson"))
        }
        return spec
    }

    private static func freshDisk() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: testSeed)
        _ = try disk.createDirectory("/out", permissions: 0o755)
        _ = try disk.createDirectory("/state", permissions: 0o700)
        try disk.syncDirectory("/")
        return disk
    }

    private static func rows(_ disk: SimulatedFileSystem, _ golden: NexmarkGolden) throws
        -> [String]
    {
        let text = disk.contents("/out/result.ndjson") ?? []
        return try golden.rows(
            try text.split(separator: 0x0a).map { line in
                let row = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
                return try #require(row)
            })
    }

    /// The rows of a run on a disk.
    private static func run(
        _ name: String, events: Int, batch: Int64, golden: NexmarkGolden
    ) throws -> [String] {
        let disk = try freshDisk()
        let spec = try load(name, events: events, batch: batch)
        var run = EngineRun(spec: spec, fileSystem: disk, statePath: "/state")
        // A checkpoint for each of 20,000 rows.
        run.secondsMax = 600
        let outcome = run.run()
        guard case .finished = outcome else {
            Issue.record("\(name) in batches of \(batch): \(outcome)")
            return []
        }
        return try rows(disk, golden)
    }

    /// 20,000 events, but for batches of one row, which are 1,000 unless `TEST_DEPTH` is set.
    @Test("give the rows of the golden with a checkpoint after each batch", arguments: names)
    func batches(_ name: String) throws {
        let golden = try NexmarkGolden(name, events: 20_000)
        for batch: Int64 in Self.isDeep ? [1, 7, 4096] : [97, 4096] {
            let rows = try Self.run(name, events: 20_000, batch: batch, golden: golden)
            #expect(rows.count == golden.rowCount, "batches of \(batch)")
            #expect(NexmarkGolden.checksum(rows) == golden.checksum, "batches of \(batch)")
        }
        if Self.isDeep { return }
        let whole = try Self.run(name, events: 1000, batch: 4096, golden: golden)
        for batch: Int64 in [1, 7] {
            let rows = try Self.run(name, events: 1000, batch: batch, golden: golden)
            #expect(rows.sorted() == whole.sorted(), "batches of \(batch)")
        }
    }

    @Test("give the rows of the golden after crashes", arguments: names)
    func crashes(_ name: String) throws {
        let golden = try NexmarkGolden(name, events: 20_000)
        var random = SeededRandom(seed: testSeed)
        let spec = try Self.load(name, events: 20_000, batch: 300)
        for cut in [PowerCut.lost, .prefix] {
            var disk = try Self.freshDisk()
            var crashes = 0
            for seed in testSeed..<testSeed + 6 {
                disk.crash(afterMutations: Int.random(in: 10...50, using: &random))
                let outcome = EngineRun(spec: spec, fileSystem: disk, statePath: "/state").run()
                guard disk.hasCrashed else {
                    guard case .finished = outcome else {
                        Issue.record("\(name): \(outcome)")
                        return
                    }
                    break
                }
                crashes += 1
                disk = disk.afterPowerCut(cut, seed: seed)
                _ = try disk.createDirectory("/out", permissions: 0o755)
            }
            disk.crash(afterMutations: 1 << 40)
            let outcome = EngineRun(spec: spec, fileSystem: disk, statePath: "/state").run()
            guard case .finished = outcome else {
                Issue.record("\(name), seed \(testSeed): \(outcome)")
                return
            }
            let rows = try Self.rows(disk, golden)
            #expect(crashes > 0)
            #expect(rows.count == golden.rowCount, "\(crashes) crashes, seed \(testSeed)")
            #expect(
                NexmarkGolden.checksum(rows) == golden.checksum,
                "\(crashes) crashes, seed \(testSeed)")
        }
    }
}
