import Operators

/// The columns that a step gives, as far as they are known.
struct StepOutput {
    var schema: Schema
    var doubtful: Set<String>
    var isOpen: Bool
}

extension PipelineReader {
    /// `drop` and `select` as one list of expressions over the step's columns.
    func readProjection(
        _ step: LinkedStep, _ verb: VerbResult, _ columns: StepColumns
    ) -> ([NamedExpression], StepOutput) {
        let reader = step.reader
        var dropped: Set<Int> = []
        for name in reader.names("drop") ?? [] {
            if let entry = context.column(name, in: columns.scope) { dropped.insert(entry.index) }
        }
        let items: [ResolvedItem]
        let selectValue = reader.value("select")
        if let selectValue {
            let read = context.readItems(selectValue, field: SpecFields.step["select"]!)
            items = expressions.resolve(read, in: columns.scope, leavingOut: dropped)
        } else {
            items = columns.scope.entries.filter { !dropped.contains($0.index) }.map { entry in
                ResolvedItem(
                    name: entry.field.name, expression: .column(entry.index, entry.field),
                    range: step.node.key.range, entryIndex: entry.index)
            }
            if items.isEmpty, !columns.scope.isOpen, columns.scope.doubtful.isEmpty {
                context.report(
                    .isNot(
                        "drop", "leaves no columns", at: context.location(reader.keyRange("drop"))))
            }
        }
        reportDuplicates(items, step, verb)

        var projection: [NamedExpression] = []
        var output = StepOutput(
            schema: Schema([]), doubtful: [], isOpen: selectsAll(selectValue))
        if selectValue == nil || output.isOpen { output.doubtful = columns.scope.doubtful }
        for item in items {
            guard let expression = item.expression, !columns.scope.doubtful.contains(item.name)
            else {
                output.doubtful.insert(item.name)
                continue
            }
            guard output.schema.index(of: item.name) == nil else { continue }
            projection.append(NamedExpression(name: item.name, expression: expression))
            output.schema.fields.append(Field(item.name, expression.type))
        }
        return (projection, output)
    }

    /// Whether columns that are not known by name may pass.
    private func selectsAll(_ select: LocatedValue?) -> Bool {
        guard case .sequence(let items)? = select?.content else { return select == nil }
        return items.contains { item in
            if item.isBroken { return true }
            if case .scalar(let scalar) = item.content { return scalar.text.hasSuffix("*") }
            return false
        }
    }

    /// Names that come out twice: of a join both sides, or of a list one item.
    private func reportDuplicates(
        _ items: [ResolvedItem], _ step: LinkedStep, _ verb: VerbResult
    ) {
        var seen: [[UInt8]: ResolvedItem] = [:]
        var shared: [String] = []
        for item in items {
            guard let first = seen.updateValue(item, forKey: Array(item.name.utf8)) else {
                continue
            }
            let isOfJoin =
                verb.sides != nil && first.entryIndex != nil && item.entryIndex != nil
                && first.entryIndex != item.entryIndex
            if isOfJoin {
                shared.append(item.name)
            } else {
                context.report(
                    .duplicateColumn(
                        item.name, owner: step.node.owner, at: context.location(item.range)))
            }
        }
        guard let sides = verb.sides, !shared.isEmpty else { return }
        let left = sides.left ?? "input"
        let select = items.filter { $0.entryIndex != nil }.map { item -> String in
            guard shared.contains(item.name) else { return item.name }
            let isRight = verb.shared.contains(item.entryIndex ?? -1)
            return isRight
                ? "{\(sides.right)_\(item.name): \(sides.right).\(item.name)}"
                : "\(left).\(item.name)"
        }
        // A union or a port has no name to write before a column until it gets one.
        let alias = sides.left == nil ? "as: input\n" : ""
        context.report(
            .sharedColumns(
                shared, left: sides.left ?? "from", right: sides.right,
                select: "\(alias)select: [\(select.joined(separator: ", "))]",
                at: context.location(sides.range)))
    }
}
