/// Joins a stream that changes to a table's present rows: a row that is taken back is taken back with
/// what it was given, whatever stands in the table by then.
///
/// What every row that stands was given is state. A row that is taken back and does not stand is
/// rejected.
package final class KeptTableJoin: Operator, TableReader {
    /// The table as it stands; replaced between two batches.
    package var table: TableState
    private let match: [ExpressionEvaluator]
    private let tableColumns: [Int]
    private let keepsUnmatched: Bool
    private let codec: KeyCodec
    private let rowCodec: KeyCodec
    private let givenCodec: KeyCodec
    private let inputSchema: Schema
    private let given = GivenRows()

    /// - Parameters: As those of ``TableJoin``.
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
        rowCodec = KeyCodec(types: inputSchema.fields.map(\.type))
        givenCodec = KeyCodec(types: tableColumns.map { table.schema[$0].type })
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
        let left = rows.batch.columns.indices.map { rows.batch.column($0) }
        let leftBytes = rowCodec.encode(left, count: count)
        let present = givenCodec.encode(
            tableColumns.map { table.columns[$0].gatheredOrNull(partners, count: count) },
            count: count)
        let times = rows.batch.times
        let weights = rows.batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        var values: [StringView] = []
        var emitted: [Int32] = []
        var unmatched: [Int32] = []
        var unknown: [Int32] = []
        for row in 0..<count {
            let time = times.integers[row]
            let bytes: StringView
            let isMatched: Bool
            if weight.map({ $0[row] > 0 }) ?? true {
                isMatched = partners[row] >= 0
                bytes = given.push(
                    leftBytes.strings[row], time: time, isMatched: isMatched,
                    present.strings[row])
            } else if let kept = given.pop(leftBytes.strings[row], time: time) {
                (bytes, isMatched) = kept
            } else {
                unknown.append(Int32(row))
                continue
            }
            if !isMatched { unmatched.append(Int32(row)) }
            guard isMatched || keepsUnmatched else { continue }
            emitted.append(Int32(row))
            values.append(bytes)
        }
        if !unknown.isEmpty {
            output.reject(
                rows.batch.selecting(Self.selection(unknown)), schema: inputSchema,
                reasons: unknown.map { _ in "cannot take back a row: it does not stand" })
        }
        if !unmatched.isEmpty {
            output.emitUnmatched(rows.batch.selecting(Self.selection(unmatched)))
        }
        if !emitted.isEmpty { emit(emitted, of: rows.batch, values, to: output) }
        given.compact()
    }

    private func emit(
        _ rows: [Int32], of batch: Batch, _ values: [StringView], to output: any OperatorOutput
    ) {
        guard let right = givenCodec.decode(values, retained: given.blocks) else {
            preconditionFailure("what rows were given does not decode")
        }
        let chosen =
            rows.count == batch.count ? batch : batch.selecting(Self.selection(rows))
        output.emit(
            chosen.replacingColumns(chosen.columns.indices.map { chosen.column($0) } + right))
    }

    private static func selection(_ rows: [Int32]) -> Selection {
        let buffer = Buffer(capacity: rows.count * 4)
        let target = buffer.pointer(to: Int32.self)
        for (place, row) in rows.enumerated() { target[place] = row }
        return Selection(rows: buffer, count: rows.count)
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) { given.capture(into: &changes) }

    package func restore(_ entry: StateEntry) throws(StateError) {
        try given.restore(entry, row: rowCodec, values: givenCodec)
    }

    package var stateSize: StateSize {
        StateSize(entries: given.count, bytes: given.memoryBytes)
    }
}
