import Config

/// The specs that count: what the files say, with the last good version of those that are broken,
/// and those whose file is gone until that is sure.
///
/// A value without I/O: looks come in, ``pipelines`` and ``topics`` are the result.
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

    /// A file's text.
    struct Text: Sendable {
        /// Below the directory.
        var file: String
        var bytes: [UInt8]
    }

    /// How files' texts become pipelines and topics, and which of all cannot stand together.
    struct Reading: Sendable {
        /// Reads files that belong together, given the topics that are known besides; one result a
        /// file, in their order.
        var load: @Sendable (_ texts: [Text], _ known: [String: KnownTopic]) -> [LoadedFile]
        /// Given the path that each name is in force from.
        var conflicts:
            @Sendable (
                _ specs: [PipelineSpec], _ topics: [TopicSpec], _ inForce: SpecDirectory.InForce
            ) -> [SpecConflict]
        /// The topics that are in the store. Asked at each look.
        var storedTopics: @Sendable () -> [String: KnownTopic] = { [:] }
    }

    /// A pipeline that an earlier daemon knew.
    struct Remembered {
        var name: String
        /// The file's text when it was last good.
        var text: Text
    }

    /// The pipelines that should be there, by name.
    private(set) var pipelines: [String: Entry] = [:]
    /// What is wrong in files that have no pipeline to show it with, by file.
    private(set) var orphanProblems: [String: [SpecProblem]] = [:]
    /// Pipelines whose files went all at once: each stays until it is there again, or `allowEmpty`.
    private(set) var heldBack: Set<String> = []
    /// Files that somebody has open for writing.
    private(set) var busyFiles: Set<String> = []
    /// Why the directory could not be listed, the last time.
    private(set) var folderProblem: String?
    /// The topics in force, by name: those of documents, and those that sinks of pipelines in force
    /// write without one.
    private(set) var topics: [String: TopicSpec] = [:]

    private var documents = TopicDocuments()
    private var storedTopics: [String: KnownTopic] = [:]
    private var files: [String: LoadedFile] = [:]
    private var bytes: [String: [UInt8]] = [:]
    private let reading: Reading

    /// Removal needs this many complete listings without the spec.
    static let absentLooksMin = 2
    /// One look reads a file so often at most. It takes more than two where topics are a circle.
    static let loadsMax = 8

    init(_ reading: Reading) { self.reading = reading }

    /// Takes up what an earlier daemon knew.
    mutating func remember(_ specs: [Remembered]) {
        storedTopics = reading.storedTopics()
        let loaded = reading.load(specs.map(\.text), storedTopics)
        for (spec, file) in zip(specs, loaded) {
            documents.remember(file.topics, file: spec.text.file)
            guard let pipeline = file.pipelines.first(where: { $0.spec.name == spec.name }) else {
                continue
            }
            pipelines[spec.name] = Entry(
                file: spec.text.file, loaded: pipeline, bytes: spec.text.bytes)
        }
        topics = topicsInForce(SpecClaims(), without: [])
    }

    /// Reads a text that was in force before; nil where it says nothing of that pipeline any more.
    func load(_ text: Text, name: String) -> LoadedPipeline? {
        var known = storedTopics
        for (name, topic) in topics { known[name] = KnownTopic(topic) }
        return reading.load([text], known).first?.pipelines.first { $0.spec.name == name }
    }

    /// Whether something is perhaps gone and the next look will tell.
    var isMakingSure: Bool {
        heldBack.isEmpty && documents.isAnyAbsent
            || pipelines.contains { $0.value.absentCount > 0 && !heldBack.contains($0.key) }
    }

    /// Takes in what a look found.
    ///
    /// - Parameter allowEmpty: More than half of the specs may go at once.
    /// - Returns: Whether anything may be different from before.
    /// - Complexity: Reads the files that changed, and those that name a topic which is another one
    ///   now; the rest is O(specs).
    mutating func take(_ look: FolderLook, allowEmpty: Bool) -> Bool {
        switch look {
        case .unsettled: return false
        case .unreadable(let problem):
            defer { folderProblem = problem }
            return folderProblem != problem
        case .files(let listed):
            let stored = reading.storedTopics()
            let wasReadable = folderProblem == nil
            folderProblem = nil
            let isSame =
                wasReadable && listed.allSatisfy { $0.content == .unchanged }
                && busyFiles.isEmpty && files.count == listed.count && stored == storedTopics
                && !documents.isAnyAbsent && !pipelines.contains { $0.value.absentCount > 0 }
            if isSame, listed.allSatisfy({ files[$0.name] != nil }) { return false }
            storedTopics = stored
            var claims = settle(readFiles(listed))
            adopt(claims)
            if countAbsent(claims, allowEmpty: allowEmpty) {
                claims = settle([])
                adopt(claims)
            }
            topics = topicsInForce(claims, without: [])
            return true
        }
    }

    // MARK: files

    /// - Returns: The files whose text is new; they have been taken out.
    private mutating func readFiles(_ listed: [SpecFile]) -> [String] {
        busyFiles = []
        var changed: [String] = []
        var read: [String: LoadedFile] = [:]
        for file in listed {
            switch file.content {
            case .unchanged: read[file.name] = files[file.name] ?? LoadedFile()
            case .busy:
                busyFiles.insert(file.name)
                read[file.name] = files[file.name] ?? LoadedFile()
            case .changed(let content):
                changed.append(file.name)
                read[file.name] = LoadedFile()
                bytes[file.name] = content
            case .refused(let problem):
                var loaded = LoadedFile()
                loaded.problems = [SpecProblem(summary: problem, rendered: "error: \(problem)\n")]
                read[file.name] = loaded
            }
        }
        files = read
        bytes = bytes.filter { read[$0.key] != nil }
        return changed
    }

    /// Reads files that changed, then those that name topics which are others by that, until there
    /// are none.
    private mutating func settle(_ changed: [String]) -> SpecClaims {
        var due = changed
        var loadCounts: [String: Int] = [:]
        var claims = claimNames()
        while true {
            if !due.isEmpty {
                let known = knownTopics(claims, without: Set(due))
                let texts = due.map { Text(file: $0, bytes: bytes[$0] ?? []) }
                for (text, loaded) in zip(texts, reading.load(texts, known)) {
                    files[text.file] = loaded
                    loadCounts[text.file, default: 0] += 1
                }
                claims = claimNames()
            }
            let known = knownTopics(claims, without: [])
            due = files.compactMap { name, loaded in
                let isDue =
                    bytes[name] != nil && loadCounts[name, default: 0] < Self.loadsMax
                    && loaded.isStale(known)
                return isDue ? name : nil
            }.sorted()
            if due.isEmpty { return claims }
        }
    }

    // MARK: topics

    /// What is known of topics, without what some files say of them.
    private func knownTopics(
        _ claims: SpecClaims, without files: Set<String>
    ) -> [String: KnownTopic] {
        var known = storedTopics
        for (name, topic) in topicsInForce(claims, without: files) {
            known[name] = KnownTopic(topic)
        }
        return known
    }

    private func topicsInForce(
        _ claims: SpecClaims, without files: Set<String>
    ) -> [String: TopicSpec] {
        var result = documents.inForce(claims.topics, without: files)
        let standIns = pipelines.filter { claims.pipelines[$0.key] == nil }
            .map { ($0.value.file, $0.value.loaded.spec) }
        let specs = claims.pipelines.values.map { ($0.file, $0.loaded.spec) } + standIns
        let implied = specs.filter { !files.contains($0.0) }.flatMap(\.1.topicsWritten)
        for topic in implied.sorted(by: { ($0.path, $0.line) < ($1.path, $1.line) })
        where result[topic.name] == nil {
            result[topic.name] = topic
        }
        return result
    }

    // MARK: names

    /// Which spec and which topic document has a name, and those that cannot stand beside the
    /// others, by file.
    ///
    /// A last good version that stands in for a broken text takes part, so that nobody takes its
    /// output file meanwhile.
    private func claimNames() -> SpecClaims {
        var all: [SpecClaims.Pipeline] = []
        var allTopics: [SpecClaims.Topic] = []
        for (file, loaded) in files {
            all += loaded.pipelines.map { SpecClaims.Pipeline(file: file, loaded: $0) }
            allTopics += loaded.topics.map { SpecClaims.Topic(file: file, topic: $0) }
        }
        let names = Set(all.map(\.loaded.spec.name))
        let standIns = pipelines.values.filter { !names.contains($0.loaded.spec.name) }
        let conflicts = Dictionary(
            grouping: reading.conflicts(
                all.map(\.loaded.spec) + standIns.map(\.loaded.spec),
                allTopics.map(\.topic) + documents.standIns(for: allTopics),
                SpecDirectory.InForce(
                    pipelines: pipelines.mapValues(\.loaded.spec.path), topics: documents.paths)),
            by: \.name)
        func conflict(_ kind: LoadResult.Failed.Kind, _ name: String, _ path: String, _ line: Int)
            -> SpecConflict?
        {
            conflicts[name]?.first { $0.kind == kind && $0.path == path && $0.line == line }
        }
        var claims = SpecClaims()
        for claim in all {
            let spec = claim.loaded.spec
            if let conflict = conflict(.pipeline, spec.name, spec.path, spec.line) {
                claims.refused[claim.file, default: []].append(conflict.problem)
            } else {
                claims.pipelines[spec.name] = claim
            }
        }
        for claim in allTopics {
            let topic = claim.topic
            if let conflict = conflict(.topic, topic.name, topic.path, topic.line) {
                claims.refused[claim.file, default: []].append(conflict.problem)
            } else {
                claims.topics[topic.name] = claim
            }
        }
        return claims
    }

    private mutating func adopt(_ claims: SpecClaims) {
        orphanProblems = [:]
        documents.adopt(claims.topics)
        for (name, claim) in claims.pipelines {
            pipelines[name] = Entry(
                file: claim.file, loaded: claim.loaded, bytes: bytes[claim.file] ?? [])
        }
        for name in pipelines.keys where claims.pipelines[name] == nil {
            pipelines[name]?.problem = nil
        }
        for file in files.keys.sorted() {
            for problem in (files[file]?.problems ?? []) + (claims.refused[file] ?? []) {
                documents.note(problem, in: file, claims.topics)
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
        by problem: SpecProblem, in file: String, _ claims: SpecClaims
    ) -> [String] {
        guard problem.topic == nil else { return [] }
        let candidates = pipelines.filter {
            $0.value.file == file && claims.pipelines[$0.key] == nil
        }.keys
        guard let name = problem.pipeline else { return candidates.sorted() }
        return candidates.contains(name) ? [name] : []
    }

    // MARK: removal

    /// - Returns: Whether anything went.
    private mutating func countAbsent(_ claims: SpecClaims, allowEmpty: Bool) -> Bool {
        var gone: Set<String> = []
        for (name, entry) in pipelines where claims.pipelines[name] == nil {
            let isWritten = busyFiles.contains(entry.file)
            if entry.problem != nil && files[entry.file] != nil || isWritten {
                pipelines[name]?.absentCount = 0
                continue
            }
            pipelines[name]?.absentCount += 1
            if entry.absentCount + 1 >= Self.absentLooksMin { gone.insert(name) }
        }
        // What is held back stays so while the others come back one by one.
        let isTooMuch = gone.subtracting(heldBack).count * 2 > pipelines.count
        heldBack = allowEmpty ? [] : isTooMuch ? gone : heldBack.intersection(gone)
        // Who holds back pipelines holds back what they may write.
        let goneTopics = documents.countAbsent(
            claims.topics, present: Set(files.keys), busy: busyFiles,
            isHeldBack: !heldBack.isEmpty)
        gone.subtract(heldBack)
        for name in gone { pipelines[name] = nil }
        return goneTopics || !gone.isEmpty
    }
}

/// Which spec and which topic document has a name.
struct SpecClaims: Sendable {
    struct Pipeline: Sendable {
        var file: String
        var loaded: LoadedPipeline
    }
    struct Topic: Sendable {
        var file: String
        var topic: TopicSpec
    }
    var pipelines: [String: Pipeline] = [:]
    var topics: [String: Topic] = [:]
    /// Those that cannot stand beside the others, by file.
    var refused: [String: [SpecProblem]] = [:]
}
