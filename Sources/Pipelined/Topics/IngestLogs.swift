import Connectors
import Store
import Synchronization

/// The ingest logs that are open: one a topic, for as long as somebody produces and a while longer.
final class IngestLogs: Sendable {
    /// How long a log stays open without a producer.
    private static let lingerMicros: Int64 = 30_000_000

    private struct Use {
        let log: IngestLog
        var producers = 0
        var idleSince: Int64 = 0
    }
    private let uses = Mutex<[String: Use]>([:])

    /// The log of a topic, for one more producer, who gives it back with ``release(_:)``.
    func acquire(_ topic: Topic) throws(StoreError) -> IngestLog {
        closeIdle()
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
                let log = try IngestLog(topic)
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

    /// Closes what nobody has used for a while.
    func closeIdle() {
        let limit = MonotonicClock.micros() - Self.lingerMicros
        close { $1.producers == 0 && $1.idleSince < limit }
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
