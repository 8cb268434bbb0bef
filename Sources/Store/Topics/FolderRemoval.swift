/// Removes a folder of the store with all that is in it.
enum FolderRemoval {
    /// Can be stopped at any point and done again.
    static func remove(_ path: String, _ fileSystem: any FileSystem) throws(StoreError) {
        guard let status = try fileSystem.status(path: path) else { return }
        guard status.kind == .directory else {
            try fileSystem.unlink(path)
            return
        }
        for name in try fileSystem.list(path) { try remove("\(path)/\(name)", fileSystem) }
        try fileSystem.removeDirectory(path)
        try fileSystem.syncDirectory(directory(of: path))
    }
}
