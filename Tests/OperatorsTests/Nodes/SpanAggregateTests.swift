import TestSupport
import Testing

@testable import Operators

@Suite("Aggregate over windows of any bounds")
struct SpanAggregateTests {
    private static let schema = Schema(
        Reference.schema.fields + [Field("from", .timestamp), Field("until", .timestamp)])
    private static let window = AggregatePlan.Window(
        sizeMicros: 12, everyMicros: 4, offsetMicros: 5)

    private struct Form {
        var spans: any WindowSpans
        var key: [Int]
        var grace: Int64

        func make() -> SpanAggregate {
            let plan = Plans.aggregate(
                SpanAggregateTests.schema, by: key == [1] ? ["g": "g"] : ["k": "k", "g": "g"],
                compute: Reference.compute, window: SpanAggregateTests.window, grace: grace)
            return SpanAggregate(plan, spans: spans)
        }

        /// The bounds of a row's windows.
        func windows(_ row: Row) -> [[Int64]] {
            if spans is InheritedSpans {
                guard case .timestamp(let start) = row.values[8],
                    case .timestamp(let end) = row.values[9]
                else { return [] }
                return [[end, start]]
            }
            let start: Int64 = (row.time - 11...row.time).first { ($0 - 5) % 12 == 0 } ?? 0
            var windows: [[Int64]] = []
            for size: Int64 in [4, 8, 12] where start + size > row.time {
                windows.append([start + size, start])
            }
            return windows
        }
    }

    private static let forms = [
        Form(spans: InheritedSpans(start: 8, end: 9), key: [1], grace: 0),
        Form(spans: InheritedSpans(start: 8, end: 9), key: [0, 1], grace: 3),
        Form(spans: CumulativeSpans(window: window), key: [1], grace: 0),
        Form(spans: CumulativeSpans(window: window), key: [0, 1], grace: 3),
    ]

    private static func row(time: Int64, using random: inout SeededRandom) -> Row {
        var row = Reference.row(time: time, using: &random)
        let start = time - Int64.random(in: 0...3, using: &random)
        let end = time + Int64.random(in: 1...4, using: &random)
        row.values += [.timestamp(start), .timestamp(end)]
        return row
    }

    /// What windows whose results are due in `from..<=to` give.
    private static func expected(
        _ placed: [(window: [Int64], row: Row)], _ form: Form, after: Int64, to: Int64
    ) -> [Row] {
        var groups: [[Literal]: [[Literal]]] = [:]
        for (window, row) in placed {
            let due = window[0] + form.grace
            guard due > after, due <= to else { continue }
            let bounds: [Literal] = window.map { .timestamp($0) }
            groups[bounds + form.key.map { row.values[$0] }, default: []].append(row.values)
        }
        return groups.sorted { Reference.isLess($0.key, $1.key) }.map { key, rows in
            guard case .timestamp(let end) = key[0] else { return Row(values: [], time: 0) }
            return Row(
                values: Array(key[2...]) + [key[1], key[0]] + Reference.results(rows),
                time: end - 1)
        }
    }

