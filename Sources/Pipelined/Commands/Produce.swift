extension Command {
    static let produce = Command(
        name: "produce", group: .topics, summary: "put rows into a topic",
        operands: [
            .topic
        ],
        flags: [
            Flag(
                name: "file", letter: "f", value: .path("PATH"), summary: "read rows from PATH",
                defaultText: "standard input"),
            Flag(
                name: "format", value: .choice(["json", "csv"]),
                summary: "how the rows stand there: a JSON object a line, or CSV with a header",
                defaultText: "json"),
            Flag(
                name: "event-time", value: .text("COLUMN"),
                summary: "the column that says when a row happened",
                defaultText: "the topic's, or the time of arrival"),
            Flag(
                name: "schema", value: .text("COLUMNS"),
                summary: "make the topic if it is not there: 'id: bigint, at: timestamp(ms)'"),
            Flag(
                name: "skip-invalid",
                summary: "count rows that do not fit and go on, instead of stopping there"),
            Flag(
                name: "id", value: .text("NAME"),
                summary: "name this input, so that sending it again adds only what is missing"),
            Flag(name: "quiet", letter: "q", summary: "no progress line"),
            Flag(
                name: "output", letter: "o", value: .choice(["text", "json"]),
                summary: "how to print what was acknowledged", defaultText: "text"),
            .topicState, .socket,
        ],
        notes: """
            A row is acknowledged once it is synced and readers see it. Rows wait for others to share
            a sync with, for 100 ms at most. A row that does not fit the topic's columns ends the
            input; what stands before it is in the topic. With --id, which each input needs its own
            of, a retry sends the same bytes again from the start. Rows of an upsert topic may have
            a field '_op': 'upsert', or 'delete' for the row of that key.
            """,
        examples: [
            Example(
                "pipelined produce clicks --file clicks.ndjson --id clicks-2026-03-01",
                "append a file; after a failure the same command goes on"),
            Example(
                "pipelined produce rates --schema 'code: string, rate: double' --format csv < rates.csv",
                "make a topic and fill it"),
        ]
    ) { invocation, terminal in
        ProduceCommand(invocation, terminal).run()
    }
}

/// `produce`: where the rows come from, and what is said of them.
struct ProduceCommand {
    let invocation: Invocation
    let terminal: Terminal

    init(_ invocation: Invocation, _ terminal: Terminal) {
        self.invocation = invocation
        self.terminal = terminal
    }

    private var isJSON: Bool { invocation.text("output") == "json" }

    private var request: ProduceRequest {
        ProduceRequest(
            topic: invocation.operands[0], isCSV: invocation.text("format") == "csv",
            eventTime: invocation.text("event-time"), schema: invocation.text("schema"),
            skipsInvalid: invocation.isSet("skip-invalid"), identifier: invocation.text("id"))
    }

    func run() -> ExitStatus {
        guard let input = InputStream(invocation.text("file")) else {
            let path = invocation.text("file") ?? ""
            terminal.fail("cannot read '\(path)': \(InputStream.lastErrorText)")
            return .failed
        }
        return TopicAccess.with(
            invocation, terminal, creates: request.schema != nil, isJSON: isJSON
        ) {
            access throws(ControlFailure) in
            let reporter = ProduceReporter(terminal, isQuiet: invocation.isSet("quiet"))
            let outcome: ProduceOutcome
            switch access {
            case .local(let local): outcome = try produce(input, local, reporter)
            case .daemon(let client): outcome = try produce(input, client, reporter)
            }
            return reporter.finish(outcome, isJSON: isJSON)
        }
    }

    private func produce(
        _ input: borrowing InputStream, _ local: LocalTopics, _ reporter: ProduceReporter
    ) throws(ControlFailure) -> ProduceOutcome {
        let session = try ProduceSession(
            request, topics: local.topics, logs: local.logs,
            onProgress: { reporter.note($0.rows, $0.bytes) })
        do throws(ControlFailure) {
            try input.feed(session)
            return ProduceOutcome(summary: ProduceJSON.summary(request.topic, session.progress))
        } catch {
            return ProduceOutcome(
                summary: ProduceJSON.summary(request.topic, session.progress), failure: error)
        }
    }
}

extension ProduceCommand {
    private func produce(
        _ input: borrowing InputStream, _ client: ControlClient, _ reporter: ProduceReporter
    ) throws(ControlFailure) -> ProduceOutcome {
        let upload = try ProduceUpload(client, request) { reporter.note($0, $1) }
        do throws(ControlFailure) {
            return ProduceOutcome(summary: try input.feed(upload))
        } catch {
            return ProduceOutcome(summary: upload.latest, failure: error)
        }
    }
}

/// How producing ended.
struct ProduceOutcome {
    var summary: JSONValue
    var failure: ControlFailure?
}
