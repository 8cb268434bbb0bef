import Glibc

/// What the daemon that answers says of itself.
struct DaemonFacts: Sendable {
    /// The socket that answers; nil where none does.
    var socket: String?
    var version: String?
    var protocolVersion: Int64?
    var process: Int64?
    var stateFolder: String?
    var pipelinesFolder: String?
    /// Why it did not answer, though it listens.
    var failure: String?
    /// Pipelines that fail or are refused, and how many there are.
    var unready: [String] = []
    var pipelineCount = 0

    static func ask(_ candidates: [String]) -> DaemonFacts {
        var facts = DaemonFacts()
        for path in candidates {
            guard let client = ControlClient(path: path) else { continue }
            facts.socket = path
            do throws(ControlFailure) {
                let answer =
                    try client.request("version", timeoutMicros: 5_000_000) ?? .null
                facts.version = answer["version"]?.text
                facts.protocolVersion = answer["protocol"]?.integer
                facts.process = answer["pid"]?.integer
                facts.stateFolder = answer["state_folder"]?.text
                facts.pipelinesFolder = answer["pipelines_folder"]?.text
                let status = try client.request("status", timeoutMicros: 5_000_000) ?? .null
                let pipelines = status["pipelines"]?.array ?? []
                facts.pipelineCount = pipelines.count
                facts.unready = pipelines.filter { row in
                    ["Failed", "Stalled", "Invalid"].contains(row["phase"]?.text ?? "")
                }.compactMap { $0["name"]?.text }
            } catch {
                facts.failure = error.message
            }
            break
        }
        return facts
    }
}

/// What may be wrong with the daemon.
enum DaemonChecks {
    /// - Parameter stateHolder: The process that has the lock of the state directory.
    static func daemon(_ facts: DaemonFacts, stateHolder: Int32?) -> Finding {
        let check = "daemon"
        guard let socket = facts.socket else {
            guard let stateHolder else { return .ok(check, "none runs") }
            return .problem(
                check, "process \(stateHolder) holds the state, and no socket answers",
                "name its socket with --socket, or see what that process is")
        }
        if let failure = facts.failure {
            return .problem(
                check, "the one at \(socket) does not answer: \(failure)", "restart it")
        }
        let version = facts.version ?? "?"
        if version != PipelinedVersion.current
            || facts.protocolVersion != ControlProtocol.version
        {
            return .warning(
                check, "version \(version) runs, and this is \(PipelinedVersion.current)",
                "restart the daemon, so that it is the binary that is installed")
        }
        let process = facts.process.map(String.init) ?? "?"
        if let stateHolder, facts.process != Int64(stateHolder) {
            return .problem(
                check,
                "process \(process) answers at \(socket), and process \(stateHolder) holds the state",
                "give each daemon a socket and a state directory of its own")
        }
        let text = "version \(version), process \(process), at \(socket)"
        guard facts.unready.isEmpty else {
            let shown = facts.unready.prefix(3).joined(separator: ", ")
            let more = facts.unready.count > 3 ? " and \(facts.unready.count - 3) more" : ""
            return .warning(
                check, "\(text); in trouble: \(shown)\(more)",
                "pipelined describe \(facts.unready[0])")
        }
        return .ok(check, "\(text), \(facts.pipelineCount) pipelines")
    }

    static func crash(_ note: CrashNote?) -> Finding {
        guard let note else { return .ok("crash", "the last daemon did not die of a signal") }
        let pipeline = note.pipeline.map { " while pipeline '\($0)' was at work" } ?? ""
        return .warning(
            "crash", "the last daemon died of signal \(note.signal)\(pipeline)",
            "start it again; report it with the lines before it in the log"
                + (note.pipeline == nil ? "" : " and the pipeline's spec"))
    }
}
