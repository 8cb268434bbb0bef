import Glibc

/// A copy of the repository that is followed, and the step that brings it up to date.
///
/// `STATE/git/mirror` is a bare repository, `STATE/git/IDENTITY` has the ``GitTrees`` of one source.
/// One thread uses it; it blocks for as long as git does.
struct GitMirror: Sendable {
    /// How long commands may take; microseconds.
    struct Limits: Sendable {
        var fetchMicros: Int64 = 300_000_000
        var localMicros: Int64 = 120_000_000
        /// What the folder of specs may hold, with all below it.
        var fileCountMax = 100_000
        var bytesMax: Int64 = 1 << 30
    }

    let source: GitSource
    let trees: GitTrees
    private let root: String
    private let git: GitProgram
    private let limits: Limits

    /// - Parameters:
    ///   - state: The state directory, absolute.
    ///   - stop: Readable when git is to be ended.
    init(
        _ source: GitSource, state: String, stop: Int32 = -1, limits: Limits = Limits(),
        program: String = "git"
    ) {
        self.source = source
        self.limits = limits
        root = state + "/git"
        trees = GitTrees(folder: root + "/" + source.identity)
        git = GitProgram(
            repository: root + "/mirror", stop: stop,
            secret: source.secretURL.map { ($0, source.shownURL) }, program: program)
    }

    /// What one attempt came to.
    struct Outcome: Equatable, Sendable {
        /// The newest commit of the branch, as far as it is known.
        var attempted: String?
        var hasFetched = false
        /// The commit that is looked at now, when it is another one than before.
        var applied: String?
        /// The branch no longer contains the commit that was applied before.
        var wasRewritten = false
        /// Why the newest commit is not the one applied.
        var problem: String?
    }

    /// Fetches the branch, and makes its newest commit the one that is looked at if that may be.
    ///
    /// Whatever goes wrong leaves the revision that was applied before as it is.
    func update() -> Outcome {
        var outcome = Outcome()
        do throws(GitError) {
            try prepare()
            try fetch()
            outcome.hasFetched = true
            let commit = try tip()
            outcome.attempted = commit
            let before = trees.current
            if commit != before {
                try apply(commit)
                outcome.applied = commit
                outcome.wasRewritten = before.map { isRewritten($0, commit) } ?? false
                tidy()
            }
        } catch {
            outcome.problem = error.message
        }
        return outcome
    }

    // MARK: the repository

    private var reference: String { "refs/pipelined/" + source.identity }

    /// Makes the repository if there is none that can be used, and takes away what a git that was
    /// killed has left in it.
    private func prepare() throws(GitError) {
        for path in [root, trees.folder] where mkdir(path, 0o700) != 0 && errno != EEXIST {
            throw GitError(
                message: "cannot make \(path): \(String(cString: strerror(errno)))")
        }
        removeLeftovers()
        let isUsable = (try? git.run(["rev-parse", "--git-dir"], timeMicros: limits.localMicros))
        if isUsable != nil, isWhole() { return }
        FolderRemoval.remove(git.repository)
        _ = try doing("make \(git.repository)") { () throws(GitError) in
            try git.run(
                ["init", "--quiet", "--bare", "--template=", git.repository],
                timeMicros: limits.localMicros)
        }
    }

    /// Whether the commit that was fetched last can still be read: a power cut may have taken it.
    private func isWhole() -> Bool {
        let listed = try? git.run(
            ["for-each-ref", "--format=%(objectname)", reference], timeMicros: limits.localMicros)
        guard let listed else { return false }
        guard !listed.isEmpty else { return true }
        let tree = try? git.run(
            ["rev-parse", "--verify", "--quiet", reference + "^{tree}"],
            timeMicros: limits.localMicros)
        return tree != nil
    }

    /// Locks and half-written packs. Nobody else uses the repository: whoever held them is gone.
    private func removeLeftovers() {
        for folder in ["", "/refs/pipelined", "/objects/pack", "/objects/info"] {
            let path = git.repository + folder
            for name in FolderRemoval.names(in: path) ?? []
            where name.hasSuffix(".lock") || name.hasPrefix("tmp_") {
                unlink(path + "/" + name)
            }
        }
        trees.removeDraft()
    }

    private func fetch() throws(GitError) {
        let branch = source.branch.map { "refs/heads/" + $0 } ?? "HEAD"
        do throws(GitError) {
            try git.run(
                [
                    "fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules",
                    "--no-write-fetch-head", "--no-auto-gc", GitProgram.remote,
                    "+\(branch):\(reference)",
                ], .user(url: source.resolvedURL), timeMicros: limits.fetchMicros)
        } catch {
            let isGone = error.message.contains("couldn't find remote ref")
            throw GitError(
                message: "cannot fetch \(source.shown): "
                    + (isGone ? "there is no such branch" : error.message))
        }
    }

