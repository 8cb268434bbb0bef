import Operators

/// The one connector of a source or table, with its options.
package enum SourceConnector: Hashable, Sendable {
    case file(FileSourceOptions)
    case stdin
    case generate(GenerateOptions)
    case nexmark(NexmarkOptions)
    case topic(TopicSourceOptions)
}

/// The one connector of a sink, with its options.
package enum SinkConnector: Hashable, Sendable {
    case file(FileSinkOptions)
    case stdout
    case topic(TopicSinkOptions)
}

/// `file:` of a source or table. Durations in microseconds.
package struct FileSourceOptions: Hashable, Sendable {
    /// The path as it is opened: relative to the working directory or absolute, `*`, `?` and `[…]`
    /// in its last parts.
    package var path: String
    /// Whether the end of a file is only its end for now.
    package var isFollowed: Bool
    /// Tables: how often the file is read again; nil for never.
    package var refreshMicros: Int64?
    /// The path as the spec has it, before `${…}`: what may be shown.
    package var writtenPath: String

    package init(
        path: String, isFollowed: Bool, refreshMicros: Int64? = nil, writtenPath: String? = nil
    ) {
        self.path = path
        self.isFollowed = isFollowed
        self.refreshMicros = refreshMicros
        self.writtenPath = writtenPath ?? path
    }

    package var isGlob: Bool { path.utf8.contains { $0 == 0x2a || $0 == 0x3f || $0 == 0x5b } }
}

/// `file:` of a sink.
package struct FileSinkOptions: Hashable, Sendable {
    /// May hold strftime letters of the row's event time (UTC): `out/%Y-%m-%d.ndjson`.
    package var path: String
    /// A file is sealed and the next one begun at this size or age.
    package var rollBytes: Int?
    package var rollMicros: Int64?
    /// Columns (positions in the input's schema; of date or timestamp type) whose day is a
    /// `name=YYYY-MM-DD` folder above the file.
    package var partitionColumns: [Int]
    /// The path as the spec has it, before `${…}`: what may be shown.
    package var writtenPath: String

    package init(
        path: String, rollBytes: Int? = nil, rollMicros: Int64? = nil, partitionColumns: [Int] = [],
        writtenPath: String? = nil
    ) {
        self.path = path
        self.writtenPath = writtenPath ?? path
        self.rollBytes = rollBytes
        self.rollMicros = rollMicros
        self.partitionColumns = partitionColumns
    }
}

/// `topic:` of a source or table, with what stands beside it.
///
/// The fields of its node have the topic's names and types, or types widened from them; an ordinal
/// is the position in the schema by which the topic was known when the spec was read.
package struct TopicSourceOptions: Hashable, Sendable {
    /// What happens when the position to go on from is no longer kept.
    package enum OnGap: String, Sendable, CaseIterable {
        /// The pipeline stands still, with the number of rows missed.
        case stall
        /// It goes on from the first row that is kept.
        case skip
    }
    package var name: String
    /// Where the first run begins.
    package var start: TopicPosition
    /// Where the source ends; nil for never.
    package var stop: TopicPosition?
    package var onGap: OnGap
    /// The topic's.
    package var mode: TopicSpec.Mode
    /// Whether rows have the event time that they are stored with and the watermark is the writer's:
    /// no `event_time` was given.
    package var usesStoredTime: Bool

    package init(
        name: String, start: TopicPosition = .earliest, stop: TopicPosition? = nil,
        onGap: OnGap = .stall, mode: TopicSpec.Mode = .append, usesStoredTime: Bool = true
    ) {
        self.name = name
        self.start = start
        self.stop = stop
        self.onGap = onGap
        self.mode = mode
        self.usesStoredTime = usesStoredTime
    }
}

/// `start:` and `stop:`. Times in microseconds.
package enum TopicPosition: Hashable, Sendable {
    /// The first row that is kept.
    case earliest
    /// The end as it is when the pipeline first starts.
    case latest
    /// A row's number in a partition; without one, in the only partition there is.
    case offset(partition: String?, UInt64)
    /// The first row at this event time or after it, since the epoch.
    case timestamp(Int64)
    /// So long before the pipeline first starts.
    case since(Int64)
}

/// `topic:` of a sink. Mode and key are the sink's.
package struct TopicSinkOptions: Hashable, Sendable {
    package var name: String

    package init(name: String) { self.name = name }
}

/// `generate:`: seeded rows at a rate. Row n is a function of seed and n alone.
package struct GenerateOptions: Hashable, Sendable {
    package enum Column: Hashable, Sendable {
        /// n, from `start`.
        case sequence(start: Int64)
        /// Uniform in low...high.
        case integer(low: Int64, high: Int64)
        case double(low: Double, high: Double)
        case boolean
        /// One of the texts, uniformly.
        case choice([[UInt8]])
        /// `prefix` and a number in 0..<count: a pool of keys.
        case key(prefix: [UInt8], count: Int64)
        /// A UUID (version 4 form) out of a pool of `count`, or a fresh one a row for nil.
        case uuid(count: Int64?)
        /// start + n × step microseconds, less a random 0..<jitter.
        case time(startMicros: Int64?, stepMicros: Int64, jitterMicros: Int64)
    }
    package var seed: UInt64
    /// Rows in all; nil for no end.
    package var count: Int64?
    /// Rows per second; nil for as fast as they are taken.
    package var rate: Double?
    /// In the order of the schema's fields.
    package var columns: [Column]

    package init(seed: UInt64, count: Int64?, rate: Double?, columns: [Column]) {
        self.seed = seed
        self.count = count
        self.rate = rate
        self.columns = columns
    }
}

/// `format:` with its options.
package enum FormatSpec: Hashable, Sendable {
    case json(JSONOptions)
    case csv(CSVOptions)
    case lines
    case regex(RegexOptions)
    case logfmt(LogfmtOptions)
    /// For connectors that make rows themselves.
    case none
}

package struct JSONOptions: Hashable, Sendable {
    package enum OnMissing: String, Sendable, CaseIterable { case null, invalid }
    package var onMissing: OnMissing = .null
    /// The zone of text without an offset: an IANA name or `±hh:mm`.
    package var timezone = "UTC"

    package init() {}
}

/// Of a format that only reads.
package struct RegexOptions: Hashable, Sendable {
    /// RE2's syntax; has a named group for each field.
    package var pattern: String
    /// The text of a group that stands for null.
    package var null: [UInt8] = []
    package var timezone = "UTC"

    package init(pattern: String) { self.pattern = pattern }
}

/// Of a format that only reads.
package struct LogfmtOptions: Hashable, Sendable {
    package var timezone = "UTC"

    package init() {}
}

package struct CSVOptions: Hashable, Sendable {
    package enum OnMissing: String, Sendable, CaseIterable { case invalid, null }
    package enum OnExtra: String, Sendable, CaseIterable { case invalid, ignore, join }
    /// One ASCII byte.
    package var delimiter: UInt8 = 0x2c
    package var hasHeader = true
    /// nil for no quoting.
    package var quote: UInt8? = 0x22
    /// The text that stands for null; an empty unquoted field is null when this is empty.
    package var null: [UInt8] = []
    package var onMissing: OnMissing = .invalid
    package var onExtra: OnExtra = .invalid
    package var timezone = "UTC"
    /// How many columns the whole `schema:` declares, also those that nothing reads: what a row
    /// without a header must have. 0: as many as the fields' ordinals ask for.
    package var columnCount = 0

    package init() {}
}
