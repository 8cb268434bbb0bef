import TestSupport
import Testing

@testable import Operators

@Suite("Accumulators")
struct AccumulatorTests {
    /// Feeds values, all to one group, and asks; through a checkpoint if `isRestored`.
    private func result(
        _ function: AggregateFunction, _ type: ColumnType, _ values: [Literal],
        weights: [Int32]? = nil, isRestored: Bool
    ) -> String {
        let field = Field("x", type)
        let resultType = AggregateTypes.result(function, of: type) ?? type
        var call = AggregateCall(
            function: function, argument: .column(0, field), isDistinct: false, filter: nil,
            type: resultType)
        if weights != nil { call = call.takingBack }
        var accumulator = makeAccumulator(call)
        accumulator.reserve(2)
        for (index, value) in values.enumerated() {
            let argument = ExpressionFixture.column(type, [value])
            if let weights {
                accumulator.update([1], count: 1, argument: argument, weights: [weights[index]])
            } else {
                accumulator.update([1], count: 1, argument: argument, weights: nil)
            }
            guard isRestored else { continue }
            var bytes: [UInt8] = []
            accumulator.write(1, to: &bytes)
            accumulator = makeAccumulator(call)
            accumulator.reserve(2)
            let isRead = bytes.withUnsafeBufferPointer { bytes in
                var reader = ByteReader(bytes)
                return accumulator.read(1, from: &reader) && reader.isAtEnd
            }
            #expect(isRead)
        }
        var failed: [Int: String] = [:]
        let column = accumulator.result([0, 1], failed: &failed)
        #expect(column.count == 2)
        let empty = ExpressionFixture.literal(column, 0)
        #expect(empty == (function == .count || function == .countRows ? .bigint(0) : .null))
        return failed[1] ?? ExpressionFixture.literal(column, 1).plainText
    }

    private static let nines = Int128(10).multiplied(times: 38) - 1
    private static let wide = ColumnType.decimal(precision: 38, scale: 0)
    private static let price = ColumnType.decimal(precision: 10, scale: 2)

    private static func cents(_ value: Int128) -> Literal { .decimal(unscaled: value, scale: 2) }
    private static func whole(_ value: Int128) -> Literal { .decimal(unscaled: value, scale: 0) }

    struct Case: Sendable, CustomTestStringConvertible {
        let function: AggregateFunction
        let type: ColumnType
        let values: [Literal]
        var weights: [Int32]?
        let expected: String
        var testDescription: String { "\(function) of \(values) is \(expected)" }
    }

