/// Which rows of a join of two streams come out without a partner, too.
package enum StreamJoinKind: String, Hashable, Sendable, CaseIterable {
    case inner, left, right, full

    package var keepsLeft: Bool { self == .left || self == .full }
    package var keepsRight: Bool { self == .right || self == .full }
}

/// Where a column of a stream join's output comes from, by position in a side's schema.
package enum JoinedColumn: Hashable, Sendable {
    case left(Int)
    case right(Int)
    /// A match column that both sides have: the one that is there. Both have one type.
    case either(left: Int, right: Int)
}

/// What a join of two streams does, as the operators need it.
package struct StreamJoinPlan: Sendable {
    package let kind: StreamJoinKind
    /// What one side brings.
    package struct Side: Sendable {
        package let schema: Schema
        /// Over `schema`; one for each match item, of the same types on both sides.
        package let match: [BoundExpression]

        package init(schema: Schema, match: [BoundExpression]) {
            self.schema = schema
            self.match = match
        }
    }
    package let left: Side
    package let right: Side
    /// Part of the match, over the left schema's columns followed by the right one's.
    package let condition: BoundExpression?
    /// The names of those columns, for rows that fail.
    package let pairSchema: Schema
    package let columns: [JoinedColumn]

    package init(
        kind: StreamJoinKind, left: Side, right: Side, condition: BoundExpression? = nil,
        pairSchema: Schema, columns: [JoinedColumn]
    ) {
        precondition(
            left.match.map(\.type) == right.match.map(\.type), "match items of two types")
        self.kind = kind
        self.left = left
        self.right = right
        self.condition = condition
        self.pairSchema = pairSchema
        self.columns = columns
    }
}

/// One of the two inputs of a join.
enum JoinSide: Int {
    case left = 0
    case right = 1

    var other: JoinSide { self == .left ? .right : .left }
    /// Of the entries in a checkpoint.
    var part: UInt8 { UInt8(rawValue) }
}

extension StreamJoinPlan {
    subscript(side: JoinSide) -> Side { side == .left ? left : right }

    /// Whether rows of this side come out without a partner.
    func keeps(_ side: JoinSide) -> Bool {
        side == .left ? kind.keepsLeft : kind.keepsRight
    }

    /// The output's columns from those of both sides.
    func joined(_ left: [Column], _ right: [Column]) -> [Column] {
        columns.map { column in
            switch column {
            case .left(let index), .either(let index, _): return left[index]
            case .right(let index): return right[index]
            }
        }
    }

    /// The output's columns of rows that are alone, those of the other side null.
    func alone(_ rows: [Column], of side: JoinSide, count: Int) -> [Column] {
        columns.map { column in
            switch (column, side) {
            case (.left(let index), .left), (.either(let index, _), .left),
                (.right(let index), .right), (.either(_, let index), .right):
                return rows[index]
            case (.left(let index), .right):
                return .nulls(type: left.schema[index].type, count: count)
            case (.right(let index), .left):
                return .nulls(type: right.schema[index].type, count: count)
            }
        }
    }
}
