import Config
import Operators

/// Tells when rows happened: by an expression over their columns.
struct EventTimes {
    let evaluator: ExpressionEvaluator
    let schema: Schema
    let invalid: InvalidPort

    /// The batch with its event times; rows without one are invalid.
    ///
    /// - Parameter stored: The times that rows are stored with; those of rows that go, which have no
    ///   more columns than their key.
    /// - Returns: nil when no row is left.
    func apply(to batch: Batch, stored: Column?, now: Int64) -> Batch? {
        let result = evaluator.evaluate(batch, now: now)
        var timed = batch
        timed.rowtime = result.column
        guard result.column.validity != nil || result.errors != nil else { return timed }
        let weights = batch.weights?.pointer(to: Int32.self)
        var failed: [Int] = []
        var leaving: [Int] = []
        for row in 0..<batch.rowCount {
            guard result.column.isNull(row) || result.errors?.code(row) != nil else { continue }
            if stored != nil, let weights, weights[row] < 0 {
                leaving.append(row)
            } else {
                failed.append(row)
            }
        }
        if let stored, !leaving.isEmpty {
            let times = Buffer(capacity: batch.rowCount * 8)
            let target = times.pointer(to: Int64.self)
            target.update(from: result.column.integers, count: batch.rowCount)
            for row in leaving { target[row] = stored.integers[row] }
            timed.rowtime = Column(type: .timestamp, count: batch.rowCount, values: times)
        } else {
            timed.rowtime = Column(
                type: .timestamp, count: batch.rowCount, values: result.column.values)
        }
        if failed.isEmpty { return timed }
        let split = RowSplit(failed: failed, count: batch.rowCount)
        invalid.reject(
            batch.selecting(split.failed), schema: schema,
            reasons: failed.map { row in
                let cause = result.errors?.code(row)?.message ?? "the value is null"
                return "cannot tell the event time from '\(evaluator.text)': \(cause)"
            })
        let good = timed.selecting(split.good).compacted()
        return good.rowCount == 0 ? nil : good
    }
}
