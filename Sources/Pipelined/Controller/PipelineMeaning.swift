import Config

/// What a spec means, reduced to what can be compared and kept: two specs with the same digest give
/// the same graph, whatever their comments, order and formatting.
struct PipelineMeaning: Hashable, Sendable {
    /// Of the whole spec.
    var digest: String
    /// All nodes, in the spec's order.
    var nodes: [NodeMeaning]

    init(digest: String, nodes: [NodeMeaning]) {
        self.digest = digest
        self.nodes = nodes
    }

    init(_ spec: PipelineSpec) {
        self.init(digest: spec.meaning, nodes: spec.nodeMeanings())
    }

    subscript(name: String) -> NodeMeaning? { nodes.first { $0.name == name } }
}

/// What a spec says about changes of itself, and what has to be known of its nodes to plan one.
struct ChangeRules: Hashable, Sendable {
    /// nil where the spec says nothing: rebuild.
    var policy: PipelineSettings.ChangePolicy?
    var replayFrom: TopicPosition?
    var needsApproval = false
    /// By node, all that feed it.
    var ancestors: [String: Set<String>] = [:]
    /// By stateful step or sink that cannot be rebuilt: why.
    var obstacles: [String: String] = [:]
    /// Tables whose changes are rows of a stream, or reach rows that were joined before.
    var liveTables: Set<String> = []

    init() {}

    init(_ spec: PipelineSpec) {
        policy = spec.settings.onChange
        replayFrom = spec.settings.replayFrom
        needsApproval = spec.settings.needsApproval
        ancestors = spec.ancestors()
        for node in spec.steps.map(\.name) + spec.sinks.map(\.name) {
            obstacles[node] = spec.obstacleToReplay(of: node)
        }
        liveTables = Set(spec.tables.filter(\.isStreamed).map(\.name))
        for step in spec.steps {
            if case .join(let join) = step.verb, join.keepsRows { liveTables.insert(join.table) }
        }
    }

    /// Tells apart the ways in which a change of one meaning may be made.
    var key: String { "\(policy?.rawValue ?? "")/\(replayFrom.map { "\($0)" } ?? "")" }
}
