import Operators

/// One item of `select`, `group_by`, `add` or `compute`, as written.
enum ReadItem {
    /// `column` or `node.column`.
    case column(LocatedScalar)
    /// `"*"`, or `node.*` with the node's name.
    case all(qualifier: String?, LocatedScalar)
    /// `name: expression`.
    case named(LocatedScalar, LocatedValue)

    /// Where it stands.
    var scalar: LocatedScalar {
        switch self {
        case .column(let scalar), .all(_, let scalar), .named(let scalar, _): return scalar
        }
    }
}

/// An item with its expression, over the columns of the scope that it was resolved in.
struct ResolvedItem {
    var name: String
    /// nil when it was reported, or depends on what was.
    var expression: BoundExpression?
    var range: Range<Int>
    /// Whether the column comes from the other side of a join and shares its name.
    var entryIndex: Int?
}

extension LoadContext {
    /// Reads a list of items, or a map of names to expressions.
    func readItems(_ value: LocatedValue, field: SpecField) -> [ReadItem] {
        switch value.content {
        case .broken: return []
        case .mapping(let entries): return entries.map { .named($0.key, $0.value) }
        case .scalar:
            report(
                .wrongKind(
                    "'\(field.name)' takes \(field.form.words)", found: "text",
                    help: "write \(field.example)", at: location(value)))
            return []
        case .sequence(let items):
            if items.isEmpty { report(.emptyList(field.name, at: location(value))) }
            return withoutCuts(items).flatMap { readItem($0, field: field) }
        }
    }

    private func readItem(_ item: LocatedValue, field: SpecField) -> [ReadItem] {
        if case .mapping(let entries) = item.content {
            return entries.map { .named($0.key, $0.value) }
        }
        guard let scalar = scalar(item, nil) else { return [] }
        if scalar.text == "*" { return [.all(qualifier: nil, scalar)] }
        if scalar.text.hasSuffix(".*") {
            return [.all(qualifier: String(scalar.text.dropLast(2)), scalar)]
        }
        return [.column(scalar)]
    }
}

extension ExpressionReader {
    /// Resolves items over the columns of a scope; what is wrong becomes an item without an
    /// expression, so that its name stays known.
    func resolve(_ items: [ReadItem], in scope: ColumnScope, leavingOut dropped: Set<Int> = [])
        -> [ResolvedItem]
    {
        var result: [ResolvedItem] = []
        for item in items {
            if result.count > SpecLimits.columnsMax {
                context.report(
                    .tooManyColumns("the list", at: context.location(item.scalar)))
                break
            }
            switch item {
            case .named(let name, let value):
                checkName(name)
                result.append(
                    ResolvedItem(
                        name: name.text, expression: column(value, in: scope), range: name.range))
            case .column(let scalar):
                result += resolveColumn(scalar, in: scope, leavingOut: dropped)
            case .all(let qualifier, let scalar):
                let entries = scope.entries.filter { entry in
                    !dropped.contains(entry.index)
                        && (qualifier == nil || entry.qualifier == qualifier)
                }
                let isKnown = scope.entries.contains { $0.qualifier == qualifier }
                if let qualifier, !isKnown, !scope.isOpen {
                    let known = Set(scope.entries.compactMap(\.qualifier)).sorted()
                    context.report(
                        .unknownQualifier(qualifier, known: known, at: context.location(scalar)))
                }
                result += entries.map { resolved($0, scalar.range) }
            }
        }
        return result
    }

    /// An expression that becomes a column.
    private func column(_ value: LocatedValue, in scope: ColumnScope) -> BoundExpression? {
        guard let expression = bind(value, in: scope) else { return nil }
        if expression.type == .interval {
            context.report(.intervalColumn(at: context.location(value)))
            return nil
        }
        return expression
    }

    private func resolveColumn(
        _ scalar: LocatedScalar, in scope: ColumnScope, leavingOut dropped: Set<Int>
    ) -> [ResolvedItem] {
        var scope = scope
        scope.entries.removeAll { dropped.contains($0.index) }
        let text = unquotedIdentifier(scalar.text)
        let isName = isOneIdentifier(text.replacing(".", with: "_"))
        if !isName, scope.matches(text).isEmpty, scalar.text == text {
            guard let (expression, name) = sqlAlias(text) else {
                context.report(.unnamedExpression(text, at: context.location(scalar)))
                return []
            }
            context.report(
                .aliasedExpression(expression, name, at: context.location(scalar)))
            return [ResolvedItem(name: name, expression: nil, range: scalar.range)]
        }
        if let name = fieldName(text, in: scope) {
            let expression = bind(scalar, in: scope)
            return [ResolvedItem(name: name, expression: expression, range: scalar.range)]
        }
        if let entry = context.column(scalar, in: scope) { return [resolved(entry, scalar.range)] }
        return [ResolvedItem(name: text, expression: nil, range: scalar.range)]
    }

    /// The parts of `expression AS name`; nil for any other text.
    private func sqlAlias(_ text: String) -> (expression: String, name: String)? {
        let words = text.utf8.split(separator: UInt8(ascii: " "))
        guard
            let word = words.last(where: { word in
                word.count == 2 && String(Substring(word)).lowercased() == "as"
            })
        else { return nil }
        let expression = text[..<word.startIndex].trimmingBlanks
        let written = text[word.endIndex...].trimmingBlanks
        let name = unquotedIdentifier(written)
        guard !expression.isEmpty, name != written || isOneIdentifier(name) else { return nil }
        return (expression, name)
    }

    /// The name of the column that `user.id` gives where `user` is a struct and no node: `id`.
    private func fieldName(_ text: String, in scope: ColumnScope) -> String? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1, scope.matches(text).isEmpty else { return nil }
        let isColumn = !scope.matches(parts[1], qualifier: parts[0]).isEmpty
        if isColumn && parts.count == 2 { return nil }
        let found =
            isColumn ? scope.matches(parts[1], qualifier: parts[0]) : scope.matches(parts[0])
        guard let type = found.first?.field.type, case .structure = type else { return nil }
        return parts.last
    }

    private func resolved(_ entry: ExpressionScope.Entry, _ range: Range<Int>) -> ResolvedItem {
        ResolvedItem(
            name: entry.field.name, expression: .column(entry.index, entry.field), range: range,
            entryIndex: entry.index)
    }

    /// A name that a column can have.
    private func checkName(_ name: LocatedScalar) {
        if name.text == "rowtime" || name.text.isEmpty {
            context.report(
                .reservedColumn(
                    name.text,
                    name.text.isEmpty ? "it has no letters" : "every row's event time has it",
                    at: context.location(name)))
        }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
