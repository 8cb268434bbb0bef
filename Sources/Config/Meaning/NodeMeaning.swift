import Operators

/// A node of a spec, reduced to what decides the fate of its state when the spec changes.
package struct NodeMeaning: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable { case source, table, step, sink }

    package var name: String
    package var kind: Kind
    /// Whether something is kept for it over a change: positions, rows, or what stands in a sink that
    /// is written by key or as a changelog.
    package var isStateful: Bool
    /// Of what its state is made by: itself and all that feeds it.
    package var fingerprint: String
    /// Of the node alone, output too; tells which of several nodes was edited.
    package var own: String
    /// Of a sink, where it writes; empty for others.
    package var place: String

    package init(
        name: String, kind: Kind, isStateful: Bool, fingerprint: String, own: String,
        place: String = ""
    ) {
        self.place = place
        self.name = name
        self.kind = kind
        self.isStateful = isStateful
        self.fingerprint = fingerprint
        self.own = own
    }
}

extension PipelineSpec {
    /// What each node means, in the order of the spec.
    package func nodeMeanings() -> [NodeMeaning] {
        let fingerprints = nodeFingerprints()
        let stateful = Set(statefulNodes)
        func node(_ name: String, _ kind: NodeMeaning.Kind, isStateful: Bool) -> NodeMeaning {
            NodeMeaning(
                name: name, kind: kind, isStateful: isStateful,
                fingerprint: fingerprints.state[name] ?? "", own: fingerprints.own[name] ?? "")
        }
        return sources.map { node($0.name, .source, isStateful: true) }
            + tables.map { node($0.name, .table, isStateful: true) }
            + steps.map { node($0.name, .step, isStateful: stateful.contains($0.name)) }
            + sinks.map { sink in
                var meaning = node(sink.name, .sink, isStateful: sink.mode != .append)
                var encoder = CanonicalEncoder()
                encoder.writePlace(sink.connector)
                meaning.place = encoder.digest
                return meaning
            }
    }

    /// The nodes that feed each node, directly or through others; sources and tables have none.
    package func ancestors() -> [String: Set<String>] {
        var result: [String: Set<String>] = [:]
        func add(_ name: String, _ inputs: [String]) {
            result[name] = inputs.reduce(into: Set(inputs)) { all, input in
                all.formUnion(result[input] ?? [])
            }
        }
        for node in sources.map(\.name) + tables.map(\.name) { result[node] = [] }
        for step in steps {
            var inputs = step.allInputs.map(\.node)
            if case .join(let join) = step.verb { inputs.append(join.table) }
            add(step.name, inputs)
        }
        for sink in sinks { add(sink.name, [sink.input.node]) }
        return result
    }

    /// The spec with some of its nodes and all that feeds them; other nodes are left out.
    package func reduced(to names: Set<String>) -> PipelineSpec {
        let ancestors = ancestors()
        let wanted = names.reduce(into: names) { $0.formUnion(ancestors[$1] ?? []) }
        var result = self
        result.sources.removeAll { !wanted.contains($0.name) }
        result.tables.removeAll { !wanted.contains($0.name) }
        result.steps.removeAll { !wanted.contains($0.name) }
        result.sinks.removeAll { !wanted.contains($0.name) }
        return result
    }

    /// Why the state of a step or sink cannot be made anew by reading its sources once more; nil
    /// where it can.
    package func obstacleToReplay(of name: String) -> String? {
        let feeding = ancestors()[name] ?? []
        for source in sources where feeding.contains(source.name) {
            if case .stdin = source.connector {
                return "its source '\(source.name)' can be read only once"
            }
        }
        if let sink = sinks.first(where: { $0.name == name }), sink.mode != .append,
            let reason = cannotTellWhatStands(feeding)
        {
            return reason
        }
        if let sink = sinks.first(where: { $0.name == name }), case .upsert(let key) = sink.mode,
            let own = sink.inputKey, key != own
        {
            return "several keys of '\(sink.input.node)' share a key there"
        }
        let onPath = feeding.union([name])
        guard
            let timed = steps.first(where: { onPath.contains($0.name) && $0.goesByTime })
        else { return nil }
        let before = ancestors()[timed.name] ?? []
        let arriving = sources.first { source in
            guard before.contains(source.name), case .arrival = source.eventTime.value else {
                return false
            }
            if case .topic(let options) = source.connector { return !options.usesStoredTime }
            return true
        }
        return arriving.map {
            "rows of its source '\($0.name)' have the time of their arrival, which would be another one"
        }
    }

    /// Why reading history once more does not tell what stands in a sink that is written by key or as
    /// a changelog; nil where it does.
    private func cannotTellWhatStands(_ feeding: Set<String>) -> String? {
        for source in sources where feeding.contains(source.name) {
            for column in source.metadata {
                switch column.origin {
                case .arrival:
                    return "what stands there has the arrival times of source '\(source.name)'"
                case .filePath where source.connector.isFollowed:
                    return "what stands there has paths of files of source '\(source.name)', which "
                        + "may have other names by now"
                default: break
                }
            }
        }
        for step in steps where feeding.contains(step.name) {
            if case .join(let join) = step.verb, join.asOf == nil, !join.keepsRows,
                let table = tables.first(where: { $0.name == join.table }), table.changes
            {
                return "rows of the table '\(table.name)' may have changed since they were joined"
            }
            if step.notRepeatable.contains("reads now()") {
                return "'\(step.name)' reads now()"
            }
        }
        return nil
    }
}

extension SourceConnector {
    fileprivate var isFollowed: Bool {
        if case .file(let options) = self { return options.isFollowed }
        return false
    }
}

extension TableSpec {
    /// Whether its rows change while streams flow.
    fileprivate var changes: Bool {
        switch connector {
        case .file(let options): return options.refreshMicros != nil
        case .topic(let options): return options.stop == nil
        default: return false
        }
    }
}

extension StepSpec {
    /// Whether what it keeps depends on the rows' event times.
    fileprivate var goesByTime: Bool {
        switch verb {
        case .none, .join, .parse, .unnest, .top: return false
        case .aggregate(let aggregate): return aggregate.window != .none
        case .streamJoin(let join):
            if case .unbounded = join.bounds { return false }
            return true
        case .deduplicate, .over, .pattern: return true
        }
    }
}
