import Foundation
import TestSupport
import Testing

/// `serve --git` as the built program, against a repository on the same disk.
@Suite("Serving a git repository")
struct GitServeTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder("git-serve")
        git("init", "--quiet", "--bare", "--initial-branch=main", folder.path(of: "origin.git"))
        git("clone", "--quiet", folder.path(of: "origin.git"), folder.path(of: "work"))
    }

    @discardableResult
    private func git(_ words: String...) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"] + words
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return "" }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "git \(words.joined(separator: " "))")
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// Commits and pushes; gives the commit.
    private func commit(_ specs: [String: String]) throws -> String {
        for (name, text) in specs { try folder.write(text, to: "work/specs/\(name)") }
        let work = folder.path(of: "work")
        git("-C", work, "add", "--all")
        git("-C", work, "commit", "--quiet", "-m", "change")
        git("-C", work, "push", "--quiet", "origin", "HEAD:main")
        return git("-C", work, "rev-parse", "HEAD")
    }

    /// Rows of a followed file, counted in windows; then those windows with more than `limit` rows.
    private func spec(limit: Int) -> String {
        """
        pipeline: counts
        sources:
          events:
            file: {path: data/events.ndjson, follow: true}
            format: json
            schema: {at: timestamp(ms)}
            event_time: {column: at}
        steps:
          windows:
            from: events
            aggregate: {window: {tumbling: 10s}, compute: {n: count(*)}}
          wanted:
            from: windows
            where: n > \(limit)
        sinks:
          out: {from: wanted, file: {path: out/counts.ndjson}, format: json}
        settings: {checkpoint_interval: 20ms}
        """
    }

    private func serve() throws -> Program {
        try Program(
            [
                "serve", "--git", "origin.git", "--branch", "main", "--path", "specs", "--interval",
                "1h", "--state", "state",
            ], in: folder)
    }

    private func ask(_ words: String...) throws -> Program.Outcome {
        try Program.run(words + ["--socket", "state/control.sock"], in: folder)
    }

    /// Waits until all runs what this commit says; a daemon that has just started may not listen yet.
    private func wait(_ revision: String) throws -> Bool {
        try eventually(within: 60) {
            try ask("wait", "--for", "revision=\(revision)", "--timeout", "30s").status == 0
        }
    }

    private func append(second: Int, rows: Int) throws {
        let text = String(repeating: "{\"at\": \(second * 1000)}\n", count: rows)
        try folder.append(Data(text.utf8), to: "data/events.ndjson")
    }

    private func hasRead(_ rows: Int) -> Bool {
        eventually(within: 30) {
            guard let outcome = try? ask("status", "-o", "json"), outcome.status == 0 else {
                return false
            }
            return outcome.output.contains("\"rows\": \(rows),")
                && !outcome.output.contains("\"checkpoint\": null")
        }
    }

    @Test("commits are applied with their state; killed and started without the remote it goes on")
    func serves() throws {
        try append(second: 1, rows: 3)
        let first = try commit(["counts.yaml": spec(limit: 0)])
        let program = try serve()
        #expect(try wait(first), "\(program.errors)")
        #expect(hasRead(3))
        // Fetched now, although the interval is an hour.
        let second = try commit(["counts.yaml": spec(limit: 1)])
        let reloaded = try ask("reload")
        #expect(reloaded.status == 0, "\(reloaded.errors)")
        #expect(try wait(second))
        try append(second: 2, rows: 4)
        #expect(hasRead(7))
        program.send(SIGKILL)
        #expect(try program.ended().status == -SIGKILL)
        let aside = folder.path(of: "aside.git")
        rename(folder.path(of: "origin.git"), aside)
        let after = try serve()
        #expect(try wait(second), "\(after.errors)")
        // The commit's own files are what it reads; data lie where they did.
        try append(second: 3, rows: 2)
        try append(second: 100, rows: 1)
        #expect(eventually(within: 30) { folder.lineCount("out/counts.ndjson") == 1 })
        let rows = try folder.rows("out/counts.ndjson")
        #expect(rows.map { $0["n"] as? Int } == [9])
        let failed = try ask("reload")
        #expect(failed.status == 1)
        #expect(
            failed.output.contains(
                "error: cannot fetch 'main' of origin.git: "), "\(failed.output)")
        #expect(failed.output.contains("; revision \(second.prefix(8)) stays applied"))
        let status = try ask("status", "-o", "json").json(ofAll: ())
        let git = try #require(status["git"] as? [String: Any])
        #expect(git["revision"] as? String == second)
        #expect((git["error"] as? String)?.hasPrefix("cannot fetch 'main'") == true)
        rename(aside, folder.path(of: "origin.git"))
        #expect(try ask("reload").status == 0)
        after.send(SIGTERM)
        let outcome = try after.ended()
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    /// A spec that says which commit it is of, and is done at once.
    private func tiny(_ name: String, _ version: Int) -> String {
        """
        pipeline: \(name)
        description: version \(version)
        sources:
          made: {generate: {count: 1, columns: {n: sequence}}, schema: {n: bigint}}
        sinks:
          out: {from: made, file: {path: out/\(name).ndjson}, format: json}
        """
    }

    /// The versions that the files in force say; none where no revision is in force yet.
    private func versionsInForce() throws -> Set<String> {
        let root = folder.path(of: "state/git")
        guard let sources = try? FileManager.default.contentsOfDirectory(atPath: root) else {
            return []
        }
        var versions: Set<String> = []
        for source in sources where source != "mirror" {
            let link = "\(root)/\(source)/current"
            guard FileManager.default.fileExists(atPath: link) else { continue }
            let names = try FileManager.default.contentsOfDirectory(atPath: link + "/")
            #expect(names.count == 30)
            for name in names {
                let text = try String(contentsOfFile: link + "/" + name, encoding: .utf8)
                versions.insert(String(text.split(separator: "\n").dropFirst().first ?? ""))
            }
        }
        return versions
    }

    @Test(
        "killed at random moments, it has all files of one commit in force, and ends with the last")
    func kills() throws {
        var random = SeededRandom(seed: testSeed)
        var last = ""
        for version in 1...12 {
            let specs = (0..<30).map { ("p\($0).yaml", tiny("p\($0)", version)) }
            last = try commit(Dictionary(uniqueKeysWithValues: specs))
            let program = try serve()
            usleep(UInt32(random.next() % 400_000))
            program.send(SIGKILL)
            #expect(try program.ended().status == -SIGKILL)
            #expect(try versionsInForce().count <= 1, "seed \(testSeed)")
        }
        let program = try serve()
        #expect(try wait(last), "seed \(testSeed): \(program.errors)")
        #expect(try versionsInForce() == ["description: version 12"])
        program.send(SIGTERM)
        #expect(try program.ended().status == 0)
    }

    @Test("flags that do not go together are refused with 2")
    func usage() throws {
        for words in [
            ["--git", "x", "--pipelines", "y"], ["--branch", "x"], ["--git", "ext::id"],
            ["--git=--upload-pack=id"],
        ] {
            let outcome = try Program.run(["serve"] + words, in: folder)
            #expect(outcome.status == 2, "\(words): \(outcome.errors)")
        }
    }
}

extension Program.Outcome {
    /// The whole output as a JSON object.
    fileprivate func json(ofAll: Void) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
}
