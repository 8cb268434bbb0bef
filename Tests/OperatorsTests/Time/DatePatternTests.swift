import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("Date patterns")
struct DatePatternTests {
    static func pattern(_ text: String) throws -> DatePattern {
        try DatePattern.compile(text, isParsing: true).get()
    }

    static func parse(_ text: String, _ pattern: DatePattern) -> Int64? {
        Array(text.utf8).withUnsafeBufferPointer { pattern.parse($0, zone: .utc) }
    }

    @Test(
        "writes as strftime does",
        arguments: [
            "%Y-%m-%d %H:%M:%S", "%d/%b/%Y:%H:%M:%S %z", "%A, %B %e %Y", "%I:%M %p", "%j %y %u",
            "%F %T", "%D %R", "%s", "100%% %a%n%t", "%Y%m%d%H%M%S", "%Z",
        ])
    func strftimeAgrees(text: String) throws {
        let pattern = try DatePattern.compile(text, isParsing: false).get()
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<300 {
            let seconds = Int64.random(in: -30_000_000_000...200_000_000_000, using: &random)
            var time = time_t(seconds)
            var parts = tm()
            gmtime_r(&time, &parts)
            "UTC".withCString { name in
                parts.tm_zone = name
                var buffer = [CChar](repeating: 0, count: 256)
                let count = strftime(&buffer, 256, text, &parts)
                let bytes = buffer[..<count].map { UInt8(bitPattern: $0) }
                // glibc takes the parts of gmtime for local ones in %s.
                let expected = text == "%s" ? "\(seconds)" : String(decoding: bytes, as: UTF8.self)
                #expect(pattern.text(seconds * 1_000_000) == expected)
            }
        }
    }

    @Test(
        "reads what it writes",
        arguments: [
            "yyyy-MM-dd HH:mm:ss.SSSSSS", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "yyyyMMddHHmmssSSSSSS",
            "dd/MMM/yyyy:HH:mm:ss.SSSSSS Z", "EEE, d MMM yyyy h:m:s.SSSSSS a z",
            "EEEE d MMMM yyyy HH''mm''ss.SSSSSS", "yyyy-DDD HH:mm:ss.SSSSSS",
            "%Y-%m-%dT%H:%M:%S.%f%z", "%e %b %Y %I:%M:%S.%f %p", "%s.%f",
        ])
    func roundTrip(text: String) throws {
        let pattern = try Self.pattern(text)
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<2000 {
            let micros =
                text.hasPrefix("%s")
                ? Int64.random(in: 0...Timestamp.max, using: &random)
                : Int64.random(in: Timestamp.min...Timestamp.max, using: &random)
            let written = pattern.text(micros)
            #expect(Self.parse(written, pattern) == micros, "\(written)")
            #expect(written.utf8.count <= pattern.formattedBytesMax)
        }
    }

    @Test(
        "reads logs",
        arguments: [
            ("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
            ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
            ("yyyy-MM-dd HH:mm:ss,SSS", "2026-01-31 08:09:10,500", "2026-01-31T08:09:10.500Z"),
            ("EEE MMM d HH:mm:ss yyyy", "sat JAN 31 08:09:10 2026", "2026-01-31T08:09:10Z"),
            ("M/d/yy", "1/5/99", "1999-01-05T00:00:00Z"),
            ("d.M.yyyy", "31.1.2026", "2026-01-31T00:00:00Z"),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2026-01-31T08:09:10Z", "2026-01-31T08:09:10Z"),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2026-01-31T08:09:10+01:00", "2026-01-31T07:09:10Z"),
            ("HH:mm", "12:30", "1970-01-01T12:30:00Z"),
            (
                "%Y-%m-%d %H:%M:%S.%f", "2026-01-31 08:09:10.123456789",
                "2026-01-31T08:09:10.123456Z"
            ),
            ("yyyy-MM-dd hh:mm a", "2026-01-31 12:05 am", "2026-01-31T00:05:00Z"),
            ("yyyy-MM-dd", "2026-02-30", nil), ("yyyy-MM-dd", "2026-2-3", nil),
            ("yyyy-MM-dd", "2026-02-03 ", nil), ("yyyy-MM-dd", "", nil),
            ("EEE yyyy-MM-dd", "Mon 2026-01-31", nil), ("yyyy-MM-dd HH", "2026-01-31 24", nil),
            ("yyyy-MM-dd hh a", "2026-01-31 13 PM", nil), ("MMM yyyy", "Foo 2026", nil),
        ] as [(String, String, String?)])
    func reads(pattern: String, text: String, expected: String?) throws {
        #expect(Self.parse(text, try Self.pattern(pattern)).map(Timestamp.text) == expected)
    }

