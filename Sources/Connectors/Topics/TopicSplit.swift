import Config
import Glibc
import Operators
import Store

/// One partition of a topic, read from an offset on: history first, and then what is committed.
///
/// Its position: version (u8), the partition's identifier (u64), the next offset (u64), the offset at
/// which it stops (u64, all ones for none), the stated watermark (i64).
final class TopicSplit: SourceSplit {
    let partition: Partition
    private let cursor: PartitionCursor
    private var columns: TopicColumns
    private let options: TopicSourceOptions
    /// The topic's.
    private let mode: TopicSpec.Mode
    /// Whose partition it is; nil for what comes from outside.
    private let pipeline: String?
    private let writers: ExpectedWriters
    private let reader: TopicReader
    /// The next offset that is wanted.
    private(set) var nextOffset: UInt64
    private let firstOffset: UInt64
    private var stopOffset: UInt64?
    /// A row of this event time or a later one ends the split.
    private let stopTime: Int64?
    private(set) var statedWatermark: Int64?
    private var gaps: Int64 = 0
    /// Where it waits, while history is read once more.
    private var limitOffset: UInt64?
    /// What had been stated to the reader who came so far.
    private var limitWatermark: Int64?

    private static let version: UInt8 = 1

    init(
        _ partition: Partition, at offset: UInt64, stopOffset: UInt64?, stopTime: Int64?,
        options: TopicSourceOptions, mode: TopicSpec.Mode, pipeline: String?,
        writers: ExpectedWriters, columns: TopicColumns, reader: TopicReader
    ) {
        self.pipeline = pipeline
        self.writers = writers
        self.mode = mode
        self.partition = partition
        cursor = PartitionCursor(partition, at: offset)
        nextOffset = offset
        firstOffset = offset
        self.stopOffset = stopOffset
        self.stopTime = stopTime
        self.options = options
        self.columns = columns
        self.reader = reader
        // A pipeline states its watermark from the first row on, also that it has none yet. What comes
        // from outside has none: it is told from the rows.
        statedWatermark = partition.isIngest ? nil : .min
        reader.note(partition.name, offset)
    }

    var id: String { partition.name }
    var place: UInt64 { partition.identifier }

    var isPaused: Bool {
        guard let pipeline, !partition.hasWriter else { return false }
        return !writers.contains(pipeline)
    }

    var progress: SplitProgress {
        let end = stopOffset ?? partition.committed.nextOffset
        let start = max(firstOffset, min(partition.firstOffset, nextOffset))
        return SplitProgress(
            done: Int64(nextOffset - min(start, nextOffset)),
            total: Int64(max(end, nextOffset) - min(start, nextOffset)), gaps: gaps)
    }

    // MARK: Position

    func position() -> SplitPosition { position(at: nextOffset, watermark: statedWatermark) }

    private func position(at offset: UInt64, watermark: Int64?) -> SplitPosition {
        var writer = TokenWriter()
        writer.append(TopicSplit.version)
        writer.append(partition.identifier)
        writer.append(offset)
        writer.append(stopOffset ?? .max)
        writer.append(watermark ?? .min)
        return SplitPosition(id: id, bytes: writer.bytes)
    }

    var beginning: SplitPosition? { position(at: firstOffset, watermark: nil) }

    func limit(to position: SplitPosition) throws(ConnectorError) {
        let place = try Place(position)
        guard place.identifier == partition.identifier else {
            throw .historyIsGone(id, "the partition was replaced by another of its name")
        }
        limitOffset = place.nextOffset
        limitWatermark = place.watermark
    }

    var isAtLimit: Bool { limitOffset.map { nextOffset >= $0 } ?? false }

    struct Place {
        var identifier: UInt64
        var nextOffset: UInt64
        var stopOffset: UInt64?
        var watermark: Int64?

