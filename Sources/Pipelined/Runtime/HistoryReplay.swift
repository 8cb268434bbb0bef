import CPrimitives
import Config
import Connectors
import Operators
import Store
import Synchronization

/// A graph that reads history once more, no further than another version of its pipeline has
/// committed, and writes nothing. Its state is kept in memory.
// SAFETY: the graph and what belongs to it are used by one thread at a time: by the one that makes
// it, then by its slices, and, after `isOver`, by the one that takes the result.
final class HistoryReplay: Runnable, @unchecked Sendable {
    private enum Order { case read, finish, cancel }

    let graph: Graph
    private let pipeline: String
    private let services: EngineServices
    /// The sources that the other version has too, by their names there.
    private let formerSources: [String: String]
    /// Of these, the ones of which some of history is known to be missing.
    private let partialSources: Set<String>
    /// What the nodes have given to checkpoints so far.
    private(set) var state = RecoveredState()
    private(set) var meta = CheckpointMeta()
    /// The other version's epoch up to which it reads.
    private(set) var limitEpoch: UInt64 = 0
    private var limitNumber = 0
    private var limits: [String: CheckpointMeta.Source] = [:]
    private var captureAt: Int64 = 0
    /// Since when only sources without a limit have had more.
    private var openEndSince: Int64?
    private let order = Mutex(Order.read)
    private let hasNews = Atomic(true)
    private let isOver = Mutex(false)
    private let overSignal = Semaphore()
    private let ticket = Mutex<WorkerPool.Ticket?>(nil)
    private let observer = Mutex<Int?>(nil)
    private let published = Mutex(RebuildStatus())
    private(set) var failure: EngineError?
    /// Called when it has come as far as the other version, once.
    private let onCaughtUp: @Sendable () -> Void
    private let onFailure: @Sendable (EngineError) -> Void
    private var hasCaughtUp = false

    private static let sliceMicros: Int64 = 20_000
    /// What operators hold back for a checkpoint is taken this often.
    private static let captureMicros: Int64 = 500_000
    /// A source that the other version does not have is read for so long at the end, if more keeps
    /// coming.
    private static let openEndMicros: Int64 = 2_000_000

    /// - Parameters:
    ///   - graph: Built, with its tables read and its sources at the beginnings of their splits.
    ///   - formerSources: The sources that end where the other version stands: their names now, and
    ///     there.
    init(
        _ graph: Graph, pipeline: String, formerSources: [String: String],
        partialSources: Set<String>, services: EngineServices,
        onCaughtUp: @escaping @Sendable () -> Void,
        onFailure: @escaping @Sendable (EngineError) -> Void
    ) {
        self.graph = graph
        self.pipeline = pipeline
        self.formerSources = formerSources
        self.partialSources = partialSources
        self.services = services
        self.onCaughtUp = onCaughtUp
        self.onFailure = onFailure
        published.withLock { $0.startedAt = services.clock.monotonic() }
    }

    func begin() {
        ticket.withLock { $0 = services.workers.makeTicket(self) }
        let observer = services.positions.observe(pipeline) { [weak self] in self?.wake() }
        self.observer.withLock { $0 = observer }
        for source in graph.sources { source.source.subscribe { [weak self] in self?.wake() } }
        wake()
    }

    var status: RebuildStatus { published.withLock { $0 } }

    /// Reads to the other version's last commit and ends; ``meta`` and ``state`` are whole then.
    func finish(timeoutMicros: Int64) throws(EngineError) {
        give(.finish)
        services.workers.runIfWithoutThreads()
        if !isOver.withLock({ $0 }) { overSignal.wait(atMostMicros: timeoutMicros) }
        guard isOver.withLock({ $0 }) else {
            cancel()
            throw EngineError(
                message: "cannot switch to the new version: reading what came meanwhile took more "
                    + "than \(timeoutMicros / 1_000_000) s", node: nil, isTerminal: false)
        }
        if let failure { throw failure }
    }

    func cancel() {
        give(.cancel)
        services.workers.runIfWithoutThreads()
        // Until its last slice is over it may use what others are about to.
        if !isOver.withLock({ $0 }) { overSignal.wait(atMostMicros: 5_000_000) }
    }

    private func give(_ new: Order) {
        order.withLock { if $0 != .cancel { $0 = new } }
        wake()
    }

    private func wake() {
        hasNews.store(true, ordering: .releasing)
        if let ticket = ticket.withLock({ $0 }) { services.workers.wake(ticket) }
    }

    // MARK: The lane

    func runSlice() -> SliceOutcome {
        if isOver.withLock({ $0 }) { return .done }
        cp_crash_context(pipeline, 0)
        defer { cp_crash_context(nil, 0) }
        let order = self.order.withLock { $0 }
        if order == .cancel { return end() }
        do throws(ConnectorError) {
            let start = services.clock.monotonic()
            if hasNews.exchange(false, ordering: .acquiring) { try lookAround() }
            let hasMore = try readRows(from: start)
            if let failure = graph.context.failure { return fail(failure) }
            publish()
            if hasMore {
                guard isOpenEnded(start) else { return .again }
                if order == .finish { return complete() }
                noteCaughtUp()
                return .again
            }
            if order == .finish { return complete() }
            noteCaughtUp()
            return .sleep(until: nil)
        } catch {
            return fail(EngineError(error, node: nil))
        }
    }

