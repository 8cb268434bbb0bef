import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("Time zones")
struct TimeZoneTests {
    static let zones = [
        "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
        "Pacific/Apia", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Tehran", "Europe/Dublin",
        "America/St_Johns", "Pacific/Chatham", "Asia/Gaza",
    ]

    /// glibc's view, through `date`: the offset and abbreviation at each moment.
    static func glibc(_ zone: String, _ moments: [Int64]) throws -> [(offset: Int, name: String)] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/date")
        process.arguments = ["-f", "-", "+%::z %Z"]
        process.environment = ["TZ": ":" + zone, "LC_ALL": "C"]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let lines = moments.map { "@\($0)\n" }.joined()
        Thread.detachNewThread {
            input.fileHandleForWriting.write(Data(lines.utf8))
            input.fileHandleForWriting.closeFile()
        }
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").map { line in
            let parts = line.split(separator: " ")
            let clock = parts[0].dropFirst().split(separator: ":").compactMap { Int($0) }
            let seconds = clock[0] * 3600 + clock[1] * 60 + clock[2]
            return (parts[0].hasPrefix("-") ? -seconds : seconds, String(parts[1]))
        }
    }

    @Test("offsets and names are glibc's", arguments: zones)
    func offsets(zone: String) throws {
        let rules = try TimeZoneRules.named(zone)
        var random = SeededRandom(seed: testSeed)
        var moments = (0..<1500).map { _ in
            Int64.random(in: -5_000_000_000...9_000_000_000, using: &random)
        }
        for span in rules.spans.dropFirst() { moments += [span.start - 1, span.start] }
        let expected = try Self.glibc(zone, moments)
        try #require(expected.count == moments.count)
        for (seconds, expected) in zip(moments, expected) {
            #expect(rules.offset(at: seconds) == expected.offset, "\(zone) at \(seconds)")
            #expect(
                String(decoding: rules.abbreviation(at: seconds), as: UTF8.self) == expected.name,
                "\(zone) at \(seconds)")
        }
    }

    @Test("what the clocks show leads back to the moment", arguments: zones)
    func roundTrips(zone: String) throws {
        let rules = try TimeZoneRules.named(zone)
        var random = SeededRandom(seed: testSeed)
        var repeated = 0
        for _ in 0..<3000 {
            let micros = Int64.random(in: 0...8_000_000_000, using: &random) * 1_000_000
            let local = rules.microsecondsLocal(utc: micros)
            let back = rules.microsecondsUTC(local: local)
            #expect(rules.microsecondsLocal(utc: back) == local)
            if back != micros {
                // The first of the two hours that a change of clocks repeats.
                repeated += 1
                #expect(back > micros)
            }
        }
        #expect(repeated < 30)
    }

    @Test("times that do not exist move forward, times that exist twice are the second")
    func changes() throws {
        let berlin = try TimeZoneRules.named("Europe/Berlin")
        func utc(_ text: String) -> String? {
            TimestampTests.parse(text, zone: berlin).map(Timestamp.text)
        }
        #expect(utc("2026-03-29 01:59:59") == "2026-03-29T00:59:59Z")
        #expect(utc("2026-03-29 02:30:00") == "2026-03-29T01:30:00Z")
        #expect(utc("2026-03-29 03:00:00") == "2026-03-29T01:00:00Z")
        #expect(utc("2026-10-25 02:30:00") == "2026-10-25T01:30:00Z")
        #expect(utc("2026-10-25 01:59:59") == "2026-10-24T23:59:59Z")
        #expect(utc("2026-10-25 03:00:00") == "2026-10-25T02:00:00Z")
    }

    @Test(
        "knows fixed offsets by name",
        arguments: [
            ("UTC", 0), ("Z", 0), ("GMT", 0), ("+02:00", 7200), ("-0530", -19_800), ("+09", 32_400),
            ("UTC+1", nil), ("UTC+01:00", 3600), ("+25:00", nil), ("+1", nil), ("", nil),
            ("Europe/Atlantis", nil), ("../../etc/passwd", nil), ("/etc/passwd", nil),
            ("Europe", nil), ("zone.tab", nil),
        ])
    func names(name: String, offset: Int?) {
        #expect((try? TimeZoneRules.named(name))?.offset(at: 0) == offset)
    }

    @Test("reads rules of POSIX")
    func posix() throws {
        let rule = try #require(PosixZone(Array("CET-1CEST,M3.5.0,M10.5.0/3".utf8)))
        #expect(rule.offset(at: 1_767_225_600) == 3600)
        #expect(rule.offset(at: 1_783_000_000) == 7200)
        for text in [
            "", "C", "CET", "CET-1CEST,", "CET-1CEST,M13.1.0,M1.1.0", "<+03>-3x", "CET-99",
        ] {
            #expect(PosixZone(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(PosixZone(Array("<+0330>-3:30".utf8))?.offset(at: 0) == 12_600)
    }

    @Test("the machine's zone is that of TZ")
    func local() throws {
        for (value, offset) in [
            ("Asia/Kolkata", 19_800), (":Asia/Kolkata", 19_800), ("IST-5:30", 19_800),
            ("/usr/share/zoneinfo/Asia/Kolkata", 19_800), ("", 0),
        ] {
            let rules = try TimeZoneRules.local(variable: value)
            #expect(rules.offset(at: 1_767_225_600) == offset, "\(value)")
        }
        #expect(throws: TimeZoneError.self) { try TimeZoneRules.local(variable: "No/Where") }
        _ = try TimeZoneRules.local(variable: nil)
    }

    @Test("a damaged zone file is refused, never out of bounds")
    func damage() throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/Europe/Berlin"))
        let whole = [UInt8](file)
        #expect(TimeZoneFile.rules(name: "x", whole) != nil)
        for count in stride(from: 0, to: whole.count, by: 7) {
            #expect(TimeZoneFile.rules(name: "x", Array(whole[..<count])) == nil)
        }
        var random = SeededRandom(seed: testSeed)
        for _ in 0..<500 {
            var bytes = whole
            let place = Int.random(in: 0..<bytes.count, using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
            if let rules = TimeZoneFile.rules(name: "x", bytes) {
                for seconds: Int64 in [.min / 2, -1, 0, 2_000_000_000, 9_000_000_000] {
                    _ = rules.offset(at: seconds)
                }
            }
        }
    }
}
