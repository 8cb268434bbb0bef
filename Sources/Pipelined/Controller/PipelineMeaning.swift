/// What a spec means, reduced to what can be compared and kept: two specs with the same digest give
/// the same graph, whatever their comments, order and formatting.
struct PipelineMeaning: Hashable, Sendable {
    /// A node that keeps something in the checkpoint.
    struct Node: Hashable, Sendable {
        var name: String
        /// Of what its state is made by: itself and all that feeds it.
        var fingerprint: String
    }
    /// Of the whole spec.
    var digest: String
    /// The stateful nodes, in the spec's order.
    var nodes: [Node]
}

/// What becomes of a pipeline's state when its spec changes.
enum StateDecision: Hashable, Sendable {
    case keep
    /// All of it goes, because of these nodes.
    case anew([LostState])

    var disposition: StateDisposition { self == .keep ? .keep : .anew }
}

/// A node whose state cannot be kept, and why.
struct LostState: Hashable, Sendable {
    var node: String
    var reason: String
}

extension StateDecision {
    /// State is kept when nothing that feeds a stateful node changed.
    ///
    /// A stateful node that is new begins with the rows from now on and costs the others nothing.
    ///
    /// - Parameter old: What the state on disk belongs to; nil where there is none.
    init(from old: PipelineMeaning?, to new: PipelineMeaning) {
        var lost: [LostState] = []
        for node in old?.nodes ?? [] {
            guard let now = new.nodes.first(where: { $0.name == node.name }) else {
                lost.append(LostState(node: node.name, reason: "it is no longer in the spec"))
                continue
            }
            guard now.fingerprint != node.fingerprint else { continue }
            lost.append(LostState(node: node.name, reason: "it, or what feeds it, has changed"))
        }
        self = lost.isEmpty ? .keep : .anew(lost)
    }
}
