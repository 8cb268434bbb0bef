import Config

/// Reads spec files for the controller: Config's loader, with its diagnostics made ready to show.
struct SpecReading: Sendable {
    /// What stands before a file's name in messages and in `PipelineSpec.path`.
    let folder: String
    let environment: SpecEnvironment
    let isEnvironmentStrict: Bool

    func load(_ file: String, _ bytes: [UInt8]) -> LoadedFile {
        let path = self.path(of: file)
        let loader = SpecLoader(
            environment: environment,
            options: SpecLoadOptions(isEnvironmentStrict: isEnvironmentStrict))
        let result = loader.load(bytes: bytes, path: path)
        var loaded = LoadedFile()
        loaded.pipelines = result.pipelines.map {
            LoadedPipeline(spec: $0, meaning: PipelineMeaning($0))
        }
        let starts = (result.failed.map(\.line) + result.pipelines.map(\.line)).sorted()
        for failed in result.failed {
            // A document's diagnostics stand between its first line and the next one's.
            let end = starts.first { $0 > failed.line } ?? .max
            let isFirst = starts.first == failed.line
            let diagnostics = result.diagnostics.filter { diagnostic in
                guard let line = diagnostic.location?.line else { return true }
                return line < end && (isFirst || line >= failed.line)
            }
            loaded.problems.append(SpecProblem(failed.name, diagnostics, path: path))
        }
        if loaded.problems.isEmpty, result.diagnostics.hasErrors {
            loaded.problems.append(SpecProblem(nil, result.diagnostics, path: path))
        }
        return loaded
    }

    func path(of file: String) -> String {
        folder.hasSuffix("/") ? folder + file : folder + "/" + file
    }

    /// The specs that cannot run beside the others, such as two with one name or one output file.
    static func conflicts(
        _ specs: [PipelineSpec], _ inForce: [String: String]
    ) -> [SpecConflict] {
        let checked = SpecDirectory.check(specs, inForce: .init(pipelines: inForce))
        return checked.failed.map { failed in
            let own = checked.diagnostics.filter { diagnostic in
                diagnostic.location.map { $0.file == failed.path && $0.line >= failed.line }
                    ?? false
            }
            return SpecConflict(
                name: failed.name ?? "", path: failed.path, line: failed.line,
                problem: SpecProblem(
                    failed.name, own.isEmpty ? checked.diagnostics : own, path: failed.path))
        }
    }
}

/// A spec that cannot run beside the others.
struct SpecConflict: Equatable, Sendable {
    var name: String
    var path: String
    var line: Int
    var problem: SpecProblem
}

extension SpecProblem {
    init(_ pipeline: String?, _ diagnostics: [Diagnostic], path: String) {
        let errors = diagnostics.filter { $0.severity == .error }
        var summary = "\(path): the spec is not valid"
        if let first = errors.first {
            summary = "\(path): \(first.message)"
            if let place = first.location {
                summary = "\(place.file):\(place.line):\(place.column): \(first.message)"
            }
        }
        if errors.count > 1 { summary += " (and \(errors.count - 1) more)" }
        self.init(pipeline: pipeline, summary: summary, rendered: diagnostics.rendered)
    }
}

extension PipelineMeaning {
    init(_ spec: PipelineSpec) {
        let fingerprints = spec.stateFingerprints()
        self.init(
            digest: spec.meaning,
            nodes: spec.statefulNodes.map {
                Node(name: $0, fingerprint: fingerprints[$0] ?? "")
            })
    }
}
