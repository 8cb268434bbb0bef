/// A command line that cannot be understood.
struct UsageError: Error, Equatable, Sendable {
    var message: String
    /// The command it was meant for, if that was clear.
    var command: String?
}

/// Turns words into an ``Invocation``, by a table of commands.
struct CommandLineParser {
    let commands: [Command]

    /// What the words ask for: a command with its arguments, or the help for one.
    enum Request {
        case run(Command, Invocation)
        case help(Command?)
    }

    /// - Parameter words: Without the program's own name.
    func parse(_ words: [String]) throws(UsageError) -> Request {
        guard let first = words.first else { return .help(nil) }
        if first == "--help" || first == "-h" { return .help(nil) }
        let name = first == "--version" || first == "-V" ? "version" : first
        guard let command = commands.first(where: { $0.name == name }) else {
            let near = Suggestion.nearest(to: first, among: commands.map(\.name))
            throw UsageError(
                message: "unknown command '\(first)'"
                    + (near.map { "; did you mean '\($0)'?" } ?? "; 'pipelined help' lists them"))
        }
        let rest = Array(words.dropFirst())
        guard !command.subcommands.isEmpty, let second = rest.first, !second.hasPrefix("-") else {
            return try parse(rest, for: command)
        }
        guard let member = command.subcommands.first(where: { $0.word == second }) else {
            let known = command.subcommands.map(\.word)
            let near = Suggestion.nearest(to: second, among: known)
            throw UsageError(
                message: "unknown command '\(name) \(second)'; "
                    + (near.map { "did you mean '\(name) \($0)'?" }
                        ?? "there is \(known.joined(separator: ", "))"),
                command: name)
        }
        return try parse(Array(rest.dropFirst()), for: member)
    }

    private func parse(_ words: [String], for command: Command) throws(UsageError) -> Request {
        var invocation = Invocation(command: command.name)
        var index = 0
        var onlyOperands = false
        while index < words.count {
            let word = words[index]
            index += 1
            if onlyOperands || word == "-" || !word.hasPrefix("-") {
                invocation.operands.append(word)
            } else if word == "--" {
                onlyOperands = true
            } else {
                let (flag, attached) = try self.flag(word, command)
                if flag.name == "help" { return .help(command) }
                var value = attached
                if flag.placeholder != nil, value == nil, index < words.count {
                    value = words[index]
                    index += 1
                }
                try take(flag, value, written: word, command, &invocation)
            }
        }
        try checkOperands(invocation, command)
        return .run(command, invocation)
    }

    /// The flag that a word names, and the value that is written in the same word.
    private func flag(
        _ word: String, _ command: Command
    ) throws(UsageError) -> (Flag, String?) {
        if word.hasPrefix("--") {
            let parts = word.dropFirst(2).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            if let flag = command.flag(name) {
                return (flag, parts.count > 1 ? String(parts[1]) : nil)
            }
            let near = Suggestion.nearest(to: name, among: command.allFlags.map(\.name))
            throw UsageError(
                message: "unknown flag '--\(name)'"
                    + (near.map { "; did you mean '--\($0)'?" } ?? ""),
                command: command.name)
        }
        let letters = word.dropFirst()
        guard let letter = letters.first,
            let flag = command.allFlags.first(where: { $0.letter == letter })
        else { throw UsageError(message: "unknown flag '\(word)'", command: command.name) }
        var rest = letters.dropFirst()
        if rest.first == "=" { rest = rest.dropFirst() }
        return (flag, letters.count > 1 ? String(rest) : nil)
    }

    private func take(
        _ flag: Flag, _ value: String?, written: String, _ command: Command,
        _ invocation: inout Invocation
    ) throws(UsageError) {
        if let problem = Self.problem(flag, value) {
            throw UsageError(message: problem, command: command.name)
        }
        if invocation.values[flag.name] != nil, !flag.isRepeated {
            throw UsageError(message: "'--\(flag.name)' is given twice", command: command.name)
        }
        invocation.values[flag.name, default: []].append(value ?? "")
    }

    private static func problem(_ flag: Flag, _ value: String?) -> String? {
        let name = "'--\(flag.name)'"
        guard let placeholder = flag.placeholder else {
            return value == nil ? nil : "\(name) takes no value"
        }
        guard let value else { return "\(name) needs a value: --\(flag.name) \(placeholder)" }
        switch flag.value {
        case .none: return nil
        case .text, .path, .folder:
            return value.isEmpty ? "\(name) needs a value: --\(flag.name) \(placeholder)" : nil
        case .choice(let words):
            if words.contains(value) { return nil }
            let near = Suggestion.nearest(to: value, among: words)
            return "\(name) is one of \(words.joined(separator: ", ")), not '\(value)'"
                + (near.map { "; did you mean '\($0)'?" } ?? "")
        case .duration:
            return DurationText.micros(value) != nil
                ? nil : "\(name) takes a duration such as 250ms, 30s or 1h30m, not '\(value)'"
        case .count(let range):
            if let count = Int64(value), range.contains(count) { return nil }
            let bounds =
                range.upperBound == .max
                ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            return "\(name) takes a whole number, \(bounds), not '\(value)'"
        }
    }

    private func checkOperands(
        _ invocation: Invocation, _ command: Command
    ) throws(UsageError) {
        let required = command.operands.filter { $0.count == .one }.count
        if invocation.operands.count < required {
            let missing = command.operands[invocation.operands.count]
            throw UsageError(
                message: "'\(command.name)' needs \(missing.placeholder): \(missing.summary)",
                command: command.name)
        }
        let takesMany = command.operands.contains { $0.count == .any }
        if !takesMany, invocation.operands.count > command.operands.count {
            let extra = invocation.operands[command.operands.count]
            throw UsageError(
                message: "'\(command.name)' does not take '\(extra)'", command: command.name)
        }
        for (operand, word) in zip(command.operands, invocation.operands) {
            if case .choice(let words) = operand.kind, !words.contains(word) {
                throw UsageError(
                    message: "\(operand.placeholder) is one of \(words.joined(separator: ", ")), "
                        + "not '\(word)'", command: command.name)
            }
        }
    }
}
