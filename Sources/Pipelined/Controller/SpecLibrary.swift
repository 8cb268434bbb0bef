import Config

/// What one spec file says.
struct LoadedFile: Sendable {
    /// The pipelines without errors.
    var pipelines: [LoadedPipeline] = []
    var problems: [SpecProblem] = []
}

struct LoadedPipeline: Sendable {
    var spec: PipelineSpec
    var meaning: PipelineMeaning
}

/// One thing that is wrong with a spec file, ready to be shown.
struct SpecProblem: Equatable, Sendable {
    /// The pipeline it belongs to; nil where the file is too broken to tell.
    var pipeline: String?
    /// `file:line:column: message`, one line.
    var summary: String
    /// The diagnostic with the line and a caret.
    var rendered: String
}

/// The specs that count: what the files say, with the last good version of those that are broken,
/// and those whose file is gone until that is sure.
///
/// A value without I/O: looks come in, ``pipelines`` is the result.
struct SpecLibrary: Sendable {
    struct Entry: Sendable {
        /// Where it was read; below the directory.
        var file: String
        var loaded: LoadedPipeline
        /// The file's bytes when it was last good; kept so that it survives a restart.
        var bytes: [UInt8]
        /// Why the file's present text does not count; nil while it does.
        var problem: SpecProblem?
        /// Complete listings in a row without it.
        var absentCount = 0
        /// It was in the catalog when the daemon began and has not been seen in a file since.
        var isRemembered = false
    }

    /// The pipelines that should be there, by name.
    private(set) var pipelines: [String: Entry] = [:]
    /// What is wrong in files that have no pipeline to show it with, by file.
    private(set) var orphanProblems: [String: [SpecProblem]] = [:]
    /// Pipelines whose files went all at once: they stay until ``allowEmpty``.
    private(set) var heldBack: Set<String> = []
    /// Files that somebody has open for writing.
    private(set) var busyFiles: Set<String> = []
    /// Why the directory could not be listed, the last time.
    private(set) var folderProblem: String?

    private var files: [String: LoadedFile] = [:]
    private var bytes: [String: [UInt8]] = [:]
    private let load: @Sendable (_ file: String, _ bytes: [UInt8]) -> LoadedFile

    /// Removal needs this many complete listings without the spec.
    static let absentLooksMin = 2

    /// - Parameter load: Reads a file's text; the environment may make it give something else later.
    init(load: @escaping @Sendable (_ file: String, _ bytes: [UInt8]) -> LoadedFile) {
        self.load = load
    }

    /// Takes up what an earlier daemon knew: the last good text of a file, and the pipeline in it.
    mutating func remember(_ name: String, file: String, bytes: [UInt8]) {
        guard let loaded = load(file, bytes).pipelines.first(where: { $0.spec.name == name }) else {
            return
        }
        var entry = Entry(file: file, loaded: loaded, bytes: bytes)
        entry.isRemembered = true
        pipelines[name] = entry
    }

    /// Whether another look is needed soon: something is being written, or is perhaps gone.
    var isUnsure: Bool {
        !busyFiles.isEmpty
            || pipelines.contains { $0.value.absentCount > 0 && !heldBack.contains($0.key) }
    }

    /// Takes in what a look found.
    ///
    /// - Parameter allowEmpty: More than half of the specs may go at once.
    mutating func take(_ look: FolderLook, allowEmpty: Bool) {
        switch look {
        case .unsettled: return
        case .unreadable(let problem): folderProblem = problem
        case .files(let files):
            folderProblem = nil
            readFiles(files)
            let claims = claimNames()
            adopt(claims)
            countAbsent(claims, allowEmpty: allowEmpty)
        }
    }

    // MARK: files

