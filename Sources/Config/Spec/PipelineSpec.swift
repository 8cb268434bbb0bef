import Operators

/// One pipeline, read, resolved and type-checked: the only thing that leaves Config.
///
/// A plain value: names are resolved, columns are positions, expressions are bound, durations are
/// microseconds. It does not know which engine will run it. Nodes are in topological order, and in
/// the order of the file where that leaves a choice.
package struct PipelineSpec: Hashable, Sendable {
    package var name: String
    package var description: String?
    /// The file it was read from, as given, and the line of `pipeline:` (1-based).
    package var path: String
    package var line: Int
    package var parameters: [String: Literal]
    package var sources: [SourceSpec]
    package var tables: [TableSpec]
    package var steps: [StepSpec]
    package var sinks: [SinkSpec]
    package var settings: PipelineSettings
    /// Where its names and paths stand in the file; no part of what the spec means.
    package var locations: SpecLocations

    package init(
        name: String, description: String?, path: String, line: Int,
        parameters: [String: Literal], sources: [SourceSpec], tables: [TableSpec],
        steps: [StepSpec], sinks: [SinkSpec], settings: PipelineSettings,
        locations: SpecLocations = SpecLocations()
    ) {
        self.name = name
        self.description = description
        self.path = path
        self.line = line
        self.parameters = parameters
        self.sources = sources
        self.tables = tables
        self.steps = steps
        self.sinks = sinks
        self.settings = settings
        self.locations = locations
    }
}

/// `settings:`. Durations in microseconds, sizes in bytes.
package struct PipelineSettings: Hashable, Sendable {
    package enum OnError: String, Sendable, CaseIterable {
        case deadLetter = "dead_letter"
        case fail
    }
    /// What becomes of state that belongs to what the spec said before.
    package enum ChangePolicy: String, Sendable, CaseIterable {
        /// It is built anew from history, beside the version that runs.
        case rebuild
        /// Everything goes, output too, and is made anew from history: `{rebuild: {output: replace}}`.
        case replace
        /// It goes; what comes from now on makes the new one.
        case discard
        /// The version before runs on.
        case refuse
    }
    package var checkpointIntervalMicros: Int64 = 1_000_000
    /// nil where nothing is said: as `rebuild`.
    package var onChange: ChangePolicy?
    /// Where a rebuild begins although history from the start is not kept any more: earliest, a
    /// timestamp, or since; nil where nothing is given up.
    package var replayFrom: TopicPosition?
    /// Whether a change waits for a person's `approve`.
    package var needsApproval = false
    package var onError: OnError = .deadLetter
    package var isSuspended = false
    /// Most bytes of keyed state before the pipeline pauses with a reason; nil without a limit.
    package var memoryBytesMax: Int?
    /// How long dead letters are kept.
    package var deadLetterRetentionMicros: Int64 = 14 * 86_400_000_000

    package init() {}
}

/// Where a node's input comes from: a node's main output or one of its ports.
package struct NodeReference: Hashable, Sendable {
    package enum Port: String, Sendable, CaseIterable {
        case main = ""
        case late, unmatched, invalid
    }
    package var node: String
    package var port: Port

    package init(node: String, port: Port) {
        self.node = node
        self.port = port
    }
}

/// What a node gives, known without running it.
package struct NodeOutput: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        /// Rows are only ever added.
        case append
        /// Rows change; `key` are the columns that identify one, nil when nothing does.
        case updating(key: [String]?)
    }
    package var schema: Schema
    package var change: Change

    package init(schema: Schema, change: Change) {
        self.schema = schema
        self.change = change
    }
}

/// One of `sources:`.
package struct SourceSpec: Hashable, Sendable {
    package var name: String
    package var connector: SourceConnector
    package var format: FormatSpec
    /// The declared fields that are read from the format, in the order of `schema:`.
    package var fields: [FieldSpec]
    /// Columns from outside the row, which follow the fields in the output schema.
    package var metadata: [MetadataColumn]
    package var eventTime: EventTimeSpec
    package var output: NodeOutput

    package init(
        name: String, connector: SourceConnector, format: FormatSpec, fields: [FieldSpec],
        metadata: [MetadataColumn], eventTime: EventTimeSpec, output: NodeOutput
    ) {
        self.name = name
        self.connector = connector
        self.format = format
        self.fields = fields
        self.metadata = metadata
        self.eventTime = eventTime
        self.output = output
    }
}

