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
                "as", .name, "Another name for the input in this step's expressions.",
                example: "as: e"),
            SpecField(
                "where", .expression,
                "Keeps the rows for which it is true; sees the input's columns.",
                example: "where: event_type = 'view'"),
            SpecField(
                "join", .mapping,
                "Looks up a table; see *join*. A step has at most one verb: this or one of the next.",
                example: "join: {table: campaigns, match: [ad_id]}"),
            SpecField(
                "aggregate", .mapping, "Groups rows; see *aggregate*.",
                example: "aggregate: {group_by: [user], compute: {n: count(*)}}"),
            SpecField(
                "deduplicate", .mapping, "Keeps one row of each key; see *deduplicate*.",
                example: "deduplicate: {by: [id]}"),
            SpecField(
                "top", .mapping, "Keeps the first rows in an order; see *top*.",
                example: "top: {n: 10, order_by: [price desc]}"),
            SpecField(
                "add", .items,
                "More columns: `name: expression`, each seeing the ones before; an existing name is "
                    + "replaced in place.", example: "add: {day: date_trunc('day', at)}"),
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
        later: [
            "over", "unnest", "parse", "pattern", "state_ttl",
        ])

    package static let join = FieldGroup(
        "join", at: "steps.NAME.join",
        [
            SpecField(
                "table", .node, required: true, "The table that is looked up.",
                example: "table: campaigns"),
            SpecField(
                "match", .either("a list of columns, or a map of expressions to key columns"),
                required: true, "What equals each column of the table's key.",
                example: "match: {lower(ad): ad_id}"),
            SpecField(
                "type", .choice(["inner", "left"]), default: "inner",
                "`left` keeps rows without a partner, with nulls. Either way `STEP.unmatched` has "
                    + "them.", example: "type: left"),
        ],
        later: ["stream", "as_of", "wait", "within", "window", "where"])

    package static let aggregate = FieldGroup(
        "aggregate", at: "steps.NAME.aggregate",
        [
            SpecField(
                "window", .either("a mapping, or `inherit`"),
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
                "compute", .mapping,
                "The results: `name: expression` over the aggregate functions. May be absent: the "
                    + "distinct groups.", example: "compute: {views: count(*)}"),
            SpecField(
                "grace", .duration, default: "0s",
                "How long after a window's end its result waits for rows that come late.",
                example: "grace: 5s"),
            SpecField(
                "emit", .choice(["final", "changes"]),
                "`final` with a window, `changes` without; the other is not supported by this "
                    + "version.", example: "emit: final"),
        ],
        later: ["timezone"])

    package static let window = FieldGroup(
        "window", at: "steps.NAME.aggregate.window",
        [
            SpecField(
                "tumbling", .duration, "Windows of this size, one after the other.",
                example: "tumbling: 10s"),
            SpecField(
                "hopping", .mapping, "Windows that overlap; see *hopping*.",
                example: "hopping: {size: 1h, every: 5m}"),
            SpecField(
                "cumulative", .mapping,
                "Windows that begin together and grow; see *cumulative*.",
                example: "cumulative: {size: 1d, every: 1h}"),
        ],
        later: ["session"])

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
