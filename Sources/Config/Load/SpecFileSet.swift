/// Some files on the way from bytes to pipelines and topics that know of each other.
struct SpecFileSet {
    /// How often documents are read again when what they read has changed since; only circles need
    /// it at all.
    static let roundsMax = 4

    private struct Unit {
        let file: Int
        let document: YamlDocument
        let outline: DocumentOutline
        /// The document of the same file that has the name already.
        let first: FileLocation?
        var read = ReadDocument()
        /// What was known of the topics that it names.
        var known: [String: KnownTopic] = [:]

        func brokenWriter(of topic: String) -> TopicKnowledge.Unsettled {
            let sink = "sink '\(outline.writes[topic] ?? "")'"
            return .broken(outline.name.map { "\(sink) of '\($0.text)'" } ?? sink)
        }
    }

    private let loader: SpecLoader
    private let allowedPaths: AllowedPaths
    private let sources: [SourceText]
    private var results: [LoadResult]
    /// Files that are no YAML.
    private var unreadable: Set<Int> = []
    private var units: [Unit] = []
    private var topics = TopicKnowledge()
    /// Topics that a document declares, here or elsewhere: what sinks write does not matter.
    private var declared: Set<String> = []
    /// Units with a sink that names the topic, in order.
    private var writers: [String: [Int]] = [:]

    init(_ files: [SpecInput], _ loader: SpecLoader) {
        self.loader = loader
        allowedPaths = AllowedPaths(loader.environment)
        sources = files.map { SourceText(path: $0.path, bytes: $0.bytes) }
        results = Array(repeating: LoadResult(), count: files.count)
        topics.known = loader.options.topics
        declared = Set(topics.known.filter { $0.value.fields != nil }.keys)
        for file in sources.indices { parse(file) }
        for (index, unit) in units.enumerated() where unit.outline.kind == .pipeline {
            for topic in unit.outline.writes.keys {
                if unit.outline.reads[topic] == nil {
                    writers[topic, default: []].append(index)
                } else if topics.known[topic] == nil {
                    // It feeds itself, which is a mistake: nobody waits for it.
                    topics.unsettled[topic] = unit.brokenWriter(of: topic)
                }
            }
        }
    }

    /// One a file.
    func finished() -> [LoadResult] {
        var results = results
        var overrides = Array(repeating: Set<String>(), count: results.count)
        for unit in units {
            let read = unit.read
            if let pipeline = read.pipeline, !read.hasBrokenTests {
                results[unit.file].pipelines.append(pipeline)
            }
            results[unit.file].tests += read.tests
            if let topic = read.topic { results[unit.file].topics.append(topic) }
            if !read.isSound, unit.outline.kind != .tests || read.diagnostics.hasErrors {
                results[unit.file].failed.append(
                    LoadResult.Failed(
                        kind: unit.outline.kind == .topic ? .topic : .pipeline,
                        name: unit.outline.name?.text, path: sources[unit.file].path,
                        line: unit.outline.line))
            }
            results[unit.file].topicsRead.formUnion(unit.outline.reads.keys)
            results[unit.file].topicsKnown.merge(unit.known) { first, _ in first }
            results[unit.file].diagnostics += read.diagnostics
            overrides[unit.file].formUnion(read.usedOverrides)
        }
        let shared = loader.options.sharesOverrides ? Set(overrides.joined()) : []
        for file in results.indices {
            let used = overrides[file].union(shared)
            for name in loader.options.parameterOverrides.keys.sorted()
            where !used.contains(name) && !unreadable.contains(file)
                && !TestFiles.isTestFile(sources[file].path)
            {
                results[file].diagnostics.append(.unknownOverride(name, known: used.sorted()))
            }
            results[file].diagnostics = results[file].diagnostics.inFileOrder()
        }
        return results
    }

    // MARK: Documents

    private mutating func parse(_ file: Int) {
        let source = sources[file]
        let yaml = parseYaml(source)
        if let problem = yaml.problem {
            unreadable.insert(file)
            results[file].failed = namesOfBrokenFile(source)
            results[file].diagnostics = [problem]
            return
        }
        if yaml.documents.isEmpty { results[file].diagnostics = [.emptyFile(source.path)] }
        let scratch = loader.context(source, allowedPaths)
        var names: [DocumentOutline.Kind: [String: FileLocation]] = [:]
        for document in yaml.documents {
            let outline = DocumentOutline(document.root, scratch)
            var first: FileLocation?
            if let name = outline.name {
                first = names[outline.kind]?[name.text]
                names[outline.kind, default: [:]][name.text] = first ?? scratch.location(name)
            }
            units.append(Unit(file: file, document: document, outline: outline, first: first))
        }
    }

    private mutating func read(_ index: Int) {
        let unit = units[index]
        let context = loader.context(
            sources[unit.file], allowedPaths, outline: unit.outline, topics: topics)
        for problem in unit.document.diagnostics { context.report(problem) }
        units[index].read = context.read(unit.document.root, first: unit.first)
        units[index].known = [:]
        for name in unit.outline.reads.keys { units[index].known[name] = topics[name] }
    }