        init(_ position: SplitPosition) throws(ConnectorError) {
            var reader = TokenReader(position.bytes)
            guard reader.read(UInt8.self) == TopicSplit.version,
                let identifier = reader.read(UInt64.self), let next = reader.read(UInt64.self),
                let stop = reader.read(UInt64.self), let watermark = reader.read(Int64.self)
            else { throw .unknownPosition(position.id) }
            self.identifier = identifier
            nextOffset = next
            stopOffset = stop == .max ? nil : stop
            self.watermark = watermark == .min ? nil : watermark
        }
    }

    func restore(watermark: Int64?) {
        if let watermark { statedWatermark = watermark }
    }

    // MARK: Reading

    func read(now: Int64) throws(ConnectorError) -> SplitRead {
        while true {
            if isAtLimit {
                if let limitWatermark, let stated = statedWatermark {
                    statedWatermark = max(stated, limitWatermark)
                }
                return .wait(until: nil)
            }
            if let stopOffset, nextOffset >= stopOffset { return .ended }
            if partition.isDeleted { throw .partitionReplaced(id) }
            var buffer = Buffer(capacity: 0)
            let step: PartitionCursor.Step
            do throws(StoreError) {
                step = try cursor.next { count in
                    buffer = Buffer(capacity: count)
                    return UnsafeMutableRawBufferPointer(start: buffer.base, count: count)
                }
            } catch {
                throw ConnectorError(error)
            }
            switch step {
            case .end:
                // The last rows may have been left out by compaction.
                nextOffset = max(
                    nextOffset, min(cursor.nextOffset, limitOffset ?? .max, stopOffset ?? .max))
                if let stopOffset, nextOffset >= stopOffset { return .ended }
                return atEnd()
            case .gone(let first):
                if limitOffset != nil {
                    throw .historyIsGone(
                        id, "\(first - nextOffset) of its rows are no longer kept")
                }
                guard options.onGap == .skip else {
                    throw .rowsAreGone(id, missed: first - nextOffset)
                }
                gaps += 1
                nextOffset = first
                cursor.seek(to: first)
            case .block(let block):
                if let rows = try rows(block, buffer) { return .rows(rows) }
            }
        }
    }

    private func atEnd() -> SplitRead {
        let committed = partition.committed
        if !partition.isIngest, committed.nextOffset == nextOffset,
            committed.watermark > statedWatermark ?? .min
        {
            statedWatermark = committed.watermark
        }
        if partition.isSealed, partition.committed.nextOffset == nextOffset { return .ended }
        if let stopTime, let statedWatermark, statedWatermark >= stopTime { return .ended }
        return .wait(until: nil)
    }

