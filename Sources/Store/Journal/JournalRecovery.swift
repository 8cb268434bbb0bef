/// What a journal's folder holds after recovery: one file, whole, durable, and what is in it.
struct JournalRecovery {
    var number: UInt64
    var replay: JournalReplay
    var torn: TornTail?
    /// Files that look like older parts of this journal and do not fit it. They have been left.
    var leftAside: [String] = []

    /// Recovers a journal.
    ///
    /// The file of the highest number counts: it got its name after its base was synced, so that it
    /// holds all that its predecessor did. Bases without a name are removed, a torn tail is cut,
    /// predecessors go. Whatever recovery returns is durable, so that sinks may be made equal to it.
    /// Can be killed at any point and done again.
    ///
    /// - Returns: `nil` where nothing was ever committed.
    /// - Throws: `.damaged`, `.foreign`, `.newerVersion`, `.io`, `.full`. The files are then as they
    ///   were, a torn tail aside.
    static func run(directory: String, identity: [UInt8], fileSystem: any FileSystem)
        throws(StoreError) -> JournalRecovery?
    {
        guard try fileSystem.status(path: directory) != nil else { return nil }
        let names = try fileSystem.list(directory)
        var numbers = names.compactMap(JournalFile.number(of:)).sorted()
        guard let number = numbers.popLast() else {
            try removeTemporaries(names, directory, fileSystem)
            return nil
        }
        let path = "\(directory)/\(JournalFile.name(number))"
        let file = try fileSystem.open(path, .write, permissions: 0)
        defer { fileSystem.close(file) }
        let length = try fileSystem.status(file).length
        var recovery = JournalRecovery(
            number: number,
            replay: try .read(
                file, length: length, identity: identity, number: number, isStateWanted: true,
                fileSystem: fileSystem))
        try removeTemporaries(names, directory, fileSystem)
        try recovery.makeDurable(file, length, fileSystem)
        // Records are appended only after the name was synced, so that one proves the other.
        if recovery.replay.tip.length == recovery.replay.baseLength || !numbers.isEmpty {
            try fileSystem.syncDirectory(directory)
            try fileSystem.syncDirectory(Store.directory(of: directory))
        }
        for older in numbers {
            try recovery.retire(older, directory, identity, fileSystem)
        }
        return recovery
    }

    /// Cuts what is torn and makes the rest durable.
    ///
    /// A record after the last synced mark may be whole in memory only: its writer was killed before
    /// it could sync, or its sync was refused, in which case the kernel holds the pages for clean
    /// and another sync would prove nothing. So it is written once more, in place, and synced.
    private mutating func makeDurable(
        _ file: OpenFile, _ length: Int64, _ fileSystem: any FileSystem
    ) throws(StoreError) {
        let end = replay.tip.length
        if let found = replay.torn {
            torn = try TornTail.cut(
                file, at: end, length: length, cause: "at byte \(found.position): \(found.cause)",
                fileSystem: fileSystem)
        }
        let isConfirmed = replay.tip.syncedLength >= replay.lastRecordEnd
        if torn == nil, isConfirmed { return }
        if !isConfirmed {
            let window = FileWindow(file, length: end, fileSystem: fileSystem)
            var place = replay.tip.syncedLength
            while place < end {
                let count = Int(min(end - place, Int64(FileWindow.readAheadBytes)))
                try fileSystem.write(file, at: place, window.bytes(at: place, count: count))
                place += Int64(count)
            }
        }
        try fileSystem.sync(file)
        replay.tip.syncedLength = end
    }

    /// Removes an older file if what is in it is surely in the newer one too.
    private mutating func retire(
        _ older: UInt64, _ directory: String, _ identity: [UInt8], _ fileSystem: any FileSystem
    ) throws(StoreError) {
        let path = "\(directory)/\(JournalFile.name(older))"
        if try Self.isContained(older, path, in: replay.header, identity, fileSystem) {
            try fileSystem.unlink(path)
        } else {
            leftAside.append(path)
        }
    }

    private static func isContained(
        _ older: UInt64, _ path: String, in newest: SegmentHeader, _ identity: [UInt8],
        _ fileSystem: any FileSystem
    ) throws(StoreError) -> Bool {
        let file = try fileSystem.open(path, .read, permissions: 0)
        defer { fileSystem.close(file) }
        let old: JournalReplay
        do throws(StoreError) {
            old = try .read(
                file, length: fileSystem.status(file).length, identity: identity, number: older,
                isStateWanted: false, fileSystem: fileSystem)
        } catch {
            // Damaged, foreign, newer or unreadable now: nothing that this program understands.
            return false
        }
        guard older == newest.number - 1 else { return true }
        return old.torn == nil && old.tip.predecessor == newest.predecessor
    }

    private static func removeTemporaries(
        _ names: [String], _ directory: String, _ fileSystem: any FileSystem
    ) throws(StoreError) {
        for name in names where JournalFile.isTemporary(name) {
            try fileSystem.unlink("\(directory)/\(name)")
        }
    }
}
