/// Operators and the forms that have a syntax of their own.
extension ExpressionBinding {
    // MARK: Arithmetic

    mutating func negate(_ operand: Syntax, _ range: Range<Int>) -> BoundOperand? {
        guard let bound = bind(operand) else { return nil }
        guard let typed = resolve(bound, toward: .bigint) else { return nil }
        guard typed.type.isNumeric || typed.type == .interval else {
            return report("cannot negate \(typed.type.name)", at: range)
        }
        return call(.negate, [typed], typed.type, range)
    }

    mutating func binary(
        _ function: ScalarFunction, _ left: Syntax, _ right: Syntax, _ range: Range<Int>
    ) -> BoundOperand? {
        let a = bind(left)
        let b = bind(right)
        guard let a, let b else { return nil }
        switch function {
        case .add, .subtract, .multiply, .divide, .modulo:
            return arithmetic(function, a, b, range)
        case .concatenate: return concatenation(a, b, range)
        case .jsonGet, .jsonGetText: return jsonMember(function, a, b, range)
        default: return comparison(function, a, b, range)
        }
    }

    /// The type that an open literal takes beside `other` under `function`.
    private func arithmeticPartner(
        _ function: ScalarFunction, of other: ColumnType, isLeft: Bool
    ) -> ColumnType {
        switch (function, other) {
        case (.add, .timestamp), (.add, .date): return .interval
        case (.subtract, .date): return .date
        case (.subtract, .timestamp): return .timestamp
        case (.add, .interval), (.subtract, .interval): return .interval
        case (.multiply, .interval), (.divide, .interval): return .double
        default: return other.isNumeric ? other : .bigint
        }
    }

    mutating func arithmetic(
        _ function: ScalarFunction, _ a: BoundOperand, _ b: BoundOperand, _ range: Range<Int>
    ) -> BoundOperand? {
        var a = a
        var b = b
        if a.isUntyped {
            let type = arithmeticPartner(
                function, of: b.isUntyped ? .bigint : b.type, isLeft: true)
            guard let resolved = resolve(a, toward: type) else { return nil }
            a = resolved
        }
        if b.isUntyped {
            let type = arithmeticPartner(function, of: a.type, isLeft: false)
            guard let resolved = resolve(b, toward: type) else { return nil }
            b = resolved
        }
        if a.type.isNumeric, b.type.isNumeric { return numeric(function, a, b, range) }
        switch (function, a.type, b.type) {
        case (.add, .timestamp, .interval), (.subtract, .timestamp, .interval):
            return call(function, [a, b], .timestamp, range)
        case (.add, .date, .bigint), (.subtract, .date, .bigint):
            return call(function, [a, b], .date, range)
        case (.add, .bigint, .date): return call(function, [b, a], .date, range)
        case (.subtract, .date, .date): return call(function, [a, b], .bigint, range)
        case (_, .date, .interval), (_, .interval, .date), (_, .date, .timestamp),
            (_, .timestamp, .date):
            // A day beside a time is its first moment.
            for side in [a, b] where side.type == .date {
                let start = BoundOperand(
                    node: ConstantFolding.cast(side.node, to: .timestamp), range: side.range)
                return a.type == .date
                    ? arithmetic(function, start, b, range) : arithmetic(function, a, start, range)
            }
            return nil
        case (.add, .interval, .timestamp):
            return call(function, [b, a], .timestamp, range)
        case (.subtract, .timestamp, .timestamp), (.add, .interval, .interval),
            (.subtract, .interval, .interval):
            return call(function, [a, b], .interval, range)
        case (.multiply, .interval, let type) where type.isNumeric,
            (.divide, .interval, let type) where type.isNumeric:
            return scaledInterval(function, a, b, range)
        case (.multiply, let type, .interval) where type.isNumeric:
            return scaledInterval(function, b, a, range)
        default:
            return noOperator(function, a, b, range)
        }
    }

    /// An interval times or divided by a bigint or a double.
    private func scaledInterval(
        _ function: ScalarFunction, _ interval: BoundOperand, _ factor: BoundOperand,
        _ range: Range<Int>
    ) -> BoundOperand {
        var factor = factor
        if factor.type != .bigint {
            factor.node = ConstantFolding.cast(factor.node, to: .double)
        }
        return call(function, [interval, factor], .interval, range)
    }

