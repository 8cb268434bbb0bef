import Operators

extension PipelineSpec {
    /// What each sink that writes a topic implies about it, in the order of the sinks; a topic
    /// that two of them write is there twice.
    package var topicsWritten: [TopicSpec] { sinks.compactMap(topic) }

    /// The names of the topics that its sources and tables read.
    package var topicsRead: [String] {
        (sources.map(\.connector) + tables.map(\.connector)).compactMap { connector in
            guard case .topic(let options) = connector else { return nil }
            return options.name
        }
    }

    /// What the first sink implies that writes a topic; nil when none does.
    package func topicWritten(_ name: String) -> TopicSpec? {
        sinks.first { $0.connector == .topic(TopicSinkOptions(name: name)) }.flatMap(topic)
    }

    private func topic(of sink: SinkSpec) -> TopicSpec? {
        guard case .topic(let options) = sink.connector else { return nil }
        var locations = SpecLocations()
        locations.name = self.locations.topics[sink.name]
        return TopicSpec(
            name: options.name, path: path, line: locations.name?.line ?? line,
            schema: sink.inputSchema, key: sink.topicKey, mode: sink.topicMode,
            writer: "sink '\(sink.name)' of '\(name)'", locations: locations)
    }
}

extension SinkSpec {
    /// The mode of a topic that the sink writes.
    package var topicMode: TopicSpec.Mode {
        switch mode {
        case .append: return .append
        case .upsert: return .upsert
        case .changelog: return .changelog
        }
    }

    /// What identifies a row of a topic that the sink writes: positions in `inputSchema`.
    package var topicKey: [Int]? {
        switch mode {
        case .append: return nil
        case .upsert(let key): return key
        case .changelog: return inputKey
        }
    }
}
