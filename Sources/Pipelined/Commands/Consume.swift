import Config
import Connectors

extension Command {
    static let consume = Command(
        name: "consume", group: .topics, summary: "print the rows of a topic",
        operands: [
            .topic
        ],
        flags: [
            Flag(
                name: "from", value: .text("PLACE"),
                summary: "earliest, latest, an offset, PARTITION:OFFSET, an event time, or -90d",
                defaultText: "earliest"),
            Flag(
                name: "to", value: .text("PLACE"), summary: "where to end, before that row",
                defaultText: "the present end"),
            Flag(name: "follow", letter: "f", summary: "go on with rows as they are committed"),
            Flag(
                name: "where", value: .text("EXPR"),
                summary: "only rows for which this is true: columns and 'rowtime'"),
            Flag(
                name: "select", value: .text("COLUMNS"), summary: "only these columns: a,b,c",
                defaultText: "all"),
            Flag(name: "limit", value: .count(1...Int64.max), summary: "end after so many rows"),
            Flag(
                name: "partition", value: .text("NAME"), summary: "only rows of this partition"),
            Flag(
                name: "with-metadata",
                summary: "add _partition, _offset, _rowtime and _op to each row"),
            .format(["json", "csv", "table"]),
            .topicState, .socket,
        ],
        notes: """
            What is there is merged by event time over the topic's partitions; with --follow, what
            comes is printed as it is committed. Rows of topics that have deletions always say what
            they do in '_op'.
            """,
        examples: [
            Example(
                "pipelined consume clicks --from -1h --where \"country = 'NZ'\" --limit 10",
                "see ten rows of the last hour"),
            Example(
                "pipelined consume clicks --follow --from latest --select user_id,at | jq .",
                "watch what comes in"),
        ]
    ) { invocation, terminal in
        ConsumeCommand(invocation, terminal).run()
    }
}

/// `consume`: what is asked for, and how it is printed.
struct ConsumeCommand {
    let invocation: Invocation
    let terminal: Terminal

    init(_ invocation: Invocation, _ terminal: Terminal) {
        self.invocation = invocation
        self.terminal = terminal
    }

    func run() -> ExitStatus {
        guard let request = request() else { return .usage }
        return TopicAccess.with(invocation, terminal, isJSON: false) {
            access throws(ControlFailure) in
            let printer = RowPrinter(terminal, isTable: invocation.text("format") == "table")
            let summary = try access.consume(
                request,
                isWanted: {
                    printer.pause()
                    terminal.lookAtOutput()
                    return !terminal.isOutputClosed
                }, write: { printer.write($0) })
            printer.finish()
            Self.noteFailures(summary, terminal)
            return .done
        }
    }

    /// Says how many rows the filter could not judge.
    static func noteFailures(_ summary: JSONValue, _ terminal: Terminal) {
        guard let failed = summary["failed_rows"]?.integer, failed > 0 else { return }
        terminal.note(
            "left out, as the filter has no value for them: \(HumanText.rows(failed)): "
                + (summary["failure"]?.text ?? ""))
    }

    /// What the flags say; nil after a usage error.
    private func request() -> ConsumeRequest? {
        var request = ConsumeRequest(topic: invocation.operands[0])
        do throws(UsageError) {
            if let start = try invocation.position("from") { request.start = start }
            request.stop = try invocation.position("to")
        } catch {
            terminal.fail(error.message)
            return nil
        }
        request.isFollowing = invocation.isSet("follow")
        request.filter = invocation.text("where")
        request.columns = (invocation.text("select") ?? "").split(separator: ",").map {
            String(String($0).trimmingBlanks)
        }
        request.limit = invocation.count("limit")
        request.partition = invocation.text("partition")
        if invocation.text("format") ?? "json" != "json" { request.format = .csv }
        request.hasMetadata = invocation.isSet("with-metadata")
        return request
    }
}

extension Invocation {
    /// A place in a topic; nil when the flag is not given.
    func position(_ flag: String) throws(UsageError) -> TopicPosition? {
        guard let text = self.text(flag) else { return nil }
        if let position = TopicPosition(text: text), flag != "to" || position != .earliest {
            return position
        }
        throw UsageError(
            message: "cannot read --\(flag) '\(text)': write \(flag == "to" ? "" : "earliest, ")"
                + "latest, an offset such as 1200 or ingest:1200, a time such as "
                + "2026-03-01T00:00:00Z, or -90d")
    }
}

extension String {
    fileprivate var trimmingBlanks: Substring {
        self[...].drop { $0 == " " }.prefix { $0 != " " }
    }
}
