import Operators

/// Expressions and operators on batches that lie in the cache.
struct KernelBenchmark {
    let name: String
    let text: String
    let isFilter: Bool

    static let all = [
        KernelBenchmark(name: "kernel-filter-text", text: "kind = 'view'", isFilter: true),
        KernelBenchmark(
            name: "kernel-filter-and", text: "amount > 500 AND kind <> 'click'", isFilter: true),
        KernelBenchmark(name: "kernel-add", text: "amount + 1", isFilter: false),
        KernelBenchmark(name: "kernel-decimal", text: "amount * 0.908", isFilter: false),
        KernelBenchmark(name: "kernel-upper", text: "upper(kind)", isFilter: false),
        KernelBenchmark(
            name: "kernel-case", text: "CASE WHEN amount > 500 THEN 'high' ELSE kind END",
            isFilter: false),
        KernelBenchmark(
            name: "kernel-date-trunc", text: "date_trunc('hour', rowtime)", isFilter: false),
    ]

    static func measure(
        _ kernel: KernelBenchmark, runs: Int
    ) throws(BenchmarkError) -> Measurement {
        let batch = makeBatch()
        let schema = Schema([Field("kind", .string), Field("amount", .bigint)])
        let bound: BoundExpression
        switch ExpressionBinder.bind(
            kernel.text, in: ExpressionScope(owner: "benchmark", schema: schema))
        {
        case .success(let expression): bound = expression
        case .failure(let problems):
            throw BenchmarkError(
                message: "cannot bind '\(kernel.text)': \(problems.all.map(\.message))")
        }
        let evaluator = ExpressionEvaluator(bound)
        let rounds = 500
        var results = 0
        let seconds = fastest(runs) {
            for _ in 0..<rounds {
                if kernel.isFilter {
                    results &+= evaluator.evaluateFilter(batch, now: 0).0.count
                } else {
                    results &+= evaluator.evaluate(batch, now: 0).column.count
                }
            }
        }
        return Measurement(
            name: kernel.name, unit: "rows", amount: Double(rounds * batch.rowCount),
            seconds: seconds, note: kernel.text)
    }

    private static func makeBatch() -> Batch {
        var random = SplitMix64(state: 7)
        let count = 4096
        let words = ["view", "click", "purchase"]
        var arena = ByteArena()
        var kinds = ColumnBuilder(type: .string, capacity: count)
        var amounts = ColumnBuilder(type: .bigint, capacity: count)
        for _ in 0..<count {
            var word = words[random.below(3)]
            word.withUTF8 { bytes in
                if let base = bytes.baseAddress {
                    kinds.append(view: arena.store(base, count: bytes.count))
                }
            }
            amounts.append(integer: Int64(random.below(1000)))
        }
        return Batch(
            columns: [kinds.finish(retained: arena.blocks), amounts.finish()],
            rowtime: .repeating(1_767_225_600_000_000, count: count), rowCount: count)
    }
}
