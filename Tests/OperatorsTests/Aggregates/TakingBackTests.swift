import TestSupport
import Testing

@testable import Operators

/// Aggregates of rows that come and go, against a reference that looks at all rows that stand.
@Suite("Aggregates that take back")
struct TakingBackTests {
    private static let compute: KeyValuePairs<String, String> = [
        "n_min": "min(n)", "n_max": "max(n)", "s_min": "min(s)", "s_max": "max(s)",
        "s_first": "first(s)", "s_last": "last(s)", "low": "arg_min(s, n)",
        "high": "arg_max(n, s)", "all": "bool_and(b)", "any": "bool_or(b)",
        "texts": "string_agg(s, ',')", "some": "string_agg(DISTINCT s, ',')",
        "s_distinct": "count(DISTINCT s)", "n_distinct": "sum(DISTINCT n)",
        "filtered": "max(n) FILTER (WHERE b)",
        "filtered_distinct": "count(DISTINCT n) FILTER (WHERE NOT b)",
        "spread": "var_pop(n)",
        "list": "array_agg(n)", "sorted": "array_agg(n ORDER BY s DESC)",
        "middle": "percentile_cont(n, 0.5)", "low_third": "percentile_disc(n, 0.3)",
    ]

    /// Positions in rows of ``Reference/schema``.
    private static let n = 2
    private static let s = 5
    private static let b = 7