    private mutating func noOperator(
        _ function: ScalarFunction, _ a: BoundOperand, _ b: BoundOperand, _ range: Range<Int>
    ) -> BoundOperand? {
        var help: String?
        if a.type == .string || b.type == .string {
            help =
                function == .add
                ? "text is joined with ||; a number in text is read by CAST(… AS bigint)"
                : "a number in text is read by CAST(… AS bigint)"
        } else if a.type == .timestamp, b.type == .timestamp {
            help = "two timestamps can be subtracted, which gives an interval"
        } else if a.type == .timestamp, function == .add || function == .subtract {
            help = "add an interval: \(function.documentedName) interval '10 seconds'"
        }
        return report(
            "no operator '\(function.documentedName)' for \(a.type.name) and \(b.type.name)",
            at: range, help: help)
    }

    private mutating func numeric(
        _ function: ScalarFunction, _ a: BoundOperand, _ b: BoundOperand, _ range: Range<Int>
    ) -> BoundOperand? {
        var a = a
        var b = b
        if a.type == .bigint, b.type == .bigint { return call(function, [a, b], .bigint, range) }
        guard a.type != .double, b.type != .double, let left = TypeRules.decimal(a.type),
            let right = TypeRules.decimal(b.type)
        else {
            a.node = ConstantFolding.cast(a.node, to: .double)
            b.node = ConstantFolding.cast(b.node, to: .double)
            return call(function, [a, b], .double, range)
        }
        if a.type == .bigint {
            a.node = ConstantFolding.cast(a.node, to: TypeRules.bigintAsDecimal)
        }
        if b.type == .bigint {
            b.node = ConstantFolding.cast(b.node, to: TypeRules.bigintAsDecimal)
        }
        guard let type = TypeRules.arithmetic(function, left, right) else {
            return report(
                "the product has \(left.scale + right.scale) decimals, more than "
                    + "\(Decimal38.digitsMax)",
                at: range, help: "round or cast an operand first")
        }
        return call(function, [a, b], type, range)
    }

    private mutating func concatenation(
        _ a: BoundOperand, _ b: BoundOperand, _ range: Range<Int>
    ) -> BoundOperand? {
        if let joined = arrayConcatenation(a, b, range) { return joined }
        if a.type == .bytes || b.type == .bytes,
            let x = coerce(a, to: .bytes), let y = coerce(b, to: .bytes)
        {
            return call(.concatenate, [x, y], .bytes, range)
        }
        guard a.type == .string || b.type == .string else {
            return report(
                "no operator '||' for \(a.type.name) and \(b.type.name)", at: range,
                help: "cast one side to string")
        }
        return call(.concatenate, [text(a), text(b)], .string, range)
    }

    /// The operand as text.
    func text(_ operand: BoundOperand) -> BoundOperand {
        BoundOperand(
            node: ConstantFolding.cast(operand.node, to: .string), range: operand.range)
    }

    // MARK: Comparison

    mutating func comparison(
        _ function: ScalarFunction, _ a: BoundOperand, _ b: BoundOperand, _ range: Range<Int>
    ) -> BoundOperand? {
        let other = a.isUntyped ? (b.isUntyped ? ColumnType.string : b.type) : a.type
        guard var left = resolve(a, toward: other), var right = resolve(b, toward: other) else {
            return nil
        }
        if left.type == .json || right.type == .json {
            return incomparableJSON(range)
        }
        if left.type != right.type, let type = TypeRules.common(left.type, right.type),
            !type.isNumeric
        {
            left.node = ConstantFolding.cast(left.node, to: type)
            right.node = ConstantFolding.cast(right.node, to: type)
        }
        if left.type != right.type {
            guard left.type.isNumeric, right.type.isNumeric else {
                return report(
                    "cannot compare \(left.type.name) with \(right.type.name)", at: range,
                    help: ExpressionCasts.isPossible(from: right.type, to: left.type)
                        ? "cast one side: CAST(… AS \(left.type.name))" : nil)
            }
            // Decimals of different scale are compared as they are, exactly.
            let target: ColumnType =
                left.type == .double || right.type == .double
                ? .double : TypeRules.bigintAsDecimal
            if target == .double || left.type == .bigint {
                left.node = ConstantFolding.cast(left.node, to: target)
            }
            if target == .double || right.type == .bigint {
                right.node = ConstantFolding.cast(right.node, to: target)
            }
        }
        return call(function, [left, right], .boolean, range)
    }