    @Test("gives what a reference gives, over restarts", arguments: 0..<forms.count)
    func random(_ index: Int) throws {
        let form = Self.forms[index]
        for seed in testSeed..<testSeed + 6 {
            var random = SeededRandom(seed: seed)
            var node = form.make()
            var state = KeptState()
            var placed: [(window: [Int64], row: Row)] = []
            var watermark: Int64 = 0
            var highest: Int64 = 0
            node.advance(to: watermark, now: 0, to: Collected())
            for step in 0..<30 {
                var late: [[Literal]] = []
                var fired: [[Literal]] = []
                let rows = (0..<Int.random(in: 1...10, using: &random)).map { _ in
                    let time = max(0, highest + Int64.random(in: -12...3, using: &random))
                    var row = Self.row(time: time, using: &random)
                    row.watermark = highest - 4
                    highest = max(highest, time)
                    var isPlaced = false
                    var hasFired = false
                    for window in form.windows(row) where row.watermark < window[0] + form.grace {
                        if window[0] + form.grace <= watermark {
                            hasFired = true
                        } else {
                            isPlaced = true
                            placed.append((window, row))
                        }
                    }
                    if !isPlaced && hasFired { fired.append(row.values) }
                    if !isPlaced && !hasFired { late.append(row.values) }
                    return row
                }
                let output = Collected()
                node.process(
                    Batch(rows, Self.schema, padding: step % 2 == 0), input: 0, now: 0, to: output)
                #expect(output.late.map(\.values) == late, "seed \(seed), step \(step)")
                #expect(output.fired.map(\.values) == fired, "seed \(seed), step \(step)")
                let ahead = Int64([-9, -4, -4, 2].randomElement(using: &random) ?? 0)
                let next = max(watermark, highest + ahead)
                node.advance(to: next, now: 0, to: output)
                #expect(
                    output.rows == Self.expected(placed, form, after: watermark, to: next),
                    "seed \(seed), step \(step)")
                watermark = next
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
                if Bool.random(using: &random) {
                    node = form.make()
                    try state.restore(into: node, watermark: watermark, using: &random)
                }
            }
            node.advance(to: .max, now: 0, to: Collected())
            #expect(node.stateSize.entries == 0)
        }
    }

    @Test(
        "gives the same for every way to cut its input, restarted at every cut",
        arguments: [0, 2])
    func everySplit(_ index: Int) throws {
        let form = Self.forms[index]
        var random = SeededRandom(seed: testSeed)
        let rows = (0..<8).map { _ in
            Self.row(time: Int64.random(in: 0...20, using: &random), using: &random)
        }
        let placed = rows.flatMap { row in form.windows(row).map { (window: $0, row: row) } }
        let expected = Self.expected(placed, form, after: .min, to: .max)
        for lengths in OperatorsTests.everySplit(of: rows.count) {
            var state = KeptState()
            var rest = rows[...]
            let output = Collected()
            for length in lengths + [0] {
                let node = form.make()
                try state.restore(into: node, watermark: .min, using: &random)
                node.process(
                    Batch(Array(rest.prefix(length)), Self.schema), input: 0, now: 0, to: output)
                rest = rest.dropFirst(length)
                if length == 0 { node.advance(to: .max, now: 0, to: output) }
                var changes = StateChanges()
                node.capture(into: &changes)
                state.apply(changes)
            }
            #expect(output.rows == expected, "seed \(testSeed), \(lengths)")
        }
    }

    // MARK: Days of a place

    private static func micros(_ text: String) -> Int64? {
        Array(text.utf8).withUnsafeBufferPointer { Timestamp.parseRFC3339($0) }
    }

    private static func text(_ micros: Int64) -> String {
        var bytes = [UInt8](repeating: 0, count: Timestamp.textBytesMax)
        let count = bytes.withUnsafeMutableBufferPointer {
            $0.baseAddress.map { Timestamp.write(micros, into: $0) } ?? 0
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The windows of rows at some moments, `[start, end, rows]` in the order in which they fire.
    private static func windows(
        _ times: [String], days: Int64, every: Int64? = nil, offset: Int64 = 0,
        isCumulative: Bool = false, zone: String = "Europe/Berlin"
    ) throws -> [[String]] {
        let day: Int64 = 86_400_000_000
        let window = AggregatePlan.Window(
            sizeMicros: days * day, everyMicros: every ?? days * day, offsetMicros: offset)
        let plan = Plans.aggregate(
            Schema.of(["k": .bigint]), by: [:], compute: ["rows": "count(*)"], window: window)
        let node = SpanAggregate(
            plan, zone: try TimeZoneRules.named(zone), window: window,
            isCumulative: isCumulative)
        let output = Collected()
        let rows = try times.map {
            Row(values: [.bigint(1)], time: try #require(Self.micros($0)))
        }
        node.process(Batch(rows, plan.inputSchema), input: 0, now: 0, to: output)
        node.advance(to: .max, now: 0, to: output)
        return output.rows.map { row in
            row.values.map { value in
                if case .timestamp(let micros) = value { return Self.text(micros) }
                return value.plainText
            }
        }
    }

    @Test("of a place have 23 hours in spring and 25 in autumn")
    func zonedDays() throws {
        let spring = try Self.windows(
            [
                "2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z",
                "2026-03-29T22:00:00Z",
            ], days: 1)
        #expect(
            spring == [
                ["2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "1"],
                ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2"],
                ["2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z", "1"],
            ])
        let autumn = try Self.windows(
            ["2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"], days: 1)
        #expect(
            autumn == [
                ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2"],
                ["2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z", "1"],
            ])
    }

    @Test("of a place hop by days, begin at an hour, and grow to the day's end")
    func zonedKinds() throws {
        let day: Int64 = 86_400_000_000
        let hopping = try Self.windows(["2026-10-25T23:30:00Z"], days: 2, every: day)
        #expect(
            hopping == [
                ["2026-10-24T22:00:00Z", "2026-10-26T23:00:00Z", "1"],
                ["2026-10-25T23:00:00Z", "2026-10-27T23:00:00Z", "1"],
            ])
        // At 02:30, which is there twice: the first time.
        let offset = try Self.windows(
            ["2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z"], days: 1,
            offset: 9_000_000_000)
        #expect(
            offset == [
                ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "1"],
                ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2"],
            ])
        // Where midnight itself comes twice.
        let azores = try Self.windows(
            [
                "2026-10-24T23:59:59Z", "2026-10-25T00:00:00Z", "2026-10-25T00:59:59Z",
                "2026-10-25T01:00:00Z", "2026-10-26T01:00:00Z",
            ], days: 1, zone: "Atlantic/Azores")
        #expect(
            azores == [
                ["2026-10-24T00:00:00Z", "2026-10-25T00:00:00Z", "1"],
                ["2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z", "3"],
                ["2026-10-26T01:00:00Z", "2026-10-27T01:00:00Z", "1"],
            ])
        let grown = try Self.windows(
            ["2026-10-25T10:30:00Z"], days: 1, every: day / 2, isCumulative: true)
        #expect(
            grown == [
                ["2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z", "1"],
                ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "1"],
            ])
        let short = try Self.windows(
            ["2026-03-29T00:00:00Z"], days: 1, every: day / 2, isCumulative: true)
        #expect(
            short == [
                ["2026-03-28T23:00:00Z", "2026-03-29T11:00:00Z", "1"],
                ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "1"],
            ])
    }
}
