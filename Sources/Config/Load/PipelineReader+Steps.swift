import Operators

/// What a step's verb makes of its input.
struct VerbResult {
    var verb: StepVerb?
    /// `verbSchema` in the making; names are unique.
    var schema: Schema
    /// How expressions may name its columns.
    var scope: ColumnScope
    var change: NodeOutput.Change?
    /// The columns of `schema` that hold the bounds of each row's window.
    var window: WindowColumns?
    /// Columns of a join that both sides have: right ones, by position.
    var shared: [Int] = []
    /// The two sides of a join, and where it stands.
    var sides: (left: String?, right: String, range: Range<Int>)?
}

extension PipelineReader {
    /// Reads a step whose inputs are known; its shape is known afterwards.
    func readStep(_ step: LinkedStep) {
        let reader = step.reader
        let input = readInputShape(step)
        inputShapes[step.node.name] = input
        let cost = 1 + 2 * input.schema.count
        guard context.spendColumns(cost, at: step.node.key.range) else { return }
        let qualifier = readAlias(step)
        let inputScope = ColumnScope(
            owner: inputOwner(step, qualifier), shape: input, qualifier: qualifier)
        var filterScope = inputScope
        if reader.has("where") { filterScope.toCome = columnsToCome(step) }
        let filter = reader.value("where").flatMap {
            expressions.bind($0, in: filterScope, expecting: .boolean)
        }
        let verb = readVerb(step, input, inputScope)
        var columns = StepColumns(verb)
        let additions = readAdditions(reader, &columns)
        let having = reader.value("having").flatMap {
            expressions.bind($0, in: columns.scope, expecting: .boolean)
        }
        let (projection, output) = readProjection(step, verb, columns)
        let shape = NodeShape(
            schema: output.schema, doubtful: output.doubtful,
            isOpen: columns.scope.isOpen && output.isOpen,
            change: outputChange(verb.change, columns, projection),
            window: outputWindow(verb.window, columns, projection))
        shapes[step.node.name] = shape
        guard let stepVerb = verb.verb, let change = shape.change else { return }
        steps.append(
            StepSpec(
                name: step.node.name, inputs: step.inputs.map(\.reference),
                inputSchema: input.schema, filter: filter, verb: stepVerb, verbSchema: verb.schema,
                additions: additions, addedSchema: columns.schema, having: having,
                projection: projection,
                output: NodeOutput(schema: shape.schema, change: change)))
    }

    /// The name that the input's columns may be written with.
    private func readAlias(_ step: LinkedStep) -> String? {
        let own =
            step.inputs.count == 1 && step.inputs[0].reference.port == .main
            ? step.inputs[0].reference.node : nil
        guard step.reader.has("as"), let value = step.reader.value("as"),
            let scalar = context.scalar(value, SpecFields.step["as"])
        else { return own }
        if isNodeName(scalar.text) { return scalar.text }
        context.report(.badName(scalar.text, what: "input", at: context.location(scalar)))
        return own
    }

    /// Whose columns the input's are, for messages.
    private func inputOwner(_ step: LinkedStep, _ qualifier: String?) -> String {
        step.inputs.count == 1 ? step.inputs[0].scalar.text : qualifier ?? step.node.name
    }

    /// The columns of the input: of one node, or of several that have the same.
    private func readInputShape(_ step: LinkedStep) -> NodeShape {
        guard let first = step.inputs.first else { return .unknown }
        var result = shape(of: first.reference)
        if step.isBroken { result.isOpen = true }
        for input in step.inputs.dropFirst() {
            let other = shape(of: input.reference)
            if let cause = difference(of: other, from: result) {
                context.report(
                    .unionDiffers(
                        input.scalar.text, cause, at: context.location(input.scalar)))
            }
            result.doubtful.formUnion(other.doubtful)
            let bounds = { (shape: NodeShape) in
                shape.window.map { [shape.schema[$0.start].name, shape.schema[$0.end].name] }
            }
            if bounds(other) != bounds(result) {
                result.window = nil
            } else if other.window?.definition != result.window?.definition {
                result.window?.definition = nil
            }
            switch (result.change, other.change) {
            case (.append?, .append?): break
            case (nil, _), (_, nil): result.change = nil
            default: result.change = .updating(key: nil)
            }
        }
        return result
    }

    /// How the columns of one input of a union differ from those of the first.
    private func difference(of other: NodeShape, from first: NodeShape) -> String? {
        let isCertain =
            !first.isOpen && !other.isOpen && first.doubtful.isEmpty && other.doubtful.isEmpty
        guard isCertain else { return nil }
        for field in first.schema.fields {
            guard let index = other.schema.index(of: field.name) else {
                return "lacks \(field.name)"
            }
            if other.schema[index].type != field.type {
                return "has \(field.name) \(other.schema[index].type.name), the first has "
                    + "\(field.type.name)"
            }
        }
        return other.schema.fields.first { first.schema.index(of: $0.name) == nil }
            .map { "has \($0.name), the first has not" }
    }