    mutating func inList(
        _ operand: Syntax, _ list: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        let bound = ([operand] + list).map { bind($0) }
        let known = bound.compactMap { $0 }
        guard known.count == bound.count,
            let (operands, type) = unify(known, "the values of IN", range)
        else { return nil }
        if type == .json { return incomparableJSON(range) }
        return call(.inList, operands, .boolean, range)
    }

    /// `x >= low AND x <= high`.
    mutating func between(
        _ operand: Syntax, _ low: Syntax, _ high: Syntax, _ range: Range<Int>
    ) -> BoundOperand? {
        let bound = [operand, low, high].map { bind($0) }
        guard let value = bound[0], let low = bound[1], let high = bound[2] else { return nil }
        let notLess = comparison(.greaterOrEqual, value, low, range)
        let notMore = comparison(.lessOrEqual, value, high, range)
        guard let notLess, let notMore else { return nil }
        return call(.and, [notLess, notMore], .boolean, range)
    }

    mutating func like(
        _ operand: Syntax, _ pattern: Syntax, _ escape: Syntax?, _ range: Range<Int>
    ) -> BoundOperand? {
        let bound = ([operand, pattern] + (escape.map { [$0] } ?? [])).map {
            string($0, "LIKE")
        }
        let operands = bound.compactMap { $0 }
        guard operands.count == bound.count else { return nil }
        if let text = operands[1].text {
            let escape = operands.count > 2 ? operands[2].text : LikePattern.defaultEscape
            if let escape, case .failure(let code) = LikePattern.compile(text, escape: escape) {
                return report(code.message, at: operands[1].range)
            }
        }
        return call(.like, operands, .boolean, range)
    }

    // MARK: Logic

    /// A boolean operand of `what`.
    mutating func boolean(_ syntax: Syntax, _ what: String) -> BoundOperand? {
        guard let bound = bind(syntax) else { return nil }
        if let operand = coerce(bound, to: .boolean) { return operand }
        if bound.isUntyped { return nil }
        return report(
            "\(what) needs a boolean, found \(bound.type.name)", at: bound.range,
            help: bound.type.isNumeric ? "compare it: … <> 0" : nil)
    }

    mutating func logical(
        _ function: ScalarFunction, _ operands: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        let bound = operands.map { boolean($0, function.documentedName) }
        let known = bound.compactMap { $0 }
        guard known.count == bound.count else { return nil }
        return call(function, known, .boolean, range)
    }

    mutating func test(
        _ function: ScalarFunction, _ operand: Syntax, _ range: Range<Int>
    ) -> BoundOperand? {
        let bound: BoundOperand?
        if function == .isNull || function == .isNotNull {
            bound = bind(operand)
        } else {
            bound = boolean(operand, function.documentedName)
        }
        return bound.map { call(function, [$0], .boolean, range) }
    }

    mutating func conditional(
        _ subject: Syntax?, _ branches: [Syntax.Branch], _ otherwise: Syntax?, _ range: Range<Int>
    ) -> BoundOperand? {
        let value = subject.map { bind($0) }
        var conditions: [BoundOperand] = []
        var results: [BoundOperand] = []
        for branch in branches {
            if let value {
                let other = bind(branch.condition)
                if let value, let other,
                    let equal = comparison(.equal, value, other, branch.condition.range)
                {
                    conditions.append(equal)
                }
            } else if let condition = boolean(branch.condition, "WHEN") {
                conditions.append(condition)
            }
            if let result = bind(branch.result) { results.append(result) }
        }
        let last =
            otherwise.map { bind($0) }
            ?? BoundOperand(node: .literal(.null, .string), range: range, isUntyped: true)
        guard let last, conditions.count == branches.count, results.count == branches.count,
            let (unified, type) = unify(results + [last], "the results of CASE", range)
        else { return nil }
        let bound = zip(conditions, unified).map {
            ConditionalBranch(condition: $0.node, result: $1.node)
        }
        let node = ExpressionNode.conditional(
            bound, otherwise: unified[unified.count - 1].node, type)
        return BoundOperand(node: ConstantFolding.fold(node), range: range)
    }
}
