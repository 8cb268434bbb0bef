#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What only shows when all specs of a directory are looked at together.
package enum SpecDirectory {
    /// The specs and topics that may stand together, and why the others may not.
    package struct Checked: Sendable {
        package var pipelines: [PipelineSpec] = []
        package var topics: [TopicSpec] = []
        package var failed: [LoadResult.Failed] = []
        package var diagnostics: [Diagnostic] = []
    }

    /// The path that each pipeline and each topic document in force was read from, by name.
    package struct InForce: Sendable {
        package var pipelines: [String: String]
        package var topics: [String: String]

        package init(pipelines: [String: String] = [:], topics: [String: String] = [:]) {
            self.pipelines = pipelines
            self.topics = topics
        }
    }

    /// Checks that names are unique, that no two sinks share a path, that no spec reads another
    /// one's file sink, and that all that write a topic agree with its document or each other.
    ///
    /// Of two specs that conflict the one that is in force stands, otherwise the first by path and
    /// line; the other fails.
    /// - Parameters:
    ///   - pipelines: All that loaded, of all files.
    ///   - topics: The documents that loaded.
    /// - Complexity: O(paths + topics), and for patterns O(patterns × paths).
    package static func check(
        _ pipelines: [PipelineSpec], topics: [TopicSpec] = [], inForce: InForce = InForce()
    ) -> Checked {
        var result = Checked()
        var claims = TopicClaims()
        checkTopics(topics, inForce.topics, &claims, &result)
        let inForce = inForce.pipelines
        let ordered = pipelines.sorted { left, right in
            let leftRank = inForce[left.name] == left.path ? 0 : 1
            let rightRank = inForce[right.name] == right.path ? 0 : 1
            return (leftRank, left.path, left.line) < (rightRank, right.path, right.line)
        }
        var names: [String: PipelineSpec] = [:]
        var files = FileUses()
        for spec in ordered {
            var problems: [Diagnostic] = []
            if let first = names[spec.name] {
                problems.append(
                    .duplicatePipeline(
                        spec.name, at: spec.locations.name, first: first.locations.name))
            } else {
                problems = files.conflicts(of: spec)
                if problems.isEmpty { problems = claims.check(spec) }
            }
            if problems.isEmpty {
                names[spec.name] = spec
                files.add(spec)
                result.pipelines.append(spec)
            } else {
                result.diagnostics += problems
                result.failed.append(
                    LoadResult.Failed(name: spec.name, path: spec.path, line: spec.line))
            }
        }
        let places = Dictionary(
            uniqueKeysWithValues: result.pipelines.map { ($0.name, $0.name) })
        result.pipelines = pipelines.filter { spec in
            places[spec.name] != nil
                && names[spec.name].map { $0.path == spec.path && $0.line == spec.line } == true
        }
        return result
    }

    /// The same between the nodes of one spec.
    static func conflicts(within spec: PipelineSpec) -> [Diagnostic] {
        var files = FileUses()
        var claims = TopicClaims()
        return files.conflictsWithin(spec) + claims.check(spec)
    }

    private static func checkTopics(
        _ topics: [TopicSpec], _ inForce: [String: String], _ claims: inout TopicClaims,
        _ result: inout Checked
    ) {
        let ordered = topics.sorted { left, right in
            let leftRank = inForce[left.name] == left.path ? 0 : 1
            let rightRank = inForce[right.name] == right.path ? 0 : 1
            return (leftRank, left.path, left.line) < (rightRank, right.path, right.line)
        }
        var names: [String: TopicSpec] = [:]
        for topic in ordered {
            if let first = names[topic.name] {
                result.diagnostics.append(
                    .duplicateTopic(
                        topic.name, at: topic.locations.name, first: first.locations.name))
                result.failed.append(
                    LoadResult.Failed(
                        kind: .topic, name: topic.name, path: topic.path, line: topic.line))
            } else {
                names[topic.name] = topic
                claims.declare(topic)
            }
        }
        result.topics = topics.filter { topic in
            names[topic.name].map { $0.path == topic.path && $0.line == topic.line } == true
        }
    }
}

/// The files that specs write and read, by normalised path.
private struct FileUses {
    private struct Use {
        let pipeline: String
        let node: String
        let path: String
        let place: FileLocation?
    }

