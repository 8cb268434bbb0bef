/// Several expressions evaluated over a batch, and the rows for which all of them succeeded.
package struct EvaluatedRows {
    /// The rows that succeeded; `batch.count` is the length of each column.
    package let batch: Batch
    package let columns: [Column]

    /// Rows that were evaluated before.
    init(batch: Batch, columns: [Column]) {
        self.batch = batch
        self.columns = columns
    }

    /// Evaluates all of `evaluators` before anything else happens to the batch; rows for which one
    /// of them fails are rejected and are in no result.
    ///
    /// - Complexity: O(rows × expressions); copies columns only when a row failed.
    package init(
        _ evaluators: [ExpressionEvaluator], over batch: Batch, now: Int64, schema: Schema,
        rejectingTo output: any OperatorOutput
    ) {
        var columns: [Column] = []
        columns.reserveCapacity(evaluators.count)
        var failures: [Int: String] = [:]
        for evaluator in evaluators {
            let result = evaluator.evaluate(batch, now: now)
            columns.append(result.column)
            guard let errors = result.errors else { continue }
            for row in errors.failedRows where failures[row] == nil {
                failures[row] = evaluator.reason(errors.code(row))
            }
        }
        guard !failures.isEmpty else {
            self.batch = batch
            self.columns = columns
            return
        }
        let failed = failures.keys.sorted()
        let split = RowSplit(failed: failed, count: batch.count)
        output.reject(failed, of: batch, schema: schema) { failures[$0] ?? "no reason is known" }
        self.batch = batch.selecting(split.good)
        self.columns = columns.map { $0.gathered(split.good.pointer, count: split.good.count) }
    }
}

/// The rows of a batch in two selections.
package struct RowSplit {
    package let good: Selection
    package let failed: Selection

    /// - Parameter failed: Row indices below `count`, ascending, each once.
    package init(failed: [Int], count: Int) {
        let bad = Buffer(capacity: failed.count * 4)
        for (index, row) in failed.enumerated() {
            bad.pointer(to: Int32.self)[index] = Int32(row)
        }
        let kept = Buffer(capacity: (count - failed.count) * 4)
        var next = 0
        var failedIndex = 0
        for row in 0..<count {
            if failedIndex < failed.count && failed[failedIndex] == row {
                failedIndex += 1
            } else {
                kept.pointer(to: Int32.self)[next] = Int32(row)
                next += 1
            }
        }
        self.good = Selection(rows: kept, count: count - failed.count)
        self.failed = Selection(rows: bad, count: failed.count)
    }
}

extension ExpressionEvaluator {
    /// The expression as the user wrote it.
    package var text: String { expression.text }

    /// Why a row could not be evaluated, in the words of dead letters.
    func reason(_ code: RowErrorCode?) -> String {
        "cannot evaluate '\(text)': \(code?.message ?? "no reason is known")"
    }
}

extension OperatorOutput {
    /// Rejects the rows `failed` of a batch, ascending, each with its reason. A failed row that is
    /// taken back is dropped: it was rejected when it came.
    func reject(
        _ failed: [Int], of batch: Batch, schema: Schema, reason: (_ row: Int) -> String
    ) {
        var rejected = failed
        let weights = batch.denseWeights
        if let weight = weights?.pointer(to: Int32.self) {
            rejected = failed.filter { weight[$0] > 0 }
        }
        guard !rejected.isEmpty else { return }
        let split = RowSplit(failed: rejected, count: batch.count)
        reject(batch.selecting(split.failed), schema: schema, reasons: rejected.map(reason))
    }
}
