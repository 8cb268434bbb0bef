import Config
import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

/// Nested values file to file, and through a topic.
@Suite("Pipelines with nested values")
struct UnnestRunTests {
    private static func run(_ spec: PipelineSpec, _ folder: TemporaryFolder) {
        let run = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: folder.path(of: "state"))
        guard case .finished = run.run() else {
            Issue.record("\(spec.name) did not finish")
            return
        }
    }

    @Test("read, pass through a topic, unnest and group values of arrays and structs")
    func chain() throws {
        let folder = try TemporaryFolder("nested")
        try folder.write(
            """
            {"id":1,"day":"2026-01-31","total":12.50,"who":{"name":"ann","tags":["x"]},"lines":[{"sku":"a","n":2},{"sku":"b","n":1}],"at":1000}
            {"id":2,"day":"2026-02-01","total":1.25,"who":{"name":"bob"},"lines":[],"at":2000}
            {"id":3,"day":null,"total":7,"who":{"name":"ann","tags":["x"]},"lines":[{"sku":"a","n":5}],"at":3000}
            {"id":4,"total":0.001,"at":4000}

            """, to: "in.ndjson")
        let first = try loadSpec(
            """
            pipeline: first
            sources:
              orders:
                file: {path: "\(folder.path)/in.ndjson"}
                format: json
                schema:
                  id: bigint
                  day: date
                  total: decimal(9,2)
                  who: {name: string, tags: [string]}
                  lines: 'array<struct<sku string, n bigint>>'
                  at: timestamp(ms)
                event_time: {column: at}
            sinks:
              out: {from: orders, topic: orders}
            """, in: folder)
        Self.run(first, folder)
        let second = try loadSpec(
            """
            pipeline: second
            sources:
              orders:
                topic: orders
                stop: latest
                schema:
                  id: bigint
                  day: date
                  total: decimal(9,2)
                  who: 'struct<name string, tags array<string>>'
                  lines: [{sku: string, n: bigint}]
            steps:
              lines:
                from: orders
                unnest: {column: lines, as: line, position: place, keep_empty: true}
                add:
                  weekday: extract(isodow FROM day)
                select: [id, who.name, line.sku, place, weekday, {first: "who.tags[1]"}]
              per_sku:
                from: orders
                unnest: {column: lines}
                add:
                  sku: lines.sku
                  n: lines.n
              counts:
                from: per_sku
                aggregate:
                  group_by: [who]
                  compute:
                    skus: array_agg(sku ORDER BY n DESC)
                    middle: median(n)
            sinks:
              rows: {from: lines, file: {path: "\(folder.path)/lines.ndjson"}, format: json}
              groups:
                from: counts
                file: {path: "\(folder.path)/counts.ndjson"}
                format: json
                mode: upsert
            """, in: folder)
        Self.run(second, folder)
        #expect(
            try folder.read("lines.ndjson") == """
                {"id":1,"name":"ann","sku":"a","place":1,"weekday":6,"first":"x"}
                {"id":1,"name":"ann","sku":"b","place":2,"weekday":6,"first":"x"}
                {"id":2,"name":"bob","sku":null,"place":null,"weekday":7,"first":null}
                {"id":3,"name":"ann","sku":"a","place":1,"weekday":null,"first":"x"}

                """)
        let last = try folder.read("counts.ndjson").split(separator: "\n").last
        #expect(
            last.map(String.init)
                == "{\"_op\":\"upsert\",\"who\":{\"name\":\"ann\",\"tags\":[\"x\"]},"
                + "\"skus\":[\"a\",\"a\",\"b\"],\"middle\":2.0}")
    }
}
