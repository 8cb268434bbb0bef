import TestSupport
import Testing

@testable import Operators

/// Nothing that anybody writes may stop the daemon: a text is bound or refused, a bound text
/// evaluated, and carets lie inside the text.
@Suite("Expressions: fuzz")
struct ExpressionFuzzTests {
    static let seed = testSeed

    static let tokens = [
        "(", ")", ",", ".", "+", "-", "*", "/", "%", "=", "<>", "<", ">=", "||", "::", "and", "or",
        "not", "in", "is", "like", "between", "case", "when", "then", "else", "end", "null", "true",
        "distinct", "from", "as", "escape", "cast", "bigint", "decimal(10,2)", "string", "double",
        "timestamp", "interval", "i", "s", "d", "b", "ts", "m", "rowtime", "'a'", "'1 day'",
        "'2026-01-01'", "''", "1", "0", "2.5", "1e9", "9223372036854775807", "$p", "count(",
        "sum(", "filter (where", "coalesce(", "substring(", "lpad(", "repeat(", "split_part(",
        "date_trunc('hour',", "extract(year from", "date_format(", "to_timestamp(", "round(",
        "trim(both", "position(", "greatest(", "nullif(", "now()", "power(", "-", "\"x\"", "é",
        "[", "]", "->", "->>", ":=", "array[", "struct(", "array<", "date '2026-01-31'", "json",
        "'[1]'", "array_agg(", "order by", "median(", "within group (", "any(", "split(", "slice(",
        "array_sort(", "cardinality(", "json_value(", "to_json(", "encode(", "bytes", "chr(",
        "'%_\\'", "99999999999999999999999999999999999999", "0.00000000000000000001",
    ]

    static let scope = ExpressionScope(
        owner: "input", schema: RandomExpression.schema, parameters: ["p": .bigint(1)])

    static func check(_ text: String, _ batch: Batch) -> String? {
        let count = text.utf8.count
        switch ExpressionBinder.bind(text, in: scope) {
        case .success(let bound):
            let column = ExpressionEvaluator(bound).evaluate(batch, now: 0).column
            if column.count != batch.count { return "count" }
            if column.type == .string {
                for row in 0..<column.count where !column.isNull(row) {
                    _ = column.strings[row].bytes.reduce(0) { $0 ^ $1 }
                }
            }
            if bound.type == .boolean {
                _ = ExpressionEvaluator(bound).evaluateFilter(batch, now: 0)
            }
            _ = bound.canonical
        case .failure(let failure):
            if failure.all.isEmpty { return "refused without a reason" }
            for one in failure.all
            where one.range.lowerBound < 0 || one.range.upperBound > max(count, 1) {
                return "range \(one.range) of \(count)"
            }
        }
        if case .failure(let failure) = ExpressionBinder.bindAggregate(
            text, in: scope, groupColumns: [Field("s", .string)]), failure.all.isEmpty
        {
            return "aggregate refused without a reason"
        }
        return nil
    }

    @Test("random words are bound or refused")
    func words() {
        var source = RandomExpression(random: SeededRandom(seed: Self.seed))
        let (_, batch, _) = source.batch()
        for round in 0..<6000 {
            let count = Int.random(in: 1...14, using: &source.random)
            let text = (0..<count).map { _ in source.random.pick(Self.tokens) }
                .joined(separator: " ")
            if let problem = Self.check(text, batch) {
                Issue.record("seed \(Self.seed) round \(round): \(text): \(problem)")
            }
        }
    }

    @Test("mutated expressions are bound or refused")
    func mutations() throws {
        let cases = try ExpressionGoldenTests.load()
        var source = RandomExpression(random: SeededRandom(seed: Self.seed))
        let (_, batch, _) = source.batch()
        for round in 0..<5000 {
            var text: [UInt8]
            if source.random.chance(2) {
                text = Array(source.random.pick(cases).expression.utf8)
            } else {
                text = Array(source.text(.boolean, depth: 2).utf8)
            }
            for _ in 0..<Int.random(in: 1...4, using: &source.random) where !text.isEmpty {
                let place = Int.random(in: 0..<text.count, using: &source.random)
                switch source.random.next() % 4 {
                case 0: text.remove(at: place)
                case 1: text[place] = UInt8(truncatingIfNeeded: source.random.next())
                case 2: text.insert(contentsOf: source.random.pick(Self.tokens).utf8, at: place)
                default:
                    let end = Int.random(in: place..<text.count, using: &source.random)
                    text.append(contentsOf: text[place...end])
                }
            }
            let string = String(decoding: text, as: UTF8.self)
            if let problem = Self.check(string, batch) {
                Issue.record("seed \(Self.seed) round \(round): \(string): \(problem)")
            }
        }
    }
}
