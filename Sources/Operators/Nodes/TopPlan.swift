/// What `top`, and `deduplicate` that keeps the last row, do.
package struct TopPlan: Sendable {
    package var inputSchema: Schema
    package var partition: [BoundExpression]
    package var order: RowOrder
    /// How many rows of each partition are shown.
    package var limit: Int
    /// Whether the rank is one more column: the number of rows before, plus one.
    package var hasRank: Bool
    /// Whether rows that tie with the last one are shown too, and rows that tie have one rank.
    package var showsTies: Bool
    /// Whether rows may be taken back.
    package var isUpdating: Bool
    /// The column of the input that holds the end of a row's window; nil without windows.
    package var windowEnd: Int?

    package init(
        inputSchema: Schema, partition: [BoundExpression], order: RowOrder, limit: Int,
        hasRank: Bool = false, showsTies: Bool = false, isUpdating: Bool = false,
        windowEnd: Int? = nil
    ) {
        precondition(limit > 0, "limit \(limit)")
        self.inputSchema = inputSchema
        self.partition = partition
        self.order = order
        self.limit = limit
        self.hasRank = hasRank
        self.showsTies = showsTies
        self.isUpdating = isUpdating
        self.windowEnd = windowEnd
    }

    /// The column of the window's end, if there is one, and the partition's.
    var keyTypes: [ColumnType] {
        (windowEnd == nil ? [] : [.timestamp]) + partition.map(\.type)
    }

    func makeStore() -> RowStore {
        RowStore(schema: inputSchema, keyTypes: keyTypes, order: order)
    }

    func makeRanking(_ store: RowStore) -> RankedRows {
        RankedRows(store: store, limit: limit, showsTies: showsTies, keepsAll: isUpdating)
    }

    /// The ranks of rows of one partition that stand in order, from the first one on.
    func ranks(_ rows: some RandomAccessCollection<Int32>, in store: RowStore) -> [Int64] {
        var ranks: [Int64] = []
        ranks.reserveCapacity(rows.count)
        var previous: Int32?
        for row in rows {
            let number = Int64(ranks.count + 1)
            if showsTies, let previous, let last = ranks.last,
                OrderCodec.isTie(store.places.base[Int(previous)], store.places.base[Int(row)])
            {
                ranks.append(last)
            } else {
                ranks.append(number)
            }
            previous = row
        }
        return ranks
    }

    /// A column of ranks.
    static func column(_ ranks: [Int64]) -> Column {
        var builder = ColumnBuilder(type: .bigint, capacity: ranks.count)
        for rank in ranks { builder.append(integer: rank) }
        return builder.finish()
    }
}

/// The key and the order of each row of a batch, all of which could be evaluated.
struct KeyedRows {
    let batch: Batch
    /// The columns of the partition.
    let key: [Column]
    let order: [Column]

    /// The expressions of one node.
    struct Evaluators {
        private let evaluators: [ExpressionEvaluator]
        private let keyCount: Int
        private let schema: Schema

        init(key: [BoundExpression], order: RowOrder, schema: Schema) {
            evaluators = (key + order.items.map(\.expression)).map { ExpressionEvaluator($0) }
            keyCount = key.count
            self.schema = schema
        }

        func evaluate(_ batch: Batch, now: Int64, to output: any OperatorOutput) -> KeyedRows {
            let rows = EvaluatedRows(
                evaluators, over: batch, now: now, schema: schema, rejectingTo: output)
            return KeyedRows(
                batch: rows.batch.compacted(), key: Array(rows.columns[..<keyCount]),
                order: Array(rows.columns[keyCount...]))
        }
    }
}
