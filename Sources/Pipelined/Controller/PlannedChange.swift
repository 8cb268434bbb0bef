import Config

/// A change in words, as `diff` and `reload` show it.
struct PlannedChange: Equatable, Sendable {
    /// What a rebuild reads, and how long that takes; microseconds, nil where that is not known.
    struct Estimate: Equatable, Sendable {
        var rows: Int64
        var micros: Int64?
    }
    var name: String
    /// `start`, `replace`, `rebuild`, `restart`, `stop`, `reset`, `forget`, `abandon`.
    var action: String
    /// Why, or what for: `removed`, `paused`; empty where the action says all.
    var reason: String
    /// Whether all state is kept; nil where the question does not arise.
    var keepsState: Bool?
    /// What becomes of each node that has state.
    var fates: [NodeFate] = []
    /// Why it is not made: refused by the spec, or not approved yet.
    var hold: String?
    /// By which it is approved.
    var plan: String?
    var estimate: Estimate?

    init(_ action: Action) {
        name = action.name
        reason = ""
        switch action.kind {
        case .start(let change):
            self.action = "start"
            take(change)
        case .startFormer:
            self.action = "start"
            reason = "the version before"
            keepsState = true
        case .replace(let change, let why):
            self.action = why == .restart ? "restart" : change.isRebuild ? "switch" : "replace"
            take(change)
        case .rebuild(let change):
            self.action = "rebuild"
            take(change)
        case .abandon:
            self.action = "abandon"
            reason = "the rebuild is not wanted any more"
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

    private mutating func take(_ change: StateChange) {
        fates = change.fates
        keepsState = !change.fates.contains { $0.fate != .kept && $0.reason != "it is new" }
    }

    /// The nodes whose state does not go on as it is.
    var changed: [NodeFate] { fates.filter { $0.fate != .kept || $0.formerName != nil } }

    /// `~ clicks: rebuild`, and a line for each node whose state does not simply go on.
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
        if action == "rebuild", hold == nil {
            text += " beside the running version"
            if let estimate {
                text += ", from \(HumanText.count(estimate.rows)) rows"
                if let micros = estimate.micros {
                    text += " in about \(HumanText.duration(micros: max(micros, 1_000_000)))"
                }
            }
        }
        if let hold { text += "; " + hold }
        for fate in changed { text += "\n    " + fate.text }
        return text
    }
}

extension NodeFate {
    /// `step 'views': rebuilt, because its definition has changed`.
    var text: String {
        let why = reason.isEmpty ? "" : ", because \(reason)"
        return "\(kind.rawValue) '\(node)': \(fate.rawValue)\(why)"
    }
}

/// What would be done in the end, not only in the first step: for who is asked before.
///
/// - Returns: One change a name at most, in the order of the names; those that are held say why.
func differences(
    desired: [String: DesiredPipeline], observed: [String: ObservedPipeline], now: Int64,
    retentionMicros: Int64
) -> [PlannedChange] {
    let actions = plan(
        desired: desired, observed: observed, now: now, retentionMicros: retentionMicros)
    var changes = Dictionary(
        uniqueKeysWithValues: actions.map { ($0.name, PlannedChange($0)) })
    for (name, wanted) in desired {
        guard let old = observed[name]?.stateMeaning, old.digest != wanted.meaning.digest,
            wanted.mode != .asIs
        else { continue }
        let change = StateChange(from: old, to: wanted.meaning, rules: wanted.rules)
        let kind: Action.Kind =
            change.replacesOutput
            ? .reset(.replace, starts: true)
            : change.isRebuild ? .rebuild(change) : .replace(change, .changed)
        var planned = PlannedChange(Action(name: name, kind: kind))
        planned.fates = change.fates
        planned.plan = planHash(old, wanted)
        let seen = observed[name] ?? ObservedPipeline()
        if case .hold(let reason) = wanted.mode {
            planned.hold = "once it is not \(reason.rawValue) any more"
        } else if let refusal = change.refusal {
            planned.hold =
                "refused: \(refusal); set on_change: discard, or {rebuild: {output: replace}}"
        } else if wanted.rules.needsApproval || seen.needsApproval,
            wanted.approvedPlan != planned.plan
        {
            planned.hold = "waits for 'pipelined approve \(name) --plan \(planned.plan ?? "")'"
        } else if let rebuild = seen.rebuild, rebuild.target == wanted.changeTarget {
            planned.hold = "under way"
        } else if let failure = seen.failure, failure.digest == wanted.meaning.digest {
            planned.hold = "failed: \(failure.error.message)"
        }
        changes[name] = planned
    }
    return changes.sorted { $0.key < $1.key }.map(\.value)
}
