import Config

/// What becomes of a stateful node when its spec changes, and why.
struct NodeFate: Hashable, Sendable {
    enum Fate: String, Sendable {
        /// It goes on with what it has.
        case kept
        /// It is made anew by reading history.
        case rebuilt
        /// It begins with the rows from now on; a source or table, with what it reads now.
        case anew
        /// It is no longer in the spec.
        case dropped
    }
    var node: String
    var kind: NodeMeaning.Kind
    var fate: Fate
    /// Empty for what is kept under its own name.
    var reason: String
    /// The name under which it was kept before, where that was another one.
    var formerName: String?
}

/// What becomes of a pipeline's state when its spec changes. A value of the two meanings and of what
/// the new spec says about changes, and of nothing else.
struct StateChange: Hashable, Sendable {
    /// Of every stateful node: those of the new spec in its order, then those that go.
    var fates: [NodeFate]
    /// Why the change must not be made; nil where it may.
    var refusal: String?
    /// Everything goes, output too, and is made anew: `{rebuild: {output: replace}}`.
    var replacesOutput = false
    /// Sources that go on where they stand and whose rows, or the times of those, are others now.
    var rereadSources: Set<String> = []
    /// Sinks that keep their name and write elsewhere.
    var movedSinks: Set<String> = []
    /// Sinks that write where one of the old spec did, by their names now: its name.
    var sinkNames: [String: String] = [:]

    /// Nothing was there, or nothing was asked for.
    static let none = StateChange(fates: [])

    var isRebuild: Bool { fates.contains { $0.fate == .rebuilt } }

    /// What goes on as it is: the present name and the one before.
    var kept: [(name: String, former: String)] {
        fates.filter { $0.fate == .kept }.map { ($0.node, $0.formerName ?? $0.node) }
    }

    var rebuilt: [String] { fates.filter { $0.fate == .rebuilt }.map(\.node) }

    /// What does not go on as it is.
    var changed: [NodeFate] { fates.filter { $0.fate != .kept || $0.formerName != nil } }

    init(fates: [NodeFate], refusal: String? = nil) {
        self.fates = fates
        self.refusal = refusal
    }

    /// - Parameters:
    ///   - old: What the state on disk belongs to; nil where there is none.
    ///   - forced: Whether every step and sink is to be rebuilt, as a person asks.
    init(
        from old: PipelineMeaning?, to new: PipelineMeaning, rules: ChangeRules,
        forced: Bool = false
    ) {
        guard let old else {
            self = .none
            return
        }
        guard forced || old.digest != new.digest else {
            self.init(
                fates: new.nodes.filter(\.isStateful).map {
                    NodeFate(node: $0.name, kind: $0.kind, fate: .kept, reason: "")
                })
            return
        }
        var planner = FatePlanner(old, new, rules, isForced: forced)
        self = planner.plan()
    }
}

/// Goes through the nodes of the new spec, in an order in which what feeds a node comes before it.
private struct FatePlanner {
    private let old: PipelineMeaning
    private let new: PipelineMeaning
    private let rules: ChangeRules
    private let isForced: Bool
    private var fates: [NodeFate] = []
    /// Names of the old spec whose state goes on.
    private var taken: Set<String> = []
    private var refusals: [String] = []

    init(_ old: PipelineMeaning, _ new: PipelineMeaning, _ rules: ChangeRules, isForced: Bool) {
        self.old = old
        self.new = new
        self.rules = rules
        self.isForced = isForced
    }

    mutating func plan() -> StateChange {
        for node in new.nodes where node.isStateful { fates.append(fate(of: node)) }
        rebuildBesideLiveTables()
        let names = Set(new.nodes.map(\.name))
        for node in old.nodes where node.isStateful && !taken.contains(node.name) {
            let isReplaced = names.contains(node.name) && new[node.name]?.isStateful == true
            if isReplaced { continue }
            fates.append(
                NodeFate(
                    node: node.name, kind: node.kind, fate: .dropped,
                    reason: "it is no longer in the spec"))
        }
        var change = StateChange(fates: fates)
        for fate in fates where fate.kind == .source && fate.fate == .kept {
            if old[fate.formerName ?? fate.node]?.own != new[fate.node]?.own {
                change.rereadSources.insert(fate.node)
            }
        }
        for sink in new.nodes where sink.kind == .sink && !sink.place.isEmpty {
            if let former = old.nodes.first(where: { $0.kind == .sink && $0.place == sink.place }) {
                change.sinkNames[sink.name] = former.name
            }
            if let former = old[sink.name], former.kind == .sink, !former.place.isEmpty,
                former.place != sink.place
            {
                change.movedSinks.insert(sink.name)
            }
        }
        change.replacesOutput = rules.policy == .replace && change.isRebuild
        if !refusals.isEmpty { change.refusal = refusals.joined(separator: "; ") }
        return change
    }

