import Foundation
import TestSupport
import Testing

@testable import Operators

/// What the encoding is, byte by byte: what is written here can be read for ever.
@Suite("Row blocks: bytes")
struct RowBlockFormatTests {
    private typealias Fixture = RowBlockFixture

    @Test("a block of four rows has the documented bytes")
    func example() throws {
        let bytes = Fixture.encode(Self.example)
        expectGolden(HexDump.text(bytes), "store/row-block-v1.hex")
        let page = try String(
            contentsOf: repositoryRoot.appendingPathComponent("docs/row-blocks.md"),
            encoding: .utf8)
        #expect(HexDump.bytes(inExampleOf: page) == bytes, "the page's example is out of date")
    }

    @Test("the block of four rows that version 1 wrote is read")
    func readsExample() throws {
        let reader = try Fixture.reader(HexDump.golden("store/row-block-v1.hex"))
        #expect(reader.rowCount == 4)
        #expect(reader.appendedAt == 9000 && reader.schemaVersion == 1)
        #expect(reader.watermark == 500 && reader.watermarkAfter == 3000)
        #expect(reader.columnTypes == [.bigint, .string, .timestamp])
        #expect(
            try Fixture.cells(reader.column(0))
                == [.integer(300), .null, .integer(302), .integer(310)])
        #expect(
            try Fixture.cells(reader.column(1))
                == ["banner", "modal", "banner", "banner"].map { .text($0) })
        let times = [1000, 2000, 4000, 3000].map { Cell.integer($0) }
        #expect(try Fixture.cells(reader.column(2)) == times)
        #expect(try Fixture.cells(reader.rowtime()) == times)
        #expect(try Fixture.values(reader.operations(), 4, as: UInt8.self) == [0, 0, 1, 0])
        #expect(try reader.rowWatermarks() == nil && reader.offsets() == nil)
    }

    @Test("blocks of every type and encoding have the bytes they had, and are read")
    func everything() throws {
        expectGolden(HexDump.text(Fixture.encode(Self.every)), "store/row-block-every-v1.hex")
        let bytes = try HexDump.golden("store/row-block-every-v1.hex")
        let reader = try Fixture.reader(bytes)
        #expect(reader.rowCount == Self.rows)
        #expect(reader.columnTypes == Self.everyColumn.map(\.0))
        for (index, (_, cells)) in Self.everyColumn.enumerated() {
            #expect(try Fixture.cells(reader.column(index)) == cells, "column \(index)")
        }
        #expect(
            try Fixture.cells(reader.rowtime())
                == (0..<Self.rows).map { .integer(Int64($0 * 1000)) })
        #expect(
            try Fixture.values(reader.operations(), Self.rows, as: UInt8.self)
                == .init(repeating: 1, count: Self.rows))
        #expect(
            try Fixture.values(reader.rowWatermarks(), Self.rows, as: Int64.self)
                == (0..<Self.rows).map { Int64($0 % 3) })
        #expect(
            try Fixture.values(reader.offsets(), Self.rows, as: Int64.self)
                == (0..<Self.rows).map { Int64($0 * 2) })
        let encodings = (0..<Self.everyColumn.count).map { bytes[40 + 16 * $0 + 3] }
        #expect(Set(encodings) == [0, 1, 2, 3, 4, 5, 6])
    }

    @Test("dates, bytes, json, arrays and structs have the bytes they had, and are read")
    func laterTypes() throws {
        let columns: [(ColumnType, [Cell])] = [
            (.date, (0..<4).map { .integer(Int64(20_000 + $0)) }),
            (.bytes, [.bytes([0, 255]), .null, .bytes([]), .bytes([1])]),
            (.json, [.text("{}"), .text("[1, 2]"), .null, .text("{}")]),
            (.array(.bigint), [.bytes([0]), .null, .bytes([2, 0]), .bytes([0])]),
            (.structure([Field("a", .string)]), [.bytes([2]), .bytes([1, 97, 0]), .null, .null]),
        ]
        let block = Fixture.block(columns.map { Fixture.column($0, $1) }, rows: 4)
        expectGolden(HexDump.text(Fixture.encode(block)), "store/row-block-types-v1.hex")
        let reader = try Fixture.reader(try HexDump.golden("store/row-block-types-v1.hex"))
        #expect(reader.columnTypes == columns.map(\.0.inBlock))
        #expect(reader.columnTypes[3] == .nestedInBlock)
        for (index, (_, cells)) in columns.enumerated() {
            #expect(try Fixture.cells(reader.column(index)) == cells, "column \(index)")
        }
    }

    @Test("refuses a version it does not know, by its number")
    func versions() throws {
        var bytes = Fixture.encode(Self.example)
        bytes[0] = 2
        #expect(
            throws: RowBlockError(
                message: "it has format version 2 and this program reads 1")
        ) { try Fixture.reader(bytes) }
    }

    // MARK: - The blocks

    private static let example: RowBlock = {
        let times = Fixture.column(.timestamp, [1000, 2000, 4000, 3000].map { .integer($0) })
        return RowBlock(
            rowCount: 4,
            columns: [
                Fixture.column(.bigint, [.integer(300), .null, .integer(302), .integer(310)]),
                Fixture.column(
                    .string, ["banner", "modal", "banner", "banner"].map { .text($0) }),
                times,
            ], rowtime: times, operations: Fixture.buffer([0, 0, 1, 0] as [UInt8]),
            appendedAt: 9000, watermark: 500, watermarkAfter: 3000, schemaVersion: 1)
    }()

    private static let rows = 20

    private static let everyColumn: [(ColumnType, [Cell])] = {
        func cells(_ cell: (Int) -> Cell) -> [Cell] { (0..<rows).map(cell) }
        return [
            (.boolean, cells { $0 % 7 == 3 ? .null : .word($0 % 3 == 0 ? 1 : 0) }),
            (.bigint, cells { _ in .integer(-42) }),
            (.bigint, cells { $0 == 0 ? .integer(.min) : $0 == 9 ? .null : .integer(.max) }),
            (.bigint, cells { .integer(Int64($0 * 37 % 11) << 28) }),
            (.double, cells { .double($0 % 2 == 0 ? -0.0 : 1 / Double($0)) }),
            (.double, cells { _ in .word(0x7ff8_0000_0000_1234) }),
            (.string, cells { .text("the word no. \($0 % 3)") }),
            (.string, cells { $0 % 5 == 0 ? .null : .text(String(repeating: "é", count: $0)) }),
            (.string, cells { $0 == 0 ? .null : .bytes([0, 0xff, 0x80]) }),
            (.timestamp, cells { .integer(1_700_000_000_000_000 + Int64($0 * 1000 + $0 % 2)) }),
            (.decimal(precision: 38, scale: 9), cells { .wide(Int128($0 - 9) << 80) }),
            (.decimal(precision: 9, scale: 2), cells { .wide(Int128($0 * 25 - 100)) }),
            (.interval, cells { _ in .null }),
        ]
    }()

    private static let every: RowBlock = {
        RowBlock(
            rowCount: rows, columns: everyColumn.map { Fixture.column($0, $1) },
            rowtime: Fixture.column(.timestamp, (0..<rows).map { .integer(Int64($0 * 1000)) }),
            operations: Fixture.buffer([UInt8](repeating: 1, count: rows)),
            rowWatermarks: Fixture.buffer((0..<rows).map { Int64($0 % 3) }),
            offsets: Fixture.buffer((0..<rows).map { Int64($0 * 2) }))
    }()
}
