extension Command {
    static let help = Command(
        name: "help", group: .other, summary: "what the commands are, or what one of them does",
        operands: [
            Operand(
                placeholder: "COMMAND", summary: "the command to explain", count: .any,
                kind: .command)
        ],
        examples: [Example("pipelined help status", "explain 'status' and its flags")]
    ) { invocation, terminal in
        guard !invocation.operands.isEmpty else {
            terminal.print(CommandHelp.overview(CommandTable.all))
            return .done
        }
        let name = invocation.operands.joined(separator: " ")
        let commands = CommandTable.all.withSubcommands
        guard let command = commands.first(where: { $0.name == name }) else {
            let near = Suggestion.nearest(to: name, among: commands.map(\.name))
            terminal.fail(
                "unknown command '\(name)'" + (near.map { "; did you mean '\($0)'?" } ?? ""))
            return .usage
        }
        terminal.print(CommandHelp.page(command))
        return .done
    }
}
