/// The fields of the verb that reads text within rows.
extension SpecFields {
    package static let parse = FieldGroup(
        "parse", at: "steps.NAME.parse",
        [
            SpecField(
                "column", .column, required: true,
                "The string column whose texts are read, each as one row. Where it is null, so are "
                    + "the new columns.", example: "column: line"),
            SpecField(
                "format", .either("a name, or `{NAME: options}`", [.oneOf(parseFormat)]),
                required: true,
                "As of a source: `json`, `csv` (by position, without a header), `regex` or `logfmt`.",
                example: "format: logfmt"),
            SpecField(
                "schema", .entries(.column, .columnType(schemaField)), required: true,
                "The new columns, which stand behind the input's; see *schema field*.",
                example: "schema: {level: string, status: bigint}"),
            SpecField(
                "timezone", .text, default: "UTC",
                "The zone of times without an offset: an IANA name or `±hh:mm`.",
                example: "timezone: Europe/Berlin"),
        ])
}
