import Operators

extension PipelineReader {
    /// `parse:`.
    func readParse(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = VerbResult(
            verb: nil, schema: input.schema, scope: scope, change: input.change)
        result.window = input.window
        guard let reader = step.mapping("parse", SpecFields.parse) else {
            result.scope.isOpen = true
            return result
        }
        let column = readParsedColumn(reader, scope)
        let timezone = context.readTimezone(reader)
        let schema = context.readSchema(reader)
        var isSound = addParsedColumns(schema, reader, input, &result)
        let format = readParsedFormat(reader, schema, timezone)
        if schema.isOpen || !schema.doubtful.isEmpty { isSound = false }
        guard isSound, let column, let format else { return result }
        result.verb = .parse(ParseSpec(column: column, format: format, fields: schema.fields))
        return result
    }

    private func readParsedColumn(_ reader: FieldReader, _ scope: ColumnScope) -> Int? {
        guard let value = reader.value("column"),
            let scalar = context.scalar(value, SpecFields.parse["column"]),
            let entry = context.column(scalar, in: scope)
        else { return nil }
        if entry.field.type == .string { return entry.index }
        context.report(
            .isNot(
                scalar.text, "is \(entry.field.type.name), and 'parse' reads text",
                at: context.location(scalar)))
        return nil
    }

    /// Puts the new columns behind the input's; false when one has a name that is taken.
    private func addParsedColumns(
        _ schema: ReadSchema, _ reader: FieldReader, _ input: NodeShape, _ result: inout VerbResult
    ) -> Bool {
        var isSound = true
        for field in schema.fields {
            if input.schema.index(of: field.name) != nil || input.doubtful.contains(field.name) {
                var place = reader.keyRange("schema")
                if case .mapping(let entries)? = reader.rawValue("schema")?.content,
                    let entry = entries.first(where: { $0.key.text == field.name })
                {
                    place = entry.key.range
                }
                context.report(
                    .reservedColumn(
                        field.name, "the input has it", at: context.location(place)))
                isSound = false
                continue
            }
            let column = Field(field.name, field.type)
            result.scope.entries.append(
                .init(qualifier: nil, field: column, index: result.schema.count))
            result.schema.fields.append(column)
        }
        result.scope.doubtful.formUnion(schema.doubtful)
        result.scope.isOpen = result.scope.isOpen || schema.isOpen
        return isSound
    }

    /// A format that reads a row without what stands before it.
    private func readParsedFormat(
        _ reader: FieldReader, _ schema: ReadSchema, _ timezone: String
    ) -> FormatSpec? {
        guard let format = context.readFormat(reader, timezone: timezone, schema: schema) else {
            return nil
        }
        let place = context.location(reader.rawValue("format")?.range ?? reader.start)
        switch format {
        case .json, .regex, .logfmt: return format
        case .csv(var csv):
            if csv.hasHeader, isHeaderWritten(reader) {
                context.report(
                    .isNot(
                        "header", "cannot be true here: each text is one row by itself", at: place,
                        help: "leave it out; columns go by position"))
                return nil
            }
            csv.hasHeader = false
            csv.columnCount = schema.fields.count
            return .csv(csv)
        case .lines, .none:
            context.report(
                .isNot("lines", "leaves a text as it is", at: place, help: "remove the step"))
            return nil
        }
    }

    private func isHeaderWritten(_ reader: FieldReader) -> Bool {
        guard case .mapping(let formats)? = reader.rawValue("format")?.content else { return false }
        return formats.contains { $0.value.has("header") }
    }
}
