import Connectors

extension Command {
    static let deadLettersShow = Command(
        name: "dead-letters show", group: .topics,
        summary: "the rows that a pipeline set aside, with the reasons",
        operands: [.pipeline],
        flags: [
            Flag(name: "limit", value: .count(1...Int64.max), summary: "end after so many rows"),
            Flag(
                name: "error", value: .text("TEXT"), summary: "only where the error holds this text"
            ),
            .deadLettersFrom, .deadLettersWhere,
            .format(["table", "json"]), .topicState, .socket,
        ],
        notes: deadLetterColumns,
        examples: [
            Example(
                "pipelined dead-letters show ad-campaigns --error bigint --limit 20",
                "twenty rows that had no number where one belongs")
        ]
    ) { invocation, terminal in
        DeadLettersCommand(invocation, terminal).show()
    }

    static let deadLetterColumns = """
        A dead letter has the columns raw (the row as it came), error, node, source and position.
        """
}

extension Flag {
    static let deadLettersFrom = Flag(
        name: "from", value: .text("PLACE"), summary: "where to begin, as 'consume' takes it",
        defaultText: "earliest")
    static let deadLettersWhere = Flag(
        name: "where", value: .text("EXPR"),
        summary: "only dead letters for which this is true: node = 'views'")
}

/// `dead-letters show` and `replay`: the rows of the topic `PIPELINE.dead-letters`.
struct DeadLettersCommand {
    let invocation: Invocation
    let terminal: Terminal

    init(_ invocation: Invocation, _ terminal: Terminal) {
        self.invocation = invocation
        self.terminal = terminal
    }

    func show() -> ExitStatus {
        guard var request = request() else { return .usage }
        let isTable = invocation.text("format") ?? "table" == "table"
        request.format = isTable ? .csv : .json
        request.columns = isTable ? ["error", "node", "source", "position", "raw"] : []
        return TopicAccess.with(invocation, terminal, isJSON: false) {
            access throws(ControlFailure) in
            let printer = RowPrinter(terminal, isTable: isTable)
            let summary = try access.consume(
                request, isWanted: { !terminal.isOutputClosed }, write: { printer.write($0) })
            printer.finish()
            ConsumeCommand.noteFailures(summary, terminal)
            return .done
        }
    }

    /// Which dead letters the flags mean; nil after a usage error.
    func request() -> ConsumeRequest? {
        var request = ConsumeRequest(
            topic: SinkFactory.deadLetterTopic(of: invocation.operands[0]))
        do throws(UsageError) {
            if let start = try invocation.position("from") { request.start = start }
        } catch {
            terminal.fail(error.message)
            return nil
        }
        request.limit = invocation.count("limit")
        request.filter = invocation.text("where")
        if let text = invocation.text("error") {
            let holds = "error like '%\(Self.pattern(text))%'"
            request.filter = request.filter.map { "(\($0)) and \(holds)" } ?? holds
        }
        return request
    }

    /// A text as it stands in a LIKE pattern between quotes.
    private static func pattern(_ text: String) -> String {
        text.map { character in
            switch character {
            case "%", "_", "\\": return "\\\(character)"
            case "'": return "''"
            default: return String(character)
            }
        }.joined()
    }
}
