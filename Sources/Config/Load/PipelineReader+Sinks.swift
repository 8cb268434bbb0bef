import Operators

extension PipelineReader {
    func readSink(_ node: NodeDeclaration) {
        guard let reader = FieldReader(node.value, SpecFields.sink, owner: node.owner, context)
        else {
            hasBrokenReferences = true
            return
        }
        let fromValue = reader.value("from")
        if fromValue == nil { hasBrokenReferences = true }
        let input = fromValue.flatMap { readReference($0, SpecFields.sink) }
        let shape = input.map { self.shape(of: $0.reference) } ?? .unknown
        let owner = input?.scalar.text ?? node.name
        let scope = ColumnScope(owner: owner, shape: shape, qualifier: input?.reference.node)
        let topic = readTopic(of: node, reader)
        let connector = context.readSinkConnector(reader, shape, topic: topic)
        if case .file = connector { locations.paths[node.name] = pathLocation(reader) }
        checkGuarantee(reader)
        let format = readSinkFormat(reader, shape)
        let mode = readMode(reader, shape, scope, input)
        let deleteWhen = reader.value("delete_when").flatMap {
            expressions.bind($0, in: scope, expecting: .boolean)
        }
        guard let input, let connector, let format, let mode else { return }
        var key: [Int]?
        if case .updating(let names?)? = shape.change {
            key = names.compactMap { shape.schema.index(of: $0) }
        }
        sinks.append(
            SinkSpec(
                name: node.name, input: input.reference, inputSchema: shape.schema, inputKey: key,
                connector: connector, format: format, mode: mode, deleteWhen: deleteWhen))
    }

    /// `topic:` of a sink; nil when it is absent or reported.
    private func readTopic(of node: NodeDeclaration, _ reader: FieldReader) -> SpecText? {
        guard reader.has("topic"), let name = context.readTopicSink(reader) else { return nil }
        let place = context.location(name.scalar)
        locations.topics[node.name] = place
        topicWrites.append(TopicUse(topic: name.value, written: name.written, place: place))
        return name
    }

    private enum Guarantee: String {
        case exactlyOnce = "exactly_once"
        case atLeastOnce = "at_least_once"
    }

    /// `guarantee:` asks; what is given follows from the connectors.
    private func checkGuarantee(_ reader: FieldReader) {
        guard reader.has("guarantee"),
            reader.choice("guarantee", Guarantee.self) == .exactlyOnce
        else { return }
        let place = context.location(reader.rawValue("guarantee")?.range ?? reader.start)
        if reader.has("stdout") {
            context.report(
                .guaranteeNotGiven(
                    "what was written to standard output cannot be taken back",
                    help: "write to a file or a topic, or ask for at_least_once", at: place))
        } else if let source = stdinReader, node(source)?.kind == .source {
            context.report(
                .guaranteeNotGiven(
                    "'\(source)' reads standard input, which cannot be read again",
                    help: "read from a file or a topic, or ask for at_least_once", at: place))
        }
    }

    private func readSinkFormat(_ reader: FieldReader, _ shape: NodeShape) -> FormatSpec? {
        if reader.has("topic") {
            if reader.has("format") {
                context.report(
                    .isNot(
                        "format", "does not go with 'topic', whose rows are no text",
                        at: context.location(reader.keyRange("format")), help: "remove it"))
            }
            return FormatSpec.none
        }
        if !reader.has("format"), !reader.hasForeignKeys {
            context.report(
                .missingField(
                    SpecFields.sink["format"]!, owner: reader.owner,
                    at: context.location(reader.start)))
        }
        // A sink that is not supported yet may need none.
        if !reader.has("format"), reader.hasForeignKeys { return nil }
        guard let format = context.readFormat(reader, timezone: "UTC") else { return nil }
        if case .lines = format, !shape.isOpen, shape.doubtful.isEmpty {
            let columns = shape.schema.fields
            if columns.count != 1 || columns[0].type != .string {
                context.report(
                    .isNot(
                        "lines",
                        "writes one string column, and the input has "
                            + "\(listed(columns.map(\.name)))",
                        at: context.location(reader.keyRange("format")),
                        help: "select one column in a step before, or write format: json"))
            }
        }
        return format
    }

    private enum WrittenMode: String { case append, upsert, changelog }

    private func readMode(
        _ reader: FieldReader, _ shape: NodeShape, _ scope: ColumnScope, _ input: ReadReference?
    ) -> SinkSpec.Mode? {
        let mode = reader.choice("mode", WrittenMode.self)
        let stated = reader.names("key").map { context.columns($0, in: scope) }
        if let mode, mode != .upsert, reader.has("key") {
            context.report(
                .isNot(
                    "key", "goes with 'mode: upsert'", at: context.location(reader.keyRange("key")))
            )
        }
        if mode == .append, reader.has("delete_when") {
            context.report(
                .isNot(
                    "delete_when", "needs 'mode: upsert' or 'mode: changelog'",
                    at: context.location(reader.keyRange("delete_when"))))
        }
        if let mode, mode != .append, shape.schema.index(of: "_op") != nil {
            context.report(
                .reservedColumn(
                    "_op", "'mode: \(mode.rawValue)' writes it",
                    at: context.location(reader.keyRange("mode"))))
        }
        switch mode {
        case .append?: return appendMode(reader, shape, input)
        case .changelog?: return .changelog
        case .upsert?: return upsertMode(reader, shape, stated: stated, input)
        case nil: return nil
        }
    }

    private func appendMode(
        _ reader: FieldReader, _ shape: NodeShape, _ input: ReadReference?
    ) -> SinkSpec.Mode? {
        // A sink that is not supported yet may take what this one would not.
        guard case .updating(let key)? = shape.change, let input, !reader.hasForeignKeys else {
            return .append
        }
        context.report(
            .appendSinkOfChanges(
                input.scalar.text, key: key, at: context.location(input.scalar)))
        return nil
    }

    private func upsertMode(
        _ reader: FieldReader, _ shape: NodeShape, stated: [Int]?, _ input: ReadReference?
    ) -> SinkSpec.Mode? {
        if let stated { return .upsert(key: stated) }
        if reader.has("key") { return nil }
        switch shape.change {
        case .updating(let names?)?:
            return .upsert(key: names.compactMap { shape.schema.index(of: $0) })
        case .updating(nil)?, .append?:
            context.report(
                .isNot(
                    "upsert",
                    "needs a key, and the rows of '\(input?.scalar.text ?? "the input")' "
                        + "have none", at: context.location(reader.keyRange("mode")),
                    help: "add key: [COLUMN]"))
            return nil
        case nil: return .upsert(key: [])
        }
    }
}
