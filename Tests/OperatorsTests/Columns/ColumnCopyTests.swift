import TestSupport
import Testing

@testable import Operators

@Suite("Copies of columns")
struct ColumnCopyTests {
    private typealias Fixture = RowBlockFixture

    @Test("concatenates many columns of every type", arguments: RowBlockFixture.types)
    func concatenating(_ type: ColumnType) {
        var random = SeededRandom(seed: testSeed)
        for count in 1..<12 {
            let parts = (0..<count).map { _ in
                Fixture.random(type, Int.random(in: 0..<30, using: &random), using: &random)
            }
            let joined = Column.concatenating(parts.map { Fixture.column(type, $0) })
            #expect(joined.type == type && joined.count == parts.joined().count)
            #expect(Fixture.cells(joined) == Array(parts.joined()), "seed \(testSeed)")
        }
    }

    @Test("has no validity when none of them has")
    func validity() {
        let whole = Fixture.column(.bigint, [.integer(1)])
        #expect(Column.concatenating([whole, whole, whole]).validity == nil)
        let joined = Column.concatenating([whole, .nulls(type: .bigint, count: 1), whole])
        #expect(Fixture.cells(joined) == [.integer(1), .null, .integer(1)])
    }

    @Test("retains each buffer once")
    func retained() {
        let first = Fixture.column(.string, [.text("one"), .text("two")])
        let second = Fixture.column(.string, [.text("three")])
        let pieces = [first, second, first.gathered([1], count: 1), second, first]
        let joined = Column.concatenating(pieces)
        #expect(joined.retained.count == 2)
        #expect(joined.retained[0] === first.retained[0])
        #expect(joined.retained[1] === second.retained[0])
        let again = Column.concatenating([joined, first])
        #expect(again.retained.count == 2)
        #expect(
            Fixture.cells(joined)
                == ["one", "two", "three", "two", "three", "one", "two"].map { .text($0) })
    }

    @Test("an owned copy has the same values and lets go of where they came from")
    func ownedCopy() {
        var random = SeededRandom(seed: testSeed)
        for type in Fixture.types {
            let cells = Fixture.random(type, 200, using: &random)
            #expect(Fixture.cells(Fixture.column(type, cells).ownedCopy()) == cells)
        }
        weak var original: Buffer?
        func copy() -> Column {
            let column = Fixture.column(.string, [.text("a text of its own"), .null, .text("")])
            original = column.retained[0]
            return column.ownedCopy()
        }
        let owned = copy()
        #expect(original == nil)
        #expect(owned.retained.count == 1)
        #expect(Fixture.cells(owned) == [.text("a text of its own"), .null, .text("")])
    }
}
