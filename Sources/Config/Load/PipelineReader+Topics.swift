import Operators

/// The topic that a source or table names.
struct ReadTopic {
    let name: SpecText
    let place: FileLocation
    /// nil when nothing knows it; reported, unless a `schema:` stands in for what is not known.
    let known: KnownTopic?
}

extension PipelineReader {
    /// `topic:` of a source or table; nil when it is absent or reported.
    func readTopic(_ node: NodeDeclaration, _ reader: FieldReader) -> ReadTopic? {
        guard reader.has("topic"), let name = reader.text("topic") else { return nil }
        let place = context.location(name.scalar)
        guard isTopicName(name.value) else {
            context.report(.badName(name.written, what: "topic", at: place))
            return nil
        }
        locations.topics[node.name] = place
        topicReads.append(TopicUse(topic: name.value, written: name.written, place: place))
        let known = context.topics[name.value]
        if known == nil, !reader.has("schema"), context.outline.writes[name.value] == nil {
            if let reason = context.topics.unsettled[name.value] {
                context.report(.unsettledTopic(name.written, reason, at: place))
            } else {
                context.report(
                    .unknownTopic(name.written, known: context.topics.names, at: place))
            }
        }
        return ReadTopic(name: name, place: place, known: known)
    }

    /// The columns that a source or table has of its topic: all, or those of its `schema:`.
    func readTopicSchema(_ reader: FieldReader, _ topic: ReadTopic?) -> ReadSchema {
        for name in ["format", "timezone"] where reader.has(name) {
            context.report(
                .isNot(
                    name, "does not go with 'topic', whose rows are no text",
                    at: context.location(reader.keyRange(name)), help: "remove it"))
        }
        guard reader.has("schema") else {
            guard let known = topic?.known else { return ReadSchema(isOpen: true) }
            return ReadSchema(fields: known.schema.fieldSpecs)
        }
        var schema = context.readSchema(reader)
        var places: [String: FileLocation] = [:]
        if case .mapping(let entries)? = reader.rawValue("schema")?.content {
            for entry in entries {
                places[entry.key.text] = context.location(entry.key)
                refuseEncoding(entry.value)
            }
        }
        for index in schema.fields.indices {
            let field = schema.fields[index]
            schema.fields[index] = FieldSpec(
                name: field.name, type: field.type, path: [field.name], ordinal: field.ordinal)
        }
        guard let topic, let known = topic.known else { return schema }
        let positions = known.schema.positions
        schema.fields = schema.fields.compactMap { field in
            var field = field
            let place = places[field.name] ?? topic.place
            guard let index = positions[field.name] else {
                context.report(
                    .unknownColumn(
                        field.name, owner: topic.name.written,
                        columns: known.schema.fields.map(\.name), at: place))
                schema.doubtful.insert(field.name)
                return nil
            }
            let stored = known.schema[index].type
            if !stored.widens(to: field.type) {
                context.report(
                    .topicColumnDiffers(
                        field, stored, topic: topic.name.written, known.origin, at: place))
            }
            field.ordinal = index
            return field
        }
        return schema
    }

    /// A topic's columns are values already: how they stand in text is no question.
    private func refuseEncoding(_ column: LocatedValue) {
        guard case .mapping(let members) = column.content else { return }
        for member in members where ["path", "default", "required"].contains(member.key.text) {
            context.report(
                .isNot(
                    member.key.text, "does not go with 'topic', whose rows are no text",
                    at: context.location(member.key),
                    help: "remove it, or say it in the topic's document"))
        }
    }

    /// Whether the rows of a source over a topic change, and by which key; nil when reported, or
    /// not known.
    func change(of topic: ReadTopic?, _ schema: ReadSchema) -> NodeOutput.Change? {
        guard let topic else { return nil }
        guard let known = topic.known else { return schema.isOpen ? nil : .append }
        switch known.mode {
        case .append: return .append
        case .upsert:
            // Rows of a key replace each other: without it they mean nothing.
            let key = known.key.map { $0.map { known.schema[$0].name } } ?? []
            if let missing = key.first(where: { name in
                !schema.isOpen && !schema.fields.contains { $0.name == name }
            }) {
                context.report(
                    .upsertTopicWithoutKey(
                        missing, topic: topic.name.written, known.origin, at: topic.place))
                return nil
            }
            return schema.isOpen ? nil : .updating(key: key)
        case .changelog:
            let names = known.key.map { $0.map { known.schema[$0].name } }
            let isWhole = names.map { names in
                names.allSatisfy { name in schema.fields.contains { $0.name == name } }
            }
            return .updating(key: isWhole == true ? names : nil)
        }
    }

    /// Positions of a table's key in its columns: as `key:` says, else the topic's.
    ///
    /// - Returns: nil when it is not known, or reported.
    func readKey(
        _ reader: FieldReader, _ topic: ReadTopic?, _ shape: NodeShape, _ scope: ColumnScope
    ) -> [Int]? {
        let topicKey = topic?.known.flatMap { known in
            known.key.map { $0.map { known.schema[$0].name } }
        }
        guard reader.has("key") else {
            if let topicKey { return columns(of: topicKey, in: shape, reader) }
            if let topic {
                // What is not known may have a key.
                guard topic.known != nil else { return nil }
                context.report(.tableOfTopicHasNoKey(topic.name.written, at: topic.place))
            } else if !reader.has("topic") {
                context.report(
                    .missingField(
                        SpecFields.table["key"]!, owner: reader.owner,
                        at: context.location(reader.start)))
            }
            return nil
        }
        guard let names = reader.names("key") else { return nil }
        if names.isEmpty {
            context.report(.emptyList("key", at: context.location(reader.keyRange("key"))))
            return nil
        }
        let key = context.columns(names, in: scope)
        guard key.count == names.count else { return nil }
        if let topic, topic.known?.mode == .upsert, let topicKey,
            Set(topicKey) != Set(key.map { shape.schema[$0].name })
        {
            context.report(
                .otherKeyThanTopic(
                    topicKey, topic: topic.name.written,
                    at: context.location(reader.keyRange("key"))))
        }
        return key
    }

    private func columns(
        of key: [String], in shape: NodeShape, _ reader: FieldReader
    ) -> [Int]? {
        var result: [Int] = []
        for name in key {
            if let index = shape.schema.index(of: name) {
                result.append(index)
            } else if !shape.isOpen, !shape.doubtful.contains(name) {
                context.report(
                    .isNot(
                        "schema", "leaves out '\(name)', which is in the topic's key",
                        at: context.location(reader.keyRange("schema")),
                        help: "add it to 'schema', or leave 'schema' out"))
            }
        }
        return result.count == key.count ? result : nil
    }

    /// A pipeline that reads what it writes itself would never come to an end.
    func reportSelfFeeding(_ pipeline: String) {
        let own = Dictionary(topicWrites.map { ($0.topic, $0.place) }) { first, _ in first }
        for use in topicReads {
            if let sink = own[use.topic] {
                context.report(.feedsItself(use.written, at: use.place, sink: sink))
            } else if use.topic == TopicNames.deadLetters(of: pipeline) {
                context.report(.feedsItself(use.written, at: use.place, sink: nil))
            }
        }
    }
}

/// A topic that a node reads or writes.
struct TopicUse {
    let topic: String
    let written: String
    let place: FileLocation
}

extension Schema {
    /// Each name's position.
    var positions: [String: Int] {
        Dictionary(fields.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
    }
}

extension ColumnType {
    /// Whether each value of this type is one of the other as well.
    package func widens(to other: ColumnType) -> Bool {
        self == other || self == .bigint && other == .double
    }
}
