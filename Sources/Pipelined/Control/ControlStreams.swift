import Synchronization

/// A request that is answered over time. Served on the control socket's thread.
protocol ControlStream: AnyObject, Sendable {
    var reply: ControlReply { get }
    /// When it wants to be served again even if nothing changes; monotonic microseconds.
    var nextAt: Int64 { get }

    /// Sends what is new.
    ///
    /// - Returns: Whether more may come.
    func serve(_ view: ControllerView, now: Int64) -> Bool
}

/// `status` with `watch`: the table again and again.
final class WatchStream: ControlStream {
    let reply: ControlReply
    private let names: [String]
    private let intervalMicros: Int64
    private let next = Mutex<Int64>(0)

    init(names: [String], intervalMicros: Int64, _ reply: ControlReply) {
        self.names = names
        self.intervalMicros = min(max(intervalMicros, 100_000), 3_600_000_000)
        self.reply = reply
    }

    var nextAt: Int64 { next.withLock { $0 } }

    func serve(_ view: ControllerView, now: Int64) -> Bool {
        guard now >= nextAt else { return true }
        next.withLock { $0 = now + intervalMicros }
        return reply.item(StatusJSON.status(view, names: names, now: wallMicros())) != .closed
    }
}

/// `events`: what has happened, and with `follow` what happens.
final class EventStream: ControlStream {
    let reply: ControlReply
    let nextAt = Int64.max
    private let name: String?
    private let follows: Bool
    /// The number of the last event sent; nil before the first look.
    private let lastSeen = Mutex<Int64?>(nil)

    init(_ params: JSONObject, _ reply: ControlReply) {
        self.reply = reply
        name = params["name"]?.text
        follows = params["follow"]?.bool ?? false
    }

    func serve(_ view: ControllerView, now: Int64) -> Bool {
        let seen = lastSeen.withLock { $0 }
        guard seen.map({ view.lastEvent > $0 }) ?? true else { return true }
        if let name, view.pipelines[name] == nil, seen == nil {
            reply.fail(.notFound, "there is no pipeline '\(name)'")
            return false
        }
        let views = name.map { [view.pipelines[$0]].compactMap { $0 } } ?? view.inOrder
        let events = views.flatMap(\.events.inOrder)
            .filter { $0.number > seen ?? 0 }.sorted { $0.number < $1.number }
        for event in events {
            // A reader that is too slow gets what fits and the rest at the next change.
            guard reply.item(StatusJSON.event(event)) == .added else { return !reply.isClosed }
            lastSeen.withLock { $0 = event.number }
        }
        lastSeen.withLock { $0 = view.lastEvent }
        if !follows { reply.result([:]) }
        return follows
    }
}

/// What `wait` waits for.
enum WaitGoal: Equatable, Sendable {
    case ready
    case caughtUp
    case finished
    /// The specs of a commit have been applied.
    case revision(String)

    init?(_ text: String) {
        switch text {
        case "ready": self = .ready
        case "caught-up": self = .caughtUp
        case "finished": self = .finished
        default:
            guard text.hasPrefix("revision="), text.utf8.count >= 16 else { return nil }
            self = .revision(String(text.dropFirst(9)))
        }
    }

    func isReached(by pipeline: PipelineView, _ view: ControllerView) -> Bool {
        let isCurrent =
            pipeline.conditions[.ready].isTrue && !pipeline.conditions[.reconciling].isTrue
            && !pipeline.conditions[.stalled].isTrue
            && pipeline.observedGeneration == pipeline.generation
        switch self {
        case .ready: return isCurrent
        case .caughtUp:
            return isCurrent && (pipeline.phase == .finished || pipeline.status?.lag == 0)
        case .finished: return isCurrent && pipeline.phase == .finished
        case .revision(let revision):
            return isCurrent && view.revision?.hasPrefix(revision) == true
        }
    }
}

