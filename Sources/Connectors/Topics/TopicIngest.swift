import Config
import Operators
import Store

/// Turns what one producer sends into blocks of a topic's rows: parser, event time, operation, block.
///
/// Used by one thread. It neither reads nor writes: whoever drives it copies input into ``room(_:)``,
/// and takes batches to the partition.
package final class TopicIngest {
    /// Rows on their way to the partition.
    package struct Batch: Sendable {
        package var blocks: BlockBuffer
        package var rows: Int64
        /// The byte of the input behind them: what a retry is told by, and never inside a row.
        package var end: Int64
    }

    /// What became of the input besides batches.
    package struct Counts: Sendable {
        /// Rows that stand before the position from which the producer goes on.
        package var alreadyThere: Int64 = 0
        package var invalid: Int64 = 0
    }

    /// A row that does not fit, by its number in the input, from 1.
    package struct BadRow: Sendable {
        package var row: Int64
        package var error: String
    }

    /// The longest row of the input.
    package static let rowBytesMax = 16 << 20
    /// A batch is ready when it stands for so much input.
    private static let batchBytes: Int64 = 1 << 20
    private static let chunkBytes = 4 << 20
    /// As much input is parsed at once where it is not known how much fills a block.
    private static let stepBytes = 2 << 20

    private let parser: any RowParser
    private let rows: IngestRows
    private let skipsInvalid: Bool
    private let resumeAt: Int64
    private let now: @Sendable () -> Int64
    private var blocks: TopicBlocks
    private var chunk = Buffer(capacity: TopicIngest.chunkBytes)
    private var start = 0
    private var end = 0
    /// The byte of the input that `start` is.
    private var position: Int64 = 0
    private var batchStart: Int64 = 0
    private var batchRows: Int64 = 0
    /// Input that fills a block, as it was the last time.
    private var blockBytes = TopicIngest.stepBytes
    private var rowsSeen: Int64 = 0
    private var stoppedBy: BadRow?
    package private(set) var counts = Counts()
    /// The first rows that were left out, at most ``keptRowsMax``.
    package private(set) var badRows: [BadRow] = []
    package static let keptRowsMax = 5

    /// - Parameters:
    ///   - eventTime: The column that says when a row happened; nil for its arrival.
    ///   - skipsInvalid: Whether a row that does not fit is counted and left out; otherwise it ends
    ///     the input.
    ///   - resumeAt: Rows that begin before this byte are in the topic already.
    /// - Throws: ``ConnectorError``, terminal, for a column or a format that cannot be.
    package init(
        _ entry: TopicCatalog.Entry, format: FormatSpec, eventTime: String?, skipsInvalid: Bool,
        resumeAt: Int64, clock: @escaping @Sendable () -> Int64
    ) throws(ConnectorError) {
        rows = try IngestRows(entry, eventTime: eventTime)
        parser = try RowParserFactory.make(format, fields: rows.fields)
        self.skipsInvalid = skipsInvalid
        self.resumeAt = resumeAt
        now = clock
        blocks = TopicBlocks(
            topic: entry.topic.name, schemaVersion: UInt32(entry.schemas.count - 1), clock: clock)
    }

    // MARK: Input

    /// Memory for the next bytes of the input, at least `count` long; ``received(_:)`` says how many
    /// came.
    package func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if chunk.capacity - end < count {
            // Rows that are not encoded yet point into the chunk, so that it is left as it is.
            let left = end - start
            let next = Buffer(capacity: max(Self.chunkBytes, left + count))
            next.base.copyMemory(from: chunk.base + start, byteCount: left)
            chunk = next
            (start, end) = (0, left)
        }
        return UnsafeMutableRawBufferPointer(start: chunk.base + end, count: chunk.capacity - end)
    }

    package func received(_ count: Int) { end += count }

    /// Whether rows, or bytes of one, wait for more input or for ``next(isPressing:isLast:)``.
    package var hasPending: Bool { end > start || batchRows > 0 }

    // MARK: Batches

    /// Parses some of the input.
    ///
    /// - Parameters:
    ///   - isPressing: Whole rows are taken although they fill no block.
    ///   - isLast: The input ends with what was received.
    /// - Returns: A batch; nil when there is none for now.
    /// - Throws: ``ConnectorError`` for a row that ends the input, once the rows before it have been
    ///   handed over.
    package func next(isPressing: Bool, isLast: Bool) throws(ConnectorError) -> Batch? {
        while true {
            if let stoppedBy {
                if let batch = try takeBatch() { return batch }
                throw .rowDoesNotFit(stoppedBy.row, stoppedBy.error)
            }
            if position - batchStart >= Self.batchBytes, let batch = try takeBatch() {
                return batch
            }
            let isPressed = isPressing || isLast
            let available = end - start
            if available == 0 || (!isPressed && available < blockBytes) {
                return isPressed ? try takeBatch() : nil
            }
            let parsed = parser.parse(chunk, start..<end, position: position, isLast: isLast)
            guard parsed.consumed > 0 else {
                guard available <= Self.rowBytesMax else {
                    throw .rowIsTooLong(rowsSeen + 1, limit: Self.rowBytesMax)
                }
                if !isPressed { blockBytes = min(available * 2, Self.rowBytesMax + 1) }
                return isPressed ? try takeBatch() : nil
            }
            let isFull = parsed.rows.rowCount >= TopicBlocks.rowsMax
            blockBytes = isFull ? parsed.consumed + parsed.consumed / 64 : Self.stepBytes
            start += parsed.consumed
            position += Int64(parsed.consumed)
            try take(parsed.rows)
        }
    }

    private func take(_ parsed: SourceRows) throws(ConnectorError) {
        var bad = parsed.invalid
        let taken = rows.complete(parsed, now: now(), &bad)
        var batch = taken.batch
        var operations = taken.operations
        let firstNumber = rowsSeen
        rowsSeen += Int64(parsed.rowCount + parsed.invalid.count)
        bad = bad.filter { $0.position >= resumeAt }
        if !bad.isEmpty {
            bad.sort { $0.position < $1.position }
            let numbers = Self.numbers(of: bad, among: parsed)
            if skipsInvalid {
                counts.invalid += Int64(bad.count)
                for (row, number) in zip(bad, numbers) where badRows.count < Self.keptRowsMax {
                    badRows.append(BadRow(row: firstNumber + number, error: row.error))
                }
            } else {
                stoppedBy = BadRow(row: firstNumber + numbers[0], error: bad[0].error)
                (batch, operations) = IngestRows.keep(batch, operations) { $0 < bad[0].position }
                end = start
                position = bad[0].position
            }
        }
        if let first = batch.origin?.positions?.pointer(to: Int64.self), batch.rowCount > 0,
            first[0] < resumeAt
        {
            let count = batch.rowCount
            (batch, operations) = IngestRows.keep(batch, operations) { $0 >= self.resumeAt }
            counts.alreadyThere += Int64(count - batch.rowCount)
        }
        batchRows += Int64(batch.rowCount)
        batch.origin = nil
        try blocks.add(batch, operations: operations)
    }

    /// The numbers of bad rows among all that were parsed with them, from 1.
    private static func numbers(of bad: [InvalidRow], among parsed: SourceRows) -> [Int64] {
        var all = parsed.invalid.map(\.position)
        if let positions = parsed.positions?.pointer(to: Int64.self) {
            all += (0..<parsed.rowCount).map { positions[$0] }
        }
        all.sort()
        return bad.map { row in
            Int64(all.partitioningIndex { $0 >= row.position } + 1)
        }
    }

    private func takeBatch() throws(ConnectorError) -> Batch? {
        batchStart = position
        guard batchRows > 0 else { return nil }
        try blocks.finish()
        let batch = Batch(blocks: blocks.blocks, rows: batchRows, end: position)
        blocks.blocks = BlockBuffer()
        batchRows = 0
        return batch
    }
}

extension [Int64] {
    /// The first index whose element holds; those that hold are at the end.
    fileprivate func partitioningIndex(_ holds: (Int64) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
