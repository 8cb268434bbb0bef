import Operators

extension LoadContext {
    /// Reads a `topic:` document.
    ///
    /// - Returns: nil when anything is wrong; it has been reported.
    func readTopicDocument(_ reader: FieldReader, name: SpecText, line: Int) -> TopicSpec? {
        let description = reader.text("description")
        let owner = reader.text("owner")
        let declared = readSchema(reader)
        let shape = NodeShape(
            schema: Schema(declared.fields.map { Field($0.name, $0.type) }),
            doubtful: declared.doubtful, isOpen: declared.isOpen, change: nil)
        let scope = ColumnScope(owner: name.written, shape: shape, qualifier: nil)
        let key = readTopicKey(reader, scope)
        let compaction = readCompaction(reader)
        let mode = readTopicMode(reader, isCompacted: compaction != nil)
        let retention = readRetention(reader)
        let evolution = reader.choice("evolution", TopicSpec.Evolution.self)
        let eventTime = reader.has("event_time") ? readTopicEventTime(reader, scope) : nil
        guard let mode, let evolution, !hasErrors else { return nil }
        var locations = SpecLocations()
        locations.name = location(name.scalar)
        return TopicSpec(
            name: name.value, description: description?.value, owner: owner?.value,
            path: source.path, line: line, schema: shape.schema, fields: declared.fields,
            key: key, mode: mode, retention: retention, compaction: compaction,
            evolution: evolution, eventTime: eventTime, locations: locations)
    }

    private func readTopicKey(_ reader: FieldReader, _ scope: ColumnScope) -> [Int]? {
        guard reader.has("key"), let names = reader.names("key") else { return nil }
        if names.isEmpty { report(.emptyList("key", at: location(reader.keyRange("key")))) }
        return columns(names, in: scope)
    }

    private func readTopicMode(_ reader: FieldReader, isCompacted: Bool) -> TopicSpec.Mode? {
        guard let mode = reader.choice("mode", TopicSpec.Mode.self) else { return nil }
        let hasKey = reader.has("key")
        if isCompacted {
            if !hasKey {
                report(.compactWithoutKey(at: location(reader.keyRange("compact"))))
            }
            if reader.has("mode"), mode != .upsert {
                report(.compactMode(mode.rawValue, at: location(reader.keyRange("compact"))))
            }
            return .upsert
        }
        if mode == .upsert, !hasKey {
            report(.topicNeedsKey(at: location(reader.keyRange("mode"))))
        }
        return mode
    }

    private func readRetention(_ reader: FieldReader) -> TopicSpec.Retention {
        guard let value = reader.value("retention") else { return .forever }
        if case .scalar(let scalar) = value.content {
            if let text = substitute(scalar), text.value != "forever" {
                report(.badRetention(text.written, at: location(scalar)))
            }
            return .forever
        }
        guard let limits = reader.mapping("retention", SpecFields.retention) else {
            return .forever
        }
        let retention = TopicSpec.Retention(
            timeMicros: limits.duration("time"), bytes: limits.size("size").map(Int64.init))
        if !limits.has("time"), !limits.has("size"), !limits.hasForeignKeys {
            report(
                .isNot(
                    "retention", "says neither a time nor a size",
                    at: location(reader.keyRange("retention")),
                    help: "write retention: {time: 90d}, or forever"))
        }
        if retention.timeMicros == 0 {
            report(.outOfRange("time", "must be above 0s", at: location(limits.keyRange("time"))))
        }
        if retention.bytes == 0 {
            report(.outOfRange("size", "must be above 0", at: location(limits.keyRange("size"))))
        }
        return retention
    }

    /// `compact:`; nil for none.
    private func readCompaction(_ reader: FieldReader) -> TopicSpec.Compaction? {
        guard let value = reader.value("compact") else { return nil }
        if case .mapping = value.content {
            let within = reader.mapping("compact", SpecFields.compaction)
            return within.flatMap(compaction)
        }
        guard reader.flag("compact") == true else { return nil }
        let empty = LocatedValue(content: .mapping([]), range: value.range)
        return FieldReader(empty, SpecFields.compaction, owner: "'compact'", self)
            .flatMap(compaction)
    }

    private func compaction(_ reader: FieldReader) -> TopicSpec.Compaction? {
        guard let within = reader.duration("within"),
            let tombstones = reader.duration("tombstones")
        else { return nil }
        return TopicSpec.Compaction(withinMicros: within, tombstonesMicros: tombstones)
    }

    private func readTopicEventTime(_ reader: FieldReader, _ scope: ColumnScope) -> String? {
        guard let value = reader.value("event_time"),
            let scalar = scalar(value, SpecFields.topic["event_time"]),
            let entry = column(scalar, in: scope)
        else { return nil }
        if entry.field.type != .timestamp {
            report(
                .eventTimeIsNoTimestamp(
                    scalar.text, type: entry.field.type.name, at: location(scalar)))
        }
        return entry.field.name
    }
}
