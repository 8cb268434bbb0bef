import TestSupport
import Testing

@testable import Operators

@Suite("Pattern")
struct PatternMatchTests {
    static let schema = Schema.of(["k": .bigint, "n": .bigint, "s": .string])
    private static let letters = ["a", "b", "c", "d"]

    /// Conditions that go by the row alone, and some that look back.
    private static let plain = ["a": "n < 5", "b": "n > 2", "c": "n % 2 = 0"]
    private static let looking = [
        "a": "n < 7", "b": "n > coalesce(last(n, 1), 0)", "c": "sum(c.n) < 14 AND count(a) > 0",
        "d": "n <> coalesce(a.n, 1) AND first(n) < 8",
    ]

    private static func number(_ row: Row) -> Int64 {
        if case .bigint(let number) = row.values[1] { return number }
        return 0
    }

    private static func takes(
        _ isLooking: Bool
    ) -> (Int, Row, [(row: Row, variable: Int)]) -> Bool {
        { variable, row, before in
            let n = number(row)
            guard isLooking else { return [n < 5, n > 2, n % 2 == 0, true][variable] }
            let all = before.map { number($0.row) }
            switch variable {
            case 0: return n < 7
            case 1: return n > all.last ?? 0
            case 2:
                let own = before.filter { $0.variable == 2 }.map { number($0.row) }
                return own.reduce(n, +) < 14 && before.contains { $0.variable == 0 }
            default:
                let a = before.last { $0.variable == 0 }.map { number($0.row) } ?? 1
                return n != a && (all.first ?? n) < 8
            }
        }
    }

    private static let measures = [
        "first(n)", "last(n)", "count(*)", "sum(n)", "a.n", "first(b.n, 1)", "last(c.n, 1)",
        "count(d)", "string_agg(a.s, ',')", "count(DISTINCT n)",
        "sum(b.n) FILTER (WHERE b.n % 2 = 1)", "last(rowtime) - first(rowtime)",
    ]

    static func plan(
        _ text: String, define: [String: String], measures: [String],
        within: Int64? = nil, skipsToNextRow: Bool = false, schema: Schema = Self.schema
    ) throws -> PatternPlan {
        let pattern = try ParsedPattern.parse(text)
        let scope = ExpressionScope(owner: "input", schema: schema)
        func bind(_ text: String, _ current: Int?) throws -> BoundMatchResult {
            try ExpressionBinder.bindMatch(
                text, in: scope, columnCount: schema.count, variables: pattern.variables,
                current: current
            ).get()
        }
        var calls: [MatchCall] = []
        let results = try measures.map { text in
            let bound = try bind(text, nil)
            var map: [Int: Int] = [:]
            for index in bound.calls.indices {
                map[schema.count + index] = schema.count + calls.count + index
            }
            calls += bound.calls
            return NamedExpression(name: text, expression: bound.result.remapped(map))
        }
        return PatternPlan(
            inputSchema: schema,
            partition: [NamedExpression(name: "k", expression: .column(0, schema[0]))],
            order: RowOrder(items: []), pattern: pattern,
            conditions: try pattern.variables.enumerated().map { index, name in
                try define[name].map { try bind($0, index) }
            }, calls: calls, measures: results, withinMicros: within,
            skipsToNextRow: skipsToNextRow)
    }

    /// The row that a match gives.
    private static func row(_ rows: [Row], _ variables: [Int], _ names: [String]) -> Row {
        let n = rows.map(number)
        func of(_ letter: String) -> [Row] {
            zip(rows, variables).filter { letters[$1] == letter }.map(\.0)
        }
        func value(_ rows: [Row], _ place: Int) -> Literal {
            rows.indices.contains(place) ? rows[place].values[1] : .null
        }
        let texts = of("a").map { $0.values[2] }.filter { $0 != .null }
        let odd = of("b").map(number).filter { $0 % 2 == 1 }
        let joined = texts.map(\.plainText).map { $0.dropFirst().dropLast() }
            .joined(separator: ",")
        func known(_ letter: String, _ value: Literal) -> Literal? {
            names.contains(letter) ? value : nil
        }
        let values: [Literal?] = [
            rows[0].values[0], .bigint(n[0]), .bigint(n[n.count - 1]), .bigint(Int64(n.count)),
            .bigint(n.reduce(0, +)), known("a", value(of("a"), of("a").count - 1)),
            known("b", value(of("b"), 1)), known("c", value(of("c"), of("c").count - 2)),
            known("d", .bigint(Int64(of("d").count))),
            known("a", texts.isEmpty ? .null : .text(joined)), .bigint(Int64(Set(n).count)),
            known("b", odd.isEmpty ? .null : .bigint(odd.reduce(0, +))),
            .interval(rows[rows.count - 1].time - rows[0].time),
        ]
        return Row(values: values.compactMap { $0 }, time: rows[rows.count - 1].time)
    }

