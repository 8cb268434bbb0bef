/// What an aggregate call computes. The raw value is its name, in expressions as in fingerprints.
package enum AggregateFunction: String, Hashable, Sendable, CaseIterable {
    /// `count(*)`: rows.
    case countRows
    /// `count(x)`: rows in which x is not null.
    case count
    case sum, avg, min, max
    /// By event time; of one time, the row that came first (last).
    case first, last
    case argMin = "arg_min"
    case argMax = "arg_max"
    case stddev, variance
    case stddevPop = "stddev_pop"
    case varPop = "var_pop"
    case boolAnd = "bool_and"
    case boolOr = "bool_or"
    case stringAgg = "string_agg"
    case approxCountDistinct = "approx_count_distinct"
    case approxPercentile = "approx_percentile"
    case arrayAgg = "array_agg"
    case percentileCont = "percentile_cont"
    case percentileDisc = "percentile_disc"

    /// Whether a value that occurs twice counts twice, so that DISTINCT makes a difference.
    package var countsRepeats: Bool {
        switch self {
        case .count, .sum, .avg, .stddev, .variance, .stddevPop, .varPop, .stringAgg,
            .approxPercentile, .arrayAgg, .percentileCont, .percentileDisc:
            return true
        case .countRows, .min, .max, .first, .last, .argMin, .argMax, .boolAnd, .boolOr,
            .approxCountDistinct:
            return false
        }
    }

    /// Whether a result cannot follow a value that is taken back unless all values are kept.
    package var needsValuesToTakeBack: Bool {
        switch self {
        case .min, .max, .first, .last, .argMin, .argMax, .stringAgg: return true
        case .arrayAgg, .percentileCont, .percentileDisc: return true
        default: return false
        }
    }

    /// Whether all values are kept in any case.
    package var alwaysKeepsValues: Bool {
        self == .arrayAgg || self == .percentileCont || self == .percentileDisc
    }

    /// Whether the result is an estimate, for which nothing can be taken back.
    package var isApproximate: Bool { self == .approxCountDistinct || self == .approxPercentile }
}

/// One call of an aggregate function, bound to the step's input columns.
package struct AggregateCall: Hashable, Sendable {
    package let function: AggregateFunction
    /// nil for `count(*)`.
    package let argument: BoundExpression?
    /// What the rows are ordered by where their order matters: the second argument of `arg_min` and
    /// `arg_max`, ORDER BY of `array_agg`, otherwise the event time, for `first`, `last` and
    /// `string_agg`, too.
    package let order: BoundExpression?
    /// The separator of `string_agg`, the fraction of a percentile, `true` for `array_agg` in
    /// descending order.
    package let parameter: Literal?
    package let isDistinct: Bool
    /// `FILTER (WHERE …)`, a boolean; rows where it is not true do not count.
    package let filter: BoundExpression?
    package let type: ColumnType
    /// Whether the input's rows may be taken back.
    package private(set) var takesBack = false

    package init(
        function: AggregateFunction, argument: BoundExpression?, order: BoundExpression? = nil,
        parameter: Literal? = nil, isDistinct: Bool, filter: BoundExpression?, type: ColumnType
    ) {
        self.function = function
        self.argument = argument
        self.order = order
        self.parameter = parameter
        self.isDistinct = isDistinct
        self.filter = filter
        self.type = type
    }

    /// The same call over input whose rows may be taken back: it keeps what that needs.
    package var takingBack: AggregateCall {
        var result = self
        result.takesBack = true
        return result
    }

    /// Whether every value is kept: the result is made of all of them, or the next one must be found
    /// when one is taken back.
    package var keepsValues: Bool {
        function.alwaysKeepsValues || takesBack && function.needsValuesToTakeBack
    }

    /// Whether it adds up doubles, which over rows that may be taken back is done exactly.
    package var sumsDoubles: Bool {
        switch (function, argument?.type) {
        case (.sum, .double), (.avg, .double): return true
        case (.stddev, .double), (.stddevPop, .double), (.variance, .double), (.varPop, .double):
            return true
        case (.stddev, .decimal(let digits, _)), (.stddevPop, .decimal(let digits, _)),
            (.variance, .decimal(let digits, _)), (.varPop, .decimal(let digits, _)):
            return digits > 18
        default: return false
        }
    }

    /// Every expression that is computed for each row.
    package var expressions: [BoundExpression] { [argument, order, filter].compactMap { $0 } }
}
