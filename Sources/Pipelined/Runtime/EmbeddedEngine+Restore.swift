import Config
import Connectors
import Operators
import Store

/// What a graph begins with besides what its nodes were given.
struct PipelineStart {
    /// Of the last checkpoint.
    var epoch: UInt64 = 0
    var takeover = StateTakeover()
    /// What sinks have to be given so that the new version's rows stand there, by the sink.
    var sinkChanges: [String: [Batch]] = [:]
}

/// The state that a rebuild has made, on its way to the version that it is for.
final class RebuiltState: Sendable {
    let state: RecoveredState
    let meta: CheckpointMeta
    /// The nodes whose state is taken from here.
    let nodes: Set<String>
    /// Sources that the version before did not have.
    let newSources: Set<String>
    let sinkChanges: [String: [Batch]]

    init(
        state: RecoveredState = RecoveredState(), meta: CheckpointMeta = CheckpointMeta(),
        nodes: Set<String> = [], newSources: Set<String> = [],
        sinkChanges: [String: [Batch]] = [:]
    ) {
        self.state = state
        self.meta = meta
        self.nodes = nodes
        self.newSources = newSources
        self.sinkChanges = sinkChanges
    }
}

extension EmbeddedEngine {
    /// Gives the graph what the checkpoint, and a rebuild, have for its nodes.
    ///
    /// - Returns: What its first checkpoint has to change in the journal so that this is its state.
    func restore(
        _ graph: Graph, _ launch: PipelineLaunch, _ recovered: RecoveredState,
        _ meta: CheckpointMeta, now: Int64
    ) throws(EngineError) -> StateTakeover {
        var takeover = StateTakeover()
        takeover.isOwed = meta.generation != Int64(launch.generation)
        let names: [String: String]
        var rebuilt: RebuiltState?
        switch launch.state {
        case .anew: return StateTakeover()
        case .keep: names = [:]
        case .change(let change, let state):
            rebuilt = state
            if state != nil { takeover.isOwed = true }
            names = Dictionary(
                change.kept.map { ($0.former, $0.name) }, uniquingKeysWith: { first, _ in first })
        }
        let isPlain: Bool
        if case .keep = launch.state { isPlain = true } else { isPlain = false }
        for key in recovered.nodes {
            let (former, part) = StateNode.split(key)
            let name = isPlain ? former : names[former]
            guard let name, rebuilt?.nodes.contains(name) != true,
                try restoreNode(name, part, key, of: graph, from: recovered)
            else {
                takeover.dropped.append(key)
                continue
            }
            guard name != former else { continue }
            takeover.dropped.append(key)
            takeover.adopted.append(
                .init(state: recovered, from: key, to: StateNode.key(name, part: part)))
        }
        for key in rebuilt?.state.nodes ?? [] {
            let (name, part) = StateNode.split(key)
            guard let rebuilt, rebuilt.nodes.contains(name),
                try restoreNode(name, part, key, of: graph, from: rebuilt.state)
            else { continue }
            takeover.adopted.append(.init(state: rebuilt.state, from: key, to: key))
        }
        let merged = merged(meta, rebuilt, launch)
        for saved in merged.tables {
            graph.tables.first { $0.spec.name == saved.name }?.restore(signature: saved.value)
        }
        graph.restoreFigures(merged)
        for source in graph.sources {
            guard let saved = merged.sources.first(where: { $0.name == source.spec.name }) else {
                continue
            }
            do throws(ConnectorError) {
                try source.restore(saved.splits, now: now)
            } catch {
                throw EngineError(error, node: source.spec.name)
            }
        }
        return takeover
    }

    /// - Returns: Whether the graph has such a node.
    private func restoreNode(
        _ name: String, _ part: UInt8, _ key: [UInt8], of graph: Graph, from state: RecoveredState
    ) throws(EngineError) -> Bool {
        let operation = graph.stateful.first { $0.name == name }?.node.operation
        let table = graph.tables.first { $0.spec.name == name }
        let upserts = graph.sources.first { $0.spec.name == name }?.upserts
        guard operation != nil || table != nil || upserts != nil else { return false }
        do throws(StateError) {
            try state.forEachEntry(node: key) { (time, entryKey, value) throws(StateError) in
                let entry = StateEntry(
                    part: part, time: time, key: entryKey.bindMemory(to: UInt8.self),
                    value: value.bindMemory(to: UInt8.self))
                try table?.restore(entry)
                try operation?.restore(entry)
                try upserts?.restore(entry)
            }
        } catch {
            throw EngineError(message: error.message, node: name, isTerminal: true)
        }
        return true
    }

    /// Positions, watermarks and figures under the names of the new version: of what goes on those
    /// of the last checkpoint, of what was rebuilt those of the rebuild.
    private func merged(
        _ meta: CheckpointMeta, _ rebuilt: RebuiltState?, _ launch: PipelineLaunch
    ) -> CheckpointMeta {
        guard case .change(let change, _) = launch.state else { return meta }
        var result = meta
        result.sources = []
        result.tables = []
        result.nodes = []
        for (name, former) in change.kept {
            if var source = meta.sources.first(where: { $0.name == former }) {
                source.name = name
                if change.rereadSources.contains(name) { retime(&source, rebuilt) }
                result.sources.append(source)
            }
            if rebuilt?.nodes.contains(name) != true,
                let table = meta.tables.first(where: { $0.name == former })
            {
                result.tables.append(.init(name: name, value: table.value))
            }
        }
        for source in rebuilt?.meta.sources ?? []
        where rebuilt?.newSources.contains(source.name) == true {
            result.sources.append(source)
        }
        for table in rebuilt?.meta.tables ?? [] where rebuilt?.nodes.contains(table.name) == true {
            result.tables.append(table)
        }
        let formerNames = Dictionary(
            change.kept.map { ($0.name, $0.former) }, uniquingKeysWith: { first, _ in first })
        let begun = Set(change.fates.filter { $0.fate == .anew }.map(\.node))
        for step in launch.spec.steps {
            let isRebuilt = rebuilt?.nodes.contains(step.name) == true
            let figures =
                isRebuilt
                ? rebuilt?.meta.nodes.first { $0.name == step.name }
                : meta.nodes.first { $0.name == formerNames[step.name] ?? step.name }
            guard var figures else { continue }
            figures.name = step.name
            // Its rows' times may be others.
            if begun.contains(step.name) { figures.value.watermark = .min }
            result.nodes.append(figures)
        }
        return result
    }

    /// Of a source whose rows have other times now: those that a rebuild has seen, or none.
    private func retime(_ source: inout CheckpointMeta.Source, _ rebuilt: RebuiltState?) {
        let seen = rebuilt?.meta.sources.first { $0.name == source.name }?.splits ?? []
        for index in source.splits.indices {
            let split = seen.first { $0.id == source.splits[index].id }
            source.splits[index].highest = split?.highest ?? .min
        }
    }

    /// The tokens of file sinks that have another name now, under that; those of file sinks that
    /// write elsewhere now, under a name that no sink has.
    func renamingSinks(of meta: CheckpointMeta, _ state: StateTransition) -> CheckpointMeta {
        guard case .change(let change, _) = state else { return meta }
        var result = meta
        for index in result.sinks.indices
        where change.movedSinks.contains(result.sinks[index].name)
            && TopicSinkToken(result.sinks[index].value) == nil
        {
            result.sinks[index].name += " (before)"
        }
        for (name, former) in change.kept where name != former {
            guard let index = result.sinks.firstIndex(where: { $0.name == former }),
                TopicSinkToken(result.sinks[index].value) == nil
            else { continue }
            result.sinks[index].name = name
        }
        return result
    }
}
