import Operators

/// One step towards what is desired. Each is carried out as a whole, at most one for a name at a
/// time, so that there are never two graphs of one name.
struct Action: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        case start(StateChange)
        /// Starts the version that the state belongs to, while the new one has to wait.
        case startFormer
        /// Stops the graph that runs, with a last checkpoint, then starts the new one.
        case replace(StateChange, ReplaceReason)
        /// Begins to build the new version's state from history.
        case rebuild(StateChange)
        /// Ends a rebuild that nobody wants any more.
        case abandon
        /// Stops with a last checkpoint; the state is kept.
        case stop(StopReason)
        /// Stops the graph if one runs, drops the state, and starts again unless it is held.
        case reset(OutputDisposition, starts: Bool)
        /// Drops the state of a pipeline whose spec has been gone for long enough.
        case forget
    }
    enum ReplaceReason: String, Sendable {
        case changed, restart
    }
    enum StopReason: String, Sendable {
        case removed, paused, suspended
        /// It had not committed anything when its spec changed.
        case changed
        /// The daemon stops; the spec stays.
        case draining
    }
    var name: String
    var kind: Kind
}

/// What there is to do so that what is observed becomes what is desired. Pure: the same arguments
/// give the same plan, and a plan that has been carried out leaves an empty one.
///
/// - Parameters:
///   - desired: By name; a name that is missing was removed for sure.
///   - observed: By name, all that runs or has state.
///   - now: Microseconds since the epoch, for retries and retention.
///   - retentionMicros: How long the state of a removed pipeline is kept.
/// - Returns: At most one action a name, in the order of the names.
func plan(
    desired: [String: DesiredPipeline], observed: [String: ObservedPipeline], now: Int64,
    retentionMicros: Int64
) -> [Action] {
    let names = Set(desired.keys).union(observed.keys)
    return names.sorted().compactMap { name in
        let seen = observed[name] ?? ObservedPipeline()
        guard seen.activity != .busy else { return nil }
        let kind =
            if let wanted = desired[name] {
                nextStep(wanted, seen, now)
            } else {
                lastStep(seen, now, retentionMicros)
            }
        return kind.map { Action(name: name, kind: $0) }
    }
}

/// When the plan may change although nothing else does: the next retry, the next state to forget.
///
/// - Parameter now: What has been passed is left out.
func nextDeadline(
    desired: [String: DesiredPipeline], observed: [String: ObservedPipeline],
    retentionMicros: Int64, after now: Int64 = .min
) -> Int64? {
    observed.compactMap { name, seen in
        if seen.activity == .busy { return nil }
        let time =
            desired[name] != nil
            ? seen.failure?.retryAt : seen.removedAt.map { $0.saturatingAdd(retentionMicros) }
        return time.flatMap { $0 > now ? $0 : nil }
    }.min()
}

/// For a name that has a spec.
private func nextStep(
    _ wanted: DesiredPipeline, _ seen: ObservedPipeline, _ now: Int64
) -> Action.Kind? {
    let isReset = wanted.resetCount != seen.resetCount
    if seen.rebuild != nil, wanted.mode != .asIs, isReset || wanted.mode != .run {
        return .abandon
    }
    if isReset, wanted.mode != .asIs {
        return .reset(wanted.resetOutput, starts: wanted.mode == .run)
    }
    switch (wanted.mode, seen.activity) {
    case (.asIs, _), (_, .busy): return nil
    case (.hold(let reason), .running):
        return .stop(reason == .paused ? .paused : .suspended)
    case (.hold, _): return nil
    case (.run, .running(let digest)):
        let isWanted = digest == wanted.meaning.digest
        if wanted.restartCount != seen.restartCount, isWanted {
            return .replace(.none, .restart)
        }
        let isForced = wanted.rebuildCount != seen.rebuildCount
        if isWanted, !isForced { return seen.rebuild == nil ? nil : .abandon }
        // What it has committed by then decides.
        if seen.isOnProbation { return nil }
        if seen.stateMeaning == nil { return .stop(.changed) }
        return change(wanted, seen, isRunning: true, now)
    case (.run, .finished(let digest))
    where digest == wanted.meaning.digest && wanted.rebuildCount == seen.rebuildCount:
        return wanted.restartCount == seen.restartCount ? nil : .start(.none)
    case (.run, .idle), (.run, .finished):
        return change(wanted, seen, isRunning: false, now)
    }
}

