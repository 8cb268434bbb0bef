/// One of the three things that are always said of a pipeline, in Kubernetes' words.
struct Condition: Equatable, Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// It runs what its spec says (or has run it to the end).
        case ready = "Ready"
        /// Something is being done about it, or will be by itself.
        case reconciling = "Reconciling"
        /// A person has to do something.
        case stalled = "Stalled"
    }
    var kind: Kind
    var isTrue: Bool
    /// One word for programs: `Running`, `SpecInvalid`, …
    var reason: String
    /// One line for people; empty where the reason says all.
    var message: String
    /// Since when it is true, or is not; microseconds.
    var lastTransitionAt: Int64
}

/// The three conditions, with the moments at which they changed.
struct Conditions: Equatable, Sendable {
    private(set) var all: [Condition]

    /// Of a pipeline that has just been heard of.
    init(now: Int64) {
        all = Condition.Kind.allCases.map {
            Condition(
                kind: $0, isTrue: false, reason: "Unknown", message: "", lastTransitionAt: now)
        }
    }

    subscript(kind: Condition.Kind) -> Condition {
        // The initialiser made one of each, and none is ever removed.
        all.first { $0.kind == kind }
            ?? Condition(kind: kind, isTrue: false, reason: "", message: "", lastTransitionAt: 0)
    }

    /// Sets a condition; the moment moves only when its truth changes.
    ///
    /// - Returns: Whether truth or reason changed.
    @discardableResult
    mutating func set(
        _ kind: Condition.Kind, _ isTrue: Bool, _ reason: String, _ message: String, now: Int64
    ) -> Bool {
        guard let index = all.firstIndex(where: { $0.kind == kind }) else { return false }
        let old = all[index]
        all[index].reason = reason
        all[index].message = message
        all[index].isTrue = isTrue
        if old.isTrue != isTrue || old.reason == "Unknown" { all[index].lastTransitionAt = now }
        return old.isTrue != isTrue || old.reason != reason
    }
}
