import CPrimitives
import Config
import Connectors
import Operators
import Store
import Synchronization

/// A rebuild: a graph that reads history for the new version, and, where a sink has rows that may have
/// to be taken back, one that finds out for the old version what stands there.
private final class EmbeddedRebuild: RunningRebuild {
    private let after: HistoryReplay
    private let before: HistoryReplay?
    private let launch: RebuildLaunch
    private let newSources: Set<String>
    private let nodes: Set<String>

    init(
        _ launch: RebuildLaunch, after: HistoryReplay, before: HistoryReplay?,
        newSources: Set<String>, nodes: Set<String>
    ) {
        self.launch = launch
        self.after = after
        self.before = before
        self.newSources = newSources
        self.nodes = nodes
    }

    func begin() {
        after.begin()
        before?.begin()
    }

    var status: RebuildStatus {
        var status = after.status
        if let other = before?.status {
            status.rows += other.rows
            status.share = status.share.flatMap { own in other.share.map { min(own, $0) } }
            status.microsLeft = [status.microsLeft, other.microsLeft].compactMap { $0 }.max()
            status.isCaughtUp = status.isCaughtUp && other.isCaughtUp
        }
        return status
    }

    func cancel() {
        after.cancel()
        before?.cancel()
    }

    func finish(timeoutMicros: Int64) throws(EngineError) -> RebuiltState {
        do throws(EngineError) {
            try after.finish(timeoutMicros: timeoutMicros)
            try before?.finish(timeoutMicros: timeoutMicros)
        } catch {
            cancel()
            throw error
        }
        guard before.map({ $0.limitEpoch == after.limitEpoch }) ?? true else {
            throw EngineError(
                message: "cannot switch to the new version: the one before has committed meanwhile",
                node: nil, isTerminal: false)
        }
        var sinkChanges: [String: [Batch]] = [:]
        for sink in after.graph.sinks {
            guard let rows = sink.sink as? StandingRows else { continue }
            let former = before?.graph.sinks.first { $0.name == sink.name }?.sink
            sinkChanges[sink.name] = rows.changes(from: former as? StandingRows)
        }
        return RebuiltState(
            state: after.state, meta: after.meta, epoch: after.limitEpoch, nodes: nodes,
            newSources: newSources,
            sinkChanges: sinkChanges)
    }
}

/// Calls a body once, when it was asked to for the given number of times.
private final class Countdown: Sendable {
    private let left: Mutex<Int>
    private let body: @Sendable () -> Void

    init(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        left = Mutex(count)
        self.body = body
    }

    func count() {
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { body() }
    }
}

extension EmbeddedEngine {
    func rebuild(_ launch: RebuildLaunch) throws(EngineError) -> any RunningRebuild {
        let name = launch.spec.name
        cp_crash_context(name, 0)
        defer { cp_crash_context(nil, 0) }
        guard let meta = try lastCommit(of: name) else {
            throw EngineError(
                message: "cannot rebuild '\(name)': it has no checkpoint yet", node: nil,
                isTerminal: false)
        }
        let rebuilt = Set(launch.change.rebuilt)
        let reduced = launch.spec.reduced(to: rebuilt)
        let known = ChangeRules(launch.spec)
        let kept = Dictionary(
            launch.change.kept.map { ($0.name, $0.former) }, uniquingKeysWith: { first, _ in first }
        )
        let sources = Dictionary(
            uniqueKeysWithValues: reduced.sources.compactMap { source in
                kept[source.name].map { (source.name, $0) }
            })
        let former = try formerVersion(of: launch, meta)
        let countdown = Countdown(former == nil ? 1 : 2, launch.onCaughtUp)
        func replay(
            _ spec: PipelineSpec, _ sources: [String: String]
        ) throws(EngineError) -> HistoryReplay {
            let (graph, partial) = try replayGraph(spec, sources, meta, launch)
            return HistoryReplay(
                graph, pipeline: name, formerSources: sources, partialSources: partial,
                services: services,
                onCaughtUp: { countdown.count() }, onFailure: launch.onFailure)
        }
        let after = try replay(reduced, sources)
        var before: HistoryReplay?
        if let former {
            let same = former.sources.map { ($0.name, $0.name) }
            before = try replay(former, Dictionary(uniqueKeysWithValues: same))
        }
        let tables = Set(reduced.tables.map(\.name)).intersection(known.liveTables)
        let upserts = reduced.sources.filter { $0.upsertKey != nil && kept[$0.name] == nil }
        let rebuild = EmbeddedRebuild(
            launch, after: after, before: before,
            newSources: Set(reduced.sources.map(\.name)).subtracting(sources.keys),
            nodes: rebuilt.union(tables).union(upserts.map(\.name)))
        rebuild.begin()
        return rebuild
    }

    func committedGeneration(of pipeline: String) throws(EngineError) -> Int? {
        try lastCommit(of: pipeline).map { Int($0.generation) }
    }

