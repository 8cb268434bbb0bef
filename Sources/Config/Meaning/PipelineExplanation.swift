import Operators

/// What `explain` tells of a pipeline without running it: a plain value, to be shown as text or
/// JSON.
package struct PipelineExplanation: Hashable, Sendable {
    /// What a node keeps from one row to another.
    package enum State: Hashable, Sendable {
        case none
        /// Kept until something known lets go of it.
        case bounded(String)
        /// Nothing lets go of it.
        case unbounded(String)
    }

    package struct Node: Hashable, Sendable {
        package enum Kind: String, Hashable, Sendable { case source, table, step, sink }
        package var name: String
        package var kind: Kind
        /// `events`, `per_campaign.late`; a join names its table last.
        package var inputs: [String]
        /// The topic that a source or table reads, or that a sink writes.
        package var topic: String?
        /// Of the output; of a sink, what it writes.
        package var columns: [Field]
        package var isUpdating: Bool
        /// What identifies a row of an updating node; nil when nothing does.
        package var key: [String]?
        package var state: State
        /// Of a sink, together with the sources that feed it.
        package var guarantee: String?
        /// Why two runs over the same input may differ here.
        package var notRepeatable: [String]
    }

    package var pipeline: String
    package var description: String?
    /// In the order in which rows pass.
    package var nodes: [Node]

    package init(_ spec: PipelineSpec) {
        pipeline = spec.name
        description = spec.description
        nodes =
            spec.sources.map(Self.explain) + spec.tables.map { Self.explain($0, in: spec) }
            + spec.steps.map { Self.explain($0, in: spec) }
            + spec.sinks.map { Self.explain($0, in: spec) }
    }

    private static func explain(_ source: SourceSpec) -> Node {
        var reasons: [String] = []
        var topic: TopicSourceOptions?
        if case .topic(let options) = source.connector { topic = options }
        switch source.eventTime.value {
        case .arrival where topic?.usesStoredTime == true: break
        case .arrival: reasons.append("event time is when a row was read")
        case .expression(let expression):
            if expression.usesNow { reasons.append("event time reads now()") }
            if source.eventTime.idleTimeoutMicros != nil {
                reasons.append("idle_timeout goes by the clock")
            }
        }
        if source.metadata.contains(where: { $0.origin == .arrival }) {
            reasons.append("metadata holds when a row was read")
        }
        if let topic { reasons += topic.notRepeatable }
        var isUpdating = false
        var key: [String]?
        if case .updating(let columns) = source.output.change {
            isUpdating = true
            key = columns
        }
        let keepsRows = source.upsertKey != nil
        return Node(
            name: source.name, kind: .source, inputs: [], topic: topic?.name,
            columns: source.output.schema.fields, isUpdating: isUpdating, key: key,
            state: keepsRows ? .unbounded("one row for each key of the topic") : .none,
            guarantee: nil, notRepeatable: reasons)
    }

    private static func explain(_ table: TableSpec, in spec: PipelineSpec) -> Node {
        var reasons: [String] = []
        // Versions are joined by event time, whenever they come.
        let isJoinedAsItStands = spec.steps.contains { step in
            if case .join(let join) = step.verb {
                return join.table == table.name && join.asOf == nil
            }
            return false
        }
        if case .file(let file) = table.connector, file.refreshMicros != nil {
            if isJoinedAsItStands { reasons.append("its rows change while streams flow") }
            if table.historyMicros != nil {
                reasons.append("a row that is gone ends when that is seen")
            }
        }
        var topic: String?
        if case .topic(let options) = table.connector {
            topic = options.name
            if options.stop == nil, isJoinedAsItStands {
                reasons.append("its rows change while streams flow")
            }
            reasons += options.notRepeatable
        }
        if table.historyMicros != nil, table.eventTime?.idleTimeoutMicros != nil {
            reasons.append("idle_timeout goes by the clock")
        }
        var kept = "one row for each key of the table"
        if let history = table.historyMicros {
            kept += ", and its versions of \(formatDuration(micros: history))"
        }
        return Node(
            name: table.name, kind: .table, inputs: [], topic: topic,
            columns: table.output.schema.fields,
            isUpdating: true, key: table.key.map { table.output.schema[$0].name },
            state: .unbounded(kept), guarantee: nil,
            notRepeatable: reasons)
    }

    private static func explain(_ step: StepSpec, in spec: PipelineSpec) -> Node {
        var inputs = step.allInputs.map(\.text)
        var state = State.none
        switch step.verb {
        case .none, .parse: break
        case .join(let join):
            inputs.append(join.table)
            state = join.state(spec.tables.first { $0.name == join.table })
        case .streamJoin(let join): state = join.explainedState
        case .aggregate(let aggregate):
            switch aggregate.window {
            case .none where aggregate.calls.contains(where: \.function.alwaysKeepsValues):
                state = .unbounded("grows with the number of different values")
            case .none where aggregate.groups.isEmpty: state = .bounded("one group")
            case .none: state = .unbounded("grows with the number of keys")
            case .inherited: state = .bounded("the groups of open windows")
            case .session: state = .bounded("the sessions that are open, one for each active group")
            case .hopping(let size, _, _), .cumulative(let size, _, _):
                let kept = size.addingReportingOverflow(aggregate.graceMicros)
                state = .bounded(
                    "the groups of open windows, "
                        + "\(formatDuration(micros: kept.overflow ? size : kept.partialValue)) each"
                )
            }
        case .deduplicate(let deduplicate): state = deduplicate.state
        case .top(let top): state = top.state
        case .over(let over): state = over.explainedState
        case .pattern(let pattern): state = pattern.explainedState
        case .unnest: break
        }
        var isUpdating = false
        var key: [String]?
        if case .updating(let columns) = step.output.change {
            isUpdating = true
            key = columns
        }
        return Node(
            name: step.name, kind: .step, inputs: inputs, columns: step.output.schema.fields,
            isUpdating: isUpdating, key: key, state: state, guarantee: nil,
            notRepeatable: step.notRepeatable)
    }

    private static func explain(_ sink: SinkSpec, in spec: PipelineSpec) -> Node {
        var key: [String]?
        var isUpdating = false
        if case .upsert(let columns) = sink.mode { key = columns.map { sink.inputSchema[$0].name } }
        if sink.mode != .append { isUpdating = true }
        let readsStdin = spec.sources.contains { $0.connector == .stdin }
        var topic: String?
        if case .topic(let options) = sink.connector { topic = options.name }
        let guarantee: String
        switch sink.connector {
        case .file where !readsStdin, .topic where !readsStdin: guarantee = "exactly once"
        case .file, .topic:
            guarantee = "at most once after a crash: standard input cannot be read again"
        case .stdout: guarantee = "at least once: what was written cannot be taken back"
        }
        var state = State.none
        if spec.statefulNodes.contains(sink.name) {
            state = .unbounded("grows with the number of keys")
        }
        return Node(
            name: sink.name, kind: .sink, inputs: [sink.input.text], topic: topic,
            columns: sink.inputSchema.fields, isUpdating: isUpdating, key: key, state: state,
            guarantee: guarantee, notRepeatable: [])
    }
}