    private func tip() throws(GitError) -> String {
        let output = try doing("read \(source.shown)") { () throws(GitError) in
            try git.run(
                ["rev-parse", "--verify", "--quiet", reference + "^{commit}"],
                timeMicros: limits.localMicros)
        }
        let commit = String(decoding: output, as: UTF8.self).trimmingNewlines
        guard GitRevision.isCommit(commit) else {
            throw GitError(message: "cannot read \(source.shown): it has no commit")
        }
        return commit
    }

    /// Whether a commit that is known is none of those that led to the new one.
    private func isRewritten(_ old: String, _ new: String) -> Bool {
        func succeeds(_ words: [String]) -> Bool {
            (try? git.run(words, timeMicros: limits.localMicros)) != nil
        }
        return succeeds(["cat-file", "-e", old + "^{commit}"])
            && !succeeds(["merge-base", "--is-ancestor", old, new])
    }

    // MARK: a revision

    private func apply(_ commit: String) throws(GitError) {
        let act = "apply revision \(commit.prefix(8)) of \(source.shown)"
        if source.verifiesSignatures {
            do throws(GitError) {
                try git.run(
                    ["verify-commit", commit], .user(url: nil), timeMicros: limits.localMicros)
            } catch {
                throw GitError(
                    message: "cannot \(act): its signature is not good: \(error.message)")
            }
        }
        try doing(act) { () throws(GitError) in
            if !trees.has(commit) { try checkOut(commit) }
            try trees.publish(commit)
        }
    }

    /// Writes the files of a commit's folder of specs.
    private func checkOut(_ commit: String) throws(GitError) {
        let tree = source.path.isEmpty ? commit + "^{tree}" : "\(commit):\(source.path)"
        let kind = try? git.run(["cat-file", "-t", tree], timeMicros: limits.localMicros)
        guard let kind, String(decoding: kind, as: UTF8.self).trimmingNewlines == "tree" else {
            throw GitError(message: "it has no folder '\(source.shownPath)'")
        }
        try checkSize(tree)
        try trees.beginDraft()
        // Attributes and settings of the repository count for nothing that is run: no configuration
        // names a filter.
        let variables = [
            "GIT_INDEX_FILE": trees.draftIndex, "GIT_WORK_TREE": trees.draft,
        ]
        try git.run(
            ["-c", "core.bare=false", "read-tree", tree], variables: variables,
            timeMicros: limits.localMicros)
        try git.run(
            ["-c", "core.bare=false", "checkout-index", "--all", "--force", "--quiet"],
            variables: variables, timeMicros: limits.localMicros)
        try trees.finishDraft(commit)
    }

    private func checkSize(_ tree: String) throws(GitError) {
        let listing = try git.run(
            ["ls-tree", "-r", "-l", "-z", tree], timeMicros: limits.localMicros)
        var count = 0
        var bytes: Int64 = 0
        for entry in listing.split(separator: 0) {
            count += 1
            // Mode, kind, object, size, then a tab and the name; a submodule has the size `-`.
            let words = entry.prefix { $0 != UInt8(ascii: "\t") }.split(
                separator: UInt8(ascii: " "))
            let size = words.last.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
            bytes = bytes.saturatingAdd(size)
        }
        guard count <= limits.fileCountMax, bytes <= limits.bytesMax else {
            throw GitError(
                message: "'\(source.shownPath)' has \(count) files with \(HumanText.bytes(bytes)); "
                    + "at most \(limits.fileCountMax) with \(HumanText.bytes(limits.bytesMax)) "
                    + "are taken")
        }
    }

    /// Removes what is no longer needed. What cannot be done is done the next time.
    private func tidy() {
        trees.prune()
        for name in FolderRemoval.names(in: root) ?? []
        where name != "mirror" && root + "/" + name != trees.folder {
            FolderRemoval.remove(root + "/" + name)
            _ = try? git.run(
                ["update-ref", "-d", "refs/pipelined/" + name], timeMicros: limits.localMicros)
        }
        _ = try? git.run(["gc", "--auto", "--quiet"], timeMicros: limits.fetchMicros)
    }

    private func doing<T>(
        _ act: String, _ body: () throws(GitError) -> T
    ) throws(GitError) -> T {
        do throws(GitError) {
            return try body()
        } catch {
            throw GitError(message: "cannot \(act): \(error.message)")
        }
    }
}
