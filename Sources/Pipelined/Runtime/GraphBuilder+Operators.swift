import Config
import Operators

/// The operator of each verb.
extension GraphBuilder {
    func table(
        _ join: TableJoinSpec, of step: StepSpec
    ) throws(EngineError) -> TableNode {
        if let table = graph.tables.first(where: { $0.spec.name == join.table }) { return table }
        throw EngineError(
            message: "cannot build the graph: step '\(step.name)' joins the unknown table "
                + "'\(join.table)'", node: step.name, isTerminal: true)
    }

    func asOfJoin(
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

    func tableJoin(
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

    func streamJoin(_ join: StreamJoinSpec, of step: StepSpec) -> any Operator {
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

    func aggregate(
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

    func deduplicate(_ spec: DeduplicateSpec, of step: StepSpec) -> any Operator {
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

    func top(_ spec: TopSpec, of step: StepSpec) -> any Operator {
        let plan = TopPlan(
            inputSchema: step.inputSchema, partition: spec.partition.map(\.expression),
            order: spec.order, limit: spec.limit, hasRank: spec.hasRank,
            showsTies: spec.ties == .all, isUpdating: spec.isInputUpdating,
            windowEnd: spec.windowEnd)
        if let windowEnd = spec.windowEnd { return WindowTop(plan, windowEnd: windowEnd) }
        return Top(plan)
    }

    func over(_ spec: OverSpec, of step: StepSpec) -> any Operator {
        let plan = OverPlan(
            inputSchema: step.inputSchema, partition: spec.partition.map(\.expression),
            order: spec.order, frame: spec.frame, excludesCurrent: spec.excludesCurrent,
            calls: spec.calls, rowCalls: spec.rowCalls, compute: spec.compute,
            timeToLiveMicros: spec.timeToLiveMicros)
        return spec.isOrdered ? OrderedOver(plan) : UpdatingOver(plan)
    }

    func pattern(_ spec: PatternSpec, of step: StepSpec) -> any Operator {
        PatternMatch(
            PatternPlan(
                inputSchema: step.inputSchema, partition: spec.partition, order: spec.order,
                pattern: spec.pattern, conditions: spec.conditions, calls: spec.calls,
                measures: spec.measures, withinMicros: spec.withinMicros,
                skipsToNextRow: spec.skipsToNextRow))
    }
}
