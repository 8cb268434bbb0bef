@testable import Store

/// A writer with a journal and a partition of small segments, and what recovery finds of both.
struct BackupWorkload {
    /// What a state directory holds after recovery.
    struct Found: Equatable {
        /// The epoch of the journal's last record; 0 for none.
        var epoch: UInt64 = 0
        var rows: [Int] = []
        var produced: [Int] = []
    }

    private static let writer = "p/out"

    /// Runs epochs until the disk refuses or they are done; each has seven rows and an ingested one.
    static func run(_ fileSystem: any FileSystem, epochs: Int, path: String = "/s")
        throws(StoreError)
    {
        let state = try StateDirectory.open(
            path: path, fileSystem: fileSystem, processID: 1, reserveBytes: 100)
        defer { state.close() }
        try run(state, epochs: epochs)
    }

    /// - Parameter retains: Whether the oldest segments go now and then.
    static func run(_ state: StateDirectory, epochs: Int, retains: Bool = false)
        throws(StoreError)
    {
        let store = try open(state)
        defer { store.close() }
        let journal = try state.openJournal("p", identity: [1])
        defer { journal.close() }
        let topic = try store.create("t", definition: [1], schema: [2])
        let own = try PartitionWriter.open(
            try topic.partition("p.out", writer: writer), token: nil)
        defer { own.close() }
        let ingest = try PartitionWriter.open(
            try topic.partition("ingest", writer: ""), token: nil)
        defer { ingest.close() }
        for epoch in 1...epochs {
            var blocks = TopicFixture.blocks([(epoch - 1) * 7..<epoch * 7])
            try own.append(&blocks)
            let cut = try own.cut(epoch: UInt64(epoch), watermark: 0)
            try cut.sync()
            var record = JournalRecordBuilder()
            record.setMeta(cut.token?.encoded ?? [])
            try journal.commit(&record)
            try cut.commit()
            var row = TopicFixture.blocks([epoch..<epoch + 1])
            try ingest.append(&row)
            try ingest.commit(producers: [:])
            if retains, epoch % 40 == 0, let old = try own.partition.oldSegments().dropLast(6).last
            {
                try own.partition.removeSegments(before: old.base)
            }
        }
    }

    private static func open(_ state: StateDirectory) throws(StoreError) -> TopicStore {
        var options = TopicOptions(clock: { 1000 })
        options.segmentBytesMax = 600
        options.random = { 1 }
        return try TopicStore.open(
            state: state, options: options,
            token: { (_, _) throws(StoreError) in
                try state.recoverCheckpoint("p", identity: [1])
            })
    }

    /// Recovers a state directory that nobody uses.
    static func found(_ fileSystem: any FileSystem, path: String = "/s") throws(StoreError) -> Found
    {
        let state = try StateDirectory.open(
            path: path, fileSystem: fileSystem, processID: 1, reserveBytes: 100)
        defer { state.close() }
        let store = try open(state)
        defer { store.close() }
        var found = Found()
        if let meta = try state.recoverCheckpoint("p", identity: [1]) {
            found.epoch = PartitionToken(meta)?.epoch ?? 0
        }
        guard let topic = try store.topic("t") else { return found }
        if let own = topic.partition("p.out") { found.rows = try TopicFixture.rows(own) }
        if let other = topic.partition("ingest") { found.produced = try TopicFixture.rows(other) }
        return found
    }
}

extension Backup.Options {
    static var test: Backup.Options {
        Backup.Options(program: "0.1.0", clock: { 1_700_000_000_000_000 })
    }
}

extension Backup {
    /// Of a state directory that nobody uses.
    static func take(
        at path: String, to target: String, _ fileSystem: any FileSystem,
        _ options: Options = .test
    ) throws(StoreError) -> Result {
        let state = try StateDirectory.open(
            path: path, fileSystem: fileSystem, processID: 1, reserveBytes: 100)
        defer { state.close() }
        return try take(of: state, to: target, options)
    }
}
