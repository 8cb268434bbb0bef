@testable import Operators

/// Builds columns and reads values for tests of expressions.
enum ExpressionFixture {
    /// A column of `type` from one literal a row.
    static func column(_ type: ColumnType, _ literals: [Literal]) -> Column {
        let values = Buffer(capacity: literals.count * type.stride)
        let validity = Buffer(capacity: literals.count)
        var retained: [Buffer] = []
        for (row, literal) in literals.enumerated() {
            let one = Vector.constant(literal, type).column
            validity.pointer(to: UInt8.self)[row] = one.isNull(0) ? 0 : 1
            switch type.stride {
            case 1: values.pointer(to: UInt8.self)[row] = one.booleans[0]
            case 8: values.pointer(to: Int64.self)[row] = one.integers[0]
            default: values.pointer(to: Int128.self)[row] = one.decimals[0]
            }
            retained += one.retained
        }
        let hasNulls = literals.contains(.null)
        return Column(
            type: type, count: literals.count, values: values,
            validity: hasNulls ? validity : nil, retained: retained)
    }

    /// The value of a dense column's row.
    static func literal(_ column: Column, _ row: Int) -> Literal {
        if column.isNull(row) { return .null }
        switch column.type {
        case .boolean: return .boolean(column.booleans[row] != 0)
        case .bigint, .date: return .bigint(column.integers[row])
        case .double: return .double(column.doubles[row])
        case .timestamp: return .timestamp(column.integers[row])
        case .interval: return .interval(column.integers[row])
        case .string, .bytes, .json, .array, .structure:
            return .string(Array(column.strings[row].bytes))
        case .decimal(_, let scale):
            return .decimal(unscaled: column.decimals[row], scale: scale)
        }
    }

    /// The value as the cast to string writes it; `null` for null.
    static func text(_ literal: Literal, _ type: ColumnType) -> String {
        let cast = CastKernels.cast(.constant(literal, type), to: .string, rows: 1)
        return cast.column.isNull(0) ? "null" : cast.column.strings[0].string
    }

    /// `type value`, `type null`, `error: …` of a row, or `diagnostic: …`.
    static func outcome(_ text: String, in scope: ExpressionScope, _ batch: Batch) -> String {
        switch ExpressionBinder.bind(text, in: scope) {
        case .failure(let failure):
            return "diagnostic: \(failure.all.map(\.message).joined(separator: " | "))"
        case .success(let bound):
            let result = ExpressionEvaluator(bound).evaluate(batch, now: now)
            if let code = result.errors?.code(0) { return "error: \(code.message)" }
            return Self.text(literal(result.column, 0), bound.type)
        }
    }

    static func constant(_ text: String) -> String {
        outcome(text, in: noColumns, oneRow)
    }

    static let now: Int64 = 1_767_225_600_000_000
    static let noColumns = ExpressionScope(owner: "input", schema: Schema([]))
    static let oneRow = Batch(
        columns: [], rowtime: column(.timestamp, [.timestamp(now)]), rowCount: 1)
}
