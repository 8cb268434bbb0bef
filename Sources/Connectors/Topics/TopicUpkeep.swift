import Config
import Operators
import Store

/// What a topic needs from time to time: old rows go, small blocks become full ones, and of a compacted
/// topic only the latest row of each key stays.
///
/// Runs beside writers and readers, on any thread, one at a time for a topic. It can be stopped at any
/// point; what is left is done the next time.
package struct TopicUpkeep {
    /// What was done, for a log.
    package struct Result: Equatable, Sendable {
        package var removedSegments = 0
        package var removedBytes: Int64 = 0
        package var rewrittenSegments = 0
        package var compactedRows: Int64 = 0

        package var isEmpty: Bool { self == Result() }
    }

    private static let fullBlockBytes: Int64 = 256 << 10

    private let entry: TopicCatalog.Entry
    private let now: Int64
    private let keysMax: Int
    private let memory: UpkeepMemory

    /// - Parameters:
    ///   - now: Microseconds since the epoch.
    ///   - keysMax: How many keys compaction holds in memory at most; older rows of further ones wait
    ///     for another time.
    package init(
        _ entry: TopicCatalog.Entry, now: Int64, memory: UpkeepMemory, keysMax: Int = 4_000_000
    ) {
        self.memory = memory
        self.entry = entry
        self.now = now
        self.keysMax = keysMax
    }

    package func run() throws(ConnectorError) -> Result {
        var result = Result()
        try applyRetention(&result)
        for partition in entry.topic.partitions {
            if let compaction = entry.definition.compaction, entry.definition.mode == .upsert {
                try Compaction(
                    partition, entry, compaction, now: now, keysMax: keysMax, memory: memory
                ).run(&result)
            } else {
                try fillBlocks(partition, &result)
            }
        }
        return result
    }

    // MARK: Retention

    /// Whole segments go: those whose last row was appended too long ago, and the oldest of all
    /// partitions while the topic is too large.
    private func applyRetention(_ result: inout Result) throws(ConnectorError) {
        let retention = entry.definition.retention
        if retention == .forever { return }
        var all: [(partition: Partition, segment: Partition.OldSegment)] = []
        for partition in entry.topic.partitions {
            let old = try storing { () throws(StoreError) in try partition.oldSegments() }
            all += old.map { (partition, $0) }
        }
        all.sort { $0.segment.lastAppendedAt < $1.segment.lastAppendedAt }
        var excess = Int64(0)
        if let limit = retention.bytes {
            excess = entry.topic.partitions.reduce(0) { $0 + $1.byteCount } - limit
        }
        var limits: [ObjectIdentifier: UInt64] = [:]
        var blocked: Set<ObjectIdentifier> = []
        for (partition, segment) in all {
            let name = ObjectIdentifier(partition)
            let isOld = retention.timeMicros.map { now - segment.lastAppendedAt > $0 } ?? false
            // Of a partition only the oldest go, also where a clock has gone back.
            let isNext = segment.base == limits[name] ?? partition.firstOffset
            guard isOld || excess > 0, isNext, !blocked.contains(name) else {
                blocked.insert(name)
                continue
            }
            excess -= segment.byteCount
            result.removedSegments += 1
            result.removedBytes += segment.byteCount
            limits[name] = segment.end
        }
        for partition in entry.topic.partitions {
            guard let limit = limits[ObjectIdentifier(partition)] else { continue }
            try storing { () throws(StoreError) in try partition.removeSegments(before: limit) }
        }
    }

    // MARK: Small blocks

    /// Rewrites sealed segments whose blocks are small, as a writer with little to write leaves them.
    private func fillBlocks(_ partition: Partition, _ result: inout Result) throws(ConnectorError) {
        let targets = try storing { () throws(StoreError) in try SegmentRewrite.targets(partition) }
        for target in targets {
            let needed = target.rowCount / UInt64(TopicBlocks.rowsMax) + 1
            // Blocks of large rows hold few, and are full all the same.
            guard target.blockCount > 16, target.blockCount > needed * 4,
                target.byteCount / Int64(target.blockCount) < Self.fullBlockBytes,
                memory.beginsFilling(partition, target.base)
            else { continue }
            let rows = RewrittenRows(partition, entry, target)
            try rows.rewrite { (rows) throws(ConnectorError) in Array(0..<rows.block.rowCount) }
            result.rewrittenSegments += 1
        }
    }

    private func storing<T>(_ body: () throws(StoreError) -> T) throws(ConnectorError) -> T {
        do throws(StoreError) { return try body() } catch { throw ConnectorError(error) }
    }
}

