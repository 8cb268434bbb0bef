import Config
import TestSupport
import Testing

@Suite("Tables that change")
struct TableTests {
    private static let text = """
        pipeline: tables
        sources:
          orders:
            file: {path: data/orders.ndjson}
            format: json
            schema: {id: string, currency: string, amount: bigint, at: timestamp(ms)}
            event_time: {column: at}
          latest: {topic: customers}
        tables:
          rates:
            file: {path: data/rates.csv, refresh: 1m}
            format: csv
            schema: {currency: string, rate: double, since: timestamp}
            key: [currency]
            event_time: {column: since, idle_timeout: 5m}
            history: 30d
          names:
            file: {path: data/names.csv}
            format: csv
            schema: {currency: string, name: string}
            key: [currency]
        steps:
          valued:
            from: orders
            join: {table: rates, match: [currency], as_of: rowtime - interval '1 day'}
          patient:
            from: orders
            join: {table: names, match: [currency], wait: 5s}
          counted:
            from: orders
            aggregate: {group_by: [currency], compute: {n: count(*)}}
          kept:
            from: counted
            join: {table: names, match: [currency]}
        sinks:
          values: {from: valued, stdout: {}, format: json}
          patience: {from: patient, stdout: {}, format: json}
          keeps: {from: kept, stdout: {}, format: json, mode: changelog}
          table: {from: names, stdout: {}, format: json, mode: upsert}
          topic: {from: latest, stdout: {}, format: json, mode: upsert}
        ---
        topic: customers
        schema: {customer: string, city: string}
        key: [customer]
        mode: upsert
        """

    private func spec(_ text: String = text) throws -> PipelineSpec {
        let result = load(text)
        #expect(result.diagnostics.rendered == "")
        return try #require(result.pipelines.first)
    }

    @Test("are explained: what waits, and what is kept")
    func explained() throws {
        let explanation = PipelineExplanation(try spec())
        expectGolden(explanation.text, "explain/tables.txt")
        expectGolden(explanation.json + "\n", "explain/tables.json")
    }

    @Test("keep state by what it is made of")
    func state() throws {
        let first = try spec().stateFingerprints()
        #expect(first.keys.contains("valued") && first.keys.contains("kept"))
        func changes(_ from: String, _ to: String) throws -> Set<String> {
            let second = try spec(Self.text.replacing(from, with: to)).stateFingerprints()
            return Set(first.keys).union(second.keys).filter { first[$0] != second[$0] }
        }
        #expect(try changes("history: 30d", "history: 60d") == ["rates", "valued"])
        #expect(
            try changes("{column: since, idle", "{expression: since - interval '1 day', idle") == [
                "rates", "valued",
            ])
        #expect(try changes("'1 day'", "'2 days'") == ["valued"])
        #expect(try changes("wait: 5s", "wait: 6s") == ["patient"])
        #expect(try changes("refresh: 1m", "refresh: 2m") == [])
        // Nobody reads it as a stream any more.
        let table = "  table: {from: names, stdout: {}, format: json, mode: upsert}\n"
        #expect(try changes(table, "") == ["names", "patient", "kept"])
    }

    @Test("over topics by key are streams by that key, whole")
    func upsertTopic() throws {
        let source = try #require(try spec().sources.first { $0.name == "latest" })
        #expect(source.output.change == .updating(key: ["customer"]))
        #expect(source.upsertKey == [0])
        #expect(try spec().tables.map(\.isStreamed) == [false, true])
    }
}
