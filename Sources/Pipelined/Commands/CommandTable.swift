/// Every command, in the order in which `help` lists them.
enum CommandTable {
    static let all: [Command] = [
        .run(RunCommand.run), .version, .help, .completion,
    ]
}
