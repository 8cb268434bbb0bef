/// Every field of the spec language that this version reads, in the order of the reference.
package enum SpecFields {
    package static let all: [FieldGroup] = [
        document, source, table, fileSource, topicPosition, generate, generateColumn, generateKey,
        generateTime, format, json, csv, regex, schemaField, eventTime, metadata, step, join,
        within,
        aggregate, window, hopping, cumulative, session, emit, deduplicate, top, over, pattern,
        parse, unnest, sink, fileSink, roll,
        settings, onChange, rebuild,
        deadLetters, topic, retention, compaction, testFile, test, testStep, lines, expectation,
    ]

    package static let document = FieldGroup(
        "document", at: "",
        [
            SpecField(
                "pipeline", .named(.pipeline), required: true,
                "The pipeline's name: lower-case letters, digits and `-`, at most 63, unique in the "
                    + "directory.", example: "pipeline: ad-campaign-views"),
            SpecField(
                "description", .text, "One line for people; no meaning.",
                example: "description: Views per campaign"),
            SpecField(
                "parameters", .entries(.node, .constant),
                "Typed constants, read in expressions as `$name`; `--param name=value` overrides "
                    + "one.", example: "parameters: {limit: 10000, region: eu}"),
            SpecField(
                "sources", .entries(.node, .group(source)), "Streams, by name.",
                example: "sources: {events: {…}}"),
            SpecField(
                "tables", .entries(.node, .group(table)),
                "Sources kept as the latest row per key, by name.",
                example: "tables: {campaigns: {…}}"),
            SpecField(
                "steps", .entries(.node, .group(step)), "The work, by name.",
                example: "steps: {views: {…}}"),
            SpecField(
                "sinks", .entries(.node, .group(sink)), required: true,
                "Where results go, by name.",
                example: "sinks: {counts: {…}}"),
            SpecField(
                "settings", .group(settings), "How the pipeline runs.",
                example: "settings: {checkpoint_interval: 1s}"),
            SpecField(
                "tests", .either("a list of tests", [.list(.group(test))]),
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
        ], rules: FieldRules(one: ["column", "expression"]))

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
                "dead_letters", .group(deadLetters),
                "How the rows that were set aside are kept; see *dead letters*.",
                example: "dead_letters: {retention: 30d}"),
            SpecField(
                "on_change",
                .either(
                    "one of `rebuild`, `discard`, `refuse`, or `{rebuild: {output: replace}}`",
                    [.choice(["rebuild", "discard", "refuse"]), .group(onChange)]),
                default: "rebuild",
                "What becomes of state whose meaning a change of the spec alters: it is built anew from "
                    + "history beside the running version, it is dropped, or the change is refused; see "
                    + "*changing a running pipeline*.",
                example: "on_change: discard"),
            SpecField(
                "replay_from",
                .either(
                    "`earliest`, or a mapping with `timestamp` or `since`",
                    [.choice(["earliest"]), .group(topicPosition)]),
                "Where a rebuild begins when the history that made the state is no longer kept in full: "
                    + "accepts that what is gone is missing in the new state.",
                example: "replay_from: {since: 30d}"),
            SpecField(
                "approve", .choice(["auto", "manual"]), default: "auto",
                "With `manual` a change of a running pipeline waits for `pipelined approve`.",
                example: "approve: manual"),
        ],
        later: ["state_ttl", "lanes"])

    package static let onChange = FieldGroup(
        "change", at: "settings.on_change",
        [
            SpecField(
                "rebuild", .group(rebuild), required: true, "How the state is built anew.",
                example: "rebuild: {output: replace}")
        ])

    package static let rebuild = FieldGroup(
        "rebuild", at: "settings.on_change.rebuild",
        [
            SpecField(
                "output", .choice(["keep", "replace"]), default: "keep",
                "Whether the output goes on where it stands, or is deleted and written anew from "
                    + "history; the latter does not keep the old version running meanwhile.",
                example: "output: replace")
        ])

    package static let deadLetters = FieldGroup(
        "dead letters", at: "settings.dead_letters",
        [
            SpecField(
                "retention", .duration, default: "14d",
                "How long they are kept in the topic `PIPELINE.dead-letters`.",
                example: "retention: 30d")
        ])
}
