/// The columns that a node keeps of each row: the input's, and what its calls need besides.
struct KeptColumns {
    /// Where a value of a kept row is.
    enum Place {
        case column(Int)
        case rowtime
    }
    struct Call {
        var argument: Place?
        var order: Place?
        var filter: Place?
    }
    private let inputSchema: Schema
    /// Of the columns behind the input's.
    private(set) var computed: [BoundExpression] = []

    init(_ inputSchema: Schema) { self.inputSchema = inputSchema }

    /// Where the value of an expression over the input is, from now on.
    mutating func place(_ expression: BoundExpression) -> Place {
        if expression.root == .rowtime { return .rowtime }
        if let column = expression.plainColumn { return .column(column) }
        let known = computed.firstIndex { $0.root == expression.root }
        if known == nil { computed.append(expression) }
        return .column(inputSchema.count + (known ?? computed.count - 1))
    }

    mutating func place(_ call: MatchCall) -> Call {
        switch call {
        case .aggregate(let call, _): return place(call)
        case .row(let argument, _, _, _): return Call(argument: place(argument))
        }
    }

    mutating func place(_ call: AggregateCall) -> Call {
        Call(
            argument: call.argument.map { place(AggregateInput.asked($0, by: call)) },
            order: call.order.map { place(AggregateInput.asked($0, by: call)) },
            filter: call.filter.map { place($0) })
    }

    var schema: Schema {
        Schema(
            inputSchema.fields
                + computed.enumerated().map { Field("#\($0.offset)", $0.element.type) })
    }
}

extension Batch {
    /// A column of kept rows.
    func column(_ place: KeptColumns.Place) -> Column {
        switch place {
        case .column(let index): return column(index)
        case .rowtime: return times
        }
    }
}

extension KeyedRows {
    /// The rows of a batch with the columns that a node keeps of them, and their keys and order.
    struct KeptEvaluators {
        private let evaluators: [ExpressionEvaluator]
        private let keyCount: Int
        private let orderCount: Int
        private let schema: Schema

        init(
            partition: [BoundExpression], order: RowOrder, schema: Schema, _ kept: KeptColumns
        ) {
            let order = order.items.map(\.expression)
            evaluators = (partition + order + kept.computed).map { ExpressionEvaluator($0) }
            keyCount = partition.count
            orderCount = order.count
            self.schema = schema
        }

        func evaluate(_ batch: Batch, now: Int64, to output: any OperatorOutput) -> KeyedRows {
            let rows = EvaluatedRows(
                evaluators, over: batch, now: now, schema: schema, rejectingTo: output)
            var kept = rows.batch.compacted()
            kept.columns += rows.columns[(keyCount + orderCount)...]
            return KeyedRows(
                batch: kept, key: Array(rows.columns[..<keyCount]),
                order: Array(rows.columns[keyCount..<keyCount + orderCount]))
        }
    }
}
