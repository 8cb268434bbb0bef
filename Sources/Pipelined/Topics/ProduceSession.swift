import Config
import Connectors
import Glibc
import Operators
import Store
import Synchronization

/// What a producer asks for, besides its rows.
struct ProduceRequest: Sendable {
    var topic: String
    var isCSV = false
    /// The column of the event time; nil for the topic's own, or the arrival.
    var eventTime: String?
    /// The columns of a topic that is not there yet, as a spec's `schema:` has them between braces.
    var schema: String?
    var skipsInvalid = false
    /// Under which name retries are known.
    var identifier: String?
}

/// One producer: its rows go to the ingest log of the topic, and are acknowledged after the sync.
///
/// Driven by one thread, with input through ``room(_:)`` and ``received(_:)``. The log's thread
/// acknowledges.
final class ProduceSession {
    /// How far a producer is.
    struct Progress: Sendable {
        /// Rows, and bytes of the input up to the last of them, that are durable.
        var rows: Int64 = 0
        var bytes: Int64 = 0
        var alreadyThere: Int64 = 0
        var invalid: Int64 = 0
        var badRows: [TopicIngest.BadRow] = []
    }

    /// How long rows wait for others to fill a batch with.
    static let delayMicros: Int64 = 100_000

    private let ingest: TopicIngest
    private let log: IngestLog
    private let logs: IngestLogs
    private let identifier: [UInt8]?
    private let acknowledged: Acknowledged
    /// The byte of the input up to which it was handed over, or was there before.
    private var handedOver: UInt64 = 0
    /// When the oldest input that is not handed over came; nil for none.
    private var pendingSince: Int64?

    /// - Parameter onProgress: Called on the log's thread after each acknowledgement.
    /// - Throws: ``ControlFailure`` for a topic that is not there, and what else stands in the way.
    init(
        _ request: ProduceRequest, topics: TopicService, logs: IngestLogs,
        onProgress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) throws(ControlFailure) {
        let entry = try Self.entry(request, topics)
        let identifier = try Self.identifier(request)
        self.identifier = identifier
        self.logs = logs
        let log = try storing { () throws(StoreError) in try logs.acquire(entry.topic) }
        self.log = log
        acknowledged = Acknowledged(onProgress)
        handedOver = identifier.map { log.lastSequence($0) } ?? 0
        let resumeAt = Int64(clamping: handedOver)
        do throws(ConnectorError) {
            ingest = try TopicIngest(
                entry, format: request.isCSV ? .csv(CSVOptions()) : .json(JSONOptions()),
                eventTime: request.eventTime, skipsInvalid: request.skipsInvalid,
                resumeAt: resumeAt, clock: topics.catalog.store.options.clock)
        } catch {
            logs.release(log)
            throw ControlFailure(code: .failed, message: error.message)
        }
    }

    deinit { logs.release(log) }

    private static func identifier(_ request: ProduceRequest) throws(ControlFailure) -> [UInt8]? {
        guard let text = request.identifier else { return nil }
        guard (1...ProducerState.identifierBytesMax).contains(text.utf8.count) else {
            throw ControlFailure(
                code: .badRequest,
                message: "cannot take the id '\(text)': it is not 1 to "
                    + "\(ProducerState.identifierBytesMax) bytes long")
        }
        return Array(text.utf8)
    }

    private static func entry(_ request: ProduceRequest, _ topics: TopicService)
        throws(ControlFailure) -> TopicCatalog.Entry
    {
        let present = try connecting { () throws(ConnectorError) in
            try topics.catalog.entry(request.topic)
        }
        if present == nil, let log = ReplayLog.topic(named: request.topic) {
            return try connecting { () throws(ConnectorError) in
                try topics.catalog.apply(log, isDocumented: true).entry
            }
        }
        guard let schema = request.schema else {
            if let present { return present }
            throw try topics.unknown(request.topic, "; or make it with --schema 'id: bigint, …'")
        }
        let spec = try InlineSchema.read(
            schema, topic: request.topic, eventTime: request.eventTime)
        if let present {
            guard present.schema == spec.schema else {
                let columns = present.schema.fields.map { "\($0.name): \($0.type.name)" }
                throw ControlFailure(
                    code: .failed,
                    message:
                        "cannot make the topic '\(request.topic)': it is there, with the columns "
                        + "\(columns.joined(separator: ", ")); leave --schema out")
            }
            return present
        }
        return try connecting { () throws(ConnectorError) in
            try topics.catalog.apply(spec, isDocumented: false).entry
        }
    }

