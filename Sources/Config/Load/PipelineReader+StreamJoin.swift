import Operators

extension PipelineReader {
    /// `join:` to a stream.
    func readStreamJoin(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = VerbResult(verb: nil, schema: input.schema, scope: scope, change: nil)
        guard let join = step.mapping("join", SpecFields.join), let reference = linked.right else {
            result.scope.isOpen = true
            return result
        }
        let place = context.location(step.keyRange("join"))
        if join.has("table") {
            context.report(.isNot("join", "says both 'table' and 'stream'", at: place))
        }
        for name in ["as_of", "wait"] where join.has(name) {
            context.report(
                .isNot(
                    name, "is for joins of tables", at: context.location(join.keyRange(name)),
                    help: "leave it out"))
        }
        let right = shape(of: reference.reference)
        let name = reference.reference.node
        if scope.entries.contains(where: { $0.qualifier == name }) {
            context.report(
                .isNot(
                    name, "is the name of both sides of the join", at: place,
                    help: "rename the input with 'as'"))
        }
        let kind = join.choice("type", StreamJoinKind.self)
        let bounds = readBounds(step, join, scope)
        let rightScope = ColumnScope(owner: name, shape: right, qualifier: name)
        var match = readStreamMatch(join, scope, rightScope)
        if bounds == .sameWindow { matchWindows(&match, input, right, at: place) }
        addRightColumns(&result, table: name, right, sameNames: match.sameNames)
        result.scope.owner = linked.node.name
        result.sides = (scope.entries.first?.qualifier, name, step.keyRange("join"))
        result.change = streamJoinChange(bounds, kind, input, right, result.schema, name, at: place)
        if bounds == .sameWindow { result.window = input.window }
        result.scope.isUpdating = result.change.map { $0 != .append } ?? false
        let pairs = pairScope(scope, rightScope, result, match.sameNames)
        let condition = join.value("where").flatMap {
            expressions.bind($0, in: pairs, expecting: .boolean)
        }
        guard let kind, let bounds, match.isSound, let change = result.change,
            let leftChange = input.change, let rightChange = right.change
        else { return result }
        var key: [Int]?
        if case .updating(let names?) = change {
            key = names.compactMap { result.schema.index(of: $0) }
        }
        result.verb = .streamJoin(
            StreamJoinSpec(
                right: reference.reference, rightSchema: right.schema, kind: kind, bounds: bounds,
                leftMatch: match.left, rightMatch: match.right, condition: condition,
                columns: joinedColumns(input, right, kind, match.sameNames),
                leftIsAppend: leftChange == .append, rightIsAppend: rightChange == .append,
                key: key))
        return result
    }

    // MARK: How near

    private func readBounds(
        _ step: FieldReader, _ join: FieldReader, _ scope: ColumnScope
    ) -> StreamJoinSpec.Bounds? {
        let place = context.location(join.keyRange(join.has("within") ? "within" : "stream"))
        let timeToLive = step.duration("state_ttl")
        var bounds: StreamJoinSpec.Bounds?
        if join.has("window") {
            if let text = join.text("window"), text.value != "inherit" {
                context.report(
                    .unknownChoice(
                        text.written, of: "window", choices: ["inherit"],
                        at: context.location(text.scalar)))
            } else {
                bounds = .sameWindow
            }
            if join.has("within") {
                context.report(
                    .isNot("join", "has one of 'within' and 'window', not both", at: place))
            }
        } else if !join.has("within") {
            context.report(
                .isNot(
                    "join", "of streams says neither 'within' nor 'window'", at: place,
                    help: "write within: 1h, or within: unbounded to keep all rows"))
        } else if let value = join.value("within") {
            bounds = readWithin(join, value, scope, timeToLive)
        }
        if case .unbounded? = bounds { return bounds }
        if step.has("state_ttl"), bounds != nil {
            context.report(
                .isNot(
                    "state_ttl", "is for 'over' and for joins of streams with 'within: unbounded'",
                    at: context.location(step.keyRange("state_ttl"))))
        }
        return bounds
    }

    private func readWithin(
        _ join: FieldReader, _ value: LocatedValue, _ scope: ColumnScope, _ timeToLive: Int64?
    ) -> StreamJoinSpec.Bounds? {
        if case .scalar(let scalar) = value.content {
            if scalar.text == "unbounded" { return .unbounded(timeToLiveMicros: timeToLive) }
            return join.duration("within").map { .around(beforeMicros: $0, afterMicros: $0) }
        }
        guard let within = FieldReader(value, SpecFields.within, owner: "'within'", context) else {
            return nil
        }
        let hasBounds = within.has("from") || within.has("to")
        if hasBounds, within.has("before") || within.has("after") {
            context.report(
                .isNot(
                    "within", "has 'before' and 'after', or 'from' and 'to'",
                    at: context.location(within.start)))
            return nil
        }
        guard hasBounds else {
            guard let before = within.duration("before"), let after = within.duration("after")
            else { return nil }
            return .around(beforeMicros: before, afterMicros: after)
        }
        for name in ["from", "to"] where !within.has(name) {
            context.report(
                .isNot("within", "has no '\(name)'", at: context.location(within.start)))
        }
        let from = within.value("from").flatMap {
            expressions.bind($0, in: scope, expecting: .timestamp)
        }
        let to = within.value("to").flatMap {
            expressions.bind($0, in: scope, expecting: .timestamp)
        }
        guard let from, let to else { return nil }
        return .between(from: from, to: to)
    }

    // MARK: What is equal

    private struct StreamMatch {
        var left: [BoundExpression] = []
        var right: [BoundExpression] = []
        /// Columns that both sides have under one name and that are equal.
        var sameNames: Set<String> = []
        var isSound = true
    }

