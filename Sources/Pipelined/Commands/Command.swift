/// One command of the command line, declared once: parsing, help, completion and the pages' tables
/// are made from this.
struct Command: Sendable {
    /// The heading under which `pipelined help` lists it.
    enum Group: String, CaseIterable, Sendable {
        case run = "run pipelines"
        case check = "check specs; no daemon needed"
        case ask = "ask a running daemon"
        case change = "change what runs"
        case operate = "keep it safe and sound"
        case topics = "look at topics, fill and read them"
        case other = "about pipelined"
    }

    /// An example: the command line, and what it does.
    struct Example: Sendable {
        let line: String
        let effect: String

        init(_ line: String, _ effect: String) {
            self.line = line
            self.effect = effect
        }
    }

    /// Of a command of another, both words: `topics describe`.
    let name: String
    let group: Group
    /// What it does, in one line without a full stop.
    let summary: String
    var operands: [Operand] = []
    var flags: [Flag] = []
    /// What one needs to know beyond the flags: a few lines, wrapped by hand.
    var notes: String?
    let examples: [Example]
    /// Commands that follow its name: `topics describe`. Without one of them it runs itself.
    var subcommands: [Command] = []
    let run: @Sendable (Invocation, Terminal) -> ExitStatus

    /// The flags that it takes, with those that every command has.
    var allFlags: [Flag] { flags + [.help] }

    /// The word that it is called by, behind that of the command that it belongs to.
    var word: String { String(name.split(separator: " ").last ?? "") }

    func flag(_ name: String) -> Flag? { allFlags.first { $0.name == name } }
}

extension [Command] {
    /// They, and behind each those that follow its name.
    var withSubcommands: [Command] { flatMap { [$0] + $0.subcommands } }
}

/// A word of a command that is no flag.
struct Operand: Sendable {
    enum Count: Sendable { case one, optional, any }

    /// What completion offers for it.
    enum Kind: Sendable {
        case pipeline, topic, specFile, folder, command
        case choice([String])
    }
    let placeholder: String
    let summary: String
    let count: Count
    let kind: Kind

    var usage: String {
        switch count {
        case .one: return placeholder
        case .optional: return "[\(placeholder)]"
        case .any: return "[\(placeholder)...]"
        }
    }
}

/// A `--name`, with or without a value.
struct Flag: Sendable {
    enum Value: Sendable {
        /// Set or not set.
        case none
        case text(String)
        case path(String)
        case folder(String)
        /// One of these words.
        case choice([String])
        /// `5m`, `1h30m`, `250ms`.
        case duration
        /// A whole number in this range.
        case count(ClosedRange<Int64>)
    }
    let name: String
    var letter: Character?
    var value: Value = .none
    let summary: String
    var isRepeated = false
    /// Shown in the help; the command itself decides.
    var defaultText: String?

    /// How it is written in the help: `-o, --format FORMAT`.
    var usage: String {
        var text = letter.map { "-\($0), " } ?? "    "
        text += "--\(name)"
        if let placeholder { text += " \(placeholder)" }
        return text
    }

    var placeholder: String? {
        switch value {
        case .none: return nil
        case .text(let placeholder), .path(let placeholder), .folder(let placeholder):
            return placeholder
        case .choice(let words): return words.joined(separator: "|")
        case .duration: return "DURATION"
        case .count: return "N"
        }
    }

    static let help = Flag(name: "help", letter: "h", summary: "show this")

    static func format(_ words: [String] = ["text", "json"]) -> Flag {
        Flag(
            name: "format", letter: "o", value: .choice(words), summary: "how to print the answer",
            defaultText: words.first)
    }

    static let socket = Flag(
        name: "socket", value: .path("PATH"), summary: "the daemon's control socket",
        defaultText: "$PIPELINED_SOCKET, or where 'serve' puts it")

    static let allowPath = Flag(
        name: "allow-path", value: .folder("DIR"),
        summary: "let specs read and write files below DIR too", isRepeated: true,
        defaultText: "the working directory alone")
}

/// What `exit` is given.
enum ExitStatus: Int32, Sendable {
    case done = 0
    case failed = 1
    case usage = 2
    case noDaemon = 3
}

/// A command line that has been parsed and checked against its command's declaration.
struct Invocation: Sendable {
    let command: String
    var operands: [String] = []
    /// The values by the flag's name, in the order given; an empty text for a flag without value.
    var values: [String: [String]] = [:]

    func isSet(_ flag: String) -> Bool { values[flag] != nil }

    /// The flag's value; the last one if it was given more than once.
    func text(_ flag: String) -> String? { values[flag]?.last }

    func all(_ flag: String) -> [String] { values[flag] ?? [] }

    func micros(_ flag: String) -> Int64? { text(flag).flatMap(DurationText.micros) }

    func count(_ flag: String) -> Int64? { text(flag).flatMap { Int64($0) } }

    /// Whether `-o json` was asked for.
    var isJSON: Bool { text("format") == "json" }
}
