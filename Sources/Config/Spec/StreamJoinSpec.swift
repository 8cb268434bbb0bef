import Operators

/// `join:` to a stream. The step's own input is the left side; `verbSchema` has one field for each of
/// `columns`.
package struct StreamJoinSpec: Hashable, Sendable {
    package enum Bounds: Hashable, Sendable {
        /// Right rows from `before` earlier to `after` later than the left one; microseconds.
        case around(beforeMicros: Int64, afterMicros: Int64)
        /// Right rows between two timestamps over the left columns.
        case between(from: BoundExpression, to: BoundExpression)
        /// All; rows are let go `timeToLive` behind the watermark, nil never.
        case unbounded(timeToLiveMicros: Int64?)
        /// Rows of the same window; the match includes the bounds.
        case sameWindow
    }
    package var right: NodeReference
    package var rightSchema: Schema
    package var kind: StreamJoinKind
    package var bounds: Bounds
    /// Of one length, by place of equal types; over the step's `inputSchema` and `rightSchema`.
    package var leftMatch: [BoundExpression]
    package var rightMatch: [BoundExpression]
    /// Over the columns of `inputSchema`, then those of `rightSchema`.
    package var condition: BoundExpression?
    package var columns: [JoinedColumn]
    /// Whether the sides' rows are only ever added.
    package var leftIsAppend: Bool
    package var rightIsAppend: Bool
    /// Positions in `columns` of what identifies a row of an updating output.
    package var key: [Int]?

    package init(
        right: NodeReference, rightSchema: Schema, kind: StreamJoinKind, bounds: Bounds,
        leftMatch: [BoundExpression], rightMatch: [BoundExpression], condition: BoundExpression?,
        columns: [JoinedColumn], leftIsAppend: Bool, rightIsAppend: Bool, key: [Int]?
    ) {
        self.right = right
        self.rightSchema = rightSchema
        self.kind = kind
        self.bounds = bounds
        self.leftMatch = leftMatch
        self.rightMatch = rightMatch
        self.condition = condition
        self.columns = columns
        self.leftIsAppend = leftIsAppend
        self.rightIsAppend = rightIsAppend
        self.key = key
    }

    /// Every expression of the join.
    package var expressions: [BoundExpression] {
        var all = leftMatch + rightMatch + [condition].compactMap { $0 }
        if case .between(let from, let to) = bounds { all += [from, to] }
        return all
    }
}
