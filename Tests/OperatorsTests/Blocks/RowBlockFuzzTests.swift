import TestSupport
import Testing

@testable import Operators

@Suite("Row blocks: damaged bytes")
struct RowBlockFuzzTests {
    private typealias Fixture = RowBlockFixture

    /// Small blocks that use every encoding and section between them.
    private static let payloads: [[UInt8]] = {
        let nulls: [Cell] = [.null, .integer(5), .integer(900), .null, .integer(6)]
        let few = RowBlock(
            rowCount: 5,
            columns: [
                Fixture.column(.boolean, [.word(1), .word(0), .null, .word(1), .word(1)]),
                Fixture.column(.bigint, nulls),
                Fixture.column(.double, [1.5, -0.0, .nan, 3, 4].map { .double($0) }),
                Fixture.column(.string, ["a", "longer", "", "four", "sixth"].map { .text($0) }),
                Fixture.column(.timestamp, (0..<5).map { .integer($0 * 70_000) }),
                Fixture.column(
                    .decimal(precision: 20, scale: 2), [1, -7, 300, 4, 5].map { .wide($0) }),
                .nulls(type: .interval, count: 5),
            ],
            rowtime: Fixture.column(.timestamp, (0..<5).map { .integer($0 * 70_000) }),
            operations: Fixture.buffer([0, 1, 0, 2, 0] as [UInt8]),
            rowWatermarks: Fixture.buffer([9, 9, 9, 10, 900] as [Int64]),
            offsets: Fixture.buffer([0, 2, 3, 4, 900] as [Int64]), appendedAt: 1, watermark: 2,
            watermarkAfter: 3, schemaVersion: 4)
        let rows = 24
        let words = ["mail", "banner", "sponsored search"]
        let many = RowBlock(
            rowCount: rows,
            columns: [
                Fixture.column(.string, (0..<rows).map { .text(words[$0 % 3]) }),
                Fixture.column(
                    .string, (0..<rows).map { $0 == 4 ? .null : .text(words[$0 / 8]) }),
                Fixture.column(.string, .init(repeating: .text("the same"), count: rows)),
                Fixture.column(.double, .init(repeating: .double(2.5), count: rows)),
                Fixture.column(.bigint, (0..<rows).map { .integer(Int64($0 * $0) << 40) }),
                Fixture.column(.bigint, (0..<rows).map { .integer(Int64($0 * 1000 + $0 % 2)) }),
                Fixture.column(
                    .decimal(precision: 38, scale: 0),
                    (0..<rows).map { .wide(Int128($0) << 90) }),
            ],
            rowtime: Fixture.column(.timestamp, (0..<rows).map { .integer(Int64($0)) }),
            operations: Fixture.buffer([UInt8](repeating: 3, count: rows)))
        return [Fixture.encode(few), Fixture.encode(many)]
    }()

    /// Reads all there is and checks that it is well-formed. Returns whether all of it was read.
    @discardableResult
    private static func readAll(_ bytes: [UInt8], _ note: Comment) -> Bool {
        guard let reader = try? Fixture.reader(bytes) else { return false }
        // A head that claims many rows for constants is right, and takes long to look at.
        let isLong = reader.rowCount > 5000
        var isWhole = true
        func attempt<T>(_ read: () throws -> T?) -> T? {
            do { return try read() } catch {
                let message = (error as? RowBlockError)?.message ?? ""
                #expect(message != "", note)
                isWhole = false
                return nil
            }
        }
        for (index, type) in reader.columnTypes.enumerated() {
            guard let column = attempt({ try reader.column(index) }) else { continue }
            #expect(column.type == type && column.count == reader.rowCount, note)
            if !isLong { _ = Fixture.cells(column, note) }
        }
        if let rowtime = attempt({ try reader.rowtime() }) {
            #expect(rowtime.type == .timestamp && rowtime.validity == nil, note)
            #expect(rowtime.count == reader.rowCount, note)
        }
        let rows = reader.rowCount
        _ = attempt { try reader.operations() }
        _ = attempt { try reader.rowWatermarks() }
        if let offsets = attempt({ try reader.offsets() }), !isLong {
            let values = Fixture.values(offsets, rows, as: Int64.self) ?? []
            #expect(
                values.first ?? 0 >= 0 && zip(values, values.dropFirst()).allSatisfy { $0 < $1 })
        }
        return isWhole
    }

    @Test("uses every encoding in the blocks that are damaged here")
    func coverage() {
        var encodings: Set<UInt8> = []
        for payload in Self.payloads {
            #expect(Self.readAll(payload, "whole"))
            let entries = Int(payload[2]) + 1 + payload[1].nonzeroBitCount
            for entry in 0..<entries { encodings.insert(payload[40 + 16 * entry + 3]) }
        }
        #expect(encodings == [0, 1, 2, 3, 4, 5, 6, 7])
    }

    @Test("gives columns or an error, whichever bits of a byte are flipped")
    func flippedBytes() {
        for payload in Self.payloads {
            for position in payload.indices {
                for flip: UInt8 in [1, 2, 4, 8, 16, 32, 64, 128, 255, 7] {
                    var damaged = payload
                    damaged[position] ^= flip
                    Self.readAll(damaged, "byte \(position) xor \(flip)")
                }
            }
        }
    }

    @Test("refuses every truncation, and bytes that are too many")
    func truncations() {
        for payload in Self.payloads {
            for length in payload.indices {
                #expect(throws: RowBlockError.self) {
                    try Fixture.reader(Array(payload.prefix(length)))
                }
                // As long as the head says, but not as the directory does.
                var shorter = Array(payload.prefix(length))
                if length >= 40 {
                    for byte in 0..<4 {
                        shorter[36 + byte] = UInt8(truncatingIfNeeded: length >> (8 * byte))
                    }
                    #expect(!Self.readAll(shorter, "\(length) bytes"))
                }
            }
            #expect(throws: RowBlockError.self) { try Fixture.reader(payload + [0]) }
        }
    }

    @Test("gives columns or an error for random damage and for noise")
    func noise() {
        for round in 0..<6000 {
            var random = SeededRandom(seed: testSeed &+ UInt64(round))
            var bytes = Self.payloads[round % 2]
            if round % 10 == 0 {
                for position in 40..<bytes.count {
                    bytes[position] = UInt8.random(in: 0...255, using: &random)
                }
            }
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                let value = [0, 1, 2, 4, 5, 8, 255, UInt8.random(in: 0...255, using: &random)]
                bytes[position] = value.randomElement(using: &random) ?? 0
            }
            // Rows stay few, so that the rounds are many.
            bytes[6] = 0
            bytes[7] = 0
            Self.readAll(bytes, "seed \(testSeed), round \(round)")
        }
        var random = SeededRandom(seed: testSeed)
        for length in 0..<500 {
            let noise = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(!Self.readAll(noise, "seed \(testSeed), length \(length)"))
        }
    }
}
