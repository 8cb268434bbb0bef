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
    }

    /// How a file's text becomes pipelines, and which of all pipelines cannot stand together.
    struct Reading: Sendable {
        var load: @Sendable (_ file: String, _ bytes: [UInt8]) -> LoadedFile
        /// Given the path that each name is in force from.
        var conflicts:
            @Sendable (_ specs: [PipelineSpec], _ inForce: [String: String])
                -> [SpecConflict]
    }

    private struct Claim {
        var file: String
        var loaded: LoadedPipeline
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
    private let reading: Reading

    /// Removal needs this many complete listings without the spec.
    static let absentLooksMin = 2

    init(_ reading: Reading) { self.reading = reading }

    /// Takes up what an earlier daemon knew: the last good text of a file, and the pipeline in it.
    mutating func remember(_ name: String, file: String, bytes: [UInt8]) {
        let loaded = reading.load(file, bytes).pipelines.first { $0.spec.name == name }
        guard let loaded else { return }
        pipelines[name] = Entry(file: file, loaded: loaded, bytes: bytes)
    }

    /// Whether something is perhaps gone and the next look will tell.
    var isMakingSure: Bool {
        pipelines.contains { $0.value.absentCount > 0 && !heldBack.contains($0.key) }
    }

    /// Takes in what a look found.
    ///
    /// - Parameter allowEmpty: More than half of the specs may go at once.
    /// - Returns: Whether anything may be different from before.
    mutating func take(_ look: FolderLook, allowEmpty: Bool) -> Bool {
        switch look {
        case .unsettled: return false
        case .unreadable(let problem):
            defer { folderProblem = problem }
            return folderProblem != problem
        case .files(let listed):
            let wasReadable = folderProblem == nil
            folderProblem = nil
            let isSame =
                wasReadable && listed.allSatisfy { $0.content == .unchanged }
                && busyFiles.isEmpty && files.count == listed.count
                && !pipelines.contains { $0.value.absentCount > 0 }
            if isSame, listed.allSatisfy({ files[$0.name] != nil }) { return false }
            readFiles(listed)
            let (claims, refused) = claimNames()
            adopt(claims, refused)
            countAbsent(claims, allowEmpty: allowEmpty)
            return true
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
                read[file.name] = reading.load(file.name, content)
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

    /// Which spec has a name, and the specs that cannot stand beside the others, by file.
    ///
    /// A last good version that stands in for a broken text takes part, so that nobody takes its
    /// output file meanwhile.
    private func claimNames() -> (claims: [String: Claim], refused: [String: [SpecProblem]]) {
        var all: [Claim] = []
        for (file, loaded) in files {
            all += loaded.pipelines.map { Claim(file: file, loaded: $0) }
        }
        let names = Set(all.map(\.loaded.spec.name))
        let standIns = pipelines.values.filter { !names.contains($0.loaded.spec.name) }
        let conflicts = reading.conflicts(
            all.map(\.loaded.spec) + standIns.map(\.loaded.spec),
            pipelines.mapValues(\.loaded.spec.path))
        var claims: [String: Claim] = [:]
        var refused: [String: [SpecProblem]] = [:]
        for claim in all {
            let spec = claim.loaded.spec
            let conflict = conflicts.first {
                $0.name == spec.name && $0.path == spec.path && $0.line == spec.line
            }
            if let conflict {
                refused[claim.file, default: []].append(conflict.problem)
            } else {
                claims[spec.name] = claim
            }
        }
        return (claims, refused)
    }

    private mutating func adopt(_ claims: [String: Claim], _ refused: [String: [SpecProblem]]) {
        orphanProblems = [:]
        for (name, claim) in claims {
            pipelines[name] = Entry(
                file: claim.file, loaded: claim.loaded, bytes: bytes[claim.file] ?? [])
        }
        for name in pipelines.keys where claims[name] == nil { pipelines[name]?.problem = nil }
        for file in files.keys.sorted() {
            for problem in (files[file]?.problems ?? []) + (refused[file] ?? []) {
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
        by problem: SpecProblem, in file: String, _ claims: [String: Claim]
    ) -> [String] {
        let candidates = pipelines.filter { $0.value.file == file && claims[$0.key] == nil }.keys
        guard let name = problem.pipeline else { return candidates.sorted() }
        return candidates.contains(name) ? [name] : []
    }

    // MARK: removal

    private mutating func countAbsent(_ claims: [String: Claim], allowEmpty: Bool) {
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
