import Foundation
import TestSupport
import Testing

@testable import Pipelined

private let sound = testedSpec(
    steps: """
        big:
          from: events
          where: amount >= $least
        totals:
          from: big
          aggregate: {group_by: [id], compute: {total: sum(amount), least: min(amount)}}
        """,
    sinks: """
        rows: {from: big, file: {path: out/rows.ndjson}, format: json}
        sums: {from: totals, file: {path: out/sums.ndjson}, format: json, mode: upsert}
        """,
    tests: """
        - name: keeps what is big enough
          steps: [{send: {events: [{id: a, amount: 5, at: 1}, {id: "<b>", amount: 6, at: 2}]}}]
          expect: {rows: [{id: a}, {id: "<b>"}]}
        - name: sums up
          steps:
            - send: {events: [{id: a, amount: 5, at: 1}, {id: b, amount: 6, at: 2}]}
            - send: {events: [{id: a, amount: 7, at: 3}]}
          expect: {sums: [{id: a, total: 12}, {id: b, total: 6}]}
        """, more: "parameters: {least: 5}")

private let wrong = testedSpec(
    steps: "kept: {from: events}",
    sinks: "rows: {from: kept, file: {path: out/wrong.ndjson}, format: json}",
    tests: """
        - name: is in another order & has "quotes"
          steps: [{send: {events: [{id: a, amount: 5, at: 1}, {id: "<b>", amount: 6, at: 2}]}}]
          expect:
            rows: {exactly: [{id: "<b>", amount: 6, at: 1970-01-01T00:00:02Z}, {id: a}, {id: c}]}
        - name: has others
          steps: [{send: {events: [{id: a, amount: 5, at: 1}, {id: b, amount: 6, at: 2}]}}]
          expect: {rows: [{id: a, amount: 6}, {id: c}], kept: {count: 3}, events.invalid: []}
        - name: has none
          expect: {rows: [{id: a}]}
        - name: holds
          expect: {rows: []}
        """
).replacing("pipeline: tested", with: "pipeline: wrong")

@Suite("pipelined test")
struct TestCommandTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder("test-command")
        try folder.write(sound, to: "specs/sound.yaml")
    }

    private func run(_ arguments: String...) -> (status: Pipelined.ExitStatus, terminal: Terminal) {
        let terminal = Terminal(capturing: ())
        let status = CommandLineProgram.run(
            ["test"] + arguments.map { $0.hasPrefix("-") ? $0 : path($0) }
                + ["--allow-path", folder.path], terminal: terminal)
        return (status, terminal)
    }

    private func path(_ argument: String) -> String {
        argument.hasPrefix("specs") ? folder.path(of: argument) : argument
    }

    /// Without what differs between runs.
    private func stable(_ text: String) -> String {
        text.replacing(folder.path + "/", with: "")
            .replacing(/time="[0-9.]+"/, with: "time=\"T\"")
            .replacing(/"seconds": [0-9.e-]+/, with: "\"seconds\": S")
    }

    @Test("is silent about what holds, and shows what does not")
    func text() throws {
        try folder.write(wrong, to: "specs/wrong.yaml")
        let (status, terminal) = run("specs")
        #expect(status == .failed)
        expectGolden(stable(terminal.output), "spec-tests/text.txt")
        #expect(run("specs/sound.yaml").status == .done)
    }

    @Test("writes JSON, and JUnit XML for build servers")
    func machineReadable() throws {
        try folder.write(wrong, to: "specs/wrong.yaml")
        let xml = folder.path(of: "results.xml")
        let (status, terminal) = run("specs", "-o", "json", "--junit", xml)
        #expect(status == .failed)
        expectGolden(stable(terminal.output), "spec-tests/results.json")
        let text = try String(contentsOfFile: xml, encoding: .utf8)
        expectGolden(stable(text), "spec-tests/results.xml")
        #expect(run("specs", "--junit", folder.path(of: "no/such/folder.xml")).status == .usage)
    }

    @Test("runs the tests beside a spec, whichever of the two is named")
    func besides() throws {
        let text = "tests: [{name: from beside, expect: {sums: []}}]"
        try folder.write(text, to: "specs/sound.test.yaml")
        for path in ["specs", "specs/sound.yaml", "specs/sound.test.yaml"] {
            let (status, terminal) = run(path, "--filter", "beside")
            #expect(status == .done && terminal.output.contains("sound.test.yaml  1 test"))
        }
    }

    @Test("chooses tests, and refuses to run none")
    func filter() {
        #expect(run("specs", "--filter", "big").terminal.output.contains("1 test, all"))
        #expect(run("specs", "--filter", "tested").terminal.output.contains("2 tests, all"))
        let (status, terminal) = run("specs", "--filter", "nothing")
        #expect(status == .usage && terminal.error.contains("none of the 2 tests has 'nothing'"))
    }

    @Test("takes parameters, which one of the specs must have")
    func parameters() throws {
        try folder.write(
            wrong.replacing("exactly:", with: "ignored:"), to: "specs/other/ignored.yaml")
        let (status, terminal) = run("specs", "--param", "least=6")
        #expect(status == .failed)
        #expect(terminal.output.contains("'rows' lacks a row"))
        #expect(run("specs", "--param", "laest=6").status == .usage)
        #expect(run("specs", "--param", "least").status == .usage)
    }

    @Test("refuses specs and tests that are wrong, and those without tests")
    func refused() throws {
        try folder.write(
            sound.replacing("rows: [{id: a}", with: "rows: [{ix: a}"), to: "specs/bad.yaml")
        let (status, terminal) = run("specs/bad.yaml")
        #expect(status == .usage && terminal.error.contains("unknown column 'ix'"))
        #expect(run("specs/none.yaml").status == .usage)
        let spec = sound.components(separatedBy: "tests:\n")[0]
        try folder.write(spec, to: "specs/untested.yaml")
        let untested = run("specs/untested.yaml")
        #expect(untested.status == .usage)
        #expect(untested.terminal.error.contains("the specs have no tests"))
    }

    @Test("what runs a pipeline takes no notice of its tests, nor of files of tests")
    func ignored() throws {
        try folder.write("tests: nonsense", to: "specs/sound.test.yaml")
        try folder.write(
            sound.replacing("rows: [{id: a}", with: "rows: [{ix: a}"), to: "specs/sound.yaml")
        var look = SpecFolder(path: folder.path(of: "specs"), usesLeases: false)
        _ = look.look(now: Int64(Date().timeIntervalSince1970 * 1e6) + 10_000_000)
        guard case .files(let files) = look.look(now: .max / 2) else {
            Issue.record("the folder was not read")
            return
        }
        #expect(files.map(\.name) == ["sound.yaml"])
        let reading = SpecReading(
            folder: "specs", environment: .init(workingDirectory: folder.path),
            isEnvironmentStrict: true)
        let text = try String(contentsOfFile: folder.path(of: "specs/sound.yaml"), encoding: .utf8)
        let loaded = reading.load([.init(file: "sound.yaml", bytes: Array(text.utf8))], [:])
        #expect(loaded[0].problems.isEmpty && loaded[0].pipelines.count == 1)
        #expect(run("specs").status == .usage)
    }
}
