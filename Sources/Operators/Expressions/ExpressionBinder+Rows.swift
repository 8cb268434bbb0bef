/// A result computed for each row: from its columns, from aggregate calls over its frame, and from
/// calls that go by the rows around it.
package struct BoundRowResult: Hashable, Sendable {
    /// The aggregate calls, each once.
    package let calls: [AggregateCall]
    /// The other calls, each once.
    package let rowCalls: [RowCall]
    /// Over the columns `[input columns…, calls…, row calls…]`.
    package let result: BoundExpression
}

/// What the binder finds of calls that go by rows.
struct RowContext {
    var calls: [RowCall] = []
    /// Where results stand until it is known how many aggregate calls there are.
    static let firstColumn = 1 << 20
}

extension ExpressionBinder {
    /// The most rows that `lag` looks back.
    package static let lagRowsMax: Int64 = 1_000_000

    /// Binds a result of `over`.
    ///
    /// - Parameters:
    ///   - scope: The input's columns, which stand inside of calls and beside them.
    ///   - columnCount: How many columns the input has.
    package static func bindRowResult(
        _ text: String, in scope: ExpressionScope, columnCount: Int
    ) -> Result<BoundRowResult, ExpressionDiagnostics> {
        // Calls stand behind as many columns as the grouping has.
        let placeholder = Schema(Array(repeating: Field("", .bigint), count: columnCount))
        var binding = ExpressionBinding(scope: scope, grouping: placeholder)
        binding.rowContext = RowContext()
        return binding.bind(text, expecting: nil).map { result in
            let rowCalls = binding.rowContext?.calls ?? []
            var map: [Int: Int] = [:]
            for index in rowCalls.indices {
                map[RowContext.firstColumn + index] = columnCount + binding.calls.count + index
            }
            return BoundRowResult(
                calls: binding.calls, rowCalls: rowCalls, result: result.remapped(map))
        }
    }
}

extension ExpressionBinding {
    /// A call of `lag` or `row_number`; nil when it is of another function, a nil inside when it is
    /// wrong.
    mutating func rowFunction(_ call: Syntax.Call, _ range: Range<Int>) -> BoundOperand?? {
        let name = call.name.lowercased()
        guard name == "lag" || name == "row_number" else { return nil }
        guard rowContext != nil, matchContext == nil else {
            return .some(
                report(
                    "'\(name)' goes by the rows around and has no place here", at: call.nameRange,
                    help: "it is computed by an 'over' step"))
        }
        guard allowsAggregates else {
            return .some(
                report("'\(name)' stands inside another function of rows", at: call.nameRange))
        }
        guard !call.isStar, !call.isDistinct, call.filter == nil else {
            let part = call.isStar ? "*" : (call.isDistinct ? "DISTINCT" : "FILTER")
            return .some(
                report("'\(name)' takes no \(part): it is not an aggregate", at: range))
        }
        let counts = name == "lag" ? 1...3 : 0...0
        guard counts.contains(call.arguments.count) else {
            return .some(
                report(
                    "wrong number of arguments for '\(name)': \(call.arguments.count)", at: range,
                    help: "call it as "
                        + (name == "lag" ? "lag(value [, rows [, default]])" : "row_number()")))
        }
        return .some(name == "lag" ? lag(call.arguments, range) : add(.rowNumber, range))
    }

    private mutating func lag(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let bound = insideAggregate { binding in arguments.map { binding.bind($0) } }
        let known = bound.compactMap { $0 }
        guard known.count == bound.count, let value = resolve(known[0], toward: .string) else {
            return nil
        }
        var count: Int64 = 1
        if known.count > 1 {
            guard case .literal(.bigint(let rows), _) = known[1].node,
                (1...ExpressionBinder.lagRowsMax).contains(rows)
            else {
                return report(
                    "the rows of 'lag' must be a whole number from 1 to "
                        + "\(ExpressionBinder.lagRowsMax) in the text", at: known[1].range)
            }
            count = rows
        }
        var defaultValue: BoundExpression?
        if known.count > 2 {
            guard let operand = argument(known[2], "lag", value.type) else { return nil }
            defaultValue = expression(operand)
        }
        return add(
            .lag(expression(value), count: Int(count), defaultValue: defaultValue), range)
    }

    private func expression(_ operand: BoundOperand) -> BoundExpression {
        BoundExpression(
            root: operand.node, text: String(decoding: source[operand.range], as: UTF8.self))
    }

    private mutating func add(_ call: RowCall, _ range: Range<Int>) -> BoundOperand? {
        let calls = rowContext?.calls ?? []
        let canonical = call.canonical
        let index = calls.firstIndex { $0.canonical == canonical } ?? calls.count
        if index == calls.count { rowContext?.calls.append(call) }
        return BoundOperand(
            node: .column(RowContext.firstColumn + index, call.type), range: range)
    }
}
