extension SpecFields {
    package static let unnest = FieldGroup(
        "unnest", at: "steps.NAME.unnest",
        [
            SpecField(
                "column", .column, required: true, "The array of which each element gives a row.",
                example: "column: items"),
            SpecField(
                "as", .named(.column),
                "What the element is called; it then stands behind the input's columns, and the array "
                    + "stays. Otherwise the element takes the array's place and name.",
                example: "as: item"),
            SpecField(
                "position", .named(.column),
                "A column for the element's number in its array, from 1.",
                example: "position: line"),
            SpecField(
                "keep_empty", .boolean, default: "false",
                "Whether a row whose array is null or empty stays, as one row with a null element.",
                example: "keep_empty: true"),
        ])
}
