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

    @Test("leave the same rows standing however often they are given", arguments: [true, false])
    func emission(everyBatch: Bool) throws {
        let folder = try TemporaryFolder("emission")
        var input = ""
        for row in 0..<300 {
            // Out of order by up to a second, with a pause after every hundred rows.
            let at = row * 100 + row / 100 * 20_000 - row * 7919 % 10 * 100
            input += "{\"id\":\"k\(row % 3)\",\"at\":\(max(at, 0))}\n"
        }
        _ = try folder.write(input, to: "in.ndjson")
        func sink(_ step: String, _ mode: String) -> String {
            "\(step)_out: {from: \(step), file: {path: \"\(folder.path)/\(step).ndjson\"}, "
                + "format: json\(mode)}"
        }
        let spec = try loadSpec(
            """
            pipeline: emission
            sources:
              events:
                file: {path: "\(folder.path)/in.ndjson"}
                format: json
                schema: {id: string, at: timestamp(ms)}
                event_time: {column: at, max_out_of_orderness: 1s}
            steps:
              visits:
                from: events
                aggregate:
                  window: {session: {gap: 5s}}
                  group_by: [id]
                  compute: {n: count(*)}
                select: [id, {start: extract(epoch from window_start)}, n]
              changes:
                from: events
                aggregate:
                  window: {session: {gap: 5s}}
                  grace: 3s
                  emit: changes
                  group_by: [id]
                  compute: {n: count(*)}
                select: [id, {start: extract(epoch from window_start)}, n]
              often:
                from: events
                aggregate:
                  window: {tumbling: 10s}
                  emit: {every: 1ms}
                  group_by: [id]
                  compute: {n: count(*)}
                select: [id, {start: extract(epoch from window_start)}, n]
              all: {from: events, aggregate: {emit: {every: 1ms}, group_by: [id], compute: {n: count(*)}}}
            sinks:
              \(sink("visits", ""))
              \(sink("changes", ", mode: upsert, key: [id, start]"))
              \(sink("often", ", mode: upsert, key: [id, start]"))
              \(sink("all", ", mode: upsert"))
            """, in: folder)
        var run = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: folder.path(of: "state"))
        run.commitsEachBatch = everyBatch
        guard case .finished = run.run() else {
            Issue.record("did not finish")
            return
        }
        let visits = Set(try folder.read("visits.ndjson").split(separator: "\n").map(String.init))
        #expect(visits.count == 9)
        #expect(try standing(folder.read("changes.ndjson")) == visits)
        let often = try standing(folder.read("often.ndjson"))
        #expect(often.count > 9)
        let all = try standing(folder.read("all.ndjson"))
        #expect(all == Set((0..<3).map { "{\"id\":\"k\($0)\",\"n\":100}" }))
    }

    /// The rows that stand after the changes of a file, without their `_op`.
    private func standing(_ text: String) -> Set<String> {
        var rows: Set<String> = []
        var byKey: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            let isDeletion = line.contains("\"_op\":\"delete\"")
            let row = String(line).replacing("\"_op\":\"delete\",", with: "")
                .replacing("\"_op\":\"upsert\",", with: "")
            // The key is all before the count, where there is one.
            let key = Substring(row.split(separator: ",\"n\":")[0].trimmingSuffix("}"))
            if let old = byKey[key] { rows.remove(old) }
            byKey[key] = isDeletion ? nil : row
            if !isDeletion { rows.insert(row) }
        }
        return rows
    }
}

extension StringProtocol {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : String(self)
    }
}
