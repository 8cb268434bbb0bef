import Operators

extension PipelineReader {
    /// `pattern:`.
    func readPattern(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = VerbResult(
            verb: nil, schema: Schema([]), scope: scope,
            change: input.change == nil ? nil : .append)
        result.scope.entries = []
        result.scope.owner = linked.node.name
        result.scope.isOpen = false
        result.scope.isUpdating = false
        result.scope.doubtful = []
        guard let reader = step.mapping("pattern", SpecFields.pattern) else {
            result.scope.isOpen = true
            return result
        }
        if case .updating? = input.change {
            context.report(
                .isNot(
                    "pattern", "takes rows that are only ever added, and these change",
                    at: context.location(step.keyRange("pattern")),
                    help: "look for the pattern before the step that makes them change"))
        }
        let partition = readKey(reader, "partition_by", SpecFields.pattern, scope)
        let order = readPatternOrder(reader, scope)
        let within = readWithin(reader)
        let skip = reader.choice("after_match", AfterMatch.self)
        let parsed = readMatch(reader)
        let variables = parsed?.pattern.variables ?? []
        let conditions = readConditions(reader, input, scope, variables, isKnown: parsed != nil)
        let measures = readMeasures(
            reader, input, scope, variables, isKnown: parsed != nil, partition.items ?? [])
        result.scope.isOpen = partition.items == nil
        for item in partition.items ?? [] { result.addColumn(item.name, item.expression.type) }
        for (name, type) in measures.fields { result.addColumn(name, type) }
        guard let items = partition.items, let order, let skip, let parsed, let conditions,
            measures.isSound, !reader.has("within") || within != nil, input.change == .append
        else { return result }
        result.verb = .pattern(
            PatternSpec(
                partition: items, order: order, pattern: parsed.pattern, text: parsed.text,
                conditions: conditions, calls: measures.calls, measures: measures.named,
                withinMicros: within, skipsToNextRow: skip == .skipToNextRow))
        return result
    }

    private enum AfterMatch: String {
        case skipPastLastRow = "skip_past_last_row"
        case skipToNextRow = "skip_to_next_row"
    }

    private func readPatternOrder(_ reader: FieldReader, _ scope: ColumnScope) -> RowOrder? {
        guard let order = readOrder(reader, SpecFields.pattern, scope, takesRowtime: true) else {
            return nil
        }
        if isByEventTime(order) { return order }
        context.report(
            .isNot(
                "order_by", "does not begin with event time, in the order of which rows match",
                at: context.location(reader.keyRange("order_by")),
                help: "write order_by: [rowtime, …], or leave it out"))
        return nil
    }

    private func readWithin(_ reader: FieldReader) -> Int64? {
        guard reader.has("within"), let within = reader.duration("within") else { return nil }
        if within > 0 { return within }
        context.report(
            .outOfRange(
                "within", "must be above 0s", at: context.location(reader.keyRange("within"))))
        return nil
    }

    private func readMatch(_ reader: FieldReader) -> (pattern: ParsedPattern, text: String)? {
        guard let value = reader.value("match"), let scalar = expressions.readable(value) else {
            return nil
        }
        do throws(ExpressionDiagnostic) {
            return (try ParsedPattern.parse(scalar.text), scalar.text)
        } catch {
            let range = filePositions(of: error.range, in: scalar, context.source)
            context.report(
                Diagnostic(
                    error.message, at: context.location(range), label: error.label,
                    help: error.help))
            return nil
        }
    }

    /// By variable; nil when one of them was reported.
    private func readConditions(
        _ reader: FieldReader, _ input: NodeShape, _ scope: ColumnScope, _ variables: [String],
        isKnown: Bool
    ) -> [BoundMatchResult?]? {
        var conditions: [BoundMatchResult?] = variables.map { _ in nil }
        guard reader.has("define") else { return conditions }
        var isSound = true
        for entry in reader.namedEntries("define") {
            guard isKnown else { return nil }
            let name = entry.key.text
            guard let variable = variables.firstIndex(of: name) else {
                context.report(
                    .isNot(
                        name, "is no variable of 'match'", at: context.location(entry.key),
                        help: NameSuggestion.help(for: name, among: variables)))
                isSound = false
                continue
            }
            conditions[variable] = expressions.bindMatch(
                entry.value, in: scope, columnCount: input.schema.count, variables: variables,
                current: variable)
            if conditions[variable] == nil { isSound = false }
        }
        return isSound ? conditions : nil
    }

    private struct Measures {
        var calls: [MatchCall] = []
        var named: [NamedExpression] = []
        /// In order, with a type where it could be found.
        var fields: [(name: String, type: ColumnType?)] = []
        var isSound = true
    }

    private func readMeasures(
        _ reader: FieldReader, _ input: NodeShape, _ scope: ColumnScope, _ variables: [String],
        isKnown: Bool, _ partition: [NamedExpression]
    ) -> Measures {
        var measures = Measures()
        let columnCount = input.schema.count
        guard reader.has("measures") else {
            measures.isSound = false
            _ = reader.value("measures")
            return measures
        }
        let entries = reader.namedEntries("measures")
        if entries.isEmpty { measures.isSound = false }
        if entries.count > SpecLimits.columnsMax {
            context.report(
                .tooManyColumns("'measures'", at: context.location(reader.keyRange("measures"))))
            measures.isSound = false
            return measures
        }
        for entry in entries {
            let name = entry.key.text
            let isTime = name == "rowtime" || name.isEmpty
            if isTime || partition.contains(where: { $0.name == name }) {
                context.report(
                    .reservedColumn(
                        name, isTime ? "every row's event time has it" : "the partition has it",
                        at: context.location(entry.key)))
                measures.isSound = false
                continue
            }
            let bound =
                isKnown
                ? expressions.bindMatch(
                    entry.value, in: scope, columnCount: columnCount, variables: variables,
                    current: nil) : nil
            measures.fields.append((name, bound?.result.type))
            guard let bound else {
                measures.isSound = false
                continue
            }
            if bound.result.type == .interval {
                context.report(.intervalColumn(at: context.location(entry.value)))
                measures.isSound = false
            }
            var map: [Int: Int] = [:]
            for (index, call) in bound.calls.enumerated() {
                let known = measures.calls.firstIndex(of: call) ?? measures.calls.count
                if known == measures.calls.count { measures.calls.append(call) }
                map[columnCount + index] = columnCount + known
            }
            measures.named.append(
                NamedExpression(name: name, expression: bound.result.remapped(map)))
        }
        return measures
    }
}

extension VerbResult {
    /// A column behind the others; without a type it is there, and nothing is said of it.
    mutating func addColumn(_ name: String, _ type: ColumnType?) {
        guard let type else {
            scope.doubtful.insert(name)
            return
        }
        let field = Field(name, type)
        scope.entries.append(.init(qualifier: nil, field: field, index: schema.count))
        schema.fields.append(field)
    }
}