    private var written: [String: Use] = [:]
    private var read: [String: [Use]] = [:]
    private var readPatterns: [Use] = []

    mutating func add(_ spec: PipelineSpec) {
        for use in sinks(of: spec) { written[use.path] = use }
        for use in sources(of: spec) {
            if isPattern(use.path) {
                readPatterns.append(use)
            } else {
                read[use.path, default: []].append(use)
            }
        }
    }

    func conflicts(of spec: PipelineSpec) -> [Diagnostic] {
        var problems: [Diagnostic] = []
        for sink in sinks(of: spec) {
            if let other = written[sink.path] {
                problems.append(sharedPath(sink, other, in: spec))
            }
            let example = example(of: sink.path)
            let readers = (read[example] ?? []) + readPatterns.filter { matches($0.path, example) }
            if let reader = readers.first {
                problems.append(readsSink(reader, sink, at: sink.place))
            }
        }
        for source in sources(of: spec) {
            var writer = written[source.path]
            if writer == nil, isPattern(source.path) {
                writer = written.values.filter { matches(source.path, example(of: $0.path)) }
                    .min { ($0.pipeline, $0.node) < ($1.pipeline, $1.node) }
            }
            if let writer { problems.append(readsSink(source, writer, at: source.place)) }
        }
        return problems
    }

    mutating func conflictsWithin(_ spec: PipelineSpec) -> [Diagnostic] {
        var problems: [Diagnostic] = []
        for sink in sinks(of: spec) {
            if let other = written[sink.path] {
                problems.append(sharedPath(sink, other, in: spec))
            } else {
                written[sink.path] = sink
            }
        }
        for source in sources(of: spec) {
            let writer = sinks(of: spec).first {
                $0.path == source.path || matches(source.path, example(of: $0.path))
            }
            if let writer { problems.append(readsSink(source, writer, at: source.place)) }
        }
        return problems
    }

    private func sharedPath(_ sink: Use, _ other: Use, in spec: PipelineSpec) -> Diagnostic {
        .sharedPath(
            with: other.pipeline == spec.name
                ? "sink '\(other.node)'" : "sink '\(other.node)' of '\(other.pipeline)'",
            at: sink.place, other: other.place)
    }

    private func readsSink(_ reader: Use, _ writer: Use, at place: FileLocation?) -> Diagnostic {
        .readsFileSink(
            reader: "'\(reader.pipeline)'", writer: "sink '\(writer.node)' of '\(writer.pipeline)'",
            at: place, other: place == reader.place ? writer.place : reader.place)
    }

    private func sinks(of spec: PipelineSpec) -> [Use] {
        spec.sinks.compactMap { sink in
            guard case .file(let options) = sink.connector else { return nil }
            return use(spec, sink.name, options.path)
        }
    }

    private func sources(of spec: PipelineSpec) -> [Use] {
        (spec.sources.map { ($0.name, $0.connector) } + spec.tables.map { ($0.name, $0.connector) })
            .compactMap { name, connector in
                guard case .file(let options) = connector else { return nil }
                return use(spec, name, options.path)
            }
    }

    private func use(_ spec: PipelineSpec, _ node: String, _ path: String) -> Use {
        Use(
            pipeline: spec.name, node: node, path: normalized(path),
            place: spec.locations.paths[node])
    }

    private func normalized(_ path: String) -> String {
        // Relative paths stay apart from absolute ones; links are for the lock to find.
        let absolute = absolutePath(path, from: "/")
        return path.hasPrefix("/") ? absolute : "." + absolute
    }

    private func isPattern(_ path: String) -> Bool {
        path.utf8.contains { $0 == 0x2a || $0 == 0x3f || $0 == 0x5b }
    }

    /// A path that a sink with date letters would write.
    private func example(of path: String) -> String {
        guard path.contains("%") else { return path }
        var result = path
        for (letters, digits) in [
            ("%Y", "2026"), ("%m", "01"), ("%d", "02"), ("%H", "03"), ("%M", "04"), ("%S", "05"),
            ("%%", "%"),
        ] {
            result = result.replacing(letters, with: digits)
        }
        return result
    }

    private func matches(_ pattern: String, _ path: String) -> Bool {
        isPattern(pattern) && fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0
    }
}
