/// All that is wrong with one expression, in the order of the text.
package struct ExpressionDiagnostics: Error, Hashable, Sendable {
    package let all: [ExpressionDiagnostic]

    package init(_ all: [ExpressionDiagnostic]) { self.all = all }
}

/// A result computed from aggregate calls: `sum(a) / count(*)`.
package struct BoundAggregate: Hashable, Sendable {
    /// The calls, each once.
    package let calls: [AggregateCall]
    /// Over the columns `[group columns…, calls…]`.
    package let result: BoundExpression

    package init(calls: [AggregateCall], result: BoundExpression) {
        self.calls = calls
        self.result = result
    }
}

/// Turns the text of an expression into a checked plan: names found, types known, constants
/// computed.
package enum ExpressionBinder {
    /// Binds a scalar expression.
    ///
    /// - Parameters:
    ///   - text: As the user wrote it.
    ///   - scope: The columns and parameters that it may name.
    ///   - expected: The type that the result must have; numbers are widened, text literals read.
    /// - Returns: The expression, or everything that is wrong with it.
    package static func bind(
        _ text: String, in scope: ExpressionScope, expecting expected: ColumnType? = nil
    ) -> Result<BoundExpression, ExpressionDiagnostics> {
        var binding = ExpressionBinding(scope: scope, grouping: nil)
        return binding.bind(text, expecting: expected)
    }

    /// Binds a result of an aggregate step.
    ///
    /// - Parameters:
    ///   - text: As the user wrote it.
    ///   - scope: The input columns, which stand inside aggregate calls.
    ///   - groupColumns: What may stand outside of them.
    package static func bindAggregate(
        _ text: String, in scope: ExpressionScope, groupColumns: [Field]
    ) -> Result<BoundAggregate, ExpressionDiagnostics> {
        var binding = ExpressionBinding(scope: scope, grouping: Schema(groupColumns))
        return binding.bind(text, expecting: nil).map {
            BoundAggregate(calls: binding.calls, result: $0)
        }
    }

    /// The type that a text names, as it stands behind CAST.
    package static func type(_ text: String) -> Result<ColumnType, ExpressionDiagnostic> {
        do throws(ExpressionDiagnostic) {
            return TypeRules.named(try ExpressionParser.parseType(text))
        } catch {
            return .failure(error)
        }
    }

    /// Every name of a column in the text, as written; empty when it cannot be parsed.
    package static func identifiers(in text: String) -> [(qualifier: String?, name: String)] {
        guard let syntax = try? ExpressionParser.parse(text) else { return [] }
        var result: [(qualifier: String?, name: String)] = []
        func visit(_ node: Syntax) {
            if case .name(let qualifier, let name, _) = node.kind {
                result.append((qualifier, name))
            }
            for child in Syntax.children(of: node.kind) { visit(child) }
        }
        visit(syntax)
        return result
    }
}

/// A bound operand on its way up.
struct BoundOperand {
    var node: ExpressionNode
    let range: Range<Int>
    /// A literal whose type is still open: `null`, text, or a text parameter.
    var isUntyped = false

    var type: ColumnType { node.type }
    var isNull: Bool { if case .literal(.null, _) = node { return true } else { return false } }
    var isLiteral: Bool { if case .literal = node { return true } else { return false } }

    /// The bytes of a text literal.
    var text: [UInt8]? {
        if case .literal(.string(let bytes), .string) = node { return bytes }
        return nil
    }
}

/// One run of the binder: what it may see, and what it found wrong.
///
/// A method that returns nil has reported why; callers bind the other operands all the same, so
/// that all mistakes are reported at once.
struct ExpressionBinding {
    let scope: ExpressionScope
    /// The group columns, in an aggregate's result; nil in scalar expressions and inside calls.
    var grouping: Schema?
    var calls: [AggregateCall] = []
    var diagnostics: [ExpressionDiagnostic] = []
    private var isInsideAggregate = false
    private var usesGroupColumn = false
    /// Where results are bound for each row, so that all of its columns stand beside the calls; nil
    /// elsewhere.
    var rowContext: RowContext?
    /// Where results of a pattern's matches are bound; nil elsewhere.
    var matchContext: MatchContext?

