import Config
import Connectors
import Operators

/// Makes a graph of a spec: the only place where specs meet operators and connectors.
struct GraphBuilder {
    private let spec: PipelineSpec
    private let context: LaneContext
    private let graph: Graph
    private let connectors: ConnectorOpening

    /// How sources and sinks are opened.
    struct ConnectorOpening {
        var openSource: (SourceSpec) throws(ConnectorError) -> any Source
        var openTable: (TableSpec) throws(ConnectorError) -> any Source
        var openSink: (SinkSpec) throws(ConnectorError) -> any Sink
        /// The sink of the dead letters; made only if rows may go there.
        var openDeadLetters: () throws(ConnectorError) -> any Sink
    }

    /// - Parameter spec: As Config gave it; unread columns are left out here.
    static func build(
        _ spec: PipelineSpec, connectors: ConnectorOpening
    ) throws(EngineError) -> Graph {
        let pruned = ColumnPruning.prune(spec)
        let context = LaneContext(onError: spec.settings.onError)
        let builder = GraphBuilder(
            spec: pruned, context: context, graph: Graph(spec: spec, context: context),
            connectors: connectors)
        try builder.build()
        return builder.graph
    }

    private func build() throws(EngineError) {
        for source in spec.sources { try add(source) }
        for table in spec.tables { add(table) }
        for step in spec.steps { try add(step) }
        for sink in spec.sinks { try add(sink) }
        if spec.settings.onError == .deadLetter {
            let sink = try opening("dead letters", connectors.openDeadLetters)
            let node = SinkNode(
                name: "dead-letters", sink: sink, guarantee: "exactly-once", context: context)
            graph.sinks.append(node)
            context.deadLetters = DeadLetters(sink: node)
        }
    }

    private func opening<T>(
        _ node: String, _ open: () throws(ConnectorError) -> T
    ) throws(EngineError) -> T {
        do throws(ConnectorError) {
            return try open()
        } catch {
            throw EngineError(error, node: node)
        }
    }

    // MARK: Sources and tables

    private func add(_ source: SourceSpec) throws(EngineError) {
        let counters = NodeCounters(name: source.name)
        let invalid = InvalidPort(counters: counters, context: context)
        let opened = try opening(source.name) { () throws(ConnectorError) in
            try connectors.openSource(source)
        }
        let node = SourceNode(
            source, source: opened, counters: counters, invalid: invalid, context: context)
        graph.sources.append(node)
        graph.ports[NodeReference(node: source.name, port: .main)] = node.main
        graph.ports[NodeReference(node: source.name, port: .invalid)] = invalid.port
    }

    private func add(_ table: TableSpec) {
        let counters = NodeCounters(name: table.name)
        let invalid = InvalidPort(counters: counters, context: context)
        let open = connectors.openTable
        graph.tables.append(
            TableNode(table, counters: counters, invalid: invalid, context: context) {
                () throws(ConnectorError) in try open(table)
            })
        if let node = graph.tables.last {
            graph.ports[NodeReference(node: table.name, port: .main)] = node.main
        }
        graph.ports[NodeReference(node: table.name, port: .invalid)] = invalid.port
    }

    // MARK: Steps

    private func add(_ step: StepSpec) throws(EngineError) {
        let counters = NodeCounters(name: step.name)
        let invalid = InvalidPort(counters: counters, context: context)
        graph.counters.append(counters)
        let stages = try stages(of: step)
        var previous: GraphNode?
        for (index, stage) in stages.enumerated() {
            var inputCount = index == 0 ? step.inputs.count : 1
            if stage.right != nil || stage.versions != nil { inputCount += 1 }
            let node = GraphNode(
                stage.operation, counters: counters, inputCount: inputCount,
                inputSchema: stage.input,
                outputSchema: stage.output, invalid: invalid, context: context,
                isFirst: index == 0, isLast: index == stages.count - 1, isVerb: stage.isVerb)
            if let previous {
                previous.main.edges.append(Edge(receiver: node, input: 0, columns: nil))
            } else {
                for (input, reference) in step.inputs.enumerated() {
                    try connect(reference, to: node, input: input, schema: step.inputSchema)
                }
            }
            if let right = stage.right {
                try connect(right.reference, to: node, input: 1, schema: right.schema)
            }
            if let waiting = stage.waiting {
                let (operation, context) = (waiting.join, context)
                waiting.table.listen { [unowned node] in
                    operation.tableChanged(now: context.now, to: node)
                }
            }
            stage.versions?.edges.append(Edge(receiver: node, input: 1, columns: nil))
            graph.nodes.append(node)
            if stage.isStateful { graph.stateful.append((step.name, node)) }
            if stage.isVerb {
                graph.ports[NodeReference(node: step.name, port: .late)] = node.late
                graph.ports[NodeReference(node: step.name, port: .unmatched)] = node.unmatched
            }
            previous = node
        }
        if let previous {
            graph.ports[NodeReference(node: step.name, port: .main)] = previous.main
        }
        graph.ports[NodeReference(node: step.name, port: .invalid)] = invalid.port
    }

