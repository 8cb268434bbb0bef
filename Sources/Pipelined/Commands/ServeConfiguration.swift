import Config
import Glibc

/// How `serve` runs: its flags, or else `pipelined.yaml`, or else what is usual.
struct ServeConfiguration: Equatable, Sendable {
    var pipelines = "pipelines"
    var state: String
    /// nil for `control.sock` in the state directory.
    var socket: String?
    var allowedPaths: [String] = []
    var allowEmpty = false
    var logFormat = Log.Format.logfmt
    var stateRetentionMicros: Int64 = 7 * 86_400_000_000
    /// The repository that is followed in place of ``pipelines``.
    var git: GitSource?

    /// What is usual, given the environment.
    init(environment: (String) -> String? = DaemonClient.variable) {
        // systemd may name several folders, separated by colons; the first one is ours.
        let named = environment("STATE_DIRECTORY")?.split(separator: ":").first.map(String.init)
        state = named ?? "./.pipelined"
        if let folder = environment("RUNTIME_DIRECTORY")?.split(separator: ":").first {
            socket = "\(folder)/control.sock"
        }
    }

    var socketPath: String { socket ?? state + "/control.sock" }

    /// Puts the flags over what stands there.
    mutating func take(_ invocation: Invocation) {
        if let folder = invocation.text("pipelines") {
            pipelines = folder
            git = nil
        }
        take(git: invocation)
        if let folder = invocation.text("state") { state = folder }
        if let path = invocation.text("socket") { socket = path }
        allowedPaths += invocation.all("allow-path")
        if invocation.isSet("allow-empty") { allowEmpty = true }
        if let format = invocation.text("log-format").flatMap(Log.Format.init) {
            logFormat = format
        }
    }

    /// Puts what a `pipelined.yaml` says over what stands there.
    ///
    /// - Returns: What is wrong with it; nothing was taken then.
    mutating func take(yaml bytes: [UInt8], path: String) -> [Diagnostic] {
        let source = SourceText(path: path, bytes: bytes)
        let file = parseYaml(source)
        if let problem = file.problem { return [problem] }
        guard let document = file.documents.first else { return [] }
        var changed = self
        var problems = document.diagnostics.filter { $0.severity == .error }
        guard case .mapping(let entries) = document.root.content else {
            return problems + [
                Diagnostic("pipelined.yaml is a mapping", at: source.location(document.root.range))
            ]
        }
        for entry in entries {
            let found =
                entry.key.text == "git"
                ? changed.takeGit(entry) : [changed.take(entry)].compactMap { $0 }
            for problem in found {
                problems.append(
                    Diagnostic(
                        problem.message, at: source.location(problem.range), help: problem.help))
            }
        }
        if problems.isEmpty { self = changed }
        return problems
    }

    private static let keys = [
        "pipelines", "state", "socket", "allow_path", "allow_empty", "log_format",
        "state_retention", "git",
    ]

    struct Problem {
        var message: String
        var range: Range<Int>
        var help: String?
    }

    private mutating func take(_ entry: LocatedEntry) -> Problem? {
        let key = entry.key.text
        if key == "allow_path" {
            guard let paths = Self.texts(entry.value) else {
                return Problem(
                    message: "'allow_path' is a list of folders", range: entry.value.range)
            }
            allowedPaths = paths
            return nil
        }
        guard Self.keys.contains(key) else {
            let near = Suggestion.nearest(to: key, among: Self.keys)
            return Problem(
                message: "unknown key '\(key)'", range: entry.key.range,
                help: near.map { "did you mean '\($0)'?" })
        }
        guard case .scalar(let scalar) = entry.value.content, !entry.value.isNull else {
            return Problem(message: "'\(key)' needs a value", range: entry.value.range)
        }
        let wrong = { (what: String) in
            Problem(message: "'\(key)' is \(what)", range: entry.value.range)
        }
        switch key {
        case "pipelines": pipelines = scalar.text
        case "state": state = scalar.text
        case "socket": socket = scalar.text
        case "allow_empty":
            guard case .boolean(let value) = scalar.resolved else { return wrong("true or false") }
            allowEmpty = value
        case "log_format":
            guard let format = Log.Format(rawValue: scalar.text) else {
                return wrong("logfmt or json")
            }
            logFormat = format
        default:
            guard let micros = DurationText.micros(scalar.text) else {
                return wrong("a duration, such as 7d")
            }
            stateRetentionMicros = micros
        }
        return nil
    }

    private static func texts(_ value: LocatedValue) -> [String]? {
        guard case .sequence(let items) = value.content else { return nil }
        var texts: [String] = []
        for item in items {
            guard case .scalar(let scalar) = item.content, !item.isNull else { return nil }
            texts.append(scalar.text)
        }
        return texts
    }
}
