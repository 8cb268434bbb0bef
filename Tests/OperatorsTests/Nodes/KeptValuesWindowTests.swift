import TestSupport
import Testing

@testable import Operators

/// Aggregates that keep all values, over windows and restarts, against a loop over the rows.
@Suite("Kept values over windows")
struct KeptValuesWindowTests {
    private static let schema = Schema.of(["k": .bigint, "n": .bigint])
    private static let size: Int64 = 10
    private static let every: Int64 = 5

    private static func array(_ values: [Literal]) -> Literal {
        var writer = NestedWriter()
        for value in values {
            if case .bigint(let number) = value {
                writer.beginValue()
                writer.append(integer: number)
            } else {
                writer.appendNull()
            }
        }
        writer.endArray()
        return .string(writer.bytes)
    }

    /// Every window's groups in order: key, start, array, median.
    private static func expected(_ rows: [Row]) -> [[Literal]] {
        var result: [[Literal]] = []
        for start in stride(from: -every, through: 120, by: Int(every)) {
            let inside = rows.filter { $0.time >= start && $0.time < start + size }
            for key in Int64(0)..<3 {
                let group = inside.filter { $0.values[0] == .bigint(key) }
                if group.isEmpty { continue }
                func number(_ row: Row) -> Int64? {
                    if case .bigint(let value) = row.values[1] { return value }
                    return nil
                }
                let ordered = group.sorted { a, b in
                    if a.time != b.time { return a.time < b.time }
                    guard let x = number(a), let y = number(b) else {
                        return number(a) == nil && number(b) != nil
                    }
                    return x < y
                }
                let numbers = group.compactMap(number).sorted()
                let half = numbers.count / 2
                let middle: Literal =
                    numbers.isEmpty
                    ? .null
                    : numbers.count % 2 == 1
                        ? .double(Double(numbers[half]))
                        : .double(Double(numbers[half - 1] + numbers[half]) / 2)
                result.append([
                    .bigint(key), .timestamp(start), array(ordered.map { $0.values[1] }), middle,
                ])
            }
        }
        return result
    }

    @Test("give each window its own values, restored at any place")
    func windows() throws {
        for seed in testSeed..<testSeed + 20 {
            var random = SeededRandom(seed: seed)
            let window = AggregatePlan.Window(
                sizeMicros: Self.size, everyMicros: Self.every, offsetMicros: 0)
            let plan = Plans.aggregate(
                Self.schema, by: ["k": "k"],
                compute: ["list": "array_agg(n)", "middle": "median(n)"], window: window)
            var aggregate = WindowedAggregate(plan, window: window)
            var state = KeptState()
            let output = Collected()
            var rows: [Row] = []
            var watermark = Int64(0)
            for _ in 0..<12 {
                let batch = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                    let number = Int64.random(in: -1...3, using: &random)
                    return Row(
                        values: [
                            .bigint(Int64.random(in: 0..<3, using: &random)),
                            number < 0 ? .null : .bigint(number),
                        ], time: watermark + Int64.random(in: 0...8, using: &random),
                        watermark: watermark)
                }
                rows += batch
                aggregate.process(Batch(batch, Self.schema), input: 0, now: 0, to: output)
                if Bool.random(using: &random) {
                    watermark += Int64.random(in: 0...6, using: &random)
                    aggregate.advance(to: watermark, now: 0, to: output)
                }
                var changes = StateChanges()
                aggregate.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    aggregate = WindowedAggregate(plan, window: window)
                    try state.restore(into: aggregate, watermark: watermark, using: &random)
                }
            }
            aggregate.advance(to: 1000, now: 0, to: output)
            var changes = StateChanges()
            aggregate.capture(into: &changes)
            state.apply(changes)
            #expect(state.entries.isEmpty, "seed \(seed)")
            let found = output.rows.map { [$0.values[0], $0.values[1]] + $0.values.suffix(2) }
            func order(_ rows: [[Literal]]) -> [[Literal]] {
                rows.sorted { Reference.isLess([$0[1], $0[0]], [$1[1], $1[0]]) }
            }
            #expect(order(found) == order(Self.expected(rows)), "seed \(seed)")
            #expect(output.late.isEmpty && output.rejected.isEmpty)
        }
    }
}
