/// Arguments of aggregate functions that keep all values.
extension ExpressionBinding {
    /// `array_agg(x [ORDER BY y [DESC]])`
    mutating func arrayParts(
        _ first: BoundOperand, _ name: String, _ call: Syntax.Call
    ) -> AggregateParts? {
        guard let argument = resolve(first, toward: .string) else { return nil }
        guard let type = AggregateTypes.result(.arrayAgg, of: argument.type),
            type.depth <= ColumnType.depthMax
        else {
            report("'\(name)' cannot take \(argument.type.name)", at: first.range)
            return nil
        }
        var parts = AggregateParts(.arrayAgg, type, of: argument)
        parts.order = rowtime(first.range)
        if let order = call.order {
            guard let bound = bind(order), let typed = resolve(bound, toward: .string) else {
                return nil
            }
            guard typed.type != .json else {
                _ = incomparableJSON(order.range)
                return nil
            }
            parts.order = typed
            parts.parameter = call.isDescending ? .boolean(true) : nil
        }
        return parts
    }

    /// `percentile_cont(x, p)`, `percentile_disc(x, p)`, `median(x)`
    mutating func percentileParts(
        _ function: AggregateFunction, _ first: BoundOperand, _ second: BoundOperand?,
        _ name: String
    ) -> AggregateParts? {
        var fraction = 0.5
        if let second {
            guard case .literal(.double(let given), _) = coerce(second, to: .double)?.node,
                (0...1).contains(given)
            else {
                report(
                    "the fraction of '\(name)' must be a number from 0 to 1 in the text",
                    at: second.range)
                return nil
            }
            fraction = given
        }
        var parts: AggregateParts
        if function == .percentileCont {
            guard let argument = argument(first, name, .double) else { return nil }
            parts = AggregateParts(function, .double, of: argument)
        } else {
            guard let argument = resolve(first, toward: .string) else { return nil }
            guard let type = AggregateTypes.result(function, of: argument.type) else {
                report("'\(name)' cannot take \(argument.type.name)", at: first.range)
                return nil
            }
            parts = AggregateParts(function, type, of: argument)
        }
        parts.parameter = .double(fraction)
        return parts
    }
}