    static let cases: [Case] = [
        Case(function: .count, type: .bigint, values: [.null, .bigint(1)], expected: "1"),
        Case(function: .sum, type: .bigint, values: [.null, .null], expected: "null"),
        Case(
            function: .sum, type: .bigint, values: [.bigint(.max), .bigint(.max), .bigint(.min)],
            expected: "\(Int64.max - 1)"),
        Case(
            function: .sum, type: .bigint, values: [.bigint(.max), .bigint(1)],
            expected: "cannot compute sum: bigint overflow"),
        Case(
            function: .sum, type: .bigint, values: [.bigint(.min), .bigint(-1)],
            expected: "cannot compute sum: bigint overflow"),
        Case(
            function: .sum, type: .bigint, values: [.bigint(.min), .bigint(.min), .bigint(5)],
            weights: [1, -1, 2], expected: "10"),
        Case(
            function: .avg, type: .bigint, values: [.bigint(.max), .bigint(.max)],
            expected: "\(Double(Int64.max))"),
        Case(function: .avg, type: .bigint, values: [.bigint(1), .bigint(2)], expected: "1.5"),
        Case(
            function: .sum, type: price, values: [cents(150), .null, cents(-25)],
            expected: "125e-2"),
        Case(
            function: .avg, type: price, values: [cents(100), cents(0), cents(0)],
            expected: "3333333333333333e-16"),
        Case(
            function: .avg, type: price, values: [cents(-200), cents(0), cents(0)],
            expected: "-6666666666666667e-16"),
        Case(
            function: .sum, type: wide, values: [whole(nines), whole(nines)],
            expected: "cannot compute sum: decimal(38,0) overflow"),
        Case(
            // More than 128 bits on the way, and back.
            function: .sum, type: wide,
            values: [whole(nines), whole(nines), whole(nines), whole(-nines), whole(-nines)],
            expected: "\(nines)e-0"),
        Case(
            function: .sum, type: wide, values: [whole(nines), whole(nines), whole(nines)],
            weights: [1, 1, -1], expected: "\(nines)e-0"),
        Case(
            function: .avg, type: .decimal(precision: 20, scale: 0),
            values: Array(repeating: whole(99_999_999_999_999_999_999), count: 200),
            expected: "999999999999999999990000000000000000e-16"),
        Case(
            function: .sum, type: .double, values: [.double(1e308), .double(1e308)],
            expected: "cannot compute sum: double overflow"),
        Case(
            function: .sum, type: .double, values: [.double(.infinity), .double(1)],
            expected: "inf"),
        Case(
            function: .sum, type: .double, values: [.double(.nan), .double(1)], expected: "nan"),
        Case(
            function: .sum, type: .double,
            values: [.double(.nan), .double(.nan), .double(1)], weights: [1, -1, 1],
            expected: "1.0"),
        Case(
            // What has been taken back leaves nothing: no rounding, no overflow, no infinity.
            function: .sum, type: .double,
            values: [.double(1e16), .double(1), .double(1e16)], weights: [1, 1, -1],
            expected: "1.0"),
        Case(
            function: .sum, type: .double,
            values: [.double(1e308), .double(1e308), .double(1e308)], weights: [1, 1, -1],
            expected: "1e+308"),
        Case(
            function: .sum, type: .double,
            values: [.double(.infinity), .double(-2.5), .double(.infinity)], weights: [1, 1, -1],
            expected: "-2.5"),
        Case(
            function: .sum, type: .double, values: [.double(.infinity), .double(-.infinity)],
            weights: [1, 1], expected: "nan"),
        Case(
            function: .sum, type: .double,
            values: [.double(.leastNonzeroMagnitude), .double(1e308), .double(1e308)],
            weights: [1, 1, -1],
            expected: "5e-324"),
        Case(
            function: .stddevPop, type: .double,
            values: [.double(1e150), .double(3), .double(5), .double(1e150)],
            weights: [1, 1, 1, -1], expected: "1.0"),
        Case(
            function: .variance, type: .double,
            values: [.double(1e9), .double(1e9 + 1), .double(.nan), .double(.nan)],
            weights: [1, 1, 1, -1], expected: "0.5"),
        Case(function: .avg, type: .double, values: [.double(1), .double(2)], expected: "1.5"),
        Case(
            function: .sum, type: .interval, values: [.interval(7), .interval(-2)], expected: "5"),
        Case(
            function: .min, type: .double,
            values: [.double(.nan), .double(2), .double(-.infinity)],
            expected: "-inf"),
        Case(
            function: .max, type: .double, values: [.double(.infinity), .double(.nan), .double(3)],
            expected: "nan"),
        Case(function: .min, type: .boolean, values: [.boolean(true), .null], expected: "true"),
        Case(
            function: .min, type: .boolean, values: [.boolean(true), .boolean(false)],
            expected: "false"),
        Case(
            function: .max, type: .string, values: [.text("a"), .text("ab"), .text("")],
            expected: "'ab'"),
        Case(function: .min, type: .string, values: [.text("a"), .text("")], expected: "''"),
        Case(
            function: .max, type: .string, values: [.text("z"), .text("é")], expected: "'é'"),
        Case(
            function: .min, type: .timestamp, values: [.timestamp(5), .timestamp(-5)],
            expected: "-5"),
        Case(
            function: .max, type: wide, values: [whole(-nines), whole(nines)],
            expected: "\(nines)e-0"),
        Case(function: .max, type: .bigint, values: [.null], expected: "null"),
    ]

    @Test("give SQL's results", arguments: cases)
    func results(_ item: Case) {
        for isRestored in [false, true] {
            let actual = result(
                item.function, item.type, item.values, weights: item.weights,
                isRestored: isRestored)
            #expect(actual == item.expected, "restored: \(isRestored)")
        }
    }