/// The rows of a sealed segment on their way into another one.
struct RewrittenRows {
    private let partition: Partition
    private let entry: TopicCatalog.Entry
    private let target: SegmentRewrite.Target

    init(_ partition: Partition, _ entry: TopicCatalog.Entry, _ target: SegmentRewrite.Target) {
        self.partition = partition
        self.entry = entry
        self.target = target
    }

    /// One block, decoded whole.
    struct Rows {
        var block: RowBlock
        var firstOffset: UInt64
        /// Each row's offset.
        var offsets: [UInt64]
    }

    /// Calls `body` for each block of the segment.
    func forEachBlock(_ body: (Rows) throws(ConnectorError) -> Void) throws(ConnectorError) {
        let cursor = PartitionCursor(partition, at: target.base)
        while true {
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
            guard case .block(let block) = step, block.firstOffset < target.end else { return }
            let rows: Rows
            do throws(RowBlockError) { rows = try Self.decode(buffer, block) } catch {
                throw .unreadableBlock(partition.name, block.firstOffset, error.message)
            }
            try body(rows)
        }
    }

    private static func decode(
        _ buffer: Buffer, _ block: PartitionCursor.Block
    ) throws(RowBlockError) -> Rows {
        let reader = try RowBlockReader(buffer, block.payload)
        var columns: [Column] = []
        for index in reader.columnTypes.indices { columns.append(try reader.column(index)) }
        let relative = try reader.offsets()
        let decoded = RowBlock(
            rowCount: reader.rowCount, columns: columns, rowtime: try reader.rowtime(),
            operations: try reader.operations(), rowWatermarks: try reader.rowWatermarks(),
            offsets: relative, appendedAt: reader.appendedAt, watermark: reader.watermark,
            watermarkAfter: reader.watermarkAfter, schemaVersion: reader.schemaVersion)
        let offsets = (0..<reader.rowCount).map { row in
            block.firstOffset
                + UInt64(relative.map { $0.pointer(to: Int64.self)[row] } ?? Int64(row))
        }
        return Rows(block: decoded, firstOffset: block.firstOffset, offsets: offsets)
    }

    /// Replaces the segment by one with the rows that are kept, in full blocks.
    ///
    /// - Parameter kept: The numbers of a block's rows that stay, ascending.
    func rewrite(_ kept: (Rows) throws(ConnectorError) -> [Int]) throws(ConnectorError) {
        var failure: ConnectorError?
        do throws(StoreError) {
            try SegmentRewrite.run(partition, target) { rewrite throws(StoreError) in
                do throws(ConnectorError) {
                    try fill(rewrite, kept)
                } catch {
                    failure = error
                    throw StoreError(
                        kind: .damaged, path: partition.name, message: error.message)
                }
            }
        } catch {
            throw failure ?? ConnectorError(error)
        }
    }

    private func fill(
        _ rewrite: SegmentRewrite, _ keeps: (Rows) throws(ConnectorError) -> [Int]
    ) throws(ConnectorError) {
        var rowsRead: UInt64 = 0
        var gathered: [Rows] = []
        var rowCount = 0
        func flush() throws(ConnectorError) {
            defer {
                gathered = []
                rowCount = 0
            }
            if rowCount > 0 { try Self.append(gathered, to: rewrite) }
        }
        try forEachBlock { (rows) throws(ConnectorError) in
            rowsRead += UInt64(rows.block.rowCount)
            let kept = try keeps(rows)
            guard !kept.isEmpty else { return }
            let part = kept.count == rows.block.rowCount ? rows : rows.selecting(kept)
            if let last = gathered.last,
                last.block.schemaVersion != part.block.schemaVersion
                    || rowCount + part.block.rowCount > TopicBlocks.rowsMax
            {
                try flush()
            }
            gathered.append(part)
            rowCount += part.block.rowCount
        }
        try flush()
        guard rowsRead == target.rowCount else {
            throw .unreadableBlock(
                partition.name, target.base,
                "its segment has \(rowsRead) rows and its footer says \(target.rowCount)")
        }
    }