    private struct Stage {
        let operation: any Operator
        let input: Schema
        let output: Schema
        var isVerb = false
        var isStateful = false
        /// The second input of a join of streams; the first is the only other one.
        var right: (reference: NodeReference, schema: Schema)?
        /// The second input of a join with the versions of a table that may come while rows flow.
        var versions: OutputPort?
        /// A join whose rows wait for a table's.
        var waiting: (join: WaitingTableJoin, table: TableNode)?
    }

    /// `where`, the verb, and the clauses behind it; what would pass rows through is left out.
    private func stages(of step: StepSpec) throws(EngineError) -> [Stage] {
        let verb: Stage
        switch step.verb {
        case .none:
            let transform = Transform(
                inputSchema: step.inputSchema, filter: step.filter, additions: step.additions,
                having: step.having, projection: step.projection)
            return [
                Stage(
                    operation: transform, input: step.inputSchema, output: step.output.schema,
                    isVerb: true)
            ]
        case .join(let join) where join.asOf != nil: verb = try asOfJoin(join, of: step)
        case .join(let join): verb = try tableJoin(join, of: step)
        case .streamJoin(let join):
            verb = Stage(
                operation: streamJoin(join, of: step), input: step.inputSchema,
                output: step.verbSchema, isVerb: true, isStateful: true,
                right: (join.right, join.rightSchema))
        case .aggregate(let aggregate):
            verb = Stage(
                operation: try self.aggregate(aggregate, of: step), input: step.inputSchema,
                output: step.verbSchema, isVerb: true, isStateful: true)
        case .unnest(let unnest):
            let plan = UnnestPlan(
                inputSchema: step.inputSchema, column: unnest.column, replaces: unnest.replaces,
                hasPosition: unnest.hasPosition, keepsEmpty: unnest.keepsEmpty)
            verb = Stage(
                operation: Unnest(plan), input: step.inputSchema, output: step.verbSchema,
                isVerb: true)
        case .deduplicate(let deduplicate):
            verb = Stage(
                operation: self.deduplicate(deduplicate, of: step), input: step.inputSchema,
                output: step.verbSchema, isVerb: true, isStateful: true)
        case .top(let top):
            verb = Stage(
                operation: self.top(top, of: step), input: step.inputSchema,
                output: step.verbSchema, isVerb: true, isStateful: true)
        case .parse(let parse):
            let parser = try opening(step.name) { () throws(ConnectorError) in
                try ColumnParser(
                    column: parse.column, fields: parse.fields, format: parse.format)
            }
            verb = Stage(
                operation: parser, input: step.inputSchema, output: step.verbSchema, isVerb: true)
        case .over(let over):
            verb = Stage(
                operation: self.over(over, of: step), input: step.inputSchema,
                output: step.verbSchema, isVerb: true, isStateful: true)
        case .pattern(let pattern):
            verb = Stage(
                operation: self.pattern(pattern, of: step), input: step.inputSchema,
                output: step.verbSchema, isVerb: true, isStateful: true)
        }
        var stages: [Stage] = []
        // A join has one left input, to which a union is brought together before.
        let hasSecond = verb.right != nil || verb.versions != nil
        if step.filter != nil || (hasSecond && step.inputs.count > 1) {
            stages.append(
                Stage(
                    operation: Transform(inputSchema: step.inputSchema, filter: step.filter),
                    input: step.inputSchema, output: step.inputSchema))
        }
        stages.append(verb)
        let clauses = Transform(
            inputSchema: step.verbSchema, additions: step.additions, having: step.having,
            projection: step.projection)
        if !clauses.isIdentity {
            stages.append(
                Stage(operation: clauses, input: step.verbSchema, output: step.output.schema))
        }
        return stages
    }

    private func table(
        _ join: TableJoinSpec, of step: StepSpec
    ) throws(EngineError) -> TableNode {
        if let table = graph.tables.first(where: { $0.spec.name == join.table }) { return table }
        throw EngineError(
            message: "cannot build the graph: step '\(step.name)' joins the unknown table "
                + "'\(join.table)'", node: step.name, isTerminal: true)
    }

