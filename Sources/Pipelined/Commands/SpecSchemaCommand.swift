extension Command {
    static let specSchema = Command(
        name: "spec-schema", group: .check,
        summary: "a JSON Schema of the spec language, for editors",
        notes: """
            The schema (draft-07) marks unknown keys and wrong kinds of values, completes keys and shows
            what each is for. What only shows with names, columns and types at hand is for 'validate'.
            docs/editors-and-ci.md says how an editor is told of it.
            """,
        examples: [
            Example("pipelined spec-schema > pipelined.schema.json", "beside the specs, for all")
        ]
    ) { _, terminal in
        terminal.print(SpecSchema.document.indented)
        return .done
    }
}
