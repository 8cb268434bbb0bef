/// One step towards what is desired. Each is carried out as a whole, at most one for a name at a
/// time, so that there are never two graphs of one name.
struct Action: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        case start(StateDecision)
        /// Stops the graph that runs, with a last checkpoint, then starts the new one.
        case replace(StateDecision, ReplaceReason)
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
func nextDeadline(
    desired: [String: DesiredPipeline], observed: [String: ObservedPipeline],
    retentionMicros: Int64
) -> Int64? {
    observed.compactMap { name, seen in
        if seen.activity == .busy { return nil }
        if desired[name] != nil { return seen.failure?.retryAt }
        return seen.removedAt.map { $0.saturatingAdd(retentionMicros) }
    }.min()
}

/// For a name that has a spec.
private func nextStep(
    _ wanted: DesiredPipeline, _ seen: ObservedPipeline, _ now: Int64
) -> Action.Kind? {
    if wanted.resetCount != seen.resetCount, wanted.mode != .asIs {
        return .reset(wanted.resetOutput, starts: wanted.mode == .run)
    }
    switch (wanted.mode, seen.activity) {
    case (.asIs, _), (_, .busy): return nil
    case (.hold(let reason), .running):
        return .stop(reason == .paused ? .paused : .suspended)
    case (.hold, _): return nil
    case (.run, .running(let digest)):
        let isChanged = digest != wanted.meaning.digest
        let isRestart = wanted.restartCount != seen.restartCount
        guard isRestart || (isChanged && mayTry(wanted, seen, now)) else { return nil }
        let decision = StateDecision(from: seen.stateMeaning, to: wanted.meaning)
        return .replace(decision, isChanged ? .changed : .restart)
    case (.run, .finished(let digest)) where digest == wanted.meaning.digest:
        return wanted.restartCount == seen.restartCount ? nil : .start(.keep)
    case (.run, .idle), (.run, .finished):
        let isRestart = wanted.restartCount != seen.restartCount
        guard isRestart || mayTry(wanted, seen, now) else { return nil }
        return .start(StateDecision(from: seen.stateMeaning, to: wanted.meaning))
    }
}

/// For a name whose spec is gone.
private func lastStep(
    _ seen: ObservedPipeline, _ now: Int64, _ retentionMicros: Int64
) -> Action.Kind? {
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
    guard let failure = seen.failure, failure.digest == wanted.meaning.digest else { return true }
    guard let retryAt = failure.retryAt else { return false }
    return now >= retryAt
}

extension Int64 {
    func saturatingAdd(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }
}