    @Test(
        "refuses patterns that cannot be meant",
        arguments: [
            ("YYYY-MM-dd", "years are 'yyyy'"), ("yyyy-MM-DD", "days of the month are 'dd'"),
            ("yyyy-mm-dd", "months are 'MM'"), ("yyyy-MM-dd hh:mm", "hours from 0 to 23 are 'HH'"),
            ("yyyy-MM-ddTHH:mm", "quote the letter"), ("MM-dd", "join the year"),
            ("yyyy-MM-dd HH:mm:ss.nnn", "'SSS'"), ("%Y-%m-%d %Q", "possible are"), ("%", "'%%'"),
            ("", "write it like"), ("---", "write it like"), ("kk:mm", "hours are 'HH'"),
        ])
    func refuses(pattern: String, help: String) {
        guard case .failure(let problem) = DatePattern.compile(pattern, isParsing: true) else {
            Issue.record("\(pattern) was taken")
            return
        }
        #expect(problem.help?.contains(help) == true, "\(problem)")
    }

    @Test("any pattern and any text are taken or refused")
    func fuzz() {
        var random = SeededRandom(seed: testSeed)
        let letters = Array("yyMMddHHmmssSSaEEZXxzuDhL'%Y%m%d%H%f%s%z%Z%p:-/ T.é".utf8)
        let texts = [
            "2026-01-31T08:09:10.123Z", "10/Oct/2000:13:55:36 -0700", "99999999999999999999", "",
            "Mon", "PM", "-", "1769846950",
        ]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                random.pick(letters)
            }
            guard case .success(let pattern) = DatePattern.compile(bytes, isParsing: false) else {
                continue
            }
            if let micros = Self.parse(random.pick(texts), pattern) {
                #expect(Timestamp.isInRange(micros))
            }
            let micros = Int64.random(in: Timestamp.min...Timestamp.max, using: &random)
            let written = pattern.text(micros)
            #expect(written.utf8.count <= pattern.formattedBytesMax)
            _ = Self.parse(written, pattern)
        }
    }
}

@Suite("Intervals from and to text")
struct IntervalTextTests {
    static func parse(_ text: String) -> Int64? {
        Array(text.utf8).withUnsafeBufferPointer { try? IntervalText.parse($0) }
    }

    static func text(_ micros: Int64) -> String {
        String(unsafeUninitializedCapacity: IntervalText.textBytesMax) { buffer in
            buffer.baseAddress.map { IntervalText.write(micros, into: $0) } ?? 0
        }
    }

    @Test("reads what it writes")
    func roundTrip() {
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<5000 {
            let shift = Int.random(in: 0..<63, using: &random)
            let micros = Int64.random(in: .min ... .max, using: &random) >> shift
            #expect(Self.parse(Self.text(micros)) == micros, "\(Self.text(micros))")
        }
        #expect(Self.parse(Self.text(.min)) == .min)
        #expect(Self.parse(Self.text(.max)) == .max)
    }

    @Test(
        "refuses what is none",
        arguments: [
            "", " ", "abc", "1 fortnight", "1 month", "10 years", "1:2:3:4", "1:60", ":", "1:",
            "- 1 day", "1..5 days", "99999999999999999999 days", "1e3 seconds", "day", "1 day x",
        ])
    func refuses(text: String) {
        #expect(Self.parse(text) == nil)
    }
}
