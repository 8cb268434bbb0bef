/// A match: rows of the store, and the variable of each.
struct FoundMatch {
    var rows: [Int32]
    var variables: [Int32]
}

/// Computes the rows of matches: the columns of the partition and the measures.
final class MatchMeasures {
    private let plan: PatternPlan
    /// Where the columns of each call are.
    private let places: [KeptColumns.Call]
    private let evaluators: [ExpressionEvaluator]
    private let keyCodec: KeyCodec
    private let store: RowStore

    init(_ plan: PatternPlan, _ places: [KeptColumns.Call], _ store: RowStore) {
        self.plan = plan
        self.places = places
        self.store = store
        let count = plan.inputSchema.count
        var map: [Int: Int] = [:]
        for index in plan.calls.indices { map[count + index] = index }
        evaluators = plan.measures.map { ExpressionEvaluator($0.expression.remapped(map)) }
        keyCodec = KeyCodec(types: plan.partition.map(\.expression.type))
    }

    private var callSchema: Schema {
        Schema(
            plan.partition.map { Field($0.name, $0.expression.type) }
                + plan.calls.enumerated().map { Field("#\($0.offset)", $0.element.type) })
    }

    /// One row for each match, with the event time of its last row.
    func rows(_ matches: [FoundMatch], now: Int64, rejectingTo output: any OperatorOutput) -> Batch
    {
        let taken = matches.flatMap(\.rows)
        let batch = store.batch(taken)
        var failed: [Int: String] = [:]
        var calls: [Column] = []
        for (call, place) in zip(plan.calls, places) {
            calls.append(value(call, place, matches, batch, failed: &failed))
        }
        let lasts = matches.map { $0.rows[$0.rows.count - 1] }
        var times = ColumnBuilder(type: .timestamp, capacity: lasts.count)
        for row in lasts { times.append(integer: store.time(row)) }
        let rowtime = times.finish()
        guard
            let keys = keyCodec.decode(
                lasts.map { store.keys.base[Int($0)] }, retained: store.blocks)
        else { preconditionFailure("keys of matches do not decode") }
        var result = Batch(columns: calls, rowtime: rowtime, rowCount: matches.count)
        var measures: [Column] = []
        for evaluator in evaluators {
            let value = evaluator.evaluate(result, now: now)
            measures.append(value.column)
            for row in value.errors?.failedRows ?? [] where failed[row] == nil {
                failed[row] = evaluator.reason(value.errors?.code(row))
            }
        }
        guard !failed.isEmpty else {
            result.columns = keys + measures
            return result
        }
        let wrong = failed.keys.sorted()
        let split = RowSplit(failed: wrong, count: matches.count)
        result.columns = keys + calls
        output.reject(
            result.selecting(split.failed), schema: callSchema,
            reasons: wrong.compactMap { failed[$0] })
        result.columns = keys + measures
        return result.selecting(split.good).compacted()
    }

    private func value(
        _ call: MatchCall, _ place: KeptColumns.Call, _ matches: [FoundMatch], _ batch: Batch,
        failed: inout [Int: String]
    ) -> Column {
        switch call {
        case .row(_, let variable, let isFirst, let offset):
            guard let argument = place.argument else { preconditionFailure("no argument") }
            var chosen: [Int32] = []
            var start = 0
            for match in matches {
                var rows = Array(match.rows.indices)
                if let variable { rows.removeAll { match.variables[$0] != Int32(variable) } }
                let index = isFirst ? offset : rows.count - 1 - offset
                chosen.append(rows.indices.contains(index) ? Int32(start + rows[index]) : -1)
                start += match.rows.count
            }
            return batch.column(argument).gatheredOrNull(chosen, count: chosen.count)
        case .aggregate(let call, let variable):
            return aggregate(call, variable, place, matches, batch, failed: &failed)
        }
    }

    private func aggregate(
        _ call: AggregateCall, _ variable: Int?, _ place: KeptColumns.Call,
        _ matches: [FoundMatch], _ batch: Batch, failed: inout [Int: String]
    ) -> Column {
        let groups = GroupStore(calls: [call])
        let numbers = matches.map { _ in groups.allocate() }
        var groupOf: [Int32] = []
        groupOf.reserveCapacity(batch.rowCount)
        for (match, number) in zip(matches, numbers) {
            for taken in match.variables {
                groupOf.append(variable == nil || taken == Int32(variable ?? -1) ? number : -1)
            }
        }
        groupOf.withUnsafeBufferPointer { groupOf in
            guard let base = groupOf.baseAddress else { return }
            groups.update(
                base, count: batch.rowCount,
                arguments: [
                    GroupStore.Arguments(
                        argument: place.argument.map(batch.column),
                        order: place.order.map(batch.column),
                        filter: place.filter.map(batch.column))
                ], weights: nil)
        }
        return groups.results(numbers, failed: &failed)[0]
    }
}
