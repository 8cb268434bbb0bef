import Store

/// One epoch of a file sink on its way: its files are synced, and after the checkpoint's record the
/// new ones get their names.
final class FileSinkCut: SinkCut {
    struct Entry: Sendable {
        let handle: OutputHandle
        /// Whether the epoch wrote to it.
        let hasChanged: Bool
        let replaces: Bool
    }

    let token: [UInt8]
    private let entries: [Entry]
    /// Folders in which folders were made.
    private let folders: [String]
    private let fileSystem: any FileSystem
    /// What remembers a file's length before its first commit; dropped by the commit.
    private let intent: AppendIntent?

    init(
        token: [UInt8], entries: [Entry], folders: [String], fileSystem: any FileSystem,
        intent: AppendIntent?
    ) {
        self.token = token
        self.entries = entries
        self.folders = folders
        self.fileSystem = fileSystem
        self.intent = intent
    }

    func sync() throws(ConnectorError) {
        do throws(StoreError) {
            var directories = Set(folders)
            for entry in entries where entry.hasChanged {
                try fileSystem.sync(entry.handle.file)
                if !entry.handle.isNamed { directories.insert(directory(of: entry.handle.path)) }
            }
            for path in directories.sorted() { try fileSystem.syncDirectory(path) }
        } catch {
            throw ConnectorError(error)
        }
        for entry in entries where entry.hasChanged { try checkName(entry.handle) }
    }

    func commit() throws(ConnectorError) {
        var directories: Set<String> = []
        for entry in entries where !entry.handle.isNamed {
            let path = entry.handle.path
            try FileSink.give(
                entry.handle.identity, itsName: path, replacing: entry.replaces, fileSystem)
            directories.insert(directory(of: path))
        }
        do throws(StoreError) {
            for path in directories.sorted() { try fileSystem.syncDirectory(path) }
            try intent?.drop()
        } catch {
            throw ConnectorError(error)
        }
        for entry in entries { entry.handle.setNamed() }
    }

    /// Rows must not go to a file that nobody can find any more.
    private func checkName(_ handle: OutputHandle) throws(ConnectorError) {
        let path = handle.currentPath
        let status: FileStatus?
        do throws(StoreError) { status = try fileSystem.status(path: path) } catch {
            throw ConnectorError(error)
        }
        guard status?.identity == handle.identity else { throw .outputMoved(path) }
    }
}

extension FileSink {
    /// Renames an unfinished file, unless that was done before.
    static func give(
        _ identity: FileIdentity, itsName path: String, replacing: Bool,
        _ fileSystem: any FileSystem
    ) throws(ConnectorError) {
        do throws(StoreError) {
            let there = try fileSystem.status(path: path)
            if there?.identity == identity { return }
            if there == nil || replacing {
                return try fileSystem.rename(OutputPath.pendingPath(path), to: path)
            }
        } catch {
            throw ConnectorError(error)
        }
        throw .outputAppeared(path)
    }
}
