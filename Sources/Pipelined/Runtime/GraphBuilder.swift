import Config
import Connectors
import Operators

/// Makes a graph of a spec: the only place where specs meet operators and connectors.
struct GraphBuilder {
    let spec: PipelineSpec
    private let context: LaneContext
    let graph: Graph
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

    struct Stage {
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
