/// The fields of sources, tables and sinks, their connectors and formats.
extension SpecFields {
    /// Connectors that the language names and this version does not have.
    static let laterConnectors = ["socket", "exec", "http", "kafka", "postgres", "sqlite"]

    private static let connectorFields = [
        SpecField(
            "file", .group(fileSource),
            "Reads files; see *file source*. One connector is required.",
            example: "file: {path: data/events.ndjson}"),
        SpecField(
            "topic", .named(.topic),
            "Reads a topic of the store. Takes no `format`, and brings its schema.",
            example: "topic: orders"),
        SpecField(
            "stdin", .nothing, "Reads standard input, under `run` only. Takes no options.",
            example: "stdin: {}"),
        SpecField(
            "generate", .group(generate), "Makes rows; see *generate*. Takes no `format`.",
            example: "generate: {rate: 1000, seed: 42, columns: {…}}"),
    ]

    private static let readingFields = [
        SpecField(
            "format",
            .either(
                "`json`, `csv`, `lines`, `regex`, `logfmt`, or `{NAME: options}`", [.oneOf(format)]),
            "How rows stand in the bytes. Required for `file` and `stdin`.",
            example: "format: {csv: {header: false}}"),
        SpecField(
            "timezone", .text, default: "UTC",
            "The zone of text without an offset: an IANA name, `±hh:mm`, or `local` for the "
                + "machine's.", example: "timezone: Europe/Berlin"),
        SpecField(
            "schema", .entries(.column, .columnType(schemaField)),
            "The columns: `name: type`, or `name: {type, path, default, required}`. Required, except "
                + "with `topic`: there it picks columns by `name: type`; all of them otherwise.",
            example: "schema: {ad_id: string, event_time: timestamp(ms)}"),
    ]

    package static let source = FieldGroup(
        "source", at: "sources.NAME",
        connectorFields + readingFields + [
            SpecField(
                "event_time",
                .either("a mapping, or `arrival`", [.choice(["arrival"]), .group(eventTime)]),
                default: "arrival",
                "What says when a row happened; see *event time*. A topic's rows have theirs already, "
                    + "which counts unless this is given.",
                example: "event_time: {column: event_time, max_out_of_orderness: 2s}"),
            SpecField(
                "metadata", .group(metadata),
                "Columns from outside the row, after those of `schema`.",
                example: "metadata: {path: file.path}"),
        ] + topicReadingFields,
        later: laterConnectors,
        rules: FieldRules(
            one: connectorFields.map(\.name),
            needs: [("file", ["format", "schema"]), ("stdin", ["format", "schema"])]))

    package static let table = FieldGroup(
        "table", at: "tables.NAME",
        connectorFields + readingFields + [
            SpecField(
                "key", .columns,
                "The columns that identify a row. Required, except over a topic that has a key.",
                example: "key: [ad_id]"),
            SpecField(
                "delete_when", .expression, "A row for which this is true removes its key.",
                example: "delete_when: status = 'gone'"),
            SpecField(
                "event_time",
                .either("a mapping, or `arrival`", [.choice(["arrival"]), .group(eventTime)]),
                "What says since when a row stands; see *event time*. A topic's rows have theirs "
                    + "already; other rows stand since they were read.",
                example: "event_time: {column: valid_from, idle_timeout: 1m}"),
            SpecField(
                "history", .duration,
                "Keeps versions for joins with `as_of`, this long behind the watermark.",
                example: "history: 30d"),
        ] + topicReadingFields,
        later: laterConnectors + ["metadata"],
        rules: FieldRules(
            one: connectorFields.map(\.name),
            needs: [
                ("file", ["format", "schema", "key"]), ("stdin", ["format", "schema", "key"]),
                ("generate", ["key"]),
            ]))

    package static let fileSource = FieldGroup(
        "file source", at: "sources.NAME.file",
        [
            SpecField(
                "path", .text, required: true,
                "The file, relative to the working directory or absolute; `*`, `?` and `[…]` match "
                    + "within its last part.", example: "path: data/events-*.ndjson"),
            SpecField(
                "follow", .boolean, default: "false",
                "Sources: waits for more at a file's end, through rotation, instead of ending.",
                example: "follow: true"),
            SpecField(
                "refresh", .duration,
                "Tables: how often the file is looked at again; a row that is gone is removed.",
                example: "refresh: 1m"),
        ])

    /// Fields of `generate` that go with `nexmark` alone.
    static let generateOfNexmark = ["events", "start"]

