/// What an aggregate does, as the operators need it.
package struct AggregatePlan: Sendable {
    /// Windows [start, start + size), start ≡ offset mod every; microseconds.
    package struct Window: Sendable {
        package let sizeMicros: Int64
        package let everyMicros: Int64
        package let offsetMicros: Int64

        package init(sizeMicros: Int64, everyMicros: Int64, offsetMicros: Int64) {
            precondition(sizeMicros > 0 && everyMicros > 0, "window \(sizeMicros)/\(everyMicros)")
            self.sizeMicros = sizeMicros
            self.everyMicros = everyMicros
            self.offsetMicros = offsetMicros
        }

        /// The start of the last window that holds `time`, nil where that leaves 64 bits.
        package func lastStart(_ time: Int64) -> Int64? {
            let (shifted, overflow) = time.subtractingReportingOverflow(offsetMicros)
            if overflow { return nil }
            let remainder = shifted % everyMicros
            let back = remainder < 0 ? remainder + everyMicros : remainder
            let (start, underflow) = time.subtractingReportingOverflow(back)
            let (_, endOverflow) = start.addingReportingOverflow(sizeMicros)
            return underflow || endOverflow ? nil : start
        }
    }

    /// When results are given.
    package enum Emission: Hashable, Sendable {
        /// Once: with the window, when it fires.
        case final
        /// With a window from its end on, each time that they change.
        case changes
        /// What has changed, so often by the clock, and what is left when the window fires.
        case every(micros: Int64)
    }

    package var inputSchema: Schema
    package var groups: [NamedExpression]
    package var calls: [AggregateCall]
    /// Over [groups…, window_start, window_end (with bounds), calls…].
    package var compute: [NamedExpression]
    package var window: Window?
    /// Whether results have `window_start` and `window_end`.
    package var hasBounds: Bool
    package var graceMicros: Int64
    package var emission: Emission
    /// Whether somebody sees the event times of results. Where nobody does, a running aggregate says
    /// nothing of a row whose time alone has changed.
    package var isTimeObserved: Bool

    /// - Parameter emission: By default `final` with bounds, `changes` without.
    package init(
        inputSchema: Schema, groups: [NamedExpression], calls: [AggregateCall],
        compute: [NamedExpression], window: Window?, hasBounds: Bool? = nil, graceMicros: Int64,
        emission: Emission? = nil, isTimeObserved: Bool = true
    ) {
        self.inputSchema = inputSchema
        self.groups = groups
        self.calls = calls
        self.compute = compute
        self.window = window
        self.hasBounds = hasBounds ?? (window != nil)
        self.graceMicros = graceMicros
        self.isTimeObserved = isTimeObserved
        self.emission = emission ?? (self.hasBounds ? .final : .changes)
    }

    /// The types of the results' columns.
    var outputTypes: [ColumnType] {
        groups.map(\.expression.type) + (hasBounds ? [.timestamp, .timestamp] : [])
            + compute.map(\.expression.type)
    }

    /// The columns that `compute` is bound to.
    package var callSchema: Schema {
        var fields = groups.map { Field($0.name, $0.expression.type) }
        if hasBounds {
            fields.append(Field("window_start", .timestamp))
            fields.append(Field("window_end", .timestamp))
        }
        for (index, call) in calls.enumerated() { fields.append(Field("#\(index)", call.type)) }
        return Schema(fields)
    }
}

/// The expressions of an aggregate's input, evaluated together for each batch.
struct AggregateInput {
    private let plan: AggregatePlan
    private let evaluators: [ExpressionEvaluator]
    /// The evaluator of each expression: of the groups, and then of the calls in order.
    private let places: [Int]
    let codec: KeyCodec

    init(_ plan: AggregatePlan) {
        self.plan = plan
        var expressions = plan.groups.map(\.expression)
        for call in plan.calls {
            if let argument = call.argument {
                expressions.append(AggregateInput.asked(argument, by: call))
            }
            if let order = call.order {
                expressions.append(AggregateInput.asked(order, by: call))
            }
            if let filter = call.filter {
                expressions.append(AggregateInput.named(filter, "FILTER of \(call.label)"))
            }
        }
        // Calls often have a filter or an argument in common.
        var different: [BoundExpression] = []
        places = expressions.map { expression in
            if let known = different.firstIndex(of: expression) { return known }
            different.append(expression)
            return different.count - 1
        }
        evaluators = different.map { ExpressionEvaluator($0) }
        codec = KeyCodec(types: plan.groups.map(\.expression.type))
    }

    /// An argument of the call, which is only asked for where the filter is true: elsewhere it may
    /// fail.
    static func asked(
        _ argument: BoundExpression, by call: AggregateCall
    ) -> BoundExpression {
        guard let filter = call.filter else { return named(argument, call.label) }
        if case .column = argument.root { return argument }
        let branch = ConditionalBranch(condition: filter.root, result: argument.root)
        let root = ExpressionNode.conditional(
            [branch], otherwise: .literal(.null, argument.type), argument.type)
        return named(BoundExpression(root: root, text: argument.text), call.label)
    }

    /// The expression with a text for messages where it has none of its own.
    private static func named(_ expression: BoundExpression, _ text: String) -> BoundExpression {
        expression.text.isEmpty ? BoundExpression(root: expression.root, text: text) : expression
    }

    struct Rows {
        let batch: Batch
        /// Key bytes of each row, as string views.
        let keys: Column
        let arguments: [GroupStore.Arguments]
    }

    /// The bytes of a group's key in a checkpoint, if they are one.
    func key(of bytes: StringView) throws(StateError) -> StringView {
        guard codec.isKey(bytes) else { throw .damagedEntry }
        return bytes
    }

    /// Sets aside rows that take back what is not there.
    static func rejectUnknown(
        _ rows: [Int], of batch: Batch, schema: Schema, to output: any OperatorOutput
    ) {
        guard !rows.isEmpty else { return }
        let split = RowSplit(failed: rows, count: batch.count)
        output.reject(
            batch.selecting(split.failed), schema: schema,
            reasons: rows.map { _ in "cannot take back a row: its group has none" })
    }

    func evaluate(_ batch: Batch, now: Int64, to output: any OperatorOutput) -> Rows {
        let rows = EvaluatedRows(
            evaluators, over: batch, now: now, schema: plan.inputSchema, rejectingTo: output)
        var next = plan.groups.count
        func column(_ expression: BoundExpression?) -> Column? {
            guard expression != nil else { return nil }
            next += 1
            return rows.columns[places[next - 1]]
        }
        let arguments = plan.calls.map { call in
            GroupStore.Arguments(
                argument: column(call.argument), order: column(call.order),
                filter: column(call.filter))
        }
        let keys = codec.encode(
            places[..<plan.groups.count].map { rows.columns[$0] }, count: rows.batch.count)
        return Rows(batch: rows.batch, keys: keys, arguments: arguments)
    }
}

extension AggregateCall {
    /// The call for messages.
    fileprivate var label: String {
        function == .countRows ? "count(*)" : "\(function.rawValue)(…)"
    }
}
