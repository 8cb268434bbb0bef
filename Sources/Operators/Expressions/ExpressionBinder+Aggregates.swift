/// Calls of aggregate functions.
extension ExpressionBinding {
    mutating func aggregate(
        _ function: AggregateFunction, _ call: Syntax.Call, _ range: Range<Int>
    ) -> BoundOperand? {
        let name = call.name.lowercased()
        guard allowsAggregates else {
            return report(
                isNestedAggregate
                    ? "'\(name)' stands inside another aggregate function"
                    : "'\(name)' is an aggregate function and has no place here",
                at: call.nameRange,
                help: isNestedAggregate ? nil : "aggregates are computed by an 'aggregate' step")
        }
        matchContext?.named = []
        if call.isStar {
            guard function == .count else {
                return report("'\(name)(*)' is not possible: name a column", at: range)
            }
            return insideAggregate { $0.filter(call) }.flatMap {
                add(AggregateParts(.countRows, .bigint, filter: $0), range)
            }
        }
        let counts = FunctionCatalog.entry(name)?.argumentCounts ?? 1...1
        guard counts.contains(call.arguments.count) else {
            let usage = FunctionCatalog.entry(name)?.usage ?? name
            return report(
                "wrong number of arguments for '\(name)': \(call.arguments.count)", at: range,
                help: function == .count
                    ? "call it as count(*) or count(value)" : "call it as \(usage)")
        }
        if call.order != nil, function != .arrayAgg {
            return report(
                "'\(name)' takes no ORDER BY", at: range,
                help: function == .stringAgg
                    ? "its texts are in the order in which they come; or write "
                        + "array_join(array_agg(x ORDER BY y), ',')" : nil)
        }
        return insideAggregate { binding in
            let parts = binding.parts(function, name, call)
            guard let filter = binding.filter(call), var parts else { return nil }
            parts.filter = filter
            parts.isDistinct = call.isDistinct && function.countsRepeats
            return binding.add(parts, range)
        }
    }

    /// What a call is made of, once its arguments are bound.
    struct AggregateParts {
        let function: AggregateFunction
        let type: ColumnType
        var argument: BoundOperand?
        var order: BoundOperand?
        var parameter: Literal?
        var filter: BoundOperand?
        var isDistinct = false

        init(
            _ function: AggregateFunction, _ type: ColumnType, of argument: BoundOperand? = nil,
            filter: BoundOperand? = nil
        ) {
            self.function = function
            self.type = type
            self.argument = argument
            self.filter = filter
        }
    }

    /// The arguments of a call; nil when one of them is wrong, which is reported.
    private mutating func parts(
        _ function: AggregateFunction, _ name: String, _ call: Syntax.Call
    ) -> AggregateParts? {
        let first = bind(call.arguments[0])
        let second = call.arguments.count > 1 ? bind(call.arguments[1]) : nil
        guard let first, call.arguments.count == 1 || second != nil else { return nil }
        switch function {
        case .stringAgg:
            guard let argument = argument(first, name, .string), let second else { return nil }
            guard let separator = second.text else {
                report("the separator of '\(name)' must be text in quotes", at: second.range)
                return nil
            }
            var parts = AggregateParts(function, .string, of: argument)
            parts.order = rowtime(first.range)
            parts.parameter = .string(separator)
            return parts
        case .approxPercentile:
            guard let argument = argument(first, name, .double), let second else { return nil }
            guard case .literal(.double(let fraction), _) = coerce(second, to: .double)?.node,
                (0...1).contains(fraction)
            else {
                report(
                    "the fraction of '\(name)' must be a number from 0 to 1 in the text",
                    at: second.range)
                return nil
            }
            var parts = AggregateParts(function, .double, of: argument)
            parts.parameter = .double(fraction)
            return parts
        case .arrayAgg: return arrayParts(first, name, call)
        case .percentileCont, .percentileDisc: return percentileParts(function, first, second, name)
        default: break
        }
        let wanted: ColumnType = function == .boolAnd || function == .boolOr ? .boolean : .string
        guard let argument = resolve(first, toward: wanted) else { return nil }
        guard let type = AggregateTypes.result(function, of: argument.type) else {
            let isNumber = function != .boolAnd && function != .boolOr
            report(
                "'\(name)' cannot take \(argument.type.name)", at: first.range,
                help: argument.type == .string && isNumber
                    ? "a number in text is read by CAST(… AS bigint)" : nil)
            return nil
        }
        var parts = AggregateParts(function, type, of: argument)
        if function == .first || function == .last { parts.order = rowtime(first.range) }
        if let second {
            guard let order = resolve(second, toward: .string) else { return nil }
            if order.type == .json {
                _ = incomparableJSON(second.range)
                return nil
            }
            parts.order = order
        }
        return parts
    }

