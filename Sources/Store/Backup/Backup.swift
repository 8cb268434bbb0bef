/// A copy of a state directory as it was at one moment.
///
/// What the store recovers after a killed process is what a backup has: every file as it is between two
/// calls that change one. Sealed segments that are committed are shared with the state by hard links
/// where the file system allows it, all else is copied.
///
/// ```
/// DIR/MANIFEST    every file with length and checksum; written last
/// DIR/state/…     the folders of StateDirectory.kept
/// ```
package struct Backup {
    package struct Options: Sendable {
        /// Copies sealed segments too, so that a damaged block of the disk does not damage both.
        package var sharesNothing = false
        /// How long commits may be held, microseconds.
        package var heldMicrosMax: Int64 = 5_000_000
        /// The version of this program, for the manifest.
        package var program: String
        /// Microseconds since the epoch.
        package var clock: @Sendable () -> Int64

        package init(program: String, clock: @escaping @Sendable () -> Int64) {
            self.program = program
            self.clock = clock
        }
    }

    package struct Progress: Equatable, Sendable {
        package var bytes: Int64 = 0
        package var totalBytes: Int64 = 0
    }

    package struct Result: Equatable, Sendable {
        package var takenAt: Int64 = 0
        package var files = 0
        package var bytes: Int64 = 0
        /// Of these, bytes that the state and the backup share.
        package var linkedBytes: Int64 = 0
        /// How long commits were held, microseconds.
        package var heldMicros: Int64 = 0
    }

    private let state: StateDirectory
    private let target: String
    private let options: Options
    private let fileSystem: any FileSystem

    /// Takes a backup of an open state directory, which goes on being used if its file system is a
    /// ``GatedFileSystem``, and otherwise by nobody else.
    ///
    /// - Parameters:
    ///   - target: A folder that is not there yet, or empty; its parent must be there.
    ///   - onProgress: Returns false to give up.
    /// - Throws: `.inUse` where something is there, or commits cannot be held; `.full`, `.io`, `.fenced`
    ///   when it was given up. Nothing is left then but what could not be removed, under another name.
    /// - Complexity: Commits are held for one listing and one link a file. Then it reads all that there
    ///   is, for its checksums, and writes what is not shared.
    package static func take(
        of state: StateDirectory, to target: String, _ options: Options,
        onProgress: @escaping (Progress) -> Bool = { _ in true }
    ) throws(StoreError) -> Result {
        let fileSystem = (state.fileSystem as? GatedFileSystem)?.base ?? state.fileSystem
        let backup = Backup(state: state, target: target, options: options, fileSystem: fileSystem)
        try backup.checkTarget()
        let draft = try BackupDraft(target, fileSystem)
        do throws(StoreError) {
            let result = try backup.write(draft, onProgress)
            try draft.finish()
            state.noteBackup(at: result.takenAt)
            return result
        } catch {
            draft.abandon()
            throw error
        }
    }

    private func checkTarget() throws(StoreError) {
        if let status = try fileSystem.status(path: target) {
            guard status.kind == .directory, try fileSystem.list(target).isEmpty else {
                throw .backupExists(target)
            }
        }
        guard let own = try fileSystem.status(path: state.path) else { return }
        var folder = directory(of: target)
        while true {
            if let status = try fileSystem.status(path: folder),
                FileIdentity(status) == FileIdentity(own)
            {
                throw .backupInside(target, state: state.path)
            }
            let parent = directory(of: folder)
            if parent == folder || folder == "." { return }
            folder = parent
        }
    }

    private func write(
        _ draft: BackupDraft, _ onProgress: @escaping (Progress) -> Bool
    ) throws(StoreError) -> Result {
        let pinned = try PinnedState(state, heldMicrosMax: options.heldMicrosMax)
        defer { pinned.release() }
        var result = Result()
        result.takenAt = options.clock()
        result.heldMicros = pinned.heldMicros
        result.files = pinned.files.count
        result.bytes = pinned.files.reduce(0) { $0 + $1.length }
        var progress = Progress(bytes: 0, totalBytes: result.bytes)
        let copy = FileCopy(fileSystem, givenUp: .backupGivenUp(target)) { count in
            progress.bytes += count
            return onProgress(progress)
        }
        var manifest = BackupManifest(takenAt: result.takenAt, program: options.program)
        manifest.folders = pinned.folders
        for folder in pinned.folders {
            try fileSystem.createDirectory("\(draft.state)/\(folder)", permissions: 0o700)
        }
        // Those first whose writers may have to wait.
        for file in pinned.files.filter({ !$0.isFinal }) + pinned.files.filter(\.isFinal) {
            let path = "\(draft.state)/\(file.path)"
            let checksum: UInt32
            let mayShare = file.isFinal && !options.sharesNothing
            if mayShare, try link(file.source, to: path) {
                checksum = try copy.checksum(path, length: file.length)
                result.linkedBytes += file.length
            } else {
                checksum = try copy.copy(file.source, length: file.length, to: path)
            }
            pinned.release(file)
            manifest.files.append(
                BackupManifest.File(path: file.path, length: file.length, checksum: checksum))
        }
        manifest.files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        try draft.write(manifest)
        return result
    }

    /// Shares a file with the state. Returns false where that cannot be: on another device, for too many
    /// links, or where the system does not allow it.
    private func link(_ path: String, to newPath: String) throws(StoreError) -> Bool {
        do throws(StoreError) {
            try fileSystem.link(path, to: newPath)
            return true
        } catch {
            guard case .io = error.kind else { throw error }
            return false
        }
    }
}
