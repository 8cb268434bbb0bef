import Glibc
import Synchronization

/// The one writer of a partition.
///
/// Rows are appended by one thread; a cut ends an epoch there, and what it returns is synced and
/// committed by another thread while the first one goes on appending. After a refused write or sync
/// the writer is fenced for good: the partition has to be recovered by the next one.
package final class PartitionWriter: Sendable {
    package let partition: Partition

    private struct State: @unchecked Sendable {
        // SAFETY: the writers in here are only used under the mutex that holds this value.
        var writer: SegmentWriter
        var base: UInt64
        var begunAt: Int64
        /// Sealed ones whose epoch is not committed yet.
        var sealed: [SegmentWriter] = []
        var isClosed = false
        /// What the last mark in the file states.
        var stated: PartitionEnd
    }
    private let state: Mutex<State>

    /// Recovers the partition and begins to write behind what is committed.
    ///
    /// - Parameter token: What the writer's checkpoint says; `nil` where the last mark is the truth.
    /// - Throws: `.inUse` where the partition has a writer already; as recovery does.
    package static func open(_ partition: Partition, token: PartitionToken?) throws(StoreError)
        -> PartitionWriter
    {
        if partition.isDeleted { throw .topicDeleted(partition.files.directory) }
        let isFree = partition.state.withLock { state in
            defer { state.hasWriter = true }
            return !state.hasWriter && !state.isDeleted
        }
        guard isFree else { throw .partitionInUse(partition.files.directory) }
        do throws(StoreError) {
            try partition.recover(token: token)
            return try PartitionWriter(partition)
        } catch {
            partition.state.withLock { $0.hasWriter = false }
            throw error
        }
    }

    private init(_ partition: Partition) throws(StoreError) {
        self.partition = partition
        let files = partition.files
        let now = partition.options.clock()
        let (last, tip, mark, begunAt) = partition.state.withLock {
            ($0.segments.last, $0.tip, $0.mark, $0.begunAt)
        }
        let writer: SegmentWriter
        if let last, let tip {
            let file = try files.fileSystem.open(files.path(last.base), .write, permissions: 0)
            writer = SegmentWriter(
                file, tip: tip, identity: files.identity, fileSystem: files.fileSystem)
            state = Mutex(
                State(writer: writer, base: last.base, begunAt: begunAt, stated: mark.end))
            return
        }
        writer = try Self.begin(
            files, base: 0, predecessor: nil, mark: nil, clock: now)
        do throws(StoreError) {
            try writer.sync()
            try files.fileSystem.rename(files.temporaryPath(0), to: files.path(0))
            try files.fileSystem.syncDirectory(files.directory)
        } catch {
            writer.close()
            throw error
        }
        let end = PartitionEnd(segment: 0, tip: try files.headerTip(0))
        partition.state.withLock { state in
            state.segments = [Partition.Segment(base: 0, length: writer.tip.length)]
            state.tip = writer.tip
            state.places = []
            state.mark.end = end
        }
        state = Mutex(State(writer: writer, base: 0, begunAt: now, stated: end))
    }

    /// Begins a segment's file under its temporary name: header and a mark. Nothing is synced.
    private static func begin(
        _ files: PartitionFiles, base: UInt64, predecessor: Predecessor?, mark: CommitMark?,
        clock: Int64
    ) throws(StoreError) -> SegmentWriter {
        let writer = try SegmentWriter.create(
            files.temporaryPath(base),
            SegmentHeader(
                kind: .topic, identity: files.identity, number: base, predecessor: predecessor),
            fileSystem: files.fileSystem, name: files.path(base))
        let mark =
            mark
            ?? CommitMark(
                epoch: 0, end: PartitionEnd(segment: base, tip: writer.tip), watermark: .min,
                at: clock)
        var blocks = BlockBuffer()
        blocks.appendMark(mark)
        do throws(StoreError) {
            try writer.append(&blocks)
            return writer
        } catch {
            writer.close()
            throw error
        }
    }

    // MARK: Writing

    /// Appends blocks of rows in one write. They are not visible and not durable.
    ///
    /// - Throws: `.full`, `.io`, and from then on `.fenced`.
    package func append(_ blocks: inout BlockBuffer) throws(StoreError) {
        guard !blocks.isEmpty else { return }
        try locked { (state) throws(StoreError) in
            let places = blocks.places(from: state.writer.tip)
            try state.writer.append(&blocks)
            let tip = state.writer.tip
            partition.state.withLock { shared in
                shared.places += places
                shared.tip = tip
                shared.segments[shared.segments.count - 1].length = tip.length
            }
        }
    }

    /// Ends an epoch: all that was appended belongs to it. A segment that is full or old is sealed,
    /// and what follows goes to a new one.
    ///
    /// - Complexity: No sync; two small writes where a segment is sealed.
    package func cut(epoch: UInt64, watermark: Int64) throws(StoreError) -> PartitionCut {
        try locked { (state) throws(StoreError) in
            let end = PartitionEnd(segment: state.base, tip: state.writer.tip)
            let token = PartitionToken(
                identifier: partition.identifier, epoch: epoch, end: end, watermark: watermark)
            var files = [state.writer]
            let newBase = try roll(&state)
            if newBase != nil { files.append(state.writer) }
            return PartitionCut(self, token: token, writers: files, newBase: newBase)
        }
    }

    /// Makes what was appended durable and visible at once, with a mark behind it: for the ingest path,
    /// which has no journal.
    ///
    /// - Parameter producers: Whose rows they are, each with the sequence number that a retry would
    ///   repeat. One sync acknowledges them all.
    package func commit(producers: [[UInt8]: UInt64]) throws(StoreError) {
        let now = partition.options.clock()
        var mark = CommitMark(epoch: 0, end: PartitionEnd(), watermark: .min, at: now)
        var known: [[UInt8]: ProducerState] = [:]
        let cut = try locked { (state) throws(StoreError) in
            mark.end = PartitionEnd(segment: state.base, tip: state.writer.tip)
            mark.producers = producers.mapValues { ProducerState(sequence: $0, at: now) }
            try append(mark, &state)
            // What a new segment begins with holds only once this one is synced, as it is before
            // the new one gets its name.
            known = remembered(with: mark)
            let old = state.writer
            let newBase = try roll(&state, mark: mark, producers: known)
            return PartitionCut(
                self, token: nil, writers: newBase == nil ? [old] : [old, state.writer],
                newBase: newBase)
        }
        try cut.sync()
        // Not before: who asks must not hear of rows that were not acknowledged.
        partition.state.withLock { $0.producers = known }
        publish(mark)
        retireSealed()
    }

    /// Rows that were appended and not committed.
    package var hasUncommitted: Bool {
        let end = partition.state.withLock { $0.mark.end }
        return state.withLock {
            $0.base != end.segment || $0.writer.tip.nextOffset != end.nextOffset
        }
    }

    /// The producers that are known once the mark is committed, without those that were silent for
    /// longest where they are too many.
    private func remembered(with mark: CommitMark) -> [[UInt8]: ProducerState] {
        let options = partition.options
        var known = partition.producers
        known.merge(mark.producers) { _, new in new }
        guard known.count > options.producersMax else { return known }
        let limit = mark.at - options.producerMicrosMax
        known = known.filter { $0.value.at >= limit }
        let excess = known.count - options.producersMax
        guard excess > 0 else { return known }
        for (key, _) in known.sorted(by: { $0.value.at < $1.value.at }).prefix(excess) {
            known[key] = nil
        }
        return known
    }

    private func append(_ mark: CommitMark, _ state: inout State) throws(StoreError) {
        var blocks = BlockBuffer()
        blocks.appendMark(mark)
        try state.writer.append(&blocks)
        state.stated = mark.end
        let tip = state.writer.tip
        partition.state.withLock { shared in
            shared.tip = tip
            shared.segments[shared.segments.count - 1].length = tip.length
        }
    }

    /// Seals the segment if it is large or old enough, and begins the next one.
    ///
    /// - Returns: The first offset of the new segment, whose file has its temporary name until
    ///   ``PartitionCut/sync()``.
    private func roll(
        _ state: inout State, mark: CommitMark? = nil, producers: [[UInt8]: ProducerState]? = nil
    ) throws(StoreError) -> UInt64? {
        let options = partition.options
        let now = options.clock()
        let (places, committed) = partition.state.withLock { ($0.places, $0.mark) }
        guard !places.isEmpty,
            state.writer.tip.length >= options.segmentBytesMax
                || now - state.begunAt >= options.segmentMicrosMax
                || places.count >= options.segmentBlocksMax
        else { return nil }
        let base = state.writer.tip.nextOffset
        let footer = try state.writer.seal(
            SegmentSeal(firstAppendedAt: state.begunAt, lastAppendedAt: now), index: places)
        var first = mark ?? committed
        first.producers = producers ?? partition.producers
        let next = try Self.begin(
            partition.files, base: base,
            predecessor: Predecessor(
                lastOffset: Int64(bitPattern: base) &- 1, digest: footer.linkDigest),
            mark: first, clock: now)
        let oldTip = state.writer.tip
        let oldBase = state.base
        state.sealed.append(state.writer)
        state.writer = next
        state.base = base
        state.begunAt = now
        partition.state.withLock { shared in
            if let index = shared.segments.firstIndex(where: { $0.base == oldBase }) {
                shared.segments[index].length = oldTip.length
                shared.segments[index].footer = footer
            }
            shared.segments.append(Partition.Segment(base: base, length: next.tip.length))
            shared.places = []
            shared.tip = next.tip
        }
        return base
    }

    // MARK: Committing

    fileprivate func publish(_ mark: CommitMark) {
        partition.state.withLock { shared in
            shared.mark = mark
            shared.mark.producers = [:]
        }
        partition.notify()
    }

    /// Publishes an epoch whose record is synced, and repeats it in a mark.
    fileprivate func commit(_ token: PartitionToken) throws(StoreError) {
        let mark = CommitMark(
            epoch: token.epoch, end: token.end, watermark: token.watermark,
            at: partition.options.clock())
        publish(mark)
        try locked { (state) throws(StoreError) in
            // Epochs without rows would make the segment grow for ever.
            if !state.stated.isSamePlace(as: token.end) { try append(mark, &state) }
        }
        retireSealed()
    }

    /// Closes the files of segments that are sealed and committed.
    private func retireSealed() {
        state.withLock { state in
            for writer in state.sealed { writer.close() }
            state.sealed = []
        }
    }

    /// Ends the use of the writer. Rows that are not committed go at the next recovery.
    package func close() {
        let end = partition.state.withLock { $0.mark.end }
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            // The mark of the last commit is made durable, so that the partition needs no checkpoint
            // of its writer to be read.
            if state.writer.fencedBy == nil, state.stated.isSamePlace(as: end) {
                try? state.writer.sync()
            }
            for writer in state.sealed + [state.writer] { writer.close() }
            state.sealed = []
        }
        partition.state.withLock { $0.hasWriter = false }
        partition.notify()
    }

    private func locked<R>(_ body: (inout State) throws(StoreError) -> R) throws(StoreError) -> R {
        let result: Result<R, StoreError> = state.withLock { state in
            guard !state.isClosed else {
                return .failure(.system("write", partition.files.directory, code: EBADF))
            }
            // Its files have no names any more: what was written to them would be gone.
            guard !partition.isDeleted else {
                return .failure(.topicDeleted(partition.files.directory))
            }
            do throws(StoreError) { return .success(try body(&state)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    fileprivate func beginSync(_ writer: SegmentWriter) throws(StoreError) -> (OpenFile, Int64) {
        try locked { (_) throws(StoreError) in try writer.beginSync() }
    }

    fileprivate func endSync(_ writer: SegmentWriter, length: Int64, error: StoreError?) {
        state.withLock { _ in writer.endSync(length: length, error: error) }
    }
}

/// The share of one epoch in a partition, on its way to being committed.
package final class PartitionCut: @unchecked Sendable {
    // SAFETY: immutable; the segment writers are used through the partition writer's lock.
    private let writer: PartitionWriter
    /// What the checkpoint's record keeps; `nil` for the ingest path.
    package let token: PartitionToken?
    private let writers: [SegmentWriter]
    private let newBase: UInt64?

    fileprivate init(
        _ writer: PartitionWriter, token: PartitionToken?, writers: [SegmentWriter],
        newBase: UInt64?
    ) {
        self.writer = writer
        self.token = token
        self.writers = writers
        self.newBase = newBase
    }

    /// Makes the epoch's rows durable, and gives a segment that was begun its name.
    ///
    /// - Throws: `.full`, `.io`; the writer is then fenced.
    package func sync() throws(StoreError) {
        let files = writer.partition.files
        for segment in writers {
            let (file, length) = try writer.beginSync(segment)
            var failure: StoreError?
            do throws(StoreError) { try files.fileSystem.sync(file) } catch { failure = error }
            writer.endSync(segment, length: length, error: failure)
            if let failure { throw failure }
        }
        guard let newBase else { return }
        do throws(StoreError) {
            try files.fileSystem.rename(files.temporaryPath(newBase), to: files.path(newBase))
            try files.fileSystem.syncDirectory(files.directory)
        } catch {
            for segment in writers { writer.endSync(segment, length: 0, error: error) }
            throw error
        }
    }

    /// Makes the rows visible. After the checkpoint's record was synced.
    package func commit() throws(StoreError) {
        if let token { try writer.commit(token) }
    }
}
