/// What is known of a partition besides its files.
package struct PartitionEntry: Equatable, Sendable {
    /// Never used again in its topic.
    package var identifier: UInt64
    /// Whether its writer has been removed for good.
    package var isSealed = false
    /// Who writes it: opaque here, empty for the ingest path.
    package var writer: String

    /// The folder of its segments in the topic's. The sign is in no name, so that a partition cannot be
    /// taken for another one of its name or for the topic's record.
    func folder(_ name: String) -> String { "\(name)\(Self.folderSign)\(identifier)" }

    static let folderSign: Character = "~"

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: identifier)
        bytes.append(isSealed ? 1 : 0)
        return bytes + Array(writer.utf8)
    }

    init(identifier: UInt64, writer: String) {
        self.identifier = identifier
        self.writer = writer
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = ByteReader(bytes)
        guard let identifier = reader.number(UInt64.self), let sealed = reader.number(UInt8.self),
            sealed <= 1, let writer = reader.bytes(reader.remaining)
        else { return nil }
        self.identifier = identifier
        isSealed = sealed == 1
        self.writer = String(decoding: writer, as: UTF8.self)
    }
}

/// What a topic is: its definition and schemas, opaque here, and its partitions. Kept in a journal
/// of its own in the topic's folder.
final class TopicRecord {
    private var journal: Journal
    private let topic: String
    private let name: String
    private let fileSystem: any FileSystem
    private(set) var definition: [UInt8] = []
    /// By version, from 0; what rows were written with stays for ever.
    private(set) var schemas: [[UInt8]] = []
    /// By name, as bytes.
    private(set) var partitions: [[UInt8]: PartitionEntry] = [:]
    private var nextIdentifier: UInt64 = 1

    private static let topicNode = Array("topic".utf8)
    private static let schemaNode = Array("schemas".utf8)
    private static let partitionNode = Array("partitions".utf8)

    static func directory(of topic: String) -> String { "\(topic)/topic.journal" }

    /// Opens the record of a topic; `nil` where there is none: the topic was never whole.
    static func open(_ topic: String, name: String, fileSystem: any FileSystem) throws(StoreError)
        -> TopicRecord?
    {
        let record = try TopicRecord(topic, name: name, fileSystem)
        guard let state = record.journal.takeRecovered() else { return nil }
        try record.read(state)
        return record
    }

    static func create(
        _ topic: String, name: String, definition: [UInt8], schema: [UInt8],
        firstIdentifier: UInt64, fileSystem: any FileSystem
    ) throws(StoreError) -> TopicRecord {
        let record = try TopicRecord(topic, name: name, fileSystem)
        record.nextIdentifier = firstIdentifier
        try record.commit { record in
            record.put(node: topicNode, key: [], time: 0, value: definition)
            record.put(node: schemaNode, key: key(0), time: 0, value: schema)
        }
        record.definition = definition
        record.schemas = [schema]
        return record
    }

    private init(_ topic: String, name: String, _ fileSystem: any FileSystem) throws(StoreError) {
        self.topic = topic
        self.name = name
        self.fileSystem = fileSystem
        journal = try Self.open(topic, name, fileSystem)
    }

    private static func open(_ topic: String, _ name: String, _ fileSystem: any FileSystem)
        throws(StoreError) -> Journal
    {
        try Journal.open(
            directory: directory(of: topic), identity: Array("topic/\(name)".utf8),
            fileSystem: fileSystem)
    }

    private func read(_ state: RecoveredState) throws(StoreError) {
        definition = []
        schemas = []
        partitions = [:]
        let path = journal.path ?? topic
        let identifier = state.meta.withUnsafeBytes { meta in
            var reader = ByteReader(meta)
            return reader.number(UInt64.self)
        }
        guard let identifier else {
            throw .damaged(path, at: 0, "the number of the next partition cannot be read")
        }
        nextIdentifier = max(nextIdentifier, identifier)
        state.forEachEntry(node: Self.topicNode) { (_, _, value) in definition = [UInt8](value) }
        var versions: [UInt32: [UInt8]] = [:]
        state.forEachEntry(node: Self.schemaNode) { (_, key, value) in
            if key.count == 4 { versions[key.load(UInt32.self, at: 0)] = [UInt8](value) }
        }
        for version in 0..<UInt32(versions.count) {
            guard let schema = versions[version] else {
                throw .damaged(path, at: 0, "the topic's schema \(version) is not there")
            }
            schemas.append(schema)
        }
        try state.forEachEntry(node: Self.partitionNode) { (_, name, value) throws(StoreError) in
            guard let entry = PartitionEntry(value) else {
                throw .damaged(
                    path, at: 0, "the entry \(readable([UInt8](name))) cannot be read")
            }
            partitions[[UInt8](name)] = entry
        }
    }

    private static func key(_ version: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: version)
        return bytes
    }

    func setDefinition(_ bytes: [UInt8]) throws(StoreError) {
        try commit { $0.put(node: Self.topicNode, key: [], time: 0, value: bytes) }
        definition = bytes
    }

    /// Adds a schema and returns its version.
    func addSchema(_ bytes: [UInt8]) throws(StoreError) -> UInt32 {
        let version = UInt32(schemas.count)
        try commit { $0.put(node: Self.schemaNode, key: Self.key(version), time: 0, value: bytes) }
        schemas.append(bytes)
        return version
    }

    /// A partition to be, with a number that no other has had.
    func nextEntry(writer: String) -> PartitionEntry {
        PartitionEntry(identifier: nextIdentifier, writer: writer)
    }

    /// Adds a partition that ``nextEntry(writer:)`` gave.
    func addPartition(_ name: String, _ entry: PartitionEntry) throws(StoreError) {
        nextIdentifier = entry.identifier + 1
        do throws(StoreError) {
            try setPartition(name, entry)
        } catch {
            nextIdentifier = entry.identifier
            throw error
        }
    }

    func setPartition(_ name: String, _ entry: PartitionEntry) throws(StoreError) {
        let key = Array(name.utf8)
        try commit {
            $0.put(node: Self.partitionNode, key: key, time: 0, value: entry.encoded())
        }
        partitions[key] = entry
    }

    func removePartition(_ name: String) throws(StoreError) {
        let key = Array(name.utf8)
        try commit { $0.delete(node: Self.partitionNode, key: key, time: 0) }
        partitions[key] = nil
    }

    func close() { journal.close() }

    private func commit(_ fill: (inout JournalRecordBuilder) -> Void) throws(StoreError) {
        var record = JournalRecordBuilder()
        fill(&record)
        var meta: [UInt8] = []
        meta.append(littleEndian: nextIdentifier)
        record.setMeta(meta)
        if journal.isFenced {
            // An earlier change was refused: what is on disk is looked at before another one is made.
            journal = try Self.open(topic, name, fileSystem)
            if let state = journal.takeRecovered() { try read(state) }
            meta = []
            meta.append(littleEndian: nextIdentifier)
            record.setMeta(meta)
        }
        try journal.commit(&record)
    }
}
