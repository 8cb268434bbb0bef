import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

/// Joins of streams in whole pipelines, with a checkpoint after every batch.
@Suite("Joins of streams in a pipeline")
struct StreamJoinRunTests {
    private static let sources = """
        pipeline: joins
        sources:
          orders:
            file: {path: FOLDER/orders.ndjson}
            format: json
            schema: {id: string, amount: bigint, at: timestamp(ms), until: timestamp(ms)}
            event_time: {column: at}
          payments:
            file: {path: FOLDER/payments.ndjson}
            format: json
            schema: {id: string, paid: bigint, paid_at: timestamp(ms)}
            event_time: {column: paid_at}

        """

    /// The lines of the sink, sorted.
    private static func run(_ steps: String) throws -> [String] {
        let folder = try TemporaryFolder("stream-join")
        _ = try folder.write(
            """
            {"id":"a","amount":10,"at":1000,"until":1500}
            {"id":"b","amount":20,"at":2000,"until":9000}
            {"id":"c","amount":30,"at":3000,"until":3000}
            {"id":"b","amount":40,"at":900,"until":9000}
            {"id":"a","amount":50,"at":12000,"until":12000}

            """, to: "orders.ndjson")
        _ = try folder.write(
            """
            {"id":"a","paid":9,"paid_at":1500}
            {"id":"b","paid":20,"paid_at":2500}
            {"id":"d","paid":1,"paid_at":4000}
            {"id":"b","paid":21,"paid_at":8000}

            """, to: "payments.ndjson")
        let spec = try loadSpec(
            (sources + steps).replacing("FOLDER", with: folder.path), in: folder)
        let disk = folder.path + "/state"
        try FileManager.default.createDirectory(
            atPath: disk, withIntermediateDirectories: true)
        let outcome = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: disk
        ).run()
        guard case .finished = outcome else {
            Issue.record("\(outcome)")
            return []
        }
        let text = try String(contentsOfFile: folder.path + "/out.ndjson", encoding: .utf8)
        return text.split(separator: "\n").map(String.init).sorted()
    }

    private static func sink(_ from: String, _ more: String = "") -> String {
        """
        sinks:
          out: {from: \(from), file: {path: FOLDER/out.ndjson}, format: json\(more)}
        """
    }

    @Test("within an interval, with a filter of its own and what has no partner")
    func interval() throws {
        let step = """
            steps:
              joined:
                from: orders
                join: {stream: payments, match: [id], within: 1s, type: full, where: paid < 21}
                select: [id, amount, paid]

            """
        #expect(
            try Self.run(step + Self.sink("joined")) == [
                #"{"id":"a","amount":10,"paid":9}"#, #"{"id":"a","amount":50,"paid":null}"#,
                #"{"id":"b","amount":20,"paid":20}"#, #"{"id":"b","amount":null,"paid":21}"#,
                #"{"id":"c","amount":30,"paid":null}"#, #"{"id":"d","amount":null,"paid":1}"#,
            ])
        #expect(
            try Self.run(
                step + """
                      late: {from: joined.late, select: [id, amount]}
                      lost: {from: joined.unmatched, select: [id, amount]}
                      both: {from: [late, lost]}

                    """
                    + Self.sink("both").replacing(
                        "sinks:", with: "sinks:\n  all: {from: joined, stdout: {}, format: json}"
                    ))
                == [
                    #"{"id":"a","amount":50}"#, #"{"id":"b","amount":40}"#,
                    #"{"id":"c","amount":30}"#,
                ])
    }

    @Test("between two columns of the left row, the right side filtered and a union on the left")
    func between() throws {
        #expect(
            try Self.run(
                """
                steps:
                  small: {from: orders, where: amount < 15}
                  large: {from: orders, where: amount >= 15}
                  joined:
                    from: [small, large]
                    as: o
                    where: amount <> 30
                    join:
                      stream: payments
                      match: {lower(id): id}
                      within: {from: at, to: o.until}
                    select: [o.id, amount, paid]

                """ + Self.sink("joined")) == [
                    #"{"id":"a","amount":10,"paid":9}"#, #"{"id":"b","amount":20,"paid":20}"#,
                    #"{"id":"b","amount":20,"paid":21}"#,
                ])
    }

    @Test("a stream with itself")
    func itself() throws {
        #expect(
            try Self.run(
                """
                steps:
                  paired:
                    from: payments
                    as: first
                    join:
                      stream: payments
                      match: [id]
                      within: {before: 0s, after: 1h}
                      where: first.paid < payments.paid
                    select: [id, first.paid, {next: payments.paid}]
                  ids: {from: orders, select: [id, {paid: amount}, {next: amount}]}
                  none: {from: ids, where: paid < 0}
                  both: {from: [paired, none]}

                """ + Self.sink("both")) == [#"{"id":"b","paid":20,"next":21}"#])
    }

    @Test("without bounds, of rows that change")
    func regular() throws {
        let rows = try Self.run(
            """
            steps:
              ordered:
                from: orders
                aggregate: {group_by: [id], compute: {amount: sum(amount)}}
              paid:
                from: payments
                aggregate: {group_by: [id], compute: {paid: sum(paid)}}
              joined:
                from: ordered
                state_ttl: 7d
                join: {stream: paid, match: [id], within: unbounded, type: full}

            """ + Self.sink("joined", ", mode: upsert"))
        var standing: [String: [String: Any]] = [:]
        let text = rows.isEmpty ? "" : rows.joined(separator: "\n")
        #expect(text.contains(#""id":"d""#))
        for row in rows {
            let object =
                try JSONSerialization.jsonObject(with: Data(row.utf8)) as? [String: Any] ?? [:]
            standing[object["id"] as? String ?? ""] = object
        }
        #expect(Set(standing.keys) == ["a", "b", "c", "d"])
    }

    @Test("of the same window")
    func window() throws {
        #expect(
            try Self.run(
                """
                steps:
                  ordered:
                    from: orders
                    aggregate:
                      window: {tumbling: 5s}
                      group_by: [id]
                      compute: {amount: sum(amount)}
                  paid:
                    from: payments
                    aggregate:
                      window: {tumbling: 5s}
                      group_by: [id]
                      compute: {paid: sum(paid)}
                  joined:
                    from: ordered
                    join: {stream: paid, match: [id], window: inherit, type: left}
                    select: [id, amount, paid]

                """ + Self.sink("joined")) == [
                    #"{"id":"a","amount":10,"paid":9}"#, #"{"id":"a","amount":50,"paid":null}"#,
                    #"{"id":"b","amount":60,"paid":20}"#, #"{"id":"c","amount":30,"paid":null}"#,
                ])
    }
}