    /// What a pipeline committed last, whether it runs or not.
    private func lastCommit(of pipeline: String) throws(EngineError) -> CheckpointMeta? {
        if let last = services.positions.last(of: pipeline) { return last.meta }
        let journal = try openJournal(pipeline)
        defer { services.release(pipeline) }
        let bytes = journal.takeRecovered()?.meta
        journal.releaseDescriptor()
        guard let bytes else { return nil }
        let meta = try decode(bytes)
        services.positions.note(meta, of: pipeline)
        return meta
    }

    /// The part of the old version that fills sinks which are rebuilt and go on where they are; nil
    /// where there is none.
    private func formerVersion(
        of launch: RebuildLaunch, _ meta: CheckpointMeta
    ) throws(EngineError) -> PipelineSpec? {
        let rebuilt = Set(launch.change.rebuilt)
        guard let former = launch.former else {
            let filled = launch.spec.sinks.first { sink in
                rebuilt.contains(sink.name) && sink.mode != .append
                    && meta.sinks.contains { $0.name == sink.name && !$0.value.isEmpty }
            }
            guard let filled else { return nil }
            throw EngineError(
                message:
                    "cannot rebuild sink '\(filled.name)': what stands there was made by a version "
                    + "whose spec does not mean the same any more, as its environment or a topic has "
                    + "changed; set on_change: {rebuild: {output: replace}}", node: filled.name,
                isTerminal: true)
        }
        let same = launch.spec.sinks.filter { sink in
            guard rebuilt.contains(sink.name), sink.mode != .append,
                former.sinks.contains(where: { $0.name == sink.name && $0.mode != .append }),
                let token = meta.sinks.first(where: { $0.name == sink.name })
            else { return false }
            return SinkTokens.isOwn(token.value, of: sink.connector)
                && former.sinks.contains { $0.name == sink.name && $0.connector == sink.connector }
        }
        return same.isEmpty ? nil : former.reduced(to: Set(same.map(\.name)))
    }

    /// A graph that writes nothing, with its sources at the beginnings of history. Where one is gone
    /// and the spec accepts that, its source begins with what is left.
    private func replayGraph(
        _ spec: PipelineSpec, _ sources: [String: String], _ meta: CheckpointMeta,
        _ launch: RebuildLaunch
    ) throws(EngineError) -> (Graph, partialSources: Set<String>) {
        var starts: [String: TopicPosition] = [:]
        if let from = launch.from {
            for source in spec.sources where source.keepsHistory { starts[source.name] = from }
        }
        while true {
            do throws(EngineError) {
                return (try replayGraph(spec, sources, meta, starts), Set(starts.keys))
            } catch {
                guard error.isHistoryGone, let position = launch.replayFrom, let node = error.node,
                    starts[node] == nil,
                    spec.sources.contains(where: { $0.name == node && $0.keepsHistory })
                else { throw error }
                starts[node] = position
            }
        }
    }

    /// - Parameter starts: Where sources begin that do not begin where they did.
    private func replayGraph(
        _ spec: PipelineSpec, _ sources: [String: String], _ meta: CheckpointMeta,
        _ starts: [String: TopicPosition]
    ) throws(EngineError) -> Graph {
        let graph = try GraphBuilder.build(spec, connectors: replaying(spec, starts))
        let now = services.clock.wall()
        graph.context.now = now
        for source in graph.sources {
            guard starts[source.spec.name] == nil, let former = sources[source.spec.name],
                let saved = meta.sources.first(where: { $0.name == former })
            else { continue }
            do throws(ConnectorError) {
                // A split of which nothing was read yet has no beginning, and is found as at first.
                let read = saved.splits.filter { !$0.beginning.isEmpty }
                if let split = saved.splits.first(where: { $0.beginning.isEmpty }), saved.rows > 0,
                    read.isEmpty
                {
                    throw .historyIsGone(split.id, "it is not known where it began")
                }
                try source.replay(read, now: now)
            } catch {
                throw EngineError(error, node: source.spec.name)
            }
        }
        try loadTables(of: graph, now: now)
        return graph
    }

    private func replaying(
        _ spec: PipelineSpec, _ starts: [String: TopicPosition]
    ) -> GraphBuilder.ConnectorOpening {
        var opening = opening(spec)
        let openSource = opening.openSource
        opening.openSource = { (source) throws(ConnectorError) in
            guard let start = starts[source.name], case .topic(var options) = source.connector
            else {
                return try openSource(source)
            }
            var source = source
            options.start = start
            source.connector = .topic(options)
            return try openSource(source)
        }
        opening.openSink = { (sink) throws(ConnectorError) in StandingRows(sink) }
        opening.openDeadLetters = { () throws(ConnectorError) in SuppressedSink() }
        return opening
    }
}

extension SourceSpec {
    /// Whether it reads what others keep, some of which may be gone.
    fileprivate var keepsHistory: Bool {
        switch connector {
        case .file, .topic: return true
        case .stdin, .generate, .nexmark: return false
        }
    }
}
