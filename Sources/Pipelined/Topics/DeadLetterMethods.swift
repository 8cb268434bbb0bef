import Connectors
import Operators
import Store

/// What `dead-letters ls` asks.
struct DeadLetterMethods {
    private let topics: TopicService

    init(_ topics: TopicService) { self.topics = topics }

    /// A line a pipeline that has dead letters: how many rows, the newest, the most frequent error.
    func list() throws(ControlFailure) -> JSONValue {
        let suffix = SinkFactory.deadLetterTopic(of: "")
        let names = try storing { () throws(StoreError) in try topics.catalog.store.names() }
        var rows: [JSONValue] = []
        for name in names where name.hasSuffix(suffix) {
            rows.append(try row(String(name.dropLast(suffix.count)), name))
        }
        return ["pipelines": .array(rows)]
    }

    private func row(_ pipeline: String, _ name: String) throws(ControlFailure) -> JSONValue {
        var request = ConsumeRequest(topic: name)
        request.columns = ["error"]
        let entry = try connecting { () throws(ConnectorError) in try topics.catalog.entry(name) }
        guard let entry else { throw try topics.unknown(name) }
        var counts = ErrorCounts()
        let plan = try ConsumePlan(request, topics)
        let merge = TopicMerge(
            plan.entry, catalog: topics.catalog, options: plan.options, fields: plan.fields,
            partition: nil, isFollowing: false, reader: "dead-letters", prepare: { $0 })
        var newest: Int64?
        try connecting { () throws(ConnectorError) in
            while case .rows(let run) = try merge.next() {
                let batch = run.rows.batch
                for row in run.range {
                    newest = max(newest ?? .min, batch.rowtime.integers[row])
                    if !batch.columns[0].isNull(row) {
                        counts.add(batch.columns[0].strings[row].bytes)
                    }
                }
            }
        }
        let frequent = counts.mostFrequent
        return [
            "pipeline": .string(pipeline), "topic": .string(name),
            "rows": .integer(try count(entry.topic)), "newest": StatusJSON.time(newest),
            "error": .optional(frequent?.error), "error_rows": .optional(frequent?.rows),
        ]
    }

    private func count(_ topic: Topic) throws(ControlFailure) -> Int64 {
        try storing { () throws(StoreError) in
            var rows: UInt64 = 0
            for partition in topic.partitions { rows += try partition.rowCount() }
            return Int64(clamping: rows)
        }
    }
}

/// How often each error stands in dead letters. What quotes the row is cut off, so that one cause is
/// one error; of more kinds than ``kindsMax`` the first are counted.
private struct ErrorCounts {
    private static let kindsMax = 1000
    private var counts: [[UInt8]: Int64] = [:]

    mutating func add(_ error: UnsafeBufferPointer<UInt8>) {
        let kind = Array(Self.kind(error))
        if counts[kind] == nil, counts.count >= Self.kindsMax { return }
        counts[kind, default: 0] += 1
    }

    /// The text up to a quoted value and its place: `cannot read field 'n' as bigint`.
    private static func kind(_ error: UnsafeBufferPointer<UInt8>) -> Slice<
        UnsafeBufferPointer<UInt8>
    > {
        let quote = error.firstIndex(of: UInt8(ascii: "\"")) ?? error.endIndex
        var kind = error[..<quote]
        while let last = kind.last, last == UInt8(ascii: " ") || last == UInt8(ascii: ":") {
            kind = kind.dropLast()
        }
        return kind
    }

    /// Ties go by the text, so that the answer does not depend on a table's order.
    var mostFrequent: (error: String, rows: Int64)? {
        counts.min {
            $0.value != $1.value
                ? $0.value > $1.value : $0.key.lexicographicallyPrecedes($1.key)
        }.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
    }
}
