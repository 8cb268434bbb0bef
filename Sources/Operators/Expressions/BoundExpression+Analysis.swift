/// What a plan may ask of an expression without running it.
extension BoundExpression {
    /// The columns that it reads, ascending.
    package var columns: [Int] {
        var found: Set<Int> = []
        root.visit { if case .column(let index, _) = $0 { found.insert(index) } }
        return found.sorted()
    }

    package var usesNow: Bool { root.contains { $0 == .now } }

    package var usesRowtime: Bool { root.contains { $0 == .rowtime } }

    /// Whether it has the same value for every row of one moment.
    package var isConstant: Bool { columns.isEmpty && !usesRowtime }

    /// The value, when it is the same for every row at all times and was computed at binding.
    package var literal: Literal? {
        if case .literal(let literal, _) = root { return literal }
        return nil
    }

    /// The position of the column, when the expression is one and nothing else.
    package var plainColumn: Int? {
        if case .column(let index, _) = root { return index }
        return nil
    }

    /// The same expression over a schema where column `i` stands at `map[i]`; columns that the map
    /// does not name stay.
    package func remapped(_ map: [Int: Int]) -> BoundExpression {
        BoundExpression(root: root.remapped(map), text: text)
    }

    /// One text for each meaning, for fingerprints: its form changes only with its version.
    package var canonical: String {
        var result = "e1:"
        root.writeCanonical(into: &result)
        return result
    }
}

extension AggregateCall {
    /// As ``BoundExpression/canonical``.
    package var canonical: String {
        var result = "a1:(\(function.rawValue)"
        if isDistinct { result += " distinct" }
        if let argument {
            result += " "
            argument.root.writeCanonical(into: &result)
        }
        if let order {
            result += " by "
            order.root.writeCanonical(into: &result)
        }
        if let parameter { result += " with \(parameter.canonical)" }
        if let filter {
            result += " filter "
            filter.root.writeCanonical(into: &result)
        }
        // Only where it changes what is kept, so that other calls keep their fingerprint.
        if keepsValues || takesBack && (isDistinct || sumsDoubles) { result += " back" }
        return result + " \(type.name))"
    }

    package func remapped(_ map: [Int: Int]) -> AggregateCall {
        let call = AggregateCall(
            function: function, argument: argument?.remapped(map), order: order?.remapped(map),
            parameter: parameter, isDistinct: isDistinct, filter: filter?.remapped(map), type: type)
        return takesBack ? call.takingBack : call
    }
}

extension ExpressionNode {
    /// The nodes right below.
    package var children: [ExpressionNode] {
        switch self {
        case .literal, .column, .rowtime, .now: return []
        case .call(_, let operands, _): return operands
        case .cast(let operand, _): return [operand]
        case .conditional(let branches, let otherwise, _):
            return branches.flatMap { [$0.condition, $0.result] } + [otherwise]
        }
    }

    func visit(_ body: (ExpressionNode) -> Void) {
        body(self)
        for child in children { child.visit(body) }
    }

    /// How many nodes a walk over the tree visits; it stops counting a little behind `limit`.
    func nodeCount(upTo limit: Int) -> Int {
        var count = 1
        for child in children {
            if count > limit { break }
            count += child.nodeCount(upTo: limit - count)
        }
        return count
    }

    func contains(_ predicate: (ExpressionNode) -> Bool) -> Bool {
        predicate(self) || children.contains { $0.contains(predicate) }
    }

    func remapped(_ map: [Int: Int]) -> ExpressionNode {
        switch self {
        case .literal, .rowtime, .now: return self
        case .column(let index, let type): return .column(map[index] ?? index, type)
        case .call(let function, let operands, let type):
            return .call(function, operands.map { $0.remapped(map) }, type)
        case .cast(let operand, let type): return .cast(operand.remapped(map), type)
        case .conditional(let branches, let otherwise, let type):
            return .conditional(
                branches.map {
                    ConditionalBranch(
                        condition: $0.condition.remapped(map), result: $0.result.remapped(map))
                }, otherwise: otherwise.remapped(map), type)
        }
    }

    func writeCanonical(into text: inout String) {
        switch self {
        case .literal(let literal, let type):
            text += "(\(type.name) \(literal.canonical))"
        case .column(let index, let type): text += "(column \(index) \(type.name))"
        case .rowtime: text += "(rowtime)"
        case .now: text += "(now)"
        case .call(let function, let operands, let type):
            text += "(\(function.rawValue) \(type.name)"
            for operand in operands {
                text += " "
                operand.writeCanonical(into: &text)
            }
            text += ")"
        case .cast(let operand, let type):
            text += "(cast \(type.name) "
            operand.writeCanonical(into: &text)
            text += ")"
        case .conditional(let branches, let otherwise, let type):
            text += "(case \(type.name)"
            for branch in branches {
                text += " "
                branch.condition.writeCanonical(into: &text)
                text += " "
                branch.result.writeCanonical(into: &text)
            }
            text += " "
            otherwise.writeCanonical(into: &text)
            text += ")"
        }
    }
}

extension Literal {
    /// One text for each value: doubles by their bits, strings in hexadecimal.
    var canonical: String {
        switch self {
        case .null: return "null"
        case .boolean(let value): return value ? "true" : "false"
        case .bigint(let value), .timestamp(let value), .interval(let value): return "\(value)"
        case .double(let value): return "0x" + String(value.bitPattern, radix: 16)
        case .decimal(let unscaled, let scale): return "\(unscaled)e-\(scale)"
        case .string(let bytes):
            return "x"
                + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}
