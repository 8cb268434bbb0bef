import Config
import Operators
import Store
import Synchronization

/// Leaves of each key of a partition only the latest row.
///
/// A row goes when a later row of its key is in a sealed segment.
/// A deletion goes when it is old enough and no older row of its key is left, which is certain only in
/// a topic of one partition: segments are rewritten
/// from the oldest to the newest, so that no crash brings a deleted row back. The last segment, which
/// is written to, is left alone. Keys are held in memory while it runs.
struct Compaction {
    private let partition: Partition
    private let entry: TopicCatalog.Entry
    private let compaction: TopicSpec.Compaction
    private let now: Int64
    private let keysMax: Int
    private let memory: UpkeepMemory
    /// Whether the topic has other partitions.
    private let hasNeighbours: Bool

    init(
        _ partition: Partition, _ entry: TopicCatalog.Entry, _ compaction: TopicSpec.Compaction,
        now: Int64, keysMax: Int, memory: UpkeepMemory
    ) {
        self.memory = memory
        hasNeighbours = entry.topic.partitions.count > 1
        self.partition = partition
        self.entry = entry
        self.compaction = compaction
        self.now = now
        self.keysMax = keysMax
    }

    func run(_ result: inout TopicUpkeep.Result) throws(ConnectorError) {
        guard let key = entry.definition.key, !key.isEmpty else { return }
        let targets: [SegmentRewrite.Target]
        do throws(StoreError) { targets = try SegmentRewrite.targets(partition) } catch {
            throw ConnectorError(error)
        }
        guard isDue(targets) else { return }
        defer { memory.note(partition, newest: targets.last?.base ?? 0, at: now) }
        var latest = LatestOffsets(key: key, entry: entry, keysMax: keysMax)
        for target in targets.reversed() {
            try RewrittenRows(partition, entry, target).forEachBlock {
                (rows) throws(ConnectorError) in try latest.note(rows)
            }
        }
        for target in targets {
            var dropped: Int64 = 0
            let rows = RewrittenRows(partition, entry, target)
            // Looked at first, so that a segment that keeps all its rows is not written again.
            try rows.forEachBlock { (rows) throws(ConnectorError) in
                let keys = try latest.keys(rows)
                for row in 0..<rows.block.rowCount where !keeps(rows, row, keys, latest) {
                    dropped += 1
                }
            }
            guard dropped > 0 else { continue }
            try rows.rewrite { (rows) throws(ConnectorError) in
                let keys = try latest.keys(rows)
                return (0..<rows.block.rowCount).filter { keeps(rows, $0, keys, latest) }
            }
            result.rewrittenSegments += 1
            result.compactedRows += dropped
        }
    }

    /// Whether there are sealed segments that were not looked at, and have waited for long enough, or
    /// deletions that may have become old since.
    private func isDue(_ targets: [SegmentRewrite.Target]) -> Bool {
        guard let newest = targets.last else { return false }
        guard let (base, at) = memory.last(partition) else { return true }
        let isNew = targets.contains {
            $0.base > base && now - $0.lastAppendedAt >= compaction.withinMicros / 2
        }
        return isNew || now - at >= max(compaction.tombstonesMicros / 2, 60_000_000)
            || (newest.base > base && now - at >= compaction.withinMicros)
    }

    private func keeps(
        _ rows: RewrittenRows.Rows, _ row: Int, _ keys: Column, _ latest: LatestOffsets
    ) -> Bool {
        guard let last = latest.offset(keys.strings[row]) else { return true }
        if last > rows.offsets[row] { return false }
        guard let operations = rows.block.operations,
            operations.pointer(to: UInt8.self)[row] == RowOperation.delete.rawValue
        else { return true }
        // Another partition may have an older row of the key.
        if hasNeighbours { return true }
        return now - rows.block.appendedAt < compaction.tombstonesMicros
    }
}

/// The last offset of each key, as far as there is room for keys.
private struct LatestOffsets {
    private let key: [String]
    private let entry: TopicCatalog.Entry
    private let keysMax: Int
    private let table = KeyTable(capacity: 1024)
    private var offsets: [UInt64] = []

    init(key: [String], entry: TopicCatalog.Entry, keysMax: Int) {
        self.key = key
        self.entry = entry
        self.keysMax = keysMax
    }

    /// The keys of a block's rows, in the types that the topic has now.
    func keys(_ rows: RewrittenRows.Rows) throws(ConnectorError) -> Column {
        // A schema may have come since upkeep began.
        let version = Int(rows.block.schemaVersion)
        let schemas = entry.topic.schemas
        guard version < schemas.count, let schema = StoredSchema.decode(schemas[version]) else {
            throw .unreadableTopic(entry.topic.name, "schema \(version)")
        }
        let present = entry.schema
        var columns: [Column] = []
        var types: [ColumnType] = []
        for name in key {
            guard let index = schema.index(of: name), let now = present.index(of: name) else {
                throw .unreadableTopic(entry.topic.name, "key column '\(name)'")
            }
            let type = present[now].type
            columns.append(
                SchemaEvolution.widen(rows.block.columns[index], to: type)
                    ?? rows.block.columns[index])
            types.append(columns[columns.count - 1].type)
        }
        return KeyCodec(types: types).encode(columns, count: rows.block.rowCount)
    }

    /// Takes a block in. Segments come from the newest to the oldest, blocks in order.
    mutating func note(_ rows: RewrittenRows.Rows) throws(ConnectorError) {
        let keys = try keys(rows)
        for row in 0..<rows.block.rowCount {
            let key = keys.strings[row]
            let hash = key.hash
            let known = table.find(key, hash: hash)
            if known >= 0 {
                offsets[Int(known)] = max(offsets[Int(known)], rows.offsets[row])
            } else if offsets.count < keysMax {
                table.insert(key, hash: hash, value: Int32(offsets.count))
                offsets.append(rows.offsets[row])
            }
        }
    }

    func offset(_ key: StringView) -> UInt64? {
        let known = table.find(key)
        return known < 0 ? nil : offsets[Int(known)]
    }
}

/// What upkeep remembers from one time to the next: nothing that must survive.
package final class UpkeepMemory: Sendable {
    private let partitions = Mutex<[ObjectIdentifier: (newest: UInt64, at: Int64)]>([:])
    /// The segments whose blocks were filled as far as they can be.
    private let filled = Mutex<[ObjectIdentifier: Set<UInt64>]>([:])

    package init() {}

    /// Returns whether it is the first time for a segment.
    func beginsFilling(_ partition: Partition, _ base: UInt64) -> Bool {
        filled.withLock { $0[ObjectIdentifier(partition), default: []].insert(base).inserted }
    }

    fileprivate func last(_ partition: Partition) -> (newest: UInt64, at: Int64)? {
        partitions.withLock { $0[ObjectIdentifier(partition)] }
    }

    fileprivate func note(_ partition: Partition, newest: UInt64, at: Int64) {
        partitions.withLock { $0[ObjectIdentifier(partition)] = (newest, at) }
    }
}
