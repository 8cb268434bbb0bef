import Operators

/// What a step has only behind its `where`: the columns of its verb and of `add`.
struct ColumnsToCome {
    var names: Set<String> = []
    /// What the other side of a join is called.
    var sides: Set<String> = []

    /// Whether the binder's message is that it does not know one of them.
    func explain(_ message: String) -> Bool {
        let parts = message.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return false }
        switch parts[0] {
        case "unknown column ": return names.contains(String(parts[1]))
        case "unknown node ": return sides.contains(String(parts[1]))
        default: return false
        }
    }
}

extension PipelineReader {
    /// Looked up in what is written, before any of it is read.
    func columnsToCome(_ step: LinkedStep) -> ColumnsToCome {
        var result = ColumnsToCome()
        let value = step.node.value
        result.names.formUnion(value.member("add")?.itemNames ?? [])
        for (verb, field) in [
            ("aggregate", "group_by"), ("aggregate", "compute"), ("over", "compute"),
            ("pattern", "measures"), ("parse", "schema"),
        ] {
            result.names.formUnion(value.member(verb)?.member(field)?.itemNames ?? [])
        }
        for (verb, field) in [("top", "rank"), ("unnest", "as"), ("unnest", "position")] {
            if case .scalar(let name)? = value.member(verb)?.member(field)?.content {
                result.names.insert(name.text)
            }
        }
        if value.member("aggregate")?.member("window") != nil {
            result.names.formUnion(["window_start", "window_end"])
        }
        if let join = value.member("join") { addSide(of: join, step, to: &result) }
        return result
    }

    private func addSide(
        of join: LocatedValue, _ step: LinkedStep, to result: inout ColumnsToCome
    ) {
        if let right = step.right?.reference {
            result.names.formUnion(shape(of: right).schema.fields.map(\.name))
            result.sides.insert(right.node)
        } else if case .scalar(let table)? = join.member("table")?.content,
            let shape = shapes[table.text]
        {
            result.names.formUnion(shape.schema.fields.map(\.name))
            result.sides.insert(table.text)
        }
    }
}

extension LocatedValue {
    /// The value of a key; nil where there is none, or this is no mapping.
    fileprivate func member(_ name: String) -> LocatedValue? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key.text == name }?.value
    }

    /// The names that `{name: expression}` gives, in a map or in a list of items.
    fileprivate var itemNames: [String] {
        switch content {
        case .mapping(let entries): return entries.map(\.key.text)
        case .sequence(let items):
            return items.flatMap { item -> [String] in
                guard case .mapping(let entries) = item.content else { return [] }
                return entries.map(\.key.text)
            }
        case .scalar, .broken: return []
        }
    }
}
