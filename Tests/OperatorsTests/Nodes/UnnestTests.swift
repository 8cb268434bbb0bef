import TestSupport
import Testing

@testable import Operators

/// `unnest` against a loop over rows and elements.
@Suite("Unnest")
struct UnnestTests {
    private static let schema = Schema.of(["k": .bigint, "xs": .array(.string)])

    private static func array(_ elements: [String?]) -> Literal {
        var writer = NestedWriter()
        for element in elements {
            guard let element else {
                writer.appendNull()
                continue
            }
            writer.beginValue()
            Array(element.utf8).withUnsafeBufferPointer { writer.append(text: $0) }
        }
        writer.endArray()
        return .string(writer.bytes)
    }

    /// A row and the elements of its array; nil for a null one.
    private static func random(
        _ key: Int64, using random: inout SeededRandom
    ) -> (Row, [String?]?) {
        var elements: [String?]?
        if Int.random(in: 0..<6, using: &random) > 0 {
            elements = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                ["a", "", "x\u{0}y", nil].randomElement(using: &random) ?? nil
            }
        }
        let time = Int64.random(in: 0...5, using: &random)
        let row = Row(
            values: [.bigint(key), elements.map(array) ?? .null], time: time,
            weight: Int.random(in: 0..<4, using: &random) == 0 ? -1 : 1,
            watermark: time + (Bool.random(using: &random) ? 1 : -1))
        return (row, elements)
    }

    @Test(
        "gives a row an element, with the row's time and weight",
        arguments: [false, true], [false, true])
    func model(replaces: Bool, keepsEmpty: Bool) {
        for seed in testSeed..<testSeed + 10 {
            var random = SeededRandom(seed: seed)
            let hasPosition = Bool.random(using: &random)
            let unnest = Unnest(
                UnnestPlan(
                    inputSchema: Self.schema, column: 1, replaces: replaces,
                    hasPosition: hasPosition, keepsEmpty: keepsEmpty))
            let made = (0..<40).map { Self.random(Int64($0), using: &random) }
            var expected: [Row] = []
            for (row, elements) in made {
                func add(_ element: Literal, _ position: Literal) {
                    var result = row
                    if replaces {
                        result.values[1] = element
                    } else {
                        result.values.append(element)
                    }
                    if hasPosition { result.values.append(position) }
                    result.watermark = .min
                    expected.append(result)
                }
                for (index, element) in (elements ?? []).enumerated() {
                    add(element.map { .text($0) } ?? .null, .bigint(Int64(index + 1)))
                }
                if keepsEmpty, elements?.isEmpty ?? true { add(.null, .null) }
            }
            let output = Collected()
            var rest = made.map(\.0)[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...rest.count, using: &random)
                let batch = Batch(
                    Array(rest.prefix(count)), Self.schema, padding: Bool.random(using: &random))
                unnest.process(batch, input: 0, now: 0, to: output)
                rest = rest.dropFirst(count)
            }
            #expect(output.rows == expected, "seed \(seed)")
            #expect(output.rejected.isEmpty)
        }
    }

    @Test("passes long results on in pieces, each with its rows' watermarks")
    func pieces() {
        let long = Row(
            values: [.bigint(1), Self.array(Array(repeating: "x", count: 20_000))], time: 5,
            watermark: 7)
        let output = WatermarkCollector()
        let unnest = Unnest(
            UnnestPlan(
                inputSchema: Self.schema, column: 1, replaces: true, hasPosition: true,
                keepsEmpty: false))
        unnest.process(Batch([long], Self.schema), input: 0, now: 0, to: output)
        #expect(output.counts == [8192, 8192, 3616])
        #expect(output.watermarks == Array(repeating: 7, count: 20_000))
    }

    private final class WatermarkCollector: OperatorOutput {
        var counts: [Int] = []
        var watermarks: [Int64] = []

        func emit(_ batch: Batch) {
            counts.append(batch.count)
            let values = batch.denseRowWatermarks
            watermarks += (0..<batch.count).map {
                values?.pointer(to: Int64.self)[$0] ?? batch.watermark
            }
        }

        func emitLate(_ batch: Batch, wasInTime: Bool) {}
        func countLate(_ count: Int, wasInTime: Bool) {}
        func emitUnmatched(_ batch: Batch) {}
        func reject(_ batch: Batch, schema: Schema, reasons: [String]) {}
    }
}
