import Glibc
import Store

extension Command {
    static let restore = Command(
        name: "restore", group: .operate, summary: "make a state directory of a backup",
        operands: [
            Operand(
                placeholder: "BACKUP", summary: "the folder that 'backup' wrote", count: .one,
                kind: .folder)
        ],
        flags: [
            Flag(
                name: "state", value: .folder("DIR"),
                summary: "the state directory: empty, or not there yet",
                defaultText: "$STATE_DIRECTORY or ./.pipelined"),
            .format(),
        ],
        notes: """
            The backup is held against its manifest first, and copied: it can be restored again. As root
            the files are given to whom the state directory belongs to. Pipelines then go on from the
            moment of the backup. Files that sinks have written since are longer than the state knows:
            'pipelined serve' cuts them back where they are the same files, and otherwise stops at that
            pipeline with the reason.
            """,
        examples: [
            Example(
                "pipelined restore /backups/2026-03-01 --state /var/lib/pipelined",
                "before the daemon is started")
        ]
    ) { invocation, terminal in
        let backup = BackupPaths.absolute(invocation.operands[0])
        let state = invocation.text("state") ?? ServeConfiguration().state
        return BackupPaths.storing(invocation, terminal) { () throws(StoreError) in
            var progress = ProgressLine(terminal)
            defer { progress.clear() }
            let manifest = try Restore.run(backup, to: state) {
                progress.show(BackupPaths.progress($0.bytes, $0.totalBytes))
                return true
            }
            progress.clear()
            if let problem = FileOwner.hand(over: state) {
                terminal.fail(problem)
                return .failed
            }
            if invocation.isJSON {
                var answer = BackupJSON.manifest(manifest, backup).object ?? JSONObject()
                answer["state"] = .string(state)
                terminal.print(JSONValue.object(answer).indented)
            } else {
                terminal.print("\(BackupPaths.line(manifest, backup)), is in \(state)")
            }
            return .done
        }
    }
}

/// Whom restored files belong to.
private enum FileOwner {
    /// Gives all that is in a folder to the folder's owner, when root has written it.
    ///
    /// - Returns: What is wrong; nil for nothing.
    static func hand(over folder: String) -> String? {
        var status = stat()
        guard geteuid() == 0, stat(folder, &status) == 0, status.st_uid != 0 else { return nil }
        return hand(over: folder, to: status.st_uid, status.st_gid)
    }

    private static func hand(over path: String, to user: uid_t, _ group: gid_t) -> String? {
        guard lchown(path, user, group) == 0 else {
            return "cannot give '\(path)' to user \(user): \(String(cString: strerror(errno))); "
                + "do it before the daemon is started"
        }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        do throws(StoreError) {
            for name in try SystemFileSystem().list(path) {
                if let problem = hand(over: "\(path)/\(name)", to: user, group) { return problem }
            }
        } catch { return error.message }
        return nil
    }
}
