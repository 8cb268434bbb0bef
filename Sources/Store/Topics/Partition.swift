import Synchronization

/// One writer's log in a topic: a series of segments, and how far its rows count.
///
/// Shared by its writer and any number of readers, all on threads of their own. Readers see rows up to
/// ``committed`` and no further. Memory does not grow with history: what is held are a few words a
/// segment, and the places of the last one's blocks.
package final class Partition: Sendable {
    package let topic: String
    package let name: String
    /// Never used again in this topic, so that a position or a token of a partition that was deleted
    /// cannot be taken for one of its successor of the same name.
    package let identifier: UInt64
    package let options: TopicOptions
    let files: PartitionFiles
    /// What recovery had to cut off: bytes that were torn, and rows that were never committed.
    package let torn: TornTail?
    package let uncommittedBytes: Int64

    struct Segment {
        let base: UInt64
        var length: Int64
        /// When it was begun; and once it is known, what its footer says.
        var footer: SegmentFooter?
    }

    struct State {
        /// By first offset, ascending. The last one is written to, unless there is no writer.
        var segments: [Segment] = []
        /// The last segment's blocks of rows, with those that are not committed.
        var places: [BlockPlace] = []
        /// Where the last segment ends; `nil` while there is none.
        var tip: SegmentTip?
        /// When the last segment was begun, microseconds.
        var begunAt: Int64 = 0
        var mark = CommitMark(epoch: 0, end: PartitionEnd(), watermark: .min, at: 0)
        var producers: [[UInt8]: ProducerState] = [:]
        var hasWriter = false
        /// Its writer has been removed for good.
        var isSealed = false
        /// Counts how often files were replaced or cut: what a reader knows of places holds within one.
        var generation = 0
        var observers: [UInt64: @Sendable () -> Void] = [:]
        var nextObserver: UInt64 = 1
        /// Why nothing can be written until the partition is opened again.
        var isDeleted = false
    }
    let state: Mutex<State>
    /// Held by who changes which files there are: recovery, retention and rewriting.
    let upkeep = Mutex(())

    init(
        topic: String, name: String, identifier: UInt64, isSealed: Bool, files: PartitionFiles,
        options: TopicOptions, recovery: PartitionRecovery
    ) {
        self.topic = topic
        self.name = name
        self.identifier = identifier
        self.files = files
        self.options = options
        torn = recovery.torn
        uncommittedBytes = recovery.uncommittedBytes
        var state = State()
        state.isSealed = isSealed
        state.take(recovery)
        self.state = Mutex(state)
    }

    /// Opens what is on disk, as the writer's checkpoint or the last mark says.
    ///
    /// - Throws: As ``PartitionRecovery/run(_:token:clock:)``.
    static func open(
        topic: String, name: String, entry: PartitionEntry, directory: String,
        token: PartitionToken?, fileSystem: any FileSystem, options: TopicOptions
    ) throws(StoreError) -> Partition {
        let identity = identity(topic: topic, name: name, identifier: entry.identifier)
        let files = PartitionFiles(directory, identity, fileSystem)
        let recovery = try PartitionRecovery.run(
            files, token: token?.identifier == entry.identifier ? token : nil,
            clock: options.clock())
        return Partition(
            topic: topic, name: name, identifier: entry.identifier, isSealed: entry.isSealed,
            files: files, options: options, recovery: recovery)
    }

    /// What seeds the checksums of the partition's blocks.
    private static func identity(topic: String, name: String, identifier: UInt64) -> [UInt8] {
        Array("\(topic)/\(name)#\(identifier)".utf8)
    }

    /// Makes the partition anew what a checkpoint says, before a writer goes on.
    func recover(token: PartitionToken?) throws(StoreError) {
        try keepingUp { () throws(StoreError) in
            let recovery = try PartitionRecovery.run(files, token: token, clock: options.clock())
            state.withLock { state in state.take(recovery) }
        }
        notify()
    }

    /// Does what changes which files there are, while nobody else does.
    func keepingUp<R: Sendable>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        let result: Result<R, StoreError> = upkeep.withLock { _ in
            do throws(StoreError) { return .success(try body()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    // MARK: What is there

    /// The end of the committed rows, and the writer's watermark there.
    package var committed: (nextOffset: UInt64, watermark: Int64, at: Int64) {
        state.withLock { ($0.mark.end.nextOffset, $0.mark.watermark, $0.mark.at) }
    }

    /// The offset of the first row that is still kept.
    package var firstOffset: UInt64 { state.withLock { $0.segments.first?.base ?? 0 } }

    package var hasWriter: Bool { state.withLock { $0.hasWriter } }
    /// Whether its writer has been removed for good: its end is the end.
    package var isSealed: Bool { state.withLock { $0.isSealed } }
    package var segmentCount: Int { state.withLock { $0.segments.count } }
    /// The highest epoch of its writer that is committed.
    package var epoch: UInt64 { state.withLock { $0.mark.epoch } }
    package var producers: [[UInt8]: ProducerState] { state.withLock { $0.producers } }

    /// The bytes of its files.
    package var byteCount: Int64 {
        state.withLock { state in
            state.segments.reduce(0) { $0 + $1.length }
        }
    }

    /// How many rows can be read: those that are committed and kept, less what compaction removed.
    ///
    /// - Complexity: Reads the footers that were not read before.
    package func rowCount() throws(StoreError) -> UInt64 {
        var count: UInt64 = 0
        let end = state.withLock { $0.mark.end }
        for segment in try segments() where segment.base <= end.segment {
            guard let footer = segment.footer else { continue }
            // Of the segment that the end is in, what stands before it.
            count +=
                segment.base == end.segment
                ? min(footer.rowCount, end.nextOffset - segment.base) : footer.rowCount
        }
        return state.withLock { state in
            if state.segments.last?.base == end.segment {
                return count
                    + state.places.reduce(0) {
                        $1.end <= end.length ? $0 + UInt64($1.rowCount) : $0
                    }
            }
            return count
        }
    }

    /// The lowest and highest event time of the committed rows; `nil` without rows.
    package func timeRange() throws(StoreError) -> ClosedRange<Int64>? {
        var range: ClosedRange<Int64>?
        func add(_ low: Int64, _ high: Int64) {
            range = range.map { min($0.lowerBound, low)...max($0.upperBound, high) } ?? low...high
        }
        for case let footer? in try segments().map(\.footer) where footer.rowCount > 0 {
            add(footer.minTime, max(footer.minTime, footer.maxTime))
        }
        state.withLock { state in
            let end = state.mark.end
            guard state.segments.last?.base == end.segment else { return }
            for place in state.places where place.end <= end.length {
                add(place.minTime, max(place.minTime, place.maxTime))
            }
        }
        return range
    }

    /// All segments, the footers of the sealed ones read.
    func segments() throws(StoreError) -> [Segment] {
        var all = state.withLock { $0.segments }
        for index in all.indices.dropLast() where all[index].footer == nil {
            all[index].footer = try footer(of: all[index].base)
        }
        return all
    }

    private func footer(of base: UInt64) throws(StoreError) -> SegmentFooter {
        let footer = try files.sealed(base).footer
        state.withLock { state in
            guard let index = state.segments.firstIndex(where: { $0.base == base }) else { return }
            state.segments[index].footer = footer
        }
        return footer
    }

    /// The offset of the first block that has a row of this event time or a later one; the end's where
    /// there is none.
    ///
    /// - Complexity: One small read a segment whose footer was not read before, and one of the index.
    package func offset(atOrAfter time: Int64) throws(StoreError) -> UInt64 {
        for segment in try segments() {
            guard let footer = segment.footer else { break }
            guard footer.rowCount > 0, footer.maxTime >= time else { continue }
            let file = try files.fileSystem.open(files.path(segment.base), .read, permissions: 0)
            defer { files.fileSystem.close(file) }
            let sealed = try SealedSegment(
                file, identity: files.identity, number: segment.base,
                fileSystem: files.fileSystem)
            if let place = try sealed.places(file).first(where: { $0.maxTime >= time }) {
                return min(place.firstOffset, committed.nextOffset)
            }
        }
        return state.withLock { state in
            let end = state.mark.end
            let place = state.places.first { $0.maxTime >= time }
            return min(place?.firstOffset ?? end.nextOffset, end.nextOffset)
        }
    }

    // MARK: Changes

    /// Calls `changed` after each commit, on the thread that made it, until the number is cancelled.
    package func observe(_ changed: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            defer { state.nextObserver += 1 }
            state.observers[state.nextObserver] = changed
            return state.nextObserver
        }
    }

    package func cancel(observer: UInt64) {
        state.withLock { _ = $0.observers.removeValue(forKey: observer) }
    }

    func notify() {
        for observer in state.withLock({ Array($0.observers.values) }) { observer() }
    }

    /// Says that no row will follow: its writer has been removed. The caller notifies.
    func markSealed() { state.withLock { $0.isSealed = true } }

    /// Makes what readers were shown durable with a mark, where nobody writes it.
    func settleToShown() throws(StoreError) {
        let mark = state.withLock { $0.mark }
        guard mark.end.length > 0 else { return }
        try settle(
            PartitionToken(
                identifier: identifier, epoch: mark.epoch, end: mark.end,
                watermark: mark.watermark))
    }

    /// Makes it what a checkpoint says, where nobody writes it.
    func settle(_ token: PartitionToken) throws(StoreError) {
        let isFree = state.withLock { state in
            defer { state.hasWriter = true }
            return !state.hasWriter && !state.isDeleted
        }
        guard isFree else { return }
        defer { state.withLock { $0.hasWriter = false } }
        try recover(token: token)
    }

    /// Says that nothing may be written or deleted any more. The caller notifies.
    func markDeleted() { state.withLock { $0.isDeleted = true } }

    /// Whether the topic it belongs to has been deleted.
    package var isDeleted: Bool { state.withLock { $0.isDeleted } }
}

extension Partition.State {
    mutating func take(_ recovery: PartitionRecovery) {
        generation += 1
        segments = zip(recovery.bases, recovery.lengths).map {
            Partition.Segment(base: $0, length: $1)
        }
        places = recovery.last?.places ?? []
        tip = recovery.last?.tip
        begunAt = recovery.last?.begunAt ?? 0
        mark = recovery.mark
        producers = recovery.last?.producers ?? [:]
        mark.producers = [:]
    }
}
