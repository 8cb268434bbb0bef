import Config
import Glibc
import Store
import Synchronization

/// The daemon's parts, made and taken apart in the right order.
///
/// State directory (its lock first of all), catalog, engine, control socket, controller.
final class Daemon: Sendable {
    let socketPath: String
    private let state: StateDirectory
    private let fileEvents: FileEvents
    /// Of the directory of specs, where no repository is followed.
    private let subscription: FileEvents.Token?
    private let follower: GitFollower?
    private let engine: EmbeddedEngine
    private let keeper: TopicKeeper
    private let pool: BlockingPool
    private let controller: Controller
    private let server: ControlServer
    private let topics: TopicRequests
    private let backups: BackupRequests
    private let log: Log

    /// Threads that start and stop graphs.
    private static let startThreads = 4

    /// Starts everything; pipelines start soon after it has returned.
    init(_ configuration: ServeConfiguration, log: Log) throws(ControlFailure) {
        self.log = log
        let state = try storing { () throws(StoreError) in
            try StateDirectory.open(
                path: configuration.state, fileSystem: GatedFileSystem(SystemFileSystem()))
        }
        self.state = state
        let parts: (store: CatalogStore, socket: ControlSocket, topics: TopicService)
        do throws(ControlFailure) {
            parts = try Self.open(configuration, state)
        } catch {
            state.close()
            throw error
        }
        socketPath = configuration.socketPath
        let crash = CrashNote.read(stateDirectory: configuration.state)
        CrashNote.install(stateDirectory: configuration.state)
        if let crash {
            log.line(
                .error, "the daemon before this one died of a fatal signal",
                [("signal", "\(crash.signal)"), ("pipeline", crash.pipeline ?? "-")])
        }
        let events = FileEvents()
        fileEvents = events
        let engine = EmbeddedEngine(
            options: EngineOptions(), state: state, topics: parts.topics, fileEvents: events)
        self.engine = engine
        keeper = TopicKeeper(parts.topics, log: log)
        let pool = BlockingPool(threads: Self.startThreads)
        self.pool = pool
        let controller = Controller()
        self.controller = controller
        let follower = configuration.git.map { source in
            GitFollower(source, state: configuration.state, log: log) {
                controller.post(.followed($0))
            }
        }
        self.follower = follower
        let folder = follower?.folder ?? configuration.pipelines
        let identity = DaemonIdentity(
            processID: getpid(), startedAt: wallMicros(), pipelinesFolder: folder,
            stateFolder: configuration.state)
        let topics = TopicRequests(TopicMethods(topics: parts.topics, logs: IngestLogs()))
        self.topics = topics
        let backups = BackupRequests(state)
        self.backups = backups
        let server = ControlServer(
            socket: parts.socket,
            handler: DaemonControl(
                controller: controller, identity: identity, topics: topics, backups: backups,
                state: state, follower: follower))
        self.server = server
        controller.onChange { server.notice() }
        subscription =
            follower == nil ? events.subscribe(path: folder) { controller.post(.hint) } : nil
        server.start()
        keeper.start()
        Self.start(
            controller, engine, parts.topics, pool, parts.store, crash, configuration, folder, log)
        follower?.start()
    }

    private static func open(
        _ configuration: ServeConfiguration, _ state: StateDirectory
    ) throws(ControlFailure) -> (CatalogStore, ControlSocket, TopicService) {
        let store = try storing { () throws(StoreError) in
            let store = try CatalogStore(state)
            _ = try store.load()
            return store
        }
        do throws(ControlFailure) {
            let topics = try Self.openTopics(state)
            let isInState = configuration.socketPath == configuration.state + "/control.sock"
            return (
                store,
                try ControlSocket.listen(at: configuration.socketPath, isGuarded: isInState),
                topics
            )
        } catch {
            store.close()
            throw error
        }
    }

    private static func openTopics(_ state: StateDirectory) throws(ControlFailure) -> TopicService {
        do throws(EngineError) {
            return try TopicService.open(state)
        } catch {
            throw ControlFailure(code: .failed, message: error.message)
        }
    }

    private static func start(
        _ controller: Controller, _ engine: EmbeddedEngine, _ topics: TopicService,
        _ pool: BlockingPool, _ store: sending CatalogStore, _ crash: CrashNote?,
        _ configuration: ServeConfiguration, _ folder: String,
        _ log: Log
    ) {
        let reading = SpecReading(
            // A person knows the files by their place in the repository.
            folder: configuration.git?.shownPath ?? folder,
            environment: .process(allowedPaths: configuration.allowedPaths),
            isEnvironmentStrict: true)
        var options = ControllerOptions(folder: folder)
        options.isFollowed = configuration.git != nil
        options.allowEmpty = configuration.allowEmpty
        options.retentionMicros = configuration.stateRetentionMicros
        controller.start { [options] in
            let around = ControllerSurroundings(
                engine: engine, store: store, submit: { pool.submit($0) },
                post: { controller.post($0) }, now: { wallMicros() },
                random: { Double.random(in: 0..<1) }, log: log,
                reading: SpecLibrary.Reading(
                    load: reading.load, conflicts: SpecReading.conflicts,
                    storedTopics: { (try? topics.known()) ?? [:] }),
                publish: { controller.publish($0) })
            let loop = ControllerLoop(around, options)
            do throws(StoreError) {
                try loop.restore(after: crash)
            } catch {
                // It was read once already, before anything was started.
                log.line(.error, error.message)
            }
            return loop
        }
    }

    /// How long the controller has not come round; see ``Controller/silentMicros``.
    var silentMicros: Int64 { controller.silentMicros }

    /// How things stand, in a few words.
    var summary: String {
        let views = controller.view.pipelines.values
        let ready = views.count { $0.conditions[.ready].isTrue }
        return "\(ready) of \(views.count) pipelines ready"
    }

    /// Looks at the specs now, after a fetch where a repository is followed; `done` is called on the
    /// controller's thread.
    func reload(_ done: @escaping @Sendable () -> Void) {
        let controller = self.controller
        let look = { @Sendable in
            controller.post(.command(.reload(allowEmpty: false)) { _ in done() })
        }
        if let follower { follower.fetch(look) } else { look() }
    }

    /// Stops all pipelines with a last checkpoint; `done` is called on the controller's thread.
    func drain(_ done: @escaping @Sendable () -> Void) {
        controller.post(.command(.drain) { _ in done() })
    }

    /// Lets go of everything. Call it once, after ``drain(_:)``.
    func close() {
        if let subscription { fileEvents.cancel(subscription) }
        follower?.close()
        server.close()
        topics.close()
        backups.close()
        controller.close()
        pool.close()
        keeper.close()
        engine.close()
        fileEvents.close()
        state.close()
    }
}
