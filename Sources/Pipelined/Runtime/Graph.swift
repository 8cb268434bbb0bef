import Config
import Operators

/// A pipeline's operators, wired. One lane owns it.
final class Graph {
    let spec: PipelineSpec
    let context: LaneContext
    var sources: [SourceNode] = []
    var tables: [TableNode] = []
    /// Every stage of every step, in topological order.
    var nodes: [GraphNode] = []
    /// The stage of each step that keeps state, by the step's name.
    var stateful: [(name: String, node: GraphNode)] = []
    /// All sinks of the spec, then the dead letters.
    var sinks: [SinkNode] = []
    /// By step.
    var counters: [NodeCounters] = []
    var ports: [NodeReference: OutputPort] = [:]

    init(spec: PipelineSpec, context: LaneContext) {
        self.spec = spec
        self.context = context
    }

    var hasEnded: Bool {
        sources.allSatisfy(\.hasEnded)
            && tables.allSatisfy { !$0.main.isRead || $0.hasEnded }
    }

    /// Whether anything is there that the last checkpoint does not have.
    var hasChanged: Bool {
        sources.contains(where: \.hasChanged) || sinks.contains(where: \.hasChanged)
            || tables.contains(where: \.hasChanged)
    }

    /// The source and split to read next: the one furthest behind in event time (rule 14 and DESIGN
    /// §4), so that history merges.
    func furthestBehind(now: Int64) -> (SourceNode, SourceNode.Split)? {
        var best: (SourceNode, SourceNode.Split)?
        for source in sources {
            guard let split = source.nextSplit(now: now) else { continue }
            if let known = best, known.1.watermark.highest <= split.watermark.highest { continue }
            best = (source, split)
        }
        return best
    }

    /// Has the operators give what is due by the clock, before a checkpoint is cut.
    func tick(now: Int64) {
        for (_, node) in stateful { node.tick(now: now) }
    }

    /// When ``tick(now:)`` will give something; nil when nothing waits for the clock.
    var nextTickAt: Int64? { stateful.compactMap(\.node.operation.nextTickAt).min() }

    func clearChanged() {
        for source in sources { source.hasChanged = false }
        for sink in sinks { sink.hasChanged = false }
    }

    /// What has changed in the state since the last call, by the node's name.
    func captureState() -> [(node: String, changes: StateChanges)] {
        var result: [(node: String, changes: StateChanges)] = []
        for table in tables {
            let changes = table.takeChanges()
            if !changes.isEmpty { result.append((table.spec.name, changes)) }
        }
        for source in sources {
            guard let changes = source.upserts?.takeChanges(), !changes.isEmpty else { continue }
            result.append((source.spec.name, changes))
        }
        for (name, node) in stateful {
            var changes = StateChanges()
            node.operation.capture(into: &changes)
            if !changes.isEmpty { result.append((name, changes)) }
        }
        return result
    }

    var stateSize: StateSize {
        var size = StateSize()
        for (_, node) in stateful {
            let part = node.operation.stateSize
            size.entries += part.entries
            size.bytes += part.bytes
        }
        for table in tables {
            size.entries += table.state.count + (table.history?.count ?? 0)
            size.bytes += table.state.memoryBytes + (table.history?.memoryBytes ?? 0)
        }
        for source in sources {
            guard let part = source.upserts?.stateSize else { continue }
            size.entries += part.entries
            size.bytes += part.bytes
        }
        return size
    }

    func checkpointMeta(epoch: UInt64, generation: Int, at: Int64) -> CheckpointMeta {
        var meta = CheckpointMeta()
        meta.epoch = epoch
        meta.generation = Int64(generation)
        meta.at = at
        meta.isFinished = hasEnded
        meta.deadLetters = context.deadLetters?.count ?? 0
        meta.sources = sources.map { $0.checkpoint() }
        meta.nodes = counters.map { counter in
            let verb = nodes.first { $0.counters === counter && $0.isVerb }
            return CheckpointMeta.Named(
                name: counter.name,
                value: CheckpointMeta.Figures(
                    rowsIn: counter.rowsIn, rowsOut: counter.rowsOut, late: counter.late,
                    unmatched: counter.unmatched, invalid: counter.invalid,
                    watermark: verb?.watermark ?? .min))
        }
        meta.tables = tables.map {
            CheckpointMeta.Named(name: $0.spec.name, value: $0.signature)
        }
        return meta
    }

    func restoreFigures(_ meta: CheckpointMeta) {
        for saved in meta.nodes {
            for counter in counters where counter.name == saved.name {
                counter.rowsIn = saved.value.rowsIn
                counter.rowsOut = saved.value.rowsOut
                counter.late = saved.value.late
                counter.unmatched = saved.value.unmatched
                counter.invalid = saved.value.invalid
            }
            // Stages behind the verb have only seen what it does not hold back.
            var watermark = saved.value.watermark
            for node in nodes where node.counters.name == saved.name {
                node.restore(watermark: watermark)
                let (held, overflow) = watermark.subtractingReportingOverflow(
                    node.operation.holdMicros)
                if watermark != .max { watermark = overflow ? .min : held }
            }
        }
        for saved in meta.sources {
            for source in sources where source.spec.name == saved.name {
                source.counters.rowsOut = saved.rows
                source.counters.rowsIn = saved.rows
                source.counters.invalid = saved.invalid
            }
        }
        context.deadLetters?.restore(count: meta.deadLetters)
    }
}
