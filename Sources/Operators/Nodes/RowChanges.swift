/// Changes of encoded rows on their way into a stream: −1 of what stood, +1 of what stands.
package final class RowChanges {
    private let codec: KeyCodec
    private var arena = ByteArena()
    private var rows: [StringView] = []
    private var times: [Int64] = []
    private var weights: [Int32] = []
    private var watermarks: [Int64] = []

    private static let batchRowsMax = 8192

    package init(schema: Schema) { codec = KeyCodec(types: schema.fields.map(\.type)) }

    package var isEmpty: Bool { rows.isEmpty }

    /// Adds one row; its bytes are copied.
    ///
    /// - Parameter watermark: Of the row's split before it; `.min` where no row is late.
    package func append(_ row: StringView, time: Int64, weight: Int32, watermark: Int64 = .min) {
        rows.append(arena.store(row.base, count: row.count))
        times.append(time)
        weights.append(weight)
        watermarks.append(watermark)
    }

    /// Adds what a change makes of a stream by key.
    ///
    /// - Returns: false when there was nothing under the key that could go.
    @discardableResult
    package func append(
        _ change: TableState.TableBuilder.Change, watermark: Int64 = .min
    ) -> Bool {
        if let before = change.before {
            append(before.row, time: before.origin.time, weight: -1, watermark: watermark)
        }
        if let row = change.row {
            append(row, time: change.origin.time, weight: 1, watermark: watermark)
        }
        return change.row != nil || change.before != nil
    }

    /// The rows as batches, and none is left. A −1 and the +1 behind it are in one batch.
    package func take() -> [Batch] {
        var batches: [Batch] = []
        var start = 0
        while start < rows.count {
            var end = min(start + Self.batchRowsMax, rows.count)
            if end < rows.count, weights[end - 1] < 0, weights[end] > 0 { end += 1 }
            batches.append(batch(start..<end))
            start = end
        }
        rows.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
        weights.removeAll(keepingCapacity: true)
        watermarks.removeAll(keepingCapacity: true)
        arena = ByteArena()
        return batches
    }

    private func batch(_ range: Range<Int>) -> Batch {
        guard let columns = codec.decode(Array(rows[range]), retained: arena.blocks) else {
            preconditionFailure("changed rows do not decode")
        }
        let count = range.count
        var rowtime = ColumnBuilder(type: .timestamp, capacity: count)
        for row in range { rowtime.append(integer: times[row]) }
        var batch = Batch(columns: columns, rowtime: rowtime.finish(), rowCount: count)
        if weights[range].contains(where: { $0 != 1 }) {
            let buffer = Buffer(capacity: count * 4)
            let target = buffer.pointer(to: Int32.self)
            for (place, row) in range.enumerated() { target[place] = weights[row] }
            batch.weights = buffer
        }
        batch.watermark = watermarks[range.lowerBound]
        if range.contains(where: { times[$0] < watermarks[$0] }) {
            let buffer = Buffer(capacity: count * 8)
            let target = buffer.pointer(to: Int64.self)
            for (place, row) in range.enumerated() { target[place] = watermarks[row] }
            batch.rowWatermarks = buffer
        }
        return batch
    }
}
