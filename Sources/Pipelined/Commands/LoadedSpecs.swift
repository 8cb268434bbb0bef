import Config

/// The specs of some files, loaded together, with all that is wrong.
struct LoadedSpecs {
    private(set) var pipelines: [PipelineSpec] = []
    private(set) var topics: [TopicSpec] = []
    private(set) var tests: [TestSpec] = []
    private(set) var diagnostics: [Diagnostic] = []
    /// Topics that documents beside the files declare.
    private var neighbours: [TopicSpec] = []

    /// Loads files, and where they name topics that they do not have, looks for those in the files
    /// beside them.
    ///
    /// - Parameters:
    ///   - parameters: `--param name=value`.
    ///   - knownTopics: Topics that are known besides, such as those of a store.
    ///   - readsTests: Whether tests are read, and what is wrong with them reported.
    init(
        _ files: SpecFiles, _ invocation: Invocation, isEnvironmentStrict: Bool,
        parameters: [String: String] = [:], knownTopics: [String: KnownTopic] = [:],
        readsTests: Bool = false
    ) {
        let loader = SpecLoader(
            environment: .of(invocation),
            options: SpecLoadOptions(
                parameterOverrides: parameters, isEnvironmentStrict: isEnvironmentStrict,
                topics: knownTopics, readsTests: readsTests, sharesOverrides: readsTests))
        let inputs = files.files.map { SpecInput(path: $0.path, bytes: $0.bytes) }
        var results = loader.load(inputs)
        if results.contains(where: \.touchesTopics) {
            let others = files.neighbours.map { SpecInput(path: $0.path, bytes: $0.bytes) }
            if !others.isEmpty {
                let all = loader.load(inputs + others)
                results = Array(all.prefix(inputs.count))
                neighbours = all.dropFirst(inputs.count).flatMap(\.topics)
            }
        }
        for result in results {
            pipelines += result.pipelines
            topics += result.topics
            tests += result.tests
            diagnostics += result.diagnostics
        }
    }

    /// Refuses those that cannot stand beside the others.
    mutating func checkTogether() {
        let own = Set((pipelines.map(\.path) + topics.map(\.path)))
        let checked = SpecDirectory.check(pipelines, topics: topics + neighbours)
        pipelines = checked.pipelines
        topics = checked.topics.filter { own.contains($0.path) }
        diagnostics += checked.diagnostics.filter { diagnostic in
            diagnostic.location.map { own.contains($0.file) } ?? true
        }
    }

    /// The documents of all topics that the pipelines read or write, those beside the files too.
    var documents: [TopicSpec] {
        let named = Set(
            pipelines.flatMap { spec in
                spec.topicsRead + spec.topicsWritten.map(\.name)
            })
        return topics + neighbours.filter { named.contains($0.name) }
    }

    /// The diagnostics as JSON, for an answer.
    var diagnosticsJSON: JSONValue {
        (try? JSONParser.parse(Array(diagnostics.json.utf8))) ?? []
    }
}

extension LoadResult {
    /// Whether it may depend on what other files say of topics.
    fileprivate var touchesTopics: Bool {
        !topicsRead.isEmpty || !topics.isEmpty || pipelines.contains { !$0.topicsWritten.isEmpty }
    }
}
