import Config
import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

/// Whole pipelines on a disk that stops at every call that changes something, and then forgets,
/// keeps, tears or reorders what was not synced.
@Suite("Pipelines on a crashing disk")
struct PipelineCrashTests {
    /// Six files of events, a join and windows, a late port; each file is a split and a batch.
    private static func makeSpec(in folder: TemporaryFolder) throws -> PipelineSpec {
        for file in 0..<6 {
            var text = ""
            for row in 0..<40 {
                let time = file * 7_000 + row * 300
                text += "{\"id\":\"k\((row * 7 + file) % 5)\",\"at\":\(time),\"n\":\(row)}\n"
                if row == 20 {
                    text += "{\"id\":\"late\",\"at\":\(time - 30_000),\"n\":1}\nbroken\n"
                }
            }
            _ = try folder.write(text, to: "in-\(file).ndjson")
        }
        _ = try folder.write("id,name\nk0,zero\nk1,one\nk2,two\nk4,four\nlate,late\n", to: "t.csv")
        var spec = try loadSpec(
            """
            pipeline: crash
            sources:
              events:
                file: {path: "\(folder.path)/in-*.ndjson"}
                format: json
                schema: {id: string, at: timestamp(ms), n: bigint}
                event_time: {column: at, max_out_of_orderness: 1s}
            tables:
              names:
                file: {path: "\(folder.path)/t.csv"}
                format: csv
                schema: {id: string, name: string}
                key: [id]
            steps:
              named:
                from: events
                join: {table: names, match: [id], type: inner}
              per_name:
                from: named
                aggregate:
                  window: {tumbling: 5s}
                  group_by: [name]
                  compute:
                    rows: count(*)
                    total: sum(n)
                    kinds: count(DISTINCT n)
            sinks:
              counts: {from: per_name, file: {path: counts.ndjson}, format: json}
              late: {from: per_name.late, file: {path: late.ndjson}, format: json}
              unmatched: {from: named.unmatched, file: {path: unmatched.ndjson}, format: json}
              topic: {from: per_name, topic: counts}
            """, in: folder)
        for index in spec.sinks.indices where spec.sinks[index].name != "topic" {
            spec.sinks[index].connector = .file(
                FileSinkOptions(path: "/out/\(spec.sinks[index].name).ndjson"))
        }
        return spec
    }

    private static let outputs = [
        "/out/counts.ndjson", "/out/late.ndjson", "/out/unmatched.ndjson", "crash.dead-letters",
        "counts",
    ]

    private static func freshDisk() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 1)
        _ = try disk.createDirectory("/out", permissions: 0o755)
        _ = try disk.createDirectory("/state", permissions: 0o700)
        try disk.syncDirectory("/")
        return disk
    }

    private static func read(_ disk: SimulatedFileSystem) throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        for path in outputs {
            if path.hasPrefix("/") {
                result[path] = disk.contents(path) ?? []
            } else {
                let rows = try TopicDump.rows(path, state: "/state", disk)
                result[path] = Array(rows.joined(separator: "\n").utf8)
            }
        }
        return result
    }

    /// What a run without a crash gives, and how many calls it makes.
    private static func reference(
        _ spec: PipelineSpec
    ) throws -> (outputs: [String: [UInt8]], mutations: Int) {
        let disk = try freshDisk()
        let before = disk.mutationCount
        let outcome = EngineRun(spec: spec, fileSystem: disk, statePath: "/state").run()
        guard case .finished = outcome else {
            Issue.record("the run without a crash ended with \(outcome)")
            return ([:], 0)
        }
        let mutations = disk.mutationCount - before
        return (try read(disk), mutations)
    }

    @Test(
        "give the same output after a crash at any call",
        arguments: [
            PowerCut.lost, .kept, .prefix, .scattered(sectorBytes: 512),
        ])
    func sameOutput(cut: PowerCut) throws {
        let folder = try TemporaryFolder("pipeline-crash")
        let spec = try Self.makeSpec(in: folder)
        let (expected, mutations) = try Self.reference(spec)
        #expect(mutations > 40)
        #expect(expected["/out/counts.ndjson"]?.isEmpty == false)
        #expect(expected["/out/late.ndjson"]?.isEmpty == false)
        #expect(expected["crash.dead-letters"]?.isEmpty == false)
        #expect(expected["counts"]?.isEmpty == false)
        var crashes = 0
        // Every seventh call; every one with TEST_DEPTH.
        let isDeep = ProcessInfo.processInfo.environment["TEST_DEPTH"] != nil
        let stride = isDeep ? 1 : 7
        for point in Swift.stride(from: Int(testSeed % UInt64(stride)), to: mutations, by: stride) {
            let disk = try Self.freshDisk()
            disk.crash(afterMutations: point)
            _ = EngineRun(spec: spec, fileSystem: disk, statePath: "/state").run()
            guard disk.hasCrashed else { continue }
            crashes += 1
            let seed = testSeed &+ UInt64(point)
            let after = disk.afterPowerCut(cut, seed: seed)
            // A folder that was made and not synced may be gone, as any folder of an operator's.
            _ = try after.createDirectory("/out", permissions: 0o755)
            let outcome = EngineRun(spec: spec, fileSystem: after, statePath: "/state").run()
            guard case .finished = outcome else {
                Issue.record("crash at call \(point), \(cut), seed \(seed): \(outcome)")
                continue
            }
            let actual = try Self.read(after)
            for path in Self.outputs where actual[path] != expected[path] {
                Issue.record(
                    """
                    crash at call \(point), \(cut), seed \(seed): \(path) differs
                    \(String(decoding: actual[path] ?? [], as: UTF8.self))
                    """)
            }
            let names = try after.list("/out").filter { !$0.hasSuffix(".lock") }.sorted()
            #expect(names == ["counts.ndjson", "late.ndjson", "unmatched.ndjson"])
        }
        print("pipeline crash points, \(cut): \(crashes) of \(mutations) calls")
        #expect(crashes > 10)
    }
}
