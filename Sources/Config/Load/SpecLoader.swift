import Operators

/// A file to be read: its bytes, and what it is called in messages.
package struct SpecInput: Sendable {
    package var path: String
    package var bytes: [UInt8]

    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

/// What one file gave.
package struct LoadResult: Sendable {
    /// A document that is no usable pipeline, or no usable topic.
    package struct Failed: Hashable, Sendable {
        package enum Kind: Hashable, Sendable { case pipeline, topic }
        package let kind: Kind
        /// nil when not even its name could be read.
        package let name: String?
        package let path: String
        /// The line of `pipeline:` or `topic:`, or where the document begins (1-based).
        package let line: Int

        package init(kind: Kind = .pipeline, name: String?, path: String, line: Int) {
            self.kind = kind
            self.name = name
            self.path = path
            self.line = line
        }
    }

    /// The sound ones, in the order of the file.
    package var pipelines: [PipelineSpec] = []
    /// The sound `topic:` documents, in the order of the file.
    package var topics: [TopicSpec] = []
    /// Names of the topics that sources and tables name, also those of pipelines that failed: what
    /// the result depends on besides the file.
    package var topicsRead: Set<String> = []
    /// What was known of those when the file was read; what was not known is not in it.
    package var topicsKnown: [String: KnownTopic] = [:]
    package var failed: [Failed] = []
    /// The sound tests, in the order of the file.
    package var tests: [TestSpec] = []
    /// In the order of the file. Notes and warnings may stand beside sound pipelines.
    package var diagnostics: [Diagnostic] = []
}

/// Reads spec files: bytes in, pipelines, topics or diagnostics out.
///
/// A value without state; loading opens nothing but `${file:…}` secrets and never traps, whatever
/// the bytes. What only shows between pipelines and topics is for ``SpecDirectory``.
package struct SpecLoader: Sendable {
    let environment: SpecEnvironment
    let options: SpecLoadOptions

    package init(environment: SpecEnvironment, options: SpecLoadOptions = SpecLoadOptions()) {
        self.environment = environment
        self.options = options
    }

    /// Reads all documents of one file, which may read each other's topics.
    ///
    /// Each document becomes a pipeline, a topic or diagnostics, whatever its neighbours are. A file
    /// that cannot be read as YAML gives none: half a file may look like a sound document.
    /// - Parameters:
    ///   - bytes: The whole file; more than ``YamlLimits/fileBytesMax`` are refused.
    ///   - path: Names the file in messages.
    package func load(bytes: [UInt8], path: String) -> LoadResult {
        load([SpecInput(path: path, bytes: bytes)])[0]
    }

    /// Reads files that belong together: pipelines may read topics that another file declares, or
    /// that a pipeline of another file writes, in any order.
    ///
    /// `topic:` documents are read first, then pipelines, each when all that write its topics have
    /// been read. Pipelines that read each other's topics in a circle need a topic of the circle
    /// whose columns are known otherwise: by a document, from the store, or by the `schema:` of who
    /// reads it.
    /// - Returns: One result a file, in the order of `files`.
    /// - Complexity: Each document is read once; those of a circle, and what follows from it, up to
    ///   ``SpecFileSet/roundsMax`` times more.
    package func load(_ files: [SpecInput]) -> [LoadResult] {
        var set = SpecFileSet(files, self)
        set.settle()
        return set.finished()
    }

    func context(
        _ source: SourceText, _ allowedPaths: AllowedPaths,
        outline: DocumentOutline = DocumentOutline(), topics: TopicKnowledge = TopicKnowledge()
    ) -> LoadContext {
        LoadContext(
            source: source, environment: environment, options: options,
            allowedPaths: allowedPaths, outline: outline, topics: topics)
    }
}

/// What one document gave.
struct ReadDocument {
    var pipeline: PipelineSpec?
    var topic: TopicSpec?
    var tests: [TestSpec] = []
    /// Whether something is wrong with the tests, while the pipeline itself is sound.
    var hasBrokenTests = false
    var diagnostics: [Diagnostic] = []
    var usedOverrides: Set<String> = []

    var isSound: Bool { (pipeline != nil && !hasBrokenTests) || topic != nil }
}

extension LoadContext {
    /// Reads a document as what it is; nothing when anything is wrong, which has been reported.
    ///
    /// - Parameter first: The document of the same file that has the name already.
    func read(_ document: LocatedValue, first: FileLocation?) -> ReadDocument {
        var result = ReadDocument()
        readDocument(document, first, &result)
        result.diagnostics = diagnostics
        result.usedOverrides = usedOverrides
        return result
    }

    private func readDocument(
        _ document: LocatedValue, _ first: FileLocation?, _ result: inout ReadDocument
    ) {
        guard case .mapping(let entries) = document.content else {
            report(.noPipeline(at: location(document)))
            return
        }
        switch outline.kind {
        case .neither, .tests:
            report(.noPipeline(at: location(entries.first?.key.range ?? 0..<0)))
        case .pipeline:
            guard
                let reader = FieldReader(
                    document, SpecFields.document, owner: "a pipeline", self),
                let value = reader.value("pipeline"),
                let name = scalar(value, SpecFields.document["pipeline"])
            else { return }
            let place = location(name)
            if !isPipelineName(name.text) {
                report(.badName(name.text, what: "pipeline", at: place))
            } else if let first {
                report(.duplicatePipeline(name.text, at: place, first: first))
            }
            let pipeline = PipelineReader(reader, self)
            pipeline.locations.name = place
            result.pipeline = pipeline.read(name: name.text, line: outline.line)
            if options.readsTests, let spec = result.pipeline, reader.has("tests") {
                let tests = TestReader(self, pipeline: spec, source: source)
                result.tests = tests.read(reader)
                result.hasBrokenTests = hasErrors
            }
        case .topic:
            guard
                let reader = FieldReader(document, SpecFields.topic, owner: "a topic", self),
                let value = reader.value("topic"),
                let name = scalar(value, SpecFields.topic["topic"])
            else { return }
            let place = location(name)
            if !isTopicName(name.text) {
                report(.badName(name.text, what: "topic", at: place))
            } else if TopicNames.isReserved(name.text) {
                report(.reservedTopicDocument(name.text, at: place))
            } else if let first {
                report(.duplicateTopic(name.text, at: place, first: first))
            }
            let text = SpecText(value: name.text, written: name.text, scalar: name)
            result.topic = readTopicDocument(reader, name: text, line: outline.line)
        }
    }
}
