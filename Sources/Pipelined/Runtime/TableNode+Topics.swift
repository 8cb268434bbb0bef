import Config
import Connectors
import Operators
import Synchronization

/// The splits of a topic that a table follows, with what tells that there is more.
final class FollowedTopic: Sendable {
    // SAFETY: source and splits are used by the lane only.
    nonisolated(unsafe) let source: any Source
    nonisolated(unsafe) var splits: [any SourceSplit] = []
    let hasNews = Atomic(true)

    init(_ source: any Source) { self.source = source }
}

/// Tables over topics.
extension TableNode {
    /// Making a table's columns costs time that grows with the table: at most a tenth goes there.
    private static let publishShare: Int64 = 10

    /// Whether rows of its topic were committed since it was read.
    var hasNews: Bool { followed?.hasNews.load(ordering: .relaxed) ?? false }

    /// Calls `changed`, on any thread, whenever there may be more to read than a time tells.
    func subscribe(_ changed: @escaping @Sendable () -> Void) {
        followed?.source.subscribe { [weak followed] in
            followed?.hasNews.store(true, ordering: .releasing)
            changed()
        }
        // Rows may have come since the table was read.
        followed?.hasNews.store(true, ordering: .releasing)
    }

    /// Reads the topic on from where the checkpoint stood to its present end.
    func loadTopic(now: Int64) throws(ConnectorError) {
        let followed = FollowedTopic(try open())
        if let positions = SplitPosition.list(signature) {
            followed.splits = try followed.source.restore(positions)
        }
        for split in followed.splits { addClock(of: split, now: now) }
        self.followed = followed
        try follow(followed, now: now)
        publish(builder.finish())
    }

    private func addClock(of split: any SourceSplit, now: Int64) {
        let clock = TableClock(split.id, of: spec, now: now)
        clock.watermark.highest = savedTimes[split.id] ?? .min
        clock.takeStated(by: split)
        clocks.append(clock)
    }

    func follow(_ followed: FollowedTopic, now: Int64) throws(ConnectorError) {
        refreshesAt = nil
        guard followed.hasNews.exchange(false, ordering: .acquiring) else { return }
        for split in try followed.source.discover() {
            followed.splits.append(split)
            addClock(of: split, now: now)
        }
        builder.keepsRemoved = followed.splits.count > 1 || builder.isByTime
        var hasRows = false
        for (split, clock) in zip(followed.splits, clocks) where !clock.hasEnded {
            reading: while true {
                switch try split.read(now: now) {
                case .rows(let rows):
                    hasRows = true
                    apply(rows, of: split, clock, now: now)
                case .wait: break reading
                case .ended:
                    clock.hasEnded = true
                    break reading
                }
            }
            clock.takeStated(by: split)
        }
        signature = SplitPosition.encode(followed.splits.map { $0.position() })
        guard hasRows, self.hasRows else {
            self.hasRows = true
            return
        }
        let begin = context.clock.monotonic()
        publish(builder.finish())
        let spent = context.clock.monotonic() - begin
        if spent > 1000 {
            // Rows that come meanwhile wait together.
            refreshesAt = now + spent * TableNode.publishShare
        }
    }

    private func apply(
        _ rows: SourceRows, of split: any SourceSplit, _ clock: TableClock, now: Int64
    ) {
        guard let batch = timed(rows, split: split.id, now: now) else { return }
        let flags = deletions(in: batch, now: now)
        let flag = flags.map { UnsafePointer($0.pointer(to: UInt8.self)) }
        let isStreamed = spec.isStreamed
        builder.add(
            batch.columns, count: batch.rowCount, isDeletion: flag, place: split.place,
            rowtimes: UnsafePointer(batch.rowtime.integers)
        ) { [self] change in
            note(change.key, row: change.row, from: change.origin)
            if isStreamed { changes.append(change) }
        }
        history?.add(
            batch.columns, times: batch.rowtime, count: batch.rowCount, isDeletion: flag,
            place: split.place)
        withExtendedLifetime((flags, batch)) {}
        clock.take(batch, now: now)
    }
}
