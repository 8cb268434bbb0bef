import Foundation
import TestSupport
import Testing

/// Bad input of every kind: an exit code, a reason, and nothing lost.
@Suite("Bad input")
struct RefusalTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder("refusal")
        try Views.prepare(folder, Views.spec(follow: false))
    }

    private func event(_ id: Int, _ time: String) -> String {
        """
        {"user_id": "u\(id)", "ad_id": "ad-1", "event_type": "view", "event_time": \(time)}\n
        """
    }

    @Test("a missing input file is named, with exit code 1 and no output")
    func missingInput() throws {
        let outcome = try Program.run(["run", "views.yaml"], in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("data/events.ndjson"))
        #expect(outcome.errors.contains("error: views"))
        #expect(folder.lineCount("out/counts.ndjson") == 0)
    }

    @Test("a missing spec and a missing operand have different exit codes")
    func missingSpec() throws {
        let missing = try Program.run(["run", "nowhere.yaml"], in: folder)
        #expect(missing.status == 1)
        #expect(missing.errors.contains("nowhere.yaml"))
        #expect(try Program.run(["run"], in: folder).status == 2)
        #expect(try Program.run(["run", "views.yaml", "--no-such-flag"], in: folder).status == 2)
        #expect(try Program.run(["ran", "views.yaml"], in: folder).status == 2)
    }

    @Test("an invalid spec is refused with its position before any file is opened")
    func invalidSpec() throws {
        try folder.write(
            Views.spec(follow: false).replacing("[campaign_id]", with: "[campain_id]"),
            to: "views.yaml")
        let outcome = try Program.run(["run", "views.yaml", "--state", "state"], in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("--> views.yaml:"))
        #expect(outcome.errors.contains("did you mean 'campaign_id'?"))
        #expect(!FileManager.default.fileExists(atPath: folder.path(of: "state")))
        #expect(!FileManager.default.fileExists(atPath: folder.path(of: "out")))
    }

    @Test("a sink that cannot be written ends the run, and the next run starts where it should")
    func unwritableSink() throws {
        try folder.write(
            event(1, "1704067200000") + event(2, "1704067260000"), to: "data/events.ndjson")
        try folder.write("a file where a folder should be", to: "out")
        let command = ["run", "views.yaml", "--state", "state"]
        let outcome = try Program.run(command, in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("cannot"))
        #expect(outcome.errors.contains("out"))
        try FileManager.default.removeItem(atPath: folder.path(of: "out"))
        let again = try Program.run(command, in: folder)
        #expect(again.status == 0, "\(again.errors)")
        #expect(folder.lineCount("out/counts.ndjson") == 2)
    }

    @Test("an output file of somebody else is left alone unless a flag says what to do with it")
    func existingOutput() throws {
        try folder.write(event(1, "1704067200000"), to: "data/events.ndjson")
        try folder.write("precious\n", to: "out/counts.ndjson")
        let outcome = try Program.run(["run", "views.yaml"], in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("out/counts.ndjson"))
        #expect(try folder.read("out/counts.ndjson") == "precious\n")

        let appended = try Program.run(["run", "views.yaml", "--append"], in: folder)
        #expect(appended.status == 0, "\(appended.errors)")
        #expect(try folder.read("out/counts.ndjson").hasPrefix("precious\n{"))
        #expect(folder.lineCount("out/counts.ndjson") == 2)

        let replaced = try Program.run(["run", "views.yaml", "--overwrite"], in: folder)
        #expect(replaced.status == 0, "\(replaced.errors)")
        #expect(folder.lineCount("out/counts.ndjson") == 1)

        let both = try Program.run(["run", "views.yaml", "--append", "--overwrite"], in: folder)
        #expect(both.status == 2)
    }

    @Test("a second process on the same state directory is refused and told who holds it")
    func sharedState() throws {
        try Views.prepare(folder, Views.spec(follow: true))
        try folder.write("", to: "data/events.ndjson")
        let command = ["run", "views.yaml", "--state", "state"]
        let first = try Program(command, in: folder)
        defer { first.send(SIGKILL) }
        #expect(eventually(within: 30) { folder.lineCount("state/LOCK") == 1 })
        let second = try Program.run(command, in: folder)
        #expect(second.status == 1)
        #expect(second.errors.contains("process \(first.identifier) uses it"))
        #expect(first.isRunning)
        first.send(SIGTERM)
        _ = try first.ended()
    }

    @Test("rows that were set aside are read again once the spec is mended, and only once")
    func replayed() throws {
        func spec(_ type: String) -> String {
            """
            pipeline: mended
            sources:
              events:
                file: {path: data/events.ndjson}
                format: json
                schema: {id: bigint, note: \(type)}
            steps:
              kept: {from: events, where: 10 / (id - 3) < 100}
            sinks:
              out: {from: kept, file: {path: out/rows.ndjson}, format: json}
            """
        }
        try folder.write(spec("bigint"), to: "mended.yaml")
        try folder.write(
            """
            {"id":1,"note":7}
            {"id":2,"note":"text"}
            not JSON
            {"id":3,"note":8}
            {"id":4,"note":"more"}

            """, to: "data/events.ndjson")
        let run = ["run", "mended.yaml", "--state", "state", "--append"]
        let first = try Program.run(run, in: folder)
        #expect(first.errors.contains("4 rows failed"), "\(first.errors)")
        #expect(try folder.rows("out/rows.ndjson").map { $0["id"] as? Int } == [1])
        try folder.write(spec("string"), to: "mended.yaml")
        let replay = try Program.run(
            ["dead-letters", "replay", "mended", "--state", "state"], in: folder)
        #expect(replay.status == 0, "\(replay.errors)")
        for _ in 0..<2 {
            let again = try Program.run(run, in: folder)
            #expect(again.status == 0, "\(again.errors)")
            #expect(try folder.rows("out/rows.ndjson").map { $0["id"] as? Int } == [1, 2, 4])
        }
        // What is no JSON is set aside once more; what a step had set aside was not read again.
        let letters = try folder.topicRows("mended.dead-letters")
        #expect(letters.count { $0["raw"] as? String == "not JSON" } == 2)
        #expect(letters.count == 5)
    }

    @Test("rows that cannot be read are set aside with reason and position, and the others go on")
    func invalidRows() throws {
        let good = event(1, "1704067200000")
        let lines = [
            good, "not JSON\n", event(2, "\"soon\""), event(3, "1704067201000"), event(4, "null"),
        ]
        try folder.write(lines.joined(), to: "data/events.ndjson")
        let outcome = try Program.run(["run", "views.yaml", "--state", "state"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("3 rows failed"))
        let letters = try folder.topicRows("views.dead-letters")
            .sorted { ($0["position"] as? Int ?? 0) < ($1["position"] as? Int ?? 0) }
        let starts = [1, 2, 4].map { lines[..<$0].joined().utf8.count }
        #expect(letters.map { $0["position"] as? Int } == starts)
        #expect(letters.allSatisfy { $0["node"] as? String == "events" })
        #expect(letters.allSatisfy { ($0["error"] as? String ?? "").hasPrefix("cannot ") })
        #expect(letters.first?["raw"] as? String == "not JSON")
        let counts = try folder.rows("out/counts.ndjson")
        #expect(counts.map { $0["views"] as? Int } == [2])
    }

    @Test("on_error: fail stops at a bad row and names it")
    func onErrorFail() throws {
        let spec = Views.spec(follow: false)
            .replacing("settings: {", with: "settings: {on_error: fail, ")
        try folder.write(spec, to: "views.yaml")
        try folder.write(event(1, "1704067200000") + "not JSON\n", to: "data/events.ndjson")
        let outcome = try Program.run(["run", "views.yaml"], in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("views/events: cannot"))
        #expect(
            outcome.errors.contains("data/events.ndjson at \(event(1, "1704067200000").utf8.count)")
        )
    }

    @Test("a damaged journal is an error that names file and byte, and is left as it was")
    func damagedJournal() throws {
        try folder.write(event(1, "1704067200000"), to: "data/events.ndjson")
        let command = ["run", "views.yaml", "--state", "state"]
        #expect(try Program.run(command, in: folder).status == 0)
        let url = folder.url.appendingPathComponent("state/checkpoints/views/1.journal")
        var bytes = try Data(contentsOf: url)
        bytes[100] ^= 0x40
        try bytes.write(to: url)
        let outcome = try Program.run(command, in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("1.journal' at byte"))
        #expect(try Data(contentsOf: url) == bytes)
    }
}
