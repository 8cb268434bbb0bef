import Operators

/// Reads one `pipeline:` document: declares all names, then reads sources, tables, steps in the
/// order in which they feed each other, and sinks.
///
/// A mistake anywhere leaves a gap (see ``NodeShape``) and the reading goes on, so that all
/// mistakes of the document are found at once.
final class PipelineReader {
    let context: LoadContext
    let document: FieldReader
    let parameters: SpecParameters
    let expressions: ExpressionReader

    /// Every name of the pipeline, in the order of the file.
    private(set) var nodes: [NodeDeclaration] = []
    private var nodeIndexes: [String: Int] = [:]
    /// What each source, table and finished step gives.
    var shapes: [String: NodeShape] = [:]
    /// The input of each finished step: what its ports give.
    var inputShapes: [String: NodeShape] = [:]
    /// Names that something reads.
    var readNames: Set<String> = []
    /// Whether a reference could not be followed; then nothing is called unread.
    var hasBrokenReferences = false
    /// Names that were refused: whoever reads them is not wrong as well.
    var badNames: Set<String> = []
    /// Whether a section could not be read, so that there may be more names.
    var hasOpenSections = false
    /// The key columns of each table.
    var tableKeys: [String: [Field]] = [:]
    /// The tables that keep versions, and those that something reads as a stream.
    var tableHistories: Set<String> = []
    var streamedTables: Set<String> = []
    /// The node that reads standard input.
    var stdinReader: String?
    /// The topics that sources and tables name, and those that sinks do.
    var topicReads: [TopicUse] = []
    var topicWrites: [TopicUse] = []

    var sources: [SourceSpec] = []
    var tables: [TableSpec] = []
    var steps: [StepSpec] = []
    var sinks: [SinkSpec] = []
    var locations = SpecLocations()

    init(_ document: FieldReader, _ context: LoadContext) {
        self.context = context
        self.document = document
        parameters = context.readParameters(document)
        expressions = ExpressionReader(context: context, parameters: parameters)
    }

    /// - Returns: nil when anything is wrong; it has been reported.
    func read(name: String, line: Int) -> PipelineSpec? {
        let description = document.text("description")
        declareNodes()
        for node in nodes where node.kind == .source { readSource(node) }
        for node in nodes where node.kind == .table { readTable(node) }
        for step in stepsInOrder() { readStep(step) }
        for node in nodes where node.kind == .sink { readSink(node) }
        let settings = readSettings()
        reportUnread()
        reportSelfFeeding(name)
        guard !context.hasErrors else { return nil }
        for index in tables.indices {
            tables[index].isStreamed = streamedTables.contains(tables[index].name)
        }
        let spec = PipelineSpec(
            name: name, description: description?.value, path: context.source.path, line: line,
            parameters: parameters.values, sources: sources, tables: tables, steps: steps,
            sinks: sinks, settings: settings, locations: locations)
        for diagnostic in SpecDirectory.conflicts(within: spec) { context.report(diagnostic) }
        return context.hasErrors ? nil : spec
    }

    func node(_ name: String) -> NodeDeclaration? { nodeIndexes[name].map { nodes[$0] } }

    private func declareNodes() {
        let sections: [(String, NodeDeclaration.Kind)] = [
            ("sources", .source), ("tables", .table), ("steps", .step), ("sinks", .sink),
        ]
        for (section, kind) in sections {
            guard kind == .sink || document.has(section) else { continue }
            let entries = document.namedEntries(section)
            // An empty mapping was read; anything else that gives nothing was reported.
            let isRead: Bool
            if case .mapping? = document.rawValue(section)?.content {
                isRead = true
            } else {
                isRead = false
            }
            hasOpenSections = hasOpenSections || (entries.isEmpty && !isRead)
            for entry in entries { declare(entry, kind) }
        }
        nodes.sort { $0.key.range.lowerBound < $1.key.range.lowerBound }
        for (index, node) in nodes.enumerated() { nodeIndexes[node.name] = index }
    }

    private func declare(_ entry: LocatedEntry, _ kind: NodeDeclaration.Kind) {
        let place = context.location(entry.key)
        let name = entry.key.text
        guard isNodeName(name) else {
            context.report(.badName(name, what: kind.rawValue, at: place))
            badNames.insert(name)
            hasBrokenReferences = true
            return
        }
        if let index = nodeIndexes[name] {
            let first = nodes[index]
            context.report(
                .duplicateNode(
                    name, what: first.kind.rawValue, at: place,
                    first: context.location(first.key)))
            return
        }
        nodeIndexes[name] = nodes.count
        nodes.append(NodeDeclaration(kind: kind, key: entry.key, value: entry.value))
        locations.nodes[name] = place
    }

    /// Nodes that nothing reads. Silent where something that reads could not be made out.
    private func reportUnread() {
        guard !hasBrokenReferences, nodes.contains(where: { $0.kind == .sink }) else { return }
        for node in nodes where node.kind != .sink && !readNames.contains(node.name) {
            context.report(
                .unreachable(
                    node.name, what: node.kind.rawValue, at: context.location(node.key)))
        }
    }
}

/// A name of the pipeline and what stands under it.
struct NodeDeclaration {
    enum Kind: String { case source, table, step, sink }
    let kind: Kind
    let key: LocatedScalar
    let value: LocatedValue

    var name: String { key.text }
    var owner: String { "\(kind.rawValue) '\(name)'" }

    /// The value of a key of the node, looked up before the node is read.
    func member(_ name: String) -> LocatedValue? {
        guard case .mapping(let entries) = value.content else { return nil }
        return entries.first { $0.key.text == name }?.value
    }
}
