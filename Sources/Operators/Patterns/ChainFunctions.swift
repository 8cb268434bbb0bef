/// The value of one call in a condition, along the rows that threads have taken.
protocol ChainFunction: AnyObject {
    /// Makes room for nodes `0..<count`.
    func reserve(_ count: Int)

    /// Makes ready for the row that threads may take next.
    func look(at row: Int32, _ given: GroupStore.Arguments)

    /// The values behind some nodes, −1 for none, with the row that is looked at as one of a variable.
    func values(behind nodes: [Int32], taking variable: Int, in chains: MatchChains) -> Column

    /// Notes a node that has taken the row.
    func note(_ node: Int32, behind parent: Int32, variable: Int)

    func release(rows: [Int32])

    /// Bytes a node.
    var nodeBytes: Int { get }
}

/// An aggregate along chains.
final class ChainAggregate<Values: FrameValues>: ChainFunction {
    private var values: Values
    private let variable: Int?
    private let type: ColumnType
    private let sums: GroupArray<Values.Value>
    private var own: Values.Value

    init(_ values: Values, _ call: AggregateCall, variable: Int?) {
        self.values = values
        self.variable = variable
        type = call.type
        sums = GroupArray(values.identity)
        own = values.identity
    }

    func reserve(_ count: Int) { sums.reserve(count) }

    func look(at row: Int32, _ given: GroupStore.Arguments) {
        values.take(given.argument, order: given.order, count: 1)
        let counts =
            given.argument?.isNull(0) != true
            && given.filter.map { !$0.isNull(0) && $0.booleans[0] != 0 } ?? true
        own = counts ? values.value(0, slot: row) : values.identity
    }

    private func value(behind node: Int32, taking variable: Int) -> Values.Value {
        let before = node < 0 ? values.identity : sums.base[Int(node)]
        let isOne = self.variable == nil || self.variable == variable
        return isOne ? values.combine(before, own) : before
    }

    func values(behind nodes: [Int32], taking variable: Int, in chains: MatchChains) -> Column {
        var builder = ColumnBuilder(type: type, capacity: nodes.count)
        for node in nodes {
            // What does not fit its type makes no condition true.
            if values.append(value(behind: node, taking: variable), to: &builder) != nil {
                builder.appendNull()
            }
        }
        return builder.finish(retained: values.takeRetained())
    }

    func note(_ node: Int32, behind parent: Int32, variable: Int) {
        sums.base[Int(node)] = value(behind: parent, taking: variable)
    }

    func release(rows: [Int32]) { values.release(rows) }

    var nodeBytes: Int { MemoryLayout<Values.Value>.stride }
}

/// A value of the first or last row of a variable, or of one so many behind or before it.
final class ChainRow: ChainFunction {
    private let argument: KeptColumns.Place
    private let variable: Int?
    private let isFirst: Bool
    private let offset: Int
    /// By node: the first row of the variable, or the last one.
    private let found = GroupArray<Int32>(-1)
    private var row: Int32 = -1

    init(_ argument: KeptColumns.Place, variable: Int?, isFirst: Bool, offset: Int) {
        self.argument = argument
        self.variable = variable
        self.isFirst = isFirst
        self.offset = offset
    }

    func reserve(_ count: Int) { found.reserve(count) }
    func look(at row: Int32, _ given: GroupStore.Arguments) { self.row = row }

    private func isOne(_ variable: Int) -> Bool {
        self.variable == nil || self.variable == variable
    }

    private func nearest(behind node: Int32, taking variable: Int) -> Int32 {
        let before = node < 0 ? -1 : found.base[Int(node)]
        if !isOne(variable) || (isFirst && before >= 0) { return before }
        return row
    }

    func values(behind nodes: [Int32], taking variable: Int, in chains: MatchChains) -> Column {
        chains.values(
            argument,
            of: nodes.map { node in
                guard offset > 0 else { return nearest(behind: node, taking: variable) }
                var rows = chains.path(to: node)
                    .filter { isOne(Int(chains.variables.base[Int($0)])) }
                    .map { chains.rows.base[Int($0)] }
                if isOne(variable) { rows.append(row) }
                guard offset < rows.count else { return -1 }
                return isFirst ? rows[offset] : rows[rows.count - 1 - offset]
            })
    }

    func note(_ node: Int32, behind parent: Int32, variable: Int) {
        found.base[Int(node)] = nearest(behind: parent, taking: variable)
    }

    func release(rows: [Int32]) {}
    var nodeBytes: Int { 4 }
}

/// - Parameter place: Where the call's columns are.
func makeChain(_ call: MatchCall, _ place: KeptColumns.Call) -> any ChainFunction {
    guard case .aggregate(let call, let variable) = call else {
        guard case .row(_, let variable, let isFirst, let offset) = call,
            let argument = place.argument
        else { preconditionFailure("a call without an argument") }
        return ChainRow(argument, variable: variable, isFirst: isFirst, offset: offset)
    }
    let type = call.argument?.type ?? .bigint
    func chain(_ values: some FrameValues) -> any ChainFunction {
        ChainAggregate(values, call, variable: variable)
    }
    switch call.function {
    case .countRows, .count: return chain(CountFrames())
    case .sum, .avg:
        let isAverage = call.function == .avg
        if type == .double { return chain(DoubleSumFrames(isAverage: isAverage)) }
        let results = ExactSumAccumulator(
            isAverage: isAverage, argumentType: type, resultType: call.type)
        return chain(ExactSumFrames(results, argumentType: type))
    case .min, .max, .first, .last, .argMin, .argMax: return chain(PickFrames(call))
    case .stddev, .stddevPop, .variance, .varPop:
        let kind = SpreadKind(call.function)
        switch type {
        case .bigint: return chain(ExactSpreadFrames(kind, scale: 0))
        case .decimal(let precision, let scale) where precision <= 18:
            return chain(ExactSpreadFrames(kind, scale: scale))
        default: return chain(SpreadFrames(kind, name: call.function.rawValue))
        }
    case .boolAnd, .boolOr: return chain(BooleanFrames(isAnd: call.function == .boolAnd))
    case .stringAgg, .approxCountDistinct, .approxPercentile, .arrayAgg, .percentileCont,
        .percentileDisc:
        preconditionFailure("'\(call.function.rawValue)' in a condition")
    }
}