    /// Takes the other version's last commit as the new limit, and what sources have by now.
    private func lookAround() throws(ConnectorError) {
        let now = services.clock.wall()
        for source in graph.sources { try source.discover(now: now) }
        if let last = services.positions.last(of: pipeline), last.number != limitNumber {
            limitNumber = last.number
            limitEpoch = last.meta.epoch
            for source in last.meta.sources { limits[source.name] = source }
        }
        for source in graph.sources {
            guard let former = formerSources[source.spec.name] else {
                source.wake()
                continue
            }
            let saved = limits[former]?.splits ?? []
            for split in source.splits {
                guard let limit = saved.first(where: { $0.id == split.split.id }) else {
                    // The other version has not found it yet.
                    split.waitsUntil = .max
                    continue
                }
                try split.split.limit(to: SplitPosition(id: limit.id, bytes: limit.position))
                split.waitsUntil = nil
            }
        }
        for table in graph.tables where table.hasNews { try table.refresh(now: now) }
    }

    /// - Returns: Whether there is more to read now.
    private func readRows(from start: Int64) throws(ConnectorError) -> Bool {
        let now = services.clock.wall()
        graph.context.now = now
        for table in graph.tables {
            table.flush()
            table.sendWatermark(wallClock: now)
        }
        while true {
            guard let (source, split) = graph.furthestBehind(now: now) else { break }
            _ = try source.read(split, wallClock: now)
            source.sendReplayedWatermark()
            if graph.context.failure != nil { return false }
            let passed = services.clock.monotonic()
            if passed >= captureAt { capture(passed) }
            if passed - start >= Self.sliceMicros { return true }
        }
        for source in graph.sources { source.sendReplayedWatermark() }
        return false
    }

    private func capture(_ now: Int64) {
        captureAt = now + Self.captureMicros
        graph.tick(now: services.clock.wall())
        for table in graph.tables { table.flush() }
        var record = JournalRecordBuilder()
        for (node, changes) in graph.captureState() {
            record.add(NodeChanges(node: node, changes: changes))
        }
        if !record.isEmpty { record.apply(to: &state) }
        if let limit = graph.spec.settings.memoryBytesMax, graph.stateSize.bytes > limit {
            graph.context.fail(
                EngineError(
                    message: "cannot build the new version's state: it has "
                        + "\(graph.stateSize.bytes) bytes and settings.memory_max allows \(limit); raise "
                        + "it, or bound the state", node: nil, isTerminal: true))
        }
    }

    /// Whether only sources without a limit have more, and have been read for long enough: they may
    /// never run dry.
    private func isOpenEnded(_ now: Int64) -> Bool {
        let clock = services.clock.wall()
        let waits = graph.sources.contains {
            formerSources[$0.spec.name] != nil && $0.nextSplit(now: clock) != nil
        }
        guard !waits else {
            openEndSince = nil
            return false
        }
        let since = openEndSince ?? now
        openEndSince = since
        return now - since >= Self.openEndMicros
    }

    private func noteCaughtUp() {
        guard !hasCaughtUp else { return }
        hasCaughtUp = true
        published.withLock { $0.isCaughtUp = true }
        services.blocking.submit(onCaughtUp)
    }

    // MARK: Ends

    /// Everything has been read: sources are where the other version's are, also where those are
    /// silent or at their end.
    private func complete() -> SliceOutcome {
        let now = services.clock.wall()
        for source in graph.sources {
            guard let former = formerSources[source.spec.name] else { continue }
            for saved in limits[former]?.splits ?? [] {
                guard let split = source.splits.first(where: { $0.split.id == saved.id }) else {
                    if partialSources.contains(source.spec.name) { continue }
                    let error = ConnectorError.historyIsGone(
                        saved.id, "it was read once and is no longer there")
                    return fail(EngineError(error, node: source.spec.name))
                }
                split.hasEnded = saved.hasEnded
                split.isIdle = saved.isIdle
            }
        }
        for source in graph.sources { source.sendReplayedWatermark() }
        for table in graph.tables where graph.hasEnded {
            do throws(ConnectorError) { try table.finish(now: now) } catch {
                return fail(EngineError(error, node: table.spec.name))
            }
        }
        capture(services.clock.monotonic())
        if let failure = graph.context.failure { return fail(failure) }
        meta = graph.checkpointMeta(epoch: 0, generation: 0, at: now)
        return end()
    }

    private func fail(_ error: EngineError) -> SliceOutcome {
        failure = error
        let isFinishing = order.withLock { $0 != .read }
        let onFailure = self.onFailure
        if !isFinishing { services.blocking.submit { onFailure(error) } }
        return end()
    }

    private func end() -> SliceOutcome {
        if let observer = observer.withLock({ $0 }) { services.positions.cancel(observer) }
        for node in graph.sinks { node.sink.close() }
        ticket.withLock { $0 = nil }
        isOver.withLock { $0 = true }
        overSignal.signal()
        return .done
    }

    private func publish() {
        var done: Int64 = 0
        var total: Int64 = 0
        for source in graph.sources {
            // In rows, of which the other version knows how many it has read.
            let rows = source.counters.rowsOut + source.counters.invalid
            done += rows
            let former = formerSources[source.spec.name].flatMap { limits[$0] }
            total += max(rows, former.map { $0.rows + $0.invalid } ?? rows)
        }
        let share = total > 0 ? min(1, Double(done) / Double(total)) : nil
        published.withLock { status in
            status.rows = done
            status.share = share
            let spent = services.clock.monotonic() - status.startedAt
            status.microsLeft = share.flatMap { share in
                share > 0 ? Int64(min(1e15, Double(spent) * (1 - share) / share)) : nil
            }
        }
    }
}
