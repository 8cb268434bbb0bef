import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("Timestamps from and to text")
struct TimestampTests {
    static func parse(_ text: String, zone: TimeZoneRules = .utc) -> Int64? {
        Array(text.utf8).withUnsafeBufferPointer { Timestamp.parseRFC3339($0, zone: zone) }
    }

    @Test(
        "reads RFC 3339 and the forms of SQL",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01.5Z", 1_500_000),
            ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:00", 0), ("1970-01-01", 0),
            ("1970-01-02", 86_400_000_000), ("1970-01-01T02:00:00+02:00", 0),
            ("1969-12-31T19:00:00-0500", 0), ("1970-01-01T05:30+05:30", 0),
            ("1970-01-01T01:00:00+01", 0), ("1970-01-01T00:00:00.123456789Z", 123_456),
            ("1969-12-31T23:59:59.999999Z", -1), ("1972-06-30T23:59:60Z", 78_796_800_000_000),
            ("0001-01-01T00:00:00Z", Timestamp.min),
            ("9999-12-31T23:59:59.999999Z", Timestamp.max), ("1970-01-01T00:00:00-00:00", 0),
        ])
    func reads(text: String, expected: Int64) {
        #expect(Self.parse(text) == expected)
    }

    @Test(
        "refuses everything else",
        arguments: [
            "", "1970", "1970-01-01T", "1970-01-01T0", "1970-01-01T00:00:0", "1970-1-1",
            "1970-02-30", "2100-02-29", "1970-13-01", "1970-00-01", "1970-01-00", "0000-01-01",
            "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
            "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+",
            "1970-01-01T00:00:00+1", "1970-01-01T00:00:00+01:", "1970-01-01T00:00:00+01:6",
            "1970-01-01X00:00:00Z", " 1970-01-01", "1970-01-01 ", "19700101", "-970-01-01",
            "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "1970-01-01T00:00:00 Z",
        ])
    func refuses(text: String) {
        #expect(Self.parse(text) == nil)
    }

    @Test("writes what it reads, for random moments")
    func roundTrip() {
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<20_000 {
            var micros = Int64.random(in: Timestamp.min...Timestamp.max, using: &random)
            if random.chance(3) { micros = micros / 1_000_000 * 1_000_000 }
            if random.chance(3) { micros = micros / 1000 * 1000 }
            let text = Timestamp.text(micros)
            #expect(Self.parse(text) == micros, "\(micros): \(text)")
        }
        #expect(Timestamp.text(0) == "1970-01-01T00:00:00Z")
        #expect(Timestamp.text(1_500_000) == "1970-01-01T00:00:01.500Z")
        #expect(Timestamp.text(-1) == "1969-12-31T23:59:59.999999Z")
    }

    @Test("any bytes are read or refused, never out of bounds")
    func fuzz() {
        var random = SeededRandom(seed: testSeed)
        let seeds = ["2026-01-31T12:34:56.789Z", "2026-01-31 12:34:56+02:00", "2026-01-31"]
        for _ in 0..<20_000 {
            var bytes = Array(random.pick(seeds).utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                if random.chance(2) {
                    bytes[place] = UInt8.random(in: 0...255, using: &random)
                } else {
                    bytes = Array(bytes[..<place])
                }
            }
            let micros = bytes.withUnsafeBufferPointer { Timestamp.parseRFC3339($0) }
            #expect(micros.map(Timestamp.isInRange) ?? true)
        }
    }
}

@Suite("Civil dates")
struct CivilDateTests {
    @Test("days and dates correspond, as timegm has it")
    func timegmAgrees() {
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<5000 {
            let days = Int.random(in: -719_162...2_932_896, using: &random)
            let date = CivilDate(daysSinceEpoch: days)
            #expect(date.isValid && date.daysSinceEpoch == days)
            var parts = tm()
            parts.tm_year = Int32(date.year - 1900)
            parts.tm_mon = Int32(date.month - 1)
            parts.tm_mday = Int32(date.day)
            #expect(timegm(&parts) == days * 86_400)
            #expect(Int(parts.tm_wday) == date.dayOfWeek)
            #expect(Int(parts.tm_yday) + 1 == date.dayOfYear)
        }
    }

    @Test("every day of 400 years follows the one before")
    func successors() {
        var previous = CivilDate(daysSinceEpoch: -1)
        for days in 0..<146_097 {
            let date = CivilDate(daysSinceEpoch: days)
            let isNextDay =
                date.year == previous.year && date.month == previous.month
                && date.day == previous.day + 1
            let isNewMonth =
                date.day == 1
                && previous.day == CivilDate.dayCount(year: previous.year, month: previous.month)
            if !isNextDay, !isNewMonth { Issue.record("\(previous) is followed by \(date)") }
            previous = date
        }
    }
}
