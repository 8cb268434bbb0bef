import Foundation
import TestSupport
import Testing

/// A daemon under load, a backup of it, and what runs on from that elsewhere.
@Suite("Backup of a running daemon")
struct BackupTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("backup") }

    /// Numbers, each written once to a topic, and their count by key in a second one.
    private func prepare() throws {
        try folder.write(
            """
            pipeline: numbers
            sources:
              ticks:
                generate:
                  rate: 30000
                  seed: 7
                  columns:
                    n: sequence
                    k: {key: {prefix: k-, count: 50}}
                    at: {time: {step: 1ms}}
                schema: {n: bigint, k: string, at: timestamp}
                event_time: {column: at}
            steps:
              per_key:
                from: ticks
                aggregate:
                  group_by: [k]
                  compute:
                    rows: count(*)
            sinks:
              kept: {from: ticks, topic: numbers}
              totals: {from: per_key, topic: totals, mode: upsert}
            settings: {checkpoint_interval: 20ms}
            """, to: "specs/numbers.yaml")
    }

    private func serve(_ state: String) throws -> Program {
        let program = try Program(
            ["serve", "--pipelines", "specs", "--state", state, "--socket", "\(state).sock"],
            in: folder)
        let isReady = eventually(within: 20) {
            (try? ask(state, "status", "-o", "json"))?.output.contains("\"Running\"") == true
        }
        #expect(isReady, "\(program.errors)")
        return program
    }

    private func ask(_ state: String, _ words: String...) throws -> Program.Outcome {
        try Program.run(words + ["--socket", "\(state).sock"], in: folder)
    }

    /// How many rows of the topic a running daemon has committed.
    private func committedRows(_ state: String) throws -> Int {
        let listed = try ask(state, "topics", "-o", "json").output
        let answer = try JSONSerialization.jsonObject(with: Data(listed.utf8)) as? [String: Any]
        let topics = answer?["topics"] as? [[String: Any]] ?? []
        return topics.first { $0["name"] as? String == "numbers" }?["rows"] as? Int ?? 0
    }

    /// The numbers in the topic, and the sum of the counts that stand in the other one.
    private func rows(_ state: String) throws -> (numbers: [Int], counted: Int) {
        let numbers = try folder.topicRows("numbers", state: state).map {
            try #require($0["n"] as? Int)
        }
        var counts: [String: Int] = [:]
        for row in try folder.topicRows("totals", state: state) {
            counts[try #require(row["k"] as? String)] = row["rows"] as? Int
        }
        return (numbers, counts.values.reduce(0, +))
    }

    @Test("restored elsewhere it runs on: no row of the topic is lost or repeated, counts agree")
    func underLoad() throws {
        try prepare()
        let program = try serve("state")
        var counts: [Int] = []
        var rowsBefore = 0
        for number in 1...5 {
            // Rows have come since the last one, however slow the machine is.
            let hasMore = try eventually(within: 20) {
                let rows = try committedRows("state")
                defer { rowsBefore = max(rowsBefore, rows) }
                return rows > rowsBefore
            }
            #expect(hasMore)
            let taken = try ask("state", "backup", "b\(number)", "-o", "json")
            #expect(taken.status == 0, "\(taken.output) \(taken.errors)")
            #expect(taken.output.contains("\"held_micros\""))
        }
        program.send(SIGTERM)
        #expect(try program.ended().status == 0)
        for number in 1...5 {
            let verified = try Program.run(["backup", "--verify", "b\(number)"], in: folder)
            #expect(verified.status == 0, "\(verified.errors)")
            let restored = try Program.run(
                ["restore", "b\(number)", "--state", "r\(number)"], in: folder)
            #expect(restored.status == 0, "\(restored.errors)")
            let (numbers, counted) = try rows("r\(number)")
            #expect(numbers == Array(0..<numbers.count), "backup \(number)")
            #expect(counted == numbers.count, "backup \(number)")
            counts.append(numbers.count)
        }
        #expect(counts == counts.sorted() && counts[0] > 0 && Set(counts).count == 5, "\(counts)")
        // What runs on from the checkpoint of the backup goes on where that ends.
        let again = try serve("r3")
        usleep(400_000)
        again.send(SIGTERM)
        #expect(try again.ended().status == 0)
        let (numbers, counted) = try rows("r3")
        #expect(numbers.count > counts[2])
        #expect(numbers == Array(0..<numbers.count))
        #expect(counted == numbers.count)
        let verified = try Program.run(["backup", "--verify", "b3"], in: folder)
        #expect(verified.status == 0, "\(verified.errors)")
    }

    @Test("a daemon killed in the middle of one has its state, and no folder passes for a backup")
    func killed() throws {
        try prepare()
        for round in 0..<6 {
            let program = try serve("state")
            usleep(50_000)
            let client = try Program(
                ["backup", "b\(round)", "--copy", "--socket", "state.sock"], in: folder)
            usleep(useconds_t(round) * 2_000)
            program.send(SIGKILL)
            _ = try program.ended()
            let outcome = try client.ended()
            if FileManager.default.fileExists(atPath: folder.path(of: "b\(round)")) {
                let verified = try Program.run(["backup", "--verify", "b\(round)"], in: folder)
                #expect(verified.status == 0, "\(verified.errors)")
            } else {
                #expect(outcome.status != 0)
                let verified = try Program.run(["backup", "--verify", "b\(round)"], in: folder)
                #expect(verified.errors.contains("there is no MANIFEST"))
            }
            let (numbers, counted) = try rows("state")
            #expect(numbers == Array(0..<numbers.count), "round \(round)")
            #expect(counted == numbers.count)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(of: "state"))
        #expect(!names.contains(".backup"))
    }

    @Test("of a stopped daemon's state, and refusals of all that would not be one")
    func stopped() throws {
        try prepare()
        let program = try serve("state")
        let held = try Program.run(["backup", "x", "--state", "state"], in: folder)
        #expect(held.status == 1 && held.errors.contains("uses it"), "\(held.errors)")
        usleep(200_000)
        program.send(SIGTERM)
        _ = try program.ended()
        let taken = try Program.run(["backup", "cold", "--state", "state"], in: folder)
        #expect(taken.status == 0 && taken.output.contains("cold: "), "\(taken.errors)")
        for (words, text) in [
            (["backup", "cold", "--state", "state"], "something is there"),
            (["backup", "state/topics/x", "--state", "state"], "it lies in the state directory"),
            (["backup", "y", "--state", "nowhere"], "there is no such folder"),
            (["backup", "--verify", "specs"], "there is no MANIFEST"),
            (["restore", "cold", "--state", "state"], "it is not empty"),
            (["restore", "specs", "--state", "z"], "there is no MANIFEST"),
        ] {
            let refused = try Program.run(words, in: folder)
            #expect(refused.status == 1 && refused.errors.contains(text), "\(refused.errors)")
        }
    }
}
