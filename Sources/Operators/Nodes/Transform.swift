/// The clauses around a step's verb: `where` before it, and `add`, `having`, `select` after it.
///
/// Rows keep their event time, weight and origin. Stateless.
package final class Transform: Operator {
    private let filter: ExpressionEvaluator?
    private let additions: [Addition]
    private let having: ExpressionEvaluator?
    private let projection: [ExpressionEvaluator]?
    private let inputSchema: Schema
    private let addedSchema: Schema

    private struct Addition {
        let evaluator: ExpressionEvaluator
        /// The column it replaces, or one past the last.
        let position: Int
        /// The columns before it: the input's and those of the earlier items.
        let schema: Schema
    }

    /// - Parameters:
    ///   - filter: Over the input's columns; rows where it is not true are dropped.
    ///   - additions: Each over the input's columns and those of the earlier items.
    ///   - having: Over the columns after `additions`.
    ///   - projection: The output, over the same; nil passes all columns on.
    package init(
        inputSchema: Schema, filter: BoundExpression? = nil, additions: [NamedExpression] = [],
        having: BoundExpression? = nil, projection: [NamedExpression]? = nil
    ) {
        self.inputSchema = inputSchema
        self.filter = filter.map { ExpressionEvaluator($0) }
        var schema = inputSchema
        self.additions = additions.map { item in
            let position = schema.index(of: item.name) ?? schema.count
            let field = Field(item.name, item.expression.type)
            let before = schema
            if position == schema.count {
                schema.fields.append(field)
            } else {
                schema.fields[position] = field
            }
            return Addition(
                evaluator: ExpressionEvaluator(item.expression), position: position,
                schema: before)
        }
        addedSchema = schema
        self.having = having.map { ExpressionEvaluator($0) }
        let isIdentity =
            projection.map { items in
                items.count == schema.count
                    && items.enumerated().allSatisfy {
                        $0.element.expression.root == .column($0.offset, schema[$0.offset].type)
                    }
            } ?? true
        self.projection =
            isIdentity ? nil : projection?.map { ExpressionEvaluator($0.expression) }
    }

    /// Whether rows pass through unchanged, so that the node can be left out.
    package var isIdentity: Bool {
        filter == nil && additions.isEmpty && having == nil && projection == nil
    }

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        var batch = batch
        if let filter {
            batch = keeping(filter, batch, inputSchema, now: now, to: output)
            if batch.count == 0 { return }
        }
        if !additions.isEmpty { batch = batch.compacted() }
        for addition in additions {
            let result = EvaluatedRows(
                [addition.evaluator], over: batch, now: now, schema: addition.schema,
                rejectingTo: output)
            batch = result.batch.compacted()
            if addition.position < batch.columns.count {
                batch.columns[addition.position] = result.columns[0]
            } else {
                batch.columns.append(result.columns[0])
            }
        }
        if let having {
            batch = keeping(having, batch, addedSchema, now: now, to: output)
        }
        if batch.count == 0 { return }
        if let projection {
            let result = EvaluatedRows(
                projection, over: batch, now: now, schema: addedSchema, rejectingTo: output)
            batch = result.batch.replacingColumns(result.columns)
        }
        if batch.count > 0 { output.emit(batch) }
    }

    private func keeping(
        _ predicate: ExpressionEvaluator, _ batch: Batch, _ schema: Schema, now: Int64,
        to output: any OperatorOutput
    ) -> Batch {
        let (selection, errors) = predicate.evaluateFilter(batch, now: now)
        if let errors {
            output.reject(errors.failedRows, of: batch, schema: schema) {
                predicate.reason(errors.code($0))
            }
        }
        return selection.count == batch.count ? batch : batch.selecting(selection)
    }
}
