import Foundation
import TestSupport
import Testing

@Suite("The run command")
struct RunTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("run") }

    /// The specs that the repository shows; each must run here as it stands.
    static let samples: [String] = {
        let pipelines = repositoryRoot.appendingPathComponent("pipelines")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: pipelines.path)) ?? []
        return names.filter { $0.hasSuffix(".yaml") && !$0.hasSuffix(".test.yaml") }.sorted()
    }()

    /// Those that read topics, which another sample writes first, and go on for as long as more may
    /// come.
    static let readers = ["shop-revenue.yaml"]

    private func copySamples() throws {
        try FileManager.default.copyItem(
            at: repositoryRoot.appendingPathComponent("pipelines"),
            to: folder.url.appendingPathComponent("pipelines"))
    }

    @Test("every sample runs", arguments: samples.filter { !readers.contains($0) })
    func sample(name: String) throws {
        try copySamples()
        if name == "package-changes.yaml",
            !FileManager.default.fileExists(atPath: "/var/log/dpkg.log")
        {
            return  // Not a Debian machine.
        }
        let outcome = try Program.run(
            [
                "run", "pipelines/\(name)", "--limit", "50", "--allow-path", "/var/log", "-o",
                "json",
            ],
            in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        #expect((report["rows"] as? Int ?? 0) > 0)
        #expect(report["phase"] as? String == "finished")
        let sinks = report["sinks"] as? [[String: Any]] ?? []
        #expect(
            sinks.contains { $0["name"] as? String != "dead-letters" && $0["rows"] as? Int != 0 })
    }

    @Test("the access log sample counts what its log holds")
    func accessLog() throws {
        try copySamples()
        let outcome = try Program.run(
            ["run", "pipelines/access-log.yaml", "-o", "json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        // A slow reading of the same lines: cut at quotes and blanks.
        struct Counts: Equatable { var requests = 0, bytes = 0, errors = 0 }
        var expected: [String: Counts] = [:]
        var unread = 0
        let log = try String(
            contentsOf: folder.url.appendingPathComponent("pipelines/data/access.log"),
            encoding: .utf8)
        for line in log.split(separator: "\n") {
            let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
            guard parts.count == 7, parts[1].hasPrefix("GET ") || parts[1].hasPrefix("POST ")
            else {
                unread += 1
                continue
            }
            let target = parts[1].split(separator: " ")[1].split(separator: "?")[0]
            let time = parts[0].split(separator: "[")[1].split(separator: ":")
            let answer = parts[2].split(separator: " ")
            let key = "\(time[1]):\(time[2]) /\(target.split(separator: "/").first ?? "")"
            expected[key, default: Counts()].requests += 1
            expected[key, default: Counts()].bytes += Int(answer[1]) ?? 0
            expected[key, default: Counts()].errors += answer[0].hasPrefix("5") ? 1 : 0
        }
        var found: [String: Counts] = [:]
        for row in try folder.rows("out/access-log.ndjson") {
            let start = row["window_start"] as? String ?? ""
            // The log's clock is two hours ahead of UTC.
            let hour = (Int(start.dropFirst(11).prefix(2)) ?? 0) + 2
            let minute = String(start.dropFirst(14).prefix(2))
            let key = (hour < 10 ? "0" : "") + "\(hour):\(minute) \(row["part"] as? String ?? "")"
            #expect(found[key] == nil)
            found[key] = Counts(
                requests: row["requests"] as? Int ?? -1, bytes: row["bytes"] as? Int ?? -1,
                errors: row["errors"] as? Int ?? -1)
        }
        #expect(found == expected)
        #expect(found.count > 10 && unread == 2)
        let sinks = try outcome.json()["sinks"] as? [[String: Any]] ?? []
        #expect(sinks.first { $0["name"] as? String == "dead-letters" }?["rows"] as? Int == 2)
    }

    @Test("the order values sample gives each order the rate of its time")
    func orderValues() throws {
        try copySamples()
        #expect(try Program.run(["run", "pipelines/order-values.yaml"], in: folder).status == 0)
        let values = try folder.rows("out/order-values.ndjson").map { row in
            "\(row["order_id"] ?? "") \(row["rate"] ?? "") \(row["cents"] ?? "")"
        }
        #expect(
            values == [
                "o1 1.08 10800", "o2 1.25 5000", "o4 1.09 10900", "o5 1.12 1120", "o6 1.1 11000",
            ])
        #expect(
            try folder.rows("out/orders-without-rate.ndjson").map { $0["order_id"] as? String }
                == ["o3"])
        var latest: [String: Double] = [:]
        for row in try folder.rows("out/latest-rates.ndjson") {
            latest[row["currency"] as? String ?? ""] = row["rate"] as? Double
        }
        #expect(latest == ["EUR": 1.1, "GBP": 1.25, "CHF": 1.12])
    }

    @Test("the orders sample gives the totals that its comment promises")
    func orders() throws {
        try copySamples()
        #expect(try Program.run(["run", "pipelines/orders.yaml"], in: folder).status == 0)
        var totals: [String: [Int?]] = [:]
        for row in try folder.rows("out/country-totals.ndjson") {
            totals[row["country"] as? String ?? ""] = [row["orders"] as? Int, row["total"] as? Int]
        }
        #expect(totals == ["DE": [3, 200], "FR": [2, 100], "unknown": [1, 60]])
        #expect(folder.lineCount("out/unknown-customers.ndjson") == 1)
        #expect(folder.lineCount("out/bad-orders.ndjson") == 1)
    }

    @Test("the anomalies sample finds the two that its data hold")
    func anomalies() throws {
        try copySamples()
        #expect(try Program.run(["run", "pipelines/anomalies.yaml"], in: folder).status == 0)
        let rows = try folder.rows("out/anomalies.ndjson").map { row in
            "\(row["service"] ?? "") \(row["at"] ?? "") \(row["millis"] ?? "") "
                + "\(row["usual"] ?? "") \(row["deviations"] ?? "")"
        }
        #expect(
            rows == [
                "cart 2026-03-02T09:10:48Z 95.0 41.5 14.2",
                "checkout 2026-03-02T09:26:04Z 40.0 294.9 -14.6",
            ])
    }

    @Test("the fraud sample finds the cards that its data hold")
    func fraud() throws {
        try copySamples()
        #expect(try Program.run(["run", "pipelines/fraud.yaml"], in: folder).status == 0)
        let rows = try folder.rows("out/fraud.ndjson").map { row in
            "\(row["card"] ?? "") \(row["tried_with"] ?? "") \(row["between"] ?? "") "
                + "\(row["taken"] ?? "") \(row["payment"] ?? "")"
        }
        #expect(
            rows == [
                "4929-1 100 0 78000 p03", "4485-3 50 2 125000 p08", "4716-2 200 1 51000 p13",
            ])
    }

    @Test("the order-lines sample reads values in each other, and makes rows of them")
    func orderLines() throws {
        try copySamples()
        #expect(try Program.run(["run", "pipelines/order-lines.yaml"], in: folder).status == 0)
        let lines = try String(
            contentsOfFile: folder.path(of: "out/order-lines.ndjson"), encoding: .utf8)
        #expect(
            lines == """
                {"id":1,"number":1,"sku":"lamp","amount":39.80,"city":"Kiel","first_tag":"new",\
                "coupon":"SPRING","late":false}
                {"id":1,"number":2,"sku":"bulb","amount":10.00,"city":"Kiel","first_tag":"new",\
                "coupon":"SPRING","late":false}
                {"id":2,"number":1,"sku":"desk","amount":240.00,"city":"Lyon","first_tag":null,\
                "coupon":null,"late":true}
                {"id":3,"number":1,"sku":"bulb","amount":2.50,"city":"Kiel","first_tag":null,\
                "coupon":null,"late":false}

                """)
        let baskets = try String(
            contentsOfFile: folder.path(of: "out/baskets.ndjson"), encoding: .utf8)
        #expect(
            baskets.split(separator: "\n").last
                == "{\"_op\":\"upsert\",\"id\":\"c2\",\"products\":[\"desk\"],"
                + "\"middle_price\":240.0,\"total\":240.00}"
                || baskets.contains("\"products\":[\"bulb\",\"lamp\"]"))
    }

    /// What `shop-revenue` makes of the sample orders: country, hour, orders, revenue.
    private static let revenue = [
        "DE 09 1 120", "FR 09 1 75", "DE 10 1 30", "FR 11 1 25", "unknown 11 1 60", "DE 12 1 50",
    ]

    private func revenue() throws -> [String] {
        try folder.rows("out/shop-revenue.ndjson").map { row in
            let hour = (row["window_start"] as? String ?? "").dropFirst(11).prefix(2)
            let country = row["country"] as? String ?? ""
            return "\(country) \(hour) \(row["orders"] ?? "") \(row["revenue"] ?? "")"
        }
    }

    @Test("the shop's samples hand rows on through topics, once")
    func chain() throws {
        try copySamples()
        let state = ["--state", "state"]
        // The second run finds that all is read.
        for _ in 0..<2 {
            let written = try Program.run(
                ["run", "pipelines/shop-backbone.yaml", "-o", "json"] + state, in: folder)
            #expect(written.status == 0, "\(written.errors)")
            #expect(try written.json()["dead_letters"] as? Int == 1)
        }
        let orders = try Program.run(
            ["consume", "shop.orders", "--select", "order_id"] + state, in: folder)
        let numbers = [1001, 1002, 1003, 1005, 1006, 1007]
        #expect(orders.output == numbers.map { "{\"order_id\":\($0)}\n" }.joined())
        let letters = try Program.run(
            ["consume", "shop-backbone.dead-letters", "--select", "raw"] + state, in: folder)
        #expect(letters.output.contains("two hundred"))
        let reader = try Program(["run", "pipelines/shop-revenue.yaml", "-q"] + state, in: folder)
        let isDone = eventually(within: 30) {
            folder.lineCount("out/shop-revenue.ndjson") >= Self.revenue.count
        }
        reader.send(SIGINT)
        let outcome = try reader.ended()
        #expect(isDone && outcome.status == 1, "\(outcome.errors)")
        #expect(try revenue() == Self.revenue)
    }

    @Test("one daemon runs all samples")
    func serve() throws {
        try copySamples()
        var names = Self.samples.map { $0.dropLast(".yaml".count) }
        if !FileManager.default.fileExists(atPath: "/var/log/dpkg.log") {
            names.removeAll { $0 == "package-changes" }
            try FileManager.default.removeItem(
                at: folder.url.appendingPathComponent("pipelines/package-changes.yaml"))
        }
        let daemon = try Program(
            [
                "serve", "--pipelines", "pipelines", "--state", "state", "--allow-path", "/var/log",
                "--log-format", "json",
            ], in: folder)
        defer { daemon.send(SIGKILL) }
        #expect(
            eventually(within: 60) {
                folder.lineCount("out/shop-revenue.ndjson") >= Self.revenue.count
                    && names.allSatisfy { name in
                        daemon.errors.split(separator: "\n").contains {
                            $0.contains("\"event\":\"Started\"") && $0.contains("\"\(name)\"")
                        }
                    }
            }, "\(daemon.errors)")
        daemon.send(SIGTERM)
        #expect(try daemon.ended().status == 0)
        #expect(try revenue() == Self.revenue)
        #expect(folder.lineCount("out/country-totals.ndjson") > 0)
    }

    private func generated(_ count: Int) throws {
        try folder.write(
            """
            pipeline: numbers
            parameters: {least: 0}
            sources:
              rows:
                generate: {count: \(count), seed: 1, columns: {n: {sequence: 1}}}
                schema: {n: bigint}
            steps:
              kept: {from: rows, where: "n % 2 = 0 and n > $least"}
            sinks:
              out: {from: kept, file: {path: out/numbers.ndjson}, format: json}
            """, to: "numbers.yaml")
    }

    @Test("--limit ends after so many rows, which the report and the output agree on")
    func limit() throws {
        try generated(1000)
        let outcome = try Program.run(
            ["run", "numbers.yaml", "--limit", "101", "-o", "json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        #expect(report["rows"] as? Int == 101)
        #expect(folder.lineCount("out/numbers.ndjson") == 50)
        let sinks = report["sinks"] as? [[String: Any]] ?? []
        #expect(sinks.first { $0["name"] as? String == "out" }?["rows"] as? Int == 50)
        let both = ["run", "numbers.yaml", "--limit", "1", "--state", "s"]
        #expect(try Program.run(both, in: folder).status == 2)
    }

    @Test("--tap prints the rows that leave a node, and refuses a node that is not there")
    func tap() throws {
        try generated(10)
        let outcome = try Program.run(["run", "numbers.yaml", "--tap", "kept", "-q"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
        let rows = outcome.output.split(separator: "\n").map(String.init)
        #expect(rows == [2, 4, 6, 8, 10].map { "{\"n\":\($0)}" })
        let unknown = try Program.run(
            ["run", "numbers.yaml", "--tap", "lost", "--overwrite"], in: folder)
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("'lost'"))
    }

    @Test("--param sets a parameter, and a value of another type is refused")
    func parameters() throws {
        try generated(10)
        let outcome = try Program.run(["run", "numbers.yaml", "--param", "least=7"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(folder.lineCount("out/numbers.ndjson") == 2)
        for wrong in ["least=many", "most=1", "least"] {
            let refused = try Program.run(["run", "numbers.yaml", "--param", wrong], in: folder)
            #expect(refused.status != 0)
        }
    }

    @Test("a finished run that is started again on its state writes nothing twice")
    func again() throws {
        try generated(10)
        for _ in 0..<3 {
            let outcome = try Program.run(["run", "numbers.yaml", "--state", "state"], in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(folder.lineCount("out/numbers.ndjson") == 5)
        }
    }

    @Test("rows appended to a followed file come out without a wait for the next look")
    func follows() throws {
        try folder.write(
            """
            pipeline: follow
            sources:
              lines:
                file: {path: in.log, follow: true}
                format: lines
                schema: {line: string}
            steps:
              kept: {from: lines, where: line <> ''}
            sinks:
              out: {from: kept, file: {path: out.ndjson}, format: json}
            settings: {checkpoint_interval: 10ms}
            """, to: "follow.yaml")
        try folder.write("one\n", to: "in.log")
        let program = try Program(["run", "follow.yaml", "-q"], in: folder)
        defer { program.send(SIGKILL) }
        #expect(eventually(within: 30) { folder.lineCount("out.ndjson") == 1 })
        // Five times in a row well below the ten seconds after which it would look by itself.
        for number in 2...6 {
            try folder.append(Data("again\n".utf8), to: "in.log")
            #expect(eventually(within: 8) { folder.lineCount("out.ndjson") == number })
        }
        program.send(SIGINT)
        #expect(try program.ended().status == 1)
    }
}
