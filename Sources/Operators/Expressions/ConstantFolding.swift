/// Computes what is known before any row is read, with the code that rows are computed with.
///
/// What would fail is left in place: it fails for the rows that need it. `now()` and columns are
/// not constant.
enum ConstantFolding {
    /// Longer texts are left to be made at run time, so that plans stay small.
    private static let textBytesMax = 4096

    /// The node, or the literal that it always is.
    static func fold(_ node: ExpressionNode) -> ExpressionNode {
        switch node {
        case .call(let function, let operands, let type):
            if operands.allSatisfy({ isLiteral($0) }) { return computed(node) }
            if function == .and || function == .or { return logical(function, operands, type) }
            if function == .coalesce { return coalesce(operands, type) }
            return node
        case .cast(let operand, _): return isLiteral(operand) ? computed(node) : node
        case .conditional(let branches, let otherwise, let type):
            return conditional(branches, otherwise, type)
        case .literal, .column, .rowtime, .now: return node
        }
    }

    /// The node as another type; itself when it has that type.
    static func cast(_ node: ExpressionNode, to type: ColumnType) -> ExpressionNode {
        if node.type == type { return node }
        if case .literal(.null, _) = node { return .literal(.null, type) }
        return fold(.cast(node, type))
    }

    private static func isLiteral(_ node: ExpressionNode) -> Bool {
        if case .literal = node { return true } else { return false }
    }

    private static func computed(_ node: ExpressionNode) -> ExpressionNode {
        var context = EvaluationContext()
        guard let literal = CompiledNode(node).evaluate(&context).literal else { return node }
        if case .string(let bytes) = literal, bytes.count > textBytesMax { return node }
        return .literal(literal, node.type)
    }

    /// Drops operands that decide nothing, and all when one decides.
    private static func logical(
        _ function: ScalarFunction, _ operands: [ExpressionNode], _ type: ColumnType
    ) -> ExpressionNode {
        let deciding = Literal.boolean(function == .or)
        let neutral = Literal.boolean(function == .and)
        var kept: [ExpressionNode] = []
        for operand in operands {
            if case .literal(let literal, _) = operand {
                if literal == deciding { return .literal(deciding, type) }
                if literal == neutral { continue }
            }
            kept.append(operand)
        }
        if kept.isEmpty { return .literal(neutral, type) }
        return kept.count == 1 ? kept[0] : .call(function, kept, type)
    }

    private static func coalesce(
        _ operands: [ExpressionNode], _ type: ColumnType
    ) -> ExpressionNode {
        var kept: [ExpressionNode] = []
        for operand in operands {
            if case .literal(let literal, _) = operand {
                if literal == .null { continue }
                kept.append(operand)
                break
            }
            kept.append(operand)
        }
        if kept.isEmpty { return .literal(.null, type) }
        return kept.count == 1 ? kept[0] : .call(.coalesce, kept, type)
    }

    private static func conditional(
        _ branches: [ConditionalBranch], _ otherwise: ExpressionNode, _ type: ColumnType
    ) -> ExpressionNode {
        var kept: [ConditionalBranch] = []
        var last = otherwise
        for branch in branches {
            if case .literal(let literal, _) = branch.condition {
                if literal == .boolean(true) {
                    last = branch.result
                    break
                }
                continue
            }
            kept.append(branch)
        }
        return kept.isEmpty ? last : .conditional(kept, otherwise: last, type)
    }
}
