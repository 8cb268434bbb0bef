import Operators

/// `over:`. `verbSchema` is the step's `inputSchema`, and the results.
package struct OverSpec: Hashable, Sendable {
    /// Over `inputSchema`.
    package var partition: [NamedExpression]
    /// Over `inputSchema`; empty for event time.
    package var order: RowOrder
    package var frame: OverPlan.Frame
    package var excludesCurrent: Bool
    package var calls: [AggregateCall]
    package var rowCalls: [RowCall]
    /// Over [input columns…, calls…, row calls…].
    package var compute: [NamedExpression]
    /// Whether rows leave once, in the order of event time.
    package var isOrdered: Bool
    package var timeToLiveMicros: Int64?

    package init(
        partition: [NamedExpression], order: RowOrder, frame: OverPlan.Frame, excludesCurrent: Bool,
        calls: [AggregateCall], rowCalls: [RowCall], compute: [NamedExpression], isOrdered: Bool,
        timeToLiveMicros: Int64?
    ) {
        self.partition = partition
        self.order = order
        self.frame = frame
        self.excludesCurrent = excludesCurrent
        self.calls = calls
        self.rowCalls = rowCalls
        self.compute = compute
        self.isOrdered = isOrdered
        self.timeToLiveMicros = timeToLiveMicros
    }

    /// Every expression.
    package var expressions: [BoundExpression] {
        (partition + compute).map(\.expression) + order.items.map(\.expression)
            + calls.flatMap(\.expressions) + rowCalls.flatMap(\.expressions)
    }

    /// `over 10 rows`, for people.
    package var frameText: String {
        switch frame {
        case .none: return "over rows"
        case .rows(let count): return "over \(count) rows"
        case .range(let range): return "over \(formatDuration(micros: range))"
        }
    }

    /// How many rows of a partition are kept, where they are counted.
    private var rowsKept: Int {
        let lags = rowCalls.map { call in
            if case .lag(_, let count, _) = call { return count }
            return 0
        }
        guard case .rows(let count) = frame else { return lags.max() ?? 0 }
        return max(count, lags.max() ?? 0)
    }

    package var explainedState: PipelineExplanation.State {
        if let timeToLiveMicros {
            return .bounded(
                "the partitions of the last \(formatDuration(micros: timeToLiveMicros))")
        }
        guard isOrdered else { return .unbounded("every row of its input that stands") }
        if case .range(let range) = frame, rowCalls.isEmpty {
            return .bounded("the rows of the last \(formatDuration(micros: range))")
        }
        if !partition.isEmpty { return .unbounded("grows with the number of partitions") }
        if case .range(let range) = frame {
            return .bounded("the rows of the last \(formatDuration(micros: range))")
        }
        return .bounded("\(rowsKept) rows")
    }
}
