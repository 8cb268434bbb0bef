import Config

/// A pipeline's graph for people.
enum GraphText {
    enum Style: String, CaseIterable, Sendable { case text, mermaid }

    private struct Node {
        var name: String
        var kind: String
        /// What it does, in a few words.
        var detail: String
        /// The nodes and ports that it reads.
        var inputs: [NodeReference]
    }

    static func render(_ spec: PipelineSpec, _ style: Style) -> String {
        switch style {
        case .text: return text(spec)
        case .mermaid: return mermaid(spec)
        }
    }

    private static func nodes(_ spec: PipelineSpec) -> [Node] {
        var nodes = spec.sources.map {
            Node(name: $0.name, kind: "source", detail: connector($0.connector), inputs: [])
        }
        nodes += spec.tables.map {
            Node(name: $0.name, kind: "table", detail: connector($0.connector), inputs: [])
        }
        nodes += spec.steps.map { step in
            var inputs = step.allInputs
            if case .join(let join) = step.verb {
                inputs.append(NodeReference(node: join.table, port: .main))
            }
            return Node(name: step.name, kind: "step", detail: verb(step), inputs: inputs)
        }
        nodes += spec.sinks.map {
            Node(name: $0.name, kind: "sink", detail: connector($0.connector), inputs: [$0.input])
        }
        return nodes
    }

    /// One line a node, in the order in which rows pass.
    private static func text(_ spec: PipelineSpec) -> String {
        let nodes = nodes(spec)
        let width = nodes.map(\.name.count).max() ?? 0
        var lines = [spec.description.map { "\(spec.name): \($0)" } ?? spec.name]
        for node in nodes {
            let name = node.name + String(repeating: " ", count: width - node.name.count)
            let kind = node.kind + String(repeating: " ", count: 6 - node.kind.count)
            let inputs = node.inputs.map(\.text).joined(separator: ", ")
            let from = inputs.isEmpty ? "" : "  <- \(inputs)"
            lines.append("  \(kind)  \(name)  \(node.detail)\(from)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func mermaid(_ spec: PipelineSpec) -> String {
        var lines = ["flowchart LR"]
        for node in nodes(spec) {
            let label = escaped("\(node.name)<br/>\(escaped(node.detail))")
            let shape: (String, String)
            switch node.kind {
            case "source": shape = ("([", "])")
            case "table": shape = ("[(", ")]")
            case "sink": shape = ("[/", "/]")
            default: shape = ("[", "]")
            }
            lines.append("    n_\(node.name)\(shape.0)\"\(label)\"\(shape.1)")
        }
        for node in nodes(spec) {
            for input in node.inputs {
                let label = input.port == .main ? "" : "|\(input.port.rawValue)|"
                lines.append("    n_\(input.node) -->\(label) n_\(node.name)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\"", with: "#quot;")
    }

    private static func connector(_ connector: SourceConnector) -> String {
        switch connector {
        case .file(let options): return "file \(options.path)"
        case .stdin: return "stdin"
        case .generate: return "generate"
        case .nexmark(let options): return "generate nexmark \(options.kind.rawValue)"
        case .topic(let options): return "topic \(options.name)"
        }
    }

    private static func connector(_ connector: SinkConnector) -> String {
        switch connector {
        case .file(let options): return "file \(options.path)"
        case .stdout: return "stdout"
        case .topic(let options): return "topic \(options.name)"
        }
    }

    private static func verb(_ step: StepSpec) -> String {
        var words: [String] = []
        if let filter = step.filter { words.append("where \(filter.text)") }
        switch step.verb {
        case .none, .parse: break
        case .join(let join): words.append(self.join(join))
        case .streamJoin(let join):
            words.append("\(join.kind.rawValue) join \(join.right.text)")
        case .aggregate(let aggregate): words.append(self.aggregate(aggregate))
        case .unnest(let unnest):
            words.append("unnest \(step.inputSchema[unnest.column].name)")
        case .deduplicate(let deduplicate):
            let names = deduplicate.by.map(\.name).joined(separator: ", ")
            words.append("\(deduplicate.keep.rawValue) of \(names)")
        case .top(let top):
            let names = top.partition.map(\.name).joined(separator: ", ")
            words.append("top \(top.limit)" + (names.isEmpty ? "" : " of \(names)"))
        case .over(let over):
            let names = over.partition.map(\.name).joined(separator: ", ")
            words.append(over.frameText + (names.isEmpty ? "" : " of \(names)"))
        case .pattern(let pattern): words.append("pattern \(pattern.text)")
        }
        if case .parse(let parse) = step.verb {
            words.append("parse \(step.inputSchema[parse.column].name)")
        }
        if let having = step.having { words.append("having \(having.text)") }
        return words.isEmpty ? "select" : words.joined(separator: "; ")
    }

    private static func join(_ join: TableJoinSpec) -> String {
        var text = "\(join.kind.rawValue) join \(join.table)"
        if let time = join.asOf { text += " as of \(time.text)" }
        if let wait = join.waitMicros { text += " waiting \(formatDuration(micros: wait))" }
        return text
    }

    private static func aggregate(_ aggregate: AggregateSpec) -> String {
        var text = "aggregate"
        if case .hopping(let size, let every, _) = aggregate.window {
            let size = formatDuration(micros: size)
            text +=
                every == aggregate.window.size
                ? " tumbling \(size)" : " hopping \(size) every \(formatDuration(micros: every))"
        }
        if case .cumulative(let size, let every, _) = aggregate.window {
            text +=
                " cumulative \(formatDuration(micros: size)) every \(formatDuration(micros: every))"
        }
        if case .inherited = aggregate.window { text += " of each window" }
        if case .session(let gap, let longest) = aggregate.window {
            text += " sessions with gap \(formatDuration(micros: gap))"
            if let longest { text += ", at most \(formatDuration(micros: longest))" }
        }
        if let offset = aggregate.window.offset, offset != 0 {
            text += " offset \(formatDuration(micros: offset))"
        }
        if let timezone = aggregate.timezone { text += " in \(timezone)" }
        let groups = aggregate.groups.map(\.name).joined(separator: ", ")
        if !groups.isEmpty { text += " by \(groups)" }
        if aggregate.graceMicros > 0 {
            text += ", grace \(formatDuration(micros: aggregate.graceMicros))"
        }
        return text + emission(aggregate)
    }

    /// When results are given, unless it is as usual.
    private static func emission(_ aggregate: AggregateSpec) -> String {
        if aggregate.emission == AggregateSpec.usualEmission(aggregate.window) { return "" }
        switch aggregate.emission {
        case .final: return ", emit final"
        case .changes: return ", emit changes"
        case .every(let micros): return ", emit every \(formatDuration(micros: micros))"
        }
    }
}

extension AggregateSpec.Window {
    fileprivate var size: Int64? {
        if case .hopping(let size, _, _) = self { return size }
        return nil
    }

    fileprivate var offset: Int64? {
        switch self {
        case .hopping(_, _, let offset), .cumulative(_, _, let offset): return offset
        case .none, .inherited, .session: return nil
        }
    }
}
