/// Every command, in the order in which `help` lists them.
enum CommandTable {
    static let all: [Command] = [
        .serve, .run(RunCommand.run),
        .validate, .test, .explain, .graph, .diff, .specSchema,
        .status, .describe, .events, .wait, .tap, .metrics,
        .reload, .pause, .resume, .restart, .rebuild, .rollback, .approve, .reset,
        .backup, .restore, .doctor,
        .topics, .produce, .consume, .deadLetters,
        .version, .help, .completion,
    ]
}
