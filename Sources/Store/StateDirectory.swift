import Glibc

/// The folder in which one daemon keeps all that it must find again.
///
/// ```
/// STATE/LOCK                         held while a daemon runs; its process id
/// STATE/RESERVE                      room that is given back when the disk is full
/// STATE/catalog.journal/N.journal    what is known of each pipeline
/// STATE/checkpoints/NAME/N.journal   a pipeline's state
/// STATE/topics/NAME/PARTITION~N/     a topic's rows
/// STATE/backup.note                  when the last backup was taken
/// STATE/.backup/                     while one is: second names of files
/// STATE/.restore/                    while a backup is restored, or where that was interrupted
/// ```
///
/// A full disk: a commit that throws `.full` leaves the journal fenced and the disk as full as it
/// was. ``releaseReserve()`` then frees ``reserveBytes``, the journal is opened again, and the
/// pipelines can commit and stop in good order. The reserve is taken again when there is room.
package final class StateDirectory: Sendable {
    /// The folders that are the state: what a backup has. All else belongs to one process.
    static let kept = ["topics", "checkpoints", "catalog.journal"]
    static let lockName = "LOCK"
    static let stagingName = ".backup"
    static let restoringName = ".restore"

    package let path: String
    package let fileSystem: any FileSystem
    private let lock: OpenFile

    /// How much room the reserve holds.
    package let reserveBytes: Int64

    /// Opens the folder, creating it (0700) where it is not there, and locks it for this process.
    ///
    /// - Parameter reserveBytes: How much room is kept for a full disk. The records and torn tails
    ///   of many pipelines fit into 8 MiB. File systems that copy on write may need room even to
    ///   give it back.
    /// - Throws: `.locked`, which names the process that holds it; `.io`, `.full`.
    package static func open(
        path: String, fileSystem: any FileSystem, processID: Int32 = getpid(),
        reserveBytes: Int64 = 8 << 20
    ) throws(StoreError) -> StateDirectory {
        try createPath(path, fileSystem)
        let file = try fileSystem.open("\(path)/\(lockName)", .create, permissions: 0o600)
        do throws(StoreError) {
            guard try fileSystem.lock(file) else {
                throw .locked(path, processID: try holder(of: file, fileSystem))
            }
            guard try fileSystem.status(path: "\(path)/\(restoringName)") == nil else {
                throw .restoreInterrupted(path)
            }
            try writeHolder(processID, to: file, fileSystem)
            let state = StateDirectory(path, file, fileSystem, reserveBytes)
            try state.prepare()
            return state
        } catch {
            fileSystem.close(file)
            throw error
        }
    }

    private init(
        _ path: String, _ lock: OpenFile, _ fileSystem: any FileSystem, _ reserveBytes: Int64
    ) {
        self.reserveBytes = reserveBytes
        self.path = path
        self.lock = lock
        self.fileSystem = fileSystem
    }

    /// Unlocks the folder. Nothing in it may be used through this value afterwards.
    package func close() { fileSystem.close(lock) }

    // MARK: - What is in it

    /// Opens the catalog.
    package func openCatalog() throws(StoreError) -> Catalog {
        let directory = "\(path)/catalog.journal"
        return try withReserve { () throws(StoreError) in
            try Catalog.open(directory: directory, fileSystem: fileSystem)
        }
    }

    /// Where a pipeline's journal is.
    ///
    /// - Throws: `.invalidName` for what cannot be a folder's name.
    package func checkpointDirectory(_ name: String) throws(StoreError) -> String {
        let bytes = name.utf8
        guard !bytes.isEmpty, bytes.count <= 200, bytes.first != UInt8(ascii: "."),
            bytes.allSatisfy({ $0 != UInt8(ascii: "/") && $0 != 0 })
        else { throw .invalidName(name, in: checkpoints) }
        return "\(checkpoints)/\(name)"
    }

    /// Opens a pipeline's journal.
    package func openJournal(
        _ name: String, identity: [UInt8], options: JournalOptions = JournalOptions()
    ) throws(StoreError) -> Journal {
        let directory = try checkpointDirectory(name)
        return try withReserve { () throws(StoreError) in
            try Journal.open(
                directory: directory, identity: identity, fileSystem: fileSystem, options: options)
        }
    }

    /// What a pipeline's last whole record keeps beside its state; `nil` where nothing was committed.
    ///
    /// The journal is recovered as when it is opened: what is returned is durable, so that others may
    /// be made equal to it. The caller sees to it that nobody else has the journal open.
    ///
    /// - Complexity: One pass over the journal.
    package func recoverCheckpoint(_ name: String, identity: [UInt8]) throws(StoreError)
        -> [UInt8]?
    {
        let journal = try openJournal(name, identity: identity)
        defer { journal.releaseDescriptor() }
        return journal.takeRecovered()?.meta
    }

    /// The names of the pipelines that have a folder for their state, with or without a spec.
    package func journalNames() throws(StoreError) -> [String] { try fileSystem.list(checkpoints) }

    /// Removes a pipeline's journal for good, torn tails included, and leaves what is not its.
    package func removeJournal(_ name: String) throws(StoreError) {
        let directory = try checkpointDirectory(name)
        guard try fileSystem.status(path: directory) != nil else { return }
        var isEmpty = true
        // From the newest to the oldest would let an old file pass for the journal after a crash.
        let names = try fileSystem.list(directory).sorted {
            (JournalFile.number(of: $0) ?? 0) < (JournalFile.number(of: $1) ?? 0)
        }
        for file in names {
            if JournalFile.number(of: file) != nil || JournalFile.isTemporary(file)
                || JournalFile.isTorn(file)
            {
                try fileSystem.unlink("\(directory)/\(file)")
                try fileSystem.syncDirectory(directory)
            } else {
                isEmpty = false
            }
        }
        if isEmpty { try fileSystem.removeDirectory(directory) }
        try fileSystem.syncDirectory(checkpoints)
    }

    private var checkpoints: String { "\(path)/checkpoints" }

    // MARK: - Room on a full disk

    /// Does what may need room, and once more with the reserve given back if there was none.
    package func withReserve<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        do throws(StoreError) {
            return try body()
        } catch {
            guard error.kind == .full, try releaseReserve() else { throw error }
        }
        return try body()
    }

    /// Gives the reserve back to the file system. Returns false where there was none.
    package func releaseReserve() throws(StoreError) -> Bool {
        try fileSystem.unlink(reserve)
    }

    /// Takes the reserve if it is not held and the disk has plenty of room. Returns whether it is
    /// held now. Called at start and, by whoever released it, from time to time.
    @discardableResult
    package func restoreReserve() throws(StoreError) -> Bool {
        if let status = try fileSystem.status(path: reserve) {
            if status.length >= reserveBytes { return true }
            try fileSystem.unlink(reserve)
        }
        guard try fileSystem.availableBytes(path) >= 4 * reserveBytes else { return false }
        let file = try fileSystem.open(reserve, .replace, permissions: 0o600)
        defer { fileSystem.close(file) }
        do throws(StoreError) {
            try fileSystem.reserve(file, length: reserveBytes)
            return true
        } catch {
            try fileSystem.unlink(reserve)
            if error.kind == .full { return false }
            throw error
        }
    }

    /// Whether the reserve is held.
    package var hasReserve: Bool {
        ((try? fileSystem.status(path: reserve)) ?? nil).map { $0.length >= reserveBytes } ?? false
    }

    private var reserve: String { "\(path)/RESERVE" }

    // MARK: - Backups

    /// When the last backup was taken, microseconds since the epoch; nil where none is known of.
    package var lastBackupAt: Int64? {
        guard let bytes = try? fileSystem.readFile(backupNote, countMax: 64) else { return nil }
        return Int64(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self))
    }

    /// Notes it. That it cannot be noted does not make the backup worse.
    func noteBackup(at micros: Int64) {
        do throws(StoreError) {
            let file = try fileSystem.open(backupNote, .replace, permissions: 0o600)
            defer { fileSystem.close(file) }
            try fileSystem.write(file, at: 0, Array("\(micros)\n".utf8))
        } catch {}
    }

    private var backupNote: String { "\(path)/backup.note" }

    // MARK: - Opening

    private func prepare() throws(StoreError) {
        _ = try withReserve { () throws(StoreError) in
            try fileSystem.createDirectory(checkpoints, permissions: 0o700)
        }
        // What a backup has left that was killed: names of files that have others.
        try FolderRemoval.remove("\(path)/\(Self.stagingName)", fileSystem)
        // An earlier process may have been killed between creating a name and syncing it.
        try fileSystem.syncDirectory(checkpoints)
        try fileSystem.syncDirectory(path)
        try fileSystem.syncDirectory(directory(of: path))
        try restoreReserve()
    }

    /// Creates the folder and those above it that are missing.
    static func createPath(_ path: String, _ fileSystem: any FileSystem) throws(StoreError) {
        if try fileSystem.status(path: path)?.kind == .directory { return }
        let parent = directory(of: path)
        if parent != path, parent != "." { try createPath(parent, fileSystem) }
        try fileSystem.createDirectory(path, permissions: 0o700)
        try fileSystem.syncDirectory(parent)
    }

    private static func holder(of file: OpenFile, _ fileSystem: any FileSystem) throws(StoreError)
        -> Int32?
    {
        let count = Int(min(try fileSystem.status(file).length, 16))
        let bytes = try fileSystem.readBytes(file, at: 0, count: count)
        return Int32(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self))
    }

    private static func writeHolder(
        _ processID: Int32, to file: OpenFile, _ fileSystem: any FileSystem
    ) throws(StoreError) {
        do throws(StoreError) {
            let bytes = [UInt8]("\(processID)\n".utf8)
            try fileSystem.write(file, at: 0, bytes)
            try fileSystem.truncate(file, to: Int64(bytes.count))
        } catch  where error.kind == .full {
            // The lock holds without its text; a second daemon cannot be told whose it is.
        }
    }
}
