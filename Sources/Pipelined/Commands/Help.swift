extension Command {
    static let help = Command(
        name: "help", group: .other, summary: "what the commands are, or what one of them does",
        operands: [
            Operand(
                placeholder: "COMMAND", summary: "the command to explain", count: .optional,
                kind: .command)
        ],
        examples: [Example("pipelined help status", "explain 'status' and its flags")]
    ) { invocation, terminal in
        guard let name = invocation.operands.first else {
            terminal.print(CommandHelp.overview(CommandTable.all))
            return .done
        }
        guard let command = CommandTable.all.first(where: { $0.name == name }) else {
            let near = Suggestion.nearest(to: name, among: CommandTable.all.map(\.name))
            terminal.fail(
                "unknown command '\(name)'" + (near.map { "; did you mean '\($0)'?" } ?? ""))
            return .usage
        }
        terminal.print(CommandHelp.page(command))
        return .done
    }
}
