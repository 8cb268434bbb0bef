import CPrimitives
import Config
import Connectors
import Operators
import Store
import Synchronization

/// A pipeline on the embedded engine: one lane, run in slices by a worker pool.
// SAFETY: `graph` and the properties marked "lane" are touched by `runSlice` only, which the pool
// runs on one thread at a time; everything else is immutable, atomic or under a mutex.
final class EmbeddedPipeline: RunningPipeline, Runnable, @unchecked Sendable {
    let spec: PipelineSpec
    private let launch: PipelineLaunch
    private let services: EngineServices
    private let graph: Graph
    private let journal: Journal
    private let ticket = Mutex<WorkerPool.Ticket?>(nil)
    private let subscriptions = Mutex<[FileEvents.Token]>([])

    private let isStopRequested = Atomic(false)
    private let skipsLastCheckpoint = Atomic(false)
    private let hasNews = Atomic(true)
    private let stopped = Mutex(false)
    private let stoppedSignal = Semaphore()
    private let exitCalled = Atomic(false)
    private let looksAtTables = Atomic(false)

    private struct JobResult: Sendable {
        var error: EngineError?
        var micros: Int64
    }
    private let jobResult = Mutex<JobResult?>(nil)

    private struct TapRequest {
        let node: NodeReference
        let receive: @Sendable (String) -> Bool
    }
    private let tapRequests = Mutex<[TapRequest]>([])

    // Lane.
    private var epoch: UInt64
    /// What the first checkpoint does besides.
    private var takeover: StateTakeover
    private var sinkChanges: [String: [Batch]]
    private var hasCommitted = false
    /// What must not be done before the state is this version's.
    private var whenCommitted: (@Sendable () -> Void)?
    private var jobIsRunning = false
    private var jobIsLast = false
    private var isFinishing = false
    private var nextCheckpointAt: Int64
    private var nextDiscoveryAt: Int64 = 0
    private var publisher: StatusPublisher

    /// Slices end after this long, so that pipelines share the workers.
    private static let sliceMicros: Int64 = 20_000
    /// A graph that takes over another one's state commits after this long.
    private static let takeoverMicros: Int64 = 50_000
    /// Followed sources are looked at this often even if nothing tells of a change.
    private static let discoveryMicros: Int64 = 30_000_000

