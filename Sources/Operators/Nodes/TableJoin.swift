/// A join that looks into a table's present rows.
package protocol TableReader: AnyObject {
    /// The table as it stands; replaced between two batches.
    var table: TableState { get set }
}

/// Joins a stream to a table's present rows: left columns, then the table's.
///
/// A row whose match expressions are null has no partner. Rows without a partner go to the
/// unmatched port, and with `keepsUnmatched` (a left join) also on, the table's columns null.
package final class TableJoin: Operator, TableReader {
    /// The table as it stands; replaced between two batches.
    package var table: TableState
    private let match: [ExpressionEvaluator]
    private let tableColumns: [Int]
    private let keepsUnmatched: Bool
    private let codec: KeyCodec
    private let inputSchema: Schema

    /// - Parameters:
    ///   - match: One expression over the input for each of the table's key columns, of its type.
    ///   - tableColumns: Positions of the table's columns that the output takes.
    package init(
        table: TableState, match: [BoundExpression], tableColumns: [Int], keepsUnmatched: Bool,
        inputSchema: Schema
    ) {
        self.table = table
        self.match = match.map { ExpressionEvaluator($0) }
        self.tableColumns = tableColumns
        self.keepsUnmatched = keepsUnmatched
        self.inputSchema = inputSchema
        codec = KeyCodec(types: match.map(\.type))
    }

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = EvaluatedRows(
            match, over: batch, now: now, schema: inputSchema, rejectingTo: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let found = Buffer(capacity: count * 4)
        let partners = found.pointer(to: Int32.self)
        TableJoin.find(rows.columns, codec, count: count, in: table, into: partners)
        TableJoin.emit(
            rows.batch, partners, tableColumns.map { table.columns[$0] },
            keepsUnmatched: keepsUnmatched, to: output)
    }

    /// The rows of a table under keys, −1 where there is none or a part of the key is null.
    static func find(
        _ match: [Column], _ codec: KeyCodec, count: Int, in table: TableState,
        into partners: UnsafeMutablePointer<Int32>
    ) {
        let keys = codec.encode(match, count: count)
        table.find(keys.strings, count: count, into: partners)
        withExtendedLifetime(keys) {}
        for column in match {
            guard let validity = column.validityPointer else { continue }
            for row in 0..<count where validity[row] == 0 { partners[row] = -1 }
        }
    }

    /// Gives the rows of a batch their partners, which are rows of `columns`, −1 for none: without one
    /// they go to the unmatched port, and with `keepsUnmatched` on, the columns null.
    static func emit(
        _ batch: Batch, _ partners: UnsafePointer<Int32>, _ columns: [Column],
        keepsUnmatched: Bool, to output: any OperatorOutput
    ) {
        let count = batch.count
        var missing: [Int] = []
        for row in 0..<count where partners[row] < 0 { missing.append(row) }
        let left = batch.columns.indices.map { batch.column($0) }
        if missing.isEmpty {
            let right = columns.map { $0.gathered(partners, count: count) }
            return output.emit(batch.replacingColumns(left + right))
        }
        let split = RowSplit(failed: missing, count: count)
        output.emitUnmatched(batch.selecting(split.failed))
        if keepsUnmatched {
            let right = columns.map { $0.gatheredOrNull(partners, count: count) }
            return output.emit(batch.replacingColumns(left + right))
        }
        guard split.good.count > 0 else { return }
        let matched = Buffer(capacity: split.good.count * 4)
        let target = matched.pointer(to: Int32.self)
        for index in 0..<split.good.count {
            target[index] = partners[Int(split.good.pointer[index])]
        }
        let good = batch.selecting(split.good)
        let right = columns.map { $0.gathered(target, count: split.good.count) }
        output.emit(
            good.replacingColumns(good.columns.indices.map { good.column($0) } + right))
    }
}
