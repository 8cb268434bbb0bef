import Config
import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

/// Tables with versions, tables as streams, and topics by key as streams, in whole pipelines.
@Suite("Tables that change in a pipeline")
struct TableStreamTests {
    private static func freshDisk() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 1)
        _ = try disk.createDirectory("/state", permissions: 0o700)
        try disk.syncDirectory("/")
        return disk
    }

    private static func run(
        _ text: String, _ folder: TemporaryFolder, _ disk: SimulatedFileSystem,
        everyBatch: Bool = true
    ) throws {
        let spec = try loadSpec(text.replacing("FOLDER", with: folder.path), in: folder)
        var run = EngineRun(spec: spec, fileSystem: disk, statePath: "/state")
        run.commitsEachBatch = everyBatch
        let outcome = run.run()
        guard case .finished = outcome else {
            Issue.record("\(spec.name) ended with \(outcome)")
            return
        }
    }

    private static func rows(_ topic: String, _ disk: SimulatedFileSystem) throws -> [String] {
        try TopicDump.rows(topic, state: "/state", disk)
    }

    private static let rates = """
        eur,100,2026-01-01T00:00:00Z
        usd,90,2026-01-01T00:00:00Z
        eur,110,2026-01-03T00:00:00Z
        eur,105,2026-01-02T00:00:00Z

        """

    private static let orders = """
        {"id":1,"currency":"eur","at":"2026-01-01T12:00:00Z"}
        {"id":2,"currency":"eur","at":"2026-01-02T12:00:00Z"}
        {"id":3,"currency":"usd","at":"2026-01-02T13:00:00Z"}
        {"id":4,"currency":"eur","at":"2026-01-04T12:00:00Z"}
        {"id":5,"currency":"gbp","at":"2026-01-04T13:00:00Z"}

        """

    private static let orderSource = """
        sources:
          orders:
            file: {path: "FOLDER/orders.ndjson"}
            format: json
            schema: {id: bigint, currency: string, at: timestamp}
            event_time: {column: at}

        """

    private static let joined = [
        #"{"id":1,"rate":100}"#, #"{"id":2,"rate":105}"#, #"{"id":3,"rate":90}"#,
        #"{"id":4,"rate":110}"#,
    ]

    private static let joinSteps = """
        steps:
          valued:
            from: orders
            join: {table: rates, match: [currency], as_of: rowtime}
            select: [id, rate]
        sinks:
          out: {from: valued, topic: valued}
          lost: {from: valued.unmatched, topic: lost}
        """

    @Test("as_of joins the rate of the time, from a file that is read once")
    func file() throws {
        let folder = try TemporaryFolder("as-of")
        let disk = try Self.freshDisk()
        _ = try folder.write(Self.rates, to: "rates.csv")
        _ = try folder.write(Self.orders, to: "orders.ndjson")
        try Self.run(
            """
            pipeline: as-of
            \(Self.orderSource)
            tables:
              rates:
                file: {path: "FOLDER/rates.csv"}
                format: {csv: {header: false}}
                schema: {currency: string, rate: bigint, since: timestamp}
                key: [currency]
                event_time: {column: since}
                history: 30d
            \(Self.joinSteps)
            """, folder, disk)
        #expect(try Self.rows("valued", disk) == Self.joined)
        #expect(try Self.rows("lost", disk).count == 1)
    }

    /// Writes the rates to a topic by key, in order of time.
    private static func writeRates(
        _ folder: TemporaryFolder, _ disk: SimulatedFileSystem, mode: String = "upsert"
    ) throws {
        _ = try folder.write(Self.rates, to: "rates.csv")
        _ = try folder.write(Self.orders, to: "orders.ndjson")
        try run(
            """
            pipeline: writer
            sources:
              rows:
                file: {path: "FOLDER/rates.csv"}
                format: {csv: {header: false}}
                schema: {currency: string, rate: bigint, since: timestamp}
                event_time: {column: since, max_out_of_orderness: 2d}
            sinks:
              out: {from: rows, topic: rates, mode: upsert, key: [currency]}
            """, folder, disk)
    }

    @Test("as_of joins the rate of the time, from a topic that goes on", arguments: [true, false])
    func topic(everyBatch: Bool) throws {
        let folder = try TemporaryFolder("as-of-topic")
        let disk = try Self.freshDisk()
        try Self.writeRates(folder, disk)
        try Self.run(
            """
            pipeline: as-of
            \(Self.orderSource)
            tables:
              rates:
                topic: rates
                schema: {currency: string, rate: bigint}
                key: [currency]
                history: 30d
            \(Self.joinSteps)
            """, folder, disk, everyBatch: everyBatch)
        #expect(try Self.rows("valued", disk) == Self.joined)
        #expect(try Self.rows("lost", disk).count == 1)
    }

    @Test("a changed aggregate is joined and taken back with what it was given")
    func updatingLeft() throws {
        let folder = try TemporaryFolder("kept-join")
        let disk = try Self.freshDisk()
        _ = try folder.write(Self.orders, to: "orders.ndjson")
        func spec(_ rates: String) throws -> String {
            _ = try folder.write(rates, to: "rates.csv")
            return """
                pipeline: kept
                sources:
                  orders:
                    file: {path: "FOLDER/orders*.ndjson"}
                    format: json
                    schema: {id: bigint, currency: string, at: timestamp}
                    event_time: {column: at}
                tables:
                  rates:
                    file: {path: "FOLDER/rates.csv"}
                    format: {csv: {header: false}}
                    schema: {currency: string, rate: bigint}
                    key: [currency]
                steps:
                  counted:
                    from: orders
                    aggregate: {group_by: [currency], compute: {n: count(*)}}
                  valued:
                    from: counted
                    join: {table: rates, match: [currency], type: left}
                  summed:
                    from: valued
                    aggregate:
                      compute:
                        total: sum(n * rate)
                sinks:
                  out: {from: summed, topic: totals, mode: changelog}
                """
        }
        try Self.run(spec("eur,100\nusd,10\n"), folder, disk)
        #expect(try Self.rows("totals", disk).last == #"{"total":310}"#)
        _ = try folder.write(
            #"{"id":6,"currency":"eur","at":"2026-01-05T12:00:00Z"}"# + "\n", to: "orders2.ndjson")
        try Self.run(spec("eur,1\nusd,10\n"), folder, disk)
        #expect(try Self.rows("totals", disk).last == #"{"total":14}"#)
    }

    private static func totals(_ name: String) -> String {
        """
        steps:
          summed:
            from: \(name)
            aggregate: {compute: {n: count(*), total: sum(rate)}}
        sinks:
          rows: {from: \(name), topic: copies, mode: upsert, key: [currency]}
          totals: {from: summed, topic: totals, mode: changelog}
        """
    }

    @Test("a table in from gives its rows, and after a restart what has changed")
    func tableStream() throws {
        let folder = try TemporaryFolder("table-stream")
        let disk = try Self.freshDisk()
        let spec = """
            pipeline: stream
            tables:
              rates:
                file: {path: "FOLDER/rates.csv"}
                format: {csv: {header: false}}
                schema: {currency: string, rate: bigint}
                key: [currency]
            \(Self.totals("rates"))
            """
        _ = try folder.write("eur,100\nusd,90\n", to: "rates.csv")
        try Self.run(spec, folder, disk)
        #expect(try Self.rows("copies", disk).count == 2)
        let first = try Self.rows("totals", disk)
        #expect(first.last?.contains("190") == true, "\(first)")
        try Self.run(spec, folder, disk)
        #expect(try Self.rows("copies", disk).count == 2, "nothing is repeated")
        #expect(try Self.rows("totals", disk) == first)
        _ = try folder.write("eur,100\ngbp,120\nchf,1\n", to: "rates.csv")
        try Self.run(spec, folder, disk)
        let copies = try Self.rows("copies", disk)
        #expect(copies.count == 5, "two came and one went: \(copies)")
        #expect(try Self.rows("totals", disk).last?.contains("221") == true)
    }

    @Test("a topic by key in sources gives changes, tombstones included")
    func upsertSource() throws {
        let folder = try TemporaryFolder("upsert-source")
        let disk = try Self.freshDisk()
        let writer = """
            pipeline: writer
            tables:
              rates:
                file: {path: "FOLDER/rates.csv"}
                format: {csv: {header: false}}
                schema: {currency: string, rate: bigint}
                key: [currency]
            sinks:
              out: {from: rates, topic: rates, mode: upsert}
            """
        let reader = """
            pipeline: reader
            sources:
              rates: {topic: rates, schema: {currency: string, rate: bigint}, stop: STOP}
            \(Self.totals("rates"))
            ---
            topic: rates
            schema: {currency: string, rate: bigint}
            key: [currency]
            mode: upsert
            """
        _ = try folder.write("eur,100\nusd,90\n", to: "rates.csv")
        try Self.run(writer, folder, disk)
        _ = try folder.write("eur,101\ngbp,120\n", to: "rates.csv")
        try Self.run(writer, folder, disk)
        try Self.run(reader.replacing("STOP", with: "latest"), folder, disk)
        let totals = try Self.rows("totals", disk)
        #expect(totals.last?.contains("221") == true, "\(totals)")
        let copies = try Self.rows("copies", disk)
        #expect(copies.count == 5, "\(copies)")
    }

    @Test(
        "give the same rows after a crash at any call",
        arguments: [PowerCut.lost, .kept, .scattered(sectorBytes: 512)])
    func crashes(cut: PowerCut) throws {
        let folder = try TemporaryFolder("table-crash")
        var text = ""
        for row in 0..<40 { text += "k\(row % 7),\(row)\n" }
        _ = try folder.write(text, to: "rates.csv")
        var orders = ""
        for row in 0..<60 {
            orders +=
                "{\"id\":\(row),\"currency\":\"k\(row % 8)\",\"rate\":\(row * 3),\"at\":\(row)}\n"
        }
        _ = try folder.write(orders, to: "orders.ndjson")
        let first = try loadSpec(
            """
            pipeline: first
            sources:
              orders:
                file: {path: "\(folder.path)/orders.ndjson"}
                format: json
                schema: {id: bigint, currency: string, rate: bigint, at: timestamp(s)}
                event_time: {column: at, max_out_of_orderness: 5s}
            sinks:
              out: {from: orders, topic: upserts, mode: upsert, key: [currency],
                delete_when: id > 55}
            """, in: folder)
        let second = try loadSpec(
            """
            pipeline: second
            sources:
              upserts:
                topic: upserts
                schema: {id: bigint, currency: string, rate: bigint, at: timestamp}
                stop: latest
              orders:
                file: {path: "\(folder.path)/orders.ndjson"}
                format: json
                schema: {id: bigint, currency: string, rate: bigint, at: timestamp(s)}
                event_time: {column: at, max_out_of_orderness: 5s}
            tables:
              rates:
                file: {path: "\(folder.path)/rates.csv"}
                format: {csv: {header: false}}
                schema: {currency: string, rate: bigint}
                key: [currency]
              versions:
                topic: upserts
                schema: {currency: string, rate: bigint, at: timestamp}
                event_time: {column: at, max_out_of_orderness: 20s}
                history: 10s
            steps:
              valued:
                from: orders
                join: {table: versions, match: [currency], as_of: rowtime}
                select: [id, valid: versions.rate]
              given:
                from: valued
                aggregate: {group_by: [id], compute: {n: count(*), valid: max(valid)}}
              named:
                from: given
                add: {currency: "'k' || cast(id % 3 as string)"}
              kept:
                from: named
                join: {table: rates, match: [currency]}
              summed:
                from: upserts
                aggregate: {compute: {n: count(*), total: sum(rate)}}
              table_summed:
                from: rates
                aggregate: {compute: {n: count(*), total: sum(rate)}}
            sinks:
              totals: {from: summed, topic: totals, mode: changelog}
              copies: {from: rates, topic: copies, mode: upsert}
              values: {from: valued, topic: valued}
              keeps: {from: kept, topic: kept, mode: changelog}
              table_totals: {from: table_summed, topic: table-totals, mode: changelog}
            ---
            topic: upserts
            schema: {id: bigint, currency: string, rate: bigint, at: timestamp}
            key: [currency]
            mode: upsert
            """, in: folder)
        func make() throws -> SimulatedFileSystem {
            let disk = try Self.freshDisk()
            guard
                case .finished = EngineRun(
                    spec: first, fileSystem: disk, statePath: "/state"
                ).run()
            else {
                Issue.record("the writer did not finish")
                return disk
            }
            return disk
        }
        func outputs(_ disk: SimulatedFileSystem) throws -> [[String]] {
            // The last row of each: what stands.
            [
                Array(try Self.rows("totals", disk).suffix(1)), try Self.rows("copies", disk),
                Array(try Self.rows("table-totals", disk).suffix(1)),
                try Self.rows("valued", disk), try Self.rows("kept", disk),
            ]
        }
        let whole = try make()
        let before = whole.mutationCount
        let outcome = EngineRun(spec: second, fileSystem: whole, statePath: "/state").run()
        guard case .finished = outcome else {
            Issue.record("\(outcome)")
            return
        }
        let mutations = whole.mutationCount - before
        let expected = try outputs(whole)
        #expect(expected.allSatisfy { !$0.isEmpty }, "\(expected)")
        var crashes = 0
        for point in Swift.stride(from: Int(testSeed % 5), to: mutations, by: 5) {
            let disk = try make()
            disk.crash(afterMutations: point)
            _ = EngineRun(spec: second, fileSystem: disk, statePath: "/state").run()
            guard disk.hasCrashed else { continue }
            crashes += 1
            let seed = testSeed &+ UInt64(point)
            let after = disk.afterPowerCut(cut, seed: seed)
            let outcome = EngineRun(spec: second, fileSystem: after, statePath: "/state").run()
            guard case .finished = outcome else {
                Issue.record("crash at call \(point), \(cut), seed \(seed): \(outcome)")
                continue
            }
            let actual = try outputs(after)
            #expect(actual == expected, "crash at call \(point), \(cut), seed \(seed)")
        }
        #expect(crashes > 4)
    }
}
