import Testing

@testable import Store

/// A pipeline that writes a topic with a journal, an ingest path beside it, segments that roll, are
/// rewritten and deleted, a topic that comes and goes, and restarts: all that the store does with
/// topics, so small that it can be stopped at each of its calls.
struct TopicWorkload {
    /// How far it got before the machine stopped.
    struct Progress {
        /// Epochs whose record was acknowledged, and whether one more was begun.
        var epochs = 0
        var isCommitting = false
        /// Batches whose rows were acknowledged, and whether one more was begun.
        var batches = 0
        var isIngesting = false
        /// Rows below this may have been deleted by retention.
        var removedBelow: UInt64 = 0
        var schemas = 1
        var isAddingSchema = false

        var allowedEpochs: ClosedRange<Int> { epochs...epochs + (isCommitting ? 1 : 0) }
        var allowedBatches: ClosedRange<Int> { batches...batches + (isIngesting ? 1 : 0) }
        var allowedSchemas: ClosedRange<Int> { schemas...schemas + (isAddingSchema ? 1 : 0) }
    }

    var epochCount = 16
    static let rowsPerEpoch = 7
    static let rowsPerBatch = 5
    static let writer = "p/out"
    static let journalIdentity = Array("p".utf8)

    /// The rows of the first epochs; those of batches begin with 1,000,000.
    static func rows(epochs: Int) -> [Int] { Array(0..<epochs * rowsPerEpoch) }
    static func rows(batches: Int) -> [Int] {
        (0..<batches * rowsPerBatch).map { 1_000_000 + $0 }
    }

    /// A store whose tokens come out of the pipeline's journal, as the daemon's do.
    static func open(_ disk: SimulatedFileSystem) throws(StoreError) -> (StateDirectory, TopicStore)
    {
        let state = try StateDirectory.open(
            path: "/s", fileSystem: disk, processID: 1, reserveBytes: 100)
        var options = TopicOptions(clock: { 1000 })
        options.segmentBytesMax = 900
        options.random = { 1 }
        do throws(StoreError) {
            return (
                state,
                try TopicStore.open(state: state, options: options) {
                    (_, _) throws(StoreError) in
                    try state.recoverCheckpoint("p", identity: journalIdentity)
                }
            )
        } catch {
            state.close()
            throw error
        }
    }

    /// Goes on from `progress` until it is done or refused.
    func run(_ disk: SimulatedFileSystem, _ progress: inout Progress) throws(StoreError) {
        while progress.epochs < epochCount {
            let next = min(epochCount, (progress.epochs / 6 + 1) * 6)
            try session(disk, until: next, &progress)
        }
    }

    /// One life of the process.
    private func session(
        _ disk: SimulatedFileSystem, until last: Int, _ progress: inout Progress
    ) throws(StoreError) {
        let (state, store) = try Self.open(disk)
        defer {
            store.close()
            state.close()
        }
        let topic = try store.create("t", definition: [1], schema: [0])
        let journal = try state.openJournal("p", identity: Self.journalIdentity, options: .small)
        let token = journal.takeRecovered().flatMap { PartitionToken($0.meta) }
        let partition = try topic.partition("p.out", writer: Self.writer)
        let writer = try PartitionWriter.open(partition, token: token)
        let ingest = try PartitionWriter.open(
            try topic.partition("ingest", writer: ""), token: nil)
        while progress.epochs < last {
            // A process that dies closes nothing.
            if try epoch(writer, journal, &progress) { return }
            if progress.epochs % 2 == 0 { try batch(ingest, &progress) }
            if progress.epochs % 5 == 0 { try upkeep(partition, &progress) }
            if progress.epochs % 7 == 3 {
                progress.isAddingSchema = progress.schemas <= progress.epochs
                _ = try topic.addSchema([UInt8(progress.epochs)])
                if progress.isAddingSchema { progress.schemas = topic.schemas.count }
                progress.isAddingSchema = false
            }
            if progress.epochs % 8 == 4 {
                let other = try store.create("other", definition: [], schema: [])
                let passing = try PartitionWriter.open(
                    try other.partition("ingest", writer: ""), token: nil)
                var blocks = TopicFixture.blocks([0..<3])
                try passing.append(&blocks)
                try passing.commit(producers: [:])
                passing.close()
                _ = try store.delete("other")
            }
        }
        writer.close()
        ingest.close()
        if last % 4 == 0 { journal.close() }
    }

    /// Returns whether the process dies after it.
    private func epoch(
        _ writer: PartitionWriter, _ journal: Journal, _ progress: inout Progress
    ) throws(StoreError) -> Bool {
        let first = progress.epochs * Self.rowsPerEpoch
        var blocks = TopicFixture.blocks([first..<first + 4, first + 4..<first + Self.rowsPerEpoch])
        try writer.append(&blocks)
        let cut = try writer.cut(epoch: UInt64(progress.epochs + 1), watermark: Int64(first))
        // The lane goes on while the epoch is synced: these rows are of one that never comes.
        if progress.epochs % 3 == 1 {
            var later = TopicFixture.blocks([first + Self.rowsPerEpoch..<first + 9])
            try writer.append(&later)
        }
        try cut.sync()
        var record = JournalRecordBuilder()
        record.setMeta(cut.token?.encoded ?? [])
        progress.isCommitting = true
        try journal.commit(&record)
        progress.epochs += 1
        progress.isCommitting = false
        try cut.commit()
        // What was appended beyond the cut is of an epoch that does not come.
        return progress.epochs % 3 == 2
    }

    private func batch(_ ingest: PartitionWriter, _ progress: inout Progress) throws(StoreError) {
        let first = 1_000_000 + progress.batches * Self.rowsPerBatch
        var blocks = TopicFixture.blocks([first..<first + Self.rowsPerBatch])
        try ingest.append(&blocks)
        progress.isIngesting = true
        try ingest.commit(producers: [Array("me".utf8): UInt64(progress.batches)])
        progress.batches += 1
        progress.isIngesting = false
    }

    /// Rewrites the first segment, and deletes what stands before the second.
    private func upkeep(_ partition: Partition, _ progress: inout Progress) throws(StoreError) {
        let targets = try SegmentRewrite.targets(partition)
        guard let target = targets.first else { return }
        let rows = try TopicFixture.rows(partition, from: target.base)
            .prefix(Int(target.end - target.base))
        guard let low = rows.first, let high = rows.last else { return }
        try SegmentRewrite.run(partition, target) { rewrite throws(StoreError) in
            try rewrite.append(
                count: rows.count, minTime: Int64(low), maxTime: Int64(high), firstOffset: nil
            ) { bytes in
                for value in rows { bytes.append(littleEndian: UInt64(value)) }
            }
        }
        guard targets.count > 2 else { return }
        progress.removedBelow = targets[1].base
        try partition.removeSegments(before: targets[1].base)
    }
}
