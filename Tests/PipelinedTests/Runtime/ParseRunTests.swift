import Config
import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

@Suite("Pipelines that parse text")
struct ParseRunTests {
    @Test("read a column of text, and set aside what cannot be read", arguments: [true, false])
    func parses(everyBatch: Bool) throws {
        let folder = try TemporaryFolder("parse")
        _ = try folder.write(
            """
            {"id":1,"line":"level=warn n=5 msg=\\"two words\\""}
            {"id":2,"line":"level=info n=x"}
            {"id":3,"line":null}
            {"id":4,"line":"level=warn"}
            {"id":5,"line":"level=info n=7 msg=é"}

            """, to: "in.ndjson")
        let spec = try loadSpec(
            """
            pipeline: parse
            sources:
              events:
                file: {path: "\(folder.path)/in.ndjson"}
                format: json
                schema: {id: bigint, line: string}
            steps:
              read:
                from: events
                where: id <> 4
                parse:
                  column: line
                  format: logfmt
                  schema: {level: string, n: bigint, msg: string}
                add: {twice: 2 * n}
                drop: [line]
              wrong:
                from: read.invalid
                select: [raw, error, node, position]
            sinks:
              good: {from: read, file: {path: "\(folder.path)/good.ndjson"}, format: json}
              bad: {from: wrong, file: {path: "\(folder.path)/bad.ndjson"}, format: json}
            """, in: folder)
        var run = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: folder.path(of: "state"))
        run.commitsEachBatch = everyBatch
        guard case .finished(let status) = run.run() else {
            Issue.record("did not finish")
            return
        }
        #expect(
            try folder.read("good.ndjson") == """
                {"id":1,"level":"warn","n":5,"msg":"two words","twice":10}
                {"id":3,"level":null,"n":null,"msg":null,"twice":null}
                {"id":5,"level":"info","n":7,"msg":"é","twice":14}

                """)
        let bad = try folder.read("bad.ndjson")
        #expect(
            bad == """
                {"raw":"level=info n=x","error":"cannot read field 'n' as bigint: \\"x\\" at byte 13",\
                "node":"read","position":51}

                """)
        #expect(status.nodes.first { $0.name == "read" }?.rowsOut == 3)
    }

    @Test("keep the key of rows that change, and take parsed rows back")
    func updates() throws {
        let folder = try TemporaryFolder("parse-updates")
        var input = ""
        for row in 0..<60 { input += "{\"k\":\"k\(row % 3)\",\"v\":\"\(row),x\(row % 7)\"}\n" }
        _ = try folder.write(input, to: "in.ndjson")
        let spec = try loadSpec(
            """
            pipeline: parse-updates
            sources:
              events:
                file: {path: "\(folder.path)/in.ndjson"}
                format: json
                schema: {k: string, v: string}
            steps:
              last:
                from: events
                aggregate: {group_by: [k], compute: {v: last(v)}}
              read:
                from: last
                parse: {column: v, format: csv, schema: {n: bigint, x: string}}
                drop: [v]
              sums:
                from: read
                aggregate: {compute: {total: sum(n), rows: count(*)}}
            sinks:
              rows: {from: read, mode: upsert, file: {path: "\(folder.path)/rows.ndjson"}, format: json}
              totals:
                from: sums
                mode: changelog
                file: {path: "\(folder.path)/sums.ndjson"}
                format: json
            """, in: folder)
        let run = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: folder.path(of: "state"))
        guard case .finished = run.run() else {
            Issue.record("did not finish")
            return
        }
        var standing: [Substring: Substring] = [:]
        for line in try folder.read("rows.ndjson").split(separator: "\n") {
            let key = line.split(separator: "\"")[7]
            standing[key] = line
        }
        #expect(standing.count == 3)
        #expect(standing["k2"]?.contains("\"n\":59,\"x\":\"x3\"") ?? false)
        let lines = try folder.read("sums.ndjson").split(separator: "\n")
        #expect(lines.last?.contains("\"total\":174,\"rows\":3") ?? false)
    }

    @Test("read only the columns that are asked for")
    func pruning() throws {
        let folder = try TemporaryFolder("parse-pruning")
        let spec = try loadSpec(
            """
            pipeline: parse-pruning
            sources:
              events:
                stdin: {}
                format: json
                schema: {id: bigint, line: string, more: string}
            steps:
              read:
                from: events
                parse:
                  column: line
                  format: {csv: {delimiter: ";"}}
                  schema: {a: string, b: {type: bigint, required: true}, c: string, d: string}
                select: [d, id]
            sinks:
              out: {from: read, stdout: {}, format: json}
            """, in: folder)
        let pruned = ColumnPruning.prune(spec)
        #expect(pruned.sources[0].fields.map(\.name) == ["id", "line"])
        guard case .parse(let parse) = pruned.steps[0].verb else {
            Issue.record("no parse")
            return
        }
        #expect(parse.column == 1)
        #expect(parse.fields.map(\.name) == ["b", "d"])
        #expect(parse.fields.map(\.ordinal) == [1, 3])
        #expect(pruned.steps[0].verbSchema.fields.map(\.name) == ["id", "line", "b", "d"])
        guard case .csv(let csv) = parse.format else {
            Issue.record("no csv")
            return
        }
        #expect(csv.columnCount == 4)
        #expect(!csv.hasHeader)
    }
}
