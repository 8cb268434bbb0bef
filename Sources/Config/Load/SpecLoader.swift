import Operators

/// What one file gave.
package struct LoadResult: Sendable {
    /// A document that is no usable pipeline, or no usable topic.
    package struct Failed: Hashable, Sendable {
        package enum Kind: Hashable, Sendable { case pipeline, topic }
        package var kind = Kind.pipeline
        /// nil when not even its name could be read.
        package let name: String?
        package let path: String
        /// The line of `pipeline:` or `topic:`, or where the document begins (1-based).
        package let line: Int
    }

    /// The sound ones, in the order of the file.
    package var pipelines: [PipelineSpec] = []
    /// The sound `topic:` documents, in the order of the file.
    package var topics: [TopicSpec] = []
    /// Names of the topics that sources and tables name, also those of pipelines that failed: what
    /// the result depends on besides the file.
    package var topicsRead: Set<String> = []
    package var failed: [Failed] = []
    /// In the order of the file. Notes and warnings may stand beside sound pipelines.
    package var diagnostics: [Diagnostic] = []
}

/// Reads spec files: bytes in, pipelines or diagnostics out.
///
/// A value without state; loading opens nothing but `${file:…}` secrets and never traps, whatever
/// the bytes.
package struct SpecLoader: Sendable {
    private let environment: SpecEnvironment
    private let options: SpecLoadOptions

    package init(environment: SpecEnvironment, options: SpecLoadOptions = SpecLoadOptions()) {
        self.environment = environment
        self.options = options
    }

    /// Reads all documents of one file.
    ///
    /// Each document becomes a pipeline or diagnostics, whatever its neighbours are. A file that
    /// cannot be read as YAML gives none: half a file may look like a sound document.
    /// - Parameters:
    ///   - bytes: The whole file; more than ``YamlLimits/fileBytesMax`` are refused.
    ///   - path: Names the file in messages.
    package func load(bytes: [UInt8], path: String) -> LoadResult {
        let source = SourceText(path: path, bytes: bytes)
        let yaml = parseYaml(source)
        if let problem = yaml.problem {
            return LoadResult(failed: namesOfBrokenFile(source), diagnostics: [problem])
        }
        var result = LoadResult()
        let allowedPaths = AllowedPaths(environment)
        var names: [String: FileLocation] = [:]
        var usedOverrides: Set<String> = []
        for document in yaml.documents {
            let context = LoadContext(
                source: source, environment: environment, options: options,
                allowedPaths: allowedPaths)
            for problem in document.diagnostics { context.report(problem) }
            let read = readDocument(document.root, context, &names)
            if let spec = read.spec {
                result.pipelines.append(spec)
            } else {
                result.failed.append(
                    LoadResult.Failed(name: read.name, path: path, line: read.line))
            }
            result.diagnostics += context.diagnostics
            usedOverrides.formUnion(context.usedOverrides)
        }
        for name in options.parameterOverrides.keys.sorted() where !usedOverrides.contains(name) {
            result.diagnostics.append(.unknownOverride(name, known: usedOverrides.sorted()))
        }
        if yaml.documents.isEmpty { result.diagnostics.append(.emptyFile(path)) }
        result.diagnostics = result.diagnostics.inFileOrder()
        return result
    }

    private func readDocument(
        _ document: LocatedValue, _ context: LoadContext, _ names: inout [String: FileLocation]
    ) -> (spec: PipelineSpec?, name: String?, line: Int) {
        var line = context.location(document).line
        guard case .mapping(let entries) = document.content else {
            context.report(.noPipeline(at: context.location(document)))
            return (nil, nil, line)
        }
        if let topic = entries.first(where: { $0.key.text == "topic" }),
            !entries.contains(where: { $0.key.text == "pipeline" })
        {
            context.report(
                .notSupported("a 'topic' document", at: context.location(topic.key)))
            return (nil, nil, line)
        }
        guard let entry = entries.first(where: { $0.key.text == "pipeline" }) else {
            context.report(.noPipeline(at: context.location(entries.first?.key.range ?? 0..<0)))
            return (nil, nil, line)
        }
        line = context.location(entry.key).line
        guard
            let reader = FieldReader(
                document, SpecFields.document, owner: "a pipeline", context),
            let value = reader.value("pipeline"),
            let scalar = context.scalar(value, SpecFields.document["pipeline"])
        else { return (nil, nil, line) }
        let place = context.location(scalar)
        var name: String? = scalar.text
        if !isPipelineName(scalar.text) {
            context.report(.badName(scalar.text, what: "pipeline", at: place))
            name = nil
        } else if let first = names[scalar.text] {
            context.report(.duplicatePipeline(scalar.text, at: place, first: first))
        } else {
            names[scalar.text] = place
        }
        let pipeline = PipelineReader(reader, context)
        pipeline.locations.name = place
        return (pipeline.read(name: scalar.text, line: line), name, line)
    }

    /// The names in a file that is not YAML, by its lines: whoever runs them keeps running.
    private func namesOfBrokenFile(_ source: SourceText) -> [LoadResult.Failed] {
        var failed: [LoadResult.Failed] = []
        let text = String(decoding: source.bytes.prefix(YamlLimits.fileBytesMax), as: UTF8.self)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated() where line.hasPrefix("pipeline:")
        {
            let word = line.dropFirst(9).split { " \t\r\"'#".contains($0) }.first.map(String.init)
            if let word, isPipelineName(word) {
                failed.append(
                    LoadResult.Failed(name: word, path: source.path, line: index + 1))
            }
        }
        if failed.isEmpty {
            failed.append(LoadResult.Failed(name: nil, path: source.path, line: 1))
        }
        return failed
    }
}
