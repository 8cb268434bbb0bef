import Config
import Connectors
import Store

/// Topics as the control protocol and `-o json` have them.
enum TopicJSON {
    /// Who writes a topic now. The ingest log's writer stays a while after the last producer.
    static func writers(_ topic: Topic, _ producers: Int) -> [String] {
        var names = topic.partitions.filter { $0.hasWriter && !$0.isIngest }
            .map { topic.writer(of: $0) }
        if producers > 0 { names.append("produce") }
        return names
    }

    /// One line of `topics ls`.
    static func row(_ entry: TopicCatalog.Entry, _ producers: Int) throws(ControlFailure)
        -> JSONValue
    {
        let topic = entry.topic
        let partitions = topic.partitions
        var rows: UInt64 = 0
        var times: [ClosedRange<Int64>] = []
        try storing { () throws(StoreError) in
            for partition in partitions {
                rows += try partition.rowCount()
                if let range = try partition.timeRange() { times.append(range) }
            }
        }
        let readers = topic.readers
        return [
            "name": .string(topic.name), "mode": .string(entry.definition.mode.rawValue),
            "partitions": .count(partitions.count), "rows": .integer(Int64(clamping: rows)),
            "bytes": .integer(partitions.reduce(0) { $0 + $1.byteCount }),
            "oldest": StatusJSON.time(times.map(\.lowerBound).min()),
            "newest": StatusJSON.time(times.map(\.upperBound).max()),
            "writers": .array(writers(topic, producers).map(JSONValue.string)),
            "readers": .array(readers.map { reader($0, partitions) }),
            "lag": .optional(readers.map { Int64(clamping: $0.lag(partitions)) }.max()),
            "retention": retention(entry.definition.retention),
            "description": .optional(entry.definition.description),
        ]
    }

    private static func reader(_ reader: TopicReader, _ partitions: [Partition]) -> JSONValue {
        [
            "name": .string(reader.name),
            "lag": .integer(Int64(clamping: reader.lag(partitions))),
        ]
    }

    private static func retention(_ retention: TopicSpec.Retention) -> JSONValue {
        [
            "time_micros": .optional(retention.timeMicros), "bytes": .optional(retention.bytes),
        ]
    }

    /// What `topics describe` says.
    static func description(_ entry: TopicCatalog.Entry, _ producers: Int)
        throws(ControlFailure) -> JSONValue
    {
        let definition = entry.definition
        var object = try row(entry, producers).object ?? JSONObject()
        object["owner"] = .optional(definition.owner)
        object["documented"] = .bool(definition.isDocumented)
        object["key"] = definition.key.map { .array($0.map(JSONValue.string)) } ?? .null
        object["event_time"] = .optional(definition.eventTime)
        object["evolution"] = .string(definition.evolution.rawValue)
        object["compaction"] =
            definition.compaction.map {
                [
                    "within_micros": .integer($0.withinMicros),
                    "tombstones_micros": .integer($0.tombstonesMicros),
                ]
            } ?? .null
        object["schemas"] = .array(
            entry.schemas.enumerated().map { version, schema in
                [
                    "version": .count(version),
                    "columns": .array(
                        schema.fields.map {
                            ["name": .string($0.name), "type": .string($0.type.name)]
                        }),
                ]
            })
        object["partitions"] = .array(
            try entry.topic.partitions.map { (partition) throws(ControlFailure) in
                try self.partition(partition, entry.topic, producers)
            })
        return .object(object)
    }

    private static func partition(_ partition: Partition, _ topic: Topic, _ producers: Int)
        throws(ControlFailure) -> JSONValue
    {
        let (rows, times) = try storing { () throws(StoreError) in
            (try partition.rowCount(), try partition.timeRange())
        }
        let committed = partition.committed
        return [
            "name": .string(partition.name),
            "writer": partition.isIngest ? "produce" : .string(topic.writer(of: partition)),
            "attached": .bool(partition.isIngest ? producers > 0 : partition.hasWriter),
            "sealed": .bool(partition.isSealed), "rows": .integer(Int64(clamping: rows)),
            "bytes": .integer(partition.byteCount), "segments": .count(partition.segmentCount),
            "first_offset": .integer(Int64(clamping: partition.firstOffset)),
            "next_offset": .integer(Int64(clamping: committed.nextOffset)),
            "oldest": StatusJSON.time(times?.lowerBound),
            "newest": StatusJSON.time(times?.upperBound),
            "appended_at": committed.at == 0 ? .null : StatusJSON.time(committed.at),
            "watermark": committed.watermark == .min
                ? .null : StatusJSON.time(committed.watermark),
        ]
    }

    static func verification(_ name: String, _ report: TopicVerification.Report) -> JSONValue {
        [
            "name": .string(name), "segments": .count(report.segments),
            "blocks": .count(report.blocks), "rows": .integer(Int64(clamping: report.rows)),
            "bytes": .integer(report.bytes),
            "damage": .array(
                report.damage.map { error in
                    [
                        "file": .string(error.path), "position": .optional(error.position),
                        "message": .string(error.message),
                    ]
                }),
        ]
    }
}
