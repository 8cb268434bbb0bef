import Operators

extension PipelineReader {
    /// `join:` to a table.
    func readJoin(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = VerbResult(
            verb: nil, schema: input.schema, scope: scope, change: input.change)
        result.window = input.window
        guard let join = step.mapping("join", SpecFields.join) else {
            result.scope.isOpen = true
            return result
        }
        for name in ["within", "window", "where"] where join.has(name) {
            context.report(
                .isNot(
                    name, "is for joins of streams",
                    at: context.location(join.keyRange(name)),
                    help: "write 'stream' in place of 'table', or leave it out"))
        }
        let isUpdating = input.change.map { $0 != .append } ?? false
        for name in ["as_of", "wait"] where isUpdating && join.has(name) {
            context.report(
                .notSupported(
                    "'\(name)' over rows that change", at: context.location(join.keyRange(name)),
                    help: "join before the aggregate, or leave '\(name)' out"))
        }
        let wait = join.duration("wait")
        if join.has("wait"), join.has("as_of") {
            context.report(
                .isNot(
                    "wait", "does not go with 'as_of', whose rows wait for the table anyway",
                    at: context.location(join.keyRange("wait")), help: "remove it"))
        }
        let kind = readJoinKind(join)
        if !join.has("table") {
            if !join.hasForeignKeys {
                context.report(
                    .isNot(
                        "join", "says neither 'table' nor 'stream'",
                        at: context.location(step.keyRange("join"))))
            }
            hasBrokenReferences = true
            result.scope.isOpen = true
            return result
        }
        guard let table = readTableName(join), let tableShape = shapes[table] else {
            result.scope.isOpen = true
            return result
        }
        if scope.entries.contains(where: { $0.qualifier == table }) {
            context.report(
                .isNot(
                    table, "is the name of both sides of the join",
                    at: context.location(step.keyRange("join")), help: "rename the input with 'as'")
            )
        }
        let key = tableKeys[table] ?? []
        let isKeyKnown = tableShape.change != nil
        let match = readMatch(join, scope, table: table, key: key, isKeyKnown: isKeyKnown)
        let asOf = readAsOf(join, scope, table: table)
        addRightColumns(&result, table: table, tableShape, sameNames: match.sameNames)
        result.scope.owner = linked.node.name
        result.sides = (scope.entries.first?.qualifier, table, step.keyRange("join"))
        if let kind, let expressions = match.expressions {
            var spec = TableJoinSpec(
                table: table, kind: kind, match: expressions,
                tableColumns: tableShape.schema.fields.indices.filter {
                    !match.sameNames.contains(tableShape.schema[$0].name)
                })
            spec.asOf = asOf
            spec.isInputUpdating = isUpdating
            spec.waitMicros = wait
            result.verb = .join(spec)
        }
        return result
    }

    /// `as_of:`, which asks for a table with a `history`.
    private func readAsOf(
        _ join: FieldReader, _ scope: ColumnScope, table: String
    ) -> BoundExpression? {
        guard let value = join.value("as_of") else { return nil }
        if !tableHistories.contains(table), !badNames.contains(table),
            node(table)?.member("history") == nil
        {
            context.report(
                .isNot(
                    "as_of", "asks for versions, and table '\(table)' keeps none",
                    at: context.location(join.keyRange("as_of")),
                    help: "add history: 30d to the table"))
        }
        return expressions.bind(value, in: scope, expecting: .timestamp)
    }

    private func readJoinKind(_ join: FieldReader) -> TableJoinSpec.Kind? {
        if let text = join.text("type"), ["right", "full"].contains(text.value) {
            context.report(
                .isNot(
                    "type", "of a join to a table is inner or left",
                    at: context.location(text.scalar)))
            return nil
        }
        return join.choice("type", TableJoinSpec.Kind.self)
    }

    private func readTableName(_ join: FieldReader) -> String? {
        guard let value = join.value("table"),
            let scalar = context.scalar(value, SpecFields.join["table"])
        else {
            hasBrokenReferences = true
            return nil
        }
        if let node = node(scalar.text), node.kind == .table {
            readNames.insert(node.name)
            return node.name
        }
        hasBrokenReferences = true
        if !badNames.contains(scalar.text), !hasOpenSections {
            let tables = nodes.filter { $0.kind == .table }.map(\.name)
            context.report(
                .unknownTable(
                    scalar.text, tables: tables, isOther: node(scalar.text)?.kind.rawValue,
                    at: context.location(scalar)))
        }
        return nil
    }

