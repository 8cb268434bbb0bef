/// What a state directory has that belongs into a backup.
struct StateSurvey {
    struct File {
        /// Below the state directory.
        let path: String
        let status: FileStatus
        /// Whether its bytes never change again, so that a backup may share them.
        let isFinal: Bool
    }
    /// Each after the one that it lies in.
    var folders: [String] = []
    var files: [File] = []

    /// Looks at a state directory.
    ///
    /// What is there beside the folders of ``StateDirectory/kept`` belongs to a process and not to the
    /// state; nor do files that have their temporary name yet, or topics whose deletion has begun.
    ///
    /// - Parameter check: Called now and then; throws to give up.
    static func run(
        _ state: String, _ fileSystem: any FileSystem,
        check: () throws(StoreError) -> Void = {}
    ) throws(StoreError) -> StateSurvey {
        var survey = StateSurvey()
        for name in StateDirectory.kept {
            guard try fileSystem.status(path: "\(state)/\(name)")?.kind == .directory else {
                continue
            }
            try survey.look(state, name, fileSystem, check)
        }
        return survey
    }

    private mutating func look(
        _ state: String, _ folder: String, _ fileSystem: any FileSystem,
        _ check: () throws(StoreError) -> Void
    ) throws(StoreError) {
        try check()
        folders.append(folder)
        let names = try fileSystem.list("\(state)/\(folder)")
        // The newest segment is written to. The one before it may be sealed by an epoch that is not
        // committed: recovery then cuts it. One epoch seals one segment at most, and begins when the
        // one before it is committed, so that those before these two stay as they are.
        let final = Set(names.compactMap(SegmentName.base(of:)).sorted().dropLast(2))
        for name in names where !Self.isPassing(name, in: folder) {
            let path = "\(folder)/\(name)"
            guard let status = try fileSystem.status(path: "\(state)/\(path)") else { continue }
            switch status.kind {
            case .directory: try look(state, path, fileSystem, check)
            case .regular:
                let isFinal = SegmentName.base(of: name).map(final.contains) ?? false
                files.append(File(path: path, status: status, isFinal: isFinal))
            case .other: continue
            }
        }
    }

    /// Whether a name is one that recovery would remove.
    private static func isPassing(_ name: String, in folder: String) -> Bool {
        JournalFile.isTemporary(name) || SegmentName.isTemporary(name)
            || folder == "topics" && name.hasPrefix(".")
    }
}
