import Operators

extension PipelineReader {
    func readSource(_ node: NodeDeclaration) {
        shapes[node.name] = .unknown
        guard let reader = FieldReader(node.value, SpecFields.source, owner: node.owner, context)
        else { return }
        let topic = readTopic(node, reader)
        let schema = readSchema(reader, topic)
        let metadata = reader.has("metadata") ? readMetadata(reader, schema) : []
        let timezone = context.readTimezone(reader)
        let connector = context.readSourceConnector(
            reader, role: .stream, schema: schema, topic: topic)
        noteSourcePath(connector, node.name, reader)
        let format = readSourceFormat(reader, connector, schema, timezone)
        let fields =
            schema.fields.map { Field($0.name, $0.type) }
            + metadata.map { Field($0.name, $0.origin.type) }
        let shape = NodeShape(
            schema: Schema(fields), doubtful: schema.doubtful, isOpen: schema.isOpen,
            change: reader.has("topic") ? change(of: topic, schema) : .append)
        shapes[node.name] = shape
        let eventTime = readEventTime(reader, shape, owner: node.name)
        guard let connector, let format, let eventTime, let change = shape.change else { return }
        sources.append(
            SourceSpec(
                name: node.name, connector: connector, format: format, fields: schema.fields,
                metadata: metadata, eventTime: eventTime,
                output: NodeOutput(schema: shape.schema, change: change)))
    }

    private func readSchema(_ reader: FieldReader, _ topic: ReadTopic?) -> ReadSchema {
        if reader.has("topic") { return readTopicSchema(reader, topic) }
        return context.isNexmark(reader)
            ? context.readNexmarkSchema(reader) : context.readSchema(reader)
    }

    func readTable(_ node: NodeDeclaration) {
        shapes[node.name] = .unknown
        guard let reader = FieldReader(node.value, SpecFields.table, owner: node.owner, context)
        else { return }
        let topic = readTopic(node, reader)
        let schema = readSchema(reader, topic)
        let timezone = context.readTimezone(reader)
        let connector = context.readSourceConnector(
            reader, role: .table, schema: schema, topic: topic)
        noteSourcePath(connector, node.name, reader)
        let format = readSourceFormat(reader, connector, schema, timezone)
        var shape = NodeShape(
            schema: Schema(schema.fields.map { Field($0.name, $0.type) }),
            doubtful: schema.doubtful, isOpen: schema.isOpen, change: nil)
        let scope = ColumnScope(owner: node.name, shape: shape, qualifier: node.name)
        let key = readKey(reader, topic, shape, scope) ?? []
        if !key.isEmpty { shape.change = .updating(key: key.map { shape.schema[$0].name }) }
        shapes[node.name] = shape
        tableKeys[node.name] = key.map { shape.schema[$0] }
        let deleteWhen = reader.value("delete_when").flatMap {
            expressions.bind($0, in: scope, expecting: .boolean)
        }
        let eventTime = readTableTime(reader, shape, owner: node.name)
        let history = reader.duration("history")
        if history != nil { tableHistories.insert(node.name) }
        guard let connector, let format, let change = shape.change else { return }
        var table = TableSpec(
            name: node.name, connector: connector, format: format, fields: schema.fields,
            key: key, deleteWhen: deleteWhen,
            output: NodeOutput(schema: shape.schema, change: change))
        table.eventTime = eventTime
        table.historyMicros = history
        tables.append(table)
    }

    private func readTableTime(
        _ reader: FieldReader, _ shape: NodeShape, owner: String
    ) -> EventTimeSpec? {
        if reader.has("event_time") { return readEventTime(reader, shape, owner: owner) }
        if reader.has("history"), !reader.has("topic"), !reader.hasForeignKeys {
            context.report(
                .isNot(
                    "history", "needs an 'event_time', from which on a version is valid",
                    at: context.location(reader.keyRange("history")),
                    help: "add event_time: {column: …}"))
        }
        return nil
    }

    /// Remembers where a path stands, for the checks across files, and which node reads stdin.
    private func noteSourcePath(
        _ connector: SourceConnector?, _ name: String, _ reader: FieldReader
    ) {
        switch connector {
        case .file:
            locations.paths[name] = pathLocation(reader)
        case .stdin:
            if let other = stdinReader {
                context.report(
                    .isNot(
                        "stdin", "can be read once, and '\(other)' reads it",
                        at: context.location(reader.keyRange("stdin"))))
            }
            stdinReader = name
        case .generate, .nexmark, .topic, nil: break
        }
    }

    func pathLocation(_ reader: FieldReader) -> FileLocation {
        if case .mapping(let entries)? = reader.rawValue("file")?.content,
            let path = entries.first(where: { $0.key.text == "path" })
        {
            return context.location(path.value)
        }
        return context.location(reader.keyRange("file"))
    }

    /// `format:` of what brings bytes; nothing for what makes rows.
    private func readSourceFormat(
        _ reader: FieldReader, _ connector: SourceConnector?, _ schema: ReadSchema,
        _ timezone: String
    ) -> FormatSpec? {
        if reader.has("topic") { return FormatSpec.none }
        if reader.has("generate") {
            if reader.has("format") {
                context.report(
                    .isNot(
                        "format", "does not go with 'generate', which makes rows itself",
                        at: context.location(reader.keyRange("format")), help: "remove it"))
            }
            return FormatSpec.none
        }
        guard reader.has("format") else {
            if connector != nil {
                context.report(
                    .missingField(
                        SpecFields.source["format"]!, owner: reader.owner,
                        at: context.location(reader.start)))
            }
            return nil
        }
        guard var format = context.readFormat(reader, timezone: timezone, schema: schema)
        else { return nil }
        switch format {
        case .lines: checkLines(schema, reader)
        case .csv(var csv):
            csv.columnCount = schema.fields.count
            format = .csv(csv)
        case .json: context.checkPaths(schema, reader)
        case .regex, .logfmt, .none: break
        }
        return format
    }