    /// What `match:` says: one expression for each key column, and the columns that both sides
    /// have under one name.
    private struct Match {
        var expressions: [BoundExpression]?
        var sameNames: Set<String> = []
    }

    private func readMatch(
        _ join: FieldReader, _ scope: ColumnScope, table: String, key: [Field], isKeyKnown: Bool
    ) -> Match {
        var match = Match()
        guard let value = join.value("match") else { return match }
        var found: [String: BoundExpression] = [:]
        var isSound = isKeyKnown
        var named: Set<String> = []
        for item in matchItems(value) {
            let column = unquotedIdentifier(item.right.text)
            guard let field = key.first(where: { $0.name == column }) else {
                isSound = false
                if isKeyKnown { reportNoKey(item.right, table: table, key: key) }
                if item.isColumn { _ = context.column(item.left, in: scope) }
                continue
            }
            if !named.insert(column).inserted {
                context.report(.listedTwice(column, at: context.location(item.right)))
            }
            if unquotedIdentifier(item.left.text) == column { match.sameNames.insert(column) }
            guard let expression = bindMatch(item, scope, field) else {
                isSound = false
                continue
            }
            found[column] = expression
        }
        let missing = key.map(\.name).filter { !named.contains($0) }
        if isSound, !missing.isEmpty {
            context.report(
                .isNot(
                    "match", "says nothing of \(listed(missing)), which '\(table)' is keyed by",
                    at: context.location(join.keyRange("match"))))
            isSound = false
        }
        if isSound { match.expressions = key.compactMap { found[$0.name] } }
        return match
    }

    private func bindMatch(
        _ item: MatchItem, _ scope: ColumnScope, _ field: Field
    ) -> BoundExpression? {
        guard item.isColumn else {
            return expressions.bind(item.left, in: scope, expecting: field.type)
        }
        guard let entry = context.column(item.left, in: scope) else { return nil }
        if entry.field.type == field.type { return .column(entry.index, entry.field) }
        // Lets numbers widen, and says what does not go together.
        return expressions.bind(item.left, in: scope, expecting: field.type)
    }

    private func reportNoKey(_ column: LocatedScalar, table: String, key: [Field]) {
        context.report(
            .noKeyColumn(
                column.text, table: table, key: key.map(\.name), at: context.location(column)))
    }

    /// A left side, which may be an expression, and the key column that it equals.
    struct MatchItem {
        let left: LocatedScalar
        let right: LocatedScalar
        /// Whether the left side is a column's name and nothing else.
        let isColumn: Bool
    }

    func matchItems(_ value: LocatedValue) -> [MatchItem] {
        switch value.content {
        case .broken: return []
        case .mapping(let entries):
            return entries.compactMap { entry in
                guard let right = context.scalar(entry.value, nil) else { return nil }
                return MatchItem(
                    left: entry.key, right: right, isColumn: isOneIdentifier(entry.key.text))
            }
        case .sequence(let items):
            if items.isEmpty { context.report(.emptyList("match", at: context.location(value))) }
            return items.flatMap { item -> [MatchItem] in
                if case .mapping = item.content { return matchItems(item) }
                guard let scalar = context.scalar(item, nil) else { return [] }
                return [MatchItem(left: scalar, right: scalar, isColumn: true)]
            }
        case .scalar(let scalar):
            context.report(
                .wrongKind(
                    "'match' takes a list or a map", found: "text",
                    help: "write match: [\(scalar.text)]", at: context.location(scalar)))
            return []
        }
    }

    /// Puts the right side's columns behind those of the input. One that the input has too keeps a name
    /// of its own, `table.column`, until `select` says what becomes of it.
    func addRightColumns(
        _ result: inout VerbResult, table: String, _ shape: NodeShape, sameNames: Set<String>
    ) {
        for field in shape.schema.fields where !sameNames.contains(field.name) {
            let index = result.schema.count
            let isShared = result.schema.index(of: field.name) != nil
            if isShared { result.shared.append(index) }
            result.schema.fields.append(
                Field(isShared ? "\(table).\(field.name)" : field.name, field.type))
            result.scope.entries.append(.init(qualifier: table, field: field, index: index))
        }
        result.scope.doubtful.formUnion(shape.doubtful)
        result.scope.isOpen = result.scope.isOpen || shape.isOpen
    }
}