/// The next step of a change, or of a start.
private func change(
    _ wanted: DesiredPipeline, _ seen: ObservedPipeline, isRunning: Bool, _ now: Int64
) -> Action.Kind? {
    let isRestart = wanted.restartCount != seen.restartCount
    let mayTry = isRestart || mayTry(wanted, seen, now)
    let isForced = wanted.rebuildCount != seen.rebuildCount
    let change = StateChange(
        from: seen.stateMeaning, to: wanted.meaning, rules: wanted.rules, forced: isForced)
    if seen.stateMeaning == nil || (seen.stateMeaning?.digest == wanted.meaning.digest && !isForced)
    {
        if seen.rebuild != nil { return .abandon }
        return mayTry ? (isRunning ? .replace(change, .changed) : .start(change)) : nil
    }
    // While the new version has to wait, the one before runs.
    var isAtWork = isRunning
    // It has read everything, and would end again at once.
    if case .finished(let digest) = seen.activity, digest == seen.stateMeaning?.digest {
        isAtWork = true
    }
    let instead: Action.Kind? = isAtWork || !seen.canRunFormer ? nil : .startFormer
    let isEdited = seen.stateMeaning?.digest != wanted.meaning.digest
    let needsApproval = isEdited && (wanted.rules.needsApproval || seen.needsApproval)
    let isHeld =
        change.refusal != nil
        || (needsApproval && wanted.approvedPlan != planHash(seen.stateMeaning, wanted))
    guard mayTry, !isHeld else {
        if seen.rebuild != nil { return .abandon }
        // What is asked to be restarted is what runs.
        return isRestart && isRunning && seen.canRunFormer ? .startFormer : instead
    }
    if change.replacesOutput { return .reset(.replace, starts: true) }
    guard change.isRebuild else {
        if seen.rebuild != nil { return .abandon }
        return isRunning ? .replace(change, .changed) : .start(change)
    }
    guard let rebuild = seen.rebuild else { return instead ?? .rebuild(change) }
    if rebuild.target != wanted.changeTarget { return .abandon }
    guard rebuild.isCaughtUp else { return instead }
    return isRunning ? .replace(change, .changed) : .start(change)
}

/// For a name whose spec is gone.
private func lastStep(
    _ seen: ObservedPipeline, _ now: Int64, _ retentionMicros: Int64
) -> Action.Kind? {
    if seen.rebuild != nil { return .abandon }
    if case .running = seen.activity { return .stop(.removed) }
    guard let removedAt = seen.removedAt, now >= removedAt.saturatingAdd(retentionMicros) else {
        return nil
    }
    return .forget
}

/// Whether the wanted meaning has not failed, or may be tried again by now.
private func mayTry(
    _ wanted: DesiredPipeline, _ seen: ObservedPipeline, _ now: Int64
) -> Bool {
    guard let failure = seen.failure, failure.digest == wanted.meaning.digest,
        failure.changeKey == nil || failure.changeKey == wanted.rules.key
    else { return true }
    guard let retryAt = failure.retryAt else { return false }
    return now >= retryAt
}

extension DesiredPipeline {
    /// Names what a rebuild is for.
    var changeTarget: String { "\(meaning.digest)/\(rules.key)/\(rebuildCount)" }
}

/// A short name of a change, by which it is approved: another one as soon as anything that it would
/// do is another.
///
/// - Returns: 12 hexadecimal digits.
func planHash(_ old: PipelineMeaning?, _ wanted: DesiredPipeline) -> String {
    let change = StateChange(from: old, to: wanted.meaning, rules: wanted.rules)
    let text =
        "\(old?.digest ?? "")\n\(wanted.meaning.digest)\n\(wanted.rules.key)\n"
        + change.fates.map { "\($0.node) \($0.fate.rawValue) \($0.formerName ?? "")\n" }.joined()
    return sha256(Array(text.utf8)).prefix(6).map { byte in
        let digits = String(byte, radix: 16)
        return digits.utf8.count < 2 ? "0" + digits : digits
    }.joined()
}

extension Int64 {
    func saturatingAdd(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }
}
