import Operators

/// What is said of each topic: by its document, else by the first sink that writes it.
struct TopicClaims {
    private var claims: [String: TopicSpec] = [:]

    mutating func declare(_ topic: TopicSpec) { claims[topic.name] = topic }

    /// What is wrong with the topics that a pipeline's sinks write. When nothing is, they are
    /// claims from then on.
    mutating func check(_ spec: PipelineSpec) -> [Diagnostic] {
        var problems: [Diagnostic] = []
        var own: [String: TopicSpec] = [:]
        for topic in spec.topicsWritten {
            if let claim = claims[topic.name] ?? own[topic.name] {
                problems += differences(topic, from: claim)
            } else {
                own[topic.name] = topic
            }
        }
        if problems.isEmpty { claims.merge(own) { first, _ in first } }
        return problems
    }

    private func differences(_ topic: TopicSpec, from wanted: TopicSpec) -> [Diagnostic] {
        var problems: [Diagnostic] = []
        func report(_ cause: String, _ help: String?) {
            problems.append(
                .sinkDiffers(
                    from: topic.name, cause, help: help, at: topic.locations.name,
                    other: wanted.writer ?? "its document", wanted.locations.name))
        }
        compareColumns(topic, wanted, report)
        if topic.mode != wanted.mode {
            report(
                "the topic is mode \(wanted.mode.rawValue), the sink \(topic.mode.rawValue)",
                "write mode: \(wanted.mode.rawValue)")
        } else if topic.mode == .upsert || topic.mode == .changelog && wanted.key != nil,
            topic.keyNames != wanted.keyNames, problems.isEmpty
        {
            let names = wanted.keyNames ?? []
            let own = topic.keyNames.map { "\(listed($0))" } ?? "none"
            report(
                "the topic's key is \(listed(names)), the sink's is \(own)",
                topic.mode == .upsert
                    ? "write key: [\(names.joined(separator: ", "))]" : nil)
        }
        return problems
    }

    private func compareColumns(
        _ topic: TopicSpec, _ claim: TopicSpec, _ report: (String, String?) -> Void
    ) {
        let wanted = claim.schema
        let positions = topic.schema.positions
        let missing = wanted.fields.map(\.name).filter { positions[$0] == nil }
        let known = wanted.positions
        let extra = topic.schema.fields.map(\.name).filter { known[$0] == nil }
        if !missing.isEmpty {
            report(
                "\(listed(missing)) \(missing.count == 1 ? "is" : "are") missing",
                "give \(missing.count == 1 ? "it" : "them") in a step before, with 'add'")
        }
        if !extra.isEmpty {
            report(
                "the topic has no \(listed(extra))",
                claim.writer == nil
                    ? "leave out what the topic has not, with 'select', or add it to its document"
                    : "leave out what the topic has not, with 'select'")
        }
        for field in wanted.fields {
            guard let position = positions[field.name] else { continue }
            let type = topic.schema[position].type
            let fits = claim.writer == nil ? type.widens(to: field.type) : type == field.type
            if !fits {
                report(
                    "'\(field.name)' is \(type.name), and the topic's is \(field.type.name)",
                    "cast it in a step before")
            }
        }
    }
}
