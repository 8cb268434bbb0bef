/// The rows that an `over` is asked for, and how their results are computed; what both of its forms
/// share.
final class OverRows {
    let plan: OverPlan
    let columns: OverColumns
    private let functions: [any FrameFunction]
    private let compute: [ExpressionEvaluator]
    private let defaults: [ExpressionEvaluator?]
    private let callSchema: Schema

    init(_ plan: OverPlan, inTurn: Bool) {
        self.plan = plan
        columns = OverColumns(plan)
        functions = plan.calls.map { makeFrames($0, inTurn: inTurn) }
        compute = plan.compute.map { ExpressionEvaluator($0.expression) }
        defaults = plan.rowCalls.map { call in
            if case .lag(_, _, let expression?) = call { return ExpressionEvaluator(expression) }
            return nil
        }
        callSchema = plan.callSchema
    }

    /// What is asked of the rows of one batch.
    struct Questions {
        var steps = FrameSteps()
        /// By question: the row in the batch.
        var rows: [Int32] = []
        /// By question: the row's number in its partition, from 1.
        var numbers: [Int64] = []
        /// By row call and question: the row of the store that `lag` reads, or −1.
        var lagged: [[Int32]]

        init(_ plan: OverPlan) {
            lagged = plan.rowCalls.map { _ in [] }
        }
    }

    /// Rows with their results: the input's columns and the computed ones.
    struct Results {
        var batch: Batch
        /// The questions that the rows of the batch answer; fewer where results could not be computed.
        var questions: [Int]
    }

    func reserve(_ count: Int) {
        for function in functions { function.reserve(count) }
    }

    /// Takes in rows, without questions.
    func add(_ steps: FrameSteps, _ batch: Batch) {
        var failed: [Int: String] = [:]
        _ = values(steps, batch, failed: &failed)
    }

    private func values(
        _ steps: FrameSteps, _ batch: Batch, failed: inout [Int: String]
    ) -> [Column] {
        zip(functions, columns.calls).map { function, call in
            function.run(
                steps,
                GroupStore.Arguments(
                    argument: call.argument.map(batch.column),
                    order: call.order.map(batch.column),
                    filter: call.filter.map(batch.column)),
                failed: &failed)
        }
    }

    /// Answers questions.
    ///
    /// - Parameters:
    ///   - batch: The rows that the steps are of, dense, with the columns that are kept.
    ///   - output: Gets the rows whose results cannot be computed; nil drops them.
    func results(
        _ questions: Questions, _ batch: Batch, store: RowStore, now: Int64,
        rejectingTo output: (any OperatorOutput)?
    ) -> Results {
        var failed: [Int: String] = [:]
        let count = questions.rows.count
        let calls = values(questions.steps, batch, failed: &failed)
        let inputCount = plan.inputSchema.count
        var columns = batch.columns[..<inputCount].map {
            $0.gathered(questions.rows, count: count)
        }
        let rowtime = batch.rowtime.gathered(questions.rows, count: count)
        let rows = Batch(columns: columns, rowtime: rowtime, rowCount: count)
        columns += calls
        for (index, call) in plan.rowCalls.enumerated() {
            switch call {
            case .rowNumber:
                columns.append(TopPlan.column(questions.numbers))
            case .lag:
                columns.append(
                    lag(index, questions.lagged[index], rows, store, now, failed: &failed))
            }
        }
        var result = Batch(columns: columns, rowtime: rowtime, rowCount: count)
        var computed: [Column] = []
        for evaluator in compute {
            let value = evaluator.evaluate(result, now: now)
            computed.append(value.column)
            for row in value.errors?.failedRows ?? [] where failed[row] == nil {
                failed[row] = evaluator.reason(value.errors?.code(row))
            }
        }
        guard !failed.isEmpty else {
            result.columns = Array(columns[..<inputCount]) + computed
            return Results(batch: result, questions: Array(0..<count))
        }
        let wrong = failed.keys.sorted()
        let split = RowSplit(failed: wrong, count: count)
        output?.reject(
            result.selecting(split.failed), schema: callSchema,
            reasons: wrong.compactMap { failed[$0] })
        result.columns = Array(columns[..<inputCount]) + computed
        return Results(
            batch: result.selecting(split.good).compacted(),
            questions: (0..<split.good.count).map { Int(split.good.pointer[$0]) })
    }

    private func lag(
        _ index: Int, _ rows: [Int32], _ asking: Batch, _ store: RowStore, _ now: Int64,
        failed: inout [Int: String]
    ) -> Column {
        guard let place = columns.lags[index] else { preconditionFailure("row call \(index)") }
        let present = rows.filter { $0 >= 0 }
        let source = store.batch(present).column(place)
        var next: Int32 = 0
        var chosen: [Int32] = []
        chosen.reserveCapacity(rows.count)
        for row in rows {
            chosen.append(row >= 0 ? next : -1)
            if row >= 0 { next += 1 }
        }
        guard let evaluator = defaults[index], present.count < rows.count else {
            return source.gatheredOrNull(chosen, count: rows.count)
        }
        // Behind the values that are there stand those that are given instead.
        let other = evaluator.evaluate(asking, now: now)
        for row in other.errors?.failedRows ?? [] where chosen[row] < 0 && failed[row] == nil {
            failed[row] = evaluator.reason(other.errors?.code(row))
        }
        for row in chosen.indices where chosen[row] < 0 {
            chosen[row] = Int32(present.count + row)
        }
        return Column.concatenating(source, other.column).gathered(chosen, count: rows.count)
    }

    /// Rows of the store that no frame will hold any more.
    func release(_ rows: [Int32]) {
        for function in functions { function.release(rows) }
    }

    func clear() {
        for function in functions { function.clear() }
    }

    var memoryBytes: Int { functions.reduce(0) { $0 + $1.memoryBytes } }
}
