import TestSupport
import Testing

@testable import Pipelined

@Suite("Command line")
struct CommandLineTests {
    private static let sample = Command(
        name: "wait", group: .ask, summary: "wait for it",
        operands: [
            Operand(placeholder: "NAME", summary: "the pipeline", count: .one, kind: .pipeline)
        ],
        flags: [
            .format(), .allowPath, Flag(name: "timeout", value: .duration, summary: "how long"),
            Flag(name: "limit", value: .count(1...10), summary: "how many"),
            Flag(name: "watch", letter: "w", summary: "keep on"),
        ],
        examples: [Command.Example("pipelined wait a", "waits")]
    ) { _, _ in .done }

    private func parse(_ words: String...) throws -> Invocation {
        guard
            case .run(_, let invocation) = try CommandLineParser(commands: [Self.sample])
                .parse(["wait"] + words)
        else { throw UsageError(message: "help") }
        return invocation
    }

    @Test(
        "says what is wrong, and what was probably meant",
        arguments: [
            (["wiat"], "unknown command 'wiat'; did you mean 'wait'?"),
            (["frobnicate"], "unknown command 'frobnicate'; 'pipelined help' lists them"),
            (["wait"], "'wait' needs NAME: the pipeline"),
            (["wait", "a", "b"], "'wait' does not take 'b'"),
            (["wait", "a", "--wacth"], "unknown flag '--wacth'; did you mean '--watch'?"),
            (["wait", "a", "-x"], "unknown flag '-x'"),
            (["wait", "a", "--watch=1"], "'--watch' takes no value"),
            (["wait", "a", "-o"], "'--format' needs a value: --format text|json"),
            (
                ["wait", "a", "-o", "jsn"],
                "'--format' is one of text, json, not 'jsn'; did you mean 'json'?"
            ),
            (["wait", "a", "-w", "-w"], "'--watch' is given twice"),
            (
                ["wait", "a", "--timeout", "5"],
                "'--timeout' takes a duration such as 250ms, 30s or 1h30m, not '5'"
            ),
            (
                ["wait", "a", "--limit", "11"],
                "'--limit' takes a whole number, 1 to 10, not '11'"
            ),
            (
                ["wait", "a", "--limit", "99999999999999999999"],
                "'--limit' takes a whole number, 1 to 10, not '99999999999999999999'"
            ),
        ])
    func problems(_ words: [String], _ message: String) {
        do throws(UsageError) {
            _ = try CommandLineParser(commands: [Self.sample]).parse(words)
            Issue.record("accepted")
        } catch { #expect(error.message == message) }
    }

    @Test("help is asked for by word and by flag, also where operands are missing")
    func help() throws {
        for words in [[], ["--help"], ["-h"]] {
            guard case .help(nil) = try CommandLineParser(commands: [Self.sample]).parse(words)
            else { throw UsageError(message: "no help") }
        }
        guard
            case .help(let command?) = try CommandLineParser(commands: [Self.sample])
                .parse(["wait", "--help"])
        else { throw UsageError(message: "no help") }
        #expect(command.name == "wait")
    }

    @Test(
        "every command has its page of help",
        arguments: CommandTable.all.withSubcommands.map(\.name))
    func pages(_ name: String) throws {
        let words = name.split(separator: " ").map(String.init)
        let terminal = Terminal(capturing: ())
        #expect(CommandLineProgram.run(words + ["--help"], terminal: terminal) == .done)
        expectGolden(terminal.output, "help/\(words.joined(separator: "-")).txt")
        let command = try #require(CommandTable.all.withSubcommands.first { $0.name == name })
        #expect(!command.examples.isEmpty)
        for line in terminal.output.split(separator: "\n") { #expect(line.count <= 100) }
    }

    @Test("the overview lists every command")
    func overview() {
        let terminal = Terminal(capturing: ())
        #expect(CommandLineProgram.run([], terminal: terminal) == .done)
        expectGolden(terminal.output, "help/overview.txt")
    }

    @Test("a wrong command line exits with 2 and says how it goes")
    func usage() {
        let terminal = Terminal(capturing: ())
        #expect(CommandLineProgram.run(["completion", "tcsh"], terminal: terminal) == .usage)
        #expect(
            terminal.error == """
                error: SHELL is one of bash, zsh, fish, not 'tcsh'
                usage: pipelined completion SHELL [flags]
                'pipelined completion --help' says more

                """)
    }

    @Test("completion scripts name every command and flag", arguments: CompletionScript.shells)
    func completion(_ shell: String) {
        let text = CompletionScript.text(shell: shell, CommandTable.all)
        for command in CommandTable.all { #expect(text.contains(command.name)) }
        expectGolden(text + "\n", "completion/\(shell).txt")
    }

    @Test("colour is for terminals only")
    func color() {
        #expect(Terminal(capturing: ()).styled("x", .red) == "x")
        #expect(
            Terminal(capturing: (), isTerminal: true).styled("x", .red) == "\u{1b}[31mx\u{1b}[0m")
    }
}