    package static let generate = FieldGroup(
        "generate", at: "sources.NAME.generate",
        [
            SpecField(
                "rate", .number, unit: "rows per second",
                "How fast rows are made; as fast as they are taken otherwise. With `nexmark`: events "
                    + "per second of event time, a whole number, by default 10000.",
                example: "rate: 1000"),
            SpecField(
                "count", .integer, unit: "rows",
                "How many rows are made; no end otherwise. Not with `nexmark`.",
                example: "count: 10000"),
            SpecField(
                "seed", .integer, default: "0",
                "Row n is a function of the seed and n alone.", example: "seed: 42"),
            SpecField(
                "columns", .entries(.column, .oneOf(generateColumn)),
                "What fills each column of `schema`; see *generate column*. Required, except with "
                    + "`nexmark`.",
                example: "columns: {ad_id: {key: {prefix: ad-, count: 1000}}, user_id: uuid}"),
            SpecField(
                "nexmark", .choice(["person", "auction", "bid"]),
                "Rows of an auction house instead of `columns`: all that share seed, rate and start "
                    + "are views of one stream of events. Brings its columns and event time.",
                example: "nexmark: bid"),
            SpecField(
                "events", .integer, unit: "events",
                "With `nexmark`, required: how many events of all three kinds there are; 46 of 50 are "
                    + "bids, 3 auctions and 1 is a person.", example: "events: 1000000"),
            SpecField(
                "start", .text,
                "With `nexmark`: the first event's time, RFC 3339; 2026-01-01T00:00:00Z otherwise.",
                example: "start: 2026-06-01T00:00:00Z"),
        ])

    package static let generateColumn = FieldGroup(
        "generate column", at: "sources.NAME.generate.columns.COLUMN",
        [
            SpecField(
                "sequence", .integer, default: "0",
                "bigint: the row's number, from this one on. Also plain `sequence`.",
                example: "sequence: 1"),
            SpecField(
                "range", .either("`[low, high]`", [.list(.number, count: 2)]),
                "bigint or double: uniform from low to high, both included.",
                example: "range: [1, 100]"),
            SpecField(
                "boolean", .nothing, "boolean: true half of the time. Written plain.",
                example: "is_new: boolean"),
            SpecField(
                "choice", .either("a list of texts", [.list(.text)]),
                "string: one of these, uniformly.",
                example: "choice: [view, click, purchase]"),
            SpecField(
                "key", .group(generateKey), "string: a pool of keys; see *generate key*.",
                example: "key: {prefix: ad-, count: 1000}"),
            SpecField(
                "uuid", .integer, unit: "different values",
                "string: a UUID out of a pool of this many; plain `uuid` is a new one a row.",
                example: "uuid: 1000"),
            SpecField(
                "time", .group(generateTime),
                "timestamp: rises with the row's number; see *generate time*.",
                example: "time: {step: 1ms}"),
        ],
        rules: FieldRules(
            one: ["sequence", "range", "boolean", "choice", "key", "uuid", "time"],
            alone: ["sequence", "boolean", "uuid", "time"]))

    package static let generateKey = FieldGroup(
        "generate key", at: "sources.NAME.generate.columns.COLUMN.key",
        [
            SpecField(
                "prefix", .text, default: "", "Stands before the number.", example: "prefix: ad-"),
            SpecField(
                "count", .integer, unit: "keys", required: true,
                "The keys are `prefix` and 0 … count − 1.", example: "count: 1000"),
        ])

    package static let generateTime = FieldGroup(
        "generate time", at: "sources.NAME.generate.columns.COLUMN.time",
        [
            SpecField(
                "start", .text, "The first row's time, RFC 3339; the clock at the start otherwise.",
                example: "start: 2026-01-01T00:00:00Z"),
            SpecField(
                "step", .duration,
                "From one row to the next. By `rate` when there is one, else 1ms.",
                example: "step: 10ms"),
            SpecField(
                "jitter", .duration, default: "0s", "Up to so much earlier, at random.",
                example: "jitter: 1s"),
        ])

    package static let format = FieldGroup(
        "format", at: "sources.NAME.format",
        [
            SpecField(
                "json", .group(json), "One JSON object a line; see *json*.", example: "format: json"
            ),
            SpecField(
                "csv", .group(csv), "Comma-separated values; see *csv*.",
                example: "format: {csv: {header: false}}"),
            SpecField(
                "lines", .nothing, "Each line is one row with the string column `line`.",
                example: "format: lines"),
            SpecField(
                "regex", .group(regex),
                "Sources: each line that a regular expression matches is one row; see *regex*.",
                example: "format: {regex: {pattern: '^(?<level>\\w+) (?<text>.*)$'}}"),
            SpecField(
                "logfmt", .nothing,
                "Sources: each line of `key=value` pairs is one row; see *logfmt*. Takes no options.",
                example: "format: logfmt"),
        ],
        later: ["debezium"],
        rules: FieldRules(
            one: ["json", "csv", "lines", "regex", "logfmt"],
            alone: ["json", "csv", "lines", "logfmt"]))

    /// The formats that rows can be written in.
    static let sinkFormat = format.only(["json", "csv", "lines"], as: "sink format")
    /// The formats that a text within a row can have.
    static let parseFormat = format.only(
        ["json", "csv", "regex", "logfmt"], as: "parse format")

