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
    private let subscription: FileEvents.Token
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
        let identity = DaemonIdentity(
            processID: getpid(), startedAt: wallMicros(), pipelinesFolder: configuration.pipelines,
            stateFolder: configuration.state)
        let topics = TopicRequests(TopicMethods(topics: parts.topics, logs: IngestLogs()))
        self.topics = topics
        let backups = BackupRequests(state)
        self.backups = backups
        let server = ControlServer(
            socket: parts.socket,
            handler: DaemonControl(
                controller: controller, identity: identity, topics: topics, backups: backups,
                state: state))
        self.server = server
        controller.onChange { server.notice() }
        subscription = events.subscribe(path: configuration.pipelines) { controller.post(.hint) }
        server.start()
        keeper.start()
        Self.start(
            controller, engine, parts.topics, pool, parts.store, crash, configuration, log)
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
        _ configuration: ServeConfiguration,
        _ log: Log
    ) {
        let reading = SpecReading(
            folder: configuration.pipelines,
            environment: .process(allowedPaths: configuration.allowedPaths),
            isEnvironmentStrict: true)
        var options = ControllerOptions(folder: configuration.pipelines)
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

    /// Looks at the specs now; `done` is called on the controller's thread.
    func reload(_ done: @escaping @Sendable () -> Void) {
        controller.post(.command(.reload(allowEmpty: false)) { _ in done() })
    }

    /// Stops all pipelines with a last checkpoint; `done` is called on the controller's thread.
    func drain(_ done: @escaping @Sendable () -> Void) {
        controller.post(.command(.drain) { _ in done() })
    }

    /// Lets go of everything. Call it once, after ``drain(_:)``.
    func close() {
        fileEvents.cancel(subscription)
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