    /// The text that is bound, for pieces of it.
    private(set) var source: [UInt8] = []

    init(scope: ExpressionScope, grouping: Schema?) {
        self.scope = scope
        self.grouping = grouping
    }

    mutating func bind(
        _ text: String, expecting expected: ColumnType?
    ) -> Result<BoundExpression, ExpressionDiagnostics> {
        let isAggregate = grouping != nil
        source = Array(text.utf8)
        do throws(ExpressionDiagnostic) {
            let syntax = try ExpressionParser.parse(text)
            var operand = bind(syntax)
            if let bound = operand, let expected {
                // Text that cannot be read as the type has been reported.
                operand = coerce(bound, to: expected)
                if operand == nil, !bound.isUntyped { _ = expectation(bound, expected) }
            }
            if isAggregate, operand != nil, calls.isEmpty, !usesGroupColumn, rowContext == nil {
                report("expression has no aggregate function", at: syntax.range)
            }
            if let operand, diagnostics.isEmpty {
                return .success(BoundExpression(root: operand.node, text: text))
            }
        } catch {
            diagnostics = [error]
        }
        let sorted = diagnostics.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        return .failure(ExpressionDiagnostics(sorted))
    }

    private mutating func expectation(_ bound: BoundOperand, _ type: ColumnType) -> BoundOperand? {
        report(
            "expected \(type.name), found \(bound.type.name)", at: bound.range,
            help: ExpressionCasts.isPossible(from: bound.type, to: type)
                ? "cast it: CAST(… AS \(type.name))" : nil)
    }

    /// Notes a mistake; returns nil so that callers can return it.
    @discardableResult
    mutating func report(
        _ message: String, at range: Range<Int>, label: String? = nil, help: String? = nil
    ) -> BoundOperand? {
        diagnostics.append(
            ExpressionDiagnostic(message: message, label: label, help: help, range: range))
        return nil
    }

    // MARK: Nodes

    mutating func bind(_ syntax: Syntax) -> BoundOperand? {
        let range = syntax.range
        switch syntax.kind {
        case .null:
            return BoundOperand(node: .literal(.null, .string), range: range, isUntyped: true)
        case .boolean(let value):
            return BoundOperand(node: .literal(.boolean(value), .boolean), range: range)
        case .number(let digits): return number(digits, range)
        case .string(let bytes):
            return BoundOperand(
                node: .literal(.string(bytes), .string), range: range, isUntyped: true)
        case .typedLiteral(let name, let bytes): return typedLiteral(name, bytes, range)
        case .parameter(let name): return parameter(name, range)
        case .name(let qualifier, let name, let isQuoted):
            return self.name(qualifier, name, isQuoted: isQuoted, range)
        case .negate(let operand): return negate(operand, range)
        case .binary(let function, let left, let right):
            return binary(function, left, right, range)
        case .logical(let function, let operands): return logical(function, operands, range)
        case .not(let operand):
            return boolean(operand, "NOT").flatMap { call(.not, [$0], .boolean, range) }
        case .test(let function, let operand): return test(function, operand, range)
        case .inList(let operand, let list, let isNegated):
            return inList(operand, list, range).flatMap { negated($0, isNegated) }
        case .between(let operand, let low, let high, let isNegated):
            return between(operand, low, high, range).flatMap { repeating($0) }
                .flatMap { negated($0, isNegated) }
        case .like(let operand, let pattern, let escape, let isNegated):
            return like(operand, pattern, escape, range).flatMap { negated($0, isNegated) }
        case .conditional(let subject, let branches, let otherwise):
            return conditional(subject, branches, otherwise, range).flatMap { repeating($0) }
        case .cast(let operand, let name): return cast(operand, name, range)
        case .call(let call): return function(call, range)
        case .field(let operand, let name):
            return bind(operand).flatMap { field(name, of: $0, range) }
        case .element(let operand, let index): return element(operand, index, range)
        case .array(let elements): return array(elements, range)
        case .structure(let fields): return structure(fields, range)
        }
    }