    private func readVerb(
        _ step: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let reader = step.reader
        if reader.has("state_ttl"), step.right == nil, !reader.has("over") {
            context.report(
                .isNot(
                    "state_ttl", "is for 'over' and for joins of streams with 'within: unbounded'",
                    at: context.location(reader.keyRange("state_ttl"))))
        }
        let verbs = SpecFields.step.rules.atMostOne.compactMap { reader.key($0) }
            .sorted { $0.range.lowerBound < $1.range.lowerBound }
        if verbs.count > 1 {
            context.report(
                .severalVerbs(verbs[0].text, verbs[1].text, at: context.location(verbs[1])))
        }
        switch verbs.first?.text {
        case "join" where step.node.member("join")?.has("stream") == true:
            return readStreamJoin(step, input, scope)
        case "join": return readJoin(step, input, scope)
        case "aggregate": return readAggregate(step, input, scope)
        case "deduplicate": return readDeduplicate(step, input, scope)
        case "top": return readTop(step, input, scope)
        case "parse": return readParse(step, input, scope)
        case "over": return readOver(step, input, scope)
        case "pattern": return readPattern(step, input, scope)
        case "unnest": return readUnnest(step, input, scope)
        default:
            var result = VerbResult(
                verb: StepVerb.none, schema: input.schema, scope: scope, change: input.change)
            result.window = input.window
            // Another verb was reported; what it would give is not known.
            if reader.hasForeignKeys { result.scope.isOpen = true }
            return result
        }
    }

    /// `add:`: each item sees the ones before it, an existing name is replaced in place.
    private func readAdditions(
        _ reader: FieldReader, _ columns: inout StepColumns
    ) -> [NamedExpression] {
        guard let value = reader.value("add") else { return [] }
        var additions: [NamedExpression] = []
        let items = context.readItems(value, field: SpecFields.step["add"]!)
        if items.count > SpecLimits.columnsMax {
            context.report(.tooManyColumns("'add'", at: context.location(value)))
            return []
        }
        for item in items {
            guard case .named(let name, _) = item else {
                context.report(
                    .isNot(
                        item.scalar.text, "has no expression", at: context.location(item.scalar),
                        help: "'add' takes {name: expression}; 'select' passes columns on"))
                continue
            }
            let resolved = expressions.resolve([item], in: columns.scope)[0]
            columns.add(name.text, resolved.expression)
            if let expression = resolved.expression {
                additions.append(NamedExpression(name: name.text, expression: expression))
            }
        }
        return additions
    }

    /// Whether the output still changes, and whether its key is still among the columns.
    private func outputChange(
        _ change: NodeOutput.Change?, _ columns: StepColumns, _ projection: [NamedExpression]
    ) -> NodeOutput.Change? {
        guard case .updating(let key?)? = change else { return change }
        var names: [String] = []
        for name in key {
            let kept = projection.first { item in
                guard case .column(let index, _) = item.expression.root else { return false }
                return !columns.replaced.contains(index)
                    && columns.schema.index(of: name) == index
            }
            guard let kept else { return .updating(key: nil) }
            names.append(kept.name)
        }
        return .updating(key: names)
    }

    /// Where the bounds of the window still are among the columns.
    private func outputWindow(
        _ window: WindowColumns?, _ columns: StepColumns, _ projection: [NamedExpression]
    ) -> WindowColumns? {
        guard let window else { return nil }
        func place(_ column: Int) -> Int? {
            columns.replaced.contains(column)
                ? nil
                : projection.firstIndex { item in
                    if case .column(column, _) = item.expression.root { return true }
                    return false
                }
        }
        guard let start = place(window.start), let end = place(window.end) else { return nil }
        return WindowColumns(start: start, end: end, definition: window.definition)
    }
}

/// The columns of a step from its verb on.
struct StepColumns {
    var schema: Schema
    var scope: ColumnScope
    /// Positions that `add` filled anew.
    var replaced: Set<Int> = []

    init(_ verb: VerbResult) {
        schema = verb.schema
        scope = verb.scope
    }

    /// Appends a column, or replaces the one of that name; without an expression its type stays
    /// unknown.
    mutating func add(_ name: String, _ expression: BoundExpression?) {
        guard let expression else {
            scope.doubtful.insert(name)
            return
        }
        let field = Field(name, expression.type)
        if let index = schema.index(of: name) {
            schema.fields[index] = field
            replaced.insert(index)
            for position in scope.entries.indices where scope.entries[position].index == index {
                scope.entries[position] = .init(
                    qualifier: scope.entries[position].qualifier, field: field, index: index)
            }
        } else {
            scope.entries.append(.init(qualifier: nil, field: field, index: schema.count))
            schema.fields.append(field)
        }
    }
}
