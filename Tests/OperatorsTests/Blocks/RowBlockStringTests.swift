import TestSupport
import Testing

@testable import Operators

@Suite("Row blocks: strings")
struct RowBlockStringTests {
    private typealias Fixture = RowBlockFixture

    @Test(
        "numbers distinct strings in one byte up to 256, in two above, not if nearly all are",
        arguments: [
            (2, ColumnEncoding.dictionary, 1), (255, .dictionary, 1), (256, .dictionary, 1),
            (257, .dictionary, 2), (701, .dictionary, 2), (1000, .plain, 0),
        ])
    func dictionary(_ distinct: Int, _ encoding: ColumnEncoding, _ width: Int) throws {
        let cells = (0..<4000).map { Cell.text("a string, number \($0 * 7 % distinct)") }
        let result = try Fixture.roundTrip(Fixture.column(.string, cells))
        #expect(result.cells == cells)
        #expect(result.encoding == encoding)
        // The sample is of 1024 rows.
        guard encoding == .dictionary else { return }
        let entries = Set(cells).reduce(0) { total, cell in
            guard case .bytes(let bytes) = cell else { return total }
            return total + bytes.count
        }
        // Lengths differ by less than 256: a byte each, or none where they are equal.
        let lengths = 4 + (distinct <= 10 ? 0 : distinct)
        #expect(result.bytes == 5 + lengths + width * 4000 + entries)
    }

    @Test("writes a string that all rows share once")
    func constant() throws {
        for text in ["", "x", "forty characters are more than two words"] {
            var cells = [Cell](repeating: .text(text), count: 99)
            let whole = try Fixture.roundTrip(Fixture.column(.string, cells))
            #expect(whole.cells == cells && whole.encoding == .constant)
            #expect(whole.bytes == text.utf8.count)
            cells[0] = .null
            cells[98] = .null
            let holed = try Fixture.roundTrip(Fixture.column(.string, cells))
            #expect(holed.cells == cells && holed.encoding == .constant)
            #expect(holed.bytes == 13 + text.utf8.count)
        }
    }

    @Test("writes strings that hardly repeat one behind the other")
    func plain() throws {
        let cells = (0..<3000).map { Cell.text("unlike every other: \(10_000 + $0)") }
        let equal = try Fixture.roundTrip(Fixture.column(.string, cells))
        #expect(equal.cells == cells && equal.encoding == .plain)
        #expect(equal.bytes == 4 + 3000 * 25)
        // Too short for a dictionary to be shorter.
        let letters = (0..<200).map { Cell.bytes([UInt8($0 % 200)]) }
        let short = try Fixture.roundTrip(Fixture.column(.string, letters))
        #expect(short.cells == letters && short.encoding == .plain)
    }

    @Test("writes lengths in one, two and four bytes")
    func lengths() throws {
        for (longest, width) in [(255, 1), (256, 2), (65_535, 2), (65_536, 4), (1_000_000, 4)] {
            let cells: [Cell] = [
                .bytes([UInt8](repeating: 7, count: longest)), .bytes([]), .null, .text("z"),
            ]
            let result = try Fixture.roundTrip(Fixture.column(.string, cells))
            #expect(result.cells == cells && result.encoding == .plain)
            #expect(result.bytes == 1 + 4 + 4 * width + longest + 1)
        }
    }

    @Test("gives up a dictionary that grows past its codes", arguments: [65_535, 65_536, 70_000])
    func manyDistinct(_ distinct: Int) throws {
        // The first rows repeat, so that the sample does not tell.
        let early = (0..<2000).map { Cell.text("an early row \($0 % 3)") }
        let late = (3..<distinct).map { Cell.text("\($0)") }
        let cells = early + late + late.prefix(9)
        let result = try Fixture.roundTrip(Fixture.column(.string, cells))
        #expect(result.cells == cells && result.encoding == .plain)
        let column = Fixture.column(.string, cells)
        let dictionary = StringDictionary(column.strings, column.count, nil)
        #expect(dictionary?.count == (distinct <= 65_535 ? distinct : nil))
    }

    @Test("numbers strings in the order in which they appear, and is not deceived by collisions")
    func order() {
        var random = SeededRandom(seed: testSeed)
        let cells = (0..<5000).map { _ -> Cell in
            let number = Int.random(in: 0..<900, using: &random)
            return number == 0
                ? .null : .bytes([UInt8](repeating: UInt8(number % 251), count: number))
        }
        let column = Fixture.column(.string, cells)
        let found = StringDictionary(
            column.strings, column.count, column.validityPointer.map { UnsafePointer($0) })
        var known: [Cell: Int] = [:]
        let expected = cells.map { cell -> UInt16 in
            guard cell != .null else { return 0 }
            let code = known[cell] ?? known.count
            known[cell] = code
            return UInt16(code)
        }
        #expect(found.map(\.count) == known.count)
        #expect(Fixture.values(found?.codes, 5000, as: UInt16.self) == expected, "seed \(testSeed)")
    }

    @Test("points into the payload's buffer and keeps it alive")
    func views() throws {
        func decoded() throws -> (Column, UnsafeRawPointer, Int) {
            let cells = (0..<50).map { Cell.text("a long enough text, \($0 % 3)") }
            let bytes = Fixture.encode(
                Fixture.block([Fixture.column(.string, cells)], rows: cells.count))
            let buffer = Fixture.buffer(bytes)
            let reader = try RowBlockReader(buffer, 0..<bytes.count)
            return (try reader.column(0), UnsafeRawPointer(buffer.base), bytes.count)
        }
        let (column, base, count) = try decoded()
        let others = (0..<200).map { _ in Fixture.buffer([UInt8](repeating: 0, count: count)) }
        #expect(others.count == 200)
        for row in 0..<50 {
            let view = column.strings[row]
            #expect(UnsafeRawPointer(view.base) >= base)
            #expect(UnsafeRawPointer(view.base) + view.count <= base + count)
            #expect(view.string == "a long enough text, \(row % 3)")
        }
    }
}
