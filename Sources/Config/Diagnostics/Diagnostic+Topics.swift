import Operators

/// What can be wrong with topics, and with what reads and writes them.
extension Diagnostic {
    static func unknownTopic(
        _ name: String, known: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "unknown topic '\(name)'", at: place,
            label: known.isEmpty
                ? "nothing declares or writes a topic" : "there is \(listed(known))",
            help: suggestion(for: name, among: known).map { "did you mean '\($0)'?" }
                ?? "declare it in a document of its own: topic: \(name)")
    }

    static func unsettledTopic(
        _ name: String, _ reason: TopicKnowledge.Unsettled, at place: FileLocation
    ) -> Diagnostic {
        switch reason {
        case .broken(let origin):
            return Diagnostic(
                "the columns of topic '\(name)' are not known", at: place,
                label: "\(origin) has mistakes", help: "correct those first")
        case .circle(let pipelines):
            return Diagnostic(
                "the columns of topic '\(name)' depend on themselves", at: place,
                label: "\(listed(pipelines.map { "'\($0)'" })) wait for each other's columns",
                help: "declare the topic in a document of its own: topic: \(name)")
        }
    }

    static func upsertTopicWithoutKey(
        _ column: String, topic: String, _ origin: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "topic '\(topic)' cannot be read without '\(column)', which is in its key", at: place,
            label: "it is mode upsert by \(origin)",
            help: "add it to 'schema', or leave 'schema' out")
    }

    static func topicColumnDiffers(
        _ field: FieldSpec, _ stored: ColumnType, topic: String, _ origin: String,
        at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(field.name)' of topic '\(topic)' cannot be read as \(field.type.name)", at: place,
            label: "it is \(stored.name) by \(origin)",
            help: "write \(field.name): \(stored.name), and cast it in a step")
    }

    static func tableOfTopicHasNoKey(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "a table over topic '\(name)' needs a key", at: place,
            label: "the topic has none", help: "add key: [COLUMN]")
    }

    static func otherKeyThanTopic(
        _ key: [String], topic: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "a table over topic '\(topic)' has the topic's key", at: place,
            label: "a deletion there names \(listed(key)) and nothing else",
            help: "write key: [\(key.joined(separator: ", "))], or leave it out")
    }

    static func feedsItself(
        _ name: String, at place: FileLocation, sink: FileLocation?
    ) -> Diagnostic {
        Diagnostic(
            "the pipeline would feed itself through topic '\(name)'", at: place,
            label: sink == nil ? "rows that fail go there" : "one of its sinks writes it",
            help: "read it in another pipeline",
            related: sink.map { [.init(message: "the sink is here", location: $0)] } ?? [])
    }

    static func reservedTopic(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'\(name)' cannot be written by a sink", at: place,
            label: "such a topic holds a pipeline's dead letters", help: "give it another name")
    }

    static func reservedTopicDocument(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'\(name)' is no topic that can be declared", at: place,
            label: "such a topic holds a pipeline's dead letters",
            help: "give it another name")
    }

    static func badPosition(
        _ written: String, of name: String, at place: FileLocation
    ) -> Diagnostic {
        let words = name == "start" ? ["earliest", "latest"] : ["latest"]
        let near = suggestion(for: written, among: words)
        return Diagnostic(
            "'\(name)' takes \(words.joined(separator: ", ")), {offset: …}, {timestamp: …} or "
                + "{since: …}", at: place, label: "'\(written)' is none",
            help: near.map { "did you mean '\($0)'?" }
                ?? (parseDuration(written) != nil
                    ? "write \(name): {since: \(written)}"
                    : parseTimestamp(written) != nil
                        ? "write \(name): {timestamp: \(written)}" : nil))
    }

    static func badRetention(_ written: String, at place: FileLocation) -> Diagnostic {
        let member =
            parseDuration(written) != nil
            ? "time: \(written)"
            : parseSize(written) != nil ? "size: \(written)" : "time: 90d, size: 10GiB"
        return Diagnostic(
            "'retention' takes forever, or a mapping of time and size", at: place,
            label: "'\(written)' is neither", help: "write retention: {\(member)}")
    }

    static func compactWithoutKey(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'compact' keeps the latest row of each key, and the topic has no key", at: place,
            help: "add key: [COLUMN]")
    }

    static func topicNeedsKey(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'mode: upsert' needs a key, and the topic has none", at: place,
            help: "add key: [COLUMN]")
    }

    static func compactMode(_ mode: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'compact' goes with 'mode: upsert'", at: place,
            label: "of rows that are \(mode == "append" ? "only added" : "changes"), an older one "
                + "of a key still counts",
            help: "remove one of the two")
    }

    static func duplicateTopic(
        _ name: String, at place: FileLocation?, first: FileLocation?
    ) -> Diagnostic {
        Diagnostic(
            "topic '\(name)' is declared twice", at: place,
            label: "names are unique in a directory",
            related: first.map { [.init(message: "the other one is here", location: $0)] } ?? [])
    }

    /// A sink that does not fit the topic that it writes: `cause` says in what.
    static func sinkDiffers(
        from topic: String, _ cause: String, help: String?, at place: FileLocation?,
        other: String, _ otherPlace: FileLocation?
    ) -> Diagnostic {
        Diagnostic(
            "the rows of this sink do not fit topic '\(topic)'", at: place, label: cause,
            help: help,
            related: otherPlace.map {
                [.init(message: "\(other) says how they are", location: $0)]
            } ?? [])
    }

    static func guaranteeNotGiven(_ cause: String, help: String, at place: FileLocation)
        -> Diagnostic
    {
        Diagnostic("this sink cannot give 'exactly_once'", at: place, label: cause, help: help)
    }
}
