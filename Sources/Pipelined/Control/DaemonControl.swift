import Config
import Operators
import Store
import Synchronization

/// Who the daemon is, for `version`.
struct DaemonIdentity: Sendable {
    var processID: Int32
    var startedAt: Int64
    var pipelinesFolder: String
    var stateFolder: String
}

/// Answers the requests of the control socket: reads what the controller publishes, and passes on
/// what it is to do.
final class DaemonControl: ControlHandler {
    private let controller: Controller
    private let identity: DaemonIdentity
    private let topics: TopicRequests
    private let backups: BackupRequests
    private let state: StateDirectory
    private let follower: GitFollower?
    private let streams = Mutex<[any ControlStream]>([])

    init(
        controller: Controller, identity: DaemonIdentity, topics: TopicRequests,
        backups: BackupRequests, state: StateDirectory,
        follower: GitFollower? = nil
    ) {
        self.controller = controller
        self.follower = follower
        self.topics = topics
        self.backups = backups
        self.state = state
        self.identity = identity
    }

    func handle(_ request: ControlRequest, _ reply: ControlReply) {
        guard let method = ControlMethod.all.first(where: { $0.name == request.method }) else {
            let near = Suggestion.nearest(
                to: request.method, among: ControlMethod.all.map(\.name))
            return reply.fail(
                .unknownMethod,
                "there is no method '\(request.method)'"
                    + (near.map { "; did you mean '\($0)'?" } ?? ""))
        }
        if let problem = method.problem(request.params) { return reply.fail(.badRequest, problem) }
        answer(request.method, request.params, reply)
    }

    /// Serves what is open; see ``ControlHandler``.
    func poll(now: Int64) -> Int64? {
        let view = controller.view
        let open = streams.withLock { streams in
            defer { streams = [] }
            return streams
        }
        guard !open.isEmpty else { return nil }
        let left = open.filter { !$0.reply.isClosed && $0.serve(view, now: now) }
        streams.withLock { $0 += left }
        return left.map(\.nextAt).min()
    }

    private func open(_ stream: any ControlStream) {
        let now = monotonicMicros()
        if stream.serve(controller.view, now: now) { streams.withLock { $0.append(stream) } }
    }

    private func answer(_ method: String, _ params: JSONObject, _ reply: ControlReply) {
        switch method {
        case "version": reply.result(version)
        case "status": status(params, reply)
        case "describe":
            withPipeline(params, reply) {
                reply.result(StatusJSON.description($0, now: wallMicros()))
            }
        case "events": open(EventStream(params, reply))
        case "diff": ask(.diff, reply)
        case "meanings":
            let all = controller.view.inOrder.map(StatusJSON.meaning)
            reply.result(["pipelines": .array(all)])
        case "reload": reload(allowEmpty: params["allow_empty"]?.bool ?? false, reply)
        case "wait": wait(params, reply)
        case "pause":
            let user = params["by"]?.text ?? "somebody"
            withPipeline(params, reply) { self.ask(.pause($0.name, by: user), reply) }
        case "resume": withPipeline(params, reply) { self.ask(.resume($0.name), reply) }
        case "restart": withPipeline(params, reply) { self.ask(.restart($0.name), reply) }
        case "reset": reset(params, reply)
        case "rebuild": rebuild(params, reply)
        case "rollback": withPipeline(params, reply) { self.ask(.rollback($0.name), reply) }
        case "approve":
            let plan = params["plan"]?.text ?? ""
            withPipeline(params, reply) { self.ask(.approve($0.name, plan: plan), reply) }
        case "tap": tap(params, reply)
        case "graph": graph(params, reply)
        case "metrics":
            let text = MetricsText.render(controller.view, StateFigures(state))
            reply.result(["text": .string(text)])
        case "backup": backups.begin(params, reply)
        default:
            if topics.begin(method, params, reply) { return }
            reply.fail(.unknownMethod, "there is no method '\(method)'")
        }
    }

    private var version: JSONValue {
        [
            "version": .string(PipelinedVersion.current),
            "protocol": .integer(ControlProtocol.version),
            "pid": .integer(Int64(identity.processID)),
            "started_at": StatusJSON.time(identity.startedAt),
            "pipelines_folder": .string(identity.pipelinesFolder),
            "state_folder": .string(identity.stateFolder),
        ]
    }

    // MARK: reading

    private func withPipeline(
        _ params: JSONObject, _ reply: ControlReply, _ body: (PipelineView) -> Void
    ) {
        let name = params["name"]?.text ?? ""
        let view = controller.view
        if let pipeline = view.pipelines[name] { return body(pipeline) }
        reply.fail(.notFound, Self.notFound(name, view))
    }

    private static func notFound(_ name: String, _ view: ControllerView) -> String {
        let near = Suggestion.nearest(to: name, among: Array(view.pipelines.keys.sorted()))
        return "there is no pipeline '\(name)'" + (near.map { "; did you mean '\($0)'?" } ?? "")
    }

