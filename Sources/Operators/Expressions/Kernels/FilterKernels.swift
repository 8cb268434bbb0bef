import Glibc

/// Turning conditions into lists of rows.
enum FilterKernels {
    /// The rows where a boolean vector is true; null and failed rows have a zero in their slot.
    static func rowsWhereTrue(_ vector: Vector, count: Int) -> Selection {
        let rows = Buffer(capacity: count * 4)
        let target = rows.pointer(to: Int32.self)
        let values = vector.column.booleans
        if vector.isConstant {
            guard values[0] != 0 else { return Selection(rows: rows, count: 0) }
            for row in 0..<count { target[row] = Int32(truncatingIfNeeded: row) }
            return Selection(rows: rows, count: count)
        }
        var found = 0
        for row in 0..<count {
            target[found] = Int32(truncatingIfNeeded: row)
            found &+= Int(values[row])
        }
        return Selection(rows: rows, count: found)
    }
}

/// A condition that is an AND with comparisons of plain columns with literals. Those cannot fail;
/// each is one loop over the rows that the ones before have left, and what else the AND has is
/// computed for the rows that all of them leave.
struct FilterPlan: Sendable {
    private enum Operation: Sendable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    }

    private struct Comparison: Sendable {
        let column: Int
        let operation: Operation
        let literal: Vector
    }

    private let comparisons: [Comparison]
    /// The other conditions; nil when there are none.
    private let rest: CompiledNode?

    /// - Returns: nil when the condition has no such comparison.
    init?(_ root: ExpressionNode) {
        var conditions = [root]
        if case .call(.and, let operands, _) = root { conditions = operands }
        var found: [Comparison] = []
        var others: [ExpressionNode] = []
        for condition in conditions {
            if let comparison = FilterPlan.comparison(condition) {
                found.append(comparison)
            } else {
                others.append(condition)
            }
        }
        guard !found.isEmpty else { return nil }
        comparisons = found
        switch others.count {
        case 0: rest = nil
        case 1: rest = CompiledNode(others[0])
        default: rest = CompiledNode(.call(.and, others, .boolean))
        }
    }

    private static func comparison(_ node: ExpressionNode) -> Comparison? {
        guard case .call(let function, let operands, _) = node, operands.count == 2,
            let operation = operation(function)
        else { return nil }
        switch (operands[0], operands[1]) {
        case (.column(let index, let type), .literal(let literal, let other)):
            guard isSupported(type, operation), type == other, literal != .null else {
                return nil
            }
            return Comparison(
                column: index, operation: operation, literal: .constant(literal, type))
        case (.literal(let literal, let other), .column(let index, let type)):
            guard isSupported(type, operation), type == other, literal != .null else {
                return nil
            }
            return Comparison(
                column: index, operation: mirrored(operation), literal: .constant(literal, type))
        default:
            return nil
        }
    }

    private static func isSupported(_ type: ColumnType, _ operation: Operation) -> Bool {
        switch type {
        case .bigint, .timestamp, .interval, .date: return true
        case .string, .bytes: return operation == .equal || operation == .notEqual
        case .boolean, .double, .decimal, .json, .array, .structure: return false
        }
    }

    private static func operation(_ function: ScalarFunction) -> Operation? {
        switch function {
        case .equal: return .equal
        case .notEqual: return .notEqual
        case .less: return .less
        case .lessOrEqual: return .lessOrEqual
        case .greater: return .greater
        case .greaterOrEqual: return .greaterOrEqual
        default: return nil
        }
    }

    private static func mirrored(_ operation: Operation) -> Operation {
        switch operation {
        case .equal, .notEqual: return operation
        case .less: return .greater
        case .lessOrEqual: return .greaterOrEqual
        case .greater: return .less
        case .greaterOrEqual: return .lessOrEqual
        }
    }

    /// The rows where all comparisons hold, as indices into the rows that count.
    ///
    /// - Returns: The rows, and those that failed; nil when the plan cannot be used on this batch:
    ///   a null beside a failed condition has failed, so that no comparison may be null then.
    /// - Complexity: O(rows × comparisons); one buffer, and what the rest costs.
    func select(_ batch: Batch, now: Int64) -> (Selection, RowErrors?)? {
        guard let rest else { return (select(batch), nil) }
        guard comparisons.allSatisfy({ batch.columns[$0.column].validity == nil }) else {
            return nil
        }
        let left = select(batch)
        if left.count == 0 { return (left, nil) }
        let chosen = left.count == batch.count ? batch : batch.selecting(left)
        var context = EvaluationContext(batch: chosen, now: now)
        let result = rest.evaluate(&context).expanded(to: left.count)
        let kept = FilterKernels.rowsWhereTrue(result, count: left.count)
        for index in 0..<kept.count { kept.pointer[index] = left.pointer[Int(kept.pointer[index])] }
        return (kept, result.errors.map { spread($0, left, count: batch.count) })
    }

    /// The failures of the rows of a selection, for all rows.
    private func spread(_ codes: Buffer, _ selection: Selection, count: Int) -> RowErrors {
        let all = Buffer(capacity: count)
        memset(all.base, 0, count)
        for index in 0..<selection.count {
            let row = Int(selection.pointer[index])
            all.pointer(to: UInt8.self)[row] = codes.pointer(to: UInt8.self)[index]
        }
        return RowErrors(codes: all, count: count)
    }

    /// The rows where the comparisons hold.
    private func select(_ batch: Batch) -> Selection {
        let count = batch.count
        let rows = Buffer(capacity: count * 4)
        let target = rows.pointer(to: Int32.self)
        let physical = batch.selection?.pointer
        var found = -1
        for comparison in comparisons {
            found = filter(
                comparison, batch.columns[comparison.column], physical, target,
                found < 0 ? count : found, isFirst: found < 0)
            if found == 0 { break }
        }
        return Selection(rows: rows, count: max(found, 0))
    }

    private func filter(
        _ comparison: Comparison, _ column: Column, _ physical: UnsafeMutablePointer<Int32>?,
        _ rows: UnsafeMutablePointer<Int32>, _ count: Int, isFirst: Bool
    ) -> Int {
        let valid = column.validityPointer
        if column.storage == .view {
            let literal = comparison.literal.column.strings[0]
            return strings(
                column.strings, literal, comparison.operation == .equal, valid, physical, rows,
                count, isFirst)
        }
        let values = column.integers
        let literal = comparison.literal.column.integers[0]
        switch comparison.operation {
        case .equal:
            return keep(values, valid, physical, rows, count, isFirst) { $0 == literal }
        case .notEqual:
            return keep(values, valid, physical, rows, count, isFirst) { $0 != literal }
        case .less:
            return keep(values, valid, physical, rows, count, isFirst) { $0 < literal }
        case .lessOrEqual:
            return keep(values, valid, physical, rows, count, isFirst) { $0 <= literal }
        case .greater:
            return keep(values, valid, physical, rows, count, isFirst) { $0 > literal }
        case .greaterOrEqual:
            return keep(values, valid, physical, rows, count, isFirst) { $0 >= literal }
        }
    }

    private func strings(
        _ values: UnsafeMutablePointer<StringView>, _ literal: StringView, _ isEqual: Bool,
        _ valid: UnsafeMutablePointer<UInt8>?, _ physical: UnsafeMutablePointer<Int32>?,
        _ rows: UnsafeMutablePointer<Int32>, _ count: Int, _ isFirst: Bool
    ) -> Int {
        // Length and first four bytes are one word: for short texts it is the whole comparison.
        if isEqual, literal.count <= 4 {
            let header = literal.header
            return keep(values, valid, physical, rows, count, isFirst) { $0.header == header }
        }
        if isEqual {
            return keep(values, valid, physical, rows, count, isFirst) { $0 == literal }
        }
        return keep(values, valid, physical, rows, count, isFirst) { !($0 == literal) }
    }
}

/// Keeps the rows whose value passes: of all `count` rows the first time, later of those in `rows`.
@inline(__always)
private func keep<T>(
    _ values: UnsafeMutablePointer<T>, _ valid: UnsafeMutablePointer<UInt8>?,
    _ physical: UnsafeMutablePointer<Int32>?, _ rows: UnsafeMutablePointer<Int32>, _ count: Int,
    _ isFirst: Bool, _ passes: (T) -> Bool
) -> Int {
    var found = 0
    if isFirst, valid == nil, physical == nil {
        for row in 0..<count {
            rows[found] = Int32(truncatingIfNeeded: row)
            found &+= passes(values[row]) ? 1 : 0
        }
        return found
    }
    for index in 0..<count {
        let row = isFirst ? Int32(truncatingIfNeeded: index) : rows[index]
        let place = Int(physical.map { $0[Int(row)] } ?? row)
        rows[found] = row
        let isThere = valid.map { $0[place] != 0 } ?? true
        found &+= isThere && passes(values[place]) ? 1 : 0
    }
    return found
}
