import Operators
import TestSupport
import Testing

@testable import Pipelined

@Suite("Checkpoint meta")
struct CheckpointMetaTests {
    private static func random(_ random: inout SeededRandom) -> CheckpointMeta {
        func name() -> String { "n\(Int.random(in: 0..<1000, using: &random))é" }
        func bytes() -> [UInt8] {
            (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
        }
        func number() -> Int64 { Int64.random(in: .min ... .max, using: &random) }
        var meta = CheckpointMeta()
        meta.epoch = UInt64.random(in: 0 ... .max, using: &random)
        meta.generation = number()
        meta.at = number()
        meta.isFinished = Bool.random(using: &random)
        meta.deadLetters = number()
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            var source = CheckpointMeta.Source(
                name: name(), rows: number(), invalid: number(), splits: [])
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                source.splits.append(
                    CheckpointMeta.Split(
                        id: name(), position: bytes(), highest: number(),
                        hasEnded: Bool.random(using: &random),
                        isIdle: Bool.random(using: &random)))
            }
            meta.sources.append(source)
        }
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            meta.nodes.append(
                CheckpointMeta.Named(
                    name: name(),
                    value: CheckpointMeta.Figures(
                        rowsIn: number(), rowsOut: number(), late: number(), unmatched: number(),
                        invalid: number(), watermark: number())))
            meta.tables.append(CheckpointMeta.Named(name: name(), value: bytes()))
            meta.sinks.append(CheckpointMeta.Named(name: name(), value: bytes()))
        }
        return meta
    }

    @Test("reads back what was written")
    func roundTrip() throws {
        var random = SeededRandom(seed: testSeed)
        for round in 0..<200 {
            let meta = Self.random(&random)
            let decoded = try CheckpointMeta(decoding: meta.encoded())
            #expect(decoded == meta, "seed \(testSeed), round \(round)")
        }
    }

    @Test("refuses every truncation")
    func truncated() {
        var random = SeededRandom(seed: testSeed)
        let bytes = Self.random(&random).encoded()
        for length in 0..<bytes.count {
            #expect(throws: StateError.self, "seed \(testSeed), \(length) bytes") {
                try CheckpointMeta(decoding: Array(bytes[..<length]))
            }
        }
    }

    @Test("believes no length that it has not checked")
    func damaged() {
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<50 {
            let bytes = Self.random(&random).encoded()
            for _ in 0..<100 {
                var changed = bytes
                changed[Int.random(in: 0..<bytes.count, using: &random)] =
                    [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
                // Either is fine; what must not happen is a trap or a giant allocation.
                _ = try? CheckpointMeta(decoding: changed)
            }
        }
    }
}
