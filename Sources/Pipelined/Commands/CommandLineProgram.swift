/// The program: words in, an exit status out.
enum CommandLineProgram {
    /// - Parameters:
    ///   - words: Without the program's own name.
    ///   - commands: The table; tests give their own.
    static func run(
        _ words: [String], terminal: Terminal, commands: [Command] = CommandTable.all
    ) -> ExitStatus {
        do throws(UsageError) {
            switch try CommandLineParser(commands: commands).parse(words) {
            case .help(nil):
                terminal.print(CommandHelp.overview(commands))
                return .done
            case .help(let command?):
                terminal.print(CommandHelp.page(command))
                return .done
            case .run(let command, let invocation):
                return command.run(invocation, terminal)
            }
        } catch {
            terminal.fail(error.message)
            if let command = commands.withSubcommands.first(where: { $0.name == error.command }) {
                terminal.note(CommandHelp.usage(command))
                terminal.note("'pipelined \(command.name) --help' says more")
            }
            return .usage
        }
    }
}
