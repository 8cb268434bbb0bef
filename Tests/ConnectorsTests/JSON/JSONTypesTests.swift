import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

/// Types whose values are read once their text is known to be JSON.
@Suite("JSON: dates, decimals, bytes, json, arrays and structs")
struct JSONTypesTests {
    private static let user = ColumnType.structure([
        Field("id", .bigint), Field("tags", .array(.string)),
        Field("at", .structure([Field("lat", .double)])),
    ])

    private static func values(_ type: ColumnType, _ texts: [String]) throws -> [String] {
        let fields = [FieldSpec(name: "v", type: type, path: ["v"])]
        return try texts.map { text in
            let outcome = try JSONFixture.parse("{\"v\":\(text)}\n", fields)
            if let row = outcome.rows.first { return row[0] ?? "null" }
            return "error: "
                + (outcome.errors.first ?? "nothing").split(separator: ":")
                .dropFirst().joined(separator: ":").trimmed
        }
    }

    @Test("reads decimals exactly or not at all")
    func decimals() throws {
        let type = ColumnType.decimal(precision: 6, scale: 2)
        let read = try Self.values(
            type,
            [
                "12.50", "-0.01", "9999.99", "1e3", "\"7.25\"", "0", "null", "1.500", "12.505",
                "10000", "1e10", "\"x\"", "true", "\"1 \"", "-9999.99",
            ])
        #expect(
            read == [
                "1250", "-1", "999999", "100000", "725", "0", "null", "150",
                "error: a number with more digits than the type has at byte 5",
                "error: a number with more digits than the type has at byte 5",
                "error: a number with more digits than the type has at byte 5",
                "error: a value of another type at byte 5",
                "error: a value of another type at byte 5",
                "error: a value of another type at byte 5", "-999999",
            ])
    }

    @Test("reads dates, bytes and json of any shape")
    func plain() throws {
        #expect(
            try Self.values(.date, ["\"1970-01-02\"", "\"2026-02-29\"", "5", "\"1970-01-02T\""])
                == ["1"]
                + Array(repeating: "error: no date of the form 2026-01-31 at byte 5", count: 3))
        #expect(
            try Self.values(.bytes, ["\"YWJj\"", "\"\"", "\"YW\\u004ajj\"", "\"a\"", "1"])
                == [
                    "abc", "", "error: text that is not base64 at byte 5",
                    "error: text that is not base64 at byte 5",
                    "error: a value of another type at byte 5",
                ])
        let texts = ["1", "\"x\"", "[1, {\"a\": [] }]", "{ }", "true", "1e999"]
        #expect(try Self.values(.json, texts) == texts)
        let bad = try Self.values(.json, ["[1,", "{\"a\" 1}", "nul"])
        #expect(bad.allSatisfy { $0.hasPrefix("error") })
    }

    @Test("reads arrays and structs, and sets aside what is of another type inside")
    func nested() throws {
        let read = try Self.values(
            Self.user,
            [
                "{\"id\": 1, \"tags\": [\"a\", null, \"\\u00e9\"], \"at\": {\"lat\": 1.5, \"x\": 0}}",
                "{}", "{\"id\": 1, \"id\": 2}", "{\"id\": 1.5}", "{\"tags\": [1]}", "[]", "null",
                "{\"at\": []}", "{\"tags\": [\"a\"",
            ])
        #expect(
            read == [
                "{\"id\":1,\"tags\":[\"a\",null,\"é\"],\"at\":{\"lat\":1.5}}",
                "{\"id\":null,\"tags\":null,\"at\":null}",
                "{\"id\":2,\"tags\":null,\"at\":null}",
                "error: a value of another type inside at byte 5",
                "error: a value of another type inside at byte 5",
                "error: a value of another type at byte 5", "null",
                "error: a value of another type inside at byte 5",
                "error: expected ',' or the end of the object or array at byte 18",
            ])
    }

    @Test("never traps and never reads across rows, whatever the input and its pieces")
    func hostile() throws {
        let fields = JSONFixture.fields([
            "u": Self.user, "j": .json, "d": .decimal(precision: 38, scale: 10), "b": .bytes,
            "day": .date, "s": .string,
        ])
        let lines = [
            "{\"u\":{\"id\":7,\"tags\":[\"x\"],\"at\":{\"lat\":1e308}},\"j\":[1,2],\"d\":1.5}",
            "{\"b\":\"AAEC\",\"day\":\"2026-01-31\",\"s\":\"\\u0041\",\"u\":null}",
            "{\"j\":\(String(repeating: "[", count: 200))\(String(repeating: "]", count: 200))}",
            "{\"d\":\(String(repeating: "9", count: 5000)),\"s\":\"y\"}", "{\"u\":{\"id\":",
            "{\"j\":\"\\ud800\"}", "{\"u\":{\"tags\":[\"\u{0}\"]}}",
            "{\"d\":1e\(String(repeating: "9", count: 40))}",
        ]
        for seed in testSeed..<testSeed + 150 {
            var random = SeededRandom(seed: seed)
            var text: [UInt8] = []
            for _ in 0..<6 {
                var line = Array((lines.randomElement(using: &random) ?? "").utf8)
                for _ in 0..<Int.random(in: 0...2, using: &random) where !line.isEmpty {
                    let place = Int.random(in: 0..<line.count, using: &random)
                    line[place] =
                        [0x22, 0x5b, 0x7d, 0x2c, 0xff, 0x30, 0x5c, 0xc3]
                        .randomElement(using: &random) ?? 0
                }
                text += line + [0x0a]
            }
            let whole = JSONFixture.parse(text, with: try JSONFixture.parser(fields))
            #expect(whole.rows.count + whole.errors.count >= 1, "seed \(seed)")
            let cut = Int.random(in: 0..<text.count, using: &random)
            let pieces = JSONFixture.parse(
                text, with: try JSONFixture.parser(fields), cuts: [cut], behind: 0x22)
            #expect(pieces == whole, "seed \(seed)")
            // One row at a time gives the same rows.
            var alone: [[String?]] = []
            for line in text.split(separator: 0x0a) {
                alone +=
                    JSONFixture.parse(
                        Array(line) + [0x0a], with: try JSONFixture.parser(fields)
                    ).rows
            }
            #expect(alone == whole.rows, "seed \(seed)")
        }
    }

    @Test("keeps nulls and defaults apart between rows of a batch")
    func defaults() throws {
        var fields = JSONFixture.fields([
            "a": .array(.bigint), "d": .decimal(precision: 5, scale: 1), "day": .date,
        ])
        fields[1].defaultValue = .decimal(unscaled: 15, scale: 1)
        fields[2].defaultValue = .bigint(1)
        let outcome = try JSONFixture.parse(
            "{\"a\":[1]}\n{\"d\":2,\"day\":null}\n{\"a\":null,\"d\":null}\n{\"a\":[],\"x\":1}\n",
            fields)
        #expect(
            outcome.rows == [
                ["[1]", "15", "1"], [nil, "20", nil], [nil, nil, "1"], ["[]", "15", "1"],
            ])
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }) }
}
