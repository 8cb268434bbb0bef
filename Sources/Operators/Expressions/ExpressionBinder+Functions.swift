/// Calls by name.
extension ExpressionBinding {
    mutating func function(_ call: Syntax.Call, _ range: Range<Int>) -> BoundOperand? {
        let name = call.name.lowercased()
        if let found = matchFunction(call, range) ?? rowFunction(call, range) { return found }
        guard let entry = FunctionCatalog.entry(name) else {
            // It may be meant as an aggregate, whose argument need not be grouped.
            if grouping == nil { for argument in call.arguments { _ = bind(argument) } }
            return report(
                "unknown function '\(call.name)'", at: call.nameRange,
                help: FunctionAdvice.help(for: name))
        }
        if case .aggregate(let function) = entry.meaning {
            return aggregate(function, call, range)
        }
        guard !call.isStar, !call.isDistinct, call.filter == nil else {
            let part = call.isStar ? "*" : (call.isDistinct ? "DISTINCT" : "FILTER")
            return report("'\(name)' takes no \(part): it is not an aggregate", at: range)
        }
        guard entry.argumentCounts.contains(call.arguments.count) else {
            return report(
                "wrong number of arguments for '\(name)': \(call.arguments.count)", at: range,
                help: "call it as \(entry.usage)")
        }
        switch entry.meaning {
        case .now: return BoundOperand(node: .now, range: range)
        case .pi: return BoundOperand(node: .literal(.double(.pi), .double), range: range)
        case .field(let field):
            guard let time = argument(call.arguments[0], name, .timestamp) else { return nil }
            let unit = BoundOperand(
                node: .literal(.string(Array(field.rawValue.utf8)), .string), range: call.nameRange)
            return self.call(.extract, [unit, time], field.type, range)
        case .toDate: return date(call.arguments, range)
        case .nullIf: return nullIf(call.arguments, range).flatMap { repeating($0) }
        case .scalar(let function): return scalar(function, name, call.arguments, range)
        case .aggregate: return nil
        }
    }

    /// `CASE WHEN a = b THEN NULL ELSE a END`.
    private mutating func nullIf(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let first = bind(arguments[0])
        let second = bind(arguments[1])
        guard let first, let second, let equal = comparison(.equal, first, second, range) else {
            return nil
        }
        let node = ExpressionNode.conditional(
            [ConditionalBranch(condition: equal.node, result: .literal(.null, first.type))],
            otherwise: first.node, first.type)
        return BoundOperand(
            node: ConstantFolding.fold(node), range: range, isUntyped: first.isNull)
    }

    private mutating func scalar(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        switch function {
        case .coalesce, .greatest, .least:
            let bound = arguments.map { bind($0) }
            let known = bound.compactMap { $0 }
            guard known.count == bound.count,
                let (operands, type) = unify(known, "the values of \(name)", range)
            else { return nil }
            if type == .json, function != .coalesce { return incomparableJSON(range) }
            return self.call(function, operands, type, range)
        case .concat, .concatWithSeparator:
            let bound = arguments.map { bind($0) }
            let known = bound.compactMap { $0 }
            guard known.count == bound.count else { return nil }
            return self.call(function, known.map { text($0) }, .string, range)
        case .modulo:
            let a = bind(arguments[0])
            let b = bind(arguments[1])
            guard let a, let b else { return nil }
            return arithmetic(.modulo, a, b, range)
        case .lower, .upper, .reverse, .length, .octetLength, .trim, .leftTrim, .rightTrim,
            .replace, .startsWith, .endsWith, .position, .initcap, .ascii, .md5, .sha256, .hash64,
            .urlScheme, .urlHost, .urlPort, .urlPath, .urlQuery, .urlParameter, .urlEncode,
            .urlDecode:
            return textFunction(function, name, arguments, range)
        case .substring, .splitPart, .splitIndex, .toHex, .left, .right, .repeated, .leftPad,
            .rightPad:
            return mixedFunction(function, name, arguments, range)
        case .regexpLike, .regexpCount, .regexpSubstr, .regexpReplace, .regexpInstr:
            return regularExpression(function, name, arguments, range)
        case .abs, .sign, .floor, .ceil, .round, .truncate:
            return rounding(function, name, arguments, range)
        case .encode, .decode, .chr, .cardinality, .slice, .arrayContains, .arrayJoin,
            .stringToArray, .arrayDistinct, .arraySort, .arrayMin, .arrayMax, .arrayConcat,
            .jsonValue, .jsonArrayLength, .jsonTypeof, .toJson, .makeDate:
            return nestedFunction(function, name, arguments, range)
        case .log where arguments.count == 1:
            return scalar(.log10, name, arguments, range)
        case .power, .sqrt, .ln, .log10, .exp, .log:
            let bound = arguments.map { argument($0, name, .double) }
            let operands = bound.compactMap { $0 }
            guard operands.count == bound.count else { return nil }
            return self.call(function, operands, .double, range)
        case .translate, .overlay, .mask, .maskLeft, .maskRight, .maskKeepLeft, .maskKeepRight,
            .locate, .urlFragment, .acos, .asin, .atan, .atan2, .cbrt, .cos, .cosh, .cot, .degrees,
            .log2, .radians, .sin, .sinh, .tan, .tanh, .geoDistance, .dateAdd, .dateDiff, .dateBin:
            return furtherFunction(function, name, arguments, range)
        default:
            return timeFunction(function, name, arguments, range)
        }
    }

