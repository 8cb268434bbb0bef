import Operators

/// `pattern:`. `verbSchema` is the partition's columns, and the measures.
package struct PatternSpec: Hashable, Sendable {
    /// Over the step's `inputSchema`.
    package var partition: [NamedExpression]
    /// Over `inputSchema`; begins with event time, or is empty.
    package var order: RowOrder
    package var pattern: ParsedPattern
    /// The pattern as it was written.
    package var text: String
    /// By variable, over [input columns…, calls…]; nil takes every row.
    package var conditions: [BoundMatchResult?]
    /// Of the measures.
    package var calls: [MatchCall]
    /// Over [input columns…, calls…].
    package var measures: [NamedExpression]
    package var withinMicros: Int64?
    package var skipsToNextRow: Bool

    package init(
        partition: [NamedExpression], order: RowOrder, pattern: ParsedPattern, text: String,
        conditions: [BoundMatchResult?], calls: [MatchCall], measures: [NamedExpression],
        withinMicros: Int64?, skipsToNextRow: Bool
    ) {
        self.partition = partition
        self.order = order
        self.pattern = pattern
        self.text = text
        self.conditions = conditions
        self.calls = calls
        self.measures = measures
        self.withinMicros = withinMicros
        self.skipsToNextRow = skipsToNextRow
    }

    /// Every expression.
    package var expressions: [BoundExpression] {
        let conditions = conditions.compactMap { $0 }
        return (partition + measures).map(\.expression) + order.items.map(\.expression)
            + conditions.map(\.result)
            + (conditions.flatMap(\.calls) + calls).flatMap(\.expressions)
    }

    package var explainedState: PipelineExplanation.State {
        if let withinMicros {
            return .bounded("the rows of open matches, \(formatDuration(micros: withinMicros))")
        }
        if pattern.root.isUnbounded {
            return .unbounded("grows with the rows of open matches; 'within' would bound it")
        }
        if partition.isEmpty { return .bounded("the rows of an open match") }
        return .unbounded("grows with the number of partitions; 'within' would bound it")
    }
}
