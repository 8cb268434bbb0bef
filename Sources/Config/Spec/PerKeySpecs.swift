import Operators

/// `deduplicate:`. `verbSchema` is the step's `inputSchema`.
package struct DeduplicateSpec: Hashable, Sendable {
    package enum Keep: String, Sendable, CaseIterable { case first, last }
    /// Over `inputSchema`.
    package var by: [NamedExpression]
    package var keep: Keep
    /// How long after a key's first row others repeat it; nil for ever. Of `keep: first` only.
    package var withinMicros: Int64?
    /// Whether rows may be taken back. Of `keep: last` only.
    package var isInputUpdating: Bool

    package init(
        by: [NamedExpression], keep: Keep, withinMicros: Int64?, isInputUpdating: Bool
    ) {
        self.by = by
        self.keep = keep
        self.withinMicros = withinMicros
        self.isInputUpdating = isInputUpdating
    }
}

/// `top:`. `verbSchema` is the step's `inputSchema`, and the rank where it is asked for.
package struct TopSpec: Hashable, Sendable {
    package enum Ties: String, Sendable, CaseIterable { case first, all }
    package var limit: Int
    /// Over `inputSchema`.
    package var partition: [NamedExpression]
    /// Over `inputSchema`.
    package var order: RowOrder
    package var hasRank: Bool
    package var ties: Ties
    /// The column of `inputSchema` that holds the end of the inherited window.
    package var windowEnd: Int?
    /// Whether rows may be taken back.
    package var isInputUpdating: Bool

    package init(
        limit: Int, partition: [NamedExpression], order: RowOrder, hasRank: Bool, ties: Ties,
        windowEnd: Int?, isInputUpdating: Bool
    ) {
        self.limit = limit
        self.partition = partition
        self.order = order
        self.hasRank = hasRank
        self.ties = ties
        self.windowEnd = windowEnd
        self.isInputUpdating = isInputUpdating
    }
}
