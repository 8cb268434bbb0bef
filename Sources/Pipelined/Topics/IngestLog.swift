import Connectors
import Store
import Synchronization

/// The ingest partition of a topic, which all producers of this process share.
///
/// One thread appends what waits, of however many producers, and acknowledges all of it with one mark
/// and one sync. A refused write or sync breaks the log for good, with all that waits: what the kernel
/// has of the file then need not be what is on disk, and rows that were refused may turn out to be
/// there. The next log recovers the partition, and only then tells a retry what it has to send.
final class IngestLog: Sendable {
    /// A batch on its way, and whom to tell.
    struct Entry: Sendable {
        var blocks: BlockBuffer
        /// Whose rows they are, and the bytes of the input from which they come.
        var producer: (identifier: [UInt8], range: Range<UInt64>)?
        /// Called once, on the log's thread: nil when the rows are durable and visible.
        var done: @Sendable (StoreError?) -> Void
    }

    /// What may wait to be appended; more makes ``submit(_:)`` wait.
    private static let waitingBytesMax = 8 << 20

    let topic: Topic
    let partition: Partition
    private struct State {
        var waiting: [Entry] = []
        var waitingBytes = 0
        /// How many threads wait for room.
        var blocked = 0
        var isEnding = false
        /// The log's thread has ended: nothing is taken any more.
        var isOver = false
        var isBroken = false
    }
    private let state = Mutex(State())
    private let work = Semaphore()
    private let room = Semaphore()
    private let ended = Semaphore()

    private let idleMicros: Int64

    /// - Parameters:
    ///   - idleMicros: How long nothing may come before `retire` is asked.
    ///   - retire: Called on the log's thread; where nobody uses the log it forgets it, calls the
    ///     closure, which lets go of the partition, and returns true: the log has then ended.
    /// - Throws: `.inUse` where somebody else writes the partition; as recovery does.
    init(
        _ topic: Topic, idleMicros: Int64,
        retire: @escaping @Sendable (IngestLog, () -> Void) -> Bool
    ) throws(StoreError) {
        self.topic = topic
        self.idleMicros = idleMicros
        partition = try topic.partition(TopicWriter.ingestPartition, writer: "")
        let writer = try PartitionWriter.open(partition, token: nil)
        Thread.start(name: "ingest") { [self] in
            IngestLoop(partition, writer).run(
                next: { take() }, onBreak: { state.withLock { $0.isBroken = true } },
                onIdle: { close in
                    retire(self) {
                        state.withLock { $0.isOver = true }
                        close()
                    }
                })
            ended.signal()
        }
    }

    /// Whether nothing is taken any more; another log goes on.
    var isBroken: Bool { state.withLock { $0.isBroken } }

    /// What producer `identifier` had acknowledged last; 0 for nothing.
    func lastSequence(_ identifier: [UInt8]) -> UInt64 {
        partition.producers[identifier]?.sequence ?? 0
    }

    /// Hands a batch over, and waits while too much is on its way already.
    func submit(_ entry: Entry) {
        while true {
            let isTaken = state.withLock { state -> Bool? in
                if state.isOver { return nil }
                let isFull = state.waitingBytes >= Self.waitingBytesMax && !state.isEnding
                if isFull {
                    state.blocked += 1
                } else {
                    state.waiting.append(entry)
                    state.waitingBytes += entry.blocks.byteCount
                }
                return !isFull
            }
            guard let isTaken else { return entry.done(.ingestClosed(topic.directory)) }
            if isTaken { return work.signal() }
            room.wait()
        }
    }

    enum Next {
        case entries([Entry])
        case idle
        case end
    }

    /// What waits, as soon as something does.
    private func take() -> Next {
        var isWoken = false
        while true {
            let began = MonotonicClock.micros()
            work.wait(atMostMicros: idleMicros)
            isWoken = MonotonicClock.micros() - began < idleMicros
            let (entries, blocked, isEnding) = state.withLock { state in
                defer {
                    state.waiting = []
                    state.waitingBytes = 0
                    state.blocked = 0
                }
                if state.isEnding, state.waiting.isEmpty { state.isOver = true }
                return (state.waiting, state.blocked, state.isEnding)
            }
            for _ in 0..<blocked { room.signal() }
            if !entries.isEmpty { return .entries(entries) }
            if isEnding { return .end }
            if !isWoken { return .idle }
        }
    }

    /// Writes what waits and lets go of the partition. Nobody submits any more.
    func close() {
        state.withLock { $0.isEnding = true }
        work.signal()
        ended.wait()
    }
}

/// The thread of an ingest log, and the writer that only it uses.
private struct IngestLoop: Sendable {
    private let partition: Partition
    private let writer: PartitionWriter

    init(_ partition: Partition, _ writer: PartitionWriter) {
        self.partition = partition
        self.writer = writer
    }

    /// - Parameters:
    ///   - onBreak: Called once the writer is closed after an error, before anybody is told.
    ///   - onIdle: Returns whether that was the end; it has then called its argument.
    func run(
        next: () -> IngestLog.Next, onBreak: () -> Void, onIdle: (() -> Void) -> Bool
    ) {
        var failure: StoreError?
        while true {
            let entries: [IngestLog.Entry]
            switch next() {
            case .entries(let waiting): entries = waiting
            case .idle:
                if onIdle({ writer.close() }) { return }
                continue
            case .end: return writer.close()
            }
            var refused: [Int: StoreError] = [:]
            if failure == nil {
                do throws(StoreError) {
                    try commit(entries, &refused)
                } catch {
                    failure = error
                    writer.close()
                    onBreak()
                }
            }
            for (index, entry) in entries.enumerated() { entry.done(failure ?? refused[index]) }
        }
    }

    /// Appends what is new of the batches, and commits it.
    ///
    /// A producer may come back while its last batches are on their way. What is there already is
    /// acknowledged once more; what neither follows that nor lies in it is refused.
    private func commit(_ entries: [IngestLog.Entry], _ refused: inout [Int: StoreError])
        throws(StoreError)
    {
        var sequences: [[UInt8]: UInt64] = [:]
        let known = partition.producers
        for (index, entry) in entries.enumerated() {
            if let (identifier, range) = entry.producer {
                let last = sequences[identifier] ?? known[identifier]?.sequence ?? 0
                if range.upperBound <= last { continue }
                guard range.lowerBound == last else {
                    refused[index] = .producedTwice(
                        String(decoding: identifier, as: UTF8.self), partition.topic,
                        from: range.lowerBound, known: last)
                    continue
                }
                sequences[identifier] = range.upperBound
            }
            var blocks = entry.blocks
            try writer.append(&blocks)
        }
        try writer.commit(producers: sequences)
    }
}
