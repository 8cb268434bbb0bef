import Operators

extension PipelineExplanation {
    /// One block of lines a node; lines end with `\n`.
    package var text: String {
        var lines = ["pipeline \(pipeline)"]
        if let description { lines[0] += ": \(description)" }
        for node in nodes {
            lines.append("")
            let from = node.inputs.isEmpty ? "" : " ← " + node.inputs.joined(separator: ", ")
            lines.append("\(node.kind.rawValue) \(node.name)\(from)")
            if let topic = node.topic {
                lines.append("  \(node.kind == .sink ? "writes" : "reads ")     topic \(topic)")
            }
            lines.append(
                "  columns    "
                    + node.columns.map { "\($0.name) \($0.type.name)" }.joined(separator: ", "))
            lines.append("  rows       \(node.change)")
            switch node.state {
            case .none: break
            case .bounded(let words): lines.append("  state      bounded: \(words)")
            case .unbounded(let words): lines.append("  state      not bounded: \(words)")
            }
            if let guarantee = node.guarantee { lines.append("  guarantee  \(guarantee)") }
            for reason in node.notRepeatable { lines.append("  not repeatable: \(reason)") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// One JSON object on one line.
    package var json: String {
        var members = ["\"pipeline\":\(jsonString(pipeline))"]
        if let description { members.append("\"description\":\(jsonString(description))") }
        members.append("\"nodes\":[\(nodes.map(\.json).joined(separator: ","))]")
        return "{\(members.joined(separator: ","))}"
    }
}

extension PipelineExplanation.Node {
    /// Whether rows are only added, or change and by which key.
    fileprivate var change: String {
        guard isUpdating else { return "append" }
        guard let key else { return "updating, no key" }
        return key.isEmpty ? "updating, one row" : "updating, key \(key.joined(separator: ", "))"
    }

    fileprivate var json: String {
        let columnTexts = columns.map {
            "{\"name\":\(jsonString($0.name)),\"type\":\(jsonString($0.type.name))}"
        }
        let topicMember = topic.map { ["\"topic\":\(jsonString($0))"] } ?? []
        var members = [
            "\"name\":\(jsonString(name))", "\"kind\":\(jsonString(kind.rawValue))",
            "\"inputs\":\(list(inputs))",
        ]
        members += topicMember
        members += [
            "\"columns\":[\(columnTexts.joined(separator: ","))]", "\"updating\":\(isUpdating)",
        ]
        if let key { members.append("\"key\":\(list(key))") }
        switch state {
        case .none: members.append("\"state\":null")
        case .bounded(let words):
            members.append("\"state\":{\"bounded\":true,\"why\":\(jsonString(words))}")
        case .unbounded(let words):
            members.append("\"state\":{\"bounded\":false,\"why\":\(jsonString(words))}")
        }
        if let guarantee { members.append("\"guarantee\":\(jsonString(guarantee))") }
        members.append("\"notRepeatable\":\(list(notRepeatable))")
        return "{\(members.joined(separator: ","))}"
    }

    private func list(_ texts: [String]) -> String {
        "[" + texts.map(jsonString).joined(separator: ",") + "]"
    }
}