/// `wait`: one answer, when the time has come.
final class WaitStream: ControlStream {
    let reply: ControlReply
    private let name: String?
    private let goal: WaitGoal
    private let deadline: Int64
    private let next = Mutex<Int64>(0)

    init(name: String?, goal: WaitGoal, timeoutMicros: Int64?, _ reply: ControlReply) {
        self.name = name
        self.goal = goal
        self.reply = reply
        deadline = monotonicMicros().saturatingAdd(max(0, timeoutMicros ?? 300_000_000))
    }

    var nextAt: Int64 { min(deadline, next.withLock { $0 }) }

    func serve(_ view: ControllerView, now: Int64) -> Bool {
        // Lag changes without the controller's noticing.
        next.withLock { $0 = now + 100_000 }
        let pipelines = view.inOrder.filter { name == nil || $0.name == name }
        if name == nil, view.hasConverged,
            let problem = view.orphanProblems.min(by: { $0.key < $1.key })?.value.first
        {
            reply.fail(.failed, problem.summary)
            return false
        }
        let isThere = view.hasConverged && (name == nil || !pipelines.isEmpty)
        let waiting = pipelines.filter { !goal.isReached(by: $0, view) }
        if isThere, waiting.isEmpty {
            reply.result(["waited_for": .array(pipelines.map { .string($0.name) })])
            return false
        }
        if view.hasConverged, let name, pipelines.isEmpty {
            reply.fail(.notFound, "there is no pipeline '\(name)'")
            return false
        }
        if case .revision(let revision) = goal, let following = view.following,
            following.attempted?.hasPrefix(revision) == true,
            following.attempted != following.applied, let problem = following.shownProblem
        {
            reply.fail(.failed, problem)
            return false
        }
        if let stalled = waiting.first(where: { $0.conditions[.stalled].isTrue }) {
            reply.fail(.failed, "'\(stalled.name)' is stalled: \(stalled.message)")
            return false
        }
        guard now >= deadline else { return true }
        let names = waiting.map { "\($0.name) (\($0.phase.rawValue))" }.prefix(5)
        let what = names.isEmpty ? "the first look at the directory" : names.joined(separator: ", ")
        reply.fail(.timeout, "still waiting for \(what)")
        return false
    }
}

/// `tap`: open until the graph that is tapped is gone.
final class TapStream: ControlStream {
    let reply: ControlReply
    let nextAt = Int64.max
    private let pipeline: String
    private let running: any RunningPipeline

    init(pipeline: String, running: any RunningPipeline, _ reply: ControlReply) {
        self.pipeline = pipeline
        self.running = running
        self.reply = reply
    }

    func serve(_ view: ControllerView, now: Int64) -> Bool {
        guard view.pipelines[pipeline]?.running !== running else { return true }
        reply.result(["ended": "the graph has stopped"])
        return false
    }
}

/// The rows of a tap: called on the lane, drops what the client does not read in time.
final class TapRows: Sendable {
    private struct Counts {
        var sent: Int64 = 0
        var dropped: Int64 = 0
    }
    private let reply: ControlReply
    private let limit: Int64?
    private let counts = Mutex(Counts())

    init(_ reply: ControlReply, limit: Int64?) {
        self.reply = reply
        self.limit = limit
    }

    /// - Parameter row: A JSON object.
    /// - Returns: Whether more rows are wanted.
    func receive(_ row: String) -> Bool {
        counts.withLock { counts in
            if counts.dropped > 0 {
                switch reply.item(["dropped": .integer(counts.dropped)]) {
                case .added: counts.dropped = 0
                case .full:
                    counts.dropped += 1
                    return true
                case .closed: return false
                }
            }
            switch reply.row(row) {
            case .closed: return false
            case .full: counts.dropped += 1
            case .added: counts.sent += 1
            }
            guard let limit, counts.sent >= limit else { return true }
            reply.result(["ended": "the limit is reached"])
            return false
        }
    }
}
