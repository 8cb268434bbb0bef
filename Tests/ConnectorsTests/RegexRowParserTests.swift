import Config
import Foundation
import Operators
import TestSupport
import Testing

@testable import Connectors

@Suite("Regex row parser")
struct RegexRowParserTests {
    private static let access =
        #"^(?<host>\S+) \S+ \S+ \[(?<at>[^\]]+)\] "(?<method>\S+) (?<path>\S+)[^"]*" "#
        + #"(?<status>\d+) (?<bytes>\S+)(?: "(?<referrer>[^"]*)")?"#
    private static let accessFields = [
        stringField("host"),
        FieldSpec(
            name: "at", type: .timestamp, path: ["at"],
            timestamp: .pattern("dd/MMM/yyyy:HH:mm:ss Z")),
        stringField("path"), FieldSpec(name: "status", type: .bigint, path: ["status"]),
        FieldSpec(name: "bytes", type: .bigint, path: ["bytes"]), stringField("referrer"),
    ]

    private func parser(
        _ pattern: String, _ fields: [FieldSpec], null: String = "", timezone: String = "UTC"
    ) throws -> RegexRowParser {
        var options = RegexOptions(pattern: pattern)
        options.null = Array(null.utf8)
        options.timezone = timezone
        return try RegexRowParser(fields: fields, options: options)
    }

    @Test("reads lines of a web server, whatever the input is cut into")
    func accessLog() throws {
        let text =
            #"192.0.2.7 - - [10/Oct/2025:13:55:36 +0200] "GET /a?b=é HTTP/1.1" 200 5120 "-""#
            + "\r\n"
            + #"198.51.100.9 - me [10/Oct/2025:13:55:37 +0200] "POST /b HTTP/1.1" 502 -"# + "\n\n"
            + "no request\n"
            + #"192.0.2.7 - - [10/Oct/2025:25:55:36 +0200] "GET / HTTP/1.1" 200 1 "x""# + "\n"
            + #"192.0.2.8 - - [10/Oct/2025:13:55:38 +0000] "GET /c HTTP/1.1" 304 0 "https://example.org/""#
        let bytes = Array(text.utf8)
        func parser() throws -> RegexRowParser {
            try self.parser(Self.access, Self.accessFields, null: "-")
        }
        let whole = parse(try parser(), bytes)
        #expect(
            whole.rows == [
                ["192.0.2.7", "1760097336000000", "/a?b=é", "200", "5120", nil],
                ["198.51.100.9", "1760097337000000", "/b", "502", nil, nil],
                ["192.0.2.8", "1760104538000000", "/c", "304", "0", "https://example.org/"],
            ])
        #expect(whole.lines == [1, 2, 6])
        #expect(whole.invalid.count == 2)
        #expect(
            whole.invalid.first
                == "153: cannot read the row: the pattern does not match it: no request")
        #expect(whole.invalid.last?.contains("cannot read field 'at' as timestamp") ?? false)
        for cut in 0...bytes.count { #expect(parse(try parser(), bytes, cuts: [cut]) == whole) }
        #expect(parse(try parser(), bytes, cuts: Array(1..<bytes.count)) == whole)
    }

    @Test("looks for the pattern in the line, and takes the whole one only where it is anchored")
    func search() throws {
        let text = Array("a 1 b\n22\nnone\n".utf8)
        let field = [FieldSpec(name: "n", type: .bigint, path: ["n"])]
        #expect(parse(try parser(#"(?<n>\d+)"#, field), text).rows == [["1"], ["22"]])
        #expect(parse(try parser(#"^(?<n>\d+)$"#, field), text).rows == [["22"]])
    }

    @Test("reads times without an offset in the zone, and gives defaults for groups without part")
    func conversions() throws {
        let parsed = parse(
            try parser(
                #"^(?<at>[^,]*),(?:(?<ok>\w+))?,(?<x>.*)$"#,
                [
                    FieldSpec(name: "at", type: .timestamp, path: ["at"]),
                    FieldSpec(
                        name: "ok", type: .boolean, path: ["ok"], defaultValue: .boolean(true)),
                    FieldSpec(name: "d", type: .double, path: ["x"], isRequired: true),
                    stringField("x"),
                ], timezone: "+01:00"),
            Array("2025-01-01 00:00:00,,1.5\n2025-01-01T00:00:00Z,no,2\n,,\n".utf8))
        #expect(
            parsed.rows == [
                ["1735686000000000", "true", "1.5", "1.5"],
                ["1735689600000000", "false", "2.0", "2"],
            ])
        #expect(parsed.invalid == ["51: cannot read field 'd': it is required: ,,"])
    }

    @Test("sets lines aside that are not UTF-8, and counts rows when nothing reads a field")
    func others() throws {
        let bytes: [UInt8] = [0x61, 0xff, 0x0a, 0x61, 0x0a]
        let parsed = parse(try parser("(?<x>a)", []), bytes)
        #expect(parsed.rows == [[]])
        #expect(parsed.invalid.count == 1)
    }

    @Test("agrees with a slow reading of random lines")
    func random() throws {
        // Fields that the pattern splits as `split` does: ours against the standard library's.
        var random = SeededRandom(seed: testSeed)
        let fields = ["a", "b", "c"].map { stringField($0) }
        for round in 0..<500 {
            var text = ""
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                for _ in 0..<Int.random(in: 0...9, using: &random) {
                    text += ["x", "é", ";", ";", "-", " "].randomElement(using: &random) ?? ""
                }
                text += "\n"
            }
            let bytes = Array(text.utf8)
            let cuts = (0..<bytes.count).filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
            let parsed = parse(
                try parser("^(?<a>[^;]*);(?<b>[^;]*)(?:;(?<c>.*?))?$", fields, null: "-"), bytes,
                cuts: cuts)
            var expected: [[String?]] = []
            for line in text.split(separator: "\n")
            where !line.allSatisfy({ " \t".contains($0) }) {
                let parts = line.split(
                    separator: ";", maxSplits: 2, omittingEmptySubsequences: false)
                guard parts.count > 1 else { continue }
                expected.append(
                    (0..<3).map { $0 < parts.count && parts[$0] != "-" ? String(parts[$0]) : nil })
            }
            guard parsed.rows == expected else {
                Issue.record("seed \(testSeed), round \(round), cuts \(cuts): \(text)")
                return
            }
        }
    }
}
