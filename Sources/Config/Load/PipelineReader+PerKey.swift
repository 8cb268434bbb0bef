import Operators

/// The columns of a node that hold the bounds of each row's window, by position.
struct WindowColumns: Hashable {
    var start: Int
    var end: Int
    /// How the windows lie; nil when they are of several kinds.
    var definition: AggregateSpec.Window?
}

extension PipelineReader {
    /// The most rows of a partition that `top` shows.
    static let topRowsMax: Int64 = 1_000_000

    /// `deduplicate:`.
    func readDeduplicate(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = passing(input, scope)
        guard let reader = step.mapping("deduplicate", SpecFields.deduplicate) else {
            return result
        }
        let isUpdating = input.change.map { $0 != .append } ?? false
        let by = readKey(reader, "by", SpecFields.deduplicate, scope)
        let keep = reader.choice("keep", DeduplicateSpec.Keep.self)
        let within = reader.has("within") ? reader.duration("within") : nil
        if let within, within <= 0 {
            context.report(
                .outOfRange(
                    "within", "must be above 0s", at: context.location(reader.keyRange("within"))))
        }
        switch keep {
        case .first? where isUpdating:
            context.report(
                .isNot(
                    "keep: first", "takes rows that are only ever added, and these change",
                    at: context.location(step.keyRange("deduplicate")), help: "write keep: last"))
        case .first?: result.change = input.change == nil ? nil : .append
        case .last?:
            if reader.has("within") {
                context.report(
                    .isNot(
                        "within", "needs 'keep: first'",
                        at: context.location(reader.keyRange("within"))))
            }
            result.change = input.change == nil ? nil : .updating(key: by.names)
            result.scope.isUpdating = true
        case nil: result.change = nil
        }
        guard let keep, let items = by.items, !items.isEmpty else { return result }
        result.verb = .deduplicate(
            DeduplicateSpec(
                by: items, keep: keep, withinMicros: within, isInputUpdating: isUpdating))
        return result
    }

    /// `top:`.
    func readTop(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = passing(input, scope)
        guard let reader = step.mapping("top", SpecFields.top) else { return result }
        let isUpdating = input.change.map { $0 != .append } ?? false
        let limit = reader.integer("n", in: 1...Self.topRowsMax)
        let partition = readKey(reader, "partition_by", SpecFields.top, scope)
        let order = readOrder(reader, SpecFields.top, scope)
        let ties = reader.choice("ties", TopSpec.Ties.self)
        let window = readInheritedWindow(reader, input)
        if reader.has("window"), isUpdating {
            context.report(
                .isNot(
                    "window: inherit", "takes rows that are only ever added, and these change",
                    at: context.location(reader.keyRange("window"))))
        }
        let rank = readRank(reader, input, &result)
        if input.change != nil {
            if reader.has("window") {
                result.change = .append
            } else if rank != nil, ties != .all {
                result.change = .updating(
                    key: partition.names.map { $0 + [rank ?? ""] })
            } else if case .updating? = input.change {
                result.change = input.change
            } else {
                result.change = .updating(key: nil)
            }
            result.scope.isUpdating = result.change != .append
        }
        guard let limit, var items = partition.items, let order, let ties,
            !reader.has("rank") || rank != nil, !reader.has("window") || window != nil
        else { return result }
        if let window, case .session? = window.definition {
            // Sessions that end together are not one window unless they began together.
            let field = input.schema[window.start]
            items.append(
                NamedExpression(name: field.name, expression: .column(window.start, field)))
        }
        result.verb = .top(
            TopSpec(
                limit: Int(limit), partition: items, order: order, hasRank: rank != nil,
                ties: ties, windowEnd: window?.end, isInputUpdating: isUpdating))
        return result
    }

    /// A verb that passes its input's columns on.
    func passing(_ input: NodeShape, _ scope: ColumnScope) -> VerbResult {
        var result = VerbResult(
            verb: nil, schema: input.schema, scope: scope, change: input.change)
        result.window = input.window
        return result
    }

    /// The column of `rank:`, added to the result; nil when it is absent or reported.
    private func readRank(
        _ reader: FieldReader, _ input: NodeShape, _ result: inout VerbResult
    ) -> String? {
        guard let text = reader.text("rank") else { return nil }
        let place = context.location(text.scalar)
        if text.value == "rowtime" || text.value.isEmpty {
            context.report(.reservedColumn(text.value, "every row's event time has it", at: place))
            return nil
        }
        if input.schema.index(of: text.value) != nil || input.doubtful.contains(text.value) {
            context.report(.reservedColumn(text.value, "the input has it", at: place))
            return nil
        }
        let field = Field(text.value, .bigint)
        result.scope.entries.append(
            .init(qualifier: nil, field: field, index: result.schema.count))
        result.schema.fields.append(field)
        return text.value
    }

    /// The input's window of `window: inherit`; nil when it is absent or reported.
    func readInheritedWindow(_ reader: FieldReader, _ input: NodeShape) -> WindowColumns? {
        guard reader.has("window"), let value = reader.value("window") else { return nil }
        guard case .scalar(let scalar) = value.content, scalar.text == "inherit" else {
            context.report(
                .wrongKind(
                    "'window' takes inherit here", found: value.kindName,
                    help: "write window: inherit", at: context.location(value)))
            return nil
        }
        return inheritedWindow(input, at: scalar)
    }

