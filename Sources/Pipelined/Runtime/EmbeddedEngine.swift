import CPrimitives
import Config
import Connectors
import Glibc
import Operators
import Store
import Synchronization

struct EngineOptions: Sendable {
    /// Threads that run lanes.
    var workers: Int = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// Threads that sync and commit.
    var blockingThreads = 4
    /// What becomes of an output file that is there before a pipeline's first checkpoint.
    var existingOutput = ExistingOutput.refuse
    /// Each batch is an epoch, committed before the next one is read: for tests of crashes.
    var commitsEachBatch = false
    /// The sources end after so many rows in all; nil for their own end.
    var rowLimit: Int64?
    /// What listens from the first row on.
    var taps: [Tap] = []
    /// What the pipelines take for the time.
    var clock = EngineClock.system
    /// Opens what stands in for the connectors of a spec, where something does.
    var standIns: (@Sendable (PipelineSpec) -> GraphBuilder.ConnectorOpening)?

    struct Tap: Sendable {
        let node: NodeReference
        let receive: @Sendable (String) -> Bool
    }
}

/// What the pipelines of an engine share.
final class EngineServices: Sendable {
    let workers: WorkerPool
    let blocking: BlockingPool
    let fileEvents: FileEvents?
    let state: StateDirectory
    let topics: TopicService
    let positions = CommittedPositions()
    let commitsEachBatch: Bool
    let clock: EngineClock

    init(
        workers: WorkerPool, blocking: BlockingPool, fileEvents: FileEvents?,
        state: StateDirectory, topics: TopicService, commitsEachBatch: Bool,
        clock: EngineClock = .system
    ) {
        self.clock = clock
        self.topics = topics
        self.commitsEachBatch = commitsEachBatch
        self.workers = workers
        self.blocking = blocking
        self.fileEvents = fileEvents
        self.state = state
    }

    /// Makes the caller the only one who uses a pipeline's state, until ``release(_:)``.
    ///
    /// - Throws: ``EngineError`` while another graph has it, for instance one that was told to stop
    ///   and whose disk does not answer.
    func claim(_ pipeline: String) throws(EngineError) {
        guard topics.journals.claim(pipeline) else {
            throw EngineError(
                message: "cannot open the state of '\(pipeline)': the graph before has not let go "
                    + "of it yet; wait for its last write to end", node: nil, isTerminal: false)
        }
    }

    func release(_ pipeline: String) { topics.journals.release(pipeline) }

    private let isReserveReleased = Atomic(false)
    /// Less room than this is a full disk, whichever call met it.
    private static let roomBytesMin: Int64 = 1 << 20

    /// A disk that is full gets the room back that is kept for this, so that a restart can commit.
    func noteFailure(_ error: EngineError) {
        let room = (try? state.fileSystem.availableBytes(state.path)) ?? .max
        guard error.isDiskFull || room < EngineServices.roomBytesMin else { return }
        if (try? state.releaseReserve()) == true {
            isReserveReleased.store(true, ordering: .releasing)
        }
    }

    /// Takes the room for the next full disk again, once there is plenty.
    func noteStart() {
        guard isReserveReleased.load(ordering: .acquiring) else { return }
        if (try? state.restoreReserve()) == true {
            isReserveReleased.store(false, ordering: .releasing)
        }
    }
}

/// Runs pipelines in this process.
final class EmbeddedEngine: Engine {
    let options: EngineOptions
    let services: EngineServices

    /// - Parameters:
    ///   - state: Open and locked; it stays the caller's to close, after ``close()``.
    ///   - topics: Of that folder; the engine closes it.
    init(
        options: EngineOptions, state: StateDirectory, topics: TopicService,
        fileEvents: FileEvents?
    ) {
        self.options = options
        services = EngineServices(
            workers: WorkerPool(threads: options.workers),
            blocking: BlockingPool(threads: options.blockingThreads), fileEvents: fileEvents,
            state: state, topics: topics, commitsEachBatch: options.commitsEachBatch,
            clock: options.clock)
    }

    /// Runs, on the calling thread, what has work: for engines without threads (`workers` and
    /// `blockingThreads` 0), whose time is their caller's.
    ///
    /// - Returns: When something wants to be run again, on the engine's monotonic clock; nil if only a
    ///   change can bring that.
    func runReady() -> Int64? { services.workers.runReady(now: services.clock.monotonic()) }

    func close() {
        services.workers.close()
        services.blocking.close()
        services.topics.close()
    }

    // MARK: Starting

    func start(_ launch: PipelineLaunch) throws(EngineError) -> any RunningPipeline {
        let name = launch.spec.name
        cp_crash_context(name, 0)
        defer { cp_crash_context(nil, 0) }
        let journal = try openJournal(name)
        do throws(EngineError) {
            let pipeline = try build(launch, journal)
            for tap in options.taps { try pipeline.tap(tap.node, receive: tap.receive) }
            pipeline.begin()
            services.noteStart()
            return pipeline
        } catch {
            journal.close()
            services.release(name)
            throw error
        }
    }