    // MARK: Input

    /// Memory for the next bytes of the input.
    func room(_ count: Int) -> UnsafeMutableRawBufferPointer { ingest.room(count) }

    /// Takes the bytes that came into ``room(_:)``, and hands over what fills a batch.
    ///
    /// Waits while the disk is slower than the producer.
    func received(_ count: Int) throws(ControlFailure) {
        ingest.received(count)
        if pendingSince == nil { pendingSince = MonotonicClock.micros() }
        try advance(isPressing: false, isLast: false)
    }

    /// When rows that wait want to be handed over with ``press()``; nil when none wait.
    var pressAt: Int64? { pendingSince.map { $0 + Self.delayMicros } }

    /// Hands over whole rows that fill no batch.
    func press() throws(ControlFailure) {
        try advance(isPressing: true, isLast: false)
        pendingSince = ingest.hasPending ? MonotonicClock.micros() : nil
    }

    /// Takes the end of the input for what it is and waits until all is durable.
    func finish() throws(ControlFailure) {
        try advance(isPressing: true, isLast: true)
        try settle()
    }

    /// Waits until what was handed over is durable.
    func settle() throws(ControlFailure) {
        acknowledged.wait()
        if let error = acknowledged.failure { throw Self.failure(error) }
    }

    /// What is durable by now, with what was left out on the way.
    var progress: Progress {
        var progress = acknowledged.progress
        progress.alreadyThere = ingest.counts.alreadyThere
        progress.invalid = ingest.counts.invalid
        progress.badRows = ingest.badRows
        return progress
    }

    private func advance(isPressing: Bool, isLast: Bool) throws(ControlFailure) {
        while true {
            if let error = acknowledged.failure { throw Self.failure(error) }
            let batch: TopicIngest.Batch?
            do throws(ConnectorError) {
                batch = try ingest.next(isPressing: isPressing, isLast: isLast)
            } catch {
                // Rows before the one that does not fit are in the topic when it is reported.
                try settle()
                throw ControlFailure(code: .failed, message: error.message)
            }
            guard let batch else { return }
            if !ingest.hasPending { pendingSince = nil }
            acknowledged.begin()
            let start = handedOver
            handedOver = max(start, UInt64(batch.end))
            let acknowledged = self.acknowledged
            log.submit(
                IngestLog.Entry(
                    blocks: batch.blocks,
                    producer: identifier.map { ($0, start..<UInt64(batch.end)) },
                    done: { acknowledged.end(batch.rows, batch.end, $0) }))
        }
    }

    private static func failure(_ error: StoreError) -> ControlFailure {
        ControlFailure(code: .failed, message: error.message)
    }
}

/// What of a producer's rows is durable, as the log's thread tells it.
private final class Acknowledged: Sendable {
    private struct State {
        var progress = ProduceSession.Progress()
        var open = 0
        var failure: StoreError?
        var isWaiting = false
    }
    private let state = Mutex(State())
    private let settled = Semaphore()
    private let onProgress: @Sendable (ProduceSession.Progress) -> Void

    init(_ onProgress: @escaping @Sendable (ProduceSession.Progress) -> Void) {
        self.onProgress = onProgress
    }

    var progress: ProduceSession.Progress { state.withLock { $0.progress } }
    var failure: StoreError? { state.withLock { $0.failure } }

    func begin() { state.withLock { $0.open += 1 } }

    func end(_ rows: Int64, _ position: Int64, _ error: StoreError?) {
        let (progress, isSettled) = state.withLock { state in
            state.open -= 1
            if let error {
                if state.failure == nil { state.failure = error }
            } else if state.failure == nil {
                state.progress.rows += rows
                state.progress.bytes = position
            }
            let isSettled = state.isWaiting && state.open == 0
            if isSettled { state.isWaiting = false }
            return (state.progress, isSettled)
        }
        if error == nil { onProgress(progress) }
        if isSettled { settled.signal() }
    }

    /// Returns when nothing is on its way.
    func wait() {
        let isSettled = state.withLock { state in
            state.isWaiting = state.open > 0
            return !state.isWaiting
        }
        if !isSettled { settled.wait() }
    }
}
