import Operators

/// What must have come.
extension TestReader {
    /// `expect:` of a test or a step.
    func readExpectations(_ reader: FieldReader, _ spec: PipelineSpec) -> [TestExpectation] {
        reader.namedEntries("expect").compactMap { entry in
            guard let target = readTarget(entry.key, spec), let output = spec.output(of: target),
                let rows = readExpected(entry, output)
            else { return nil }
            return TestExpectation(
                name: entry.key.text, target: target, location: context.location(entry.key),
                rows: rows)
        }
    }

    /// `NAME` or `NAME.port`.
    private func readTarget(
        _ key: LocatedScalar, _ spec: PipelineSpec
    ) -> TestExpectation.Target? {
        let place = context.location(key)
        let parts = key.text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let kind = spec.kind(of: name) else {
            let known = spec.sinks.map(\.name) + spec.steps.map(\.name) + spec.sources.map(\.name)
            context.report(.unknownNode(name, known: known, at: place))
            return nil
        }
        guard parts.count == 2 else {
            if kind == "table" {
                context.report(.cannotExpectOf(name, at: place))
                return nil
            }
            return kind == "sink"
                ? .sink(name) : .port(NodeReference(node: name, port: .main))
        }
        let ports = spec.ports(of: name)
        guard let port = ports.first(where: { $0.rawValue == parts[1] }) else {
            context.report(
                .unknownPort(
                    String(parts[1]), node: name, ports: ports.map(\.rawValue), at: place))
            return nil
        }
        return .port(NodeReference(node: name, port: port))
    }

    private func readExpected(
        _ entry: LocatedEntry, _ output: NodeOutput
    ) -> TestExpectation.Rows? {
        let node = entry.key.text
        let isUpdating = output.change != .append
        if case .sequence(let items) = entry.value.content {
            return rows(items, output.schema, of: node, isUpdating: false).map { .rows($0) }
        }
        if case .scalar = entry.value.content {
            context.report(.severalExpectations(node, at: context.location(entry.value)))
            return nil
        }
        guard
            let reader = FieldReader(
                entry.value, SpecFields.expectation, owner: "what is expected of '\(node)'", context
            )
        else { return nil }
        let written = SpecFields.expectation.fields.map(\.name).filter(reader.has)
        guard let name = written.first, written.count == 1 else {
            if !reader.hasForeignKeys || written.count > 1 {
                context.report(.severalExpectations(node, at: context.location(entry.key)))
            }
            return nil
        }
        let place = context.location(reader.keyRange(name))
        switch name {
        case "count":
            return reader.integer(name, in: 0...Int64(Int32.max)).map { .count(Int($0)) }
        case "exactly":
            if isUpdating {
                context.report(.orderOfChanging(node, at: place))
                return nil
            }
            return items(reader, name, of: "rows")
                .flatMap { rows($0, output.schema, of: node, isUpdating: false) }
                .map { .exactly($0) }
        default:
            if !isUpdating {
                context.report(.changesOfAppended(node, at: place))
                return nil
            }
            return items(reader, name, of: "rows")
                .flatMap { rows($0, output.schema, of: node, isUpdating: true) }
                .map { .changes($0) }
        }
    }

    private func rows(
        _ items: [LocatedValue], _ schema: Schema, of node: String, isUpdating: Bool
    ) -> [ExpectedRow]? {
        let rows = items.compactMap { readExpectedRow($0, schema, of: node, isUpdating) }
        return rows.count == items.count ? rows : nil
    }

    private func readExpectedRow(
        _ value: LocatedValue, _ schema: Schema, of node: String, _ isUpdating: Bool
    ) -> ExpectedRow? {
        guard let entries = rowEntries(value) else { return nil }
        var row = ExpectedRow(
            values: [], operation: nil,
            location: context.location(value.range.lowerBound..<value.range.lowerBound + 1))
        var isSound = true
        for entry in entries {
            if isUpdating, entry.key.text == "_op" {
                row.operation = readOperation(
                    entry.value, ["insert", "update_before", "update_after", "upsert", "delete"])
                isSound = isSound && row.operation != nil
            } else if let index = schema.index(of: entry.key.text) {
                let field = schema[index]
                if let read = readValue(entry.value, field.type, of: field.name) {
                    row.values.append((field.name, read))
                } else {
                    isSound = false
                }
            } else {
                context.report(
                    .unknownColumn(
                        entry.key.text, owner: node, columns: schema.fields.map(\.name),
                        at: context.location(entry.key),
                        help: entry.key.text == "_op"
                            ? "what changes is expected with {changes: […]}" : nil))
                isSound = false
            }
        }
        if isSound, isUpdating, row.operation == nil {
            context.report(.changeWithoutOperation(at: row.location))
            return nil
        }
        return isSound ? row : nil
    }
}

extension PipelineSpec {
    /// The ports of a node besides its main output.
    package func ports(of name: String) -> [NodeReference.Port] {
        guard let step = steps.first(where: { $0.name == name }) else {
            return sinks.contains { $0.name == name } ? [] : [.invalid]
        }
        switch step.verb {
        case .none, .parse, .unnest: return [.invalid]
        case .join: return [.unmatched, .invalid]
        case .streamJoin(let join):
            if case .unbounded = join.bounds { return [.late, .invalid] }
            return [.late, .unmatched, .invalid]
        case .aggregate(let aggregate):
            return aggregate.window == .none ? [.invalid] : [.late, .invalid]
        case .deduplicate(let deduplicate):
            return deduplicate.keep == .first ? [.late, .invalid] : [.invalid]
        case .top(let top): return top.windowEnd == nil ? [.invalid] : [.late, .invalid]
        case .over(let over): return over.isOrdered ? [.late, .invalid] : [.invalid]
        case .pattern: return [.late, .invalid]
        }
    }

    /// What a source, a step or a port gives; nil where there is none.
    package func output(of reference: NodeReference) -> NodeOutput? {
        let step = steps.first { $0.name == reference.node }
        switch reference.port {
        case .main:
            return step?.output ?? sources.first { $0.name == reference.node }?.output
        case .invalid: return NodeOutput(schema: NodeShape.invalidRows.schema, change: .append)
        case .late, .unmatched:
            guard let step else { return nil }
            let isAppend = step.inputs.allSatisfy { output(of: $0)?.change == .append }
            return NodeOutput(
                schema: step.inputSchema, change: isAppend ? .append : .updating(key: nil))
        }
    }

    /// What a sink or a port is given, as a test sees it.
    package func output(of target: TestExpectation.Target) -> NodeOutput? {
        switch target {
        case .port(let reference): return output(of: reference)
        case .sink(let name):
            guard let sink = sinks.first(where: { $0.name == name }) else { return nil }
            let key: [Int]?
            switch sink.mode {
            case .append: return NodeOutput(schema: sink.inputSchema, change: .append)
            case .upsert(let columns): key = columns
            case .changelog: key = sink.inputKey
            }
            return NodeOutput(
                schema: sink.inputSchema,
                change: .updating(key: key.map { $0.map { sink.inputSchema[$0].name } }))
        }
    }
}
