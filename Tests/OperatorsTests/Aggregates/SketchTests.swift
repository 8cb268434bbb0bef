import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("Estimates")
struct SketchTests {
    private func hash(_ number: Int) -> UInt64 {
        Array("user-\(number)".utf8).withUnsafeBufferPointer { StableHash.hash($0) }
    }

    @Test(
        "the hash is XXH64",
        arguments: [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B),
            ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ] as [(String, UInt64)])
    func stableHash(text: String, expected: UInt64) {
        #expect(Array(text.utf8).withUnsafeBufferPointer { StableHash.hash($0) } == expected)
    }

    @Test(
        "distinct counts are within 5 %, and exact up to 256",
        arguments: [0, 1, 100, 256, 257, 1000, 5000, 20_000, 100_000])
    func distinct(count: Int) {
        var sketch = DistinctSketch()
        for number in 0..<count {
            sketch.add(hash(number))
            if number % 3 == 0 { sketch.add(hash(number)) }
        }
        let estimate = Double(sketch.estimate)
        let isNear = abs(estimate - Double(count)) <= (count <= 256 ? 0 : 0.05 * Double(count))
        #expect(isNear, "\(estimate) for \(count)")
    }

    @Test("the error of distinct counts is 1.6 % on the average of squares")
    func distinctError() {
        var squares = 0.0
        let tries = 40
        for attempt in 0..<tries {
            var sketch = DistinctSketch()
            for number in 0..<20_000 { sketch.add(hash(attempt * 1_000_000 + number)) }
            let error = Double(sketch.estimate) / 20_000 - 1
            squares += error * error
        }
        #expect((squares / Double(tries)).squareRoot() < 0.021)
    }

    @Test("percentiles are within 1 %", arguments: [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1])
    func percentile(fraction: Double) {
        for seed in testSeed..<testSeed + 5 {
            var random = SeededRandom(seed: seed)
            var sketch = QuantileSketch()
            var values: [Double] = []
            for _ in 0..<Int.random(in: 1...3000, using: &random) {
                let size = pow(10, Double.random(in: -5...7, using: &random))
                let kind = Int.random(in: 0..<10, using: &random)
                values.append(kind == 0 ? 0 : kind < 4 ? -size : size)
            }
            for value in values { sketch.add(value) }
            values.sort()
            let rank = max(1, Int((fraction * Double(values.count)).rounded(.up)))
            let exact = values[rank - 1]
            let actual = sketch.value(at: fraction) ?? .nan
            #expect(
                abs(actual - exact) <= 0.010000001 * abs(exact), "seed \(seed): \(actual) \(exact)")
        }
    }

    @Test("percentiles of odd numbers")
    func oddNumbers() {
        var sketch = QuantileSketch()
        #expect(sketch.value(at: 0.5) == nil)
        let values: [Double] = [
            .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
        ]
        for value in values { sketch.add(value) }
        #expect(sketch.value(at: 0) == -.infinity)
        #expect((sketch.value(at: 0.4) ?? 1) < 1e-300)
        #expect((sketch.value(at: 0.6) ?? 0) > 1.7e308)
        #expect(sketch.value(at: 0.8) == .infinity)
        #expect(sketch.value(at: 1)?.isNaN == true)
    }

    @Test("both come back from a checkpoint as they were", arguments: [3, 200, 5000])
    func checkpoint(count: Int) throws {
        var distinct = DistinctSketch()
        var quantiles = QuantileSketch()
        for number in 0..<count {
            distinct.add(hash(number))
            quantiles.add(Double(number * number) - 1000)
        }
        var bytes: [UInt8] = []
        distinct.write(to: &bytes)
        quantiles.write(to: &bytes)
        try bytes.withUnsafeBufferPointer { buffer in
            var reader = ByteReader(buffer)
            let first = try #require(DistinctSketch.read(from: &reader))
            let second = try #require(QuantileSketch.read(from: &reader))
            #expect(reader.isAtEnd)
            #expect(first.estimate == distinct.estimate)
            for fraction in [0, 0.3, 0.5, 1] {
                #expect(second.value(at: fraction) == quantiles.value(at: fraction))
            }
            for cut in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 50)) {
                var short = ByteReader(UnsafeBufferPointer(rebasing: buffer[..<cut]))
                let isWhole =
                    DistinctSketch.read(from: &short) != nil
                    && QuantileSketch.read(from: &short) != nil
                #expect(!isWhole)
            }
        }
    }
}