    func rowtime(_ range: Range<Int>) -> BoundOperand {
        BoundOperand(node: .rowtime, range: range)
    }

    /// The condition of FILTER: nil when it is wrong, a nil inside when there is none.
    private mutating func filter(_ call: Syntax.Call) -> BoundOperand?? {
        guard let syntax = call.filter else { return .some(nil) }
        guard let condition = boolean(syntax, "FILTER") else { return nil }
        return .some(condition)
    }

    private mutating func add(_ parts: AggregateParts, _ range: Range<Int>) -> BoundOperand? {
        func expression(_ operand: BoundOperand) -> BoundExpression {
            let text =
                operand.node == .rowtime ? Array("rowtime".utf8) : Array(source[operand.range])
            return BoundExpression(root: operand.node, text: String(decoding: text, as: UTF8.self))
        }
        let call = AggregateCall(
            function: parts.function, argument: parts.argument.map(expression),
            order: parts.order.map(expression), parameter: parts.parameter,
            isDistinct: parts.isDistinct, filter: parts.filter.map(expression), type: parts.type)
        if matchContext != nil { return addMatch(call, range) }
        // The same call in other words is the same call.
        let canonical = call.canonical
        let index = calls.firstIndex { $0.canonical == canonical } ?? calls.count
        if index == calls.count { calls.append(call) }
        let column = (grouping?.count ?? 0) + index
        return BoundOperand(node: .column(column, parts.type), range: range)
    }
}

/// What aggregate functions give.
package enum AggregateTypes {
    /// The type of `function` over values of `type`; nil when it cannot take them.
    ///
    /// `sum` of decimals has 38 digits; `avg` of decimals 16 decimals or the argument's, as far as
    /// its whole digits leave room.
    package static func result(_ function: AggregateFunction, of type: ColumnType) -> ColumnType? {
        switch function {
        case .countRows, .count, .approxCountDistinct: return .bigint
        case .min, .max: return type == .boolean || type == .json ? nil : type
        case .first, .last, .argMin, .argMax: return type
        case .stddev, .stddevPop, .variance, .varPop, .approxPercentile:
            return type.isNumeric ? .double : nil
        case .boolAnd, .boolOr: return type == .boolean ? .boolean : nil
        case .stringAgg: return type == .string ? .string : nil
        case .arrayAgg: return type == .interval ? nil : .array(type)
        case .percentileCont: return type.isNumeric ? .double : nil
        case .percentileDisc: return type == .json ? nil : type
        case .sum, .avg: return sum(function, of: type)
        }
    }

    private static func sum(_ function: AggregateFunction, of type: ColumnType) -> ColumnType? {
        switch type {
        case .bigint: return function == .sum ? .bigint : .double
        case .double, .interval: return type
        case .decimal(let precision, let scale):
            if function == .sum {
                return .decimal(precision: Decimal38.digitsMax, scale: scale)
            }
            let room = Decimal38.digitsMax - (precision - scale)
            return .decimal(
                precision: Decimal38.digitsMax, scale: max(scale, min(16, room)))
        case .boolean, .string, .timestamp, .date, .bytes, .json, .array, .structure:
            return nil
        }
    }
}
