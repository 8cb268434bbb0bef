import Glibc
import Store

extension Command {
    static let backup = Command(
        name: "backup", group: .operate, summary: "take a backup of the state, or check one",
        operands: [
            Operand(
                placeholder: "DIR", summary: "where it goes: a folder that is not there yet",
                count: .one, kind: .folder)
        ],
        flags: [
            Flag(
                name: "verify",
                summary: "take none: read the one in DIR and hold it against its manifest"),
            Flag(
                name: "copy",
                summary: "copy sealed segments too, instead of sharing them by hard links"),
            Flag(
                name: "hold", value: .duration,
                summary: "how long commits may be held while files are named", defaultText: "5s"),
            Flag(
                name: "state", value: .folder("DIR"),
                summary: "of this state directory, which no daemon holds",
                defaultText: "that of the daemon that answers"),
            .format(), .socket,
        ],
        notes: """
            Of a running daemon: commits are held for as long as it takes to name the files, some
            milliseconds, and go on while these are copied. The daemon writes DIR, so that it must be
            allowed to. A backup has its name only when it is whole and synced. It has checkpoints,
            topics and the catalog; not what file sinks have written, nor input files.
            """,
        examples: [
            Example("pipelined backup /backups/2026-03-01", "of the daemon that runs"),
            Example("pipelined backup /backups/cold --state .pipelined", "while none does"),
            Example("pipelined backup --verify /backups/2026-03-01", "exits with 1 for damage"),
        ]
    ) { invocation, terminal in
        let directory = BackupPaths.absolute(invocation.operands[0])
        if invocation.isSet("verify") { return verify(directory, invocation, terminal) }
        if let folder = invocation.text("state") {
            guard !invocation.isSet("socket") else {
                terminal.fail("cannot use both --state and --socket; give one of them")
                return .usage
            }
            return BackupPaths.storing(invocation, terminal) { () throws(StoreError) in
                try takeLocally(folder, directory, invocation, terminal)
            }
        }
        return DaemonClient.with(invocation, terminal) { client throws(ControlFailure) in
            var params = JSONObject([("directory", .string(directory))])
            if invocation.isSet("copy") { params["copy"] = true }
            if let micros = invocation.micros("hold") { params["hold_micros"] = .integer(micros) }
            var progress = ProgressLine(terminal)
            let answer = try client.request("backup", params, timeoutMicros: nil) { item in
                progress.show(
                    BackupPaths.progress(
                        item["bytes"]?.integer ?? 0, item["total_bytes"]?.integer ?? 0))
                return true
            }
            progress.clear()
            report(answer ?? .null, invocation, terminal)
            return .done
        }
    }

    private static func takeLocally(
        _ folder: String, _ directory: String, _ invocation: Invocation, _ terminal: Terminal
    ) throws(StoreError) -> ExitStatus {
        guard BackupPaths.isFolder(folder) else {
            terminal.fail(
                "cannot open the state in \(folder): there is no such folder; name the one that "
                    + "'serve' was given with --state")
            return .failed
        }
        let state = try StateDirectory.open(path: folder, fileSystem: SystemFileSystem())
        defer { state.close() }
        var options = Backup.Options(program: PipelinedVersion.current, clock: WallClock.micros)
        options.sharesNothing = invocation.isSet("copy")
        var progress = ProgressLine(terminal)
        defer { progress.clear() }
        let result = try Backup.take(of: state, to: directory, options) {
            progress.show(BackupPaths.progress($0.bytes, $0.totalBytes))
            return true
        }
        progress.clear()
        report(BackupJSON.result(result, directory), invocation, terminal)
        return .done
    }

    private static func report(
        _ answer: JSONValue, _ invocation: Invocation, _ terminal: Terminal
    ) {
        if invocation.isJSON { return terminal.print(answer.indented) }
        let bytes = answer["bytes"]?.integer ?? 0
        let linked = answer["linked_bytes"]?.integer ?? 0
        let held = Double(answer["held_micros"]?.integer ?? 0) / 1000
        var text =
            "\(answer["directory"]?.text ?? ""): \(answer["files"]?.integer ?? 0) files, "
            + HumanText.bytes(bytes)
        if linked > 0 { text += ", \(HumanText.bytes(linked)) of it shared with the state" }
        if held > 0 { text += "; commits were held for \(HumanText.fixed(held, 1)) ms" }
        terminal.print(text)
    }

    private static func verify(
        _ directory: String, _ invocation: Invocation, _ terminal: Terminal
    ) -> ExitStatus {
        BackupPaths.storing(invocation, terminal) { () throws(StoreError) in
            var progress = ProgressLine(terminal)
            defer { progress.clear() }
            let report = try BackupVerification.run(directory) {
                progress.show(BackupPaths.progress($0.bytes, $0.totalBytes))
                return true
            }
            progress.clear()
            if invocation.isJSON {
                var answer = BackupJSON.manifest(report.manifest, directory).object ?? JSONObject()
                answer["damage"] = .array(report.damage.map { .string($0.message) })
                terminal.print(JSONValue.object(answer).indented)
            } else if report.damage.isEmpty {
                terminal.print(BackupPaths.line(report.manifest, directory) + ": sound")
            } else {
                for damage in report.damage { terminal.fail(damage.message) }
            }
            return report.damage.isEmpty ? .done : .failed
        }
    }
}

/// What the commands about backups have in common.
enum BackupPaths {
    /// The path that a daemon, whose working directory is another one, knows it by.
    static func absolute(_ path: String) -> String {
        var text = path
        if !path.hasPrefix("/"), let current = getcwd(nil, 0) {
            defer { free(current) }
            text = String(cString: current) + "/" + path
        }
        while text.hasSuffix("/"), text != "/" { text.removeLast() }
        return text
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func progress(_ bytes: Int64, _ total: Int64) -> String {
        let share = total > 0 ? min(100, Int(Double(bytes) / Double(total) * 100)) : 100
        return "\(HumanText.bytes(bytes))  \(share)%"
    }

    /// `DIR: 12 files, 3.4 MiB, taken at 2026-03-01T10:20:30Z by 0.1.0`.
    static func line(_ manifest: BackupManifest, _ directory: String) -> String {
        "\(directory): \(manifest.files.count) files, \(HumanText.bytes(manifest.byteCount)), taken "
            + "at \(HumanText.time(micros: manifest.takenAt)) by \(manifest.program)"
    }

    /// Prints what went wrong.
    static func storing(
        _ invocation: Invocation, _ terminal: Terminal,
        _ body: () throws(StoreError) -> ExitStatus
    ) -> ExitStatus {
        do throws(StoreError) {
            return try body()
        } catch {
            if invocation.isJSON {
                let failure = ControlFailure(code: .failed, message: error.message)
                terminal.print((["error": failure.json] as JSONValue).indented)
            } else {
                terminal.fail(error.message)
            }
            return .failed
        }
    }
}
