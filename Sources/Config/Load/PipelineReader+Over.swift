import Operators

extension PipelineReader {
    /// The most rows before a row that `over` counts.
    static let overRowsMax: Int64 = 1_000_000

    /// `over:`.
    func readOver(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = passing(input, scope)
        guard let reader = step.mapping("over", SpecFields.over) else {
            result.scope.isOpen = true
            return result
        }
        let partition = readKey(reader, "partition_by", SpecFields.over, scope)
        let order = readOrder(reader, SpecFields.over, scope, takesRowtime: true)
        let exclusion = reader.choice("current_row", CurrentRow.self)
        let timeToLive = readTimeToLive(step)
        let isByTime = order.map(isByEventTime) ?? false
        let isInputUpdating = input.change.map { $0 != .append } ?? false
        let isOrdered = isByTime && !isInputUpdating
        let frame = readFrame(reader, isByTime: order == nil || isByTime)
        let compute = readRowResults(
            reader, input, scope, isInputUpdating: isInputUpdating, isUpdating: !isOrdered)
        checkFrame(reader, step, compute)
        add(compute, to: &result)
        if let change = input.change {
            if isOrdered {
                result.change = .append
            } else if case .updating = change {
                result.change = change
            } else {
                result.change = .updating(key: nil)
            }
            result.scope.isUpdating = !isOrdered
        }
        guard let items = partition.items, let order, let exclusion, let frame,
            compute.isSound, !step.has("state_ttl") || timeToLive != nil
        else { return result }
        result.verb = .over(
            OverSpec(
                partition: items, order: order, frame: frame,
                excludesCurrent: exclusion == .exclude, calls: compute.calls,
                rowCalls: compute.rowCalls, compute: compute.named, isOrdered: isOrdered,
                timeToLiveMicros: timeToLive))
        return result
    }

    private enum CurrentRow: String { case include, exclude }

    func isByEventTime(_ order: RowOrder) -> Bool {
        guard let first = order.items.first else { return true }
        return first.expression.root == .rowtime && !first.isDescending
    }

    private func readTimeToLive(_ step: FieldReader) -> Int64? {
        guard step.has("state_ttl"), let duration = step.duration("state_ttl") else { return nil }
        if duration > 0 { return duration }
        context.report(
            .outOfRange(
                "state_ttl", "must be above 0s", at: context.location(step.keyRange("state_ttl"))))
        return nil
    }

    /// `rows` or `range`; nil when it was reported.
    private func readFrame(_ reader: FieldReader, isByTime: Bool) -> OverPlan.Frame? {
        guard reader.has("range") else {
            guard reader.has("rows") else { return OverPlan.Frame.none }
            return reader.integer("rows", in: 0...Self.overRowsMax).map { .rows(Int($0)) }
        }
        let place = context.location(reader.keyRange("range"))
        let range = reader.duration("range")
        if reader.has("rows") {
            context.report(.isNot("over", "says both 'rows' and 'range'", at: place))
            return nil
        }
        if !isByTime {
            context.report(
                .isNot(
                    "range", "goes by event time, and 'order_by' does not begin with it",
                    at: place, help: "write order_by: [rowtime], or leave it out"))
            return nil
        }
        guard let range else { return nil }
        if range > 0 { return .range(range) }
        context.report(.outOfRange("range", "must be above 0s", at: place))
        return nil
    }

    /// Aggregates need to be told over what.
    private func checkFrame(_ reader: FieldReader, _ step: FieldReader, _ compute: RowResults) {
        let hasFrame = reader.has("rows") || reader.has("range")
        if !hasFrame, !compute.calls.isEmpty {
            context.report(
                .isNot(
                    "over", "says neither 'rows' nor 'range'",
                    at: context.location(step.keyRange("over")),
                    help: "write rows: 10 for the ten rows before, or range: 1h"))
        }
    }

    /// The results of `compute`.
    private struct RowResults {
        var calls: [AggregateCall] = []
        var rowCalls: [RowCall] = []
        /// With the calls of all results behind the input's columns.
        var named: [NamedExpression] = []
        /// In order, with a type where it could be found.
        var fields: [(name: String, type: ColumnType?)] = []
        var isSound = true
    }

    private func readRowResults(
        _ reader: FieldReader, _ input: NodeShape, _ scope: ColumnScope, isInputUpdating: Bool,
        isUpdating: Bool
    ) -> RowResults {
        var results = RowResults()
        guard reader.has("compute") else {
            results.isSound = false
            _ = reader.value("compute")
            return results
        }
        let entries = reader.namedEntries("compute")
        if entries.count > SpecLimits.columnsMax {
            context.report(
                .tooManyColumns("'compute'", at: context.location(reader.keyRange("compute"))))
            results.isSound = false
            return results
        }
        var bound: [(name: String, result: BoundRowResult)] = []
        for entry in entries {
            let name = entry.key.text
            guard isFree(name, input, at: entry.key) else {
                results.isSound = false
                continue
            }
            let result = expressions.bindRowResult(
                entry.value, in: scope, columnCount: input.schema.count, isUpdating: isUpdating)
            results.fields.append((name, result?.result.type))
            guard let result else {
                results.isSound = false
                continue
            }
            if result.result.type == .interval {
                context.report(.intervalColumn(at: context.location(entry.value)))
                results.isSound = false
            }
            if isInputUpdating, let call = result.calls.first(where: \.function.isApproximate) {
                context.report(
                    .estimateOverChanges(
                        call.function.rawValue, at: context.location(entry.value)))
                results.isSound = false
            }
            bound.append((name, result))
        }
        if entries.isEmpty { results.isSound = false }
        merge(bound, into: &results, columnCount: input.schema.count)
        return results
    }

    private func isFree(_ name: String, _ input: NodeShape, at scalar: LocatedScalar) -> Bool {
        let place = context.location(scalar)
        if name == "rowtime" || name.isEmpty {
            context.report(.reservedColumn(name, "every row's event time has it", at: place))
            return false
        }
        if input.schema.index(of: name) != nil || input.doubtful.contains(name) {
            context.report(.reservedColumn(name, "the input has it", at: place))
            return false
        }
        return true
    }

    /// Shares equal calls between the results of a step.
    private func merge(
        _ bound: [(name: String, result: BoundRowResult)], into results: inout RowResults,
        columnCount: Int
    ) {
        for (_, result) in bound {
            for call in result.calls where !results.calls.contains(call) {
                results.calls.append(call)
            }
            for call in result.rowCalls where !results.rowCalls.contains(call) {
                results.rowCalls.append(call)
            }
        }
        for (name, result) in bound {
            var map: [Int: Int] = [:]
            for (index, call) in result.calls.enumerated() {
                map[columnCount + index] =
                    columnCount + (results.calls.firstIndex(of: call) ?? index)
            }
            let start = columnCount + result.calls.count
            for (index, call) in result.rowCalls.enumerated() {
                map[start + index] =
                    columnCount + results.calls.count
                    + (results.rowCalls.firstIndex(of: call) ?? index)
            }
            results.named.append(
                NamedExpression(name: name, expression: result.result.remapped(map)))
        }
    }

    private func add(_ results: RowResults, to result: inout VerbResult) {
        for (name, type) in results.fields { result.addColumn(name, type) }
    }
}
