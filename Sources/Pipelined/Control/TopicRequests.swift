import Config
import Connectors
import Synchronization

/// The requests about topics: each on a thread of its own, since they read and sync files.
final class TopicRequests: Sendable {
    private let methods: TopicMethods
    private struct State {
        var running = 0
        var isEnding = false
    }
    private let state = Mutex(State())
    private let ended = Semaphore()

    /// Requests at once; further ones are told to try again.
    private static let runningMax = 48
    /// How often a producer that is silent is looked after.
    private static let lookMicros: Int64 = 500_000

    init(_ methods: TopicMethods) { self.methods = methods }

    /// Begins to answer; returns false for a method that is not about topics. Called on the server's thread.
    func begin(_ method: String, _ params: JSONObject, _ reply: ControlReply) -> Bool {
        switch method {
        case "produce":
            guard let upload = reply.beginUpload() else { return refuse(reply) }
            run(reply, orElse: { upload.refuse() }) { self.produce(params, upload, reply) }
        case "consume":
            guard reply.claimFrames() else { return refuse(reply) }
            run(reply, orElse: { reply.releaseFrames() }) { self.consume(params, reply) }
        case _ where TopicMethods.names.contains(method):
            run(reply) { self.answer(method, params, reply) }
        default: return false
        }
        return true
    }

    /// Ends the requests that run, and lets go of what producers wrote to.
    func close() {
        let isRunning = state.withLock { state in
            state.isEnding = true
            return state.running > 0
        }
        if isRunning { ended.wait() }
        methods.logs.close()
    }

    private var isEnding: Bool { state.withLock { $0.isEnding } }

    private func refuse(_ reply: ControlReply) -> Bool {
        reply.fail(
            .busy, "other requests of this connection wait for their answer; ask on one alone")
        return true
    }

    private func run(
        _ reply: ControlReply, orElse refuse: () -> Void = {},
        _ body: @escaping @Sendable () -> Void
    ) {
        let isAllowed = state.withLock { state in
            guard !state.isEnding, state.running < Self.runningMax else { return false }
            state.running += 1
            return true
        }
        if isAllowed {
            let thread = DaemonThread.start("topics") { [self] in
                body()
                finish()
            }
            if let thread { return thread.detach() }
            finish()
        }
        refuse()
        reply.fail(.busy, "\(Self.runningMax) requests about topics run already; try again")
    }

    private func finish() {
        let isLast = state.withLock { state in
            state.running -= 1
            return state.isEnding && state.running == 0
        }
        if isLast { ended.signal() }
    }

    private func answer(_ method: String, _ params: JSONObject, _ reply: ControlReply) {
        do throws(ControlFailure) {
            let isEnding = { self.isEnding }
            reply.result(
                try methods.answer(method, params) { item in
                    reply.item(item) != .closed && !isEnding()
                })
        } catch {
            reply.fail(error.code, error.message)
        }
    }

    // MARK: Rows

    private func produce(_ params: JSONObject, _ upload: ControlUpload, _ reply: ControlReply) {
        do throws(ControlFailure) {
            reply.result(try summary(ProduceRequest(params), upload, reply))
        } catch {
            upload.refuse()
            reply.fail(error.code, error.message)
        }
    }

    /// Takes what a producer sends. Who has the answer finds that it writes no more: the session has
    /// gone when this returns.
    private func summary(
        _ request: ProduceRequest, _ upload: ControlUpload, _ reply: ControlReply
    ) throws(ControlFailure) -> JSONValue {
        let session = try ProduceSession(
            request, topics: methods.topics, logs: methods.logs,
            onProgress: { reply.item(ProduceJSON.summary(request.topic, $0)) })
        reply.item(["ready": true])
        do throws(ControlFailure) {
            guard try feed(session, upload) else {
                throw ControlFailure(code: .failed, message: "the connection was cut")
            }
        } catch {
            reply.item(ProduceJSON.summary(request.topic, session.progress))
            throw error
        }
        return ProduceJSON.summary(request.topic, session.progress)
    }

    /// Gives a session what the client sends; false when the connection was cut.
    private func feed(_ session: ProduceSession, _ upload: ControlUpload) throws(ControlFailure)
        -> Bool
    {
        while true {
            let now = MonotonicClock.micros()
            if let pressAt = session.pressAt, pressAt <= now { try session.press() }
            let lookAt = now + Self.lookMicros
            switch upload.next(deadline: min(session.pressAt ?? lookAt, lookAt)) {
            case .bytes(let chunks):
                for bytes in chunks {
                    bytes.withUnsafeBytes { session.room(bytes.count).copyMemory(from: $0) }
                    try session.received(bytes.count)
                }
            case .nothing:
                if isEnding {
                    throw ControlFailure(
                        code: .failed,
                        message: "cannot take more rows: the daemon stops; go on when it is back")
                }
            case .end:
                try session.finish()
                return true
            case .cut: return false
            }
        }
    }

    private func consume(_ params: JSONObject, _ reply: ControlReply) {
        do throws(ControlFailure) {
            reply.result(try summary(ConsumeRequest(params), reply))
        } catch {
            reply.releaseFrames()
            reply.fail(error.code, error.message)
        }
    }

    /// Sends a consumer its rows. As for a producer, the session has gone when this returns.
    private func summary(_ request: ConsumeRequest, _ reply: ControlReply) throws(ControlFailure)
        -> JSONValue
    {
        let session = try ConsumeSession(request, topics: methods.topics)
        reply.beginFrames()
        defer { reply.endFrames() }
        return ConsumeJSON.summary(
            try session.run(
                isWanted: { !reply.isClosed && !self.isEnding },
                write: { reply.frame($0) && !self.isEnding }))
    }
}