    /// Reads the tests that stand in files of their own, each beside the pipelines that it tests.
    private mutating func readTestFiles() {
        for index in units.indices where units[index].outline.kind == .tests {
            let unit = units[index]
            let path = sources[unit.file].path
            let beside = units.filter { other in
                other.outline.kind == .pipeline
                    && TestFiles.specPaths(of: path).contains(sources[other.file].path)
            }
            let context = loader.context(
                sources[unit.file], allowedPaths, outline: unit.outline, topics: topics)
            for problem in unit.document.diagnostics { context.report(problem) }
            if loader.options.readsTests {
                units[index].read.tests = context.readTestFile(
                    unit.document.root,
                    beside: beside.map { other in
                        TestFiles.Tested(
                            name: other.outline.name?.text, pipeline: other.read.pipeline,
                            source: sources[other.file])
                    })
            }
            units[index].read.diagnostics = context.diagnostics
        }
    }

    /// The names in a file that is not YAML, by its lines: whoever runs them keeps running.
    private func namesOfBrokenFile(_ source: SourceText) -> [LoadResult.Failed] {
        var failed: [LoadResult.Failed] = []
        let text = String(decoding: source.bytes.prefix(YamlLimits.fileBytesMax), as: UTF8.self)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let isTopic = line.hasPrefix("topic:")
            guard isTopic || line.hasPrefix("pipeline:") else { continue }
            let rest = line.drop { $0 != ":" }.dropFirst()
            let word = rest.split { " \t\r\"'#".contains($0) }.first.map(String.init)
            if let word, isTopic ? isTopicName(word) : isPipelineName(word) {
                failed.append(
                    LoadResult.Failed(
                        kind: isTopic ? .topic : .pipeline, name: word, path: source.path,
                        line: index + 1))
            }
        }
        if failed.isEmpty {
            failed.append(LoadResult.Failed(name: nil, path: source.path, line: 1))
        }
        return failed
    }

    // MARK: The fixed point

    /// Reads every document, each when what it needs to know is known.
    mutating func settle() {
        readDeclarations()
        var order = ReadingOrder(
            reads: units.map { unit in
                unit.outline.reads.keys.filter { !declared.contains($0) && writers[$0] != nil }
            }, writers: writers)
        while true {
            while let index = order.next() {
                switch units[index].outline.kind {
                case .pipeline, .neither: read(index)
                // Topics have been read, and tests are read when all is known.
                case .topic, .tests: break
                }
                for topic in order.finish(index) { learn(topic) }
            }
            if let index = order.firstWaiting(where: { isProvisionallyKnown($0, by: $1) }) {
                order.release(index)
            } else if !releaseCircle(&order) {
                break
            }
        }
        readAgain()
        readTestFiles()
    }

    private mutating func readDeclarations() {
        for index in units.indices where units[index].outline.kind == .topic {
            read(index)
            guard let name = units[index].outline.name?.text, !declared.contains(name) else {
                continue
            }
            if let topic = units[index].read.topic {
                declared.insert(name)
                topics.known[name] = KnownTopic(topic)
                topics.unsettled[name] = nil
            } else if topics.known[name] == nil {
                topics.unsettled[name] = .broken(
                    "its document at \(sources[units[index].file].path):"
                        + "\(units[index].outline.line)")
            }
        }
    }

    /// Takes in what the sinks say that write a topic, all of which have been read.
    ///
    /// - Returns: false when none of them could be read.
    @discardableResult
    private mutating func learnFromSinks(_ topic: String) -> Bool {
        guard !declared.contains(topic), let writers = writers[topic] else { return true }
        for index in writers {
            if let written = units[index].read.pipeline?.topicWritten(topic) {
                topics.known[topic] = KnownTopic(written)
                topics.unsettled[topic] = nil
                return true
            }
        }
        return false
    }

    /// The same; where no sink says anything, the topic is what it was, or is known to be broken.
    private mutating func learn(_ topic: String) {
        guard !learnFromSinks(topic), let writers = writers[topic] else { return }
        topics.known[topic] = loader.options.topics[topic]
        guard topics.known[topic] == nil, topics.unsettled[topic] == nil else { return }
        topics.unsettled[topic] = units[writers[0]].brokenWriter(of: topic)
    }

    private func isProvisionallyKnown(_ topic: String, by index: Int) -> Bool {
        topics.known[topic] != nil || units[index].outline.reads[topic] == true
    }

    /// Lets those be read that wait for each other, and for nothing else that could be known.
    ///
    /// - Returns: Whether there are any.
    private mutating func releaseCircle(_ order: inout ReadingOrder) -> Bool {
        let circle = order.circle
        let names = circle.compactMap { units[$0.index].outline.name?.text }
        for (index, missing) in circle {
            for topic in missing where topics.known[topic] == nil {
                topics.unsettled[topic] = .circle(names)
            }
            order.release(index)
        }
        return !circle.isEmpty
    }

    /// Reads again what was read before all was known of its topics.
    private mutating func readAgain() {
        for _ in 0..<Self.roundsMax {
            let stale = units.indices.filter { index in
                let unit = units[index]
                return unit.outline.reads.keys.contains { name in
                    topics[name].map { !$0.hasShape(of: unit.known[name]) }
                        ?? (unit.known[name] != nil)
                }
            }
            guard !stale.isEmpty else { return }
            for index in stale { read(index) }
            // A writer that fails only now still says what its topic was read as; otherwise its
            // mistake would go round the circle, and mend itself.
            for topic in Set(stale.flatMap { units[$0].outline.writes.keys }) {
                learnFromSinks(topic)
            }
        }
    }
}
