/// An action in words, as `diff` and `reload` show it.
struct PlannedChange: Equatable, Sendable {
    var name: String
    /// `start`, `replace`, `restart`, `stop`, `reset`, `forget`.
    var action: String
    /// Why, or what for: `removed`, `paused`; empty where the action says all.
    var reason: String
    /// Whether the state is kept; nil where the question does not arise.
    var keepsState: Bool?
    var lost: [LostState] = []

    init(_ action: Action) {
        name = action.name
        reason = ""
        switch action.kind {
        case .start(let decision):
            self.action = "start"
            take(decision)
        case .replace(let decision, let why):
            self.action = why == .restart ? "restart" : "replace"
            take(decision)
        case .stop(let why):
            self.action = "stop"
            reason = why.rawValue
            keepsState = true
        case .reset(let output, _):
            self.action = "reset"
            reason = "output: \(output.rawValue)"
            keepsState = false
        case .forget:
            self.action = "forget"
            reason = "removed long ago"
            keepsState = false
        }
    }

    private mutating func take(_ decision: StateDecision) {
        keepsState = decision == .keep
        if case .anew(let lost) = decision { self.lost = lost }
    }

    /// `~ clicks: replace, with new state: 'per_page' loses its state because …`.
    var text: String {
        let sign: String
        switch action {
        case "start": sign = "+"
        case "stop", "forget": sign = "-"
        default: sign = "~"
        }
        var text = "\(sign) \(name): \(action)"
        if !reason.isEmpty { text += " (\(reason))" }
        if action == "replace" || action == "stop", keepsState == true { text += ", state is kept" }
        if !lost.isEmpty { text += ", with new state: " + lostText(lost) }
        return text
    }
}
