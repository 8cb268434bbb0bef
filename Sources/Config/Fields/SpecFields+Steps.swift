/// The fields of steps and their verbs.
extension SpecFields {
    package static let step = FieldGroup(
        "step", at: "steps.NAME",
        [
            SpecField(
                "from", .nodes, required: true,
                "A node, a port (`STEP.late`, `STEP.unmatched`, `NODE.invalid`), or a list of them "
                    + "with equal columns, which are united by name.", example: "from: events"),
            SpecField(
                "as", .named(.node), "Another name for the input in this step's expressions.",
                example: "as: e"),
            SpecField(
                "where", .expression,
                "Keeps the rows for which it is true; sees the input's columns.",
                example: "where: event_type = 'view'"),
            SpecField(
                "join", .group(join),
                "Looks up a table or joins a stream; see *join*. A step has at most one verb: this or "
                    + "one of the next.",
                example: "join: {table: campaigns, match: [ad_id]}"),
            SpecField(
                "aggregate", .group(aggregate), "Groups rows; see *aggregate*.",
                example: "aggregate: {group_by: [user], compute: {n: count(*)}}"),
            SpecField(
                "deduplicate", .group(deduplicate), "Keeps one row of each key; see *deduplicate*.",
                example: "deduplicate: {by: [id]}"),
            SpecField(
                "top", .group(top), "Keeps the first rows in an order; see *top*.",
                example: "top: {n: 10, order_by: [price desc]}"),
            SpecField(
                "parse", .group(parse), "Reads a column of text into more columns; see *parse*.",
                example: "parse: {column: line, format: json, schema: {id: bigint}}"),
            SpecField(
                "over", .group(over), "Computes from the rows before each row; see *over*.",
                example: "over: {partition_by: [card], range: 1h, compute: {spent: sum(amount)}}"),
            SpecField(
                "pattern", .group(pattern), "Finds runs of rows; see *pattern*.",
                example: "pattern: {match: 'up{3}', measures: {top: max(price)}, within: 1h}"),
            SpecField(
                "unnest", .group(unnest), "Makes a row of each element of an array; see *unnest*.",
                example: "unnest: {column: items, as: item}"),
            SpecField(
                "state_ttl", .duration,
                "Joins with `within: unbounded`: how far behind the watermark a row is let go; rows "
                    + "further apart do not meet. `over`: how far behind it the latest row of a "
                    + "partition, before the partition begins anew. Never, otherwise.",
                example: "state_ttl: 7d"),
            SpecField(
                "add", .items,
                "More columns: `name: expression`, each seeing the ones before; an existing name is "
                    + "replaced in place.", example: "add: {total: price * quantity}"),
            SpecField(
                "having", .expression, "Keeps rows by the columns after the verb and `add`.",
                example: "having: views > 10"),
            SpecField(
                "drop", .columns, "Leaves columns out.", example: "drop: [raw]"),
            SpecField(
                "select", .items,
                "The output: `column`, `node.column`, `node.*`, `\"*\"`, `{name: expression}`, or a "
                    + "map of names to expressions.", example: "select: [ad_id, {day: at}]"),
        ],
        rules: FieldRules(
            atMostOne: [
                "join", "aggregate", "deduplicate", "top", "over", "pattern", "parse", "unnest",
            ]))

    package static let join = FieldGroup(
        "join", at: "steps.NAME.join",
        [
            SpecField(
                "table", .node, "The table that is looked up; either this or `stream`.",
                example: "table: campaigns"),
            SpecField(
                "stream", .node, "The stream that is joined: a source, a step or a port.",
                example: "stream: payments"),
            SpecField(
                "match",
                .either(
                    "a list of columns, or a map of left expressions to right ones (of a table: key "
                        + "columns)", [.items]), required: true,
                "What is equal; of a table, to each column of its key. Null equals nothing.",
                example: "match: {lower(ad): ad_id}"),
            SpecField(
                "type", .choice(["inner", "left", "right", "full"]), default: "inner",
                "`left` keeps rows without a partner, with nulls; of streams `right` and `full`, too, "
                    + "once it is sure that none comes. `STEP.unmatched` has the left ones.",
                example: "type: left"),
            SpecField(
                "within",
                .either(
                    "a duration, a mapping, or `unbounded`",
                    [.choice(["unbounded"]), .duration, .group(within)]),
                "Streams: how near in event time two rows must be; see *within*.",
                example: "within: 1h"),
            SpecField(
                "window", .choice(["inherit"]),
                "Streams, in place of `within`: both sides come from steps with equal windows; rows "
                    + "of one window are joined, and the join closes with it.",
                example: "window: inherit"),
            SpecField(
                "where", .expression,
                "Streams: also part of the match; sees the columns of both sides.",
                example: "where: payments.amount >= orders.amount"),
            SpecField(
                "as_of", .expression,
                "Tables with a `history`: joins the version that was valid at this time, a timestamp "
                    + "over the left columns.", example: "as_of: rowtime"),
            SpecField(
                "wait", .duration,
                "Tables: how long, by event time, a row without a partner waits for the table to have "
                    + "its key.", example: "wait: 5s"),
        ],
        rules: FieldRules(one: ["table", "stream"]))

