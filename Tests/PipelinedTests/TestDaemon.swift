import Foundation
import Store
import Synchronization
import TestSupport

@testable import Pipelined

/// A controller with its thread, a control socket and an engine that runs nothing.
final class TestDaemon: Sendable {
    let folder: TemporaryFolder
    let engine = FakeEngine()
    let controller = Controller()
    let socketPath: String
    let topics: TopicService
    let logs = IngestLogs()
    private let state: StateDirectory
    private let requests: TopicRequests
    private let backups: BackupRequests
    private let server: ControlServer
    private let follower: GitFollower?
    private let events = FileEvents()
    private let pool = BlockingPool(threads: 2)

    /// - Parameters:
    ///   - directory: The directory of specs, below the folder; made if it is not there.
    ///   - git: What is followed instead; its files lie in the folder `gitState`.
    ///   - prepare: Puts into the folder what is there before the daemon.
    init(
        limits: ControlLimits = ControlLimits(), specs: [String: String] = [:],
        directory: String = "specs", git: GitSource? = nil, state gitState: String? = nil,
        prepare: (TemporaryFolder) throws -> Void = { _ in }
    ) throws {
        let folder = try TemporaryFolder("daemon")
        self.folder = folder
        try prepare(folder)
        let controller = self.controller
        let follower = git.map { source in
            GitFollower(
                source, state: gitState ?? folder.path,
                log: Log(format: .logfmt, now: { 0 }, write: { _ in })
            ) { controller.post(.followed($0)) }
        }
        self.follower = follower
        let specsPath = follower?.folder ?? folder.path(of: directory)
        if follower == nil { mkdir(specsPath, 0o700) }
        for (name, text) in specs { try folder.writeSpec(text, to: "specs/" + name) }
        socketPath = folder.path(of: "control.sock")
        state = try StateDirectory.open(
            path: folder.path(of: "state"), fileSystem: GatedFileSystem(SystemFileSystem()),
            reserveBytes: 4096)
        topics = try TopicService.open(state)
        requests = TopicRequests(TopicMethods(topics: topics, logs: logs))
        backups = BackupRequests(state)
        let identity = DaemonIdentity(
            processID: 1234, startedAt: 1_700_000_000_000_000, pipelinesFolder: "pipelines",
            stateFolder: ".pipelined")
        let server = ControlServer(
            socket: try ControlSocket.listen(at: socketPath, isGuarded: false),
            handler: DaemonControl(
                controller: controller, identity: identity, topics: requests, backups: backups,
                state: state, follower: follower),
            limits: limits)
        self.server = server
        controller.onChange { server.notice() }
        if follower == nil { _ = events.subscribe(path: specsPath) { controller.post(.hint) } }
        server.start()
        let engine = self.engine
        let pool = self.pool
        controller.start {
            let around = ControllerSurroundings(
                engine: engine, store: FakeStore(), submit: { pool.submit($0) },
                post: { controller.post($0) }, now: { wallMicros() }, random: { 0.5 },
                log: Log(format: .logfmt, now: { 0 }, write: { _ in }),
                reading: SpecLibrary.Reading(
                    load: loadTiny, conflicts: SpecReading.conflicts),
                publish: { controller.publish($0) })
            var options = ControllerOptions(folder: specsPath)
            options.isFollowed = follower != nil
            return ControllerLoop(around, options)
        }
        follower?.start()
    }

    func close() {
        follower?.close()
        server.close()
        requests.close()
        backups.close()
        topics.close()
        state.close()
        controller.close()
        pool.close()
        events.close()
    }

    func client() throws -> ControlClient {
        guard let client = ControlClient(path: socketPath) else { throw NoDaemon() }
        return client
    }
    struct NoDaemon: Error {}

    /// Waits until everything of the first look runs.
    func converge() throws {
        _ = try client().request("wait", JSONObject([("for", "ready")]))
    }

    /// Runs a command line against this daemon.
    func run(_ words: String...) -> (status: Pipelined.ExitStatus, output: String, error: String) {
        let terminal = Terminal(capturing: ())
        let status = CommandLineProgram.run(words + ["--socket", socketPath], terminal: terminal)
        return (status, terminal.output, terminal.error)
    }
}

/// A raw connection, for what a well-behaved client never does.
final class RawClient {
    let descriptor: Int32

    init?(_ path: String) {
        guard let descriptor = ControlSocket.connect(to: path) else { return nil }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Sends what the socket takes; false once the other end has gone.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Reads up to a newline or the end, for at most five seconds.
    func line() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 30_000) > 0, read(descriptor, &byte, 1) == 1 else { return nil }
            if byte == 10 { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
    }

    /// Whether the other end closes within five seconds.
    func isClosed() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 30_000) > 0 else { return false }
            if read(descriptor, &chunk, chunk.count) <= 0 { return true }
        }
    }
}