    private static func results(_ rows: [Row]) -> [Literal] {
        func values(_ index: Int, of rows: [Row]) -> [Literal] {
            rows.map { $0.values[index] }.filter { $0 != .null }
        }
        func sorted(_ values: [Literal]) -> [Literal] { values.sorted(by: Reference.isLess) }
        /// The values of a column by another, then by themselves.
        func ordered(_ index: Int, by order: (Row) -> Literal) -> [Literal] {
            rows.map { [order($0), $0.values[index]] }
                .filter { !$0.contains(.null) }.sorted { Reference.isLess($0, $1) }.map { $0[1] }
        }
        func joined(_ texts: [Literal]) -> Literal {
            let parts = texts.compactMap { text -> [UInt8]? in
                if case .string(let bytes) = text { return bytes }
                return nil
            }
            return parts.isEmpty ? .null : .string(Array(parts.joined(separator: [0x2c])))
        }
        func unique(_ values: [Literal]) -> [Literal] {
            values.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        }
        /// Pairs of an order and a value as an array; null orders are last, or first.
        func array(_ pairs: [[Literal]], isDescending: Bool = false) -> Literal {
            func isLess(_ a: Literal, _ b: Literal) -> Bool? {
                if a == b { return nil }
                if a == .null || b == .null { return b == .null }
                return Reference.isLess([a], [b])
            }
            let sorted = pairs.sorted { a, b in
                if let less = isLess(a[0], b[0]) { return less }
                // Of one order null stands before other values.
                if a[1] == .null || b[1] == .null { return a[1] == .null && b[1] != .null }
                return Reference.isLess([a[1]], [b[1]])
            }
            var writer = NestedWriter()
            for pair in isDescending ? sorted.reversed() : sorted {
                if case .bigint(let value) = pair[1] {
                    writer.beginValue()
                    writer.append(integer: value)
                } else {
                    writer.appendNull()
                }
            }
            writer.endArray()
            return .string(writer.bytes)
        }
        func middle(_ sorted: [Double]) -> Literal {
            guard !sorted.isEmpty else { return .null }
            let half = sorted.count / 2
            return .double(
                sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2)
        }
        func number(_ literal: Literal) -> Int64 {
            if case .bigint(let value) = literal { return value }
            return 0
        }
        let numbers = values(n, of: rows)
        let texts = values(s, of: rows)
        let flags = values(b, of: rows)
        let isTrue = rows.filter { $0.values[b] == .boolean(true) }
        let isFalse = rows.filter { $0.values[b] == .boolean(false) }
        let byTime = ordered(s) { .timestamp($0.time) }
        let different = Set(numbers)
        let sum = different.reduce(0) { $0 + number($1) }
        let all = numbers.map { Double(number($0)) }
        let mean = all.reduce(0, +) / Double(all.count)
        let spread = all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)
        return [
            sorted(numbers).first ?? .null, sorted(numbers).last ?? .null,
            sorted(texts).first ?? .null, sorted(texts).last ?? .null,
            byTime.first ?? .null, byTime.last ?? .null,
            ordered(s) { $0.values[n] }.first ?? .null,
            ordered(n) { $0.values[s] }.last ?? .null,
            flags.isEmpty ? .null : .boolean(!flags.contains(.boolean(false))),
            flags.isEmpty ? .null : .boolean(flags.contains(.boolean(true))),
            joined(byTime), joined(unique(byTime)),
            .bigint(Int64(Set(texts).count)), different.isEmpty ? .null : .bigint(sum),
            sorted(values(n, of: isTrue)).last ?? .null,
            .bigint(Int64(Set(values(n, of: isFalse)).count)),
            all.isEmpty ? .null : .double(spread),
            array(rows.map { [.timestamp($0.time), $0.values[n]] }),
            array(rows.map { [$0.values[s], $0.values[n]] }, isDescending: true),
            middle(numbers.map { Double(number($0)) }.sorted()),
            numbers.isEmpty
                ? .null
                : sorted(numbers)[max(0, Int((0.3 * Double(numbers.count)).rounded(.up)) - 1)],
        ]
    }

    /// Equal, doubles up to rounding.
    private static func agree(_ a: [Literal], _ b: [Literal]) -> Bool {
        zip(a, b).allSatisfy { one, other in
            if case .double(let x) = one, case .double(let y) = other { return abs(x - y) < 1e-9 }
            return one == other
        }
    }

    @Test("gives what the standing rows give, over restarts")
    func random() throws {
        var plan = Plans.aggregate(Reference.schema, by: ["g": "g"], compute: Self.compute)
        plan.calls = plan.calls.map(\.takingBack)
        for seed in testSeed..<testSeed + 4 {
            var random = SeededRandom(seed: seed)
            var standing: [Row] = []
            var given: [Literal: [Literal]] = [:]
            var aggregate = RunningAggregate(plan)
            var state = KeptState()
            for step in 0..<120 {
                var rows: [Row] = []
                // Phases of growing and of shrinking, down to nothing.
                let odds = step / 20 % 2 == 0 ? 3 : 8
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    if Int.random(in: 0..<10, using: &random) < odds, !standing.isEmpty {
                        var row = standing.remove(
                            at: Int.random(in: 0..<standing.count, using: &random))
                        row.weight = -1
                        rows.append(row)
                    } else {
                        let time = Int64.random(in: 0...9, using: &random)
                        let row = Reference.row(time: time, using: &random)
                        standing.append(row)
                        rows.append(row)
                    }
                }
                let output = Collected()
                aggregate.process(Batch(rows, Reference.schema), input: 0, now: 0, to: output)
                #expect(output.rejected.isEmpty)
                for row in output.rows {
                    given[row.values[0]] = row.weight > 0 ? Array(row.values.dropFirst()) : nil
                }
                let groups = Dictionary(grouping: standing) { $0.values[1] }
                #expect(Set(given.keys) == Set(groups.keys), "seed \(seed), step \(step)")
                for (key, rows) in groups {
                    let expected = Self.results(rows)
                    let actual = given[key] ?? []
                    #expect(
                        Self.agree(actual, expected),
                        "seed \(seed), step \(step): \(actual), expected \(expected)")
                }
                var changes = StateChanges()
                aggregate.capture(into: &changes)
                state.apply(changes)
                if standing.isEmpty { #expect(state.entries.isEmpty, "step \(step)") }
                if Int.random(in: 0..<3, using: &random) == 0 {
                    aggregate = RunningAggregate(plan)
                    try state.restore(into: aggregate, watermark: .min, using: &random)
                }
            }
        }
    }

    @Test("forgets values that have left, with and without checkpoints", arguments: [false, true])
    func bounded(hasCheckpoints: Bool) {
        let set = ValueSet(end: .largest)
        for number in 0..<20_000 {
            let bytes = Array("value \(number)".utf8)
            bytes.withUnsafeBufferPointer { bytes in
                #expect(set.add(StringView(bytes), weight: 1) == 1)
                #expect(set.extreme().map { $0 == StringView(bytes) } == true)
                #expect(set.add(StringView(bytes), weight: -1) == -1)
                #expect(set.add(StringView(bytes), weight: -1) == 0, "there is none left")
            }
            #expect(set.extreme() == nil)
            if hasCheckpoints, number % 7 == 0 { set.takeChanges { _, _ in } }
        }
        #expect(set.entryCount < 100)
    }
}
