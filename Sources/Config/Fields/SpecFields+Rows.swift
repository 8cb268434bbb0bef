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
                "compute", .mapping, required: true,
                "The results: `name: expression` over the row's columns, aggregate functions, "
                    + "`lag(x [, rows [, default]])` and `row_number()`.",
                example: "compute: {share: amount - avg(amount)}"),
        ])
}