    /// A call of typed operands, computed now if they are all literals.
    func call(
        _ function: ScalarFunction, _ operands: [BoundOperand], _ type: ColumnType,
        _ range: Range<Int>
    ) -> BoundOperand {
        let node = ExpressionNode.call(function, operands.map(\.node), type)
        return BoundOperand(node: ConstantFolding.fold(node), range: range)
    }

    /// A node that repeats an operand, which doubles with each level of nesting: refused when it
    /// has become too large to walk.
    mutating func repeating(_ operand: BoundOperand) -> BoundOperand? {
        guard operand.node.nodeCount(upTo: ExpressionBinding.nodesMax) <= ExpressionBinding.nodesMax
        else {
            return report(
                "expression is too large: BETWEEN, NULLIF and CASE repeat what they look at",
                at: operand.range, help: "compute the inner part in an 'add' of a step before")
        }
        return operand
    }

    private static let nodesMax = 20_000

    private func negated(_ operand: BoundOperand, _ isNegated: Bool) -> BoundOperand {
        isNegated ? call(.not, [operand], .boolean, operand.range) : operand
    }

    // MARK: Names

    private mutating func parameter(_ name: String, _ range: Range<Int>) -> BoundOperand? {
        guard let value = scope.parameters[name] else {
            let names = scope.parameters.keys.sorted()
            return report(
                "unknown parameter '$\(name)'", at: range,
                label: names.isEmpty
                    ? "the spec has no 'parameters'"
                    : "parameters are " + names.map { "$" + $0 }.joined(separator: ", "),
                help: NameSuggestion.nearest(to: name, among: names).map {
                    "did you mean '$\($0)'?"
                })
        }
        var isUntyped = false
        switch value {
        case .null, .string: isUntyped = true
        default: break
        }
        return BoundOperand(
            node: .literal(value, LiteralTypes.type(of: value)), range: range,
            isUntyped: isUntyped)
    }

    private mutating func name(
        _ qualifier: String?, _ name: String, isQuoted: Bool, _ range: Range<Int>
    ) -> BoundOperand? {
        if matchContext != nil {
            return matchName(qualifier, name, isQuoted: isQuoted, range)
        }
        if let grouping, !isInsideAggregate, rowContext == nil {
            if let index = groupIndex(qualifier, name, grouping) {
                usesGroupColumn = true
                return BoundOperand(node: .column(index, grouping[index].type), range: range)
            }
            if let structure = structure(qualifier, name, range) {
                if let index = groupIndex(nil, structure.field.name, grouping) {
                    usesGroupColumn = true
                    let column = BoundOperand(
                        node: .column(index, grouping[index].type), range: range)
                    return field(name, of: column, range)
                }
                return ungrouped(nil, structure.field.name, grouping, range)
            }
            return ungrouped(qualifier, name, grouping, range)
        }
        let matches = entries(qualifier, name)
        if let entry = matches.first {
            guard matches.count == 1 else {
                let choices = matches.compactMap { entry in
                    entry.qualifier.map { "\($0).\(name)" }
                }
                return report(
                    "'\(name)' is ambiguous", at: range,
                    help: "write \(choices.joined(separator: " or "))")
            }
            return BoundOperand(node: .column(entry.index, entry.field.type), range: range)
        }
        if let entry = structure(qualifier, name, range) {
            let column = BoundOperand(
                node: .column(entry.index, entry.field.type), range: range)
            return field(name, of: column, range)
        }
        if qualifier == nil, !isQuoted, let node = pseudoColumn(name) {
            return BoundOperand(node: node, range: range)
        }
        return unknown(qualifier, name, isQuoted: isQuoted, range)
    }

    /// A column or pseudo-column by its name alone.
    mutating func plainName(
        _ name: String, isQuoted: Bool, _ range: Range<Int>
    ) -> BoundOperand? {
        if let entry = entries(nil, name).first {
            return BoundOperand(node: .column(entry.index, entry.field.type), range: range)
        }
        if !isQuoted, let node = pseudoColumn(name) {
            return BoundOperand(node: node, range: range)
        }
        return unknown(nil, name, isQuoted: isQuoted, range)
    }

