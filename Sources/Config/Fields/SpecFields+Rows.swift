/// The fields of verbs that look at the rows before a row.
extension SpecFields {
    package static let over = FieldGroup(
        "over", at: "steps.NAME.over",
        [
            SpecField(
                "partition_by", .items,
                "Columns, or `{name: expression}`; one partition otherwise.",
                example: "partition_by: [card]"),
            SpecField(
                "order_by", .columns,
                "`column [asc|desc] [nulls first|last]`, or `rowtime`; event time otherwise. Rows "
                    + "that are equal so far go by event time, source and position.",
                example: "order_by: [rowtime, id]"),
            SpecField(
                "rows", .integer, unit: "rows",
                "How many rows before, in the order; 0 to 1000000. Either this or `range`, unless "
                    + "only `lag` and `row_number` are computed.", example: "rows: 10"),
            SpecField(
                "range", .duration,
                "How far back in event time; all rows of the row's own time belong to it. The order "
                    + "must begin with event time.", example: "range: 1h"),
            SpecField(
                "current_row", .choice(["include", "exclude"]), default: "include",
                "Whether the row itself counts.", example: "current_row: exclude"),
            SpecField(
                "compute", .entries(.column, .expression), required: true,
                "The results: `name: expression` over the row's columns, aggregate functions, "
                    + "`lag(x [, rows [, default]])` and `row_number()`.",
                example: "compute: {share: amount - avg(amount)}"),
        ],
        rules: FieldRules(atMostOne: ["rows", "range"]))

    package static let pattern = FieldGroup(
        "pattern", at: "steps.NAME.pattern",
        [
            SpecField(
                "partition_by", .items,
                "Columns, or `{name: expression}`, in which the rows of a match agree; they are the "
                    + "first columns of the output. One partition otherwise.",
                example: "partition_by: [card]"),
            SpecField(
                "order_by", .columns,
                "`rowtime` first, then columns that decide between rows of one time; those that are "
                    + "equal so far go by source and position.", example: "order_by: [rowtime, id]"),
            SpecField(
                "match", .text, required: true,
                "Variables, one behind the other, each with `*`, `+`, `?`, `{n}`, `{n,}`, `{,m}` or "
                    + "`{n,m}` and a further `?` for as few as possible; `|` for either, and "
                    + "parentheses.", example: "match: small other*? big"),
            SpecField(
                "define", .entries(.variable, .expression),
                "Conditions: `variable: expression` over the row's columns and the rows so far. A "
                    + "variable without one takes every row.",
                example: "define: {big: amount > 100 * small.amount}"),
            SpecField(
                "measures", .entries(.column, .expression), required: true,
                "The results: `name: expression` over the rows of the match.",
                example: "measures: {total: sum(amount)}"),
            SpecField(
                "within", .duration,
                "The most event time from a match's first row to its last one.",
                example: "within: 1m"),
            SpecField(
                "after_match", .choice(["skip_past_last_row", "skip_to_next_row"]),
                default: "skip_past_last_row",
                "Where the next match may begin: behind the last row of this one, or behind its first "
                    + "row.", example: "after_match: skip_to_next_row"),
        ])
}
