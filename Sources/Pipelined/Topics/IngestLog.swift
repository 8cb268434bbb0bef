import Connectors
import Store
import Synchronization

/// The ingest partition of a topic, which all producers of this process share.
///
/// One thread appends what waits, of however many producers, and acknowledges all of it with one mark
/// and one sync. After a refused write or sync the partition is recovered before anything else is
/// appended: what the kernel has of the file then need not be what is on disk. Batches that were
/// refused may turn out to be there, as ``lastSequence(_:)`` tells.
final class IngestLog: Sendable {
    /// A batch on its way, and whom to tell.
    struct Entry: Sendable {
        var blocks: BlockBuffer
        var producer: (identifier: [UInt8], sequence: UInt64)?
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
    }
    private let state = Mutex(State())
    private let work = Semaphore()
    private let room = Semaphore()
    private let ended = Semaphore()

    /// - Throws: `.inUse` where another process or pipeline writes the partition; as recovery does.
    init(_ topic: Topic) throws(StoreError) {
        self.topic = topic
        partition = try topic.partition(TopicWriter.ingestPartition, writer: "")
        let writer = try PartitionWriter.open(partition, token: nil)
        Thread.start(name: "ingest") { [self] in
            IngestLoop(partition, writer).run(next: { take() })
            ended.signal()
        }
    }

    /// What producer `identifier` had acknowledged last; 0 for nothing.
    func lastSequence(_ identifier: [UInt8]) -> UInt64 {
        partition.producers[identifier]?.sequence ?? 0
    }

    /// Hands a batch over, and waits while too much is on its way already.
    func submit(_ entry: Entry) {
        while true {
            let isTaken = state.withLock { state in
                let isFull = state.waitingBytes >= Self.waitingBytesMax && !state.isEnding
                if isFull {
                    state.blocked += 1
                } else {
                    state.waiting.append(entry)
                    state.waitingBytes += entry.blocks.byteCount
                }
                return !isFull
            }
            if isTaken { return work.signal() }
            room.wait()
        }
    }

    /// What waits, as soon as something does; nil at the end.
    private func take() -> [Entry]? {
        while true {
            work.wait()
            let (entries, blocked, isEnding) = state.withLock { state in
                defer {
                    state.waiting = []
                    state.waitingBytes = 0
                    state.blocked = 0
                }
                return (state.waiting, state.blocked, state.isEnding)
            }
            for _ in 0..<blocked { room.signal() }
            if !entries.isEmpty { return entries }
            if isEnding { return nil }
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
    private let first: PartitionWriter

    init(_ partition: Partition, _ writer: PartitionWriter) {
        self.partition = partition
        first = writer
    }

    func run(next: () -> [IngestLog.Entry]?) {
        var writer: PartitionWriter? = first
        while let entries = next() {
            do throws(StoreError) {
                let open: PartitionWriter
                if let writer {
                    open = writer
                } else {
                    open = try PartitionWriter.open(partition, token: nil)
                    writer = open
                }
                try append(entries, to: open)
                try open.commit(producers: sequences(entries))
                for entry in entries { entry.done(nil) }
            } catch {
                writer?.close()
                writer = nil
                for entry in entries { entry.done(error) }
            }
        }
        writer?.close()
    }

    private func append(_ entries: [IngestLog.Entry], to writer: PartitionWriter)
        throws(StoreError)
    {
        for entry in entries {
            var blocks = entry.blocks
            try writer.append(&blocks)
        }
    }

    private func sequences(_ entries: [IngestLog.Entry]) -> [[UInt8]: UInt64] {
        var sequences: [[UInt8]: UInt64] = [:]
        for case let producer? in entries.map(\.producer) {
            sequences[producer.identifier] = producer.sequence
        }
        return sequences
    }
}
