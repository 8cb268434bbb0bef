/// The fields of verbs that keep rows of each key.
extension SpecFields {
    package static let deduplicate = FieldGroup(
        "deduplicate", at: "steps.NAME.deduplicate",
        [
            SpecField(
                "by", .items, required: true,
                "What rows have in common of which one is kept: columns, or `{name: expression}`.",
                example: "by: [id]"),
            SpecField(
                "keep", .choice(["first", "last"]), default: "first",
                "By event time. `first` passes a row on once the watermark has passed it, and never "
                    + "changes it. `last` has a row for each key, which changes.",
                example: "keep: last"),
            SpecField(
                "within", .duration,
                "`first`: how long after a key's first row others repeat it; for ever otherwise, "
                    + "and then every key is kept.", example: "within: 15m"),
        ])

    package static let top = FieldGroup(
        "top", at: "steps.NAME.top",
        [
            SpecField(
                "n", .integer, unit: "rows", required: true, "How many rows of each partition.",
                example: "n: 10"),
            SpecField(
                "partition_by", .items,
                "Columns, or `{name: expression}`; one partition otherwise.",
                example: "partition_by: [category]"),
            SpecField(
                "order_by", .columns, required: true,
                "`column [asc|desc] [nulls first|last]`; nulls are last, with `desc` first. Rows "
                    + "that are equal so far go by event time, source and position.",
                example: "order_by: [price desc, at]"),
            SpecField(
                "rank", .named(.column), "A column for the row's place in its partition, from 1.",
                example: "rank: place"),
            SpecField(
                "ties", .choice(["first", "all"]), default: "first",
                "Of rows with equal `order_by`: the first ones, or all of those that tie with the "
                    + "last one shown, with one rank.", example: "ties: all"),
            SpecField(
                "window", .choice(["inherit"]),
                "`inherit`: one result for each of the input's windows, when it closes; the output "
                    + "then never changes.", example: "window: inherit"),
        ])
}
