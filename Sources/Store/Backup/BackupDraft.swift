/// A backup that is being written, under a name of its own beside the one that it will get.
final class BackupDraft {
    private let target: String
    /// `.NAME.partial` beside the target: never taken for a backup, and removed by the next attempt.
    private let path: String
    private let lock: OpenFile
    private let fileSystem: any FileSystem

    private static let lockName = "LOCK"

    /// Where the state's files go.
    var state: String { "\(path)/\(BackupManifest.stateName)" }

    /// - Throws: `.inUse` where another backup is being written to the target.
    init(_ target: String, _ fileSystem: any FileSystem) throws(StoreError) {
        self.target = target
        self.fileSystem = fileSystem
        let parent = directory(of: target)
        let name = target.split(separator: "/").last.map(String.init) ?? "backup"
        path = "\(parent)/.\(name).partial"
        try fileSystem.createDirectory(path, permissions: 0o700)
        lock = try fileSystem.open("\(path)/\(Self.lockName)", .create, permissions: 0o600)
        do throws(StoreError) {
            guard try fileSystem.lock(lock) else { throw .backupUnderWay(target) }
            // What an attempt that was killed has left.
            for name in try fileSystem.list(path) where name != Self.lockName {
                try FolderRemoval.remove("\(path)/\(name)", fileSystem)
            }
            try fileSystem.createDirectory(state, permissions: 0o700)
        } catch {
            fileSystem.close(lock)
            throw error
        }
    }

    /// Writes the manifest, and makes the names of all that it lists durable before.
    func write(_ manifest: BackupManifest) throws(StoreError) {
        for folder in manifest.folders.reversed() {
            try fileSystem.syncDirectory("\(state)/\(folder)")
        }
        try fileSystem.syncDirectory(state)
        let file = try fileSystem.open(
            "\(path)/\(BackupManifest.fileName)", .createNew, permissions: 0o600)
        defer { fileSystem.close(file) }
        try fileSystem.write(file, at: 0, manifest.encoded)
        try fileSystem.sync(file)
    }

    /// Gives the backup its name: from then on it is one.
    func finish() throws(StoreError) {
        try fileSystem.unlink("\(path)/\(Self.lockName)")
        try fileSystem.syncDirectory(path)
        try fileSystem.rename(path, to: target)
        try fileSystem.syncDirectory(directory(of: target))
        fileSystem.close(lock)
    }

    /// Removes what there is, as far as the file system lets it.
    func abandon() {
        try? FolderRemoval.remove(path, fileSystem)
        fileSystem.close(lock)
    }
}
