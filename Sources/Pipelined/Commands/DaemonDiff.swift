import Config
import Glibc

/// The plan from what a daemon runs to specs that it does not have: those of a folder, of a file, or of
/// a git revision.
struct DaemonDiff {
    let specs: RevisionDiff
    /// Of `specs.folder`; nil for what lies there now.
    var revision: String?
    /// Only the pipelines of this file; nil for all.
    var file: String?

    /// - Parameter path: A folder of specs, or a spec, whose neighbours are read with it.
    init(path: String, revision: String?, environment: SpecEnvironment) {
        var status = stat()
        let isFolder = stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFDIR
        let folder = isFolder ? path : path.parentFolder
        specs = RevisionDiff(folder: folder.isEmpty ? "." : folder, environment: environment)
        self.revision = revision
        file = isFolder ? nil : path.split(separator: "/").last.map(String.init)
    }

    /// - Parameter meanings: As the method of that name answers.
    /// - Returns: As the `diff` method of the control protocol.
    func answer(_ meanings: JSONValue) throws(GitError) -> JSONValue {
        let reading = SpecReading(
            folder: specs.folder, environment: specs.environment, isEnvironmentStrict: false)
        let files: [SpecFile]
        if let revision {
            files = try specs.filesOf(revision: revision)
        } else {
            files = try specs.filesOfFolder()
        }
        let library = specs.library(files, reading)
        var known: [String: JSONValue] = [:]
        for pipeline in meanings["pipelines"]?.array ?? [] {
            known[pipeline["name"]?.text ?? ""] = pipeline
        }
        let mine = library.pipelines.filter { file == nil || $0.value.file == file }
        let desired = mine.reduce(into: [String: DesiredPipeline]()) { result, pipeline in
            let loaded = pipeline.value.loaded
            var wanted = DesiredPipeline(
                meaning: loaded.meaning, rules: loaded.rules, generation: 1,
                mode: loaded.spec.settings.isSuspended ? .hold(.suspended) : .run)
            if known[pipeline.key]?["phase"]?.text == PipelinePhase.paused.rawValue {
                wanted.mode = .hold(.paused)
            }
            wanted.approvedPlan = known[pipeline.key]?["approved_plan"]?.text
            result[pipeline.key] = wanted
        }
        // A spec that cannot be read is not gone.
        let unreadable = Set(library.orphanProblems.keys)
        let observed = known.filter { name, told in
            mine[name] != nil
                || (file == nil && !unreadable.contains(told["file"]?.text ?? ""))
        }.mapValues(observed)
        let changes = differences(
            desired: desired, observed: observed, now: 0, retentionMicros: .max
        ).map { change -> PlannedChange in
            var change = change
            if change.fates.contains(where: { $0.fate == .rebuilt }), let told = known[change.name]
            {
                change.estimate = PlannedChange.Estimate(
                    rows: told["rows"]?.integer ?? 0, micros: told["micros_to_read_all"]?.integer)
            }
            return change
        }
        let problems =
            mine.sorted { $0.key < $1.key }.compactMap(\.value.problem)
            + library.orphanProblems.filter { file == nil || $0.key == file }
            .sorted { $0.key < $1.key }.flatMap(\.value)
        return [
            "changes": .array(changes.map(StatusJSON.change)),
            "problems": .array(problems.map(StatusJSON.problem)),
        ]
    }

    private func observed(_ told: JSONValue) -> ObservedPipeline {
        let meaning = told["state"].flatMap(PipelineMeaning.init(json:))
        var observed = ObservedPipeline(stateMeaning: meaning)
        observed.needsApproval = told["needs_approval"]?.bool ?? false
        let phase = told["phase"]?.text.flatMap(PipelinePhase.init(rawValue:))
        if let meaning, phase != .paused, phase != .suspended {
            observed.activity =
                phase == .finished
                ? .finished(digest: meaning.digest) : .running(digest: meaning.digest)
        }
        return observed
    }
}
