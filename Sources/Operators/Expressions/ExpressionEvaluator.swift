/// The values of an expression for the rows of a batch.
package struct EvaluatedColumn: Sendable {
    let vector: Vector
    package let count: Int

    package var type: ColumnType { vector.type }

    /// Whether every row has the same value.
    package var isConstant: Bool { vector.isConstant }

    /// The values, dense: one for each row that counts. Failed rows are null.
    ///
    /// - Complexity: O(1), or O(count) for a constant.
    package var column: Column { vector.expanded(to: count).column }

    /// The rows that failed; nil when none did.
    package var errors: RowErrors? {
        vector.expanded(to: count).errors.map { RowErrors(codes: $0, count: count) }
    }
}

/// An expression made ready to run over batches: literals in buffers, patterns compiled.
///
/// It keeps nothing between batches, so lanes may share one.
package final class ExpressionEvaluator: Sendable {
    package let expression: BoundExpression
    private let root: CompiledNode
    private let filter: FilterPlan?

    package init(_ expression: BoundExpression) {
        self.expression = expression
        root = CompiledNode(expression.root)
        filter = expression.type == .boolean ? FilterPlan(expression.root) : nil
    }

    /// The expression's value for each row of the batch that counts.
    ///
    /// - Parameters:
    ///   - batch: Its columns are those that the expression was bound to.
    ///   - now: What `now()` is, microseconds.
    /// - Returns: A plain column without selection is returned as it is, without a copy.
    package func evaluate(_ batch: Batch, now: Int64) -> EvaluatedColumn {
        var context = EvaluationContext(batch: batch, now: now)
        let vector = root.evaluate(&context)
        return EvaluatedColumn(vector: vector, count: batch.count)
    }

    /// The rows for which a boolean expression is true, as indices into the rows that count.
    ///
    /// - Returns: The rows, ascending, and those that failed (which are not among them).
    package func evaluateFilter(
        _ batch: Batch, now: Int64
    ) -> (Selection, RowErrors?) {
        if let filter, let result = filter.select(batch, now: now) { return result }
        let result = evaluate(batch, now: now)
        return (FilterKernels.rowsWhereTrue(result.vector, count: batch.count), result.errors)
    }
}

/// What the nodes of one evaluation share.
struct EvaluationContext {
    let rowCount: Int
    let now: Int64
    private let batch: Batch?
    /// Columns that the selection was applied to, so that each is gathered once.
    private var gathered: [(index: Int, column: Column)] = []

    init(batch: Batch, now: Int64) {
        self.batch = batch
        self.now = now
        rowCount = batch.count
    }

    /// For constants: no columns, one row.
    init() {
        batch = nil
        now = 0
        rowCount = 1
    }

    private static let rowtimeIndex = -1

    mutating func column(_ index: Int) -> Column {
        guard let batch else {
            preconditionFailure("column \(index) in a constant expression")
        }
        guard batch.selection != nil else { return batch.columns[index] }
        if let known = gathered.first(where: { $0.index == index }) { return known.column }
        let column = index == EvaluationContext.rowtimeIndex ? batch.times : batch.column(index)
        gathered.append((index, column))
        return column
    }

    mutating func rowtime() -> Column {
        guard let batch else { preconditionFailure("rowtime in a constant expression") }
        return batch.selection == nil ? batch.rowtime : column(EvaluationContext.rowtimeIndex)
    }
}

/// One node of an expression, ready to run.
final class CompiledNode: Sendable {
    private enum Work: Sendable {
        case constant(Vector)
        case column(Int)
        case rowtime
        case now
        case call(ScalarFunction, [CompiledNode], PreparedArguments)
        case cast(CompiledNode)
        case conditional(conditions: [CompiledNode], results: [CompiledNode])
    }

    let type: ColumnType
    private let work: Work

    init(_ node: ExpressionNode) {
        type = node.type
        switch node {
        case .literal(let literal, let type): work = .constant(.constant(literal, type))
        case .column(let index, _): work = .column(index)
        case .rowtime: work = .rowtime
        case .now: work = .now
        case .call(let function, let operands, _):
            work = .call(
                function, operands.map(CompiledNode.init),
                PreparedArguments(function, operands))
        case .cast(let operand, _): work = .cast(CompiledNode(operand))
        case .conditional(let branches, let otherwise, _):
            work = .conditional(
                conditions: branches.map { CompiledNode($0.condition) },
                results: (branches.map(\.result) + [otherwise]).map(CompiledNode.init))
        }
    }

    func evaluate(_ context: inout EvaluationContext) -> Vector {
        switch work {
        case .constant(let vector): return vector
        case .column(let index): return Vector(column: context.column(index))
        case .rowtime: return Vector(column: context.rowtime())
        case .now: return .constant(.timestamp(context.now), .timestamp)
        case .cast(let operand):
            return CastKernels.cast(
                operand.evaluate(&context), to: type, rows: context.rowCount)
        case .call(let function, let operands, let prepared):
            var vectors: [Vector] = []
            vectors.reserveCapacity(operands.count)
            for operand in operands { vectors.append(operand.evaluate(&context)) }
            return FunctionKernels.call(
                function, vectors, prepared, type, rows: context.rowCount)
        case .conditional(let conditions, let results):
            let conditions = conditions.map { $0.evaluate(&context) }
            let results = results.map { $0.evaluate(&context) }
            return ChoiceKernels.conditional(conditions, results, type, rows: context.rowCount)
        }
    }
}

/// What a function's literal arguments were turned into when the expression was made ready.
struct PreparedArguments: Sendable {
    var like: LikePattern?
    var pattern: DatePattern?
    var regex: PreparedRegex?
    var zone: TimeZoneRules = .utc
    var unit: TimeUnit?
    var field: TimeField?
    var path: JSONPath?

    init(_ function: ScalarFunction, _ operands: [ExpressionNode]) {
        func text(_ index: Int) -> [UInt8]? {
            guard index < operands.count, case .literal(.string(let bytes), _) = operands[index]
            else { return nil }
            return bytes
        }
        func name(_ index: Int) -> String { String(decoding: text(index) ?? [], as: UTF8.self) }
        switch function {
        case .like:
            let escape = operands.count > 2 ? text(2) : LikePattern.defaultEscape
            if let pattern = text(1), let escape {
                like = try? LikePattern.compile(pattern, escape: escape).get()
            }
        case .regexpLike, .regexpCount, .regexpSubstr, .regexpReplace, .regexpInstr:
            let flags = function == .regexpLike ? text(2) : text(3)
            regex = PreparedRegex(pattern: text(1), flags: flags)
        case .dateFormat, .timestampFromText:
            let isParsing = function == .timestampFromText
            pattern = text(1).flatMap {
                try? DatePattern.compile($0, isParsing: isParsing).get()
            }
            zone = prepareZone(text(2))
        case .dateTrunc:
            unit = TimeUnit(name: name(0))
            zone = prepareZone(text(2))
        case .dateAdd, .dateDiff:
            unit = TimeUnit(name: name(0))
            zone = prepareZone(text(3))
        case .jsonValue: path = text(1).flatMap { JSONPath($0) }
        case .extract: field = TimeField(name: name(0))
        default: break
        }
    }

    /// The binder has checked the name; a zone that vanished since reads as UTC.
    private func prepareZone(_ name: [UInt8]?) -> TimeZoneRules {
        guard let name else { return .utc }
        return (try? TimeZoneRules.named(String(decoding: name, as: UTF8.self))) ?? .utc
    }
}
