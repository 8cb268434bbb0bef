/// The rows of one batch of a side, ready to be joined: in time, with everything evaluated that can
/// fail.
struct JoinInput {
    let batch: Batch
    /// All columns of the side, dense.
    let columns: [Column]
    let times: Column
    /// The keys' bytes and the rows', as string views.
    let keys: Column
    let rows: Column
    /// One byte a row, 1 where no part of the key is null; nil when none is anywhere.
    let hasKey: Buffer?
    /// The results of the expressions beside the match.
    let besides: [Column]

    var count: Int { batch.count }

    func isMatchable(_ row: Int) -> Bool {
        hasKey.map { $0.pointer(to: UInt8.self)[row] != 0 } ?? true
    }
}

/// Reads the batches of one side of a stream join.
struct JoinInputReader {
    let side: JoinSide
    private let schema: Schema
    private let evaluators: [ExpressionEvaluator]
    private let matchCount: Int
    private let keyCodec: KeyCodec
    private let rowCodec: KeyCodec

    /// - Parameter besides: More expressions over the side's columns.
    init(_ side: JoinSide, _ plan: StreamJoinPlan.Side, besides: [BoundExpression] = []) {
        self.side = side
        schema = plan.schema
        evaluators = (plan.match + besides).map { ExpressionEvaluator($0) }
        matchCount = plan.match.count
        keyCodec = KeyCodec(types: plan.match.map(\.type))
        rowCodec = KeyCodec(types: plan.schema.fields.map(\.type))
    }

    /// Evaluates a batch; rows that fail are rejected.
    ///
    /// - Returns: nil when no row is left.
    func read(_ batch: Batch, now: Int64, to output: any OperatorOutput) -> JoinInput? {
        guard batch.count > 0 else { return nil }
        let rows = EvaluatedRows(
            evaluators, over: batch, now: now, schema: schema, rejectingTo: output)
        let count = rows.batch.count
        guard count > 0 else { return nil }
        let columns = rows.batch.columns.indices.map { rows.batch.column($0) }
        let match = Array(rows.columns[..<matchCount])
        return JoinInput(
            batch: rows.batch, columns: columns, times: rows.batch.times,
            keys: keyCodec.encode(match, count: count),
            rows: rowCodec.encode(columns, count: count), hasKey: hasKey(match, count: count),
            besides: Array(rows.columns[matchCount...]))
    }

    private func hasKey(_ match: [Column], count: Int) -> Buffer? {
        guard match.contains(where: { $0.validity != nil }) else { return nil }
        let result = Buffer(capacity: count)
        let flags = result.pointer(to: UInt8.self)
        flags.initialize(repeating: 1, count: count)
        for column in match {
            guard let validity = column.validityPointer else { continue }
            for row in 0..<count { flags[row] &= validity[row] }
        }
        return result
    }

    /// Sets the rows aside that are behind their split's watermark, or behind what the join has
    /// passed already: left ones to the late port, right ones are counted.
    func keepingTimely(
        _ batch: Batch, watermark: Int64, to output: any OperatorOutput
    ) -> Batch {
        let times = batch.times
        let time = times.integers
        let rowWatermarks = batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        var late: [Int] = []
        var passed: [Int] = []
        for row in 0..<batch.count {
            if let rowWatermark, time[row] < rowWatermark[row] {
                late.append(row)
            } else if time[row] < watermark {
                passed.append(row)
            }
        }
        guard !late.isEmpty || !passed.isEmpty else { return batch }
        for (rows, wasInTime) in [(late, false), (passed, true)] where !rows.isEmpty {
            switch side {
            case .left:
                let split = RowSplit(failed: rows, count: batch.count)
                output.emitLate(batch.selecting(split.failed), wasInTime: wasInTime)
            case .right: output.countLate(rows.count, wasInTime: wasInTime)
            }
        }
        return batch.selecting(
            RowSplit(failed: (late + passed).sorted(), count: batch.count).good)
    }
}

/// Pairs of a batch's rows with rows of the other side that have their key.
///
/// They are collected up to ``countMax`` and then tried against the join's condition together.
final class JoinPairs {
    static let countMax = 8192
    private(set) var count = 0
    private let ownRows = Buffer(capacity: countMax * 4)
    private let otherRows = Buffer(capacity: countMax * 4)
    private let plan: StreamJoinPlan
    private let condition: ExpressionEvaluator?

    init(_ plan: StreamJoinPlan) {
        self.plan = plan
        condition = plan.condition.map { ExpressionEvaluator($0) }
    }

    /// By place: the row in the batch, and the row's number on the other side.
    var own: UnsafeMutablePointer<Int32> { ownRows.pointer(to: Int32.self) }
    var other: UnsafeMutablePointer<Int32> { otherRows.pointer(to: Int32.self) }
    var isFull: Bool { count == JoinPairs.countMax }

    func append(_ row: Int, _ partner: Int32) {
        own[count] = Int32(truncatingIfNeeded: row)
        other[count] = partner
        count += 1
    }

    func removeAll() { count = 0 }

    /// The pairs that match, and their places among those collected; pairs for which the condition
    /// fails are rejected.
    ///
    /// - Parameters:
    ///   - columns: Of the batch; `own` indexes them.
    ///   - times: The event time of each pair's own row.
    ///   - weights: Of each pair, for what is rejected; nil when all are +1.
    /// - Returns: Left columns, then right ones; its rowtime is the later of the two.
    func matching(
        _ columns: [Column], times: (_ place: Int) -> Int64, of side: JoinSide,
        others: JoinRows, weights: Buffer? = nil, now: Int64, to output: any OperatorOutput
    ) -> Batch {
        let ownColumns = columns.map { $0.gathered(own, count: count) }
        let otherColumns = others.columns(UnsafeBufferPointer(start: other, count: count))
        let rowtime = Buffer(capacity: count * 8)
        let later = rowtime.pointer(to: Int64.self)
        for place in 0..<count {
            later[place] = max(times(place), others.slots.base[Int(other[place])].time)
        }
        let batch = Batch(
            columns: side == .left ? ownColumns + otherColumns : otherColumns + ownColumns,
            rowtime: Column(type: .timestamp, count: count, values: rowtime), rowCount: count,
            weights: weights)
        guard let condition else { return batch }
        let (selection, errors) = condition.evaluateFilter(batch, now: now)
        if let errors {
            output.reject(errors.failedRows, of: batch, schema: plan.pairSchema) {
                condition.reason(errors.code($0))
            }
        }
        return batch.selecting(selection)
    }

    /// The output's columns for pairs of ``matching(_:times:of:others:weights:now:to:)``.
    func joined(_ pairs: Batch) -> [Column] {
        let leftCount = plan.left.schema.count
        let left = (0..<leftCount).map { pairs.column($0) }
        let right = (leftCount..<pairs.columns.count).map { pairs.column($0) }
        return plan.joined(left, right)
    }
}
