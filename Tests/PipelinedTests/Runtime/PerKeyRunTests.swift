import Config
import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

/// Steps that keep rows of each key, file to file.
@Suite("Pipelines with steps per key")
struct PerKeyRunTests {
    private static func run(_ steps: String, sinks: String, everyBatch: Bool) throws
        -> TemporaryFolder
    {
        let folder = try TemporaryFolder("per-key")
        var input = ""
        for row in 0..<300 {
            let time = row * 100 + (row % 3) * 150
            input +=
                "{\"id\":\"k\(row % 40)\",\"g\":\(row % 4),\"n\":\(row * 7 % 101),\"at\":\(time)}\n"
        }
        _ = try folder.write(input, to: "in.ndjson")
        let spec = try loadSpec(
            """
            pipeline: per-key
            sources:
              events:
                file: {path: "\(folder.path)/in.ndjson"}
                format: json
                schema: {id: string, g: bigint, n: bigint, at: timestamp(ms)}
                event_time: {column: at, max_out_of_orderness: 1s}
            steps:
            \(steps)
            sinks:
            \(sinks.replacing("FOLDER", with: folder.path))
            """, in: folder)
        var run = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: folder.path(of: "state"))
        run.commitsEachBatch = everyBatch
        guard case .finished = run.run() else {
            Issue.record("did not finish")
            return folder
        }
        return folder
    }

    private static func lines(_ folder: TemporaryFolder, _ name: String) throws -> [String] {
        try folder.read(name).split(separator: "\n").map(String.init)
    }

    @Test(
        "deduplicate: the first row of each key within a time, in order", arguments: [true, false])
    func first(everyBatch: Bool) throws {
        let folder = try Self.run(
            """
              once:
                from: events
                deduplicate: {by: [id], within: 10s}
                select: [id, n]
            """,
            sinks: "  out: {from: once, file: {path: \"FOLDER/out.ndjson\"}, format: json}",
            everyBatch: everyBatch)
        var last: [String: Int] = [:]
        var expected: [String] = []
        let rows = (0..<300).sorted {
            ($0 * 100 + $0 % 3 * 150, $0) < ($1 * 100 + $1 % 3 * 150, $1)
        }
        for row in rows {
            let id = "k\(row % 40)"
            let time = row * 100 + row % 3 * 150
            if let first = last[id], time < first + 10_000 { continue }
            last[id] = time
            expected.append("{\"id\":\"\(id)\",\"n\":\(row * 7 % 101)}")
        }
        #expect(try Self.lines(folder, "out.ndjson") == expected)
    }

    @Test("over: the rows before each row of its partition, in order", arguments: [true, false])
    func over(everyBatch: Bool) throws {
        let folder = try Self.run(
            """
              sums:
                from: events
                over:
                  partition_by: [g]
                  range: 2s
                  compute: {total: sum(n), before: "lag(id)"}
                select: [id, total, before]
            """,
            sinks: "  out: {from: sums, file: {path: \"FOLDER/out.ndjson\"}, format: json}",
            everyBatch: everyBatch)
        func time(_ row: Int) -> Int { row * 100 + row % 3 * 150 }
        let rows = (0..<300).sorted { (time($0), $0) < (time($1), $1) }
        let expected = rows.map { row in
            let partition = rows.filter { $0 % 4 == row % 4 }
            let total = partition.filter { time(row) - 2000...time(row) ~= time($0) }
                .reduce(0) { $0 + $1 * 7 % 101 }
            let place = partition.firstIndex(of: row) ?? 0
            let before = place > 0 ? "\"k\(partition[place - 1] % 40)\"" : "null"
            return "{\"id\":\"k\(row % 40)\",\"total\":\(total),\"before\":\(before)}"
        }
        #expect(try Self.lines(folder, "out.ndjson") == expected)
    }

    @Test(
        "pattern: runs of rows of each partition, whose windows close behind them",
        arguments: [true, false])
    func pattern(everyBatch: Bool) throws {
        let folder = try Self.run(
            """
              climbs:
                from: events
                pattern:
                  partition_by: [g]
                  match: low up+
                  define: {up: "n > last(n, 1)"}
                  measures: {start: low.n, top: last(up.n), rows: count(*)}
                  within: 3s
              per_window:
                from: climbs
                aggregate: {window: {tumbling: 5s}, compute: {n: count(*), rows: sum(rows)}}
            """,
            sinks: """
                  out: {from: climbs, file: {path: "FOLDER/out.ndjson"}, format: json}
                  windows: {from: per_window, file: {path: "FOLDER/windows.ndjson"}, format: json}
                  late: {from: per_window.late, file: {path: "FOLDER/late.ndjson"}, format: json}
                """, everyBatch: everyBatch)
        func time(_ row: Int) -> Int { row * 100 + row % 3 * 150 }
        func number(_ row: Int) -> Int { row * 7 % 101 }
        var expected: [Int: [String]] = [:]
        for group in 0..<4 {
            let rows = (0..<300).filter { $0 % 4 == group }.sorted {
                (time($0), $0) < (time($1), $1)
            }
            var start = 0
            while start < rows.count {
                var end = start + 1
                while end < rows.count, number(rows[end]) > number(rows[end - 1]),
                    time(rows[end]) - time(rows[start]) <= 3000
                {
                    end += 1
                }
                if end > start + 1 {
                    expected[group, default: []].append(
                        "{\"g\":\(group),\"start\":\(number(rows[start])),"
                            + "\"top\":\(number(rows[end - 1])),\"rows\":\(end - start)}")
                }
                start = end
            }
        }
        let lines = try Self.lines(folder, "out.ndjson")
        let given = Dictionary(grouping: lines) { Int($0.dropFirst(5).prefix(1)) ?? -1 }
        #expect(given == expected)
        // The pattern holds the watermark back, so that no match is late for its window.
        #expect(try Self.lines(folder, "late.ndjson").isEmpty)
        let counted = try Self.lines(folder, "windows.ndjson").map { line in
            let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return row?["n"] as? Int ?? 0
        }
        #expect(counted.reduce(0, +) == lines.count)
    }

    @Test("deduplicate: the last row of each key stands", arguments: [true, false])
    func last(everyBatch: Bool) throws {
        let folder = try Self.run(
            """
              latest:
                from: events
                deduplicate: {by: [g], keep: last}
                select: [g, n]
            """,
            sinks:
                "  out: {from: latest, file: {path: \"FOLDER/out.ndjson\"}, format: json, mode: upsert}",
            everyBatch: everyBatch)
        var standing: [Int: Int] = [:]
        for line in try Self.lines(folder, "out.ndjson") {
            let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(row?["_op"] as? String == "upsert")
            standing[row?["g"] as? Int ?? -1] = row?["n"] as? Int
        }
        var expected: [Int: (time: Int, n: Int)] = [:]
        for row in 0..<300 {
            let time = row * 100 + row % 3 * 150
            if let other = expected[row % 4], other.time > time { continue }
            expected[row % 4] = (time, row * 7 % 101)
        }
        #expect(standing == expected.mapValues(\.n))
    }

    @Test(
        "top: of each partition with ranks, and of each window of an aggregate",
        arguments: [true, false])
    func top(everyBatch: Bool) throws {
        let folder = try Self.run(
            """
              best:
                from: events
                top: {n: 2, partition_by: [g], order_by: [n desc], rank: place}
                select: [g, place, n]
              counted:
                from: events
                aggregate: {window: {tumbling: 5s}, group_by: [id], compute: {total: sum(n)}}
              per_window:
                from: counted
                top: {n: 3, order_by: [total desc, id], rank: place, window: inherit}
                select: [place, id, total]
            """,
            sinks: """
                  shown: {from: best, file: {path: "FOLDER/best.ndjson"}, format: json, mode: upsert}
                  windows: {from: per_window, file: {path: "FOLDER/windows.ndjson"}, format: json}
                """, everyBatch: everyBatch)
        var standing: [[Int]: Int] = [:]
        for line in try Self.lines(folder, "best.ndjson") {
            let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            let key = [row?["g"] as? Int ?? -1, row?["place"] as? Int ?? -1]
            standing[key] = row?["_op"] as? String == "upsert" ? row?["n"] as? Int : nil
        }
        var expected: [[Int]: Int] = [:]
        for group in 0..<4 {
            let numbers = (0..<300).filter { $0 % 4 == group }.map { $0 * 7 % 101 }.sorted(by: >)
            for rank in 1...2 { expected[[group, rank]] = numbers[rank - 1] }
        }
        #expect(standing == expected)

        var totals: [Int: [String: Int]] = [:]
        for row in 0..<300 {
            let time = row * 100 + row % 3 * 150
            totals[time / 5000, default: [:]]["k\(row % 40)", default: 0] += row * 7 % 101
        }
        var lines: [String] = []
        for window in totals.keys.sorted() {
            let order = (totals[window] ?? [:]).sorted { (-$0.value, $0.key) < (-$1.value, $1.key) }
            for (index, entry) in order.prefix(3).enumerated() {
                lines.append(
                    "{\"place\":\(index + 1),\"id\":\"\(entry.key)\",\"total\":\(entry.value)}")
            }
        }
        #expect(try Self.lines(folder, "windows.ndjson") == lines)
    }
}
