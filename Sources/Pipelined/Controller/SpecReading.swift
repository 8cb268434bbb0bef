import Config

/// Reads spec files for the controller: Config's loader, with its diagnostics made ready to show.
struct SpecReading: Sendable {
    /// What stands before a file's name in messages and in `PipelineSpec.path`.
    let folder: String
    let environment: SpecEnvironment
    let isEnvironmentStrict: Bool

    /// Reads files that belong together; one result a file, in their order.
    ///
    /// - Parameter known: Topics that are known besides what the files say.
    func load(_ texts: [SpecLibrary.Text], _ known: [String: KnownTopic]) -> [LoadedFile] {
        let loader = SpecLoader(
            environment: environment,
            options: SpecLoadOptions(
                isEnvironmentStrict: isEnvironmentStrict, topics: known, readsTests: false))
        let inputs = texts.map { SpecInput(path: path(of: $0.file), bytes: $0.bytes) }
        return zip(inputs, loader.load(inputs)).map { Self.loaded($1, path: $0.path) }
    }

    private static func loaded(_ result: LoadResult, path: String) -> LoadedFile {
        var loaded = LoadedFile()
        loaded.pipelines = result.pipelines.map {
            LoadedPipeline(spec: $0, meaning: PipelineMeaning($0), rules: ChangeRules($0))
        }
        loaded.topics = result.topics
        loaded.topicsRead = result.topicsRead
        loaded.topicsKnown = result.topicsKnown
        let starts =
            (result.failed.map(\.line) + result.pipelines.map(\.line) + result.topics.map(\.line))
            .sorted()
        for failed in result.failed {
            // A document's diagnostics stand between its first line and the next one's.
            let end = starts.first { $0 > failed.line } ?? .max
            let isFirst = starts.first == failed.line
            let diagnostics = result.diagnostics.filter { diagnostic in
                guard let line = diagnostic.location?.line else { return true }
                return line < end && (isFirst || line >= failed.line)
            }
            loaded.problems.append(SpecProblem(failed, diagnostics))
        }
        if loaded.problems.isEmpty, result.diagnostics.hasErrors {
            let file = LoadResult.Failed(name: nil, path: path, line: 1)
            loaded.problems.append(SpecProblem(file, result.diagnostics))
        }
        return loaded
    }

    func path(of file: String) -> String {
        folder.hasSuffix("/") ? folder + file : folder + "/" + file
    }

    /// The specs and topics that cannot stand beside the others, such as two with one name.
    static func conflicts(
        _ specs: [PipelineSpec], _ topics: [TopicSpec], _ inForce: SpecDirectory.InForce
    ) -> [SpecConflict] {
        let checked = SpecDirectory.check(specs, topics: topics, inForce: inForce)
        return checked.failed.map { failed in
            let own = checked.diagnostics.filter { diagnostic in
                diagnostic.location.map { $0.file == failed.path && $0.line >= failed.line }
                    ?? false
            }
            return SpecConflict(
                kind: failed.kind, name: failed.name ?? "", path: failed.path, line: failed.line,
                problem: SpecProblem(failed, own.isEmpty ? checked.diagnostics : own))
        }
    }
}

/// A spec or topic that cannot stand beside the others.
struct SpecConflict: Equatable, Sendable {
    var kind: LoadResult.Failed.Kind
    var name: String
    var path: String
    var line: Int
    var problem: SpecProblem
}

extension SpecProblem {
    init(_ failed: LoadResult.Failed, _ diagnostics: [Diagnostic]) {
        let path = failed.path
        let errors = diagnostics.filter { $0.severity == .error }
        var summary = "\(path): the spec is not valid"
        if let first = errors.first {
            summary = "\(path): \(first.message)"
            if let place = first.location {
                summary = "\(place.file):\(place.line):\(place.column): \(first.message)"
            }
        }
        if errors.count > 1 { summary += " (and \(errors.count - 1) more)" }
        self.init(
            pipeline: failed.kind == .pipeline ? failed.name : nil,
            topic: failed.kind == .topic ? failed.name : nil, summary: summary,
            rendered: diagnostics.rendered)
    }
}
