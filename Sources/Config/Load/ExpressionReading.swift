import Operators

/// The columns and parameters that the expressions of one place may use.
struct ExpressionReader {
    let context: LoadContext
    let parameters: SpecParameters

    /// Binds a scalar of the spec.
    ///
    /// - Returns: nil when it is wrong, or depends on something wrong; that has been reported.
    func bind(
        _ value: LocatedValue, in scope: ColumnScope, expecting type: ColumnType? = nil
    ) -> BoundExpression? {
        guard let scalar = readable(value) else { return nil }
        return bind(scalar, in: scope, expecting: type)
    }

    func bind(
        _ scalar: LocatedScalar, in scope: ColumnScope, expecting type: ColumnType? = nil
    ) -> BoundExpression? {
        guard !scalar.text.isEmpty else {
            context.report(.emptyExpression(at: context.location(scalar)))
            return nil
        }
        switch ExpressionBinder.bind(scalar.text, in: binderScope(scope), expecting: type) {
        case .success(let expression):
            if scope.isUpdating, expression.usesNow {
                context.report(.nowOverChanges(at: context.location(scalar)))
            }
            return isJudged(scalar, in: scope, groups: []) ? expression : nil
        case .failure(let found):
            report(found, scalar, scope, groups: [])
            return nil
        }
    }

    /// Binds a result of an aggregate; `groups` are the columns that may stand outside of calls.
    func bindAggregate(
        _ value: LocatedValue, in scope: ColumnScope, groups: [Field], doubtfulGroups: Set<String>
    ) -> BoundAggregate? {
        guard let scalar = readable(value) else { return nil }
        var scope = scope
        scope.doubtful.formUnion(doubtfulGroups)
        let bound = ExpressionBinder.bindAggregate(
            scalar.text, in: binderScope(scope), groupColumns: groups)
        switch bound {
        case .success(let aggregate):
            let expressions = [aggregate.result] + aggregate.calls.flatMap(\.expressions)
            if scope.isUpdating, expressions.contains(where: \.usesNow) {
                context.report(.nowOverChanges(at: context.location(scalar)))
            }
            return isJudged(scalar, in: scope, groups: groups) ? aggregate : nil
        case .failure(let found):
            report(found, scalar, scope, groups: groups)
            return nil
        }
    }

    /// Binds a result of `over`, over `columnCount` columns.
    ///
    /// - Parameter isUpdating: Whether results are computed again after they were given.
    func bindRowResult(
        _ value: LocatedValue, in scope: ColumnScope, columnCount: Int, isUpdating: Bool
    ) -> BoundRowResult? {
        guard let scalar = readable(value) else { return nil }
        let bound = ExpressionBinder.bindRowResult(
            scalar.text, in: binderScope(scope), columnCount: columnCount)
        switch bound {
        case .success(let result):
            let expressions =
                [result.result] + result.calls.flatMap(\.expressions)
                + result.rowCalls.flatMap(\.expressions)
            if isUpdating, expressions.contains(where: \.usesNow) {
                context.report(.nowOverChanges(at: context.location(scalar)))
            }
            return isJudged(scalar, in: scope, groups: []) ? result : nil
        case .failure(let found):
            report(found, scalar, scope, groups: [])
            return nil
        }
    }

    /// Binds a condition of the variable `current` of a pattern, or a measure.
    func bindMatch(
        _ value: LocatedValue, in scope: ColumnScope, columnCount: Int, variables: [String],
        current: Int?
    ) -> BoundMatchResult? {
        guard let scalar = readable(value) else { return nil }
        let bound = ExpressionBinder.bindMatch(
            scalar.text, in: binderScope(scope), columnCount: columnCount, variables: variables,
            current: current)
        switch bound {
        case .success(let result): return isJudged(scalar, in: scope, groups: []) ? result : nil
        case .failure(let found):
            report(found, scalar, scope, groups: [])
            return nil
        }
    }

    /// The text of an expression, unless YAML or `${…}` spoiled it.
    func readable(_ value: LocatedValue) -> LocatedScalar? {
        guard case .scalar(let scalar) = value.content else {
            if !value.isBroken {
                context.report(
                    .wrongKind(
                        "an expression is expected here", found: value.kindName, help: nil,
                        at: context.location(value)))
            }
            return nil
        }
        guard !value.isNull else {
            context.report(.emptyExpression(at: context.location(scalar)))
            return nil
        }
        if let opening = scalar.text.firstRange(of: "${") {
            let start = scalar.text.utf8.distance(
                from: scalar.text.startIndex, to: opening.lowerBound)
            let range = filePositions(of: start..<start + 2, in: scalar, context.source)
            context.report(.substitutionInExpression(at: context.location(range)))
            return nil
        }
        if isCutByComment(scalar) {
            context.report(.cutAtComment(at: context.location(scalar)))
            return nil
        }
        return scalar
    }

    /// Whether ` #` follows plain text that ends within a quote.
    private func isCutByComment(_ scalar: LocatedScalar) -> Bool {
        guard scalar.style == .plain, hasOpenMark(scalar.text) else { return false }
        let rest = context.source.bytes[scalar.range.upperBound...]
        return rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.first
            == UInt8(ascii: "#")
    }

    private func binderScope(_ scope: ColumnScope) -> ExpressionScope {
        ExpressionScope(
            owner: scope.owner, entries: scope.entries, parameters: parameters.values)
    }

    /// Whether nothing that the expression names is doubtful.
    private func isJudged(_ scalar: LocatedScalar, in scope: ColumnScope, groups: [Field]) -> Bool {
        if scope.doubtful.isEmpty && !scope.isOpen && parameters.doubtful.isEmpty { return true }
        if parameters.doubtful.contains(where: { scalar.text.contains("$\($0)") }) { return false }
        return ExpressionBinder.identifiers(in: scalar.text).allSatisfy { name in
            if scope.doubtful.contains(name.name) { return false }
            if let structure = name.qualifier, scope.doubtful.contains(structure) { return false }
            return !scope.isOpen || !scope.matches(name.name).isEmpty
                || groups.contains { $0.name == name.name }
        }
    }

    private func report(
        _ found: ExpressionDiagnostics, _ scalar: LocatedScalar, _ scope: ColumnScope,
        groups: [Field]
    ) {
        guard isJudged(scalar, in: scope, groups: groups) else { return }
        for problem in found.all {
            let range = filePositions(of: problem.range, in: scalar, context.source)
            var diagnostic = Diagnostic(
                problem.message, at: context.location(range), label: problem.label,
                help: problem.help)
            if scope.toCome.explain(problem.message) {
                diagnostic.help =
                    "'where' sees the columns of the input; filter what the step computes with "
                    + "'having'"
            }
            if scalar.style.isQuoted, isOneIdentifier(scalar.text),
                scope.matches(scalar.text).isEmpty
            {
                diagnostic.help = "to write the text, quote twice: \"'\(scalar.text)'\""
            }
            context.report(diagnostic)
        }
    }
}

/// Whether a text is a name without quotes.
func isOneIdentifier(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
            || $0 == UInt8(ascii: "_") || $0 >= 0x80
    }
}

/// `parameters:` with the overrides put in.
struct SpecParameters {
    var values: [String: Literal] = [:]
    /// Declared, but with a value that was refused.
    var doubtful: Set<String> = []
}