    private func asOfJoin(
        _ join: TableJoinSpec, of step: StepSpec
    ) throws(EngineError) -> Stage {
        let table = try table(join, of: step)
        guard let asOf = join.asOf, let history = table.history else {
            throw EngineError(
                message: "cannot build the graph: step '\(step.name)' asks for versions of table "
                    + "'\(join.table)', which keeps none", node: step.name, isTerminal: true)
        }
        let waits = !table.spec.isComplete
        let operation = AsOfJoin(
            history: history, historyMicros: table.spec.historyMicros ?? 0, match: join.match,
            asOf: asOf, tableColumns: join.tableColumns, keepsUnmatched: join.kind == .left,
            waits: waits, inputSchema: step.inputSchema)
        return Stage(
            operation: operation, input: step.inputSchema, output: step.verbSchema, isVerb: true,
            isStateful: true, versions: waits ? table.versions : nil)
    }

    private func tableJoin(
        _ join: TableJoinSpec, of step: StepSpec
    ) throws(EngineError) -> Stage {
        let table = try table(join, of: step)
        let keepsUnmatched = join.kind == .left
        func stage(_ operation: any Operator & TableReader) -> Stage {
            table.add(operation)
            return Stage(
                operation: operation, input: step.inputSchema, output: step.verbSchema,
                isVerb: true, isStateful: join.keepsRows)
        }
        if join.isInputUpdating {
            return stage(
                KeptTableJoin(
                    table: table.state, match: join.match, tableColumns: join.tableColumns,
                    keepsUnmatched: keepsUnmatched, inputSchema: step.inputSchema))
        }
        if let waitMicros = join.waitMicros {
            let operation = WaitingTableJoin(
                table: table.state, match: join.match, tableColumns: join.tableColumns,
                keepsUnmatched: keepsUnmatched, waitMicros: waitMicros,
                inputSchema: step.inputSchema)
            var result = stage(operation)
            result.waiting = (operation, table)
            return result
        }
        return stage(
            TableJoin(
                table: table.state, match: join.match, tableColumns: join.tableColumns,
                keepsUnmatched: keepsUnmatched, inputSchema: step.inputSchema))
    }

    private func streamJoin(_ join: StreamJoinSpec, of step: StepSpec) -> any Operator {
        let leftNames = Set(step.inputSchema.fields.map(\.name))
        let rightFields = join.rightSchema.fields.map { field in
            leftNames.contains(field.name)
                ? Field("\(join.right.text).\(field.name)", field.type) : field
        }
        let plan = StreamJoinPlan(
            kind: join.kind, left: .init(schema: step.inputSchema, match: join.leftMatch),
            right: .init(schema: join.rightSchema, match: join.rightMatch),
            condition: join.condition, pairSchema: Schema(step.inputSchema.fields + rightFields),
            columns: join.columns)
        switch join.bounds {
        case .around(let before, let after):
            return IntervalJoin(
                plan, bounds: .around(beforeMicros: before, afterMicros: after))
        case .between(let from, let to):
            return IntervalJoin(plan, bounds: .between(from: from, to: to))
        case .sameWindow:
            // Rows of one window have one event time, right before its end.
            return IntervalJoin(plan, bounds: .around(beforeMicros: 0, afterMicros: 0))
        case .unbounded(let timeToLive):
            return RegularJoin(
                plan, timeToLiveMicros: timeToLive,
                isAppend: (join.leftIsAppend, join.rightIsAppend), key: join.key)
        }
    }

    private func aggregate(
        _ aggregate: AggregateSpec, of step: StepSpec
    ) throws(EngineError) -> any Operator {
        var window: AggregatePlan.Window?
        if case .hopping(let size, let every, let offset) = aggregate.window {
            window = AggregatePlan.Window(
                sizeMicros: size, everyMicros: every, offsetMicros: offset)
        }
        let plan = AggregatePlan(
            inputSchema: step.inputSchema, groups: aggregate.groups, calls: aggregate.calls,
            compute: aggregate.compute, window: window, hasBounds: aggregate.window != .none,
            graceMicros: aggregate.graceMicros, emission: aggregate.emission,
            isTimeObserved: TimeObservation.isTimeObserved(of: step.name, in: spec))
        var zone: TimeZoneRules?
        if let timezone = aggregate.timezone {
            do throws(TimeZoneError) {
                zone = try TimeZoneRules.named(timezone)
            } catch {
                throw EngineError(
                    message: "cannot build the graph: \(error.message)", node: step.name,
                    isTerminal: true)
            }
        }
        switch aggregate.window {
        case .none, .hopping: break
        case .session(let gap, let longest):
            return SessionAggregate(plan, gapMicros: gap, maxMicros: longest)
        case .cumulative(let size, let every, let offset):
            let grown = AggregatePlan.Window(
                sizeMicros: size, everyMicros: every, offsetMicros: offset)
            if let zone {
                return SpanAggregate(plan, zone: zone, window: grown, isCumulative: true)
            }
            return SpanAggregate(plan, cumulative: grown)
        case .inherited(let start, let end):
            return SpanAggregate(plan, inheritedStart: start, end: end)
        }
        if let window, let zone {
            return SpanAggregate(plan, zone: zone, window: window, isCumulative: false)
        }
        if let window { return WindowedAggregate(plan, window: window) }
        return RunningAggregate(plan)
    }