    package static let regex = FieldGroup(
        "regex", at: "sources.NAME.format.regex",
        [
            SpecField(
                "pattern", .text, required: true,
                "RE2's syntax, with a named group for each column; looked for in the line, so begin "
                    + "it with `^` and end it with `$`.",
                example: "pattern: '^(?<host>\\S+) (?<status>\\d+)$'"),
            SpecField(
                "null", .text, default: "", "The text of a group that stands for null.",
                example: "null: '-'"),
        ])

    package static let json = FieldGroup(
        "json", at: "sources.NAME.format.json",
        [
            SpecField(
                "on_missing", .choice(["null", "invalid"]), default: "null",
                "Sources: what a field that the row lacks becomes.", example: "on_missing: invalid")
        ])

    package static let csv = FieldGroup(
        "csv", at: "sources.NAME.format.csv",
        [
            SpecField(
                "delimiter", .text, default: ",",
                "One ASCII character between fields; `\\t` in double quotes for a tab.",
                example: "delimiter: ';'"),
            SpecField(
                "header", .boolean, default: "true",
                "The first line names the columns, which then go by name; by position otherwise.",
                example: "header: false"),
            SpecField(
                "quote", .text, default: "\"",
                "The ASCII character around fields that hold a delimiter; empty for none.",
                example: "quote: \"'\""),
            SpecField(
                "null", .text, default: "", "The unquoted text that stands for null.",
                example: "null: '-'"),
            SpecField(
                "missing", .choice(["invalid", "null"]), default: "invalid",
                "Sources: what a line with too few fields is.", example: "missing: null"),
            SpecField(
                "extra", .choice(["invalid", "ignore", "join"]), default: "invalid",
                "Sources: what happens to more fields than columns; `join` leaves them in the last.",
                example: "extra: ignore"),
        ])

    package static let sink = FieldGroup(
        "sink", at: "sinks.NAME",
        [
            SpecField(
                "from", .node, required: true,
                "The node, or the port of one (`STEP.late`), whose rows are written.",
                example: "from: per_campaign"),
            SpecField(
                "file", .group(fileSink),
                "Writes files; see *file sink*. One connector is required.",
                example: "file: {path: out/counts.ndjson}"),
            SpecField(
                "topic", .named(.topic), "Writes a topic of the store. Takes no `format`.",
                example: "topic: campaign-views"),
            SpecField(
                "stdout", .nothing, "Writes to standard output. Takes no options.",
                example: "stdout: {}"),
            SpecField(
                "format",
                .either("`json`, `csv`, `lines`, or `{NAME: options}`", [.oneOf(sinkFormat)]),
                "How rows are written. Required for `file` and `stdout`.",
                example: "format: json"),
            SpecField(
                "mode", .choice(["append", "upsert", "changelog"]), default: "append",
                "What is written of a change: `append` takes new rows only; `upsert` writes the row "
                    + "or its deletion, `changelog` every change, each with `_op`. Of a topic it is "
                    + "the topic's mode.",
                example: "mode: upsert"),
            SpecField(
                "key", .columns,
                "`upsert`: the columns that identify a row; the stream's key otherwise.",
                example: "key: [campaign_id]"),
            SpecField(
                "delete_when", .expression,
                "`upsert`, `changelog`: a row for which this is true is written as a deletion.",
                example: "delete_when: quantity = 0"),
            SpecField(
                "guarantee", .choice(["exactly_once", "at_least_once"]),
                "What is asked of the sink: a pipeline that cannot give `exactly_once` is refused. "
                    + "Files and topics give it, unless a source is `stdin`.",
                example: "guarantee: exactly_once"),
        ],
        later: laterConnectors,
        rules: FieldRules(
            one: ["file", "topic", "stdout"],
            needs: [("file", ["format"]), ("stdout", ["format"])]))

    package static let fileSink = FieldGroup(
        "file sink", at: "sinks.NAME.file",
        [
            SpecField(
                "path", .text, required: true,
                "The file; may hold `%Y %m %d %H %M %S` of the row's event time (UTC).",
                example: "path: out/%Y-%m-%d.ndjson"),
            SpecField(
                "roll", .group(roll), "When a file is sealed and the next begun; see *roll*.",
                example: "roll: {size: 64MiB, every: 1h}"),
            SpecField(
                "partition_by", .columns,
                "Timestamp columns whose day is a `name=YYYY-MM-DD` folder above the file.",
                example: "partition_by: [window_start]"),
        ],
        later: ["done_file"])

    package static let roll = FieldGroup(
        "roll", at: "sinks.NAME.file.roll",
        [
            SpecField("size", .size, "At this size.", example: "size: 64MiB"),
            SpecField("every", .duration, "At this age.", example: "every: 1h"),
        ])
}