    private func readStreamMatch(
        _ join: FieldReader, _ left: ColumnScope, _ right: ColumnScope
    ) -> StreamMatch {
        var match = StreamMatch()
        guard let value = join.value("match") else {
            match.isSound = false
            return match
        }
        for item in matchItems(value) {
            let leftBound = expressions.bind(item.left, in: left)
            let rightBound = expressions.bind(item.right, in: right)
            guard let leftBound, let rightBound else {
                match.isSound = false
                continue
            }
            guard let (l, r) = ofOneType(leftBound, rightBound, item, left, right) else {
                match.isSound = false
                context.report(
                    .isNot(
                        item.left.text,
                        "is \(leftBound.type.name), and '\(item.right.text)' is "
                            + rightBound.type.name, at: context.location(item.left),
                        help: "cast one of them"))
                continue
            }
            match.left.append(l)
            match.right.append(r)
            if let i = l.plainColumn, let j = r.plainColumn,
                let a = left.entries.first(where: { $0.index == i }),
                let b = right.entries.first(where: { $0.index == j }),
                a.field.name.utf8.elementsEqual(b.field.name.utf8)
            {
                match.sameNames.insert(a.field.name)
            }
        }
        if match.left.isEmpty { match.isSound = false }
        return match
    }

    /// Both sides of a match item; a number is widened to the other's type.
    private func ofOneType(
        _ left: BoundExpression, _ right: BoundExpression, _ item: MatchItem,
        _ leftScope: ColumnScope, _ rightScope: ColumnScope
    ) -> (BoundExpression, BoundExpression)? {
        if left.type == right.type { return (left, right) }
        guard left.type.isNumeric, right.type.isNumeric else { return nil }
        let wider = ExpressionBinder.bind(
            item.left.text,
            in: ExpressionScope(
                owner: "", entries: leftScope.entries, parameters: parameters.values),
            expecting: right.type)
        if case .success(let left) = wider, left.type == right.type { return (left, right) }
        let other = ExpressionBinder.bind(
            item.right.text,
            in: ExpressionScope(
                owner: "", entries: rightScope.entries, parameters: parameters.values),
            expecting: left.type)
        if case .success(let right) = other, left.type == right.type { return (left, right) }
        return nil
    }

    /// Adds the windows' bounds to the match.
    private func matchWindows(
        _ match: inout StreamMatch, _ left: NodeShape, _ right: NodeShape, at place: FileLocation
    ) {
        let bounds = ["window_start", "window_end"]
        guard let first = left.window, let second = right.window,
            let definition = first.definition, definition == second.definition,
            [first.start, first.end].map({ left.schema[$0].name }) == bounds,
            [second.start, second.end].map({ right.schema[$0].name }) == bounds
        else {
            match.isSound = false
            if !left.isOpen, !right.isOpen {
                context.report(
                    .isNot(
                        "window", "can be inherited only from two sides with equal windows",
                        at: place,
                        help: "both are to come from aggregates with the same 'window', with "
                            + "window_start and window_end among their columns"))
            }
            return
        }
        for name in bounds where !match.sameNames.contains(name) {
            guard let l = left.schema.index(of: name), let r = right.schema.index(of: name) else {
                continue
            }
            match.left.append(.column(l, left.schema[l]))
            match.right.append(.column(r, right.schema[r]))
            match.sameNames.insert(name)
        }
    }

    // MARK: What comes out

    private func joinedColumns(
        _ left: NodeShape, _ right: NodeShape, _ kind: StreamJoinKind, _ sameNames: Set<String>
    ) -> [JoinedColumn] {
        let first = left.schema.fields.enumerated().map { index, field -> JoinedColumn in
            guard kind.keepsRight, sameNames.contains(field.name),
                let other = right.schema.index(of: field.name)
            else { return .left(index) }
            return .either(left: index, right: other)
        }
        let second = right.schema.fields.indices.filter {
            !sameNames.contains(right.schema[$0].name)
        }
        return first + second.map { .right($0) }
    }

    private func streamJoinChange(
        _ bounds: StreamJoinSpec.Bounds?, _ kind: StreamJoinKind?, _ left: NodeShape,
        _ right: NodeShape, _ schema: Schema, _ rightName: String, at place: FileLocation
    ) -> NodeOutput.Change? {
        guard let bounds, let leftChange = left.change, let rightChange = right.change else {
            return nil
        }
        let isAppend = leftChange == .append && rightChange == .append
        guard case .unbounded = bounds else {
            if isAppend { return .append }
            context.report(
                .isNot(
                    "join", "within a time or a window takes rows that do not change", at: place,
                    help: "write within: unbounded, or give the aggregate a 'window'"))
            return nil
        }
        if isAppend, kind == .inner { return .append }
        guard case .updating(let leftKey?) = leftChange,
            case .updating(let rightKey?) = rightChange
        else { return .updating(key: nil) }
        let rightNames = rightKey.map { name -> String in
            schema.index(of: "\(rightName).\(name)") != nil ? "\(rightName).\(name)" : name
        }
        return .updating(key: leftKey + rightNames.filter { !leftKey.contains($0) })
    }

    /// The columns of both sides, for `where`: left ones, then right ones.
    private func pairScope(
        _ left: ColumnScope, _ right: ColumnScope, _ result: VerbResult, _ sameNames: Set<String>
    ) -> ColumnScope {
        var pairs = result.scope
        let leftCount = left.entries.count
        pairs.entries =
            left.entries
            + right.entries.filter { !sameNames.contains($0.field.name) }.map {
                .init(qualifier: $0.qualifier, field: $0.field, index: leftCount + $0.index)
            }
        return pairs
    }
}
