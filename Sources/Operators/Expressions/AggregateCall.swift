package enum AggregateFunction: String, Hashable, Sendable, CaseIterable {
    /// `count(*)`: rows.
    case countRows
    /// `count(x)`: rows in which x is not null.
    case count
    case sum, avg, min, max
}

/// One call of an aggregate function, bound to the step's input columns.
package struct AggregateCall: Hashable, Sendable {
    package let function: AggregateFunction
    /// nil for `count(*)`.
    package let argument: BoundExpression?
    package let isDistinct: Bool
    /// `FILTER (WHERE …)`, a boolean; rows where it is not true do not count.
    package let filter: BoundExpression?
    package let type: ColumnType

    package init(
        function: AggregateFunction, argument: BoundExpression?, isDistinct: Bool,
        filter: BoundExpression?, type: ColumnType
    ) {
        self.function = function
        self.argument = argument
        self.isDistinct = isDistinct
        self.filter = filter
        self.type = type
    }
}
