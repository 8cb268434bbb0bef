/// What a document is and which topics it touches, seen before it is read: enough to say in which
/// order documents can be read. Reports nothing.
struct DocumentOutline {
    enum Kind { case pipeline, topic, tests, neither }
    var kind = Kind.neither
    /// The name after `pipeline:` or `topic:`; nil when there is none that could be one.
    var name: LocatedScalar?
    /// Of `pipeline:` or `topic:`, or the document's first (1-based).
    var line = 1
    /// Topics that sources and tables name; whether each of those states its columns.
    var reads: [String: Bool] = [:]
    /// Topics that sinks name, with the first sink.
    var writes: [String: String] = [:]

    init() {}

    /// - Parameter scratch: Takes the mistakes of `${…}`; they are reported when the document is
    ///   read.
    init(_ root: LocatedValue, _ scratch: LoadContext) {
        line = scratch.location(root).line
        if TestFiles.isTestFile(scratch.source.path) {
            kind = .tests
            return
        }
        let head: LocatedEntry
        if let pipeline = root.entry("pipeline") {
            kind = .pipeline
            head = pipeline
        } else if let topic = root.entry("topic") {
            kind = .topic
            head = topic
        } else {
            return
        }
        line = scratch.location(head.key).line
        if case .scalar(let scalar) = head.value.content {
            let isSound = kind == .pipeline ? isPipelineName : isTopicName
            name = isSound(scalar.text) ? scalar : nil
        }
        guard kind == .pipeline else { return }
        for section in ["sources", "tables"] {
            for node in root.entry(section)?.value.entries ?? [] {
                guard let topic = node.value.topic(scratch) else { continue }
                let isStated = node.value.entry("schema") != nil
                reads[topic] = isStated && reads[topic] ?? true
            }
        }
        for node in root.entry("sinks")?.value.entries ?? [] {
            guard let topic = node.value.topic(scratch), writes[topic] == nil else { continue }
            writes[topic] = node.key.text
        }
    }
}

extension LocatedValue {
    /// Of a mapping; nothing of anything else.
    fileprivate var entries: [LocatedEntry] {
        if case .mapping(let entries) = content { return entries }
        return []
    }

    fileprivate func entry(_ name: String) -> LocatedEntry? {
        entries.first { $0.key.text == name }
    }

    /// What stands behind a node's `topic:`.
    fileprivate func topic(_ scratch: LoadContext) -> String? {
        guard case .scalar(let scalar)? = entry("topic")?.value.content else { return nil }
        return scratch.substitute(scalar)?.value
    }
}