    /// Appends the rows of several blocks, which have one schema, as one.
    private static func append(_ parts: [Rows], to rewrite: SegmentRewrite) throws(ConnectorError) {
        let joined = Rows.joining(parts)
        guard RowBlockEncoder.payloadBytesMax(joined.block) <= SegmentFormat.payloadBytesMax else {
            // Very long strings: as they were.
            for part in parts { try append(part, to: rewrite) }
            return
        }
        try append(joined, to: rewrite)
    }

    private static func append(_ rows: Rows, to rewrite: SegmentRewrite) throws(ConnectorError) {
        var block = rows.block
        let first = rows.offsets[0]
        let isDense = rows.offsets[rows.offsets.count - 1] - first == UInt64(rows.offsets.count - 1)
        block.offsets = nil
        if !isDense {
            let relative = Buffer(capacity: rows.offsets.count * 8)
            for (row, offset) in rows.offsets.enumerated() {
                relative.pointer(to: Int64.self)[row] = Int64(offset - first)
            }
            block.offsets = relative
        }
        let times = block.rowtime.integers
        var low = times[0]
        var high = times[0]
        for row in 0..<block.rowCount {
            low = min(low, times[row])
            high = max(high, times[row])
        }
        do throws(StoreError) {
            try rewrite.append(
                count: block.rowCount, minTime: low, maxTime: high, firstOffset: first
            ) { bytes in RowBlockEncoder.encode(block, into: &bytes) }
        } catch {
            throw ConnectorError(error)
        }
    }
}

extension RewrittenRows.Rows {
    /// The rows with these numbers, ascending.
    func selecting(_ kept: [Int]) -> RewrittenRows.Rows {
        let indices = Buffer(capacity: kept.count * 4)
        let rows = indices.pointer(to: Int32.self)
        for (place, row) in kept.enumerated() { rows[place] = Int32(row) }
        var result = self
        result.offsets = kept.map { offsets[$0] }
        result.block.rowCount = kept.count
        result.block.columns = block.columns.map { $0.gathered(rows, count: kept.count) }
        result.block.rowtime = block.rowtime.gathered(rows, count: kept.count)
        result.block.operations = block.operations.map { buffer in
            Self.gathered(buffer, kept, as: UInt8.self)
        }
        result.block.rowWatermarks = block.rowWatermarks.map { buffer in
            Self.gathered(buffer, kept, as: Int64.self)
        }
        return result
    }

    private static func gathered<T>(_ buffer: Buffer, _ kept: [Int], as: T.Type) -> Buffer {
        let result = Buffer(capacity: kept.count * MemoryLayout<T>.stride)
        for (place, row) in kept.enumerated() {
            result.pointer(to: T.self)[place] = buffer.pointer(to: T.self)[row]
        }
        return result
    }

    static func joining(_ parts: [RewrittenRows.Rows]) -> RewrittenRows.Rows {
        guard parts.count > 1 else { return parts[0] }
        var result = parts[0]
        let count = parts.reduce(0) { $0 + $1.block.rowCount }
        result.block.rowCount = count
        result.block.columns = parts[0].block.columns.indices.map { index in
            Column.concatenating(parts.map { $0.block.columns[index] })
        }
        result.block.rowtime = Column.concatenating(parts.map(\.block.rowtime))
        result.block.operations = joined(parts, \.operations, as: UInt8.self) { _ in
            RowOperation.insert.rawValue
        }
        result.block.rowWatermarks = joined(parts, \.rowWatermarks, as: Int64.self) {
            $0.watermark
        }
        result.block.watermarkAfter = parts[parts.count - 1].block.watermarkAfter
        result.block.appendedAt = parts[parts.count - 1].block.appendedAt
        result.offsets = parts.flatMap(\.offsets)
        return result
    }

    private static func joined<T: BitwiseCopyable>(
        _ parts: [RewrittenRows.Rows], _ path: KeyPath<RowBlock, Buffer?>, as: T.Type,
        _ missing: (RowBlock) -> T
    ) -> Buffer? {
        guard parts.contains(where: { $0.block[keyPath: path] != nil }) else { return nil }
        let count = parts.reduce(0) { $0 + $1.block.rowCount }
        let result = Buffer(capacity: count * MemoryLayout<T>.stride)
        var target = result.pointer(to: T.self)
        for part in parts {
            if let buffer = part.block[keyPath: path] {
                target.update(from: buffer.pointer(to: T.self), count: part.block.rowCount)
            } else {
                target.update(repeating: missing(part.block), count: part.block.rowCount)
            }
            target += part.block.rowCount
        }
        return result
    }
}