    private func deduplicate(_ spec: DeduplicateSpec, of step: StepSpec) -> any Operator {
        let key = spec.by.map(\.expression)
        switch spec.keep {
        case .first:
            return DeduplicateFirst(
                inputSchema: step.inputSchema, key: key, withinMicros: spec.withinMicros)
        case .last:
            return Top(
                TopPlan(
                    inputSchema: step.inputSchema, partition: key,
                    order: RowOrder(items: [], isLatestFirst: true), limit: 1,
                    isUpdating: spec.isInputUpdating))
        }
    }

    private func top(_ spec: TopSpec, of step: StepSpec) -> any Operator {
        let plan = TopPlan(
            inputSchema: step.inputSchema, partition: spec.partition.map(\.expression),
            order: spec.order, limit: spec.limit, hasRank: spec.hasRank,
            showsTies: spec.ties == .all, isUpdating: spec.isInputUpdating,
            windowEnd: spec.windowEnd)
        if let windowEnd = spec.windowEnd { return WindowTop(plan, windowEnd: windowEnd) }
        return Top(plan)
    }

    private func over(_ spec: OverSpec, of step: StepSpec) -> any Operator {
        let plan = OverPlan(
            inputSchema: step.inputSchema, partition: spec.partition.map(\.expression),
            order: spec.order, frame: spec.frame, excludesCurrent: spec.excludesCurrent,
            calls: spec.calls, rowCalls: spec.rowCalls, compute: spec.compute,
            timeToLiveMicros: spec.timeToLiveMicros)
        return spec.isOrdered ? OrderedOver(plan) : UpdatingOver(plan)
    }

    private func pattern(_ spec: PatternSpec, of step: StepSpec) -> any Operator {
        PatternMatch(
            PatternPlan(
                inputSchema: step.inputSchema, partition: spec.partition, order: spec.order,
                pattern: spec.pattern, conditions: spec.conditions, calls: spec.calls,
                measures: spec.measures, withinMicros: spec.withinMicros,
                skipsToNextRow: spec.skipsToNextRow))
    }

    // MARK: Sinks and wires

    private func add(_ sink: SinkSpec) throws(EngineError) {
        let opened = try opening(sink.name) { () throws(ConnectorError) in
            try connectors.openSink(sink)
        }
        let node = SinkNode(
            name: sink.name, sink: opened, guarantee: Guarantee.of(sink, in: spec),
            deleteWhen: sink.deleteWhen, context: context)
        try connect(sink.input, to: node, input: 0, schema: sink.inputSchema)
        graph.sinks.append(node)
    }

    private func connect(
        _ reference: NodeReference, to receiver: any BatchReceiver, input: Int, schema: Schema
    ) throws(EngineError) {
        guard let port = graph.ports[reference] else {
            throw EngineError(
                message: "cannot build the graph: nothing is called '\(reference.node)'"
                    + " with the port '\(reference.port.rawValue)'",
                node: reference.node, isTerminal: true)
        }
        var columns: [Int] = []
        for field in schema.fields {
            guard let index = port.schema.index(of: field.name) else {
                throw EngineError(
                    message: "cannot build the graph: '\(reference.node)' has no column "
                        + "'\(field.name)'", node: reference.node, isTerminal: true)
            }
            columns.append(index)
        }
        let isSame = columns == Array(port.schema.fields.indices)
        port.edges.append(
            Edge(receiver: receiver, input: input, columns: isSame ? nil : columns))
    }
}

/// What is promised of the rows that reach a sink.
enum Guarantee {
    static func of(_ sink: SinkSpec, in spec: PipelineSpec) -> String {
        switch sink.connector {
        case .stdout: return "at-least-once"
        case .file, .topic: break
        }
        let isRepeatable = spec.sources.allSatisfy { source in
            if case .stdin = source.connector { return false }
            return true
        }
        return isRepeatable ? "exactly-once" : "exactly-once until the process ends"
    }
}
