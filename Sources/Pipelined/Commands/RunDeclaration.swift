extension Command {
    /// What the command line of `run` is; ``RunCommand`` is what it does.
    static func run(
        _ body: @escaping @Sendable (Invocation, Terminal) -> ExitStatus
    ) -> Command {
        Command(
            name: "run", group: .run,
            summary: "run one spec in the foreground to the end of its sources",
            operands: [
                Operand(
                    placeholder: "SPEC", summary: "the file with the pipeline", count: .one,
                    kind: .specFile)
            ],
            flags: [
                Flag(
                    name: "limit", value: .count(1...Int64.max),
                    summary: "end after so many rows of the sources"),
                Flag(
                    name: "tap", value: .text("NODE"),
                    summary: "print the rows that leave a node, as JSON", isRepeated: true),
                Flag(
                    name: "param", value: .text("NAME=VALUE"),
                    summary: "set a parameter of the spec",
                    isRepeated: true),
                Flag(
                    name: "state", value: .folder("DIR"),
                    summary: "keep state in DIR and go on from what is there",
                    defaultText: "a temporary folder"),
                Flag(name: "append", summary: "write behind what output files hold already"),
                Flag(name: "overwrite", summary: "replace output files that exist"),
                .allowPath,
                Flag(name: "quiet", letter: "q", summary: "no progress line and no summary"),
                .format(),
            ],
            notes: """
                Shows a progress line when standard error is a terminal. An output file that exists is
                refused unless --append, --overwrite or the state that wrote it says what to do with it.
                """,
            examples: [
                Example(
                    "pipelined run pipelines/ad-campaigns.yaml",
                    "run to the end of its input and print a summary"),
                Example(
                    "pipelined run pipelines/ad-campaigns.yaml --tap views --limit 1000",
                    "read a thousand rows and print those that leave the step 'views'"),
            ],
            run: body)
    }
}
