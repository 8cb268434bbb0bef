/// Every field of the spec language that this version reads, in the order of the reference.
package enum SpecFields {
    package static let all: [FieldGroup] = [
        document, source, table, fileSource, topicPosition, generate, generateColumn, generateKey,
        generateTime, format, json, csv, regex, schemaField, eventTime, metadata, step, join,
        within,
        aggregate, window, hopping, cumulative, session, emit, deduplicate, top, over, pattern,
        parse, unnest, sink, fileSink, roll,
        settings,
        deadLetters, topic, retention, compaction, testFile, test, testStep, lines, expectation,
    ]

    package static let document = FieldGroup(
        "document", at: "",
        [
            SpecField(
                "pipeline", .name, required: true,
                "The pipeline's name: lower-case letters, digits and `-`, at most 63, unique in the "
                    + "directory.", example: "pipeline: ad-campaign-views"),
            SpecField(
                "description", .text, "One line for people; no meaning.",
                example: "description: Views per campaign"),
            SpecField(
                "parameters", .mapping,
                "Typed constants, read in expressions as `$name`; `--param name=value` overrides "
                    + "one.", example: "parameters: {limit: 10000, region: eu}"),
            SpecField(
                "sources", .mapping, "Streams, by name.",
                example: "sources: {events: {…}}"),
            SpecField(
                "tables", .mapping, "Sources kept as the latest row per key, by name.",
                example: "tables: {campaigns: {…}}"),
            SpecField(
                "steps", .mapping, "The work, by name.", example: "steps: {views: {…}}"),
            SpecField(
                "sinks", .mapping, required: true, "Where results go, by name.",
                example: "sinks: {counts: {…}}"),
            SpecField(
                "settings", .mapping, "How the pipeline runs.",
                example: "settings: {checkpoint_interval: 1s}"),
            SpecField(
                "tests", .either("a list of tests"),
                "What must hold, for `pipelined test`; see *test*. What runs takes no notice.",
                example: "tests: [{name: …}]"),
        ])

    package static let schemaField = FieldGroup(
        "schema field", at: "sources.NAME.schema.COLUMN",
        [
            SpecField(
                "type", .type, required: true,
                "`boolean`, `bigint`, `double`, `decimal(p,s)`, `string`, `bytes`, `date`, `timestamp`, "
                    + "`timestamp(s)`, `timestamp(ms)`, `timestamp(us)`, `timestamp(ns)`, "
                    + "`timestamp('PATTERN')`, `json`, `[TYPE]`, `{field: TYPE}`, or "
                    + "`'array<TYPE>'` and `'struct<field TYPE>'` in quotes.",
                example: "type: timestamp(ms)"),
            SpecField(
                "path", .text,
                "Where the value lies in the row, names joined by `.`; the column's name otherwise.",
                example: "path: user.id"),
            SpecField(
                "default", .constant,
                "Stands where the row has no such field (not where it is null).",
                example: "default: 0"),
            SpecField(
                "required", .boolean, default: "false",
                "A row without the field, or with null in it, is invalid.",
                example: "required: true"),
        ])

    package static let eventTime = FieldGroup(
        "event time", at: "sources.NAME.event_time",
        [
            SpecField(
                "column", .column,
                "The timestamp column that holds each row's event time. Either this or "
                    + "`expression`.", example: "column: event_time"),
            SpecField(
                "expression", .expression,
                "A timestamp computed from the row's columns. A row for which it is null is invalid.",
                example: "expression: to_timestamp(day || ' ' || time)"),
            SpecField(
                "max_out_of_orderness", .duration, default: "0s",
                "How far behind the highest event time seen a row may be without being late.",
                example: "max_out_of_orderness: 2s"),
            SpecField(
                "idle_timeout", .duration,
                "A file that gave nothing for so long no longer holds back the watermark.",
                example: "idle_timeout: 30s"),
            SpecField(
                "max_future", .duration, default: "5m",
                "A timestamp further ahead of the clock does not move the watermark.",
                example: "max_future: 1h"),
        ])

    package static let metadata = FieldGroup(
        "metadata", at: "sources.NAME.metadata",
        [
            SpecField(
                "COLUMN", .choice(MetadataColumn.Origin.allCases.map(\.rawValue)),
                "A column from outside the row: the file's path (string), the line in it (bigint), "
                    + "or the clock when it was read (timestamp); of a topic the partition (string), "
                    + "the row's number in it (bigint), or the clock when it was appended (timestamp).",
                example: "metadata: {path: file.path, line: file.line}")
        ])

    package static let settings = FieldGroup(
        "settings", at: "settings",
        [
            SpecField(
                "checkpoint_interval", .duration, default: "1s",
                "Time between two commits; 10ms at least.", example: "checkpoint_interval: 5s"),
            SpecField(
                "on_error", .choice(["dead_letter", "fail"]), default: "dead_letter",
                "What happens to a row that cannot be read or evaluated: it is set aside, or the "
                    + "pipeline stops.", example: "on_error: fail"),
            SpecField(
                "suspend", .boolean, default: "false", "Keeps the pipeline from running.",
                example: "suspend: true"),
            SpecField(
                "memory_max", .size,
                "Most bytes of state before the pipeline pauses with a reason.",
                example: "memory_max: 512MiB"),
            SpecField(
                "dead_letters", .mapping,
                "How the rows that were set aside are kept; see *dead letters*.",
                example: "dead_letters: {retention: 30d}"),
        ],
        later: ["on_change", "replay_from", "approve", "state_ttl", "lanes"])

    package static let deadLetters = FieldGroup(
        "dead letters", at: "settings.dead_letters",
        [
            SpecField(
                "retention", .duration, default: "14d",
                "How long they are kept in the topic `PIPELINE.dead-letters`.",
                example: "retention: 30d")
        ])
}
