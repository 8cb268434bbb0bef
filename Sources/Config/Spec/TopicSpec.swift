import Operators

/// One topic: a `topic:` document, or what a sink's node implies about the topic that it writes.
///
/// A plain value like ``PipelineSpec``. It says what a topic should be; what is in the store, and
/// whether that can become this, is for who opens it.
package struct TopicSpec: Hashable, Sendable {
    /// What a row of the topic says.
    package enum Mode: String, Sendable, CaseIterable {
        /// Rows are only ever added.
        case append
        /// A row stands for its key until the next one, or is the key's deletion.
        case upsert
        /// Every change, with its sign.
        case changelog
    }

    /// How long rows are kept; both nil: for ever.
    package struct Retention: Hashable, Sendable {
        package var timeMicros: Int64?
        package var bytes: Int64?

        package static let forever = Retention(timeMicros: nil, bytes: nil)

        package init(timeMicros: Int64?, bytes: Int64?) {
            self.timeMicros = timeMicros
            self.bytes = bytes
        }
    }

    /// `compact:`: of each key the latest row is kept.
    package struct Compaction: Hashable, Sendable {
        /// How long an older row of a key may still be there.
        package var withinMicros: Int64
        /// How long a deletion is kept, for readers that are behind.
        package var tombstonesMicros: Int64

        package init(withinMicros: Int64, tombstonesMicros: Int64) {
            self.withinMicros = withinMicros
            self.tombstonesMicros = tombstonesMicros
        }
    }

    /// Which schemas may follow the topic's present one.
    package enum Evolution: String, Sendable, CaseIterable {
        /// Those that rows written so far can be read by: columns are added, types widened.
        case compatible
        case none
    }

    package var name: String
    package var description: String?
    package var owner: String?
    /// The file it was read from, as given, and the line of `topic:` (1-based). Of an implied topic
    /// those of the sink.
    package var path: String
    package var line: Int
    /// The columns, in order.
    package var schema: Schema
    /// The columns as `schema:` declares them, for rows that come as text: `path`, `default`,
    /// `required`, how a timestamp stands. One for each column, in order.
    package var fields: [FieldSpec]
    /// Positions in `schema`, in the order of `key:`; nil when nothing identifies a row.
    package var key: [Int]?
    package var mode: Mode
    package var retention: Retention
    package var compaction: Compaction?
    package var evolution: Evolution
    /// The column, of type timestamp, that says when a produced row happened; its arrival otherwise.
    package var eventTime: String?
    /// The sink that implies it, as messages name it: `sink 'counts' of 'ad-views'`; nil of a
    /// document.
    package var writer: String?
    /// Where its name stands.
    package var locations: SpecLocations

    package init(
        name: String, description: String? = nil, owner: String? = nil, path: String, line: Int,
        schema: Schema, fields: [FieldSpec]? = nil, key: [Int]? = nil, mode: Mode = .append,
        retention: Retention = .forever, compaction: Compaction? = nil,
        evolution: Evolution = .compatible, eventTime: String? = nil, writer: String? = nil,
        locations: SpecLocations = SpecLocations()
    ) {
        self.name = name
        self.description = description
        self.owner = owner
        self.path = path
        self.line = line
        self.schema = schema
        self.fields = fields ?? schema.fieldSpecs
        self.key = key
        self.mode = mode
        self.retention = retention
        self.compaction = compaction
        self.evolution = evolution
        self.eventTime = eventTime
        self.writer = writer
        self.locations = locations
    }

    /// What says how the topic is, as messages name it.
    package var origin: String { writer ?? "\(path):\(line)" }

    /// The names of the key's columns.
    package var keyNames: [String]? { key.map { $0.map { schema[$0].name } } }
}

extension Schema {
    /// Each column as a field that is named like it.
    package var fieldSpecs: [FieldSpec] {
        fields.enumerated().map { ordinal, field in
            FieldSpec(name: field.name, type: field.type, path: [field.name], ordinal: ordinal)
        }
    }
}

/// What a spec that names a topic has to know of it.
package struct KnownTopic: Hashable, Sendable {
    package var schema: Schema
    /// As a `topic:` document declares them; nil where no document does.
    package var fields: [FieldSpec]?
    /// Positions in `schema`.
    package var key: [Int]?
    package var mode: TopicSpec.Mode
    /// The column that says when a produced row happened, where a document names one.
    package var eventTime: String?
    /// Where it is known from, for messages: `topics.yaml:3`, `sink 'counts' of 'ad-views'`,
    /// `the store`.
    package var origin: String

    package init(
        schema: Schema, fields: [FieldSpec]? = nil, key: [Int]? = nil, mode: TopicSpec.Mode,
        origin: String
    ) {
        self.schema = schema
        self.fields = fields
        self.key = key
        self.mode = mode
        self.origin = origin
    }

    /// What a document says, or a sink implies.
    package init(_ topic: TopicSpec) {
        self.init(
            schema: topic.schema, fields: topic.writer == nil ? topic.fields : nil,
            key: topic.key, mode: topic.mode, origin: topic.origin)
        eventTime = topic.eventTime
    }

    /// Whether a spec that reads the topic is the same with either.
    package func hasShape(of other: KnownTopic?) -> Bool {
        schema == other?.schema && key == other?.key && mode == other?.mode
    }
}