    /// Of a group that has rows, values with a filter may be taken back before they come.
    @Test(
        "go on from below no values, over a restore",
        arguments: [
            (AggregateFunction.sum, ColumnType.bigint), (.avg, price), (.varPop, .bigint),
            (.sum, .double), (.varPop, .double),
        ])
    func belowNone(_ function: AggregateFunction, _ type: ColumnType) {
        let values: [Literal] = [2, 7, 2, 7].map { (value: Int64) in
            switch type {
            case .bigint: return .bigint(value)
            case .double: return .double(Double(value))
            default: return Self.cents(Int128(value))
            }
        }
        for isRestored in [false, true] {
            let text = result(
                function, type, values, weights: [-1, -1, 1, 1], isRestored: isRestored)
            #expect(text == "null", "restored: \(isRestored)")
        }
    }

    @Test("sum doubles exactly, whatever comes and goes on the way")
    func exactDoubles() {
        for seed in testSeed..<testSeed + 40 {
            var random = SeededRandom(seed: seed)
            func number() -> Double {
                let exponent = Int.random(in: -1074...1020, using: &random)
                let value = Double.random(in: 1..<2, using: &random) * 0x1p-52
                return (Bool.random(using: &random) ? 1 : -1) * value
                    * (exponent < -500
                        ? 0x1p-500 * Self.power(exponent + 552) : Self.power(exponent + 52))
            }
            let sums = ExactDoubleSums(.value)
            let squares = ExactDoubleSums(.square)
            for part in [sums, squares] { part.reserve(3) }
            let noise = (0..<Int.random(in: 0...30, using: &random)).map { _ in number() }
            let (a, b) = (number(), number())
            for x in noise + [a, b] {
                for part in [sums, squares] { part.add(x, to: 1, weight: 1) }
            }
            for x in noise.shuffled(using: &random) {
                for part in [sums, squares] { part.add(x, to: 1, weight: -1) }
            }
            // The sum of two doubles is rounded once, by the processor as here.
            #expect(sums.value(1) == a + b, "seed \(seed): \(a) + \(b)")
            let (high, low) = sums.parts(1)
            #expect(high == a + b && high + low == high, "seed \(seed)")
            for part in [sums, squares] {
                var bytes: [UInt8] = []
                part.write(1, to: &bytes)
                let isRead = bytes.withUnsafeBufferPointer {
                    var reader = ByteReader($0)
                    return part.read(2, from: &reader) && reader.isAtEnd
                }
                #expect(isRead && part.value(2) == part.value(1), "seed \(seed)")
                part.merge(2, into: 0)
                part.merge(1, into: 0)
                for x in [a, b] { part.add(x, to: 0, weight: -2) }
                #expect(part.value(0) == 0, "seed \(seed)")
            }
        }
    }

    private static func power(_ exponent: Int) -> Double {
        exponent > 1000
            ? Double(sign: .plus, exponent: 1000, significand: 1)
                * Double(sign: .plus, exponent: exponent - 1000, significand: 1)
            : Double(sign: .plus, exponent: exponent, significand: 1)
    }

    @Test("refuse the bytes of another version")
    func damagedBytes() {
        let functions: [AggregateFunction] = [.count, .sum, .avg, .min, .max]
        let types: [ColumnType] = [.bigint, .double, Self.price, .string]
        for function in functions {
            for type in types where function != .sum && function != .avg || type != .string {
                let call = AggregateCall(
                    function: function, argument: .column(0, Field("x", type)), isDistinct: false,
                    filter: nil, type: AggregateTypes.result(function, of: type) ?? type)
                let accumulator = makeAccumulator(call)
                accumulator.reserve(1)
                let isRead = [UInt8(1)].withUnsafeBufferPointer { bytes in
                    var reader = ByteReader(bytes)
                    return accumulator.read(0, from: &reader)
                }
                #expect(!isRead, "\(function) of \(type)")
            }
        }
    }
}

extension Int128 {
    fileprivate func multiplied(times count: Int) -> Int128 {
        (0..<count).reduce(1) { value, _ in value * self }
    }
}