    package static let within = FieldGroup(
        "within", at: "steps.NAME.join.within",
        [
            SpecField(
                "before", .duration, default: "0s", "How much earlier a right row may be.",
                example: "before: 5m"),
            SpecField(
                "after", .duration, default: "0s", "How much later a right row may be.",
                example: "after: 1h"),
            SpecField(
                "from", .expression,
                "With `to`, in place of the two: the first instant of a right row, a timestamp over "
                    + "the left columns. It is not before the left row's own time; such rows are "
                    + "invalid.", example: "from: auctions.opened_at"),
            SpecField(
                "to", .expression, "The last instant; the row's interval closes behind it.",
                example: "to: auctions.expires_at"),
        ],
        rules: FieldRules(needs: [("from", ["to"]), ("to", ["from"])]))

    package static let aggregate = FieldGroup(
        "aggregate", at: "steps.NAME.aggregate",
        [
            SpecField(
                "window",
                .either("a mapping, or `inherit`", [.choice(["inherit"]), .group(window)]),
                "The stretch of event time that one result is about; see *window*. `inherit`: that "
                    + "of the input's rows, whose bounds are part of the groups. Without one the "
                    + "result is a row per group that changes.", example: "window: {tumbling: 10s}"),
            SpecField(
                "offset", .duration, default: "0s", "Shifts the windows' bounds from the epoch.",
                example: "offset: 6h"),
            SpecField(
                "group_by", .items, "Columns, or `{name: expression}`; one group otherwise.",
                example: "group_by: [campaign_id]"),
            SpecField(
                "compute", .entries(.column, .expression),
                "The results: `name: expression` over the aggregate functions. May be absent: the "
                    + "distinct groups.", example: "compute: {views: count(*)}"),
            SpecField(
                "grace", .duration, default: "0s",
                "How long after a window's end its result waits for rows that come late.",
                example: "grace: 5s"),
            SpecField(
                "emit",
                .either(
                    "`final`, `changes`, or `{every: DURATION}`",
                    [.choice(["final", "changes"]), .group(emit)]),
                "When results are given: once, as they change, or so often by the clock; see *emit*. "
                    + "`final` with a window, otherwise `changes`.", example: "emit: {every: 10s}"),
            SpecField(
                "timezone", .text, default: "UTC",
                "The place by whose days the windows are aligned: whole days, of 23 to 25 hours where "
                    + "clocks change.", example: "timezone: Europe/Berlin"),
        ])

    package static let emit = FieldGroup(
        "emit", at: "steps.NAME.aggregate.emit",
        [
            SpecField(
                "every", .duration, required: true,
                "What has changed is given so often by the clock, at the next checkpoint.",
                example: "every: 10s")
        ])

    package static let window = FieldGroup(
        "window", at: "steps.NAME.aggregate.window",
        [
            SpecField(
                "tumbling", .duration, "Windows of this size, one after the other.",
                example: "tumbling: 10s"),
            SpecField(
                "hopping", .group(hopping), "Windows that overlap; see *hopping*.",
                example: "hopping: {size: 1h, every: 5m}"),
            SpecField(
                "cumulative", .group(cumulative),
                "Windows that begin together and grow; see *cumulative*.",
                example: "cumulative: {size: 1d, every: 1h}"),
            SpecField(
                "session", .group(session),
                "Rows of a group that follow each other; see *session*.",
                example: "session: {gap: 30m}"),
        ],
        rules: FieldRules(one: ["tumbling", "hopping", "cumulative", "session"]))

    package static let session = FieldGroup(
        "session", at: "steps.NAME.aggregate.window.session",
        [
            SpecField(
                "gap", .duration, required: true,
                "A row that comes this long after the last one begins another session. The session "
                    + "ends that long after its last row.", example: "gap: 30m"),
            SpecField(
                "max", .duration,
                "How long a session is at most: a row that comes this long after the first one begins "
                    + "another session. Rows then wait until no earlier one can come.",
                example: "max: 8h"),
        ])

    package static let cumulative = FieldGroup(
        "cumulative", at: "steps.NAME.aggregate.window.cumulative",
        [
            SpecField(
                "size", .duration, required: true,
                "How long the last window is, and from one start to the next.",
                example: "size: 1d"),
            SpecField(
                "every", .duration, required: true,
                "How much longer each window is than the one before; `size` is a multiple of it, at "
                    + "most 1,000 times as long.", example: "every: 1h"),
        ])

    package static let hopping = FieldGroup(
        "hopping", at: "steps.NAME.aggregate.window.hopping",
        [
            SpecField(
                "size", .duration, required: true, "How long a window is.", example: "size: 1h"),
            SpecField(
                "every", .duration, required: true,
                "From one window's start to the next's; at most `size`, and at most 1,000 windows "
                    + "may hold one row.", example: "every: 5m"),
        ])
}
