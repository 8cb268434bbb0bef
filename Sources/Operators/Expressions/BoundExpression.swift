/// A value that is known when a spec is loaded.
package enum Literal: Hashable, Sendable {
    case null
    case boolean(Bool)
    case bigint(Int64)
    case double(Double)
    /// UTF-8 bytes: Swift's `String` would compare by canonical equivalence.
    case string([UInt8])
    /// Microseconds since the epoch.
    case timestamp(Int64)
    /// `unscaled` × 10^−scale, exact.
    case decimal(unscaled: Int128, scale: Int)
    /// Microseconds. Months and years are not intervals here: their length varies.
    case interval(Int64)
}

/// One node of a type-checked expression. Every operand has the type that the function asks for:
/// the binder has put the casts in.
package indirect enum ExpressionNode: Hashable, Sendable {
    case literal(Literal, ColumnType)
    /// A column of the input by position.
    case column(Int, ColumnType)
    /// The row's event time.
    case rowtime
    /// The statement's clock, constant within an epoch.
    case now
    case call(ScalarFunction, [ExpressionNode], ColumnType)
    case cast(ExpressionNode, ColumnType)
    /// `CASE WHEN c1 THEN r1 … ELSE r END`; no else is a null literal.
    case conditional([ConditionalBranch], otherwise: ExpressionNode, ColumnType)

    package var type: ColumnType {
        switch self {
        case .literal(_, let type), .column(_, let type), .call(_, _, let type),
            .cast(_, let type), .conditional(_, _, let type):
            return type
        case .rowtime, .now: return .timestamp
        }
    }
}

package struct ConditionalBranch: Hashable, Sendable {
    package let condition: ExpressionNode
    package let result: ExpressionNode

    package init(condition: ExpressionNode, result: ExpressionNode) {
        self.condition = condition
        self.result = result
    }
}

/// A parsed, type-checked, constant-folded scalar expression over a node's columns: a plain value.
package struct BoundExpression: Hashable, Sendable {
    package let root: ExpressionNode
    /// The text as the user wrote it, for people.
    package let text: String

    package var type: ColumnType { root.type }

    package init(root: ExpressionNode, text: String) {
        self.root = root
        self.text = text
    }

    /// Just the column at `index`.
    package static func column(_ index: Int, _ field: Field) -> BoundExpression {
        BoundExpression(root: .column(index, field.type), text: field.name)
    }
}

/// An expression and the name of the column that it fills.
package struct NamedExpression: Hashable, Sendable {
    package let name: String
    package let expression: BoundExpression

    package init(name: String, expression: BoundExpression) {
        self.name = name
        self.expression = expression
    }
}
