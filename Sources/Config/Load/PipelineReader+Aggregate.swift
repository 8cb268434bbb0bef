import Operators

extension PipelineReader {
    /// Windows that one row may fall into: each holds a copy of its group.
    static let windowsPerRowMax: Int64 = 1000

    /// `aggregate:`.
    func readAggregate(
        _ linked: LinkedStep, _ input: NodeShape, _ scope: ColumnScope
    ) -> VerbResult {
        let step = linked.reader
        var result = VerbResult(verb: nil, schema: Schema([]), scope: scope, change: nil)
        result.scope.entries = []
        result.scope.owner = linked.node.name
        result.scope.isOpen = false
        result.scope.doubtful = []
        guard let reader = step.mapping("aggregate", SpecFields.aggregate) else {
            result.scope.isOpen = true
            return result
        }
        let window = readWindow(reader, input)
        let grace = reader.duration("grace") ?? 0
        let emission = readEmission(reader)
        let timezone = readZone(reader, window)
        let isWindowed = reader.has("window")
        if !isWindowed {
            for name in ["grace", "offset", "timezone"] where reader.has(name) {
                context.report(
                    .isNot(
                        name, "needs a 'window'", at: context.location(reader.keyRange(name))))
            }
        }

        let groups = readGroups(reader, scope, isWindowed: isWindowed)
        let bounds =
            isWindowed ? [Field("window_start", .timestamp), Field("window_end", .timestamp)] : []
        let groupFields = groups.named.map { Field($0.name, $0.expression.type) }
        let doubtfulGroups = groups.doubtful
        let compute = readCompute(
            reader, scope, groups: groupFields + bounds, doubtful: doubtfulGroups,
            isUpdating: input.change.map { $0 != .append } ?? false,
            givesChanges: emission != .final)
        if !reader.has("compute"), !reader.has("group_by") {
            context.report(
                .isNot(
                    "aggregate", "has neither 'group_by' nor 'compute'",
                    at: context.location(step.keyRange("aggregate")),
                    help: "write compute: {rows: count(*)}"))
        }

        let fields = groupFields + bounds + compute.items.map { Field($0.name, $0.expression.type) }
        result.schema = Schema(fields)
        result.scope.entries = fields.enumerated().map {
            .init(qualifier: nil, field: $0.element, index: $0.offset)
        }
        result.scope.doubtful = doubtfulGroups.union(compute.doubtful)
        result.scope.isOpen = groups.isOpen
        result.scope.isUpdating = emission.map { $0 != .final } ?? !isWindowed
        if isWindowed {
            if result.scope.isUpdating {
                result.change = input.change.map { _ in
                    .updating(key: (groupFields + bounds).map(\.name))
                }
            } else {
                result.change = .append
            }
            var definition = window
            if case .inherited = window { definition = input.window?.definition }
            result.window = WindowColumns(
                start: groupFields.count, end: groupFields.count + 1, definition: definition)
        } else if input.change != nil {
            result.change = .updating(key: groupFields.map(\.name))
        }
        if case .session = window, input.change.map({ $0 != .append }) ?? false {
            context.report(
                .isNot(
                    "session", "takes rows that are only ever added, and these change",
                    at: context.location(reader.keyRange("window"))))
        }
        if let window, let emission {
            result.verb = .aggregate(
                AggregateSpec(
                    window: window, groups: groups.named, calls: compute.calls,
                    compute: compute.items, graceMicros: grace, emission: emission,
                    timezone: timezone))
        }
        return result
    }

    private func readWindow(
        _ reader: FieldReader, _ input: NodeShape
    ) -> AggregateSpec.Window? {
        let offset = reader.duration("offset") ?? 0
        guard reader.has("window") else { return AggregateSpec.Window.none }
        guard let value = reader.value("window") else { return nil }
        if case .scalar(let scalar) = value.content, scalar.text == "inherit" {
            if reader.has("offset") {
                context.report(
                    .isNot(
                        "offset", "is that of the inherited window",
                        at: context.location(reader.keyRange("offset"))))
            }
            return inheritedWindow(input, at: scalar).map {
                .inherited(start: $0.start, end: $0.end)
            }
        }
        guard let window = FieldReader(value, SpecFields.window, owner: "'window'", context) else {
            return nil
        }
        let place = context.location(reader.keyRange("window"))
        if SpecFields.window.rules.one.filter(window.has).count > 1 {
            context.report(.isNot("window", "has one kind, not several", at: place))
            return nil
        }
        if window.has("tumbling") {
            guard let size = window.duration("tumbling") else { return nil }
            return checked(size: size, every: size, offset: offset, window, "tumbling")
        }
        if let cumulative = window.mapping("cumulative", SpecFields.cumulative) {
            return readCumulative(cumulative, offset: offset)
        }
        if window.has("cumulative") { return nil }
        if window.has("session") { return readSession(window, reader) }
        guard window.has("hopping") else {
            if !window.hasForeignKeys {
                context.report(
                    .isNot(
                        "window", "says none of 'tumbling', 'hopping', 'cumulative' and 'session'",
                        at: place,
                        help: "write window: {tumbling: 10s}"))
            }
            return nil
        }
        guard let hopping = window.mapping("hopping", SpecFields.hopping) else { return nil }
        let size = hopping.duration("size")
        let every = hopping.duration("every")
        guard let size, let every else { return nil }
        return checked(size: size, every: every, offset: offset, hopping, "size")
    }

