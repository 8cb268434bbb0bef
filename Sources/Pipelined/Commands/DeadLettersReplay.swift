import Config

extension Command {
    static let deadLettersReplay = Command(
        name: "dead-letters replay", group: .topics,
        summary: "give rows that were set aside to their pipeline again, or to a topic",
        operands: [.pipeline],
        flags: [
            Flag(
                name: "to-topic", value: .text("TOPIC"),
                summary: "read each as a JSON row of this topic and append it"),
            Flag(name: "stdout", summary: "print them as they came, a line each"),
            .deadLettersFrom, .deadLettersWhere,
            Flag(
                name: "skip-invalid",
                summary: "with --to-topic: count rows that do not fit and go on"),
            Flag(name: "limit", value: .count(1...Int64.max), summary: "end after so many rows"),
            .format(), .topicState, .socket,
        ],
        notes:
            "Rows that a source could not read are read by it once more, as it is now: mend the spec\n"
            + "first. They come at once where the pipeline runs, and otherwise when it starts. Rows that a\n"
            + "step set aside are passed over, and so are sources of CSV with a header.\n"
            + deadLetterColumns
            + "\nThey stay in the dead letters. A row that was longer than 64 KiB is there in part only.",
        examples: [
            Example(
                "pipelined dead-letters replay ad-campaigns --where \"error LIKE '%bigint%'\"",
                "read them again, after the column's type was mended"),
            Example(
                "pipelined dead-letters replay ad-campaigns --to-topic views --where \"node = 'events'\"",
                "append them to the topic that the pipeline reads"),
            Example(
                "pipelined dead-letters replay ad-campaigns --stdout | sed 's/,}/}/' >> data/events.ndjson",
                "mend them on the way to the file that the pipeline follows"),
        ]
    ) { invocation, terminal in
        DeadLettersCommand(invocation, terminal).replay()
    }
}

extension DeadLettersCommand {
    func replay() -> ExitStatus {
        let topic = invocation.text("to-topic")
        if topic != nil, invocation.isSet("stdout") {
            terminal.fail("'dead-letters replay' takes --to-topic TOPIC or --stdout, not both")
            return .usage
        }
        guard var request = request() else { return .usage }
        let isToPipeline = topic == nil && !invocation.isSet("stdout")
        request.columns = isToPipeline ? ["node", "raw"] : ["raw"]
        request.format = isToPipeline ? .json : .lines
        return TopicAccess.with(invocation, terminal, isJSON: invocation.isJSON) {
            access throws(ControlFailure) in
            if isToPipeline {
                return try replay(
                    request,
                    to: ProduceRequest(topic: TopicNames.replay(of: invocation.operands[0])),
                    access)
            }
            guard let topic else {
                let summary = try access.consume(
                    request, isWanted: { !terminal.isOutputClosed },
                    write: { terminal.write($0) })
                ConsumeCommand.noteFailures(summary, terminal)
                return .done
            }
            return try replay(
                request,
                to: ProduceRequest(topic: topic, skipsInvalid: invocation.isSet("skip-invalid")),
                access)
        }
    }

    private func replay(
        _ request: ConsumeRequest, to wanted: ProduceRequest, _ access: TopicAccess
    ) throws(ControlFailure) -> ExitStatus {
        let reporter = ProduceReporter(terminal, isQuiet: false)
        let target = try RowTarget(wanted, access, invocation, reporter)
        var failure: ControlFailure?
        do throws(ControlFailure) {
            let summary = try access.consume(request, isWanted: { true }) { bytes in
                do throws(ControlFailure) { try target.send(bytes) } catch { failure = error }
                return failure == nil
            }
            if let failure { throw failure }
            ConsumeCommand.noteFailures(summary, terminal)
            return reporter.finish(
                ProduceOutcome(summary: try target.finish()), isJSON: invocation.isJSON)
        } catch {
            return reporter.finish(
                ProduceOutcome(summary: target.latest, failure: error), isJSON: invocation.isJSON)
        }
    }
}

/// Where rows go that were read from a topic: to another one, here or in the daemon.
private enum RowTarget {
    case session(ProduceSession, topic: String)
    case upload(ProduceUpload)

    init(
        _ request: ProduceRequest, _ access: TopicAccess, _ invocation: Invocation,
        _ reporter: ProduceReporter
    ) throws(ControlFailure) {
        switch access {
        case .local(let local):
            self = .session(
                try ProduceSession(
                    request, topics: local.topics, logs: local.logs,
                    onProgress: { reporter.note($0.rows, $0.bytes) }), topic: request.topic)
        case .daemon:
            // The connection that reads carries frames.
            let candidates = DaemonClient.candidates(invocation)
            guard let client = candidates.lazy.compactMap(ControlClient.init).first else {
                throw ControlFailure(code: .failed, message: "the daemon has gone")
            }
            self = .upload(try ProduceUpload(client, request) { reporter.note($0, $1) })
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws(ControlFailure) {
        switch self {
        case .session(let session, _):
            session.room(bytes.count).copyMemory(from: bytes)
            try session.received(bytes.count)
        case .upload(let upload): try upload.send(bytes)
        }
    }

    func finish() throws(ControlFailure) -> JSONValue {
        switch self {
        case .session(let session, let topic):
            try session.finish()
            return ProduceJSON.summary(topic, session.progress)
        case .upload(let upload): return try upload.finish()
        }
    }

    var latest: JSONValue {
        switch self {
        case .session(let session, let topic):
            return ProduceJSON.summary(topic, session.progress)
        case .upload(let upload): return upload.latest
        }
    }
}
