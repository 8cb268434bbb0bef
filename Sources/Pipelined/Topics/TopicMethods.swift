import Connectors
import Operators
import Store

/// The requests about topics that are answered once, for a daemon's clients and for commands that
/// open the state directory themselves: the same answer either way.
///
/// They block: on a thread of their own in a daemon.
struct TopicMethods: Sendable {
    let topics: TopicService
    let logs: IngestLogs

    static let names = [
        "topics", "topic", "topic_delete", "topic_verify", "dead_letters",
    ]

    /// - Parameter item: Given the items of a stream; returns false when nobody wants more.
    func answer(
        _ method: String, _ params: JSONObject, item: @escaping (JSONValue) -> Bool
    ) throws(ControlFailure) -> JSONValue {
        let name = params["name"]?.text ?? ""
        switch method {
        case "topics": return try list()
        case "topic": return try TopicJSON.description(entry(name), producers(name))
        case "topic_delete": return try delete(name, isForced: params["force"]?.bool ?? false)
        case "topic_verify":
            return try verify(params["names"]?.array?.compactMap(\.text) ?? [], item)
        case "dead_letters":
            return try DeadLetterMethods(topics).list()
        default:
            throw ControlFailure(
                code: .unknownMethod, message: "there is no method '\(method)'")
        }
    }

    private func producers(_ topic: String) -> Int { logs.producers(of: topic) }

    private func entry(_ name: String) throws(ControlFailure) -> TopicCatalog.Entry {
        let found = try connecting { () throws(ConnectorError) in try topics.catalog.entry(name) }
        guard let found else { throw try topics.unknown(name) }
        return found
    }

    private func names() throws(ControlFailure) -> [String] {
        try storing { () throws(StoreError) in try topics.catalog.store.names() }
    }

    /// Every topic; one that cannot be opened stands there with the reason.
    private func list() throws(ControlFailure) -> JSONValue {
        var rows: [JSONValue] = []
        for name in try names() {
            do throws(ControlFailure) {
                rows.append(try TopicJSON.row(entry(name), producers(name)))
            } catch {
                rows.append(["name": .string(name), "error": .string(error.message)])
            }
        }
        return ["topics": .array(rows)]
    }

    private func delete(_ name: String, isForced: Bool) throws(ControlFailure) -> JSONValue {
        let entry = try entry(name)
        logs.closeIfIdle(name)
        let writers = TopicJSON.writers(entry.topic, producers(name))
        let readers = entry.topic.readers.map(\.name)
        if !isForced, !writers.isEmpty || !readers.isEmpty {
            var who: [String] = []
            if !writers.isEmpty { who.append("\(writers.joined(separator: ", ")) writes it") }
            if !readers.isEmpty { who.append("\(readers.joined(separator: ", ")) reads it") }
            throw ControlFailure(
                code: .failed,
                message:
                    "cannot delete the topic '\(name)': \(who.joined(separator: ", and ")); stop "
                    + "that first, or say --force")
        }
        let bytes = entry.topic.partitions.reduce(0) { $0 + $1.byteCount }
        _ = try storing { () throws(StoreError) in try topics.catalog.store.delete(name) }
        return ["deleted": .string(name), "bytes": .integer(bytes)]
    }

    // MARK: Verifying

    private func verify(_ wanted: [String], _ item: @escaping (JSONValue) -> Bool)
        throws(ControlFailure) -> JSONValue
    {
        let known = try names()
        if let missing = wanted.first(where: { name in
            !known.contains { $0.utf8.elementsEqual(name.utf8) }
        }) {
            throw try topics.unknown(missing)
        }
        var reports: [JSONValue] = []
        for name in wanted.isEmpty ? known : wanted { reports.append(try verify(name, item)) }
        return ["topics": .array(reports)]
    }

    private func verify(_ name: String, _ item: @escaping (JSONValue) -> Bool)
        throws(ControlFailure) -> JSONValue
    {
        var total = TopicVerification.Report()
        do throws(StoreError) {
            guard let topic = try topics.catalog.store.topic(name) else {
                throw StoreError(
                    kind: .notFound, path: name, message: "the topic '\(name)' has gone")
            }
            let partitions = topic.partitions
            let bytes = partitions.reduce(0) { $0 + $1.byteCount }
            var done: Int64 = 0
            var toldAt: Int64 = 0
            for partition in partitions {
                let report = try TopicVerification.run(partition, decode: BlockDecoding.fault) {
                    done += $0
                    let now = MonotonicClock.micros()
                    guard now - toldAt >= 100_000 else { return true }
                    toldAt = now
                    return item([
                        "topic": .string(name), "bytes": .integer(done),
                        "total_bytes": .integer(bytes),
                    ])
                }
                total.add(report)
            }
        } catch {
            // A topic that cannot be opened is one that is damaged, or was deleted.
            total.damage.append(error)
        }
        return TopicJSON.verification(name, total)
    }
}

extension TopicVerification.Report {
    fileprivate mutating func add(_ other: TopicVerification.Report) {
        segments += other.segments
        blocks += other.blocks
        rows += other.rows
        bytes += other.bytes
        damage += other.damage
    }
}

/// Reads a block's columns for no other reason than to see that it can be done.
enum BlockDecoding {
    /// What is wrong with a payload; nil for nothing.
    static func fault(_ firstOffset: UInt64, _ rowCount: Int, _ payload: UnsafeRawBufferPointer)
        -> String?
    {
        let buffer = Buffer(capacity: payload.count)
        if let start = payload.baseAddress {
            buffer.base.copyMemory(from: start, byteCount: payload.count)
        }
        do throws(RowBlockError) {
            let reader = try RowBlockReader(buffer, 0..<payload.count)
            guard reader.rowCount == rowCount else {
                return "its payload has \(reader.rowCount) rows, and its header \(rowCount)"
            }
            _ = try reader.rowtime()
            _ = try reader.offsets()
            _ = try reader.operations()
            _ = try reader.rowWatermarks()
            for index in reader.columnTypes.indices { _ = try reader.column(index) }
            return nil
        } catch {
            return error.message
        }
    }
}
