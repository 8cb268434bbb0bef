/// A value of the rows that a match has taken.
package enum MatchCall: Hashable, Sendable {
    /// Over the rows of a variable, or all of them.
    case aggregate(AggregateCall, variable: Int?)
    /// The value in one row: so many behind the first one of a variable, or before its last one.
    case row(BoundExpression, variable: Int?, isFirst: Bool, offset: Int)

    package var type: ColumnType {
        switch self {
        case .aggregate(let call, _): return call.type
        case .row(let argument, _, _, _): return argument.type
        }
    }

    package var expressions: [BoundExpression] {
        switch self {
        case .aggregate(let call, _): return call.expressions
        case .row(let argument, _, _, _): return [argument]
        }
    }

    /// As ``BoundExpression/canonical``.
    package var canonical: String {
        func name(_ variable: Int?) -> String { variable.map { "\($0)" } ?? "all" }
        switch self {
        case .aggregate(let call, let variable):
            return "m1:(of \(name(variable)) \(call.canonical))"
        case .row(let argument, let variable, let isFirst, let offset):
            return "m1:(\(isFirst ? "first" : "last") \(name(variable)) \(offset) "
                + "\(argument.canonical))"
        }
    }
}

/// A condition or a measure of a pattern.
package struct BoundMatchResult: Hashable, Sendable {
    /// Each once.
    package let calls: [MatchCall]
    /// Over the columns `[input columns…, calls…]`.
    package let result: BoundExpression

    package init(calls: [MatchCall], result: BoundExpression) {
        self.calls = calls
        self.result = result
    }
}

/// What `pattern` does.
package struct PatternPlan: Sendable {
    package var inputSchema: Schema
    package var partition: [NamedExpression]
    /// Begins with event time.
    package var order: RowOrder
    package var pattern: ParsedPattern
    /// By variable, a boolean over the row's columns and calls; nil takes every row.
    package var conditions: [BoundMatchResult?]
    /// Of all measures, each once.
    package var calls: [MatchCall]
    /// Over [input columns…, calls…], of which the input's are not read.
    package var measures: [NamedExpression]
    package var withinMicros: Int64?
    package var skipsToNextRow: Bool

    package init(
        inputSchema: Schema, partition: [NamedExpression], order: RowOrder, pattern: ParsedPattern,
        conditions: [BoundMatchResult?], calls: [MatchCall], measures: [NamedExpression],
        withinMicros: Int64?, skipsToNextRow: Bool
    ) {
        self.inputSchema = inputSchema
        self.partition = partition
        self.order = order
        self.pattern = pattern
        self.conditions = conditions
        self.calls = calls
        self.measures = measures
        self.withinMicros = withinMicros
        self.skipsToNextRow = skipsToNextRow
    }
}