    /// The column that `qualifier` names where `qualifier.name` is no column of a node: a struct, or
    /// whatever it is if there is no node of the name.
    private func structure(
        _ qualifier: String?, _ name: String, _ range: Range<Int>
    ) -> ExpressionScope.Entry? {
        guard let qualifier, entries(qualifier, name).isEmpty else { return nil }
        let found = entries(nil, qualifier)
        guard found.count == 1 else { return nil }
        if case .structure = found[0].field.type { return found[0] }
        let isNode =
            qualifier == scope.owner
            || scope.entries.contains { $0.qualifier == qualifier }
        return isNode ? nil : found[0]
    }

    func entries(_ qualifier: String?, _ name: String) -> [ExpressionScope.Entry] {
        scope.entries.filter { entry in
            entry.field.name.utf8.elementsEqual(name.utf8)
                && (qualifier == nil || entry.qualifier == qualifier
                    || (entry.qualifier == nil && qualifier == scope.owner))
        }
    }

    private func pseudoColumn(_ name: String) -> ExpressionNode? {
        switch name.lowercased() {
        case "rowtime": return .rowtime
        case "current_timestamp": return .now
        default: return nil
        }
    }

    private func groupIndex(_ qualifier: String?, _ name: String, _ grouping: Schema) -> Int? {
        guard qualifier == nil || !entries(qualifier, name).isEmpty else { return nil }
        return grouping.index(of: name)
    }

    private mutating func ungrouped(
        _ qualifier: String?, _ name: String, _ grouping: Schema, _ range: Range<Int>
    ) -> BoundOperand? {
        let isKnown = !entries(qualifier, name).isEmpty || pseudoColumn(name) != nil
        guard isKnown else { return unknown(qualifier, name, isQuoted: false, range) }
        if name.lowercased() == "current_timestamp" {
            return BoundOperand(node: .now, range: range)
        }
        let groups = grouping.fields.map(\.name).joined(separator: ", ")
        return report(
            "column '\(name)' is neither grouped nor inside an aggregate function", at: range,
            label: groups.isEmpty ? "nothing is grouped by" : "grouped by \(groups)",
            help: "add it to group_by, or write max(\(name))")
    }

    private mutating func unknown(
        _ qualifier: String?, _ name: String, isQuoted: Bool, _ range: Range<Int>
    ) -> BoundOperand? {
        let qualifiers = Set(scope.entries.compactMap(\.qualifier)).union([scope.owner])
        if let qualifier, !qualifiers.contains(qualifier) {
            return report(
                "unknown node '\(qualifier)' in '\(qualifier).\(name)'", at: range,
                label: "columns may be written with \(qualifiers.sorted().joined(separator: ", "))",
                help: NameSuggestion.help(for: qualifier, among: qualifiers.sorted()))
        }
        let visible = scope.entries.filter { qualifier == nil || $0.qualifier == qualifier }
        var names: [String] = []
        for entry in visible + scope.entries where !names.contains(entry.field.name) {
            names.append(entry.field.name)
        }
        if let grouping, rowContext == nil {
            names += grouping.fields.map(\.name).filter { !names.contains($0) }
        }
        var help = NameSuggestion.help(for: name, among: names + ["rowtime"])
        if help == nil, isQuoted, qualifier == nil {
            help = "text is written in single quotes: '\(name)'"
        }
        let shown = names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
        return report(
            "unknown column '\(name)'", at: range,
            label: names.isEmpty
                ? "'\(scope.owner)' has no columns" : "'\(scope.owner)' has \(shown)",
            help: help)
    }

    // MARK: Aggregates

    /// Binds what stands inside an aggregate call, over the input's columns.
    mutating func insideAggregate<Value>(_ body: (inout Self) -> Value) -> Value {
        isInsideAggregate = true
        defer { isInsideAggregate = false }
        return body(&self)
    }

    var allowsAggregates: Bool { grouping != nil && !isInsideAggregate }
    var isNestedAggregate: Bool { grouping != nil && isInsideAggregate }
}
