import TestSupport
import Testing

@testable import Pipelined

@Suite("JSON of the control protocol")
struct JSONValueTests {
    private static let accepted: [(String, JSONValue)] = [
        ("null", JSONValue.null), (" true ", .bool(true)), ("-0", .integer(0)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)),
        ("1.5e3", .number(1500)), ("\"\\u00e9\\ud83d\\ude00\\/\"", .string("é😀/")),
        ("[]", []), ("{}", [:]), ("[1, [2]]", [1, [2]]),
        ("{\"b\":1,\"a\":{\"c\":null}}", ["b": 1, "a": ["c": .null]]),
    ]

    private func parse(_ text: String) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8))
    }

    @Test(
        "reads what RFC 8259 allows",
        arguments: Self.accepted)
    func accepts(_ text: String, _ value: JSONValue) throws {
        #expect(try parse(text) == value)
    }

    @Test(
        "refuses what it does not",
        arguments: [
            "", " ", "nul", "tru", "+1", "01", "1.", ".5", "1e", "--1", "1e999", "\"", "\"\\x\"",
            "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"", "[1,]",
            "[1 2]", "[", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":2}",
            "1 2", "[]]", "'a'", "NaN", "Infinity", "//", "{\"a\":1}x",
        ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test("refuses bytes that are not UTF-8")
    func notUTF8() {
        for bytes: [UInt8] in [
            [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22],
        ] {
            #expect(throws: JSONError.self) { try JSONParser.parse(bytes) }
        }
    }

    @Test("nests 32 levels and no more")
    func depth() throws {
        let deep = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
        _ = try parse(deep)
        #expect(throws: JSONError.self) { try parse("[" + deep + "]") }
        #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 100_000)) }
    }

    @Test("keeps the order of keys, and reads back what it renders")
    func roundTrip() throws {
        let value: JSONValue = [
            "z": "line\nbreak \"q\" \\ \u{1} é", "a": [1, 2.5.json, true, .null, [:], []],
        ]
        #expect(
            value.rendered.hasPrefix(
                "{\"z\":\"line\\nbreak \\\"q\\\" \\\\ \\u0001 é\",\"a\":[1,2.5,"))
        #expect(try parse(value.rendered) == value)
        #expect(try parse(value.indented) == value)
        #expect(
            (["a": [1], "b": [:]] as JSONValue).indented
                == "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")
    }

    @Test("finds keys by their bytes, not by canonical equivalence")
    func keysAreBytes() throws {
        let value = try parse("{\"e\u{301}\":1,\"\u{e9}\":2}")
        #expect(value["e\u{301}"] == 1)
        #expect(value["\u{e9}"] == 2)
        #expect(value["\u{212a}"] == nil)
    }

    @Test("survives random bytes", arguments: [testSeed])
    func fuzz(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let alphabet = Array("{}[]\",:\\u0123456789eE+-.truefalsn \n\u{e9}".utf8)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<40, using: &random)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            if let value = try? JSONParser.parse(bytes) {
                #expect(
                    (try? JSONParser.parse(Array(value.rendered.utf8))) == value, "seed \(seed)")
            }
        }
    }
}

extension Double {
    fileprivate var json: JSONValue { .number(self) }
}
