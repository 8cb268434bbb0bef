/// What `over` does.
package struct OverPlan: Sendable {
    /// Which rows of its partition a row's aggregates see.
    package enum Frame: Hashable, Sendable {
        /// None: only `lag` and `row_number` are asked for.
        case none
        /// So many rows before, in the order.
        case rows(Int)
        /// Rows at most so long before, and all of the row's own time; microseconds.
        case range(Int64)
    }

    package var inputSchema: Schema
    package var partition: [BoundExpression]
    /// Ascending by `rowtime` first where the frame is a range or the plan is of ordered rows.
    package var order: RowOrder
    package var frame: Frame
    package var excludesCurrent: Bool
    package var calls: [AggregateCall]
    package var rowCalls: [RowCall]
    /// Over [input columns…, calls…, row calls…].
    package var compute: [NamedExpression]
    /// How far the watermark passes a partition's last row before the partition is let go.
    package var timeToLiveMicros: Int64?

    package init(
        inputSchema: Schema, partition: [BoundExpression], order: RowOrder, frame: Frame,
        excludesCurrent: Bool = false, calls: [AggregateCall], rowCalls: [RowCall] = [],
        compute: [NamedExpression], timeToLiveMicros: Int64? = nil
    ) {
        self.inputSchema = inputSchema
        self.partition = partition
        self.order = order
        self.frame = frame
        self.excludesCurrent = excludesCurrent
        self.calls = calls
        self.rowCalls = rowCalls
        self.compute = compute
        self.timeToLiveMicros = timeToLiveMicros
    }

    /// The columns that `compute` is bound to.
    var callSchema: Schema {
        var fields = inputSchema.fields
        for (index, call) in calls.enumerated() { fields.append(Field("#\(index)", call.type)) }
        for (index, call) in rowCalls.enumerated() {
            fields.append(Field("#\(calls.count + index)", call.type))
        }
        return Schema(fields)
    }

    /// How many rows before a row `lag` looks back.
    var lagMax: Int {
        rowCalls.reduce(0) { most, call in
            if case .lag(_, let count, _) = call { return max(most, count) }
            return most
        }
    }

    var numbersRows: Bool { rowCalls.contains(.rowNumber) }
}

/// A call that goes by the rows of a partition in their order, whatever the frame.
package enum RowCall: Hashable, Sendable {
    /// From 1.
    case rowNumber
    /// The value so many rows before; the default, or null, where there is none.
    case lag(BoundExpression, count: Int, defaultValue: BoundExpression?)

    package var type: ColumnType {
        switch self {
        case .rowNumber: return .bigint
        case .lag(let argument, _, _): return argument.type
        }
    }

    package var expressions: [BoundExpression] {
        switch self {
        case .rowNumber: return []
        case .lag(let argument, _, let defaultValue):
            return [argument] + (defaultValue.map { [$0] } ?? [])
        }
    }

    /// As ``BoundExpression/canonical``.
    package var canonical: String {
        switch self {
        case .rowNumber: return "o1:(row_number)"
        case .lag(let argument, let count, let defaultValue):
            let other = defaultValue.map { " else \($0.canonical)" } ?? ""
            return "o1:(lag \(count) \(argument.canonical)\(other))"
        }
    }
}

/// The columns that an `over` keeps of each row.
struct OverColumns {
    private(set) var kept: KeptColumns
    private(set) var calls: [KeptColumns.Call] = []
    /// By row call; nil for `row_number`.
    private(set) var lags: [KeptColumns.Place?] = []

    init(_ plan: OverPlan) {
        kept = KeptColumns(plan.inputSchema)
        for call in plan.calls { calls.append(kept.place(call)) }
        for call in plan.rowCalls {
            guard case .lag(let argument, _, _) = call else {
                lags.append(nil)
                continue
            }
            lags.append(kept.place(argument))
        }
    }
}
