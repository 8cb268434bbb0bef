/// The pages that `help` and `--help` print, made from the table of commands.
enum CommandHelp {
    static func overview(_ commands: [Command]) -> String {
        var lines = [
            "pipelined keeps a directory of YAML pipeline specs running", "",
            "usage: pipelined COMMAND [flags]",
        ]
        let width = commands.map(\.name.count).max() ?? 0
        for group in Command.Group.allCases {
            let members = commands.filter { $0.group == group }
            guard !members.isEmpty else { continue }
            lines += ["", "\(group.rawValue):"]
            lines += members.map { "  \(padded($0.name, width))  \($0.summary)" }
        }
        lines += [
            "", "'pipelined COMMAND --help' says more, with examples.",
            "exit status: 0 done, 1 failed, 2 wrong usage, 3 no daemon",
        ]
        return lines.joined(separator: "\n")
    }

    static func page(_ command: Command) -> String {
        var lines = ["pipelined \(command.name): \(command.summary)", "", usage(command)]
        if !command.operands.isEmpty {
            let width = command.operands.map(\.placeholder.count).max() ?? 0
            lines.append("")
            lines += command.operands.map { "  \(padded($0.placeholder, width))  \($0.summary)" }
        }
        if !command.subcommands.isEmpty {
            let width = command.subcommands.map(\.word.count).max() ?? 0
            lines += ["", "commands:"]
            lines += command.subcommands.map { "  \(padded($0.word, width))  \($0.summary)" }
        }
        lines += ["", "flags:"]
        let width = min(command.allFlags.map(\.usage.count).max() ?? 0, 30)
        for flag in command.allFlags {
            var summary = flag.summary
            if flag.isRepeated { summary += "; may be repeated" }
            if let text = flag.defaultText { summary += " (default: \(text))" }
            let wrapped = wrap(summary, width: columnsMax - width - 4)
            let indent = "    " + padded("", width)
            if flag.usage.count > width {
                lines.append("  \(flag.usage)")
                lines += wrapped.map { indent + $0 }
            } else {
                lines.append("  \(padded(flag.usage, width))  \(wrapped.first ?? "")")
                lines += wrapped.dropFirst().map { indent + $0 }
            }
        }
        if let notes = command.notes { lines += ["", notes] }
        lines += ["", command.examples.count == 1 ? "example:" : "examples:"]
        for example in command.examples {
            lines += ["  \(example.line)", "      \(example.effect)"]
        }
        return lines.joined(separator: "\n")
    }

    static func usage(_ command: Command) -> String {
        let words =
            ["usage: pipelined", command.name]
            + (command.subcommands.isEmpty ? [] : ["[COMMAND]"])
            + command.operands.map(\.usage) + ["[flags]"]
        return words.joined(separator: " ")
    }

    private static let columnsMax = 98

    /// The words in lines of at most `width` characters, unless a word is longer.
    private static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
