/// The rows that threads of a match have taken, as nodes that point back to the one before: threads
/// that part share what they had in common. At each node stands the value so far of every call that
/// conditions ask for.
final class MatchChains {
    private(set) var parents = GroupArray<Int32>(-1)
    /// Rows of the store.
    private(set) var rows = GroupArray<Int32>(-1)
    private(set) var variables = GroupArray<Int32>(-1)
    private var free: [Int32] = []
    private var count = 0
    /// By variable and call of its condition.
    private let functions: [[any ChainFunction]]
    private let arguments: [[KeptColumns.Call]]
    private let evaluators: [ExpressionEvaluator?]
    private let inputCount: Int
    private let store: RowStore
    /// The row that threads may take next.
    private var current: Batch?

    /// - Parameters:
    ///   - arguments: By variable and call: where its columns are.
    init(
        _ plan: PatternPlan, dependent: Set<Int>, _ arguments: [[KeptColumns.Call]],
        _ store: RowStore
    ) {
        self.store = store
        self.arguments = arguments
        inputCount = plan.inputSchema.count
        functions = plan.conditions.enumerated().map { index, condition in
            guard dependent.contains(index), let condition else { return [] }
            return zip(condition.calls, arguments[index]).map { makeChain($0, $1) }
        }
        evaluators = plan.conditions.enumerated().map { index, condition in
            guard dependent.contains(index), let condition else { return nil }
            return ExpressionEvaluator(condition.result)
        }
    }

    var nodeCount: Int { count - free.count }

    /// Makes ready for a row.
    func look(at row: Int32) {
        let batch = store.batch([row])
        current = batch
        for (variable, calls) in arguments.enumerated() {
            for (index, call) in calls.enumerated() {
                functions[variable][index].look(
                    at: row,
                    GroupStore.Arguments(
                        argument: call.argument.map(batch.column),
                        order: call.order.map(batch.column),
                        filter: call.filter.map(batch.column)))
            }
        }
    }

    /// For each of some threads, whether the row that is looked at may be the variable's next one. A
    /// condition that cannot be computed is not true.
    func holds(_ variable: Int, behind nodes: [Int32], now: Int64) -> [Bool] {
        guard let evaluator = evaluators[variable], let current else {
            return Array(repeating: true, count: nodes.count)
        }
        let same = [Int32](repeating: 0, count: nodes.count)
        var columns = current.columns[..<inputCount].map {
            $0.gathered(same, count: nodes.count)
        }
        for function in functions[variable] {
            columns.append(function.values(behind: nodes, taking: variable, in: self))
        }
        let batch = Batch(
            columns: columns, rowtime: current.rowtime.gathered(same, count: nodes.count),
            rowCount: nodes.count)
        var result = Array(repeating: false, count: nodes.count)
        let (rows, _) = evaluator.evaluateFilter(batch, now: now)
        for index in 0..<rows.count { result[Int(rows.pointer[index])] = true }
        return result
    }

    /// Adds the row that is looked at behind a node, −1 for none.
    func add(_ row: Int32, _ variable: Int, behind parent: Int32) -> Int32 {
        let node: Int32
        if let known = free.popLast() {
            node = known
        } else {
            node = Int32(count)
            count += 1
            for array in [parents, rows, variables] { array.reserve(count) }
            for function in functions.joined() { function.reserve(count) }
        }
        parents.base[Int(node)] = parent
        rows.base[Int(node)] = row
        variables.base[Int(node)] = Int32(variable)
        for function in functions.joined() {
            function.note(node, behind: parent, variable: variable)
        }
        return node
    }

    /// Forgets nodes that no thread has any more.
    func release(_ nodes: [Int32]) { free += nodes }

    /// Forgets what is kept of rows.
    func release(rows: [Int32]) {
        for function in functions.joined() { function.release(rows: rows) }
    }

    /// The nodes up to one, the first one first.
    func path(to node: Int32) -> [Int32] {
        var result: [Int32] = []
        var place = node
        while place >= 0 {
            result.append(place)
            place = parents.base[Int(place)]
        }
        return result.reversed()
    }

    /// Values of rows of the store; null for −1.
    func values(_ argument: KeptColumns.Place, of chosen: [Int32]) -> Column {
        var next: Int32 = 0
        let places = chosen.map { row -> Int32 in
            guard row >= 0 else { return -1 }
            next += 1
            return next - 1
        }
        return store.batch(chosen.filter { $0 >= 0 }).column(argument)
            .gatheredOrNull(places, count: places.count)
    }

    var memoryBytes: Int {
        count * (12 + functions.joined().reduce(0) { $0 + $1.nodeBytes })
    }
}
