import Store
import Synchronization

/// The backups that clients ask for: one at a time, on a thread of its own.
final class BackupRequests: Sendable {
    private let state: StateDirectory
    private struct Status {
        var isRunning = false
        var isEnding = false
    }
    private let status = Mutex(Status())
    private let ended = Semaphore()

    /// How often the client hears how far it is; microseconds.
    private static let progressMicros: Int64 = 100_000

    init(_ state: StateDirectory) { self.state = state }

    /// Begins to answer. Called on the server's thread.
    func begin(_ params: JSONObject, _ reply: ControlReply) {
        let directory = params["directory"]?.text ?? ""
        guard directory.hasPrefix("/"), directory != "/" else {
            return reply.fail(.badRequest, "'directory' is an absolute path")
        }
        let isFree = status.withLock { status in
            guard !status.isRunning, !status.isEnding else { return false }
            status.isRunning = true
            return true
        }
        guard isFree else {
            return reply.fail(.busy, "a backup is being taken already; wait for it to end")
        }
        let thread = DaemonThread.start("backup") { [self] in
            take(directory, params, reply)
            finish()
        }
        if let thread { return thread.detach() }
        finish()
        reply.fail(.busy, "there is no thread to take a backup; try again")
    }

    /// Gives up what is being taken.
    func close() {
        let isRunning = status.withLock { status in
            status.isEnding = true
            return status.isRunning
        }
        if isRunning { ended.wait() }
    }

    private func finish() {
        let isLast = status.withLock { status in
            status.isRunning = false
            return status.isEnding
        }
        if isLast { ended.signal() }
    }

    private func take(_ directory: String, _ params: JSONObject, _ reply: ControlReply) {
        var options = Backup.Options(program: PipelinedVersion.current, clock: WallClock.micros)
        options.sharesNothing = params["copy"]?.bool ?? false
        if let micros = params["hold_micros"]?.integer { options.heldMicrosMax = micros }
        var toldAt: Int64 = 0
        do throws(StoreError) {
            let result = try Backup.take(of: state, to: directory, options) { progress in
                if reply.isClosed || self.status.withLock({ $0.isEnding }) { return false }
                let now = MonotonicClock.micros()
                guard now - toldAt >= Self.progressMicros else { return true }
                toldAt = now
                return reply.item([
                    "bytes": .integer(progress.bytes), "total_bytes": .integer(progress.totalBytes),
                ]) != .closed
            }
            reply.result(BackupJSON.result(result, directory))
        } catch {
            reply.fail(.failed, error.message)
        }
    }
}

/// What is said of a backup as JSON.
enum BackupJSON {
    static func result(_ result: Backup.Result, _ directory: String) -> JSONValue {
        [
            "directory": .string(directory),
            "taken_at": StatusJSON.time(result.takenAt),
            "files": .integer(Int64(result.files)),
            "bytes": .integer(result.bytes),
            "linked_bytes": .integer(result.linkedBytes),
            "held_micros": .integer(result.heldMicros),
        ]
    }

    static func manifest(_ manifest: BackupManifest, _ directory: String) -> JSONValue {
        [
            "directory": .string(directory),
            "taken_at": StatusJSON.time(manifest.takenAt),
            "version": .string(manifest.program),
            "files": .integer(Int64(manifest.files.count)),
            "bytes": .integer(manifest.byteCount),
        ]
    }
}