    /// Claims a pipeline's state and opens its journal.
    func openJournal(_ name: String) throws(EngineError) -> Journal {
        try services.claim(name)
        do throws(EngineError) {
            return try storing { () throws(StoreError) in
                try services.state.openJournal(name, identity: Array(name.utf8))
            }
        } catch {
            services.release(name)
            throw error
        }
    }

    func storing<T>(_ body: () throws(StoreError) -> T) throws(EngineError) -> T {
        do throws(StoreError) {
            return try body()
        } catch {
            throw EngineError(error)
        }
    }

    private func build(
        _ launch: PipelineLaunch, _ journal: Journal
    ) throws(EngineError) -> EmbeddedPipeline {
        let recovered = journal.takeRecovered()
        var meta: CheckpointMeta?
        if let recovered { meta = try decode(recovered.meta) }
        services.topics.note(meta?.sinks ?? [], of: launch.spec.name)
        if let meta { services.positions.note(meta, of: launch.spec.name) }
        try checkOwner(of: meta, launch)
        let graph = try GraphBuilder.build(
            launch.spec, connectors: opening(launch.spec))
        do throws(EngineError) {
            let left = try recoverSinks(
                of: graph, meta.map { renamingSinks(of: $0, launch.state) })
            if launch.isPutBack { sealOrphans(of: launch.spec) }
            let now = services.clock.wall()
            graph.context.clock = services.clock
            graph.context.now = now
            graph.context.rowsLeft = options.rowLimit
            var start = PipelineStart(epoch: meta?.epoch ?? 0)
            if !left.isEmpty {
                let topics = services.topics.connection(for: launch.spec.name)
                // Not sooner: until then the version that writes them may be put back.
                start.whenCommitted = { try? SinkTokens.forget(left, topics: topics) }
            }
            if let recovered, let meta {
                start.takeover = try restore(graph, launch, recovered, meta, now: now)
            }
            try loadTables(of: graph, now: now)
            if case .anew = launch.state, let recovered, let old = meta {
                // Last, as until here the state is as it was; and now, as whoever asked for it is
                // told that it is done and asks for `keep` after a crash.
                start.epoch = try forget(recovered, old, keeping: old.sinks, in: journal).epoch
            }
            if case .change(_, let rebuilt?) = launch.state {
                start.sinkChanges = rebuilt.sinkChanges
            }
            return EmbeddedPipeline(
                launch, graph: graph, journal: journal, start: start, services: services)
        } catch {
            for node in graph.sinks { node.sink.close() }
            throw error
        }
    }

    func opening(_ spec: PipelineSpec) -> GraphBuilder.ConnectorOpening {
        if let standIns = options.standIns { return standIns(spec) }
        let existing = options.existingOutput
        let fileSystem = services.state.fileSystem
        let topics = services.topics.connection(for: spec.name)
        return GraphBuilder.ConnectorOpening(
            openSource: { (source) throws(ConnectorError) in
                try SourceFactory.open(source, topics: topics)
            },
            openTable: { (table) throws(ConnectorError) in
                try SourceFactory.open(table, topics: topics)
            },
            openSink: { (sink) throws(ConnectorError) in
                try SinkFactory.open(
                    sink, existing: existing, fileSystem: fileSystem, topics: topics)
            },
            openDeadLetters: {
                SinkFactory.deadLetters(
                    retentionMicros: spec.settings.deadLetterRetentionMicros, topics: topics)
            })
    }

    /// Refuses a state that is another version's than whoever starts this one believes.
    private func checkOwner(
        of meta: CheckpointMeta?, _ launch: PipelineLaunch
    ) throws(EngineError) {
        guard let meta, let expected = launch.stateGeneration, meta.generation > 0,
            meta.generation != Int64(expected)
        else { return }
        throw EngineError(
            message: "cannot start '\(launch.spec.name)': its state is of generation "
                + "\(meta.generation) and not of \(expected)", node: nil, isTerminal: false)
    }

