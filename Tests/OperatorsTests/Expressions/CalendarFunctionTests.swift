import TestSupport
import Testing

@testable import Operators

@Suite("Functions of the calendar")
struct CalendarFunctionTests {
    /// So many months later, one at a time, counted by hand.
    private static func monthsLater(_ count: Int, _ start: CivilDate) -> CivilDate {
        var (year, month) = (start.year, start.month)
        for _ in 0..<abs(count) {
            month += count > 0 ? 1 : -1
            if month == 13 { (year, month) = (year + 1, 1) }
            if month == 0 { (year, month) = (year - 1, 12) }
        }
        var day = start.day
        while day > CivilDate.dayCount(year: year, month: month) { day -= 1 }
        return CivilDate(year: year, month: month, day: day)
    }

    @Test("add and count months as one does by hand")
    func months() {
        var random = SeededRandom(seed: testSeed)
        let span = CalendarSpan(.month)
        for _ in 0..<2000 {
            let day = Int.random(in: -40_000...40_000, using: &random)
            let time = Int64.random(in: 0..<Timestamp.microsPerDay, using: &random)
            let start = Int64(day) * Timestamp.microsPerDay + time
            let count = Int.random(in: -50...50, using: &random)
            let date = Self.monthsLater(count, CivilDate(daysSinceEpoch: day))
            let expected = Int64(date.daysSinceEpoch) * Timestamp.microsPerDay + time
            #expect(
                span.adding(Int64(count), to: start, in: .utc) == expected,
                "\(start) and \(count) months, seed \(testSeed)")

            let end = start + Int64.random(in: 0..<100_000_000_000_000, using: &random)
            let months = span.count(from: start, to: end, in: .utc)
            let before = span.adding(months, to: start, in: .utc) ?? .max
            let after = span.adding(months + 1, to: start, in: .utc) ?? .min
            #expect(before <= end && after > end, "\(start) to \(end), seed \(testSeed)")
            #expect(span.count(from: end, to: start, in: .utc) == -months)
        }
    }

    @Test("keep the time of the clocks over a change of them")
    func zones() throws {
        let berlin = try TimeZoneRules.named("Europe/Berlin")
        let noon =
            "2026-03-28T11:00:00Z".utf8.withContiguousStorageIfAvailable {
                Timestamp.parseRFC3339($0)
            } ?? nil
        let next =
            "2026-03-29T10:00:00Z".utf8.withContiguousStorageIfAvailable {
                Timestamp.parseRFC3339($0)
            } ?? nil
        let start = try #require(noon)
        #expect(CalendarSpan(.day).adding(1, to: start, in: berlin) == next)
        #expect(CalendarSpan(.day).count(from: start, to: try #require(next), in: berlin) == 1)
        #expect(CalendarSpan(.hour).count(from: start, to: try #require(next), in: berlin) == 23)
    }

    @Test("never trap", arguments: TimeUnit.allCases)
    func extremes(unit: TimeUnit) {
        let span = CalendarSpan(unit)
        let numbers = [Int64.min, -4_000_000, -1, 0, 1, 4_000_000, .max]
        let times = [Int64.min, -62_135_596_800_000_000, 0, 253_402_300_799_999_999, .max]
        for number in numbers {
            for time in times { _ = span.adding(number, to: time, in: .utc) }
        }
        for from in times.dropFirst().dropLast() {
            for to in times.dropFirst().dropLast() { _ = span.count(from: from, to: to, in: .utc) }
        }
    }

    @Test(
        "say what is wrong with their arguments",
        arguments: [
            ("date_add('fortnight', 1, now())", "unknown unit 'fortnight'"),
            ("date_diff('day', now(), now(), 'Nowhere')", "Nowhere"),
            ("geo_distance(1, 2, 3, 4, 'yards')", "unknown unit of 'geo_distance'"),
            ("regexp_instr('a', '(')", "cannot read the pattern"),
            ("parse_url('a', 'HOST')", "unknown function 'parse_url'"),
        ])
    func problems(text: String, words: String) {
        let outcome = ExpressionFixture.constant(text)
        #expect(outcome.hasPrefix("diagnostic: ") && outcome.contains(words), "\(outcome)")
    }
}
