import Operators
import Store

/// Collects rows until they fill a block, and encodes them: the writing half of a topic.
///
/// Used by one thread. Rows that come in small batches are copied, so that they do not keep the input
/// that they were read from.
struct TopicBlocks {
    /// Rows in a block. A block is the unit that a reader takes at once.
    static let rowsMax = 8192
    /// A batch of fewer rows than this does not keep the buffers that its strings lie in.
    private static let ownedRowsMax = 1024
    /// Rows that keep this much are encoded although they fill no block.
    private static let pendingBytesMax = 16 << 20
    /// Encoded blocks are handed over at this size.
    static let handoverBytes = 1 << 20

    private let topic: String
    private let schemaVersion: UInt32
    private let clock: @Sendable () -> Int64
    private var pending: [Batch] = []
    private var pendingOperations: [Buffer?] = []
    private var pendingRows = 0
    /// What the pending rows keep in memory, about.
    private var pendingBytes = 0
    /// The writer's watermark before the first row that is pending.
    private var firstWatermark = Int64.min
    private(set) var watermark = Int64.min
    /// Encoded blocks on their way to the partition.
    var blocks = BlockBuffer()

    init(topic: String, schemaVersion: UInt32, clock: @escaping @Sendable () -> Int64) {
        self.topic = topic
        self.schemaVersion = schemaVersion
        self.clock = clock
    }

    var isEmpty: Bool { pendingRows == 0 && blocks.isEmpty }
    var isFull: Bool { blocks.byteCount >= Self.handoverBytes }

    mutating func advance(to watermark: Int64) { self.watermark = max(self.watermark, watermark) }

    /// Takes the rows of a batch.
    ///
    /// - Parameters:
    ///   - batch: Without a selection.
    ///   - operations: ``RowOperation`` bytes; nil when all rows are inserted.
    mutating func add(_ batch: Batch, operations: Buffer?) throws(ConnectorError) {
        guard batch.rowCount > 0 else { return }
        if pendingRows == 0 { firstWatermark = watermark }
        var batch = batch
        if batch.rowCount < Self.ownedRowsMax {
            batch.columns = batch.columns.map { $0.ownedCopy() }
        }
        pending.append(batch)
        pendingOperations.append(operations)
        pendingRows += batch.rowCount
        pendingBytes += Self.retainedBytes(batch)
        if pendingRows >= Self.rowsMax {
            try encodeFull()
        } else if pendingBytes >= Self.pendingBytesMax {
            try finish()
        }
    }

    /// Encodes what is pending, however little it is.
    mutating func finish() throws(ConnectorError) {
        guard pendingRows > 0 else { return }
        let rows = takePending()
        var start = 0
        while start < rows.rowCount {
            let count = min(Self.rowsMax, rows.rowCount - start)
            try encode(rows, start..<start + count, isLast: start + count == rows.rowCount)
            start += count
        }
    }

    mutating func removeAll() {
        pending = []
        pendingOperations = []
        pendingRows = 0
        blocks.removeAll()
    }

    /// Encodes whole blocks, and leaves what does not fill one.
    private mutating func encodeFull() throws(ConnectorError) {
        // What is left over is of the last batch alone, and keeps nothing that the others do.
        let last = Rows(
            batch: pending[pending.count - 1],
            operations: pendingOperations[pending.count - 1], watermark: firstWatermark)
        let rows = takePending()
        var start = 0
        while rows.rowCount - start >= Self.rowsMax {
            try encode(rows, start..<start + Self.rowsMax)
            start += Self.rowsMax
        }
        guard start < rows.rowCount else { return }
        let left = rows.rowCount - start
        let rest = last.slice(last.rowCount - left..<last.rowCount)
        pending = [rest.batch]
        pendingOperations = [rest.operations]
        pendingRows = rest.batch.rowCount
        pendingBytes = Self.retainedBytes(rest.batch)
        firstWatermark = rows.watermark
    }

    private static func retainedBytes(_ batch: Batch) -> Int {
        batch.columns.reduce(0) { sum, column in
            column.retained.reduce(sum + column.count * column.type.stride) { $0 + $1.capacity }
        }
    }

