import Config
import Store
import TestSupport
import Testing

@testable import Pipelined

@Suite("Pipelines with windows of windows")
struct WindowRunTests {
    @Test("count what grows, and what a window's groups have in common", arguments: [true, false])
    func windows(everyBatch: Bool) throws {
        let folder = try TemporaryFolder("windows")
        var input = ""
        for row in 0..<200 {
            input += "{\"id\":\"k\(row * row % 7)\",\"unread\":1,\"at\":\(row * 100)}\n"
        }
        _ = try folder.write(input, to: "in.ndjson")
        let spec = try loadSpec(
            """
            pipeline: windows
            sources:
              events:
                file: {path: "\(folder.path)/in.ndjson"}
                format: json
                schema: {unread: bigint, id: string, at: timestamp(ms)}
                event_time: {column: at}
            steps:
              grown:
                from: events
                aggregate: {window: {cumulative: {size: 4s, every: 1s}}, compute: {n: count(*)}}
                select: [n]
              counted:
                from: events
                aggregate: {window: {tumbling: 5s}, group_by: [id], compute: {n: count(*)}}
              most:
                from: counted
                aggregate: {window: inherit, compute: {most: max(n), ids: count(*)}}
                select: [most, ids]
            sinks:
              growing: {from: grown, file: {path: "\(folder.path)/grown.ndjson"}, format: json}
              highest: {from: most, file: {path: "\(folder.path)/most.ndjson"}, format: json}
            """, in: folder)
        var run = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: folder.path(of: "state"))
        run.commitsEachBatch = everyBatch
        guard case .finished = run.run() else {
            Issue.record("did not finish")
            return
        }
        let grown = (0..<20).map { "{\"n\":\($0 % 4 * 10 + 10)}\n" }.joined()
        #expect(try folder.read("grown.ndjson") == grown)
        var most = ""
        for window in 0..<4 {
            var counts: [Int: Int] = [:]
            for row in window * 50..<window * 50 + 50 { counts[row * row % 7, default: 0] += 1 }
            most += "{\"most\":\(counts.values.max() ?? 0),\"ids\":\(counts.count)}\n"
        }
        #expect(try folder.read("most.ndjson") == most)
    }
}
