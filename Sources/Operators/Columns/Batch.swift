/// Which physical rows of a batch count, in ascending order.
package struct Selection: Sendable {
    package let rows: Buffer
    package let count: Int

    package init(rows: Buffer, count: Int) {
        self.rows = rows
        self.count = count
    }

    @inlinable package var pointer: UnsafeMutablePointer<Int32> { rows.pointer(to: Int32.self) }
}

/// Where the rows of a batch came from, for dead letters and metadata.
package struct BatchOrigin: Sendable {
    /// The source's name in the spec and its split (a file's path).
    package let source: String
    package let split: String
    /// Byte position (or record number) of each physical row in the split, Int64; nil if unknown.
    package let positions: Buffer?

    package init(source: String, split: String, positions: Buffer?) {
        self.source = source
        self.split = split
        self.positions = positions
    }
}

/// Some thousand rows on their way through a graph: columns, event times, and which rows count.
///
/// Operators see dense columns through ``column(_:)``, which applies the selection; the physical
/// columns are shared, never changed. Every row has an event time (`rowtime`).
package struct Batch: Sendable {
    /// Physical columns, each `rowCount` long, in the order of the node's schema.
    package var columns: [Column]
    /// Event time of each physical row, type `timestamp`, no nulls.
    package var rowtime: Column
    /// Number of physical rows.
    package var rowCount: Int
    /// The rows that count; nil when all do.
    package var selection: Selection?
    /// Int32 a physical row, +1 insert, −1 retract; nil when all are +1.
    package var weights: Buffer?
    /// The split's watermark before the first row, microseconds.
    package var watermark: Int64
    /// Int64 a physical row: the split's watermark before that row; nil when no row of the batch is
    /// behind its watermark (so that none can be late).
    package var rowWatermarks: Buffer?
    package var origin: BatchOrigin?

    package init(
        columns: [Column], rowtime: Column, rowCount: Int, selection: Selection? = nil,
        weights: Buffer? = nil, watermark: Int64 = .min, rowWatermarks: Buffer? = nil,
        origin: BatchOrigin? = nil
    ) {
        self.columns = columns
        self.rowtime = rowtime
        self.rowCount = rowCount
        self.selection = selection
        self.weights = weights
        self.watermark = watermark
        self.rowWatermarks = rowWatermarks
        self.origin = origin
    }

    /// Number of rows that count.
    @inlinable package var count: Int { selection?.count ?? rowCount }

    /// A column with the selection applied: `count` values.
    ///
    /// - Complexity: O(1) without a selection, otherwise O(count).
    package func column(_ index: Int) -> Column { dense(columns[index]) }

    /// The event times with the selection applied.
    package var times: Column { dense(rowtime) }

    /// The physical row of the `row`-th row that counts.
    package func physicalRow(_ row: Int) -> Int {
        selection.map { Int($0.pointer[row]) } ?? row
    }

    /// The weights with the selection applied, Int32; nil when all are +1.
    package var denseWeights: Buffer? { dense(weights, as: Int32.self) }

    /// The rows' watermarks with the selection applied, Int64; nil when no row is behind.
    package var denseRowWatermarks: Buffer? { dense(rowWatermarks, as: Int64.self) }

    /// The same rows without a selection, of the columns named by `indices` only.
    package func compacted(columns indices: [Int]) -> Batch {
        var result = self
        result.columns = indices.map { column($0) }
        result.applySelection()
        return result
    }

    /// The same rows without a selection.
    package func compacted() -> Batch {
        guard selection != nil else { return self }
        return compacted(columns: Array(columns.indices))
    }

    /// The rows of `rows`, which index the rows that count, in ascending order.
    package func selecting(_ rows: Selection) -> Batch {
        var result = self
        if let selection {
            let combined = Buffer(capacity: rows.count * 4)
            let target = combined.pointer(to: Int32.self)
            let outer = selection.pointer
            let inner = rows.pointer
            for index in 0..<rows.count { target[index] = outer[Int(inner[index])] }
            result.selection = Selection(rows: combined, count: rows.count)
        } else {
            result.selection = rows
        }
        return result
    }

    /// The first rows that count, without a selection.
    package func prefix(_ length: Int) -> Batch {
        let rows = Buffer(capacity: length * 4)
        for row in 0..<length { rows.pointer(to: Int32.self)[row] = Int32(row) }
        return selecting(Selection(rows: rows, count: length)).compacted()
    }

    /// The same rows with other columns, which are dense: as long as `count`.
    package func replacingColumns(_ dense: [Column]) -> Batch {
        var result = self
        result.columns = dense
        result.applySelection()
        return result
    }

    /// Makes all but the columns dense and drops the selection.
    private mutating func applySelection() {
        guard selection != nil else { return }
        rowtime = times
        weights = denseWeights
        rowWatermarks = denseRowWatermarks
        if let origin {
            self.origin = BatchOrigin(
                source: origin.source, split: origin.split,
                positions: dense(origin.positions, as: Int64.self))
        }
        rowCount = count
        selection = nil
    }

    private func dense(_ column: Column) -> Column {
        guard let selection else { return column }
        return column.gathered(selection.pointer, count: selection.count)
    }

    private func dense<T>(_ buffer: Buffer?, as type: T.Type) -> Buffer? {
        guard let buffer, let selection else { return buffer }
        let result = Buffer(capacity: selection.count * MemoryLayout<T>.stride)
        let source = buffer.pointer(to: T.self)
        let target = result.pointer(to: T.self)
        let rows = selection.pointer
        for index in 0..<selection.count { target[index] = source[Int(rows[index])] }
        return result
    }
}
