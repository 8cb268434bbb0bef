import Operators

/// Writes the one column of its rows, a line each. Null is an empty line.
final class LinesRowEncoder: RowEncoder {
    let header: [UInt8] = []
    private(set) var nonFiniteCount: Int64 = 0
    private var batch: Batch?

    func begin(_ batch: Batch, operations: Buffer?) {
        var batch = batch
        batch.columns = batch.columns.map {
            RenderedColumn.render($0, as: .text, nonFiniteCount: &nonFiniteCount)
        }
        self.batch = batch
    }

    func end() { batch = nil }

    func encode(rows: Range<Int>, into output: inout OutputBytes) -> Int {
        guard let column = batch?.columns.first else { return 0 }
        let cursor = ColumnCursor(column)
        for row in rows {
            if !cursor.isNull(row) { append(cursor, row, to: &output) }
            output.append(0x0a)
        }
        return rows.count
    }

    private func append(_ column: ColumnCursor, _ row: Int, to output: inout OutputBytes) {
        switch column.kind {
        case .boolean: output.append(column.value(row, as: UInt8.self) != 0 ? "true" : "false")
        case .integer: output.appendInteger(column.value(row, as: Int64.self))
        case .double: output.append(column.value(row, as: Double.self).description)
        case .timestamp: output.appendTimestamp(column.value(row, as: Int64.self))
        case .decimal:
            output.appendDecimal(column.value(row, as: Int128.self), scale: column.scale)
        case .date: output.appendDate(column.value(row, as: Int64.self))
        case .string, .json:
            let view = column.value(row, as: StringView.self)
            output.append(view.base, count: view.count)
        }
    }
}
