import Foundation
import TestSupport
import Testing

/// The short form of scripts/kill-loop, with a reference of its own.
@Suite("Killed and started again")
struct KillTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("kill") }

    @Test("twelve kills at random moments lose nothing and repeat nothing")
    func kills() throws {
        try Views.prepare(folder, Views.spec(follow: true))
        var views = Views(seed: testSeed)
        var random = SeededRandom(seed: testSeed)
        var pending = Data()
        let command = ["run", "views.yaml", "--state", "state", "--quiet"]
        for round in 0..<12 {
            let program = try Program(command, in: folder)
            let lifetime = Double(5 + random.next() % 300) / 1000
            _ = try eventually(within: lifetime) {
                for _ in 0..<20 { pending.append(Data(views.line().utf8)) }
                // Pieces end in the middle of lines.
                let size = min(pending.count, Int(1 + random.next() % 4000))
                try folder.append(pending.prefix(size), to: "data/events.ndjson")
                pending = Data(pending.dropFirst(size))
                return false
            }
            #expect(program.isRunning, "round \(round): \(program.errors)")
            program.send(SIGKILL)
            #expect(try program.ended().status == -SIGKILL)
            // Before its first checkpoint a pipeline does not know which file it began with.
            let journal = folder.path(of: "state/checkpoints/views/1.journal")
            if random.next() % 3 == 0, FileManager.default.fileExists(atPath: journal) {
                try rotate(&pending)
            }
        }
        try folder.append(pending + Data(views.sentinel().utf8), to: "data/events.ndjson")
        let last = try Program(command, in: folder)
        let counts = views.expectedCounts
        let isDone = eventually(within: 60) {
            folder.lineCount("out/counts.ndjson") >= counts.count
                && folder.lineCount("out/late.ndjson") >= views.late.count
        }
        last.send(SIGTERM)
        let outcome = try last.ended()
        #expect(isDone, "seed \(testSeed): \(outcome.errors)")
        #expect(outcome.status == 1, "\(outcome.errors)")
        #expect(try Views.actualCounts(folder) == counts, "seed \(testSeed)")
        #expect(try Views.actualLate(folder) == views.late, "seed \(testSeed)")
        #expect(
            try folder.topicRows("views.dead-letters").count == views.invalidCount,
            "seed \(testSeed)")
    }

    /// Ends the line that is being written and begins a new file.
    private func rotate(_ pending: inout Data) throws {
        if let end = pending.firstIndex(of: 0x0a) {
            try folder.append(pending[...end], to: "data/events.ndjson")
            pending = Data(pending[pending.index(after: end)...])
        }
        for number in stride(from: 12, to: 0, by: -1) {
            let name = folder.path(of: "data/events.ndjson.\(number)")
            rename(name, folder.path(of: "data/events.ndjson.\(number + 1)"))
        }
        rename(folder.path(of: "data/events.ndjson"), folder.path(of: "data/events.ndjson.1"))
        try folder.write("", to: "data/events.ndjson")
    }

    @Test("SIGINT takes a last checkpoint, and the next run goes on behind it")
    func interrupted() throws {
        // Without the signal's, there is no checkpoint for ten minutes.
        try Views.prepare(folder, Views.spec(follow: true, checkpoints: "10m"))
        var views = Views(seed: testSeed &+ 2)
        for run in 0..<3 {
            let lines = (0..<300).map { _ in views.line() }
            let end =
                run == 2 ? views.sentinel() : "{\"user_id\": \"end-\(run)\", \"event_time\": 0}\n"
            try folder.append(Data((lines.joined() + end).utf8), to: "data/events.ndjson")
            let program = try Program(
                ["run", "views.yaml", "--state", "state", "--tap", "events"], in: folder)
            let mark = run == 2 ? "\"last\"" : "\"end-\(run)\""
            #expect(eventually(within: 30) { program.output.contains(mark) })
            #expect(folder.lineCount("out/counts.ndjson") == 0 || run > 0)
            program.send(SIGINT)
            let outcome = try program.ended()
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("stopped by an interrupt"))
        }
        #expect(try Views.actualCounts(folder) == views.expectedCounts)
        #expect(try Views.actualLate(folder) == views.late)
    }
}