    private func checked(
        size: Int64, every: Int64, offset: Int64, _ reader: FieldReader, _ name: String
    ) -> AggregateSpec.Window? {
        let place = context.location(reader.keyRange(name))
        guard size > 0, every > 0 else {
            context.report(.outOfRange(size > 0 ? "every" : name, "must be above 0s", at: place))
            return nil
        }
        if every > size {
            context.report(
                .isNot(
                    "every", "is longer than 'size', so that rows would fall between windows",
                    at: context.location(reader.keyRange("every"))))
            return nil
        }
        if size / every > Self.windowsPerRowMax {
            context.report(
                .isNot(
                    name,
                    "puts each row into \(size / every) windows; at most "
                        + "\(Self.windowsPerRowMax) are allowed", at: place))
            return nil
        }
        return .hopping(sizeMicros: size, everyMicros: every, offsetMicros: offset % every)
    }

    private func readCumulative(
        _ reader: FieldReader, offset: Int64
    ) -> AggregateSpec.Window? {
        let size = reader.duration("size")
        let every = reader.duration("every")
        guard let size, let every,
            checked(size: size, every: every, offset: offset, reader, "size") != nil
        else { return nil }
        guard size % every == 0 else {
            context.report(
                .isNot(
                    "size", "is no multiple of 'every'",
                    at: context.location(reader.keyRange("size"))))
            return nil
        }
        return .cumulative(sizeMicros: size, everyMicros: every, offsetMicros: offset % size)
    }

    private struct Groups {
        var named: [NamedExpression] = []
        var doubtful: Set<String> = []
        var isOpen = false
    }

    private func readGroups(
        _ reader: FieldReader, _ scope: ColumnScope, isWindowed: Bool
    ) -> Groups {
        var groups = Groups()
        guard let value = reader.value("group_by") else {
            groups.isOpen = reader.has("group_by")
            return groups
        }
        let items = context.readItems(value, field: SpecFields.aggregate["group_by"]!)
        for item in expressions.resolve(items, in: scope) {
            let place = context.location(item.range)
            if isWindowed, item.name == "window_start" || item.name == "window_end" {
                context.report(.reservedColumn(item.name, "the window has it", at: place))
            } else if groups.named.contains(where: { $0.name == item.name }) {
                context.report(
                    .duplicateColumn(item.name, owner: "the aggregate", at: place))
            } else if let expression = item.expression {
                groups.named.append(NamedExpression(name: item.name, expression: expression))
            } else {
                groups.doubtful.insert(item.name)
            }
        }
        if case .scalar = value.content { groups.isOpen = true }
        return groups
    }

    private struct Compute {
        var calls: [AggregateCall] = []
        var items: [NamedExpression] = []
        var doubtful: Set<String> = []
    }

    private func readCompute(
        _ reader: FieldReader, _ scope: ColumnScope, groups: [Field], doubtful: Set<String>,
        isUpdating: Bool, givesChanges: Bool
    ) -> Compute {
        var compute = Compute()
        guard reader.has("compute") else { return compute }
        let entries = reader.namedEntries("compute")
        if entries.count > SpecLimits.columnsMax {
            context.report(
                .tooManyColumns("'compute'", at: context.location(reader.keyRange("compute"))))
            return compute
        }
        for entry in entries {
            let name = entry.key.text
            let place = context.location(entry.key)
            if name == "rowtime" || name.isEmpty {
                context.report(
                    .reservedColumn(name, "every row's event time has it", at: place))
                continue
            }
            if groups.contains(where: { $0.name == name }) || doubtful.contains(name) {
                let isBound = name == "window_start" || name == "window_end"
                context.report(
                    .reservedColumn(
                        name, isBound ? "the window has it" : "a group has it", at: place))
                continue
            }
            guard
                let aggregate = expressions.bindAggregate(
                    entry.value, in: scope, groups: groups, doubtfulGroups: doubtful)
            else {
                compute.doubtful.insert(name)
                continue
            }
            if givesChanges, !scope.isUpdating, aggregate.result.usesNow {
                context.report(.nowOverChanges(at: context.location(entry.value)))
            }
            if aggregate.result.type == .interval {
                context.report(.intervalColumn(at: context.location(entry.value)))
            }
            let calls = isUpdating ? takingBack(aggregate, at: entry.value) : aggregate.calls
            let result = merge(
                aggregate.result, calls, into: &compute.calls, groupCount: groups.count)
            compute.items.append(NamedExpression(name: name, expression: result))
        }
        return compute
    }

    /// The calls over rows that may be taken back, which estimates cannot be.
    private func takingBack(
        _ aggregate: BoundAggregate, at value: LocatedValue
    ) -> [AggregateCall] {
        if let call = aggregate.calls.first(where: { $0.function.isApproximate }) {
            context.report(
                .estimateOverChanges(call.function.rawValue, at: context.location(value)))
        }
        return aggregate.calls.map(\.takingBack)
    }

    /// Shares equal calls between the results of a step.
    private func merge(
        _ result: BoundExpression, _ added: [AggregateCall], into calls: inout [AggregateCall],
        groupCount: Int
    ) -> BoundExpression {
        var places: [Int] = []
        for call in added {
            if let index = calls.firstIndex(of: call) {
                places.append(index)
            } else {
                places.append(calls.count)
                calls.append(call)
            }
        }
        var map: [Int: Int] = [:]
        for (index, place) in places.enumerated() {
            map[groupCount + index] = groupCount + place
        }
        return result.remapped(map)
    }
}