extension StreamJoinSpec {
    fileprivate var explainedState: PipelineExplanation.State {
        switch bounds {
        case .around(let before, let after):
            let longest = formatDuration(micros: max(before, after))
            return .bounded("the rows of both sides, \(longest) at most")
        case .between(_, let to):
            return .bounded("left rows until '\(to.text)', right ones until their own time")
        case .unbounded(let timeToLive?):
            return .bounded("the rows of both sides, \(formatDuration(micros: timeToLive))")
        case .unbounded(nil): return .unbounded("grows with the number of rows")
        case .sameWindow: return .bounded("the rows of open windows")
        }
    }
}

extension TableJoinSpec {
    /// What waits, and what is kept of rows that change.
    fileprivate func state(_ table: TableSpec?) -> PipelineExplanation.State {
        if let asOf {
            if table?.isComplete == true { return .none }
            let time = asOf.text == "rowtime" ? "event time" : "event time and '\(asOf.text)'"
            return .bounded("rows until the watermark and the table's are behind their \(time)")
        }
        if isInputUpdating { return .unbounded("what each row of its input that stands was given") }
        guard let waitMicros else { return .none }
        return .bounded(
            "rows without a partner, \(formatDuration(micros: waitMicros)) of event time")
    }
}

extension DeduplicateSpec {
    fileprivate var state: PipelineExplanation.State {
        if isInputUpdating { return .unbounded("every row of its input that stands") }
        guard let withinMicros else { return .unbounded("grows with the number of keys") }
        return .bounded(
            "the keys of the last \(formatDuration(micros: withinMicros)), at most twice as long")
    }
}

extension TopSpec {
    fileprivate var state: PipelineExplanation.State {
        let rows = ties == .first ? "\(limit) rows" : "\(limit) rows and those that tie"
        if isInputUpdating { return .unbounded("every row of its input that stands") }
        if windowEnd != nil { return .bounded("\(rows) of each partition of open windows") }
        if !partition.isEmpty { return .unbounded("grows with the number of partitions") }
        return ties == .first ? .bounded(rows) : .unbounded(rows)
    }
}

extension TopicSourceOptions {
    /// Why two runs may see other rows of the topic.
    fileprivate var notRepeatable: [String] {
        var reasons: [String] = []
        for (name, position) in [("start", start as TopicPosition?), ("stop", stop)] {
            switch position {
            case .latest, .since: reasons.append("'\(name)' goes by when the pipeline first starts")
            case .earliest, .offset, .timestamp, nil: break
            }
        }
        if onGap == .skip { reasons.append("'on_gap: skip' goes on without rows that are gone") }
        return reasons
    }
}

extension NodeReference {
    /// As it is written in a spec.
    package var text: String { port == .main ? node : "\(node).\(port.rawValue)" }
}

extension StepSpec {
    /// Why two runs may give other rows.
    var notRepeatable: [String] {
        var reasons = expressions.contains { $0.usesNow } ? ["reads now()"] : []
        if case .aggregate(let aggregate) = verb, case .every = aggregate.emission {
            reasons.append("'emit: every' goes by the clock")
        }
        return reasons
    }

    /// Every expression of the step.
    package var expressions: [BoundExpression] {
        var all = [filter, having].compactMap { $0 } + (additions + projection).map(\.expression)
        switch verb {
        case .none, .parse, .unnest: break
        case .join(let join): all += join.match + [join.asOf].compactMap { $0 }
        case .streamJoin(let join): all += join.expressions
        case .aggregate(let aggregate):
            all += (aggregate.groups + aggregate.compute).map(\.expression)
            all += aggregate.calls.flatMap(\.expressions)
        case .deduplicate(let deduplicate): all += deduplicate.by.map(\.expression)
        case .top(let top):
            all += top.partition.map(\.expression) + top.order.items.map(\.expression)
        case .over(let over): all += over.expressions
        case .pattern(let pattern): all += pattern.expressions
        }
        return all
    }
}
