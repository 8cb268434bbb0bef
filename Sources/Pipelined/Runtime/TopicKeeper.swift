import Connectors
import Store
import Synchronization

/// Keeps the topics of a daemon in order, on a thread of its own: retention, full blocks, compaction.
///
/// It looks at topics that are open and at those that have something to delete or compact. What it
/// cannot do is said once, and tried again the next time.
final class TopicKeeper: Sendable {
    private let topics: TopicService
    private let intervalMicros: Int64
    private let log: Log
    private let wakes = Semaphore()
    private let isClosed = Atomic(false)
    private let memory = UpkeepMemory()
    private let thread = Mutex<DaemonThread?>(nil)
    private let said: Mutex<[String: String]> = Mutex([:])

    /// - Parameter intervalMicros: From one round to the next.
    init(_ topics: TopicService, intervalMicros: Int64 = 30_000_000, log: Log) {
        self.topics = topics
        self.intervalMicros = intervalMicros
        self.log = log
    }

    func start() {
        let thread = DaemonThread.start("topics") { [self] in work() }
        self.thread.withLock { $0 = thread }
        if thread == nil { log.line(.error, "there is no thread to keep topics in order") }
    }

    /// Ends the thread after the segment that is being rewritten.
    func close() {
        isClosed.store(true, ordering: .releasing)
        wakes.signal()
        thread.withLock { $0 }?.join()
    }

    private func work() {
        while true {
            wakes.wait(atMostMicros: intervalMicros)
            if isClosed.load(ordering: .acquiring) { return }
            for name in (try? topics.catalog.store.names()) ?? [] {
                if isClosed.load(ordering: .acquiring) { return }
                keep(name)
            }
        }
    }

    private func keep(_ name: String) {
        do throws(ConnectorError) {
            guard try topics.catalog.needsUpkeep(name), let entry = try topics.catalog.entry(name)
            else { return }
            let result = try TopicUpkeep(entry, now: WallClock.micros(), memory: memory).run()
            said.withLock { $0[name] = nil }
            if result.isEmpty { return }
            log.line(
                .info, "kept a topic in order",
                [
                    ("topic", name), ("removed_segments", "\(result.removedSegments)"),
                    ("removed_bytes", "\(result.removedBytes)"),
                    ("rewritten_segments", "\(result.rewrittenSegments)"),
                    ("compacted_rows", "\(result.compactedRows)"),
                ])
        } catch {
            let isNews = said.withLock { said in
                defer { said[name] = error.message }
                return said[name] != error.message
            }
            if isNews { log.line(.warning, error.message, [("topic", name)]) }
        }
    }
}