    /// The measures whose variables the pattern has.
    private static func measures(_ names: [String]) -> [String] {
        measures.filter { text in
            letters.allSatisfy { letter in
                names.contains(letter)
                    || !(text.contains("\(letter).") || text.contains("(\(letter))"))
            }
        }
    }

    private static func expected(
        _ model: PatternModel, _ arrived: [ArrivedRow], _ names: [String]
    ) -> [Literal: [Row]] {
        var result: [Literal: [Row]] = [:]
        let sorted = ReferenceOrder(items: []).sorted(arrived).map(\.row)
        for (key, rows) in Dictionary(grouping: sorted, by: { $0.values[0] }) {
            let rows = rows.map { row in
                var plain = row
                plain.watermark = .min
                return plain
            }
            let matches = model.matches(rows).map { match in
                let taken = Array(rows[match.start..<match.start + match.variables.count])
                return Self.row(taken, match.variables, names)
            }
            if !matches.isEmpty { result[key] = matches }
        }
        return result
    }

    @Test(
        "gives what going back gives, for random patterns, over restarts",
        arguments: [false, true], [false, true])
    func random(isLooking: Bool, skipsToNextRow: Bool) throws {
        var matchCount = 0
        for seed in testSeed..<testSeed + 60 {
            var random = SeededRandom(seed: seed)
            let pattern = ModelPattern.whole(using: &random)
            let within: Int64? = [nil, 3, 12].randomElement(using: &random) ?? nil
            let names = try ParsedPattern.parse(pattern.text).variables
            // A condition may only name variables of the pattern.
            var define = isLooking ? Self.looking : Self.plain
            if !names.contains("a") && isLooking { continue }
            define = define.filter { names.contains($0.key) }
            let plan = try Self.plan(
                pattern.text, define: define, measures: Self.measures(names), within: within,
                skipsToNextRow: skipsToNextRow)
            let model = PatternModel(
                pattern: pattern, within: within, skipsToNextRow: skipsToNextRow,
                takes: Self.takes(isLooking))
            let place = "seed \(seed): \(pattern.text), within \(within ?? -1)"
            matchCount += try run(plan, model, names, place, using: &random)
        }
        #expect(matchCount > 100)
    }

