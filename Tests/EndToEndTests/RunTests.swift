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
        return names.filter { $0.hasSuffix(".yaml") }.sorted()
    }()

    @Test("every sample runs", arguments: samples)
    func sample(name: String) throws {
        try FileManager.default.copyItem(
            at: repositoryRoot.appendingPathComponent("pipelines"),
            to: folder.url.appendingPathComponent("pipelines"))
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

    @Test("the orders sample gives the totals that its comment promises")
    func orders() throws {
        try FileManager.default.copyItem(
            at: repositoryRoot.appendingPathComponent("pipelines"),
            to: folder.url.appendingPathComponent("pipelines"))
        #expect(try Program.run(["run", "pipelines/orders.yaml"], in: folder).status == 0)
        var totals: [String: [Int?]] = [:]
        for row in try folder.rows("out/country-totals.ndjson") {
            totals[row["country"] as? String ?? ""] = [row["orders"] as? Int, row["total"] as? Int]
        }
        #expect(totals == ["DE": [3, 200], "FR": [2, 100], "unknown": [1, 60]])
        #expect(folder.lineCount("out/unknown-customers.ndjson") == 1)
        #expect(folder.lineCount("out/bad-orders.ndjson") == 1)
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
