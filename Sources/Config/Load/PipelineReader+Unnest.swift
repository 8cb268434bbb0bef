import Operators

extension PipelineReader {
    /// `unnest:`.
    func readUnnest(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = VerbResult(
            verb: nil, schema: input.schema, scope: scope, change: input.change)
        guard let reader = step.mapping("unnest", SpecFields.unnest) else {
            result.scope.isOpen = true
            return result
        }
        // Rows of one key are no longer one row.
        if case .updating? = input.change { result.change = .updating(key: nil) }
        let keepsEmpty = reader.flag("keep_empty") ?? false
        let array = reader.text("column").flatMap { readArray($0, in: scope) }
        let name = reader.has("as") ? readNewName("as", reader, result.schema, input) : nil
        let element = array?.element
        if let name {
            append(name, element, to: &result)
        } else if let array {
            result.schema.fields[array.entry.index] = Field(array.entry.field.name, array.element)
            for place in result.scope.entries.indices
            where result.scope.entries[place].index == array.entry.index {
                result.scope.entries[place] = .init(
                    qualifier: result.scope.entries[place].qualifier,
                    field: result.schema[array.entry.index], index: array.entry.index)
            }
        } else {
            result.scope.isOpen = true
        }
        let position =
            reader.has("position") ? readNewName("position", reader, result.schema, input) : nil
        if let position { append(position, .bigint, to: &result) }
        if let window = input.window, array.map({ $0.entry.index != window.start }) ?? true,
            array.map({ $0.entry.index != window.end }) ?? true
        {
            result.window = window
        }
        guard let array, !reader.has("as") || name != nil,
            !reader.has("position") || position != nil
        else { return result }
        result.verb = .unnest(
            UnnestSpec(
                column: array.entry.index, replaces: name == nil, hasPosition: position != nil,
                keepsEmpty: keepsEmpty))
        return result
    }

    /// The column and the type of its elements; nil when it is none or reported.
    private func readArray(
        _ text: SpecText, in scope: ColumnScope
    ) -> (entry: ExpressionScope.Entry, element: ColumnType)? {
        guard let entry = context.column(text.scalar, in: scope),
            !scope.doubtful.contains(entry.field.name)
        else { return nil }
        guard case .array(let element) = entry.field.type else {
            let isText = entry.field.type == .json || entry.field.type == .string
            context.report(
                .isNot(
                    entry.field.name, "is \(entry.field.type.name), and only arrays have elements",
                    at: context.location(text.scalar),
                    help: isText
                        ? "in a step before, add \(entry.field.name): "
                            + "CAST(\(entry.field.name) AS array<json>)" : nil))
            return nil
        }
        return (entry, element)
    }

    /// The name of a column that the input has not; nil when reported.
    private func readNewName(
        _ field: String, _ reader: FieldReader, _ schema: Schema, _ input: NodeShape
    ) -> String? {
        guard let text = reader.text(field) else { return nil }
        let place = context.location(text.scalar)
        if text.value == "rowtime" || text.value.isEmpty {
            context.report(.reservedColumn(text.value, "every row's event time has it", at: place))
            return nil
        }
        if schema.index(of: text.value) != nil || input.doubtful.contains(text.value) {
            context.report(.reservedColumn(text.value, "the input has it", at: place))
            return nil
        }
        return text.value
    }

    /// Adds a column; without a type it stays doubtful.
    private func append(_ name: String, _ type: ColumnType?, to result: inout VerbResult) {
        guard let type else {
            result.scope.doubtful.insert(name)
            return
        }
        let field = Field(name, type)
        result.scope.entries.append(
            .init(qualifier: nil, field: field, index: result.schema.count))
        result.schema.fields.append(field)
    }
}
