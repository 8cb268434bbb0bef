/// What the daemon knows of one pipeline besides its spec.
package struct CatalogEntry: Equatable, Sendable {
    /// Which of the pipelines that had this name it is. Part of every commit token, never reused.
    package var incarnation: UInt64
    package var isPaused: Bool
    /// Whatever else the controller wants to find again, opaque here.
    package var data: [UInt8]

    package init(incarnation: UInt64, isPaused: Bool = false, data: [UInt8] = []) {
        self.incarnation = incarnation
        self.isPaused = isPaused
        self.data = data
    }

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: incarnation)
        bytes.append(isPaused ? 1 : 0)
        return bytes + data
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = ByteReader(bytes)
        guard let incarnation = reader.number(UInt64.self), let paused = reader.number(UInt8.self),
            paused <= 1, let data = reader.bytes(reader.remaining)
        else { return nil }
        self.init(incarnation: incarnation, isPaused: paused == 1, data: [UInt8](data))
    }
}

/// A small durable map from names of pipelines to what is known of them, in a journal of its own.
///
/// Used by one thread at a time. Names are compared as bytes. A change that throws has not been made
/// in memory; whether it is on disk is known after opening again, as with any journal.
package final class Catalog {
    private let journal: Journal
    /// By the bytes of the name.
    private var entries: [[UInt8]: CatalogEntry] = [:]
    /// Incarnations below this may have been given out.
    private var incarnationLimit: UInt64 = 1
    private var nextIncarnation: UInt64 = 1

    private static let identity = [UInt8]("catalog".utf8)
    private static let node = [UInt8]("pipelines".utf8)
    /// How many incarnations one sync pays for.
    private static let incarnationsPerCommit: UInt64 = 256

    package static func open(
        directory: String, fileSystem: any FileSystem, options: JournalOptions = JournalOptions()
    ) throws(StoreError) -> Catalog {
        let journal = try Journal.open(
            directory: directory, identity: identity, fileSystem: fileSystem, options: options)
        return try Catalog(journal, directory)
    }

    private init(_ journal: Journal, _ directory: String) throws(StoreError) {
        self.journal = journal
        guard let state = journal.takeRecovered() else { return }
        let path = journal.path ?? directory
        try state.forEachEntry(node: Self.node) { (_, name, value) throws(StoreError) in
            guard let entry = CatalogEntry(value) else {
                throw .damaged(path, at: 0, "the entry \(readable([UInt8](name))) cannot be read")
            }
            entries[[UInt8](name)] = entry
        }
        let limit = state.meta.withUnsafeBytes { meta in
            var reader = ByteReader(meta)
            return reader.number(UInt64.self)
        }
        guard let limit, state.meta.count == 8 else {
            throw .damaged(path, at: 0, "the number of the next incarnation cannot be read")
        }
        incarnationLimit = limit
        nextIncarnation = limit
    }

    package func get(_ name: String) -> CatalogEntry? { entries[[UInt8](name.utf8)] }

    /// All entries, in the order of their names' bytes.
    package var all: [(name: String, entry: CatalogEntry)] {
        entries.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
    }

    /// How many bytes recovery cut off the catalog's end.
    package var tornBytes: Int64 { journal.tornBytes }
    /// Whether an error has closed the catalog for good: it has to be opened again.
    package var isFenced: Bool { journal.isFenced }

    /// A number that no pipeline has had and none will get again, removed ones included.
    ///
    /// - Throws: As ``Journal/commit(_:)``; one call in 256 makes a commit.
    package func issueIncarnation() throws(StoreError) -> UInt64 {
        if nextIncarnation == incarnationLimit {
            let (limit, overflow) = incarnationLimit.addingReportingOverflow(
                Self.incarnationsPerCommit)
            guard !overflow else {
                throw .tooLarge(
                    "another incarnation", journal.directory, bytes: 8, limit: 8)
            }
            var record = JournalRecordBuilder()
            try commit(&record, limit: limit)
            incarnationLimit = limit
        }
        defer { nextIncarnation += 1 }
        return nextIncarnation
    }

    /// Sets what is known of a pipeline, durably.
    package func set(_ name: String, _ entry: CatalogEntry) throws(StoreError) {
        let key = [UInt8](name.utf8)
        var record = JournalRecordBuilder()
        record.put(node: Self.node, key: key, time: 0, value: entry.encoded())
        try commit(&record, limit: incarnationLimit)
        entries[key] = entry
    }

    /// Forgets a pipeline, durably. Nothing happens where it is not known.
    package func remove(_ name: String) throws(StoreError) {
        let key = [UInt8](name.utf8)
        guard entries[key] != nil else { return }
        var record = JournalRecordBuilder()
        record.delete(node: Self.node, key: key, time: 0)
        try commit(&record, limit: incarnationLimit)
        entries[key] = nil
    }

    /// Sets several entries (nil forgets one) with a single commit: all of them or none.
    package func apply(_ changes: [(name: String, entry: CatalogEntry?)]) throws(StoreError) {
        var record = JournalRecordBuilder()
        for change in changes {
            let key = [UInt8](change.name.utf8)
            if let entry = change.entry {
                record.put(node: Self.node, key: key, time: 0, value: entry.encoded())
            } else {
                record.delete(node: Self.node, key: key, time: 0)
            }
        }
        try commit(&record, limit: incarnationLimit)
        for change in changes { entries[[UInt8](change.name.utf8)] = change.entry }
    }

    package func close() { journal.close() }

    private func commit(_ record: inout JournalRecordBuilder, limit: UInt64) throws(StoreError) {
        var meta: [UInt8] = []
        meta.append(littleEndian: limit)
        record.setMeta(meta)
        try journal.commit(&record)
    }
}
