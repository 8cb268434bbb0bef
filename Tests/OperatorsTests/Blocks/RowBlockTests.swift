import TestSupport
import Testing

@testable import Operators

@Suite("Row blocks")
struct RowBlockTests {
    private typealias Fixture = RowBlockFixture

    @Test("gives back random blocks of every type, as the slow reader of the page does too")
    func randomBlocks() throws {
        for round in 0..<150 {
            var random = SeededRandom(seed: testSeed &+ UInt64(round))
            let rows = [0, 1, 2, 7, 8, 9, 63, 300, 1500].randomElement(using: &random) ?? 0
            let types = Fixture.types.shuffled(using: &random)
                .prefix(Int.random(in: 0...8, using: &random))
            let cells = types.map { Fixture.random($0, rows, using: &random) }
            let times = (0..<rows).map { _ in
                Cell.integer(Int64.random(in: -9...9, using: &random))
            }
            var block = RowBlock(
                rowCount: rows,
                columns: zip(types, cells).map {
                    Fixture.column($0, $1, hasValidity: Bool.random(using: &random))
                }, rowtime: Fixture.column(.timestamp, times), appendedAt: random.signed(),
                watermark: random.signed(), watermarkAfter: random.signed(),
                schemaVersion: UInt32(truncatingIfNeeded: random.next()))
            let operations = (0..<rows).map { _ in UInt8.random(in: 0...2, using: &random) }
            let watermarks = (0..<rows).map { _ in random.signed() }
            let offsets = (0..<rows).map { Int64($0 * $0) + 3 }
            if Bool.random(using: &random) { block.operations = Fixture.buffer(operations) }
            if Bool.random(using: &random) { block.rowWatermarks = Fixture.buffer(watermarks) }
            if Bool.random(using: &random) { block.offsets = Fixture.buffer(offsets) }

            let bytes = Fixture.encode(block)
            let note: Comment = "seed \(testSeed), round \(round)"
            #expect(bytes.count <= RowBlockEncoder.payloadBytesMax(block), note)
            let reader = try Fixture.reader(bytes)
            #expect(reader.rowCount == rows && reader.columnTypes == Array(types), note)
            #expect(reader.appendedAt == block.appendedAt, note)
            #expect(reader.watermark == block.watermark, note)
            #expect(reader.watermarkAfter == block.watermarkAfter, note)
            #expect(reader.schemaVersion == block.schemaVersion, note)
            let slow = try ReferenceRowBlock(bytes)
            for index in types.indices.shuffled(using: &random) {
                let column = try reader.column(index)
                #expect(column.type == types[index] && column.count == rows, note)
                #expect(Fixture.cells(column) == cells[index], note)
                #expect(slow.columns[index] == cells[index], note)
            }
            #expect(try Fixture.cells(reader.rowtime()) == times, note)
            #expect(slow.rowtime == times, note)
            #expect(
                try Fixture.values(reader.operations(), rows, as: UInt8.self)
                    == block.operations.map { _ in operations }, note)
            #expect(
                try Fixture.values(reader.rowWatermarks(), rows, as: Int64.self)
                    == block.rowWatermarks.map { _ in watermarks }, note)
            #expect(
                try Fixture.values(reader.offsets(), rows, as: Int64.self)
                    == block.offsets.map { _ in offsets }, note)
        }
    }

    @Test("writes integers in as few bytes as their range, or their steps, need")
    func integers() throws {
        let cases: [([Int64], ColumnEncoding, Int)] = [
            ([Int64](repeating: .min, count: 100), .frame, 8),
            ((0..<100).map { $0 % 2 == 0 ? -1 : 254 }, .frame, 108),
            ((0..<100).map { $0 % 2 == 0 ? -1 : 255 }, .frame, 208),
            ((0..<100).map { $0 % 2 == 0 ? -1 : 65_535 }, .frame, 408),
            ((0..<100).map { $0 % 2 == 0 ? 0 : 1 << 32 }, .frame, 808),
            ((0..<100).map { $0 % 2 == 0 ? .min : .max }, .delta, 115),
            ((0..<100).map { $0 * 1_000_003 }, .delta, 16),
            ((0..<100).map { $0 * 1000 + $0 % 7 }, .delta, 115),
            ((0..<100).map { 1 << 60 - $0 * 100_000 - $0 * 7 % 200 }, .delta, 115),
            ([7], .frame, 8),
        ]
        for type in [ColumnType.bigint, .timestamp, .interval] {
            for (values, encoding, bytes) in cases {
                let cells = values.map { Cell.integer($0) }
                let result = try Fixture.roundTrip(Fixture.column(type, cells))
                #expect(result.cells == cells)
                #expect(result.encoding == encoding, "\(values.prefix(3))")
                #expect(result.bytes == bytes, "\(values.prefix(3))")
            }
        }
    }

    @Test("writes decimals as deltas when these fit 64 bits")
    func decimals() throws {
        let type = ColumnType.decimal(precision: 38, scale: 2)
        let far = Int128(1) << 100
        let cases: [([Int128], ColumnEncoding, Int)] = [
            ([far, far], .frame, 16), ([far, far + 255], .frame, 18),
            ([-far, Int128(UInt64.max) - far], .frame, 32),
            ([-far, Int128(UInt64.max) - far + 1], .plain, 32), ([.min, .max], .plain, 32),
        ]
        for (values, encoding, bytes) in cases {
            let cells = values.map { Cell.wide($0) }
            let result = try Fixture.roundTrip(Fixture.column(type, cells))
            #expect(result.cells == cells)
            #expect(result.encoding == encoding)
            #expect(result.bytes == bytes)
        }
    }

    @Test("keeps the bits of doubles")
    func doubles() throws {
        let same = [Cell](repeating: .double(-0.0), count: 50)
        let constant = try Fixture.roundTrip(Fixture.column(.double, same))
        #expect(constant.cells == same && constant.encoding == .constant)
        let zeros: [Cell] = [
            .double(0), .double(-0.0), .double(.nan), .word(0x7ff0_0000_0000_0001), .null,
            .word(0xfff8_1234_5678_9abc), .double(.infinity), .double(.leastNonzeroMagnitude),
        ]
        let plain = try Fixture.roundTrip(Fixture.column(.double, zeros))
        #expect(plain.cells == zeros && plain.encoding == .plain)
    }

    @Test("writes all kinds of validity", arguments: RowBlockFixture.types)
    func validity(_ type: ColumnType) throws {
        var random = SeededRandom(seed: testSeed)
        for rows in [1, 8, 9, 40] {
            let none = try Fixture.roundTrip(.nulls(type: type, count: rows))
            #expect(none.cells == [Cell](repeating: .null, count: rows))
            #expect(none.encoding == ColumnEncoding.none)
            var cells = Fixture.random(type, rows, using: &random).map { cell -> Cell in
                guard cell == .null else { return cell }
                if case .decimal = type { return .wide(1) }
                return type == .string ? .text("x") : .word(1)
            }
            let column = Fixture.column(type, cells, hasValidity: true)
            let all = Fixture.encode(Fixture.block([column], rows: rows))
            #expect(try Fixture.reader(all).column(0).validity == nil)
            for row in cells.indices {
                let value = cells[row]
                cells[row] = .null
                #expect(try Fixture.roundTrip(Fixture.column(type, cells)).cells == cells)
                cells[row] = value
            }
        }
    }

    @Test("writes the same bytes whatever stands where a value is null")
    func nullSlots() {
        var random = SeededRandom(seed: testSeed)
        for type in Fixture.types {
            for round in 0..<30 {
                var cells = Fixture.random(type, 60, using: &random)
                let other = Fixture.column(type, cells.map { $0 == .null ? cells[0] : $0 })
                for row in 1..<60 where row % 7 == 3 { cells[row] = .null }
                let clean = Fixture.column(type, cells)
                let dirty = Column(
                    type: type, count: 60, values: other.values, validity: clean.validity,
                    retained: other.retained)
                #expect(
                    Fixture.encode(Fixture.block([dirty], rows: 60))
                        == Fixture.encode(Fixture.block([clean], rows: 60)),
                    "\(type), seed \(testSeed), round \(round)")
            }
        }
    }

    @Test("reads columns in any order, and of one column what the others' damage leaves")
    func selection() throws {
        let numbers = (0..<40).map { Cell.integer(Int64($0 * $0)) }
        let words = (0..<40).map { Cell.text("word \($0 % 4)") }
        let block = Fixture.block(
            [
                Fixture.column(.bigint, numbers), Fixture.column(.string, words),
                Fixture.column(.bigint, numbers.reversed()),
            ], rows: 40)
        var bytes = Fixture.encode(block)
        let start = Int(bytes[40 + 16 + 8]) | Int(bytes[40 + 16 + 9]) << 8
        // The count of the dictionary's entries.
        bytes[start] = 0
        let reader = try Fixture.reader(bytes)
        #expect(try Fixture.cells(reader.column(2)) == numbers.reversed())
        #expect(throws: RowBlockError.self) { try reader.column(1) }
        #expect(try Fixture.cells(reader.column(0)) == numbers)
    }

    @Test("says that the rowtime is one of the columns, if it is and has no nulls")
    func rowtime() throws {
        let times = (0..<100).map { Cell.integer(Int64($0 * $0 * 977)) }
        var holed = times
        holed[3] = .null
        let wrong = Fixture.column(.timestamp, times.reversed())
        let numbers = Fixture.column(.bigint, times)
        let hole = Fixture.column(.timestamp, holed)
        let right = Fixture.column(.timestamp, times, hasValidity: true)
        for (columns, expected) in [
            ([wrong, numbers, hole, right], 3), ([right], 0), ([wrong, numbers, hole], nil),
        ] {
            let block = RowBlock(
                rowCount: 100, columns: columns, rowtime: Fixture.column(.timestamp, times))
            let reader = try Fixture.reader(Fixture.encode(block))
            #expect(reader.rowtimeColumn == expected)
            #expect(try Fixture.cells(reader.rowtime()) == times)
            #expect(try reader.rowtime().validity == nil)
        }
    }
}

extension SeededRandom {
    mutating func signed() -> Int64 { Int64(bitPattern: next()) }
}
