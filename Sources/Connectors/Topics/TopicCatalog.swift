import Config
import Operators
import Store
import Synchronization

/// The topics of a state directory with what their bytes mean: schemas and definitions.
package struct TopicCatalog: Sendable {
    package let store: TopicStore
    /// Who may still write.
    package let writers: ExpectedWriters

    package init(_ store: TopicStore, writers: ExpectedWriters = ExpectedWriters()) {
        self.store = store
        self.writers = writers
    }

    /// A topic as it is in the store.
    package struct Entry: Sendable {
        package let topic: Topic
        package let definition: TopicDefinition
        /// By version.
        package let schemas: [Schema]
        /// What the topic has now: the last version.
        package var schema: Schema { schemas[schemas.count - 1] }
        package var key: [Int]? {
            definition.key.map { names in names.compactMap { schema.index(of: $0) } }
        }

        /// How a row that comes as text is read: as the document declares, or each column by name.
        package var fields: [FieldSpec] {
            schema.fields.enumerated().map { ordinal, field in
                if var known = definition.fields.first(where: {
                    $0.name.utf8.elementsEqual(field.name.utf8) && $0.type == field.type
                }) {
                    known.ordinal = ordinal
                    return known
                }
                return FieldSpec(
                    name: field.name, type: field.type, path: [field.name], ordinal: ordinal)
            }
        }
    }

    /// A topic; nil where there is none.
    package func entry(_ name: String) throws(ConnectorError) -> Entry? {
        try storing { () throws(StoreError) in try store.topic(name) }.map {
            (topic) throws(ConnectorError) in try entry(topic)
        }
    }

    package func entry(_ topic: Topic) throws(ConnectorError) -> Entry {
        guard let definition = TopicDefinition(topic.definition) else {
            throw .unreadableTopic(topic.name, "definition")
        }
        var schemas: [Schema] = []
        for bytes in topic.schemas {
            guard let schema = StoredSchema.decode(bytes) else {
                throw .unreadableTopic(topic.name, "schema \(schemas.count)")
            }
            schemas.append(schema)
        }
        guard !schemas.isEmpty else { throw .unreadableTopic(topic.name, "schema") }
        return Entry(topic: topic, definition: definition, schemas: schemas)
    }

    /// What specs have to know of the topics that are there.
    package func known() throws(ConnectorError) -> [String: KnownTopic] {
        var known: [String: KnownTopic] = [:]
        for name in try storing({ () throws(StoreError) in try store.names() }) {
            guard
                let description = try storing({ () throws(StoreError) in
                    try store.description(name)
                }),
                let definition = TopicDefinition(description.definition),
                let schema = description.schemas.last.flatMap({ StoredSchema.decode($0) })
            else { continue }
            known[name] = KnownTopic(
                schema: schema, key: definition.key?.compactMap { schema.index(of: $0) },
                mode: definition.mode, origin: "the store")
        }
        return known
    }

    /// Whether a topic is in use, or has something to delete or to compact.
    package func needsUpkeep(_ name: String) throws(ConnectorError) -> Bool {
        if store.opened.contains(where: { $0.name == name }) { return true }
        let description = try storing { () throws(StoreError) in try store.description(name) }
        guard let definition = description.flatMap({ TopicDefinition($0.definition) }) else {
            return false
        }
        return definition.retention != .forever || definition.compaction != nil
    }

    /// Makes the topic what a spec says: creates it, adds and widens columns, takes retention and the
    /// rest over from a document.
    ///
    /// - Parameter isDocumented: Whether the spec is a `topic:` document; what a writer implies changes
    ///   nothing but the columns.
    /// - Returns: The topic, and the version of exactly the spec's columns.
    /// - Throws: ``ConnectorError``, terminal, for a change that readers of older rows could not follow.
    package func apply(_ spec: TopicSpec, isDocumented: Bool) throws(ConnectorError) -> (
        entry: Entry, version: UInt32
    ) {
        let definition = TopicDefinition(spec, isDocumented: isDocumented)
        guard let present = try entry(spec.name) else {
            let topic = try storing { () throws(StoreError) in
                try store.create(
                    spec.name, definition: definition.encoded,
                    schema: StoredSchema.encode(spec.schema))
            }
            return (try entry(topic), 0)
        }
        let topic = present.topic
        if present.definition.mode != definition.mode {
            throw .topicHasMode(
                spec.name, present.definition.mode.rawValue, definition.mode.rawValue)
        }
        if present.definition.key != definition.key, isDocumented || definition.key != nil {
            throw .topicHasKey(spec.name, present.definition.key, definition.key)
        }
        // An older schema of the topic's own is what a writer may still have.
        if !isDocumented, let version = present.schemas.lastIndex(of: spec.schema) {
            return (present, UInt32(version))
        }
        if isDocumented, SchemaEvolution.covers(present.schema, spec.schema) {
            // Writers have added columns, as the document lets them.
            try storing { () throws(StoreError) in try topic.setDefinition(definition.encoded) }
            return (try entry(topic), UInt32(present.schemas.count - 1))
        }
        let merged: Schema
        switch SchemaEvolution.merge(present.schema, spec.schema) {
        case .success(let schema): merged = schema
        case .failure(let refusal):
            throw .breaksReaders(spec.name, refusal.reason, topic.readers.map(\.name))
        }
        if merged != present.schema, present.definition.evolution == .none {
            throw .doesNotEvolve(spec.name)
        }
        let version = try storing { () throws(StoreError) in
            if isDocumented { try topic.setDefinition(definition.encoded) }
            return try topic.addSchema(
                StoredSchema.encode(spec.schema), after: present.schemas.count)
        }
        // Another writer has changed the schema meanwhile: it is held against that one.
        guard let version else { return try apply(spec, isDocumented: isDocumented) }
        return (try entry(topic), version)
    }

    func storing<T>(_ body: () throws(StoreError) -> T) throws(ConnectorError) -> T {
        do throws(StoreError) { return try body() } catch { throw ConnectorError(error) }
    }
}

extension TopicSpec {
    /// What a sink implies about the topic that it writes.
    package init(of sink: SinkSpec, topic: String) {
        self.init(
            name: topic, path: "", line: 0, schema: sink.inputSchema, key: sink.topicKey,
            mode: sink.topicMode)
    }
}

/// The pipelines that run, or are to run. A partition of another one is idle: it holds no reader's
/// watermark back. One that is expected does, also before it has started.
package final class ExpectedWriters: Sendable {
    /// nil: all may come.
    private let names = Mutex<Set<String>?>(nil)

    package init() {}

    /// Returns whether anything has changed.
    package func set(_ names: Set<String>) -> Bool {
        self.names.withLock { known in
            defer { known = names }
            return known != names
        }
    }

    func contains(_ pipeline: String) -> Bool {
        names.withLock { $0?.contains(pipeline) ?? true }
    }
}