    func inheritedWindow(_ input: NodeShape, at scalar: LocatedScalar) -> WindowColumns? {
        if input.window == nil, input.change != nil, !input.isOpen {
            context.report(
                .isNot(
                    "window: inherit", "finds no window in the input",
                    at: context.location(scalar),
                    help: "the input needs the columns window_start and window_end of a step that "
                        + "has a window"))
        }
        return input.window
    }

    struct KeyItems {
        /// nil when one of them was reported.
        var items: [NamedExpression]?
        /// The columns that the key is made of, nil if one is not a plain column.
        var names: [String]?
    }

    /// `by`, `partition_by`: columns or `{name: expression}`.
    func readKey(
        _ reader: FieldReader, _ name: String, _ group: FieldGroup, _ scope: ColumnScope
    ) -> KeyItems {
        guard let field = group[name] else { preconditionFailure("no field \(name)") }
        guard let value = reader.value(name) else {
            let isAbsent = !reader.has(name) && !field.isRequired
            return KeyItems(items: isAbsent ? [] : nil, names: isAbsent ? [] : nil)
        }
        if case .scalar = value.content {
            _ = context.readItems(value, field: field)
            return KeyItems()
        }
        let read = context.readItems(value, field: field)
        var result = KeyItems(items: [], names: [])
        for item in expressions.resolve(read, in: scope) {
            guard let expression = item.expression else {
                result.items = nil
                continue
            }
            if result.items?.contains(where: { $0.name == item.name }) ?? false {
                context.report(
                    .duplicateColumn(
                        item.name, owner: "'\(name)'", at: context.location(item.range)))
            }
            result.items?.append(NamedExpression(name: item.name, expression: expression))
            if case .column(let index, _) = expression.root, let entry = scope.entry(at: index) {
                result.names?.append(entry.field.name)
            } else {
                result.names = nil
            }
        }
        return result
    }

    /// `order_by`: `column [asc|desc] [nulls first|last]`. Nulls are last unless it descends.
    ///
    /// - Parameter takesRowtime: Whether `rowtime` is an item.
    /// - Returns: nil when one of the items was reported.
    func readOrder(
        _ reader: FieldReader, _ group: FieldGroup, _ scope: ColumnScope, takesRowtime: Bool = false
    ) -> RowOrder? {
        guard let value = reader.value("order_by") else {
            return reader.has("order_by") || group["order_by"]?.isRequired ?? false
                ? nil : RowOrder(items: [])
        }
        guard case .sequence(let items) = value.content else {
            context.report(
                .wrongKind(
                    "'order_by' takes a list", found: value.kindName,
                    help: group["order_by"].map { "write \($0.example)" },
                    at: context.location(value)))
            return nil
        }
        if items.isEmpty { context.report(.emptyList("order_by", at: context.location(value))) }
        var order: RowOrder? = items.isEmpty ? nil : RowOrder(items: [])
        for item in items {
            guard let scalar = context.scalar(item, group["order_by"]),
                let read = readOrderItem(scalar, scope, takesRowtime: takesRowtime)
            else {
                order = nil
                continue
            }
            order?.items.append(read)
        }
        return order
    }

    private func readOrderItem(
        _ scalar: LocatedScalar, _ scope: ColumnScope, takesRowtime: Bool
    ) -> RowOrder.Item? {
        var words = scalar.text.split(separator: " ")
        func ends(_ suffix: String...) -> Bool {
            guard words.count > suffix.count,
                words.suffix(suffix.count).map({ $0.lowercased() }) == suffix
            else { return false }
            words.removeLast(suffix.count)
            return true
        }
        var isNullFirst: Bool?
        if ends("nulls", "first") {
            isNullFirst = true
        } else if ends("nulls", "last") {
            isNullFirst = false
        }
        let isDescending = ends("desc")
        if !isDescending { _ = ends("asc") }
        let isName = words.first.map { word in
            let name = unquotedIdentifier(String(word))
            return name != word || isOneIdentifier(name.replacing(".", with: "_"))
                || !scope.matches(name).isEmpty
        }
        guard words.count == 1, let word = words.first, isName == true else {
            context.report(
                .isNot(
                    scalar.text, "is no item of 'order_by'", at: context.location(scalar),
                    help: "write column [asc|desc] [nulls first|last]; 'add' a column in a step "
                        + "before for an expression"))
            return nil
        }
        var range = scalar.range
        if scalar.style == .plain {
            range = range.lowerBound..<min(range.upperBound, range.lowerBound + word.utf8.count)
        }
        if takesRowtime, word.lowercased() == "rowtime", scope.matches(String(word)).isEmpty {
            return RowOrder.Item(
                expression: BoundExpression(root: .rowtime, text: "rowtime"),
                isDescending: isDescending, isNullFirst: isNullFirst ?? isDescending)
        }
        let name = LocatedScalar(text: String(word), style: scalar.style, range: range)
        guard let entry = context.column(name, in: scope) else { return nil }
        if entry.field.type == .json {
            context.report(
                .isNot(
                    name.text, "is json, which has no order", at: context.location(name),
                    help: "'add' a part of it as text in a step before"))
            return nil
        }
        return RowOrder.Item(
            expression: .column(entry.index, entry.field), isDescending: isDescending,
            isNullFirst: isNullFirst ?? isDescending)
    }
}

extension ColumnScope {
    /// A column by its position.
    func entry(at index: Int) -> ExpressionScope.Entry? { entries.first { $0.index == index } }
}