    init(
        _ launch: PipelineLaunch, graph: Graph, journal: Journal, start: PipelineStart,
        services: EngineServices
    ) {
        self.launch = launch
        self.spec = launch.spec
        self.services = services
        self.graph = graph
        self.journal = journal
        epoch = start.epoch
        takeover = start.takeover
        sinkChanges = start.sinkChanges
        whenCommitted = start.whenCommitted
        // Starts are spread over the interval, so that many pipelines do not sync at once.
        let interval = launch.spec.settings.checkpointIntervalMicros
        let spread = Int64(launch.spec.name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff })
        let begin = services.clock.monotonic()
        nextCheckpointAt = begin + interval / 2 + interval / 2 * spread / 65_536
        // What another version has left becomes this one's with the first checkpoint: soon, and with
        // some rows.
        if takeover.isOwed {
            nextCheckpointAt = min(nextCheckpointAt, begin + EmbeddedPipeline.takeoverMicros)
        }
        publisher = StatusPublisher(graph: graph)
        publisher.publish(epoch: epoch, phase: .running)
    }

    /// Hands the pipeline to the workers.
    func begin() {
        ticket.withLock { $0 = services.workers.makeTicket(self) }
        for source in graph.sources { source.source.subscribe { [weak self] in self?.wake() } }
        for table in graph.tables { table.subscribe { [weak self] in self?.wake() } }
        if let events = services.fileEvents {
            let paths = Set(graph.sources.flatMap(\.source.watchedPaths))
            let tokens = paths.map { path in
                events.subscribe(path: path) { [weak self] in self?.wake() }
            }
            subscriptions.withLock { $0 = tokens }
        }
        wake()
    }

    private func wake() {
        hasNews.store(true, ordering: .releasing)
        if let ticket = ticket.withLock({ $0 }) { services.workers.wake(ticket) }
    }

    // MARK: From other threads

    var status: PipelineStatus { publisher.current() }

    /// Tells the lane to take a last checkpoint and end; does not wait for that.
    func requestStop() {
        isStopRequested.store(true, ordering: .releasing)
        wake()
    }

    /// Has every table's files read again before the next row, whether it is time for that or not.
    func lookAtTables() {
        looksAtTables.store(true, ordering: .releasing)
        wake()
    }

    /// The latest event time that a source has reached; nil before the first row. For who runs the
    /// slices itself, between two of them.
    var reachedTime: Int64? {
        graph.sources.flatMap(\.splits).map(\.watermark.highest).filter { $0 != .min }.max()
    }

    func stop(timeoutMicros: Int64) {
        requestStop()
        // The signal is handed on, as somebody else may be waiting for it too.
        defer { if stopped.withLock({ $0 }) { stoppedSignal.signal() } }
        if !stopped.withLock({ $0 }) { stoppedSignal.wait(atMostMicros: timeoutMicros) }
        if stopped.withLock({ $0 }) { return }
        skipsLastCheckpoint.store(true, ordering: .releasing)
        wake()
        stoppedSignal.wait(atMostMicros: 5_000_000)
    }

    func tap(
        _ node: NodeReference, receive: @escaping @Sendable (String) -> Bool
    ) throws(EngineError) {
        guard graph.ports[node] != nil else {
            throw EngineError(
                message: "cannot tap '\(node.node)': pipeline '\(spec.name)' has no such node or "
                    + "port", node: node.node, isTerminal: true)
        }
        tapRequests.withLock { $0.append(TapRequest(node: node, receive: receive)) }
        wake()
    }

    // MARK: The lane

    func runSlice() -> SliceOutcome {
        if stopped.withLock({ $0 }) { return .done }
        // What a fatal signal on this thread would name.
        cp_crash_context(spec.name, epoch)
        defer { cp_crash_context(nil, 0) }
        let start = services.clock.monotonic()
        let begin = MonotonicClock.micros()
        defer { publisher.busyMicros += MonotonicClock.micros() - begin }
        if hasNews.exchange(false, ordering: .acquiring) {
            nextDiscoveryAt = 0
            attachTaps()
        }
        takeJobResult(now: start)
        giveSinkChanges()
        if jobIsLast && !jobIsRunning { return finish() }
        if let failure = graph.context.failure { return fail(failure) }
        if isStopRequested.load(ordering: .acquiring) { return stopSlice() }
        if isFinishing { return checkpointAndWait(isLast: true) }
        if services.commitsEachBatch && jobIsRunning { return .sleep(until: nil) }
        do throws(ConnectorError) {
            try lookAround(monotonic: start)
            return try readRows(from: start)
        } catch {
            return fail(EngineError(error, node: nil))
        }
    }

    /// Brings what the version before has left in sinks to what this one's rows are.
    private func giveSinkChanges() {
        guard !sinkChanges.isEmpty else { return }
        for node in graph.sinks {
            for batch in sinkChanges[node.name] ?? [] { node.receive(batch, input: 0) }
        }
        sinkChanges = [:]
    }

    /// New files, changed tables.
    private func lookAround(monotonic: Int64) throws(ConnectorError) {
        let wallClock = services.clock.wall()
        // Nothing of this epoch has been computed yet: it begins now.
        if !graph.hasChanged { graph.context.now = wallClock }
        let isAsked = looksAtTables.exchange(false, ordering: .acquiring)
        for table in graph.tables {
            if isAsked || table.refreshesAt.map({ $0 <= wallClock }) ?? table.hasNews {
                try table.refresh(now: wallClock, isAsked: isAsked)
            }
        }
        guard monotonic >= nextDiscoveryAt else { return }
        nextDiscoveryAt = monotonic + EmbeddedPipeline.discoveryMicros
        for source in graph.sources where !source.hasEnded {
            try source.discover(now: wallClock)
            source.wake()
        }
    }

    private func readRows(from start: Int64) throws(ConnectorError) -> SliceOutcome {
        var wallClock = services.clock.wall()
        for table in graph.tables { table.flush() }
        // Also those that have nothing to read may have been silent for long enough to be idle.
        for table in graph.tables { table.sendWatermark(wallClock: wallClock) }
        for source in graph.sources { source.sendWatermark(wallClock: wallClock) }
        while true {
            guard let (source, split) = graph.furthestBehind(now: wallClock) else {
                for table in graph.tables { table.sendWatermark(wallClock: wallClock) }
                for source in graph.sources { source.sendWatermark(wallClock: wallClock) }
                if graph.hasEnded {
                    for table in graph.tables { try table.finish(now: wallClock) }
                }
                return outOfRows(wallClock: wallClock)
            }
            _ = try source.read(split, wallClock: wallClock)
            source.sendWatermark(wallClock: wallClock)
            if let failure = graph.context.failure { return fail(failure) }
            let now = services.clock.monotonic()
            if services.commitsEachBatch {
                startCheckpoint(isLast: false)
                return jobIsRunning ? .sleep(until: nil) : .again
            }
            if now >= nextCheckpointAt && !jobIsRunning { startCheckpoint(isLast: false) }
            if now - start >= EmbeddedPipeline.sliceMicros {
                publisher.publish(epoch: epoch, phase: .running)
                return .again
            }
            wallClock = services.clock.wall()
        }
    }

    private func outOfRows(wallClock: Int64) -> SliceOutcome {
        if let failure = graph.context.failure { return fail(failure) }
        if graph.hasEnded {
            isFinishing = true
            return checkpointAndWait(isLast: true)
        }
        let monotonic = services.clock.monotonic()
        if monotonic >= nextCheckpointAt && !jobIsRunning { startCheckpoint(isLast: false) }
        if let failure = graph.context.failure { return fail(failure) }
        publisher.publish(epoch: epoch, phase: .running)
        var wakesAt: Int64?
        func consider(_ time: Int64) { wakesAt = min(wakesAt ?? time, time) }
        if graph.hasChanged || !takeover.isEmpty, !jobIsRunning { consider(nextCheckpointAt) }
        if graph.sources.contains(where: { !$0.source.isBounded }) { consider(nextDiscoveryAt) }
        let toMonotonic = monotonic - wallClock
        if let tick = graph.nextTickAt, !jobIsRunning {
            // It is given with a checkpoint; one that is long due is due now.
            let (at, overflow) = tick.addingReportingOverflow(toMonotonic)
            consider(max(overflow ? monotonic : at, nextCheckpointAt))
        }
        for source in graph.sources {
            if let at = source.wakesAt { consider(at + toMonotonic) }
        }
        for table in graph.tables {
            if let at = table.wakesAt { consider(at + toMonotonic) }
        }
        return .sleep(until: wakesAt)
    }

    // MARK: Checkpoints

    /// Ends the epoch: everything up to here belongs to it. Only the cut happens here; syncing and
    /// committing are a job of the blocking pool.
    private func startCheckpoint(isLast: Bool) {
        let now = services.clock.monotonic()
        let interval = spec.settings.checkpointIntervalMicros
        nextCheckpointAt = now + interval
        graph.tick(now: services.clock.wall())
        if graph.context.failure != nil { return }
        guard isLast || graph.hasChanged || !takeover.isEmpty else { return }
        if let limit = spec.settings.memoryBytesMax, graph.stateSize.bytes > limit {
            graph.context.fail(
                EngineError(
                    message: "cannot go on: the state has \(graph.stateSize.bytes) bytes and "
                        + "settings.memory_max allows \(limit); raise it, or bound the state",
                    node: nil, isTerminal: true))
            return
        }
        // What a table's state has must have been given.
        for table in graph.tables { table.flush() }
        epoch += 1
        var cuts: [(name: String, cut: any SinkCut)] = []
        for node in graph.sinks {
            do throws(ConnectorError) {
                cuts.append((node.name, try node.sink.cut(epoch: epoch)))
            } catch {
                return graph.context.fail(EngineError(error, node: node.name))
            }
        }
        let wallClock = services.clock.wall()
        let job = CheckpointJob(
            journal: journal, cuts: cuts, changes: graph.captureState(),
            takeover: takeover,
            meta: graph.checkpointMeta(
                epoch: epoch, generation: launch.generation, at: wallClock))
        takeover = StateTakeover()
        graph.clearChanged()
        graph.context.now = wallClock
        jobIsRunning = true
        jobIsLast = isLast
        services.blocking.submit { [self, epoch] in
            cp_crash_context(spec.name, epoch)
            defer { cp_crash_context(nil, 0) }
            let begin = services.clock.monotonic()
            var result = JobResult(error: nil, micros: 0)
            do throws(EngineError) {
                try job.run { services.positions.note($0, of: spec.name) }
            } catch {
                result.error = error
                // Whether the record counts, only the journal can say.
                services.positions.forget(spec.name)
            }
            result.micros = services.clock.monotonic() - begin
            jobResult.withLock { $0 = result }
            if let ticket = ticket.withLock({ $0 }) { services.workers.wake(ticket) }
        }
    }

    private func takeJobResult(now: Int64) {
        guard jobIsRunning,
            let result = jobResult.withLock({ result -> JobResult? in
                defer { result = nil }
                return result
            })
        else { return }
        jobIsRunning = false
        if let error = result.error {
            jobIsLast = false
            graph.context.fail(error)
            return
        }
        publisher.noteCheckpoint(epoch: epoch, micros: result.micros)
        if !hasCommitted {
            hasCommitted = true
            let (onCommit, whenCommitted) = (launch.onCommit, whenCommitted)
            self.whenCommitted = nil
            services.blocking.submit {
                whenCommitted?()
                onCommit()
            }
        }
        // A checkpoint that takes more than half of the interval stretches it.
        nextCheckpointAt = max(nextCheckpointAt, now + result.micros)
    }

    private func checkpointAndWait(isLast: Bool) -> SliceOutcome {
        if !jobIsRunning { startCheckpoint(isLast: isLast) }
        if let failure = graph.context.failure { return fail(failure) }
        return jobIsRunning ? .sleep(until: nil) : finish()
    }

    // MARK: Ends

    private func stopSlice() -> SliceOutcome {
        if skipsLastCheckpoint.load(ordering: .acquiring) && !jobIsRunning { return finish() }
        if !graph.hasChanged && !jobIsRunning && takeover.isEmpty { return finish() }
        return checkpointAndWait(isLast: true)
    }

    /// The last checkpoint is committed, or there was nothing to commit.
    private func finish() -> SliceOutcome {
        let phase: PipelineStatus.Phase = graph.hasEnded ? .finished : .stopped
        close(phase: phase)
        if phase == .finished && !isStopRequested.load(ordering: .acquiring) {
            callExit(.finished)
        }
        return .done
    }

    private func fail(_ error: EngineError) -> SliceOutcome {
        graph.context.fail(error)
        // A job may still use journal and sinks; it is waited for.
        if jobIsRunning { return .sleep(until: nil) }
        if !error.isTerminal { services.noteFailure(error) }
        publisher.noteFailure(error)
        close(phase: .failed)
        if !isStopRequested.load(ordering: .acquiring) { callExit(.failed(error)) }
        return .done
    }

    private func callExit(_ exit: PipelineExit) {
        guard !exitCalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let onExit = launch.onExit
        services.blocking.submit { onExit(exit) }
    }

    private func close(phase: PipelineStatus.Phase) {
        if let events = services.fileEvents {
            for token in subscriptions.withLock({ $0 }) { events.cancel(token) }
        }
        for node in graph.sinks { node.sink.close() }
        journal.close()
        services.release(spec.name)
        publisher.publish(epoch: epoch, phase: phase)
        // The pool's ticket and this hold each other.
        ticket.withLock { $0 = nil }
        stopped.withLock { $0 = true }
        stoppedSignal.signal()
    }

    // MARK: Taps

    private func attachTaps() {
        let requests = tapRequests.withLock { requests in
            defer { requests = [] }
            return requests
        }
        for request in requests {
            guard let port = graph.ports[request.node] else { continue }
            port.taps.append(Tap(port: port, receive: request.receive))
        }
    }
}

/// Sees the rows of a port until its receiver has had enough.
private final class Tap: BatchReceiver {
    private unowned let port: OutputPort
    private let send: @Sendable (String) -> Bool

    init(port: OutputPort, receive: @escaping @Sendable (String) -> Bool) {
        self.port = port
        self.send = receive
    }

    func receive(_ batch: Batch, input: Int) {
        for text in RowText.json(batch, schema: port.schema) where !send(text) {
            port.taps.removeAll { $0 === self }
            return
        }
    }

    func receive(watermark: Int64, isIdle: Bool, input: Int) {}
}
