import Connectors
import Glibc
import Store
import Synchronization

/// The ingest logs that are open: one a topic, for as long as somebody produces and a while longer.
final class IngestLogs: Sendable {
    /// How long a log stays open without a producer.
    private let lingerMicros: Int64
    /// How long the last rows of a log that is being closed may take.
    private static let closingMicros: Int64 = 10_000_000

    private struct Use {
        let log: IngestLog
        var producers = 0
        var idleSince: Int64 = 0
    }
    private let uses = Mutex<[String: Use]>([:])

    init(lingerMicros: Int64 = 30_000_000) { self.lingerMicros = lingerMicros }

    /// The log of a topic, for one more producer, who gives it back with ``release(_:)``.
    ///
    /// A log that is being closed is waited for.
    func acquire(_ topic: Topic) throws(StoreError) -> IngestLog {
        let deadline = MonotonicClock.micros() + Self.closingMicros
        while true {
            do throws(StoreError) {
                return try acquireNow(topic)
            } catch {
                guard error.kind == .inUse, MonotonicClock.micros() < deadline else { throw error }
            }
            usleep(2_000)
        }
    }

    private func acquireNow(_ topic: Topic) throws(StoreError) -> IngestLog {
        let result = uses.withLock { uses -> Result<(IngestLog, IngestLog?), StoreError> in
            var stale: IngestLog?
            if let use = uses[topic.name] {
                if use.log.topic === topic, !use.log.isBroken {
                    uses[topic.name]?.producers += 1
                    return .success((use.log, nil))
                }
                // The topic was deleted and made again, or its disk has refused something.
                stale = use.log
            }
            do throws(StoreError) {
                let log = try IngestLog(topic, idleMicros: lingerMicros) { [weak self] log, close in
                    self?.retire(log, close) ?? false
                }
                uses[topic.name] = Use(log: log, producers: 1)
                return .success((log, stale))
            } catch {
                return .failure(error)
            }
        }
        let (log, stale) = try result.get()
        stale?.close()
        return log
    }

    func release(_ log: IngestLog) {
        uses.withLock { uses in
            guard uses[log.topic.name]?.log === log else { return }
            uses[log.topic.name]?.producers -= 1
            uses[log.topic.name]?.idleSince = MonotonicClock.micros()
        }
    }

    /// How many produce to a topic now.
    func producers(of topic: String) -> Int { uses.withLock { $0[topic]?.producers ?? 0 } }

    /// Closes the log of a topic, unless somebody produces to it.
    func closeIfIdle(_ topic: String) {
        close { $0 == topic && $1.producers == 0 }
    }

    /// Forgets a log that nobody has used for a while. Whoever asks for it next finds the partition
    /// free, as it is let go of under the lock.
    private func retire(_ log: IngestLog, _ close: () -> Void) -> Bool {
        uses.withLock { uses in
            guard let use = uses[log.topic.name], use.log === log, use.producers == 0,
                use.idleSince + lingerMicros <= MonotonicClock.micros()
            else { return false }
            uses[log.topic.name] = nil
            close()
            return true
        }
    }

    /// Closes all. Nobody produces any more.
    func close() { close { _, _ in true } }

    private func close(_ isDue: (String, Use) -> Bool) {
        let due = uses.withLock { uses in
            let due = uses.filter { isDue($0.key, $0.value) }
            for name in due.keys { uses[name] = nil }
            return due.values.map(\.log)
        }
        for log in due { log.close() }
    }
}
