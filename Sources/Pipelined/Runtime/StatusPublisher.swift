import Config
import Connectors
import Operators
import Synchronization

/// Copies a graph's figures to where other threads may read them.
// SAFETY: `graph` and the rate's history are used by the lane only; what is published is under
// the mutex.
final class StatusPublisher: @unchecked Sendable {
    private let graph: Graph
    private let published: Mutex<PipelineStatus>
    private let publishedAt = Atomic<Int64>(0)
    private var history: [(at: Int64, rows: Int64)] = []
    /// How far each source was, by its name, over the last seconds.
    private var reading: [String: [(at: Int64, done: Int64)]] = [:]
    /// How many rows had come into each node, by its name, over the last seconds.
    private var nodeRows: [String: [(at: Int64, rows: Int64)]] = [:]
    private var checkpointEpoch: UInt64 = 0
    private var checkpointAt: Int64?
    private var checkpointMicros: Int64 = 0
    private var failure: EngineError?
    /// Time that the lane has spent at work.
    var busyMicros: Int64 = 0
    private let rowsAtStart: Int64

    /// At most this often: a status costs a few microseconds.
    private static let intervalMicros: Int64 = 100_000
    private static let rateMicros: Int64 = 5_000_000

    init(graph: Graph) {
        self.graph = graph
        rowsAtStart = graph.sources.reduce(0) { $0 + $1.counters.rowsOut }
        var status = PipelineStatus()
        status.startedAt = WallClock.micros()
        published = Mutex(status)
    }

    func noteCheckpoint(epoch: UInt64, micros: Int64) {
        checkpointEpoch = epoch
        checkpointAt = WallClock.micros()
        checkpointMicros = micros
        publishedAt.store(0, ordering: .relaxed)
    }

    func noteFailure(_ error: EngineError) { failure = error }

    func current() -> PipelineStatus {
        var status = published.withLock { $0 }
        let age = MonotonicClock.micros() - publishedAt.load(ordering: .relaxed)
        if age > StatusPublisher.rateMicros {
            status.rowsPerSecond = 0
            for index in status.nodes.indices { status.nodes[index].rowsPerSecond = 0 }
        }
        return status
    }

    /// Called by the lane, as often as it likes.
    func publish(epoch: UInt64, phase: PipelineStatus.Phase) {
        let now = MonotonicClock.micros()
        if phase == .running
            && now - publishedAt.load(ordering: .relaxed) < StatusPublisher.intervalMicros
        {
            return
        }
        publishedAt.store(now, ordering: .relaxed)
        var status = PipelineStatus()
        status.phase = phase
        status.failure = failure
        status.sources = graph.sources.map { source in
            let progress = source.progress
            return SourceStatus(
                name: source.spec.name, rows: source.counters.rowsOut,
                invalid: source.counters.invalid,
                unknownDeletions: source.upserts?.unknownCount ?? 0,
                watermark: known(source.sentWatermark), heldBy: source.heldBy,
                done: progress.done, total: progress.total, isEnded: source.hasEnded,
                isIdle: source.isIdle,
                microsLeft: microsLeft(source.spec.name, progress, now: now))
        }
        status.rowsRead = graph.sources.reduce(0) { $0 + $1.counters.rowsOut }
        status.busyMicros = busyMicros
        status.rowsReadHere = status.rowsRead - rowsAtStart
        status.bytesRead = graph.sources.reduce(0) { $0 + $1.bytesRead }
        status.watermark = graph.sources.map(\.sentWatermark).min().flatMap { known($0) }
        let open = status.sources.filter { !$0.isEnded }
        if open.count > 1,
            let first = open.min(by: { ($0.watermark ?? .min) < ($1.watermark ?? .min) }),
            open.contains(where: { $0.watermark != first.watermark })
        {
            status.heldBy = first.name
        }
        status.lag = status.sources.reduce(0) { $0 + max(0, ($1.total ?? $1.done) - $1.done) }
        status.nodes = graph.counters.map { counters in
            let operation = graph.stateful.first { $0.name == counters.name }?.node.operation
            return NodeStatus(
                name: counters.name, rowsIn: counters.rowsIn, rowsOut: counters.rowsOut,
                late: counters.late, unmatched: counters.unmatched,
                forgotten: (operation as? AsOfJoin)?.forgottenCount ?? 0,
                invalid: counters.invalid, stateEntries: operation?.stateSize.entries ?? 0,
                stateBytes: operation?.stateSize.bytes ?? 0,
                rowsPerSecond: nodeRate(counters, now: now),
                watermark: graph.nodes.first { $0.counters === counters && $0.isVerb }
                    .flatMap { known($0.watermark) })
        }
        status.sinks = graph.sinks.map { sink in
            let written = sink.sink.written
            return SinkStatus(
                name: sink.name, rows: written.rows, bytes: written.bytes,
                guarantee: sink.guarantee)
        }
        status.late = graph.counters.reduce(0) { $0 + $1.late }
        status.deadLetters = graph.context.deadLetters?.count ?? 0
        let size = graph.stateSize
        status.stateEntries = size.entries
        status.stateBytes = size.bytes
        status.checkpointEpoch = checkpointEpoch == 0 ? epoch : checkpointEpoch
        status.checkpointAt = checkpointAt
        status.checkpointMicros = checkpointMicros
        status.rowsPerSecond = rate(now: now, rows: status.rowsRead)
        published.withLock { known in
            status.startedAt = known.startedAt
            known = status
        }
    }

    /// How long what is left takes at the rate of the last seconds; nil where nothing is left, or
    /// nothing was read.
    private func microsLeft(_ source: String, _ progress: SplitProgress, now: Int64) -> Int64? {
        var points = reading[source] ?? []
        points.append((now, progress.done))
        while points.count > 2 && now - points[1].at >= StatusPublisher.rateMicros {
            points.removeFirst()
        }
        reading[source] = points
        guard let total = progress.total, total > progress.done, let first = points.first,
            progress.done > first.done, now > first.at
        else { return nil }
        let rate = Double(progress.done - first.done) / Double(now - first.at)
        return Int64(min(Double(total - progress.done) / rate, 1e15))
    }

    private func nodeRate(_ counters: NodeCounters, now: Int64) -> Double {
        var points = nodeRows[counters.name] ?? []
        points.append((now, counters.rowsIn))
        while points.count > 2 && now - points[1].at >= StatusPublisher.rateMicros {
            points.removeFirst()
        }
        nodeRows[counters.name] = points
        guard let first = points.first, now > first.at else { return 0 }
        return Double(counters.rowsIn - first.rows) * 1e6 / Double(now - first.at)
    }

    private func known(_ watermark: Int64) -> Int64? { watermark == .min ? nil : watermark }

    private func rate(now: Int64, rows: Int64) -> Double {
        history.append((now, rows))
        while history.count > 2 && now - history[1].at >= StatusPublisher.rateMicros {
            history.removeFirst()
        }
        guard let first = history.first, now > first.at else { return 0 }
        return Double(rows - first.rows) * 1e6 / Double(now - first.at)
    }
}
