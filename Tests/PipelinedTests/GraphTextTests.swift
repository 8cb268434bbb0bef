import Config
import TestSupport
import Testing

@testable import Pipelined

@Suite("Graph text")
struct GraphTextTests {
    private let spec = """
        pipeline: graph
        sources:
          events:
            file: {path: in.ndjson}
            format: json
            schema: {id: string, amount: bigint, at: timestamp}
            event_time: {column: at}
        tables:
          rates:
            file: {path: rates.csv}
            format: csv
            schema: {id: string, rate: bigint, since: timestamp}
            key: [id]
            event_time: {column: since}
            history: 30d
          names: {file: {path: names.csv}, format: csv, schema: {id: string, name: string}, key: [id]}
        steps:
          priced:
            from: events
            join: {table: rates, match: [id], as_of: events.at, type: left}
          named:
            from: priced
            join: {table: names, match: [id], wait: 5s}
          daily:
            from: events
            aggregate:
              window: {tumbling: 1d}
              offset: 6h
              group_by: [id]
              compute: {n: count(*)}
              grace: 1m
          visits:
            from: events
            aggregate:
              window: {session: {gap: 30m, max: 8h}}
              compute: {n: count(*)}
              emit: changes
          sofar:
            from: events
            aggregate:
              window: {cumulative: {size: 1d, every: 1h}}
              offset: 6h
              compute: {n: count(*)}
              emit: {every: 10s}
          totals:
            from: events
            aggregate: {group_by: [id], compute: {n: count(*)}, emit: {every: 1m}}
          plain:
            from: events
            aggregate: {window: {hopping: {size: 1h, every: 5m}}, compute: {n: count(*)}, emit: final}
        sinks:
          a: {from: named, file: {path: a.ndjson}, format: json}
          b: {from: daily, file: {path: b.ndjson}, format: json}
          c: {from: visits, file: {path: c.ndjson}, format: json, mode: changelog}
          d: {from: sofar, file: {path: d.ndjson}, format: json, mode: changelog}
          e: {from: totals, file: {path: e.ndjson}, format: json, mode: changelog}
          f: {from: plain, file: {path: f.ndjson}, format: json}
        """

    @Test("says what bounds windows, when results come, and as of when a table is joined")
    func text() throws {
        let loader = SpecLoader(
            environment: SpecEnvironment(
                variables: [:], workingDirectory: repositoryRoot.path, allowedPaths: []))
        let result = loader.load(bytes: Array(spec.utf8), path: "graph.yaml")
        #expect(result.diagnostics.rendered == "")
        let pipeline = try #require(result.pipelines.first)
        expectGolden(GraphText.render(pipeline, .text), "graph/text.txt")
        expectGolden(GraphText.render(pipeline, .mermaid), "graph/mermaid.txt")
    }
}
