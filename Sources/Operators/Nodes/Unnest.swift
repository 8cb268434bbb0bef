/// A row for each element of an array: `unnest`. Rows keep their event time, weight and origin.
/// Stateless.
package final class Unnest: Operator {
    private let plan: UnnestPlan
    /// Rows of a batch that is passed on.
    private static let rowsMax = 8192

    package init(_ plan: UnnestPlan) { self.plan = plan }

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let batch = batch.compacted()
        guard batch.count > 0 else { return }
        let arrays = batch.columns[plan.column]
        guard let flat = FlatElements(arrays) else {
            let rows = Array(0..<batch.count)
            return output.reject(rows, of: batch, schema: plan.inputSchema) { _ in
                "cannot unnest '\(self.plan.inputSchema[self.plan.column].name)': "
                    + "too many elements in a batch"
            }
        }
        var piece = Piece()
        for row in 0..<batch.count {
            let elements = flat.starts[row]..<flat.starts[row + 1]
            if elements.isEmpty, plan.keepsEmpty { piece.append(Int32(row), nil, 0) }
            for (place, element) in elements.enumerated() {
                piece.append(Int32(row), element, Int64(place + 1))
                if piece.rows.count == Unnest.rowsMax { emit(&piece, batch, flat, to: output) }
            }
        }
        emit(&piece, batch, flat, to: output)
    }

    /// Output rows that are not passed on yet.
    private struct Piece {
        /// The input's row.
        var rows: [Int32] = []
        /// −1 where there is none.
        var elements: [Int32] = []
        /// From 1; 0 where there is none.
        var positions: [Int64] = []

        mutating func append(_ row: Int32, _ element: Int32?, _ position: Int64) {
            rows.append(row)
            elements.append(element ?? -1)
            positions.append(position)
        }
    }

    private func emit(
        _ piece: inout Piece, _ batch: Batch, _ flat: FlatElements, to output: any OperatorOutput
    ) {
        let count = piece.rows.count
        guard count > 0 else { return }
        let rows = Buffer(capacity: count * 4)
        for (index, row) in piece.rows.enumerated() {
            rows.pointer(to: Int32.self)[index] = row
        }
        var result = batch.selecting(Selection(rows: rows, count: count)).compacted()
        let elements = flat.values.gatheredOrNull(piece.elements, count: count)
        if plan.replaces {
            result.columns[plan.column] = elements
        } else {
            result.columns.append(elements)
        }
        if plan.hasPosition {
            var builder = ColumnBuilder(type: .bigint, capacity: count)
            for position in piece.positions {
                if position > 0 { builder.append(integer: position) } else { builder.appendNull() }
            }
            result.columns.append(builder.finish())
        }
        piece = Piece()
        output.emit(result)
    }
}

/// What an ``Unnest`` does.
package struct UnnestPlan: Sendable {
    package let inputSchema: Schema
    /// The array's position.
    package let column: Int
    /// Whether the element stands in the array's place, and not behind the input's columns.
    package let replaces: Bool
    /// Whether the last column is the element's number, from 1.
    package let hasPosition: Bool
    /// Whether a row without elements stays, with nulls.
    package let keepsEmpty: Bool

    package init(
        inputSchema: Schema, column: Int, replaces: Bool, hasPosition: Bool, keepsEmpty: Bool
    ) {
        self.inputSchema = inputSchema
        self.column = column
        self.replaces = replaces
        self.hasPosition = hasPosition
        self.keepsEmpty = keepsEmpty
    }
}