    // MARK: Arguments

    /// An argument of `name` that must be of a type (or widen to it).
    mutating func argument(_ syntax: Syntax, _ name: String, _ type: ColumnType) -> BoundOperand? {
        guard let bound = bind(syntax) else { return nil }
        return argument(bound, name, type)
    }

    mutating func argument(
        _ bound: BoundOperand, _ name: String, _ type: ColumnType
    ) -> BoundOperand? {
        if let operand = coerce(bound, to: type) { return operand }
        if bound.isUntyped { return nil }
        return report(
            "'\(name)' needs \(type.name) here, found \(bound.type.name)", at: bound.range,
            help: ExpressionCasts.isPossible(from: bound.type, to: type)
                ? "cast it: CAST(… AS \(type.name))" : nil)
    }

    mutating func string(_ syntax: Syntax, _ name: String) -> BoundOperand? {
        argument(syntax, name, .string)
    }

    /// A literal text argument: a unit, a pattern, a zone.
    mutating func literalText(_ syntax: Syntax, _ name: String, _ what: String) -> [UInt8]? {
        guard let bound = bind(syntax) else { return nil }
        guard let bytes = bound.text else {
            report("the \(what) of '\(name)' must be text in quotes", at: syntax.range)
            return nil
        }
        return bytes
    }

    // MARK: Text

    private mutating func textFunction(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        let bound = arguments.map { textOrBytes($0, function, name) }
        var operands = bound.compactMap { $0 }
        guard operands.count == bound.count else { return nil }
        let function =
            function == .length && operands[0].type == .bytes ? .octetLength : function
        if name == "strpos" || name == "instr" { operands.swapAt(0, 1) }
        let type: ColumnType
        switch function {
        case .length, .octetLength, .position, .ascii, .hash64, .urlPort: type = .bigint
        case .startsWith, .endsWith: type = .boolean
        default: type = .string
        }
        return call(function, operands, type, range)
    }

    /// An argument that is text, or bytes where the function takes them as well.
    private mutating func textOrBytes(
        _ syntax: Syntax, _ function: ScalarFunction, _ name: String
    ) -> BoundOperand? {
        switch function {
        case .length, .octetLength, .md5, .sha256, .hash64:
            guard let bound = bind(syntax) else { return nil }
            return bound.type == .bytes ? bound : argument(bound, name, .string)
        default: return string(syntax, name)
        }
    }

    private mutating func mixedFunction(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        let isText: [Bool]
        switch function {
        case .splitPart, .splitIndex: isText = [true, true, false]
        case .leftPad, .rightPad: isText = [true, false, true]
        case .toHex: isText = [false]
        default: isText = [true, false, false]
        }
        var operands: [BoundOperand] = []
        for (index, syntax) in arguments.enumerated() {
            if let operand = argument(syntax, name, isText[index] ? .string : .bigint) {
                operands.append(operand)
            }
        }
        guard operands.count == arguments.count else { return nil }
        return call(function, operands, .string, range)
    }

    // MARK: Numbers

    private mutating func rounding(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        guard let bound = bind(arguments[0]), var operand = resolve(bound, toward: .double) else {
            return nil
        }
        guard operand.type.isNumeric || (operand.type == .interval && function == .abs) else {
            return report(
                "'\(name)' needs a number, found \(operand.type.name)", at: operand.range)
        }
        if arguments.count == 2 { return digits(function, name, operand, arguments[1], range) }
        var type = operand.type
        if case .decimal(let precision, let scale) = type {
            switch function {
            case .sign: type = .decimal(precision: 1, scale: 0)
            case .abs: break
            default:
                let integral = min(Decimal38.digitsMax, precision - scale + 1)
                type = .decimal(precision: max(1, integral), scale: 0)
            }
        }
        if type == .bigint, function != .abs, function != .sign {
            operand.node = ConstantFolding.fold(operand.node)
            return BoundOperand(node: operand.node, range: range)
        }
        return call(function, [operand], type, range)
    }

    /// `round(x, n)`, the number of digits a literal because the result's scale depends on it.
    private mutating func digits(
        _ function: ScalarFunction, _ name: String, _ operand: BoundOperand, _ digits: Syntax,
        _ range: Range<Int>
    ) -> BoundOperand? {
        guard let bound = argument(digits, name, .bigint) else { return nil }
        guard case .literal(.bigint(let count), _) = bound.node,
            count.magnitude <= UInt64(Decimal38.digitsMax)
        else {
            return report(
                "the digits of '\(name)' must be a whole number from -38 to 38 in the text",
                at: digits.range)
        }
        if operand.type == .double { return call(function, [operand, bound], .double, range) }
        guard let (precision, scale) = TypeRules.decimal(operand.type) else { return nil }
        let kept = max(0, min(Int(count), Decimal38.digitsMax))
        var operand = operand
        if operand.type == .bigint {
            operand.node = ConstantFolding.cast(operand.node, to: TypeRules.bigintAsDecimal)
        }
        let integral = min(Decimal38.digitsMax - kept, precision - scale + 1)
        let type = ColumnType.decimal(precision: max(1, integral + kept), scale: kept)
        return call(function, [operand, bound], type, range)
    }
}
