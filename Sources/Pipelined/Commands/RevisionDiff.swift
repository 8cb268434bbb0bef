import Config
import Glibc

/// Git could not be asked, or did not know.
struct GitError: Error, Equatable {
    var message: String
}

/// The plan from the specs of a git revision to those that are in the working tree.
struct RevisionDiff {
    let folder: String
    let environment: SpecEnvironment
    /// Topics that are known besides the files of either side.
    var knownTopics: [String: KnownTopic] = [:]

    /// Makes the plan as the controller would, were the revision's specs running with their state.
    ///
    /// - Returns: As the `diff` method of the control protocol.
    func answer(base: String) throws(GitError) -> JSONValue {
        let reading = SpecReading(
            folder: folder, environment: environment,
            isEnvironmentStrict: false)
        let old = library(try filesOf(revision: base), reading)
        let new = library(try filesOfFolder(), reading)
        let desired = new.pipelines.mapValues { entry in
            DesiredPipeline(
                meaning: entry.loaded.meaning, rules: entry.loaded.rules, generation: 1,
                mode: entry.loaded.spec.settings.isSuspended ? .hold(.suspended) : .run)
        }
        // A spec that cannot be read is not gone.
        let unreadable = Set(new.orphanProblems.keys)
        let observed = old.pipelines.filter {
            new.pipelines[$0.key] != nil || !unreadable.contains($0.value.file)
        }.mapValues { entry in
            ObservedPipeline(
                activity: entry.loaded.spec.settings.isSuspended
                    ? .idle : .running(digest: entry.loaded.meaning.digest),
                stateMeaning: entry.loaded.meaning,
                needsApproval: entry.loaded.rules.needsApproval)
        }
        let changes = differences(
            desired: desired, observed: observed, now: 0, retentionMicros: .max)
        let problems =
            new.pipelines.sorted { $0.key < $1.key }.compactMap(\.value.problem)
            + new.orphanProblems.sorted { $0.key < $1.key }.flatMap(\.value)
        return [
            "changes": .array(changes.map(StatusJSON.change)),
            "problems": .array(problems.map(StatusJSON.problem)),
        ]
    }

    func filesOfFolder() throws(GitError) -> [SpecFile] {
        var folder = SpecFolder(path: folder, usesLeases: false)
        switch folder.look(now: .max) {
        case .unreadable(let problem): throw GitError(message: problem)
        case .unsettled:
            throw GitError(message: "cannot compare: \(self.folder) is being written; try again")
        case .files(let files): return files
        }
    }

    func library(_ files: [SpecFile], _ reading: SpecReading) -> SpecLibrary {
        var library = SpecLibrary(self.reading(reading))
        _ = library.take(.files(files), allowEmpty: true)
        return library
    }

    private func reading(_ reading: SpecReading) -> SpecLibrary.Reading {
        SpecLibrary.Reading(
            load: reading.load, conflicts: SpecReading.conflicts,
            storedTopics: { [knownTopics] in knownTopics })
    }

    func filesOf(revision: String) throws(GitError) -> [SpecFile] {
        guard !revision.hasPrefix("-"), !revision.contains(":") else {
            throw GitError(message: "cannot read revision '\(revision)': it is no revision")
        }
        let commit = String(
            decoding: try git(["rev-parse", "--verify", "--quiet", revision + "^{commit}"]),
            as: UTF8.self
        ).trimmingNewlines
        let listing = try git(["ls-tree", "-z", "--name-only", commit, "./"])
        var files: [SpecFile] = []
        for name in listing.split(separator: 0) {
            let name = String(decoding: name, as: UTF8.self)
            guard SpecFolder.isSpec(name), !name.contains("/") else { continue }
            let bytes = try git(["show", "\(commit):./\(name)"])
            files.append(SpecFile(name: name, content: .changed(bytes)))
        }
        return files
    }

    private func git(_ arguments: [String]) throws(GitError) -> [UInt8] {
        let result = ChildProcess.run("git", ["-C", folder] + arguments)
        guard let result else {
            throw GitError(message: "cannot run git: \(String(cString: strerror(errno)))")
        }
        guard result.status == 0 else {
            let words = result.error.split(separator: UInt8(ascii: "\n")).first.map {
                String(decoding: $0, as: UTF8.self)
            }
            throw GitError(
                message: "cannot read the revision with git in \(folder): "
                    + (words ?? "there is no such revision"))
        }
        return result.output
    }
}
