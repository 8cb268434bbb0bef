import Glibc

/// Through which a command reaches topics: a daemon that answers, or the state directory itself.
enum TopicAccess {
    case daemon(ControlClient)
    case local(LocalTopics)

    /// Finds the topics that the flags mean, and gives them to `body`; prints what went wrong.
    ///
    /// `--state` means the directory, `--socket` the daemon; without either a daemon that answers is
    /// asked, and otherwise the default directory is opened.
    ///
    /// - Parameters:
    ///   - creates: Whether `--state` may name a folder that is not there yet.
    ///   - isJSON: Whether errors are printed as JSON.
    static func with(
        _ invocation: Invocation, _ terminal: Terminal, creates: Bool = false, isJSON: Bool,
        _ body: (TopicAccess) throws(ControlFailure) -> ExitStatus
    ) -> ExitStatus {
        if invocation.isSet("state"), invocation.isSet("socket") {
            terminal.fail("cannot use both --state and --socket; give one of them")
            return .usage
        }
        let folder: String
        if let given = invocation.text("state") {
            folder = given
        } else {
            let candidates = DaemonClient.candidates(invocation)
            if let client = candidates.lazy.compactMap(ControlClient.init).first {
                return report(terminal, isJSON) { () throws(ControlFailure) in
                    try body(.daemon(client))
                }
            }
            folder = DaemonClient.variable("STATE_DIRECTORY") ?? "./.pipelined"
            guard !invocation.isSet("socket"), isFolder(folder) else {
                let tried = candidates.joined(separator: ", ")
                terminal.fail(
                    "cannot reach a daemon: nobody listens at \(tried); start one with 'pipelined "
                        + "serve', name its socket with --socket, or a state directory with --state"
                )
                return .noDaemon
            }
        }
        return report(terminal, isJSON) { () throws(ControlFailure) in
            guard creates || isFolder(folder) else {
                throw ControlFailure(
                    code: .notFound,
                    message:
                        "cannot open the state in \(folder): there is no such folder; name the "
                        + "one that 'serve' or 'run' was given with --state")
            }
            let local = try LocalTopics(folder)
            defer { local.close() }
            return try body(.local(local))
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func report(
        _ terminal: Terminal, _ isJSON: Bool,
        _ body: () throws(ControlFailure) -> ExitStatus
    ) -> ExitStatus {
        do throws(ControlFailure) {
            return try body()
        } catch {
            if isJSON {
                terminal.print((["error": error.json] as JSONValue).indented)
            } else {
                terminal.fail(error.message)
            }
            return .failed
        }
    }
}

extension Flag {
    static let topicState = Flag(
        name: "state", value: .folder("DIR"),
        summary: "open this state directory, which no daemon holds",
        defaultText: "a daemon that answers, or else ./.pipelined")
}

extension TopicAccess {
    /// Asks one of ``TopicMethods``.
    ///
    /// - Parameter item: Given the items of a stream; returns false to end it.
    func request(
        _ method: String, _ params: JSONObject = JSONObject(),
        item: @escaping (JSONValue) -> Bool = { _ in true }
    ) throws(ControlFailure) -> JSONValue {
        switch self {
        case .local(let local):
            return try TopicMethods(topics: local.topics, logs: local.logs)
                .answer(method, params, item: item)
        case .daemon(let client):
            return try client.request(method, params, timeoutMicros: nil, onItem: item) ?? .null
        }
    }
}

extension TopicAccess {
    /// Reads a topic, as ``ConsumeSession/run(isWanted:write:)`` does.
    ///
    /// - Returns: The summary; null when no more was wanted.
    func consume(
        _ request: ConsumeRequest, isWanted: () -> Bool, write: (UnsafeRawBufferPointer) -> Bool
    ) throws(ControlFailure) -> JSONValue {
        switch self {
        case .local(let local):
            let session = try ConsumeSession(request, topics: local.topics)
            return ConsumeJSON.summary(try session.run(isWanted: isWanted, write: write))
        case .daemon(let client):
            return try client.consume(request, isWanted: isWanted, write: write) ?? .null
        }
    }
}
