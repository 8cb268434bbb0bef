import TestSupport
import Testing

@testable import Operators

@Suite("Expressions: properties over random texts and batches")
struct ExpressionPropertyTests {
    static let seed = testSeed

    /// Runs `body` for random expressions with a batch each.
    static func forEachRandom(
        _ count: Int, types: [ColumnType],
        _ body: (String, BoundExpression, [[Literal]], Batch, [Int]) throws -> Void
    ) rethrows {
        let scope = ExpressionScope(owner: "input", schema: RandomExpression.schema)
        for round in 0..<count {
            var source = RandomExpression(
                random: SeededRandom(seed: seed &+ UInt64(round)))
            let type = source.random.pick(types)
            let text = source.text(type, depth: Int.random(in: 1...4, using: &source.random))
            let (rows, batch, chosen) = source.batch()
            switch ExpressionBinder.bind(text, in: scope) {
            case .success(let bound): try body(text, bound, rows, batch, chosen)
            case .failure(let failure):
                // Texts are well typed; what is left are literals that cannot be read.
                let isExpected = failure.all.allSatisfy {
                    $0.message.hasPrefix("cannot read") || $0.message.contains("decimals, more")
                }
                #expect(isExpected, "seed \(seed) round \(round): \(text): \(failure.all)")
            }
        }
    }

    static let types: [ColumnType] = [
        .boolean, .bigint, .double, .string, .timestamp, .decimal(precision: 10, scale: 2),
    ]

    static func same(_ a: Literal, _ b: Literal) -> Bool {
        if case .double(let x) = a, case .double(let y) = b {
            return x == y || (x.isNaN && y.isNaN)
        }
        return a == b
    }

    @Test("a batch has the values of the row-at-a-time reference")
    func reference() {
        var compared = 0
        Self.forEachRandom(1200, types: Self.types) { text, bound, rows, batch, chosen in
            let result = ExpressionEvaluator(bound).evaluate(batch, now: 5)
            let column = result.column
            #expect(column.count == chosen.count)
            for (index, row) in chosen.enumerated() {
                let reference = ReferenceEvaluator(
                    row: rows[row], rowtime: Int64(row) * 1_000_000, now: 5
                ).evaluate(bound.root)
                let value = ExpressionFixture.literal(column, index)
                switch reference {
                case .unknown: continue
                case .failed:
                    #expect(result.errors?.code(index) != nil, "\(text) in \(rows[row])")
                case .value(let expected):
                    #expect(
                        Self.same(value, expected) && result.errors?.code(index) == nil,
                        "\(text) in \(rows[row]): \(value), expected \(expected)")
                }
                compared += 1
            }
        }
        #expect(compared > 5_000)
    }

    @Test("a row alone, as constants, has the value that it has in its batch")
    func foldingIsEvaluating() {
        Self.forEachRandom(500, types: Self.types) { text, bound, rows, batch, chosen in
            guard !bound.usesNow, !bound.usesRowtime else { return }
            let result = ExpressionEvaluator(bound).evaluate(batch, now: 5)
            let column = result.column
            for (index, row) in chosen.enumerated() {
                // What may fail is left unfolded, and is computed as a constant here.
                let folded = CompiledNode(Self.substitute(bound.root, rows[row]))
                var context = EvaluationContext()
                guard let literal = folded.evaluate(&context).literal else {
                    #expect(result.errors?.code(index) != nil, "\(text) in \(rows[row])")
                    continue
                }
                let value = ExpressionFixture.literal(column, index)
                #expect(Self.same(value, literal), "\(text) in \(rows[row])")
                #expect(result.errors?.code(index) == nil, "\(text) in \(rows[row])")
            }
        }
    }

    /// The node with a row's values for its columns, folded from the leaves up.
    static func substitute(_ node: ExpressionNode, _ row: [Literal]) -> ExpressionNode {
        switch node {
        case .column(let index, let type): return .literal(row[index], type)
        case .call(let function, let operands, let type):
            return ConstantFolding.fold(
                .call(function, operands.map { substitute($0, row) }, type))
        case .cast(let operand, let type):
            return ConstantFolding.fold(.cast(substitute(operand, row), type))
        case .conditional(let branches, let otherwise, let type):
            return ConstantFolding.fold(
                .conditional(
                    branches.map {
                        ConditionalBranch(
                            condition: substitute($0.condition, row),
                            result: substitute($0.result, row))
                    }, otherwise: substitute(otherwise, row), type))
        case .literal, .rowtime, .now: return node
        }
    }

    @Test("a filter keeps the rows where the condition is true, and reports the same failures")
    func filters() {
        Self.forEachRandom(600, types: [.boolean]) { text, bound, _, batch, chosen in
            let evaluator = ExpressionEvaluator(bound)
            let result = evaluator.evaluate(batch, now: 5)
            let (selection, errors) = evaluator.evaluateFilter(batch, now: 5)
            let column = result.column
            let expected = chosen.indices.filter {
                ExpressionFixture.literal(column, $0) == .boolean(true)
            }
            let actual = (0..<selection.count).map { Int(selection.pointer[$0]) }
            #expect(actual == expected, "\(text)")
            #expect(errors?.failedRows ?? [] == result.errors?.failedRows ?? [], "\(text)")
        }
    }

    @Test("slots of nulls hold zero bytes")
    func nullSlots() {
        Self.forEachRandom(500, types: Self.types) { text, bound, _, batch, _ in
            let column = ExpressionEvaluator(bound).evaluate(batch, now: 5).column
            for row in 0..<column.count where column.isNull(row) {
                switch column.type.stride {
                case 1: #expect(column.booleans[row] == 0, "\(text)")
                case 8: #expect(column.integers[row] == 0, "\(text)")
                default:
                    let isZero =
                        column.type == .string
                        ? column.strings[row].header == 0 : column.decimals[row] == 0
                    #expect(isZero, "\(text)")
                }
            }
        }
    }

    @Test(
        "comparisons of columns with literals take the fast path and agree with the slow one",
        arguments: [
            "s = 'a'", "s = 'hello'", "'abc' = s", "s <> 'longer than twelve bytes'", "i = 42",
            "i < 3", "3 < i", "i >= -1 and j <= 10 and s = 'abc'", "ts > timestamp '1999-01-01'",
            "full = 4", "full < 40 and 10 / j > 2",
            "full > 0 and full < 50 and length(s) > 2 and b", "full <> 4 and full > 0", "s = ''",
            "i between 0 and 10",
        ])
    func fastFilters(text: String) throws {
        let scope = ExpressionScope(owner: "input", schema: RandomExpression.schema)
        let bound = try ExpressionBinder.bind(text, in: scope).get()
        let plan = try #require(FilterPlan(bound.root))
        for round in 0..<40 {
            var source = RandomExpression(random: SeededRandom(seed: Self.seed + UInt64(round)))
            let (_, batch, _) = source.batch()
            let evaluated = ExpressionEvaluator(bound).evaluate(batch, now: 0)
            let column = evaluated.column
            let expected = (0..<column.count).filter {
                ExpressionFixture.literal(column, $0) == .boolean(true)
            }
            let (fast, errors) = try #require(plan.select(batch, now: 0))
            #expect(errors?.failedRows ?? [] == evaluated.errors?.failedRows ?? [])
            #expect((0..<fast.count).map { Int(fast.pointer[$0]) } == expected, "round \(round)")
        }
    }
}
