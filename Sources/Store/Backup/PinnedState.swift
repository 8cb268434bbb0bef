/// The files of a state directory as they were at one moment, for as long as it takes to copy them.
///
/// Where a process uses the directory each gets a second name below `STATE/.backup`, so that nothing that
/// is removed or replaced meanwhile is lost; and what is there of it changes no more: whoever would cut or
/// overwrite it waits until it is copied. Appending goes on.
final class PinnedState {
    struct File {
        /// Below the state directory.
        let path: String
        /// Where its bytes are.
        let source: String
        /// How many of them count.
        let length: Int64
        let isFinal: Bool
        let identity: FileIdentity
    }
    private(set) var folders: [String] = []
    private(set) var files: [File] = []
    /// How long changes were held up, microseconds; 0 where nobody else uses the directory.
    private(set) var heldMicros: Int64 = 0

    private let state: String
    private let fileSystem: any FileSystem
    private let gated: GatedFileSystem?
    private var staged: [FileIdentity: String] = [:]
    private var nextNumber = 0

    private var staging: String { "\(state)/\(StateDirectory.stagingName)" }

    /// - Parameter heldMicrosMax: How long changes may be held up, microseconds.
    /// - Throws: `.inUse` where that is not enough; nothing is pinned then.
    init(_ state: StateDirectory, heldMicrosMax: Int64) throws(StoreError) {
        self.state = state.path
        gated = state.fileSystem as? GatedFileSystem
        fileSystem = gated?.base ?? state.fileSystem
        guard let gated else {
            let survey = try StateSurvey.run(self.state, fileSystem)
            folders = survey.folders
            for file in survey.files { add(file, source: "\(self.state)/\(file.path)") }
            return
        }
        do throws(StoreError) {
            try FolderRemoval.remove(staging, fileSystem)
            try fileSystem.createDirectory(staging, permissions: 0o700)
            try stageEarly()
            heldMicros = try gated.holding(atMostMicros: heldMicrosMax) { () throws(StoreError) in
                try pin(gated, heldMicrosMax)
            }.heldMicros
        } catch {
            release()
            throw error
        }
    }

    private func pin(_ gated: GatedFileSystem, _ heldMicrosMax: Int64) throws(StoreError) {
        let deadline = GatedFileSystem.monotonicMicros() + heldMicrosMax
        func check() throws(StoreError) {
            guard GatedFileSystem.monotonicMicros() < deadline else {
                throw .heldTooLong(state, micros: heldMicrosMax)
            }
        }
        let survey = try StateSurvey.run(state, fileSystem, check: check)
        folders = survey.folders
        for file in survey.files {
            try check()
            add(file, source: try stage(file))
            if !file.isFinal {
                gated.gate.pin(FileIdentity(file.status), length: file.status.length)
            }
        }
    }

    /// Gives files that never change their second names before anything is held up, so that little is
    /// left to do then.
    private func stageEarly() throws(StoreError) {
        // A folder that goes meanwhile only costs time later.
        guard let survey = try? StateSurvey.run(state, fileSystem) else { return }
        for file in survey.files where file.isFinal { try stageEarly(file) }
    }

    /// Others may remove or replace the file. One that has gone is not in the next survey either.
    private func stageEarly(_ file: StateSurvey.File) throws(StoreError) {
        do throws(StoreError) {
            let path = try stage(file)
            let status = try fileSystem.status(path: path)
            guard status.map(FileIdentity.init) != FileIdentity(file.status) else { return }
            // Another file had the name by then.
            staged[FileIdentity(file.status)] = nil
            try fileSystem.unlink(path)
        } catch {
            guard error.kind == .notFound else { throw error }
        }
    }

    /// Gives a file its second name.
    private func stage(_ file: StateSurvey.File) throws(StoreError) -> String {
        let identity = FileIdentity(file.status)
        if let known = staged[identity] { return known }
        let path = "\(staging)/\(nextNumber)"
        do throws(StoreError) {
            try fileSystem.link("\(state)/\(file.path)", to: path)
        } catch {
            // EPERM and EOPNOTSUPP: of file systems without hard links.
            if case .io(let code) = error.kind, code == 1 || code == 95 { throw .noLinks(state) }
            throw error
        }
        nextNumber += 1
        staged[identity] = path
        return path
    }

    private func add(_ file: StateSurvey.File, source: String) {
        files.append(
            File(
                path: file.path, source: source, length: file.status.length,
                isFinal: file.isFinal, identity: FileIdentity(file.status)))
    }

    /// Says that a file has been copied.
    func release(_ file: File) { gated?.gate.unpin(file.identity) }

    /// Lets go of everything.
    func release() {
        guard let gated else { return }
        gated.gate.unpinAll()
        // What cannot be removed now goes with the next backup or start.
        try? FolderRemoval.remove(staging, fileSystem)
    }
}
