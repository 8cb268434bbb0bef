/// Makes a state directory of a backup.
package struct Restore {
    /// Puts the files of a backup into a state directory that is empty or not there.
    ///
    /// Everything is copied, so that the backup stays as it is. The backup is held against its manifest
    /// before, and every file once more as it is copied. A directory into which a restore was
    /// interrupted is refused by ``StateDirectory/open(path:fileSystem:processID:reserveBytes:)``, and
    /// begun anew by the next restore.
    ///
    /// - Parameter onProgress: Returns false to give up. Told twice the backup's bytes.
    /// - Returns: What was restored.
    /// - Throws: `.inUse` where the directory is not empty; `.damaged` with the first file that is not as
    ///   the manifest says; as reading the manifest does; `.full`, `.io`. The directory is then empty,
    ///   as far as the file system let it.
    package static func run(
        _ backup: String, to state: String, fileSystem: any FileSystem = SystemFileSystem(),
        onProgress: @escaping (Backup.Progress) -> Bool = { _ in true }
    ) throws(StoreError) -> BackupManifest {
        try refuseUnlessEmpty(state, fileSystem)
        let report = try BackupVerification.run(backup, fileSystem: fileSystem) { progress in
            var both = progress
            both.totalBytes &*= 2
            return onProgress(both)
        }
        if let damage = report.damage.first { throw damage }
        let lock = try open(state, fileSystem)
        defer { fileSystem.close(lock) }
        let draft = "\(state)/\(StateDirectory.restoringName)"
        do throws(StoreError) {
            try copy(report.manifest, from: backup, to: draft, fileSystem, onProgress)
        } catch {
            _ = try? FolderRemoval.remove(draft, fileSystem)
            throw error
        }
        for name in StateDirectory.kept
        where try fileSystem.status(path: "\(draft)/\(name)") != nil {
            try fileSystem.rename("\(draft)/\(name)", to: "\(state)/\(name)")
        }
        try fileSystem.syncDirectory(state)
        try fileSystem.removeDirectory(draft)
        try fileSystem.syncDirectory(state)
        return report.manifest
    }

    private static func refuseUnlessEmpty(_ state: String, _ fileSystem: any FileSystem)
        throws(StoreError)
    {
        guard let status = try fileSystem.status(path: state) else { return }
        guard status.kind == .directory else { throw .stateNotEmpty(state, "it is a file") }
        let names = try fileSystem.list(state)
        // What an interrupted restore has left is nobody's: no daemon opens it.
        if names.contains(StateDirectory.restoringName) { return }
        if let name = names.first(where: { $0 != StateDirectory.lockName && $0 != "lost+found" }) {
            throw .stateNotEmpty(state, name)
        }
    }

    /// Makes the directory, locks it and marks it as one that is being restored.
    private static func open(_ state: String, _ fileSystem: any FileSystem) throws(StoreError)
        -> OpenFile
    {
        try StateDirectory.createPath(state, fileSystem)
        let lock = try fileSystem.open(
            "\(state)/\(StateDirectory.lockName)", .create, permissions: 0o600)
        do throws(StoreError) {
            guard try fileSystem.lock(lock) else { throw .locked(state, processID: nil) }
            try refuseUnlessEmpty(state, fileSystem)
            let draft = "\(state)/\(StateDirectory.restoringName)"
            // The mark goes last, as it says that all else is left over.
            for name in StateDirectory.kept {
                try FolderRemoval.remove("\(state)/\(name)", fileSystem)
            }
            try FolderRemoval.remove(draft, fileSystem)
            try fileSystem.createDirectory(draft, permissions: 0o700)
            try fileSystem.syncDirectory(state)
        } catch {
            fileSystem.close(lock)
            throw error
        }
        return lock
    }

    private static func copy(
        _ manifest: BackupManifest, from backup: String, to draft: String,
        _ fileSystem: any FileSystem, _ onProgress: @escaping (Backup.Progress) -> Bool
    ) throws(StoreError) {
        let count = manifest.byteCount
        var progress = Backup.Progress(bytes: count, totalBytes: count &* 2)
        let copy = FileCopy(fileSystem, givenUp: .backupGivenUp(backup)) { bytes in
            progress.bytes += bytes
            return onProgress(progress)
        }
        for folder in manifest.folders {
            try fileSystem.createDirectory("\(draft)/\(folder)", permissions: 0o700)
        }
        for file in manifest.files {
            let source = "\(backup)/\(BackupManifest.stateName)/\(file.path)"
            let checksum = try copy.copy(source, length: file.length, to: "\(draft)/\(file.path)")
            guard checksum == file.checksum else {
                throw .backupDiffers(source, "its bytes are not those of the manifest")
            }
        }
        for folder in manifest.folders.reversed() {
            try fileSystem.syncDirectory("\(draft)/\(folder)")
        }
        try fileSystem.syncDirectory(draft)
    }
}
