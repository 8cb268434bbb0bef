import Operators

extension LoadContext {
    /// `topic:` of a source or table, with what stands beside it; nil when reported.
    func readTopicSource(
        _ node: FieldReader, _ topic: ReadTopic?, role: SourceRole
    ) -> TopicSourceOptions? {
        let start = node.has("start") ? readPosition("start", node) : .earliest
        let stop = node.has("stop") ? readPosition("stop", node) : nil
        let onGap = node.choice("on_gap", TopicSourceOptions.OnGap.self)
        guard let topic, let start, let onGap else { return nil }
        return TopicSourceOptions(
            name: topic.name.value, start: start, stop: stop, onGap: onGap,
            mode: topic.known?.mode ?? .append,
            usesStoredTime: !node.has("event_time"))
    }

    /// What goes with a topic and nothing else.
    func refuseTopicFields(_ node: FieldReader, _ connector: String) {
        for name in ["start", "stop", "on_gap"] where node.has(name) {
            report(
                .isNot(
                    name, "goes with 'topic', and this is '\(connector)'",
                    at: location(node.keyRange(name)), help: "remove it"))
        }
    }

    /// `start:`, `stop:` or `replay_from:`; nil when reported.
    func readPosition(_ name: String, _ node: FieldReader) -> TopicPosition? {
        guard let value = node.value(name) else { return nil }
        guard case .mapping = value.content else {
            guard let scalar = scalar(value, node.group[name]), let text = substitute(scalar) else {
                return nil
            }
            switch text.value {
            case "earliest" where name == "stop":
                report(
                    .isNot(
                        "earliest", "is no place to stop, since nothing stands before it",
                        at: location(scalar), help: "write stop: latest, or leave 'stop' out"))
            case "earliest": return .earliest
            case "latest": return .latest
            default: report(.badPosition(text.written, of: name, at: location(scalar)))
            }
            return nil
        }
        guard let reader = FieldReader(value, SpecFields.topicPosition, owner: "'\(name)'", self)
        else { return nil }
        let given = SpecFields.topicPosition.rules.one.filter(reader.has)
        guard given.count == 1 else {
            if !given.isEmpty || !reader.hasForeignKeys {
                report(
                    .isNot(
                        name, "takes one of offset, timestamp and since",
                        at: location(node.keyRange(name)), help: "write \(name): {since: 90d}"))
            }
            return nil
        }
        switch given[0] {
        case "offset": return reader.text("offset").flatMap(readOffset)
        case "timestamp": return reader.text("timestamp").flatMap(readTime)
        default: return reader.duration("since").map { .since($0) }
        }
    }

    /// `12` or `PARTITION:12`.
    private func readOffset(_ text: SpecText) -> TopicPosition? {
        let parts = text.value.split(separator: ":", omittingEmptySubsequences: false)
        let partition = parts.dropLast().joined(separator: ":")
        if let offset = parts.last.flatMap({ UInt64($0) }), parts.count == 1 || !partition.isEmpty {
            return .offset(partition: parts.count == 1 ? nil : partition, offset)
        }
        report(
            .badValue(
                text.written, isSubstituted: text.isSubstituted, of: "offset",
                expecting: "a whole number from 0, or PARTITION:OFFSET",
                at: location(text.scalar)))
        return nil
    }

    private func readTime(_ text: SpecText) -> TopicPosition? {
        if let micros = parseTimestamp(text.value) { return .timestamp(micros) }
        report(
            .badValue(
                text.written, isSubstituted: text.isSubstituted, of: "timestamp",
                expecting: "a time such as 2026-01-01T00:00:00Z", at: location(text.scalar)))
        return nil
    }

    /// `topic:` of a sink; nil when absent or reported.
    func readTopicSink(_ node: FieldReader) -> SpecText? {
        guard let name = node.text("topic") else { return nil }
        let place = location(name.scalar)
        guard isTopicName(name.value) else {
            report(.badName(name.written, what: "topic", at: place))
            return nil
        }
        guard !TopicNames.isReserved(name.value) else {
            report(.reservedTopic(name.written, at: place))
            return nil
        }
        return name
    }
}