/// One of `tables:`: a source kept as the latest row per key.
package struct TableSpec: Hashable, Sendable {
    package var name: String
    package var connector: SourceConnector
    package var format: FormatSpec
    package var fields: [FieldSpec]
    /// Positions of the key's columns in `output.schema`, in the order of `key:`.
    package var key: [Int]
    /// A row for which this is true removes its key.
    package var deleteWhen: BoundExpression?
    package var output: NodeOutput
    /// When a row happened; nil where nothing is said: a topic's stored time, else arrival.
    package var eventTime: EventTimeSpec?
    /// How long versions are kept behind the watermark; nil where none are.
    package var historyMicros: Int64?
    /// Whether a step or sink reads it as a stream of changes.
    package var isStreamed = false

    package init(
        name: String, connector: SourceConnector, format: FormatSpec, fields: [FieldSpec],
        key: [Int], deleteWhen: BoundExpression?, output: NodeOutput
    ) {
        self.name = name
        self.connector = connector
        self.format = format
        self.fields = fields
        self.key = key
        self.deleteWhen = deleteWhen
        self.output = output
    }
}

/// One field of a `schema:`.
package struct FieldSpec: Hashable, Sendable {
    /// How a timestamp stands in the input.
    package enum TimestampEncoding: Hashable, Sendable {
        /// RFC 3339 text, or `YYYY-MM-DD hh:mm:ss` read in the format's time zone.
        case rfc3339
        /// An integer of this many per second: 1, 1_000, 1_000_000 or 1_000_000_000.
        case integer(unitsPerSecond: Int64)
        /// Text by a pattern of date letters or strftime.
        case pattern(String)
    }
    package var name: String
    package var type: ColumnType
    /// Where the value lies in the row: `path: user.id` is ["user", "id"]. Just the name otherwise.
    package var path: [String]
    /// Stands in where the row has no such field (not where it is null).
    package var defaultValue: Literal?
    /// A row without it, or with null, is invalid.
    package var isRequired: Bool
    package var timestamp: TimestampEncoding
    /// Its place in the declared `schema:`, 0-based; it keeps it when other fields are left out
    /// because nothing reads them. The column of a CSV file without a header.
    package var ordinal: Int

    package init(
        name: String, type: ColumnType, path: [String], defaultValue: Literal? = nil,
        isRequired: Bool = false, timestamp: TimestampEncoding = .rfc3339, ordinal: Int = 0
    ) {
        self.name = name
        self.type = type
        self.path = path
        self.defaultValue = defaultValue
        self.isRequired = isRequired
        self.timestamp = timestamp
        self.ordinal = ordinal
    }
}

/// One of `metadata:`.
package struct MetadataColumn: Hashable, Sendable {
    package enum Origin: String, Sendable, CaseIterable {
        /// The path of the file, as opened; string.
        case filePath = "file.path"
        /// The 1-based line in the file; bigint.
        case fileLine = "file.line"
        /// The clock when the row was read; timestamp.
        case arrival
        /// Topics: the partition that holds the row; string.
        case topicPartition = "topic.partition"
        /// Topics: the row's number in its partition; bigint.
        case topicOffset = "topic.offset"
        /// Topics: the clock when the row was appended; timestamp.
        case topicAppendedAt = "topic.appended_at"

        /// Whether only a topic has it.
        package var isOfTopic: Bool {
            switch self {
            case .filePath, .fileLine, .arrival: return false
            case .topicPartition, .topicOffset, .topicAppendedAt: return true
            }
        }
    }
    package var name: String
    package var origin: Origin

    package init(name: String, origin: Origin) {
        self.name = name
        self.origin = origin
    }
}

/// `event_time:`. Durations in microseconds.
package struct EventTimeSpec: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        /// The clock when the row was read.
        case arrival
        /// An expression over the source's output columns, of type timestamp.
        case expression(BoundExpression)
    }
    package var value: Value
    package var maxOutOfOrdernessMicros: Int64 = 0
    package var idleTimeoutMicros: Int64?
    package var maxFutureMicros: Int64 = 300_000_000

    package init(value: Value) { self.value = value }
}

/// One of `steps:`. The clauses act in the order of the properties.
package struct StepSpec: Hashable, Sendable {
    package var name: String
    /// One, or several for a union. Columns of each are mapped by name to `inputSchema`.
    package var inputs: [NodeReference]
    package var inputSchema: Schema
    /// Over `inputSchema`.
    package var filter: BoundExpression?
    package var verb: StepVerb
    /// What the verb gives: the schema that the projection's expressions are bound to.
    package var verbSchema: Schema
    /// `add`, over `verbSchema` extended by the earlier items; `projection` and `having` see all.
    package var additions: [NamedExpression]
    /// The columns after `add`: `verbSchema` with replaced and appended columns.
    package var addedSchema: Schema
    /// Over `addedSchema`.
    package var having: BoundExpression?
    /// The output: `select` and `drop` in one, over `addedSchema`. Plain column references for what
    /// is only passed on.
    package var projection: [NamedExpression]
    package var output: NodeOutput

    package init(
        name: String, inputs: [NodeReference], inputSchema: Schema, filter: BoundExpression?,
        verb: StepVerb, verbSchema: Schema, additions: [NamedExpression], addedSchema: Schema,
        having: BoundExpression?, projection: [NamedExpression], output: NodeOutput
    ) {
        self.name = name
        self.inputs = inputs
        self.inputSchema = inputSchema
        self.filter = filter
        self.verb = verb
        self.verbSchema = verbSchema
        self.additions = additions
        self.addedSchema = addedSchema
        self.having = having
        self.projection = projection
        self.output = output
    }

    /// Every stream that feeds the step: those of `from`, then the right side of a join.
    package var allInputs: [NodeReference] {
        if case .streamJoin(let join) = verb { return inputs + [join.right] }
        return inputs
    }
}

