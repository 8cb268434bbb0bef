import Synchronization

/// A named series of rows that is kept: one partition a writer, a definition and schemas that are
/// opaque here.
///
/// Shared by all threads. Everything that changes what the topic is (a schema, a partition) is durable
/// when the call returns.
package final class Topic: Sendable {
    package let name: String
    package let directory: String
    package let options: TopicOptions
    private let fileSystem: any FileSystem

    private struct State: @unchecked Sendable {
        // SAFETY: the record is only used under the mutex that holds this value.
        var record: TopicRecord
        /// By name, in the order of the bytes.
        var partitions: [Partition]
        var isDeleted = false
        var readers: [UInt64: TopicReader] = [:]
        var nextNumber: UInt64 = 1
        var observers: [UInt64: @Sendable () -> Void] = [:]
    }
    private let state: Mutex<State>

    init(
        name: String, directory: String, record: TopicRecord, partitions: [Partition],
        fileSystem: any FileSystem, options: TopicOptions
    ) {
        self.name = name
        self.directory = directory
        self.fileSystem = fileSystem
        self.options = options
        state = Mutex(
            State(
                record: record,
                partitions: partitions.sorted {
                    $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
                }))
    }

    package var definition: [UInt8] { state.withLock { $0.record.definition } }
    /// By version, from 0.
    package var schemas: [[UInt8]] { state.withLock { $0.record.schemas } }
    /// In the order of their names' bytes.
    package var partitions: [Partition] { state.withLock { $0.partitions } }
    package var isDeleted: Bool { state.withLock { $0.isDeleted } }

    package func partition(_ name: String) -> Partition? {
        partitions.first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    /// Sets the definition, durably.
    package func setDefinition(_ bytes: [UInt8]) throws(StoreError) {
        try locked { (state) throws(StoreError) in
            if state.record.definition != bytes { try state.record.setDefinition(bytes) }
        }
    }

    /// Adds a schema, durably, and returns its version; that of an equal one where there is one.
    ///
    /// - Parameter count: How many schemas the caller has seen: nil is returned, and nothing is added,
    ///   where another one has come since. nil: whatever there is.
    package func addSchema(_ bytes: [UInt8], after count: Int? = nil) throws(StoreError) -> UInt32?
    {
        try locked { (state) throws(StoreError) in
            if let count, state.record.schemas.count != count { return nil }
            if let known = state.record.schemas.lastIndex(of: bytes) { return UInt32(known) }
            return try state.record.addSchema(bytes)
        }
    }

    /// The partition that a writer goes on with; made if it has none, or if its last one is sealed.
    ///
    /// - Parameters:
    ///   - name: What the partition is called; a later one of the same writer gets a number behind it.
    ///   - writer: Who writes it; empty for the ingest path.
    ///   - isNew: Whether what the writer left before is another's now: it is sealed.
    package func partition(_ name: String, writer: String, isNew: Bool = false) throws(StoreError)
        -> Partition
    {
        var retired: [Partition] = []
        let made = try locked { (state) throws(StoreError) -> (Partition, Bool) in
            var number = 1
            while true {
                let candidate = number == 1 ? name : "\(name).\(number)"
                number += 1
                guard let entry = state.record.partitions[Array(candidate.utf8)],
                    let known = state.partitions.first(where: {
                        $0.name.utf8.elementsEqual(candidate.utf8)
                    })
                else { return (try add(candidate, writer: writer, &state), true) }
                if entry.isSealed { continue }
                if isNew {
                    try seal(known, &state)
                    retired.append(known)
                    continue
                }
                return (known, false)
            }
        }
        // Outside of the lock, as whoever listens may look at the topic.
        for partition in retired { partition.notify() }
        if made.1 { notify() }
        return made.0
    }

    private func add(_ name: String, writer: String, _ state: inout State) throws(StoreError)
        -> Partition
    {
        // Before the record knows of it: a folder that no record names is removed at the next start.
        let entry = state.record.nextEntry(writer: writer)
        let path = "\(directory)/\(entry.folder(name))"
        try fileSystem.createDirectory(path, permissions: 0o700)
        try fileSystem.syncDirectory(directory)
        let partition = try Partition.open(
            topic: self.name, name: name, entry: entry, directory: path, token: nil,
            fileSystem: fileSystem, options: options)
        try state.record.addPartition(name, entry)
        let place =
            state.partitions.firstIndex {
                name.utf8.lexicographicallyPrecedes($0.name.utf8)
            } ?? state.partitions.count
        state.partitions.insert(partition, at: place)
        return partition
    }

    /// Makes what a writer has left equal to its checkpoint, forward or back, durably, although nobody
    /// goes on writing: what the checkpoint said need not be known any more.
    ///
    /// Can be repeated. Does nothing where the partition has a writer, or is another one.
    package func settle(writer: String, token: PartitionToken) throws(StoreError) {
        for partition in partitions
        where partition.identifier == token.identifier && !partition.isSealed
            && self.writer(of: partition) == writer
        {
            try partition.settle(token)
        }
    }

    /// Says, durably, that a writer has been removed for good. What it left has been settled before.
    package func seal(writer: String) throws(StoreError) {
        // What readers were shown may lack its mark.
        for partition in partitions
        where !partition.isSealed && self.writer(of: partition) == writer {
            try partition.settleToShown()
        }
        let retired = try locked { (state) throws(StoreError) -> [Partition] in
            var retired: [Partition] = []
            for partition in state.partitions {
                let entry = state.record.partitions[Array(partition.name.utf8)]
                guard let entry, !entry.isSealed, entry.writer == writer else { continue }
                try seal(partition, &state)
                retired.append(partition)
            }
            return retired
        }
        for partition in retired { partition.notify() }
    }

    private func seal(_ partition: Partition, _ state: inout State) throws(StoreError) {
        guard var entry = state.record.partitions[Array(partition.name.utf8)] else { return }
        entry.isSealed = true
        try state.record.setPartition(partition.name, entry)
        partition.markSealed()
    }

    /// Who writes a partition; empty for the ingest path.
    package func writer(of partition: Partition) -> String {
        state.withLock { $0.record.partitions[Array(partition.name.utf8)]?.writer ?? "" }
    }

    /// Deletes a partition with its rows. Its writer must have gone.
    package func removePartition(_ partition: Partition) throws(StoreError) {
        try locked { (state) throws(StoreError) in
            try state.record.removePartition(partition.name)
            state.partitions.removeAll { $0 === partition }
        }
        partition.markDeleted()
        partition.notify()
        notify()
        try FolderRemoval.remove(partition.files.directory, fileSystem)
    }

    // MARK: Readers

    /// Makes a reader known, for who asks what reads the topic.
    package func register(_ reader: TopicReader) -> UInt64 {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            state.readers[state.nextNumber] = reader
            return state.nextNumber
        }
    }

    package func unregister(reader number: UInt64) {
        state.withLock { _ = $0.readers.removeValue(forKey: number) }
    }

    package var readers: [TopicReader] {
        state.withLock { state in
            state.readers.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// Calls `changed` whenever a partition has come or gone, until the number is cancelled.
    package func observe(_ changed: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            state.observers[state.nextNumber] = changed
            return state.nextNumber
        }
    }

    package func cancel(observer: UInt64) {
        state.withLock { _ = $0.observers.removeValue(forKey: observer) }
    }

    private func notify() {
        for observer in state.withLock({ Array($0.observers.values) }) { observer() }
    }

    // MARK: Ends

    /// Marks it and its partitions as deleted. The store then removes the files.
    func markDeleted() {
        let partitions = state.withLock { state -> [Partition] in
            state.isDeleted = true
            state.record.close()
            return state.partitions
        }
        for partition in partitions { partition.markDeleted() }
    }

    /// Tells all who listen that it has been deleted.
    func notifyDeleted() {
        for partition in partitions { partition.notify() }
        notify()
    }

    func close() { state.withLock { $0.record.close() } }

    private func locked<R: Sendable>(_ body: (inout State) throws(StoreError) -> R)
        throws(StoreError) -> R
    {
        let result: Result<R, StoreError> = state.withLock { state in
            guard !state.isDeleted else { return .failure(.topicDeleted(directory)) }
            do throws(StoreError) { return .success(try body(&state)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

/// Somebody who reads a topic, and how far.
package final class TopicReader: Sendable {
    /// `PIPELINE/SOURCE`, or what else a person would call it.
    package let name: String
    /// By partition: the offset of the next row.
    private let positions = Mutex<[String: UInt64]>([:])

    package init(name: String) { self.name = name }

    package func note(_ partition: String, _ offset: UInt64) {
        positions.withLock { $0[partition] = offset }
    }

    /// How many committed rows it has not read.
    package func lag(_ partitions: [Partition]) -> UInt64 {
        let positions = positions.withLock { $0 }
        return partitions.reduce(0) { sum, partition in
            let end = partition.committed.nextOffset
            let position = max(positions[partition.name] ?? 0, partition.firstOffset)
            return sum + (end > position ? end - position : 0)
        }
    }
}
