import Synchronization

/// All topics of a state directory.
///
/// A topic is opened, and recovered, when somebody first asks for it, so that start-up does not depend
/// on how many there are or how much they hold. It then stays open.
package final class TopicStore: Sendable {
    /// `STATE/topics`.
    package let directory: String
    package let options: TopicOptions
    private let fileSystem: any FileSystem
    /// What a writer's last checkpoint says of a partition: `nil` where the writer has none.
    private let token: @Sendable (_ writer: String, _ topic: String) throws(StoreError) -> [UInt8]?

    /// One name: what is open or known of it. Whoever opens, makes or deletes the topic holds
    /// ``changing``; others see what is there without waiting for that.
    private final class Slot: Sendable {
        struct Content {
            var topic: Topic?
            /// Of a topic that was looked at and not opened.
            var description: TopicDescription?
        }
        let changing = Mutex(())
        let content = Mutex(Content())

        func change<R: Sendable>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
            let result: Result<R, StoreError> = changing.withLock { _ in
                do throws(StoreError) { return .success(try body()) } catch {
                    return .failure(error)
                }
            }
            return try result.get()
        }
    }

    private struct State {
        var slots: [String: Slot] = [:]
        var observers: [UInt64: @Sendable () -> Void] = [:]
        var nextObserver: UInt64 = 1
    }
    private let state = Mutex(State())

    private func slot(_ name: String) -> Slot {
        state.withLock { state in
            if let known = state.slots[name] { return known }
            let slot = Slot()
            state.slots[name] = slot
            return slot
        }
    }

    private static let deletedPrefix = ".deleted-"
    package static let nameBytesMax = 127

    /// Opens the folder, creating it where it is not there, and finishes deletions.
    ///
    /// - Parameter token: Called once a partition that has a writer, when its topic is opened.
    package static func open(
        state directory: StateDirectory, options: TopicOptions,
        token:
            @escaping @Sendable (_ writer: String, _ topic: String) throws(StoreError) -> [UInt8]?
    ) throws(StoreError) -> TopicStore {
        let store = TopicStore(
            "\(directory.path)/topics", directory.fileSystem, options, token)
        try store.prepare(directory.path)
        return store
    }

    private init(
        _ directory: String, _ fileSystem: any FileSystem, _ options: TopicOptions,
        _ token: @escaping @Sendable (String, String) throws(StoreError) -> [UInt8]?
    ) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.options = options
        self.token = token
    }

    private func prepare(_ parent: String) throws(StoreError) {
        if try fileSystem.createDirectory(directory, permissions: 0o700) {
            try fileSystem.syncDirectory(parent)
        }
        for name in try fileSystem.list(directory) where name.hasPrefix(Self.deletedPrefix) {
            try FolderRemoval.remove("\(directory)/\(name)", fileSystem)
        }
    }

    /// Lower-case letters, digits, `.`, `_` and `-`; the first a letter or a digit.
    package static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= nameBytesMax else { return false }
        func isPlain(_ byte: UInt8) -> Bool {
            (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
        }
        return isPlain(first) && name.utf8.allSatisfy { isPlain($0) || "._-".utf8.contains($0) }
    }

    // MARK: Looking

    /// The names of all topics, in the order of their bytes.
    package func names() throws(StoreError) -> [String] {
        var names: [String] = []
        for name in try fileSystem.list(directory) where Self.isName(name) {
            let record = TopicRecord.directory(of: "\(directory)/\(name)")
            if try fileSystem.status(path: record) != nil { names.append(name) }
        }
        return names
    }

    /// A topic, opened if it was not; `nil` where there is none.
    ///
    /// - Throws: What its recovery threw; a later call tries again.
    /// - Complexity: When it is opened, one pass over the last segment of each partition. Other topics
    ///   are not waited for.
    package func topic(_ name: String) throws(StoreError) -> Topic? {
        guard Self.isName(name) else { return nil }
        let slot = slot(name)
        if let known = slot.content.withLock({ $0.topic }) { return known }
        return try slot.change { () throws(StoreError) in try open(name, slot) }
    }

    /// What a topic is, without opening its partitions; `nil` where there is none.
    ///
    /// - Complexity: The first time, one pass over the topic's own small journal.
    package func description(_ name: String) throws(StoreError) -> TopicDescription? {
        guard Self.isName(name) else { return nil }
        let slot = slot(name)
        let (topic, known) = slot.content.withLock { ($0.topic, $0.description) }
        if let topic {
            return TopicDescription(definition: topic.definition, schemas: topic.schemas)
        }
        if let known { return known }
        return try slot.change { () throws(StoreError) in
            guard let record = try record(name) else { return nil }
            defer { record.close() }
            let description = TopicDescription(
                definition: record.definition, schemas: record.schemas)
            slot.content.withLock { $0.description = description }
            return description
        }
    }

    private func record(_ name: String) throws(StoreError) -> TopicRecord? {
        let path = "\(directory)/\(name)"
        guard try fileSystem.status(path: TopicRecord.directory(of: path)) != nil else {
            return nil
        }
        return try TopicRecord.open(path, name: name, fileSystem: fileSystem)
    }

    /// Opens a topic; the caller is changing the slot.
    private func open(_ name: String, _ slot: Slot) throws(StoreError) -> Topic? {
        if let known = slot.content.withLock({ $0.topic }) { return known }
        guard let record = try record(name) else { return nil }
        let path = "\(directory)/\(name)"
        try removeStrangers(path, record)
        var partitions: [Partition] = []
        for (key, entry) in record.partitions {
            let partition = String(decoding: key, as: UTF8.self)
            var token: PartitionToken?
            if !entry.writer.isEmpty, !entry.isSealed,
                let bytes = try self.token(entry.writer, name)
            {
                token = PartitionToken(bytes)
            }
            partitions.append(
                try Partition.open(
                    topic: name, name: partition, entry: entry,
                    directory: "\(path)/\(entry.folder(partition))", token: token,
                    fileSystem: fileSystem, options: options))
        }
        let topic = Topic(
            name: name, directory: path, record: record, partitions: partitions,
            fileSystem: fileSystem, options: options)
        slot.content.withLock { $0 = Slot.Content(topic: topic) }
        return topic
    }

    /// Removes the folders of partitions that the record does not have: one that was being made had no
    /// row yet, and one that was being deleted was deleted.
    private func removeStrangers(_ path: String, _ record: TopicRecord) throws(StoreError) {
        let known = Set(
            record.partitions.map { key, entry in
                Array(entry.folder(String(decoding: key, as: UTF8.self)).utf8)
            })
        for name in try fileSystem.list(path)
        where name.contains(PartitionEntry.folderSign) && !known.contains(Array(name.utf8)) {
            try FolderRemoval.remove("\(path)/\(name)", fileSystem)
        }
    }

    // MARK: Changing

    /// Makes a topic, durably; the known one where there is one.
    package func create(_ name: String, definition: [UInt8], schema: [UInt8]) throws(StoreError)
        -> Topic
    {
        guard Self.isName(name) else { throw .invalidTopicName(name, in: directory) }
        let slot = slot(name)
        let (topic, isNew) = try slot.change { () throws(StoreError) -> (Topic, Bool) in
            if let known = try open(name, slot) { return (known, false) }
            let path = "\(directory)/\(name)"
            try fileSystem.createDirectory(path, permissions: 0o700)
            try fileSystem.syncDirectory(directory)
            let record = try TopicRecord.create(
                path, name: name, definition: definition, schema: schema,
                firstIdentifier: options.random(), fileSystem: fileSystem)
            let topic = Topic(
                name: name, directory: path, record: record, partitions: [],
                fileSystem: fileSystem, options: options)
            slot.content.withLock { $0 = Slot.Content(topic: topic) }
            return (topic, true)
        }
        if isNew {
            for observer in state.withLock({ Array($0.observers.values) }) { observer() }
        }
        return topic
    }

    /// Deletes a topic and all its rows. Writers and readers that it still has fail with their next
    /// call. Returns false where there is none.
    ///
    /// A crash leaves it whole or gone.
    package func delete(_ name: String) throws(StoreError) -> Bool {
        guard Self.isName(name) else { return false }
        let slot = slot(name)
        let (doomed, topic) = try slot.change { () throws(StoreError) -> (String?, Topic?) in
            let path = "\(directory)/\(name)"
            guard try fileSystem.status(path: path) != nil else { return (nil, nil) }
            var number = 1
            var target = "\(directory)/\(Self.deletedPrefix)\(name)"
            while try fileSystem.status(path: target) != nil {
                number += 1
                target = "\(directory)/\(Self.deletedPrefix)\(name)-\(number)"
            }
            let topic = slot.content.withLock { content -> Topic? in
                defer { content = Slot.Content() }
                return content.topic
            }
            // Nothing is appended from here on.
            topic?.markDeleted()
            try fileSystem.rename(path, to: target)
            try fileSystem.syncDirectory(directory)
            return (target, topic)
        }
        topic?.notifyDeleted()
        guard let doomed else { return false }
        try FolderRemoval.remove(doomed, fileSystem)
        return true
    }

    /// Calls `changed` whenever a topic was made, until the number is cancelled.
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

    /// Has every reader look again.
    package func wakeReaders() {
        for topic in opened {
            for partition in topic.partitions { partition.notify() }
        }
    }

    /// The topics that are open now.
    package var opened: [Topic] {
        let slots = state.withLock { Array($0.slots.values) }
        return slots.compactMap { $0.content.withLock(\.topic) }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    package func close() {
        for topic in opened { topic.close() }
        state.withLock { $0.slots = [:] }
    }
}

/// What a topic is, opaque here.
package struct TopicDescription: Equatable, Sendable {
    package let definition: [UInt8]
    /// By version, from 0.
    package let schemas: [[UInt8]]
}
