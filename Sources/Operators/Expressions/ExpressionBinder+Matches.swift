/// What names mean in a pattern: variables stand before columns.
struct MatchContext {
    let variables: [String]
    /// The variable whose condition is bound; nil for measures.
    let current: Int?
    var calls: [MatchCall] = []
    /// Within a call: the variables that its columns have, nil for a column without one.
    var named: Set<Int?> = []
    /// Where measures read columns outside of a call: they have those of the last row.
    var isMeasure: Bool { current == nil }
}

extension ExpressionBinder {
    /// The most rows that `first` and `last` count.
    static let matchOffsetMax: Int64 = 10_000

    /// Binds a condition or a measure of a pattern.
    ///
    /// - Parameters:
    ///   - scope: The input's columns.
    ///   - variables: The pattern's.
    ///   - current: The variable whose condition it is; nil for a measure.
    package static func bindMatch(
        _ text: String, in scope: ExpressionScope, columnCount: Int, variables: [String],
        current: Int?
    ) -> Result<BoundMatchResult, ExpressionDiagnostics> {
        let placeholder = Schema(Array(repeating: Field("", .bigint), count: columnCount))
        var binding = ExpressionBinding(scope: scope, grouping: placeholder)
        binding.rowContext = RowContext()
        binding.matchContext = MatchContext(variables: variables, current: current)
        return binding.bind(text, expecting: current == nil ? nil : .boolean).map {
            BoundMatchResult(calls: binding.matchContext?.calls ?? [], result: $0)
        }
    }
}

extension ExpressionBinding {
    /// A column, of a variable's rows or of any; nil inside where it is wrong.
    mutating func matchName(
        _ qualifier: String?, _ name: String, isQuoted: Bool, _ range: Range<Int>
    ) -> BoundOperand? {
        guard let context = matchContext else { return nil }
        var variable: Int?
        if let qualifier {
            guard let index = context.variables.firstIndex(of: qualifier) else {
                return report(
                    "unknown variable '\(qualifier)' in '\(qualifier).\(name)'", at: range,
                    label: "the pattern has \(context.variables.joined(separator: ", "))",
                    help: NameSuggestion.help(for: qualifier, among: context.variables))
            }
            variable = index
        }
        guard let column = plainName(name, isQuoted: isQuoted, range) else { return nil }
        guard allowsAggregates else {
            matchContext?.named.insert(variable)
            return column
        }
        // The row that is looked at is the last one of its variable.
        if !context.isMeasure, variable == nil || variable == context.current { return column }
        if column.node == .now { return column }
        return addMatch(
            .row(expression(column), variable: variable, isFirst: false, offset: 0), range)
    }

    private func expression(_ operand: BoundOperand) -> BoundExpression {
        BoundExpression(
            root: operand.node, text: String(decoding: source[operand.range], as: UTF8.self))
    }

    /// `first`, `last` and counts of a variable's rows; nil when it is another function.
    mutating func matchFunction(_ call: Syntax.Call, _ range: Range<Int>) -> BoundOperand?? {
        guard let context = matchContext else { return nil }
        let name = call.name.lowercased()
        guard allowsAggregates else { return nil }
        if name == "count", call.arguments.count == 1, !call.isDistinct, call.filter == nil,
            case .name(nil, let variable, isQuoted: false) = call.arguments[0].kind,
            let index = context.variables.firstIndex(of: variable)
        {
            let rows = AggregateCall(
                function: .countRows, argument: nil, isDistinct: false, filter: nil, type: .bigint)
            return .some(addMatch(.aggregate(rows, variable: index), range))
        }
        guard name == "first" || name == "last", !call.isStar, !call.isDistinct, call.filter == nil
        else { return nil }
        guard (1...2).contains(call.arguments.count) else {
            return .some(
                report(
                    "wrong number of arguments for '\(name)': \(call.arguments.count)", at: range,
                    help: "call it as \(name)(value [, rows])"))
        }
        return .some(row(call, isFirst: name == "first", range))
    }

    private mutating func row(
        _ call: Syntax.Call, isFirst: Bool, _ range: Range<Int>
    ) -> BoundOperand? {
        matchContext?.named = []
        let bound = insideAggregate { binding in call.arguments.map { binding.bind($0) } }
        let known = bound.compactMap { $0 }
        guard known.count == bound.count, let value = resolve(known[0], toward: .string),
            let variable = oneVariable(range)
        else { return nil }
        var offset: Int64 = 0
        if known.count > 1 {
            guard case .literal(.bigint(let rows), _) = known[1].node,
                (0...ExpressionBinder.matchOffsetMax).contains(rows)
            else {
                return report(
                    "the rows of '\(call.name)' must be a whole number from 0 to "
                        + "\(ExpressionBinder.matchOffsetMax) in the text", at: known[1].range)
            }
            offset = rows
        }
        return addMatch(
            .row(expression(value), variable: variable, isFirst: isFirst, offset: Int(offset)),
            range)
    }

    /// The variable whose columns a call has named, a nil inside for all rows; nil when they are
    /// several, which is reported.
    private mutating func oneVariable(_ range: Range<Int>) -> Int?? {
        let named = matchContext?.named ?? []
        guard named.count <= 1 else {
            report(
                "a call reads the rows of one variable, or of all", at: range,
                help: "write the same variable before each of its columns")
            return nil
        }
        return .some(named.first ?? nil)
    }

    /// An aggregate of a match.
    mutating func addMatch(_ call: AggregateCall, _ range: Range<Int>) -> BoundOperand? {
        guard let variable = oneVariable(range) else { return nil }
        if matchContext?.isMeasure == false,
            call.isDistinct || call.function == .stringAgg || call.function.isApproximate
                || call.function.alwaysKeepsValues
        {
            let name = call.isDistinct ? "DISTINCT" : "'\(call.function.rawValue)'"
            return report("\(name) has no place in a condition of a pattern", at: range)
        }
        return addMatch(.aggregate(call, variable: variable), range)
    }

    private mutating func addMatch(_ call: MatchCall, _ range: Range<Int>) -> BoundOperand? {
        let calls = matchContext?.calls ?? []
        let index = calls.firstIndex(of: call) ?? calls.count
        if index == calls.count { matchContext?.calls.append(call) }
        return BoundOperand(
            node: .column((grouping?.count ?? 0) + index, call.type), range: range)
    }
}
