import Config
import Operators
import Store

/// Rows of one block of a partition, as a reader wants them.
package struct TopicRows {
    /// Without a selection; its origin says the partition and the offsets.
    package var batch: Batch
    /// What each row does, one byte each; nil when all are inserted.
    package var operations: Buffer?
}

/// Reads a topic's partitions as one series: history row by row in order of event time, and at the
/// live end as it is committed.
///
/// Rows of equal time come by partition and offset. A partition's own rows stay in the order in which
/// they stand there. Memory: a block a partition.
///
/// Used by one thread.
package final class TopicMerge {
    /// A run of rows of one partition.
    package struct Run {
        package let partition: Partition
        package let rows: TopicRows
        package let range: Range<Int>
    }

    package enum Step {
        case rows(Run)
        /// Nothing more is committed now; ``wake()`` after a change.
        case waiting
        case ended
    }

    /// A partition on its way through the merge.
    private final class Head {
        let split: any SourceSplit
        let name: [UInt8]
        var rows: TopicRows?
        var next = 0
        /// At its end, as far as it was when it was last looked at.
        var isWaiting = false

        init(_ split: any SourceSplit) {
            self.split = split
            name = Array(split.id.utf8)
        }
    }

    private let source: TopicSource
    private let topic: Topic
    private let partition: String?
    private let isFollowing: Bool
    private let prepare: (TopicRows) -> TopicRows?
    private let clock: @Sendable () -> Int64
    /// Those that have not ended, in the order of their names.
    private var heads: [Head] = []
    private var hasBegun = false

    /// - Parameters:
    ///   - fields: The columns that are wanted, by name.
    ///   - partition: Of this one only.
    ///   - isFollowing: Whether the end is waited at.
    ///   - reader: What `topics` calls it.
    ///   - prepare: Makes of a block's rows those that are wanted; nil for none.
    package init(
        _ entry: TopicCatalog.Entry, catalog: TopicCatalog, options: TopicSourceOptions,
        fields: [FieldSpec], partition: String?, isFollowing: Bool, reader: String,
        prepare: @escaping (TopicRows) -> TopicRows?
    ) {
        topic = entry.topic
        self.partition = partition
        self.isFollowing = isFollowing
        self.prepare = prepare
        clock = catalog.store.options.clock
        source = TopicSource(
            options, fields: fields, metadata: [], catalog: catalog, reader: reader,
            takesAnyMode: true, clock: clock)
    }

    /// Calls `changed`, on any thread, whenever there may be more to read.
    package func subscribe(_ changed: @escaping @Sendable () -> Void) { source.subscribe(changed) }

    /// Looks again at what was at its end, and for partitions that came.
    package func wake() {
        for head in heads { head.isWaiting = false }
        hasBegun = false
    }

    /// The next rows.
    ///
    /// - Throws: ``ConnectorError`` for a block that cannot be read, or a topic that was deleted.
    package func next() throws(ConnectorError) -> Step {
        if !hasBegun { try discover() }
        var index = 0
        while index < heads.count {
            if try fill(heads[index]) { index += 1 } else { heads.remove(at: index) }
        }
        guard let (first, second) = lowest() else {
            guard isFollowing else { return .ended }
            return topic.isDeleted ? .ended : .waiting
        }
        let head = heads[first]
        guard let rows = head.rows else { return .waiting }
        let end = second.map { runEnd(of: head, rows, isBefore: heads[$0], first < $0) }
        let range = head.next..<(end ?? rows.batch.rowCount)
        head.next = range.upperBound
        if head.next == rows.batch.rowCount { head.rows = nil }
        guard let partition = topic.partition(head.split.id) else { return .ended }
        return .rows(Run(partition: partition, rows: rows, range: range))
    }

    private func discover() throws(ConnectorError) {
        hasBegun = true
        for split in try source.discover() {
            if let partition, !split.id.utf8.elementsEqual(partition.utf8) { continue }
            heads.append(Head(split))
        }
        heads.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// Reads on where a partition has no rows at hand. Returns false where none will come.
    private func fill(_ head: Head) throws(ConnectorError) -> Bool {
        while head.rows == nil, !head.isWaiting {
            switch try head.split.read(now: clock()) {
            case .ended: return false
            case .wait:
                guard isFollowing else { return false }
                head.isWaiting = true
            case .rows(let rows):
                var batch = Batch(
                    columns: rows.columns,
                    rowtime: rows.stored?.rowtime ?? .repeating(0, count: rows.rowCount),
                    rowCount: rows.rowCount)
                batch.origin = BatchOrigin(
                    source: topic.name, split: head.split.id, positions: rows.positions)
                head.rows = prepare(TopicRows(batch: batch, operations: rows.operations))
                head.next = 0
            }
        }
        return true
    }

    /// The heads whose next rows are the first and the second.
    private func lowest() -> (Int, Int?)? {
        var first: Int?
        var second: Int?
        for index in heads.indices where heads[index].rows != nil {
            guard let known = first else {
                first = index
                continue
            }
            if time(heads[index]) < time(heads[known]) {
                (first, second) = (index, first)
            } else if second.map({ time(heads[index]) < time(heads[$0]) }) ?? true {
                second = index
            }
        }
        return first.map { ($0, second) }
    }

    private func time(_ head: Head) -> Int64 {
        head.rows?.batch.rowtime.integers[head.next] ?? .max
    }

    /// Where the rows of `head` end that come before the next one of `other`.
    private func runEnd(
        of head: Head, _ rows: TopicRows, isBefore other: Head, _ winsTies: Bool
    ) -> Int {
        let times = rows.batch.rowtime.integers
        let limit = time(other)
        var end = head.next + 1
        while end < rows.batch.rowCount, times[end] < limit || (winsTies && times[end] == limit) {
            end += 1
        }
        return end
    }
}
