/// The fields of `topic:` documents, and what stands beside a topic at a source or table.
extension SpecFields {
    package static let topic = FieldGroup(
        "topic", at: "",
        [
            SpecField(
                "topic", .named(.topic), required: true,
                "The topic's name: lower-case letters, digits, `.`, `_` and `-`, at most 127, unique "
                    + "in the directory. Names that end with `.dead-letters` are taken.",
                example: "topic: orders"),
            SpecField(
                "description", .text, "One line for people; no meaning.",
                example: "description: Every order, as the shop sends it"),
            SpecField(
                "owner", .text, "Whom to ask; no meaning.", example: "owner: shop@example.org"),
            SpecField(
                "schema", .entries(.column, .columnType(schemaField)), required: true,
                "The columns, as those of a source. `path`, `default`, `required` and the encoding of "
                    + "a timestamp are for rows that come as text.",
                example: "schema: {order_id: string, amount: bigint, at: timestamp(ms)}"),
            SpecField(
                "key", .columns, "The columns that identify a row. `mode: upsert` needs one.",
                example: "key: [order_id]"),
            SpecField(
                "mode", .choice(TopicSpec.Mode.allCases.map(\.rawValue)), default: "append",
                "`append`: rows are only added; `upsert`: the latest row of a key counts, or its "
                    + "deletion; `changelog`: every change.",
                example: "mode: upsert"),
            SpecField(
                "retention",
                .either("`forever`, or a mapping", [.choice(["forever"]), .group(retention)]),
                default: "forever",
                "How long rows are kept; see *retention*.",
                example: "retention: {time: 90d, size: 10GiB}"),
            SpecField(
                "compact",
                .either("`true`, `false`, or a mapping", [.boolean, .group(compaction)]),
                default: "false",
                "Keeps the latest row of each key and lets go of the others; see *compaction*. Needs "
                    + "a `key`, and makes the mode `upsert`.",
                example: "compact: {within: 24h, tombstones: 7d}"),
            SpecField(
                "evolution", .choice(TopicSpec.Evolution.allCases.map(\.rawValue)),
                default: "compatible",
                "`compatible`: columns may be added and types widened; `none`: the schema is fixed.",
                example: "evolution: none"),
            SpecField(
                "event_time", .column,
                "The timestamp column that says when a produced row happened; its arrival otherwise.",
                example: "event_time: at"),
        ])

    package static let retention = FieldGroup(
        "retention", at: "retention",
        [
            SpecField(
                "time", .duration, "Rows go when they were appended so long ago.",
                example: "time: 90d"),
            SpecField(
                "size", .size, "The oldest rows go when there is more than this.",
                example: "size: 10GiB"),
        ])

    package static let compaction = FieldGroup(
        "compaction", at: "compact",
        [
            SpecField(
                "within", .duration, default: "24h",
                "How long an older row of a key may still be there.", example: "within: 1h"),
            SpecField(
                "tombstones", .duration, default: "7d",
                "How long a deletion is kept, for readers that are behind.",
                example: "tombstones: 30d"),
        ])

    package static let topicPosition = FieldGroup(
        "topic position", at: "sources.NAME.start",
        [
            SpecField(
                "offset", .either("a whole number, or `PARTITION:OFFSET`", [.integer, .text]),
                "The row with this number. Without a partition: of the only one.",
                example: "offset: 1200"),
            SpecField(
                "timestamp", .text, "The first row at this event time or after it, RFC 3339.",
                example: "timestamp: 2026-01-01T00:00:00Z"),
            SpecField(
                "since", .duration,
                "The first row at the event time that is so long before the pipeline first starts.",
                example: "since: 90d"),
        ],
        rules: FieldRules(one: ["offset", "timestamp", "since"]))

    /// What a source or table takes besides `topic:` itself.
    static let topicReadingFields = [
        SpecField(
            "start",
            .either(
                "`earliest`, `latest`, or a mapping",
                [.choice(["earliest", "latest"]), .group(topicPosition)]), default: "earliest",
            "Topics: where the first run begins; see *topic position*. `latest`: with rows that come "
                + "later.", example: "start: {since: 90d}"),
        SpecField(
            "stop",
            .either("`latest`, or a mapping", [.choice(["latest"]), .group(topicPosition)]),
            "Topics: where the source ends, the row there not included; see *topic position*. "
                + "`latest`: with the rows that are there when the pipeline first starts.",
            example: "stop: latest"),
        SpecField(
            "on_gap", .choice(TopicSourceOptions.OnGap.allCases.map(\.rawValue)), default: "stall",
            "Topics: what happens when rows that were not read yet are no longer kept. `stall`: the "
                + "pipeline stands still and says how many; `skip`: it goes on after them.",
            example: "on_gap: skip"),
    ]
}
