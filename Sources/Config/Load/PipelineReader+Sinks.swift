import Operators

extension PipelineReader {
    func readSink(_ node: NodeDeclaration) {
        guard let reader = FieldReader(node.value, SpecFields.sink, owner: node.owner, context)
        else {
            hasBrokenReferences = true
            return
        }
        if !reader.has("from") { hasBrokenReferences = true }
        let fromValue = reader.value("from")
        let input = fromValue.flatMap { readReference($0, SpecFields.sink) }
        let shape = input.map { self.shape(of: $0.reference) } ?? .unknown
        let owner = input?.scalar.text ?? node.name
        let scope = ColumnScope(owner: owner, shape: shape, qualifier: input?.reference.node)
        let connector = context.readSinkConnector(reader, shape)
        if case .file = connector { locations.paths[node.name] = pathLocation(reader) }
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

    private func readSinkFormat(_ reader: FieldReader, _ shape: NodeShape) -> FormatSpec? {
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