    private func checkLines(_ schema: ReadSchema, _ reader: FieldReader) {
        let isLine = schema.fields.map { [$0.name, $0.type.name] } == [["line", "string"]]
        guard !isLine, !schema.isOpen, schema.doubtful.isEmpty else { return }
        context.report(
            .isNot(
                "schema", "of format lines is one column, line: string",
                at: context.location(reader.keyRange("schema")),
                help: "write schema: {line: string}"))
    }

    private func readMetadata(_ reader: FieldReader, _ schema: ReadSchema) -> [MetadataColumn] {
        var columns: [MetadataColumn] = []
        for entry in reader.namedEntries("metadata") {
            let name = entry.key.text
            if schema.fields.contains(where: { $0.name == name }) || name == "rowtime" {
                context.report(
                    .reservedColumn(
                        name, "the row has it already", at: context.location(entry.key)))
                continue
            }
            guard let scalar = context.scalar(entry.value, SpecFields.metadata.fields[0]) else {
                continue
            }
            if let origin = MetadataColumn.Origin(rawValue: scalar.text) {
                if origin != .arrival, origin.isOfTopic != reader.has("topic") {
                    context.report(
                        .isNot(
                            scalar.text,
                            origin.isOfTopic
                                ? "is of topics only" : "is of files, and this is a topic",
                            at: context.location(scalar)))
                }
                columns.append(MetadataColumn(name: name, origin: origin))
            } else if scalar.text == "topic" {
                context.report(
                    .notSupported("metadata '\(scalar.text)'", at: context.location(scalar)))
            } else {
                context.report(
                    .unknownChoice(
                        scalar.text, of: "metadata",
                        choices: MetadataColumn.Origin.allCases.map(\.rawValue),
                        at: context.location(scalar)))
            }
        }
        return columns
    }

    private func readEventTime(
        _ reader: FieldReader, _ shape: NodeShape, owner: String
    ) -> EventTimeSpec? {
        guard reader.has("event_time") else {
            let name = NexmarkOptions.Column.dateTime.rawValue
            guard context.isNexmark(reader), let index = shape.schema.index(of: name) else {
                return EventTimeSpec(value: .arrival)
            }
            var spec = EventTimeSpec(value: .expression(.column(index, shape.schema[index])))
            // Its times are where `start` says, on whichever side of the clock, and none is wrong.
            spec.maxFutureMicros = .max
            return spec
        }
        guard let value = reader.value("event_time") else { return nil }
        if case .scalar(let scalar) = value.content {
            if scalar.text == "arrival" { return EventTimeSpec(value: .arrival) }
            context.report(
                .isNot(
                    scalar.text, "is no event time", at: context.location(scalar),
                    help: isOneIdentifier(scalar.text)
                        ? "write event_time: {column: \(scalar.text)}"
                        : "write event_time: {expression: …}"))
            return nil
        }
        guard let time = FieldReader(value, SpecFields.eventTime, owner: "'event_time'", context)
        else { return nil }
        let scope = ColumnScope(owner: owner, shape: shape, qualifier: owner)
        let outOfOrderness = time.duration("max_out_of_orderness") ?? 0
        let idle = time.duration("idle_timeout")
        let future = time.duration("max_future") ?? 0
        if time.has("column"), time.has("expression") {
            context.report(.bothEventTimes(at: context.location(time.keyRange("expression"))))
            return nil
        }
        let expression: BoundExpression?
        if let column = time.value("column") {
            expression = readEventTimeColumn(column, scope)
        } else if let text = time.value("expression") {
            expression = expressions.bind(text, in: scope, expecting: .timestamp)
            if let expression, expression.usesRowtime {
                context.report(.rowtimeInEventTime(at: context.location(text)))
            }
        } else {
            if !time.hasForeignKeys, !time.has("column"), !time.has("expression") {
                context.report(
                    .noEventTime(at: context.location(reader.keyRange("event_time"))))
            }
            return nil
        }
        guard let expression else { return nil }
        var spec = EventTimeSpec(value: .expression(expression))
        spec.maxOutOfOrdernessMicros = outOfOrderness
        spec.idleTimeoutMicros = idle
        spec.maxFutureMicros = future
        return spec
    }

    private func readEventTimeColumn(
        _ value: LocatedValue, _ scope: ColumnScope
    ) -> BoundExpression? {
        guard let scalar = context.scalar(value, SpecFields.eventTime["column"]),
            let entry = context.column(scalar, in: scope)
        else { return nil }
        guard entry.field.type == .timestamp else {
            context.report(
                .eventTimeIsNoTimestamp(
                    scalar.text, type: entry.field.type.name, at: context.location(scalar)))
            return nil
        }
        return .column(entry.index, entry.field)
    }
}

extension MetadataColumn.Origin {
    /// The type of the column that it fills.
    package var type: ColumnType {
        switch self {
        case .filePath, .topicPartition: return .string
        case .fileLine, .topicOffset: return .bigint
        case .arrival, .topicAppendedAt: return .timestamp
        }
    }
}