    private func run(
        _ plan: PatternPlan, _ model: PatternModel, _ names: [String], _ place: String,
        using random: inout SeededRandom
    ) throws -> Int {
        var node = PatternMatch(plan)
        var state = KeptState()
        var arrived: [ArrivedRow] = []
        var given: [Row] = []
        var watermark = Int64.min
        var passed = Int64.min
        var highest: Int64 = 0
        for step in 0..<8 {
            let output = Collected()
            var lateCount = 0
            let rows = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                var row = Row(
                    values: [
                        .bigint(Int64.random(in: 0...1, using: &random)),
                        .bigint(Int64.random(in: 0...9, using: &random)),
                        Bool.random(using: &random) ? .null : .text("x"),
                    ], time: highest + Int64.random(in: -4...3, using: &random))
                row.watermark = highest - 3
                highest = max(highest, row.time)
                if row.time < max(row.watermark, watermark) {
                    lateCount += 1
                } else {
                    arrived.append(ArrivedRow(row: row, input: 0, number: arrived.count))
                }
                return row
            }
            node.process(
                Batch(rows, Self.schema, padding: step % 2 == 0), input: 0, now: 0, to: output)
            watermark = max(watermark, highest - 3)
            node.advance(to: watermark, now: 0, to: output)
            #expect(output.late.count + output.fired.count == lateCount, "\(place)")
            #expect(output.reasons.isEmpty, "\(place)")
            // Nothing is older than the watermark that has been passed on.
            #expect(output.rows.allSatisfy { $0.time >= passed }, "\(place), step \(step)")
            passed = watermark - node.holdMicros
            given += output.rows
            var changes = StateChanges()
            node.capture(into: &changes)
            state.apply(changes)
            #expect(state.entries.count == node.stateSize.entries, "\(place)")
            if Bool.random(using: &random) {
                node = PatternMatch(plan)
                try state.restore(into: node, watermark: watermark, using: &random)
                #expect(watermark - node.holdMicros == passed, "\(place), step \(step)")
            }
        }
        let output = Collected()
        node.advance(to: .max, now: 0, to: output)
        given += output.rows
        #expect(node.stateSize.entries == 0, "\(place)")
        let byKey = Dictionary(grouping: given) { $0.values[0] }
        #expect(byKey == Self.expected(model, arrived, names), "\(place)")
        return given.count
    }

    @Test("gives the same rows in the same order for every way to cut its input")
    func everySplit() throws {
        var random = SeededRandom(seed: testSeed)
        let plan = try Self.plan(
            "a b* c", define: ["b": "n >= a.n", "c": "n < a.n"], measures: ["count(*)"],
            within: 6)
        let rows = (0..<10).map { index in
            Row(
                values: [
                    .bigint(Int64(index % 2)), .bigint(Int64.random(in: 0...4, using: &random)),
                    .null,
                ], time: Int64(index) + Int64.random(in: 0...1, using: &random))
        }
        var first: [Row]?
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            var state = KeptState()
            var rest = rows[...]
            let output = Collected()
            var watermark = Int64.min
            for length in lengths + [0] {
                let node = PatternMatch(plan)
                try state.restore(into: node, watermark: watermark, using: &random)
                let part = Array(rest.prefix(length))
                node.process(Batch(part, Self.schema), input: 0, now: 0, to: output)
                rest = rest.dropFirst(length)
                watermark = length == 0 ? .max : max(watermark, (part.map(\.time).max() ?? 0) - 2)
                node.advance(to: watermark, now: 0, to: output)
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
            }
            first = first ?? output.rows
            #expect(output.rows == first, "seed \(testSeed), \(lengths)")
        }
        #expect(first?.isEmpty == false)
    }

    private func row(_ n: Int64, at time: Int64) -> Row {
        Row(values: [.bigint(0), .bigint(n), .null], time: time)
    }

    @Test("a hostile pattern over rows that match it in very many ways takes no time")
    func hostile() throws {
        let text = "(a | b)* (a | c)+ (a b? c?){0,50} d"
        let define = ["a": "n > 0", "b": "n > 0", "c": "n > 0", "d": "n < 0"]
        let node = PatternMatch(
            try Self.plan(text, define: define, measures: ["count(*)"]))
        let rows = (0..<2000).map { row($0 == 1999 ? -1 : 1, at: Int64($0)) }
        let output = Collected()
        node.process(Batch(rows, Self.schema), input: 0, now: 0, to: output)
        node.advance(to: .max, now: 0, to: output)
        #expect(output.rows.map { $0.values[1] } == [.bigint(2000)])
    }

    @Test("an attempt with too many open ways ends, and its first row is set aside")
    func tooAmbiguous() throws {
        let define = ["a": "n > coalesce(count(b), 0) - 100", "b": "n > -1", "c": "n < 0"]
        let node = PatternMatch(
            try Self.plan("(a | b)* c", define: define, measures: ["count(*)"]))
        let rows = (0..<30).map { row(1, at: Int64($0)) }
        let output = Collected()
        node.process(Batch(rows, Self.schema), input: 0, now: 0, to: output)
        node.advance(to: 1000, now: 0, to: output)
        #expect(output.rejected.count > 10)
        #expect(
            output.reasons.first?.hasPrefix("cannot match the pattern from this row on") == true)
        #expect(output.rows.isEmpty)
    }

    @Test("frees its rows when the time of a match has passed, and lets the watermark go on")
    func freed() throws {
        let plan = try Self.plan(
            "a b*? c", define: ["a": "n = 0", "c": "n = 9"], measures: ["count(*)"],
            within: 10)
        let node = PatternMatch(plan)
        let rows = [row(0, at: 0), row(1, at: 5), row(0, at: 8), row(1, at: 30)]
        node.process(Batch(rows, Self.schema), input: 0, now: 0, to: Collected())
        node.advance(to: 10, now: 0, to: Collected())
        #expect(node.stateSize.entries == 4 && node.holdMicros == 10)
        node.advance(to: 12, now: 0, to: Collected())
        #expect(node.stateSize.entries == 2 && node.holdMicros == 4)
        node.advance(to: 31, now: 0, to: Collected())
        #expect(node.stateSize.entries == 0 && node.holdMicros == 0)
    }

    @Test(
        "refuses what is no pattern",
        arguments: [
            ("", "ends where a variable"), ("a |", "ends where a variable"),
            ("a*", "must take a row"), ("(a?)* b", "what is repeated"),
            ("a{3,2}", "a count in braces"),
            ("a{}", "a count in braces"), ("a{0} b", "a count in braces"), ("(a", "not closed"),
            ("a)", "closes nothing"), ("a, b", "no place here"), ("*", "no place here"),
            ("a{2", "a count in braces"), ("((a{1000}){1000}){1000}", "too large"),
            ("1a", "no place here"), ("é", "no place here"),
        ])
    func wrong(_ text: String, _ cause: String) {
        let error = #expect(throws: ExpressionDiagnostic.self) {
            _ = try ParsedPattern.parse(text)
        }
        #expect(error?.message.contains(cause) == true, "\(error?.message ?? "")")
        #expect((error?.range.upperBound ?? 0) <= text.utf8.count)
    }

    @Test("never traps on random text")
    func fuzz() {
        var random = SeededRandom(seed: testSeed)
        let alphabet = Array("ab ()|*+?{}1,2é".utf8)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...14, using: &random)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            if let pattern = try? ParsedPattern.parse(String(decoding: bytes, as: UTF8.self)) {
                #expect(!PatternProgram(pattern.root).instructions.isEmpty)
            }
        }
    }
}