    private struct Rows {
        var batch: Batch
        var operations: Buffer?
        var watermark: Int64
        var rowCount: Int { batch.rowCount }

        func slice(_ range: Range<Int>) -> Rows {
            if range == 0..<rowCount { return self }
            let indices = Buffer(capacity: range.count * 4)
            let target = indices.pointer(to: Int32.self)
            for (place, row) in range.enumerated() { target[place] = Int32(row) }
            var bytes: Buffer?
            if let operations {
                let copy = Buffer(capacity: range.count)
                copy.base.copyMemory(
                    from: operations.base + range.lowerBound, byteCount: range.count)
                bytes = copy
            }
            return Rows(
                batch: batch.selecting(Selection(rows: indices, count: range.count)).compacted(),
                operations: bytes, watermark: watermark)
        }
    }

    private mutating func takePending() -> Rows {
        defer {
            pending = []
            pendingOperations = []
            pendingRows = 0
            pendingBytes = 0
        }
        if pending.count == 1 {
            return Rows(
                batch: pending[0], operations: pendingOperations[0], watermark: firstWatermark)
        }
        let first = pending[0]
        var batch = Batch(
            columns: first.columns.indices.map { column in
                Column.concatenating(pending.map { $0.columns[column] })
            }, rowtime: Column.concatenating(pending.map(\.rowtime)), rowCount: pendingRows)
        if pending.contains(where: { $0.rowWatermarks != nil }) {
            batch.rowWatermarks = joined(pending.map(\.rowWatermarks), as: Int64.self) {
                pending[$0].watermark
            }
        }
        var operations: Buffer?
        if pendingOperations.contains(where: { $0 != nil }) {
            operations = joined(pendingOperations, as: UInt8.self) { _ in
                RowOperation.insert.rawValue
            }
        }
        return Rows(batch: batch, operations: operations, watermark: firstWatermark)
    }

    /// One value a row of all batches; `value` for those that have none.
    private func joined<T: BitwiseCopyable>(
        _ parts: [Buffer?], as type: T.Type, _ value: (Int) -> T
    ) -> Buffer {
        let result = Buffer(capacity: pendingRows * MemoryLayout<T>.stride)
        var target = result.pointer(to: T.self)
        for (index, part) in parts.enumerated() {
            let count = pending[index].rowCount
            if let part {
                target.update(from: part.pointer(to: T.self), count: count)
            } else {
                target.update(repeating: value(index), count: count)
            }
            target += count
        }
        return result
    }

    /// - Parameter isLast: Whether the block states the watermark that holds behind all the rows;
    ///   otherwise more of them follow that may be older.
    private mutating func encode(_ rows: Rows, _ range: Range<Int>, isLast: Bool = true)
        throws(ConnectorError)
    {
        let part = rows.slice(range)
        let count = range.count
        var block = RowBlock(
            rowCount: count, columns: part.batch.columns, rowtime: part.batch.rowtime)
        block.operations = part.operations
        block.rowWatermarks = part.batch.rowWatermarks
        block.appendedAt = clock()
        block.watermark = rows.watermark
        block.watermarkAfter = isLast ? watermark : rows.watermark
        block.schemaVersion = schemaVersion
        let size = RowBlockEncoder.payloadBytesMax(block)
        guard size <= SegmentFormat.payloadBytesMax else {
            guard count > 1 else {
                throw .rowTooLarge(topic, bytes: size, limit: SegmentFormat.payloadBytesMax)
            }
            let middle = range.lowerBound + count / 2
            try encode(rows, range.lowerBound..<middle, isLast: false)
            return try encode(rows, middle..<range.upperBound, isLast: isLast)
        }
        let times = block.rowtime.integers
        var low = times[0]
        var high = times[0]
        for row in 1..<max(count, 1) {
            low = min(low, times[row])
            high = max(high, times[row])
        }
        blocks.appendRows(count: count, minTime: low, maxTime: high) { bytes in
            RowBlockEncoder.encode(block, into: &bytes)
        }
    }
}
