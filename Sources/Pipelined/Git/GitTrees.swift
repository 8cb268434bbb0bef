import CPrimitives
import Glibc

/// The files of revisions that were applied, a folder each, and the symlink that says which one is
/// looked at: `FOLDER/current` leads to `FOLDER/COMMIT`.
///
/// A folder has its name only once it is whole and synced, and the link changes by a rename, so that
/// who follows it sees all of one revision or all of another, also after a power cut.
struct GitTrees: Sendable {
    /// An absolute path; made when it is first needed.
    let folder: String

    /// Revisions that are kept besides the one that is looked at: what runs may have files of them open.
    static let keptMax = 3

    /// The directory of specs.
    var link: String { folder + "/current" }

    /// Where the files of a revision are put before they are whole.
    var draft: String { folder + "/.draft" }
    var draftIndex: String { folder + "/.draft.index" }

    func path(of commit: String) -> String { folder + "/" + commit }

    /// The commit that is looked at; nil before the first one, and where its files are gone.
    var current: String? {
        guard let commit = GitRevision.followed(by: link) else { return nil }
        return has(commit) ? commit : nil
    }

    /// Whether the files of a commit are there, whole.
    func has(_ commit: String) -> Bool {
        var status = stat()
        return lstat(path(of: commit), &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes an empty folder for a draft; what an earlier one left goes.
    func beginDraft() throws(GitError) {
        removeDraft()
        for path in [folder, draft] where mkdir(path, 0o700) != 0 && errno != EEXIST {
            throw Self.error("make", path)
        }
    }

    func removeDraft() {
        FolderRemoval.remove(draft)
        for path in [draftIndex, draftIndex + ".lock"] { unlink(path) }
    }

    /// Gives the draft its commit's name, durably.
    func finishDraft(_ commit: String) throws(GitError) {
        unlink(draftIndex)
        let descriptor = open(draft, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error("open", draft) }
        defer { close(descriptor) }
        // One call for thousands of small files.
        guard cp_sync_file_system(descriptor) == 0 else { throw Self.error("sync", draft) }
        guard rename(draft, path(of: commit)) == 0 else { throw Self.error("rename", draft) }
        try sync()
    }

    /// Makes a commit the one that is looked at; its files are there.
    func publish(_ commit: String) throws(GitError) {
        let next = folder + "/.current"
        unlink(next)
        guard symlink(commit, next) == 0 else { throw Self.error("make", next) }
        guard rename(next, link) == 0 else { throw Self.error("rename", next) }
        try sync()
        // The newest is the one that was published last, not the one that was written last.
        utimes(path(of: commit), nil)
    }

    /// Removes revisions that are neither looked at nor among the last few.
    func prune() {
        let current = GitRevision.followed(by: link)
        var old: [(name: String, time: Int64)] = []
        for name in FolderRemoval.names(in: folder) ?? []
        where GitRevision.isCommit(name) && name != current {
            var status = stat()
            guard lstat(path(of: name), &status) == 0 else { continue }
            let nanos = Int64(status.st_mtim.tv_nsec)
            old.append((name, Int64(status.st_mtim.tv_sec) * 1_000_000_000 + nanos))
        }
        old.sort { ($0.time, $0.name) > ($1.time, $1.name) }
        for tree in old.dropFirst(Self.keptMax) { FolderRemoval.remove(path(of: tree.name)) }
    }

    private func sync() throws(GitError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.error("sync", folder) }
    }

    private static func error(_ verb: String, _ path: String) -> GitError {
        GitError(message: "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}

/// Removes folders with all that is in them, as far as that can be done; follows no symlink.
enum FolderRemoval {
    static func remove(_ path: String) {
        if unlink(path) == 0 || errno == ENOENT { return }
        for name in names(in: path) ?? [] { remove(path + "/" + name) }
        rmdir(path)
    }

    /// What is in a folder, in no order; nil where it cannot be listed.
    static func names(in path: String) -> [String]? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            return nil
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = entryName(entry)
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