    /// Makes every sink equal to its token, whatever becomes of the state.
    ///
    /// - Returns: The tokens of sinks that do not go on: their partitions of topics are complete once
    ///   the state is this version's.
    func recoverSinks(
        of graph: Graph, _ meta: CheckpointMeta?
    ) throws(EngineError) -> [(sink: String, token: [UInt8])] {
        let topics = services.topics.connection(for: graph.spec.name)
        func isOwn(_ token: [UInt8], _ name: String) -> Bool {
            let connector =
                graph.spec.sinks.first { $0.name == name }?.connector
                ?? .topic(TopicSinkOptions(name: SinkFactory.deadLetterTopic(of: graph.spec.name)))
            return graph.sinks.contains { $0.name == name }
                && SinkTokens.isOwn(token, of: connector)
        }
        var left: [(sink: String, token: [UInt8])] = []
        for saved in meta?.sinks ?? [] where !isOwn(saved.value, saved.name) {
            left.append((saved.name, saved.value))
            do throws(ConnectorError) {
                try SinkTokens.settle(
                    token: saved.value, of: saved.name,
                    fileSystem: services.state.fileSystem, topics: topics)
            } catch {
                throw EngineError(error, node: saved.name)
            }
        }
        for node in graph.sinks {
            let token = meta?.sinks.first { $0.name == node.name && isOwn($0.value, $0.name) }?
                .value
            do throws(ConnectorError) {
                try node.sink.recover(token: token)
            } catch {
                throw EngineError(error, node: node.name)
            }
        }
        return left
    }

    /// Completes the partitions that another version of the pipeline, which did not last, has begun
    /// for sinks that this one does not have: readers would wait for them.
    private func sealOrphans(of spec: PipelineSpec) {
        let names = Set(spec.sinks.map(\.name) + ["dead-letters"])
        let topics = services.topics.catalog
        for name in (try? topics.store.names()) ?? [] {
            guard let topic = (try? topics.entry(name))?.topic else { continue }
            for partition in topic.partitions where !partition.isSealed {
                let writer = topic.writer(of: partition)
                guard let parts = TopicWriter.parts(writer), parts.pipeline == spec.name,
                    !names.contains(parts.sink)
                else { continue }
                try? topic.seal(writer: writer)
            }
        }
    }

    func loadTables(of graph: Graph, now: Int64) throws(EngineError) {
        for table in graph.tables {
            do throws(ConnectorError) {
                try table.load(now: now)
            } catch {
                throw EngineError(error, node: table.spec.name)
            }
        }
    }

    // MARK: Topics

    func expect(_ pipelines: Set<String>) {
        let catalog = services.topics.catalog
        if catalog.writers.set(pipelines) { catalog.store.wakeReaders() }
    }

    func apply(topics: [TopicSpec]) -> [(topic: TopicSpec, error: EngineError)] {
        topics.compactMap { topic in
            do throws(EngineError) {
                try services.topics.apply([topic])
                return nil
            } catch {
                return (topic, error)
            }
        }
    }

    // MARK: Removing

    func removeState(of pipeline: String, output: OutputDisposition) throws(EngineError) {
        services.positions.forget(pipeline)
        if output == .forget {
            let journal = try openJournal(pipeline)
            defer { services.release(pipeline) }
            let meta = journal.takeRecovered()?.meta
            journal.releaseDescriptor()
            if let meta { try sealOutputs(of: pipeline, try decode(meta)) }
            return try storing { () throws(StoreError) in
                try services.state.removeJournal(pipeline)
            }
        }
        let journal = try openJournal(pipeline)
        defer {
            journal.close()
            services.release(pipeline)
        }
        guard let recovered = journal.takeRecovered() else { return }
        let old = try decode(recovered.meta)
        services.topics.note(old.sinks, of: pipeline)
        if output == .replace {
            do throws(ConnectorError) {
                try SinkTokens.remove(
                    old.sinks.map { ($0.name, $0.value) },
                    fileSystem: services.state.fileSystem,
                    topics: services.topics.connection(for: pipeline))
            } catch {
                throw EngineError(error, node: nil)
            }
        }
        _ = try forget(recovered, old, keeping: output == .replace ? [] : old.sinks, in: journal)
    }

    /// Says that what a pipeline has written to topics is complete.
    private func sealOutputs(of pipeline: String, _ meta: CheckpointMeta) throws(EngineError) {
        services.topics.note(meta.sinks, of: pipeline)
        let sinks = meta.sinks.map { ($0.name, $0.value) }
        do throws(ConnectorError) {
            try SinkTokens.forget(sinks, topics: services.topics.connection(for: pipeline))
        } catch {
            throw EngineError(error, node: nil)
        }
    }

    /// Commits a checkpoint without positions and state.
    private func forget(
        _ recovered: RecoveredState, _ old: CheckpointMeta,
        keeping sinks: [CheckpointMeta.Named<[UInt8]>], in journal: Journal
    ) throws(EngineError) -> CheckpointMeta {
        var meta = CheckpointMeta()
        meta.epoch = old.epoch + 1
        meta.at = services.clock.wall()
        meta.sinks = sinks
        var record = JournalRecordBuilder()
        for node in recovered.nodes { record.dropNode(node: node) }
        record.setMeta(meta.encoded())
        try storing { () throws(StoreError) in try journal.commit(&record) }
        return meta
    }

    func decode(_ bytes: [UInt8]) throws(EngineError) -> CheckpointMeta {
        do throws(StateError) {
            return try CheckpointMeta(decoding: bytes)
        } catch {
            throw EngineError(message: error.message, node: nil, isTerminal: true)
        }
    }
}