/// What a step does besides its clauses.
package enum StepVerb: Hashable, Sendable {
    case none
    case join(TableJoinSpec)
    case streamJoin(StreamJoinSpec)
    case aggregate(AggregateSpec)
    case deduplicate(DeduplicateSpec)
    case top(TopSpec)
    case parse(ParseSpec)
    case over(OverSpec)
    case pattern(PatternSpec)
    case unnest(UnnestSpec)
}

/// `join:` to a table. The output is the left columns, then the table's; match columns of the same
/// name once (the left one). `verbSchema` is that.
package struct TableJoinSpec: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable { case inner, left }
    package var table: String
    package var kind: Kind
    /// Over the step's `inputSchema`, one for each of the table's key columns, in the key's order
    /// and of its type.
    package var match: [BoundExpression]
    /// Positions of the table's columns that the output takes, in order.
    package var tableColumns: [Int]
    /// Over the step's `inputSchema`: when the version of the table was valid that is joined; nil for
    /// the present row.
    package var asOf: BoundExpression?
    /// Whether the input changes, so that it is kept what each row was given.
    package var isInputUpdating = false
    /// How long a row without partner waits for one, by event time; nil for not at all.
    package var waitMicros: Int64?

    package init(table: String, kind: Kind, match: [BoundExpression], tableColumns: [Int]) {
        self.table = table
        self.kind = kind
        self.match = match
        self.tableColumns = tableColumns
    }
}

/// `aggregate:`. `verbSchema` is the groups' columns, `window_start` and `window_end` where there is
/// a window, then one column for each item of `compute`.
package struct AggregateSpec: Hashable, Sendable {
    package enum Window: Hashable, Sendable {
        case none
        /// Windows [start, start + size) with start ≡ offset mod `every`; tumbling has every = size.
        case hopping(sizeMicros: Int64, everyMicros: Int64, offsetMicros: Int64)
        /// Windows [start, start + n × every) up to `size`, with start ≡ offset mod `size`.
        case cumulative(sizeMicros: Int64, everyMicros: Int64, offsetMicros: Int64)
        /// The input's windows, whose bounds are these columns of `inputSchema`.
        case inherited(start: Int, end: Int)
        /// Rows of a group that are each less than the gap after another one, and less than the longest
        /// session after the first one.
        case session(gapMicros: Int64, maxMicros: Int64?)
    }
    package var window: Window
    /// Over `inputSchema`.
    package var groups: [NamedExpression]
    package var calls: [AggregateCall]
    /// Over [groups…, window_start, window_end (with a window), calls…].
    package var compute: [NamedExpression]
    package var graceMicros: Int64
    package var emission: AggregatePlan.Emission
    /// The zone by whose days hopping and cumulative windows are aligned; nil for UTC.
    package var timezone: String?

    package init(
        window: Window, groups: [NamedExpression], calls: [AggregateCall],
        compute: [NamedExpression], graceMicros: Int64, emission: AggregatePlan.Emission,
        timezone: String? = nil
    ) {
        self.window = window
        self.groups = groups
        self.calls = calls
        self.compute = compute
        self.graceMicros = graceMicros
        self.emission = emission
        self.timezone = timezone
    }

    /// When results are given unless `emit` says otherwise.
    package static func usualEmission(_ window: Window) -> AggregatePlan.Emission {
        window == .none ? .changes : .final
    }
}

/// One of `sinks:`.
package struct SinkSpec: Hashable, Sendable {
    package enum Mode: Hashable, Sendable {
        case append
        /// Writes the row or its deletion, by these columns (positions in the input's schema).
        case upsert(key: [Int])
        case changelog
    }
    package var name: String
    package var input: NodeReference
    package var inputSchema: Schema
    /// The input's own key (positions in `inputSchema`) where it is updating and has one: what tells
    /// an update from a deletion and an insertion that stand side by side.
    package var inputKey: [Int]?
    package var connector: SinkConnector
    package var format: FormatSpec
    package var mode: Mode
    /// A row for which this is true is written as a deletion.
    package var deleteWhen: BoundExpression?

    package init(
        name: String, input: NodeReference, inputSchema: Schema, inputKey: [Int]? = nil,
        connector: SinkConnector, format: FormatSpec, mode: Mode, deleteWhen: BoundExpression?
    ) {
        self.name = name
        self.input = input
        self.inputSchema = inputSchema
        self.inputKey = inputKey
        self.connector = connector
        self.format = format
        self.mode = mode
        self.deleteWhen = deleteWhen
    }
}