    /// The rows of a block that are wanted; nil where none is.
    private func rows(_ block: PartitionCursor.Block, _ buffer: Buffer) throws(ConnectorError)
        -> SourceRows?
    {
        let reader: RowBlockReader
        var offsets: Buffer?
        var rowtime: Column
        var rowWatermarks: Buffer?
        var operations: Buffer?
        do throws(RowBlockError) {
            reader = try RowBlockReader(buffer, block.payload)
            offsets = try reader.offsets()
            rowtime = try reader.rowtime()
            rowWatermarks = try reader.rowWatermarks()
            operations = try reader.operations()
        } catch {
            throw .unreadableBlock(id, block.firstOffset, error.message)
        }
        let count = reader.rowCount
        guard count == block.rowCount, count > 0 else {
            throw .unreadableBlock(id, block.firstOffset, "its payload has \(count) rows")
        }
        let lastOffset =
            block.firstOffset
            + UInt64(offsets.map { $0.pointer(to: Int64.self)[count - 1] } ?? Int64(count - 1))
        let wanted = wantedRows(block, count: count, offsets: offsets, rowtime: rowtime)
        cursor.skip(to: lastOffset + 1)
        let columns = try self.columns.columns(
            reader, firstOffset: block.firstOffset, offsets: offsets)
        let isWhole = wanted.count == count
        let behind =
            wanted.upperBound == count
            ? lastOffset + 1
            : block.firstOffset
                + UInt64(
                    offsets.map { $0.pointer(to: Int64.self)[wanted.upperBound] }
                        ?? Int64(wanted.upperBound))
        nextOffset = max(nextOffset, behind)
        if wanted.upperBound < count {
            if isAtLimit {
                // The rest of the block is wanted once the limit is another one.
                cursor.seek(to: nextOffset)
            } else {
                stopOffset = nextOffset
            }
        }
        self.reader.note(id, nextOffset)
        if !partition.isIngest, reader.watermarkAfter > statedWatermark ?? .min,
            wanted.upperBound == count
        {
            statedWatermark = reader.watermarkAfter
        }
        guard !wanted.isEmpty else { return nil }
        var batch = Batch(
            columns: columns, rowtime: rowtime, rowCount: count, rowWatermarks: rowWatermarks)
        batch.weights = weights(operations, count: count)
        let positions = Buffer(capacity: count * 8)
        let target = positions.pointer(to: Int64.self)
        let relative = offsets?.pointer(to: Int64.self)
        for row in 0..<count {
            target[row] = Int64(bitPattern: block.firstOffset) &+ (relative?[row] ?? Int64(row))
        }
        batch.origin = BatchOrigin(source: "", split: id, positions: positions)
        if !isWhole {
            let selection = Buffer(capacity: wanted.count * 4)
            for (place, row) in wanted.enumerated() {
                selection.pointer(to: Int32.self)[place] = Int32(row)
            }
            batch =
                batch.selecting(Selection(rows: selection, count: wanted.count)).compacted()
        }
        var rows = SourceRows(
            columns: batch.columns, rowCount: batch.rowCount,
            positions: batch.origin?.positions, invalid: [], byteCount: block.byteCount)
        rows.stored = StoredTimes(
            rowtime: batch.rowtime,
            watermark: partition.isIngest ? nil : reader.watermark,
            rowWatermarks: batch.rowWatermarks)
        rows.weights = batch.weights
        rows.operations = operations.map { codes in
            if isWhole { return codes }
            let kept = Buffer(capacity: wanted.count)
            kept.base.copyMemory(from: codes.base + wanted.lowerBound, byteCount: wanted.count)
            return kept
        }
        return rows
    }

    /// Which rows of a block lie between the position and the stop.
    private func wantedRows(
        _ block: PartitionCursor.Block, count: Int, offsets: Buffer?, rowtime: Column
    ) -> Range<Int> {
        func offset(_ row: Int) -> UInt64 {
            block.firstOffset
                + UInt64(offsets.map { $0.pointer(to: Int64.self)[row] } ?? Int64(row))
        }
        var low = 0
        if block.firstOffset < nextOffset {
            if offsets == nil {
                low = min(count, Int(nextOffset - block.firstOffset))
            } else {
                while low < count, offset(low) < nextOffset { low += 1 }
            }
        }
        var high = count
        if let end = [stopOffset, limitOffset].compactMap({ $0 }).min() {
            while high > low, offset(high - 1) >= end { high -= 1 }
        }
        if let stopTime, block.maxTime >= stopTime {
            let times = rowtime.integers
            if let first = (low..<high).first(where: { times[$0] >= stopTime }) { high = first }
        }
        return low..<max(low, high)
    }

    /// +1, or −1 of a row that goes.
    private func weights(_ operations: Buffer?, count: Int) -> Buffer? {
        guard mode != .append, let operations else { return nil }
        let codes = operations.pointer(to: UInt8.self)
        let result = Buffer(capacity: count * 4)
        let target = result.pointer(to: Int32.self)
        for row in 0..<count {
            switch RowOperation(rawValue: codes[row]) {
            case .updateBefore, .delete: target[row] = -1
            default: target[row] = 1
            }
        }
        return result
    }
}

extension Partition {
    /// Whether its rows come from outside, by `produce`.
    package var isIngest: Bool { name.utf8.elementsEqual(TopicWriter.ingestPartition.utf8) }
}