    private mutating func fate(of node: NodeMeaning) -> NodeFate {
        if let former = same(node) {
            taken.insert(former.name)
            let isRenamed = former.name != node.name
            // What a person asks to be rebuilt is made anew although it means the same.
            if !isForced || node.kind == .source || node.kind == .table {
                return NodeFate(
                    node: node.name, kind: node.kind, fate: .kept,
                    reason: isRenamed ? "it was called '\(former.name)'" : "",
                    formerName: isRenamed ? former.name : nil)
            }
        }
        let isKnown = old.nodes.contains {
            $0.name == node.name && ($0.kind == node.kind || $0.own.isEmpty) && $0.isStateful
        }
        let reason = isForced && taken.contains(node.name) ? "as asked" : cause(of: node, isKnown)
        switch node.kind {
        case .source:
            return NodeFate(node: node.name, kind: .source, fate: .anew, reason: reason)
        case .table:
            return NodeFate(node: node.name, kind: .table, fate: .anew, reason: reason)
        case .step, .sink: return fate(of: node, reason, isKnown)
        }
    }

    /// The node of the old spec whose state is the node's.
    private func same(_ node: NodeMeaning) -> NodeMeaning? {
        func isSame(_ other: NodeMeaning) -> Bool {
            // What an early version of the catalog kept does not say of which kind it is.
            other.isStateful && (other.kind == node.kind || other.own.isEmpty)
                && other.fingerprint == node.fingerprint
                && !taken.contains(other.name)
        }
        if let named = old.nodes.first(where: { $0.name == node.name && isSame($0) }) {
            return named
        }
        // It has another name now, unless that one is still there with the same state.
        return old.nodes.first { other in
            isSame(other) && new[other.name]?.fingerprint != other.fingerprint
        }
    }

    /// Of a step or sink whose state is another one now.
    private mutating func fate(
        of node: NodeMeaning, _ reason: String, _ isKnown: Bool
    ) -> NodeFate {
        func result(_ fate: NodeFate.Fate, _ reason: String) -> NodeFate {
            NodeFate(node: node.name, kind: node.kind, fate: fate, reason: reason)
        }
        let sources = rules.ancestors[node.name, default: []].filter {
            new[$0]?.kind == .source
        }
        let goesOn = sources.contains { name in
            fates.contains { $0.node == name && $0.fate == .kept }
        }
        if !goesOn {
            return result(.anew, sources.isEmpty ? reason : "it begins with its new sources")
        }
        switch isForced ? .rebuild : rules.policy ?? .rebuild {
        case .discard:
            if node.kind == .sink { return result(.kept, "") }
            return result(.anew, reason)
        case .refuse:
            if isKnown, !isForced {
                refusals.append("'\(node.name)' would lose its state because \(reason)")
                return result(.anew, reason)
            }
            return rebuilt(node, reason, isKnown)
        case .replace:
            // Output and state are made anew together, in plain sight: nothing has to be guessed.
            return result(.rebuilt, reason)
        case .rebuild: return rebuilt(node, reason, isKnown)
        }
    }

    /// Rebuilt, where nothing is in the way; otherwise the change must not be made, or a node that is
    /// new begins with the rows from now on.
    private mutating func rebuilt(
        _ node: NodeMeaning, _ reason: String, _ isKnown: Bool
    ) -> NodeFate {
        guard let obstacle = rules.obstacles[node.name] else {
            return NodeFate(node: node.name, kind: node.kind, fate: .rebuilt, reason: reason)
        }
        if isKnown {
            refusals.append(
                "'\(node.name)' would lose its state because \(reason), and it cannot be rebuilt: "
                    + obstacle)
        }
        return NodeFate(
            node: node.name, kind: node.kind, fate: .anew,
            reason: "\(reason); it cannot be rebuilt: \(obstacle)")
    }

    /// Why a node is another one now: its own definition, or that of what feeds it.
    private func cause(of node: NodeMeaning, _ isKnown: Bool) -> String {
        if !isKnown { return "it is new" }
        func isEdited(_ name: String) -> Bool {
            guard let now = new[name] else { return false }
            return old[name].map { $0.own != now.own || $0.kind != now.kind } ?? true
        }
        let feeding = rules.ancestors[node.name, default: []]
        // Those that others follow from: nothing that feeds them was edited.
        let first = new.nodes.first { other in
            feeding.contains(other.name) && isEdited(other.name)
                && !rules.ancestors[other.name, default: []].contains(where: isEdited)
        }
        guard let first else {
            return isEdited(node.name) ? "its definition has changed" : "what feeds it has changed"
        }
        let words = old[first.name] == nil ? "is new" : "has changed"
        return "'\(first.name)', which feeds it, \(words)"
    }

    /// What reads a table that is read anew for a rebuild has to see the same rows of it.
    private mutating func rebuildBesideLiveTables() {
        while let index = keptBesideLiveTable() {
            let node = fates[index].node
            fates[index].reason = "it reads a table that is read anew for another node"
            fates[index].formerName = nil
            fates[index].fate = .rebuilt
            let obstacle =
                rules.policy == .refuse && !isForced
                ? "the spec refuses that" : rules.obstacles[node]
            if let obstacle {
                refusals.append(
                    "'\(node)' would lose its state because \(fates[index].reason), and it cannot be "
                        + "rebuilt: \(obstacle)")
            }
        }
    }

    private func keptBesideLiveTable() -> Int? {
        var tables: Set<String> = []
        for fate in fates where fate.fate == .rebuilt {
            tables.formUnion(
                rules.ancestors[fate.node, default: []].intersection(rules.liveTables))
        }
        return fates.firstIndex { fate in
            fate.fate == .kept && (fate.kind == .step || fate.kind == .sink)
                && !rules.ancestors[fate.node, default: []].isDisjoint(with: tables)
        }
    }
}