    private func status(_ params: JSONObject, _ reply: ControlReply) {
        let names = params["names"]?.array?.compactMap(\.text) ?? []
        let view = controller.view
        if let unknown = names.first(where: { view.pipelines[$0] == nil }) {
            return reply.fail(.notFound, Self.notFound(unknown, view))
        }
        guard params["watch"]?.bool == true else {
            return reply.result(StatusJSON.status(view, names: names, now: wallMicros()))
        }
        let interval = params["interval_micros"]?.integer ?? 1_000_000
        open(WatchStream(names: names, intervalMicros: interval, reply))
    }

    private func wait(_ params: JSONObject, _ reply: ControlReply) {
        guard let goal = WaitGoal(params["for"]?.text ?? "") else {
            return reply.fail(
                .badRequest, "'for' is ready, caught-up, finished or revision=SHA")
        }
        let name = params["name"]?.text
        if let name, controller.view.hasConverged, controller.view.pipelines[name] == nil {
            return reply.fail(.notFound, Self.notFound(name, controller.view))
        }
        open(
            WaitStream(
                name: name, goal: goal, timeoutMicros: params["timeout_micros"]?.integer, reply))
    }

    private func graph(_ params: JSONObject, _ reply: ControlReply) {
        withPipeline(params, reply) { view in
            let format = params["format"]?.text ?? "text"
            guard let style = GraphText.Style(rawValue: format) else {
                return reply.fail(.badRequest, "'format' is text or mermaid")
            }
            guard let spec = view.spec else {
                return reply.fail(.failed, "'\(view.name)' has no good version of its spec")
            }
            reply.result(["text": .string(GraphText.render(spec, style))])
        }
    }

    private func tap(_ params: JSONObject, _ reply: ControlReply) {
        withPipeline(params, reply) { view in
            guard let running = view.running else {
                return reply.fail(.failed, "cannot tap '\(view.name)': it does not run")
            }
            let node = NodeReference(text: params["node"]?.text ?? "")
            let limit = params["limit"]?.integer
            if let limit, limit < 1 {
                return reply.fail(.badRequest, "'limit' is at least 1")
            }
            let rows = TapRows(reply, limit: limit)
            do throws(EngineError) {
                try running.tap(node) { rows.receive($0) }
            } catch { return reply.fail(.notFound, error.message) }
            open(TapStream(pipeline: view.name, running: running, reply))
        }
    }

    // MARK: changing

    private func reload(allowEmpty: Bool, _ reply: ControlReply) {
        guard let follower else { return ask(.reload(allowEmpty: allowEmpty), reply) }
        follower.fetch { self.ask(.reload(allowEmpty: allowEmpty), reply) }
    }

    private func ask(_ command: ControllerCommand, _ reply: ControlReply) {
        let controller = self.controller
        controller.post(
            .command(command) { answer in
                switch answer {
                case .done(let changes):
                    let view = controller.view
                    reply.result([
                        "changes": .array(changes.map(StatusJSON.change)),
                        "problems": .array(problems(view).map(StatusJSON.problem)),
                        "busy_files": .array(view.busyFiles.sorted().map(JSONValue.string)),
                    ])
                case .plan(let changes, let problems, let busyFiles):
                    reply.result([
                        "changes": .array(changes.map(StatusJSON.change)),
                        "problems": .array(problems.map(StatusJSON.problem)),
                        "busy_files": .array(busyFiles.sorted().map(JSONValue.string)),
                    ])
                case .notFound(let name): reply.fail(.notFound, "there is no pipeline '\(name)'")
                case .refused(let message): reply.fail(.failed, message)
                }
            })
    }

    private func rebuild(_ params: JSONObject, _ reply: ControlReply) {
        var from: TopicPosition?
        if let text = params["from"]?.text {
            guard let position = TopicPosition(replayFrom: text, now: wallMicros()) else {
                return reply.fail(
                    .badRequest,
                    "'from' is earliest, a time such as 2026-01-01T00:00:00Z, or a duration such as 30d"
                )
            }
            from = position
        }
        withPipeline(params, reply) { self.ask(.rebuild($0.name, from: from), reply) }
    }

    private func reset(_ params: JSONObject, _ reply: ControlReply) {
        let output = OutputDisposition(rawValue: params["output"]?.text ?? "")
        guard let output, output != .forget else {
            return reply.fail(.badRequest, "'output' is keep or replace")
        }
        withPipeline(params, reply) { self.ask(.reset($0.name, output), reply) }
    }
}

/// Every problem of a spec that is known, those with a pipeline first.
private func problems(_ view: ControllerView) -> [SpecProblem] {
    (view.following?.specProblem.map { [$0] } ?? []) + view.inOrder.compactMap(\.problem)
        + view.orphanProblems.sorted { $0.key < $1.key }.flatMap(\.value)
}

extension TopicPosition {
    /// `earliest`, a time, or how long ago; nil where it is none of these.
    init?(replayFrom text: String, now: Int64) {
        if text == "earliest" {
            self = .earliest
        } else if let micros = DurationText.micros(text) {
            self = .timestamp(now - micros)
        } else if let micros = Array(text.utf8).withUnsafeBufferPointer({
            Timestamp.parseRFC3339($0)
        }) {
            self = .timestamp(micros)
        } else {
            return nil
        }
    }
}