    private mutating func readFiles(_ listed: [SpecFile]) {
        busyFiles = []
        var read: [String: LoadedFile] = [:]
        for file in listed {
            switch file.content {
            case .unchanged: read[file.name] = files[file.name] ?? LoadedFile()
            case .busy:
                busyFiles.insert(file.name)
                read[file.name] = files[file.name] ?? LoadedFile()
            case .changed(let content):
                read[file.name] = load(file.name, content)
                bytes[file.name] = content
            case .refused(let problem):
                var loaded = LoadedFile()
                loaded.problems = [SpecProblem(summary: problem, rendered: "error: \(problem)\n")]
                read[file.name] = loaded
            }
        }
        files = read
        bytes = bytes.filter { read[$0.key] != nil }
    }

    // MARK: names

    /// Which file has a name. A name in two files belongs to the one that had it before, otherwise
    /// to the first by name; the other one's is a problem.
    private mutating func claimNames() -> [String: (file: String, loaded: LoadedPipeline)] {
        var claims: [String: (file: String, loaded: LoadedPipeline)] = [:]
        orphanProblems = [:]
        for file in files.keys.sorted() {
            for loaded in files[file]?.pipelines ?? [] {
                let name = loaded.spec.name
                guard let claimed = claims[name] else {
                    claims[name] = (file, loaded)
                    continue
                }
                var loser = file
                if pipelines[name]?.file == file, claimed.file != file {
                    claims[name] = (file, loaded)
                    loser = claimed.file
                }
                let winner = loser == file ? claimed.file : file
                let summary = "\(loser): pipeline '\(name)' is in \(winner) already; rename one"
                orphanProblems[loser, default: []].append(
                    SpecProblem(
                        pipeline: nil, summary: summary, rendered: "error: \(summary)\n"))
            }
        }
        return claims
    }

    private mutating func adopt(_ claims: [String: (file: String, loaded: LoadedPipeline)]) {
        for (name, claim) in claims {
            let old = pipelines[name]
            var entry = Entry(
                file: claim.file, loaded: claim.loaded, bytes: bytes[claim.file] ?? [])
            if let old, old.loaded.meaning.digest == claim.loaded.meaning.digest {
                // The graph that runs was made from the earlier value: only its place may move.
                entry.loaded = LoadedPipeline(spec: claim.loaded.spec, meaning: old.loaded.meaning)
            }
            pipelines[name] = entry
        }
        for name in pipelines.keys where claims[name] == nil { pipelines[name]?.problem = nil }
        for file in files.keys.sorted() {
            for problem in files[file]?.problems ?? [] {
                let names = affected(by: problem, in: file, claims)
                for name in names where pipelines[name]?.problem == nil {
                    pipelines[name]?.problem = problem
                }
                if names.isEmpty { orphanProblems[file, default: []].append(problem) }
            }
        }
    }

    /// The pipelines whose last good version stands in for what a problem makes unreadable.
    private func affected(
        by problem: SpecProblem, in file: String,
        _ claims: [String: (file: String, loaded: LoadedPipeline)]
    ) -> [String] {
        let candidates = pipelines.filter { $0.value.file == file && claims[$0.key] == nil }.keys
        guard let name = problem.pipeline else { return candidates.sorted() }
        return candidates.contains(name) ? [name] : []
    }

    // MARK: removal

    private mutating func countAbsent(
        _ claims: [String: (file: String, loaded: LoadedPipeline)], allowEmpty: Bool
    ) {
        var gone: Set<String> = []
        for (name, entry) in pipelines where claims[name] == nil {
            let isWritten = busyFiles.contains(entry.file)
            if entry.problem != nil && files[entry.file] != nil || isWritten {
                pipelines[name]?.absentCount = 0
                continue
            }
            pipelines[name]?.absentCount += 1
            if entry.absentCount + 1 >= Self.absentLooksMin { gone.insert(name) }
        }
        heldBack = []
        guard !gone.isEmpty else { return }
        if !allowEmpty, gone.count * 2 > pipelines.count {
            heldBack = gone
        } else {
            for name in gone { pipelines[name] = nil }
        }
    }
}
