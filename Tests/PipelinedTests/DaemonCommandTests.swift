import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Commands that ask a daemon")
struct DaemonCommandTests {
    /// Times and ages differ from run to run.
    private func steady(_ text: String) -> String {
        text.replacing(/\d{4}-\d\d-\d\dT[0-9:.]+Z/, with: "2026-01-01T00:00:00.000000Z")
            .replacing(/"age_micros": \d+/, with: "\"age_micros\": 0")
            .replacing(/"number": \d+/, with: "\"number\": 1")
            .replacing(/\b[0-9]s/, with: "0s")
    }

    private func daemon() throws -> TestDaemon {
        let daemon = try TestDaemon(specs: [
            "clicks.yaml": "clicks 1", "views.yaml": "views 1 w suspend",
        ])
        let deadline = Date().addingTimeInterval(10)
        while Date() < deadline, !daemon.controller.view.hasConverged { usleep(1000) }
        return daemon
    }

    @Test("status as a table, wide, as JSON and as names")
    func status() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        expectGolden(steady(daemon.run("status").output), "status/table.txt")
        expectGolden(steady(daemon.run("status", "-o", "wide").output), "status/wide.txt")
        expectGolden(steady(daemon.run("status", "-o", "json").output), "status/status.json")
        #expect(daemon.run("status", "-o", "names").output == "clicks\nviews\n")
        let unknown = daemon.run("status", "clikcs")
        #expect(unknown.status == .failed)
        #expect(
            unknown.error == "error: there is no pipeline 'clikcs'; did you mean 'clicks'?\n")
    }

    @Test("describe says all, as text and as JSON")
    func describe() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        expectGolden(steady(daemon.run("describe", "clicks").output), "status/describe.txt")
        expectGolden(
            steady(daemon.run("describe", "clicks", "-o", "json").output), "status/describe.json")
    }

    @Test("events, metrics and graph")
    func others() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        let listed = daemon.run("events", "clicks")
        #expect(listed.error == "")
        expectGolden(steady(listed.output), "status/events.txt")
        expectGolden(
            daemon.run("metrics").output
                .replacing(/(state_(?:available|size)_bytes) \d+/) { "\($0.1) 1000000" },
            "status/metrics.txt")
        #expect(daemon.run("graph", "clicks").output.hasPrefix("clicks"))
    }

    @Test("an edit is noticed, a pause holds, diff and reload exit by what there is to do")
    func changes() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        #expect(daemon.run("diff").status == .done)
        let paused = daemon.run("pause", "clicks")
        #expect(paused.output == "'clicks' is paused\n", "\(paused)")
        #expect(daemon.engine.names.isEmpty)
        #expect(daemon.run("resume", "clicks").status == .done)
        #expect(daemon.run("restart", "clicks").status == .done)
        #expect(daemon.engine.names == ["clicks"])
        try daemon.folder.writeSpec("clicks 2", to: "specs/clicks.yaml")
        let deadline = Date().addingTimeInterval(5)
        while Date() < deadline, daemon.engine.launches.last?.generation != 2 { usleep(1000) }
        #expect(daemon.engine.launches.last?.generation == 2)
        try daemon.folder.writeSpec("broken", to: "specs/clicks.yaml")
        let broken = daemon.run("diff")
        #expect(broken.status == .usage)
        #expect(broken.output.contains("error: it is broken"))
        #expect(daemon.run("reload").status == .failed)
        #expect(daemon.run("wait", "clicks").status == .failed)
    }

    @Test("reset asks, and does nothing when nobody is there to answer")
    func reset() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        #expect(daemon.run("reset", "clicks").status == .usage)
        let asked = daemon.run("reset", "clicks", "--output", "replace")
        #expect(asked.status == .usage)
        expectGolden(asked.error, "status/reset.txt")
        #expect(daemon.engine.state.withLock { $0.removed } == [])
        #expect(daemon.run("reset", "clicks", "--output", "keep", "--yes").status == .done)
        #expect(daemon.engine.state.withLock { $0.removed } == ["clicks"])
    }

    @Test("a tap gives rows as they are, to the limit, and says when there is no such node")
    func tap() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        let pipeline = try #require(daemon.engine.state.withLock { $0.running["clicks"] })
        let feeder = DaemonThread.start("feeder") {
            let deadline = Date().addingTimeInterval(10)
            while Date() < deadline, pipeline.tapCount == 0 { usleep(1000) }
            for _ in 0..<3 { pipeline.emit("{\"n\":123456789012345678901234567890}") }
        }
        let tapped = daemon.run("tap", "clicks/views", "--limit", "2")
        feeder?.join()
        #expect(
            tapped.output
                == String(repeating: "{\"n\":123456789012345678901234567890}\n", count: 2))
        #expect(daemon.run("tap", "clicks/nothing").status == .failed)
        #expect(daemon.run("tap", "clicks").status == .usage)
        #expect(daemon.run("tap", "views/views").error.contains("it does not run"))
    }

    @Test("without a daemon the exit status is 3 and the error says where it looked")
    func noDaemon() {
        let terminal = Terminal(capturing: ())
        let status = CommandLineProgram.run(
            ["status", "--socket", "/nowhere/control.sock"], terminal: terminal)
        #expect(status == .noDaemon)
        #expect(terminal.error.contains("nobody listens at /nowhere/control.sock"))
    }

    @Test("diff --base plans from a revision to the working tree")
    func base() throws {
        let folder = try TemporaryFolder("git")
        func spec(_ name: String, _ window: String) -> String {
            """
            pipeline: \(name)
            sources:
              events:
                generate: {count: 10, columns: {id: {sequence: 1}, at: {time: {step: 1s}}}}
                schema: {id: bigint, at: timestamp}
                event_time: {column: at}
            steps:
              counts:
                from: events
                aggregate: {window: {tumbling: \(window)}, compute: {n: count(*)}}
            sinks:
              out: {from: counts, stdout: {}, format: json}

            """
        }
        func git(_ words: String...) {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            let result = ChildProcess.run("git", ["-C", folder.path] + identity + words)
            #expect(result?.status == 0)
        }
        for name in ["a", "b", "c"] { try folder.writeSpec(spec(name, "10s"), to: "\(name).yaml") }
        git("init", "-q")
        git("add", ".")
        git("commit", "-q", "-m", "one")
        func diff(_ words: String...) -> (Pipelined.ExitStatus, String) {
            let terminal = Terminal(capturing: ())
            let status = CommandLineProgram.run(
                ["diff", "--pipelines", folder.path] + words, terminal: terminal)
            return (status, terminal.output + terminal.error)
        }
        let none = diff("--base", "HEAD")
        #expect(none == (.done, "nothing to change\n"), "\(none)")
        try folder.writeSpec(spec("a", "20s"), to: "a.yaml")
        try folder.writeSpec("# a comment\n" + spec("b", "10s"), to: "b.yaml")
        try folder.writeSpec(spec("d", "10s"), to: "d.yaml")
        unlink(folder.path(of: "c.yaml"))
        let some = diff("--base", "HEAD")
        #expect(some.0 == .failed)
        #expect(
            some.1 == """
                ~ a: rebuild beside the running version
                    step 'counts': rebuilt, because its definition has changed
                - c: stop (removed), state is kept
                + d: start

                """)
        #expect(diff("--base", "HEAD", "--exit-zero").0 == .done)
        #expect(diff("--base", "nonsense").0 == .usage)
        #expect(diff("--base", "--output=x").0 == .usage)
        try folder.writeSpec("pipeline: [", to: "d.yaml")
        #expect(diff("--base", "HEAD", "--exit-zero").0 == .usage)
    }
}
