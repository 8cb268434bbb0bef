import TestSupport
import Testing

@testable import Operators

@Suite("Split watermark")
struct SplitWatermarkTests {
    private func advance(_ mark: inout SplitWatermark, _ times: [Int64], now: Int64 = 1_000)
        -> [Int64]?
    {
        mark.advance(times, count: times.count, now: now).map { buffer in
            times.indices.map { buffer.pointer(to: Int64.self)[$0] }
        }
    }

    @Test("is the highest time less what may come out of order")
    func value() {
        var mark = SplitWatermark(maxOutOfOrdernessMicros: 5, maxFutureMicros: 0)
        #expect(mark.value == .min)
        #expect(advance(&mark, [10, 7, 12]) == nil)
        #expect(mark.value == 7)
        #expect(advance(&mark, [7]) == nil)
        #expect(advance(&mark, [6, 20, 14]) == [7, 7, 15])
        #expect(mark.value == 15)
    }

    @Test("is not moved by a time too far in the future")
    func future() {
        var mark = SplitWatermark(maxOutOfOrdernessMicros: 0, maxFutureMicros: 10)
        #expect(advance(&mark, [5, 1_011, 6], now: 1_000) == nil)
        #expect(mark.value == 6)
        #expect(advance(&mark, [1_010], now: 1_000) == nil)
        #expect(mark.value == 1_010)
    }

    @Test("stays within 64 bits")
    func limits() {
        var mark = SplitWatermark(maxOutOfOrdernessMicros: 5, maxFutureMicros: .max)
        #expect(advance(&mark, [.min], now: .max) == nil)
        #expect(mark.value == .min)
        #expect(advance(&mark, [.max, .min], now: .max) == [.min, .max - 5])
    }

    @Test("agrees with a row-at-a-time reading for every way to cut its input")
    func everyBatchSplit() {
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<20 {
            let times = (0..<7).map { Int64($0 * 2) + Int64.random(in: -9...9, using: &random) }
            var highest = Int64.min
            var expected: [Int64] = []
            for time in times {
                expected.append(highest == .min ? .min : highest - 3)
                if time <= 12 { highest = max(highest, time) }
            }
            for lengths in everySplit(of: times.count) {
                var mark = SplitWatermark(maxOutOfOrdernessMicros: 3, maxFutureMicros: 2)
                var start = 0
                for length in lengths {
                    let part = Array(times[start..<start + length])
                    let before = Array(expected[start..<start + length])
                    #expect(mark.value == before[0])
                    let isBehind = zip(part, before).contains { $0 < $1 }
                    #expect(
                        advance(&mark, part, now: 10) == (isBehind ? before : nil),
                        "seed \(testSeed)")
                    start += length
                }
            }
        }
    }
}
