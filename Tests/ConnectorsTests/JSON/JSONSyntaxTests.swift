import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

/// Which texts are JSON objects: a table in the spirit of JSONTestSuite, against RFC 8259.
@Suite("JSON row parser: syntax")
struct JSONSyntaxTests {
    /// Values that stand in a field that is skipped, and as a text that is not one.
    static let goodValues: [String] = [
        "0", "-0", "1", "-1", "10", "123456789012345678901234567890", "0.5", "-0.0", "1.25", "1e5",
        "1E5", "1e+5", "1E+2", "1e-5", "0e0", "0E+0", "1.5e300", "1e999999", "-1e-999999",
        "0.000000000000000000000000000000000000000000000000000000001",
        "true", "false", "null", "\"\"", "\"a\"", "\"\\\"\"", "\"\\\\\"", "\"\\/\"", "\"/\"",
        "\"\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\u00e9\"", "\"\\uABCD\"", "\"\\uabcd\"",
        "\"\\ud83d\\ude00\"", "\"\\uD800\\uDC00\"", "\"\\uDBFF\\uDFFF\"", "\"\\u0022\"",
        "\"\u{7f}\"", "\"\u{e9}\"", "\"\u{20ac}\"", "\"\u{1f600}\"", "\"\u{fffe}\u{ffff}\"",
        "\"\u{2028}\u{2029}\"", "\"\\\\u0000\"", "\"\\u005C\"", "\"a b\"",
        "[]", "[ ]", "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]", "[[],{}]",
        "[null,true,\"x\",{\"a\":[1]}]",
        "{}", "{ }", "{\"\":0}", "{\"a\":1,\"a\":2}", "{\"a\" : 1 , \"b\" : [ ] }",
        "{\"\\u0061\":1}",
        "\t1", "\r1", " \t\r 1\t\r ",
    ]

    static let badValues: [String] = [
        "", "01", "-01", "00", "-", "+1", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "1E-", "1e1.5",
        "0x10", "1_000", "1,", "--1", "1-1", "0e", "1eE2", "Infinity", "-Infinity", "NaN", "nan",
        "1 2", "1a", "0 1", "\u{ff11}", "-foo", "- 1", "1e 5",
        "tru", "True", "TRUE", "truee", "true false", "fals", "nul", "nulll", "undefined", "None",
        "\"", "\"a", "'a'", "a", "\"\\x\"", "\"\\a\"", "\"\\'\"", "\"\\0\"", "\"\\u\"", "\"\\u1\"",
        "\"\\u12\"", "\"\\u123\"", "\"\\u12g4\"", "\"\\U0041\"", "\"\\u 041\"", "\"\\u-041\"",
        "\"\\ud800\"", "\"\\ud800a\"", "\"\\udc00\"", "\"\\udc00\\ud800\"", "\"\\ud800\\ud800\"",
        "\"\\ud800\\u0041\"", "\"\\ud800\\n\"", "\"\\ud83d\\ude0\"", "\"\\\"", "\"\\\\\\\"",
        "\"\t\"", "\"\r\"", "\"\u{0}\"", "\"\u{1f}\"", "\"a\"b", "\"a\" \"b\"", "“a”",
        "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[}", "[1}", "[\"a",
        "[\"a\"", "[1]]", "[,]", "[-]", "[1.]", "[\"\\x\"]", "[tru]",
        "{", "{1:2}", "{a:1}", "{'a':1}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\":1,}",
        "{,}", "{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{\"a\"::1}", "{\"a\":1,,}", "{\"a\":1]",
        "{\"a\":1", "{\"a", "{\"a\":", "{\"\\x\":1}", "{\"\\ud800\":1}", "{null:1}", "{\"a\":1}}",
        "{[]:1}", "// x\n1", "/**/1", "#", "1/**/", "\u{feff}1", "\u{a0}1", "\u{c}1", "\u{b}1", "*",
        "\u{0}", "1\u{0}", "\u{7f}",
    ]

    /// Texts of a whole line that are no record.
    static let badLines: [String] = [
        "[]", "1", "\"a\"", "null", "true", "{", "}", "{}}", "{}{}", "{},", "{} x", "x {}", "{}]",
        "{\"x\":1}\"", "{\"x\":1},", "{\"x\"", "{\"x\":", "{\"x\":1", "{\"x\":1,", "{\"x\":1,}",
        "{,\"x\":1}", "{\"x\":1 ,,\"y\":2}", "{x:1}", "{'x':1}", "\u{feff}{}", "\u{c}{}", "{}\u{0}",
        "{\"x\":\"\u{0}\"}", "{}//", "{\"x\":1}#",
    ]

    private static let fields = JSONFixture.fields(["k": .bigint, "v": .string])

    /// A line before and one behind, which must come out whatever becomes of the one between.
    private func outcomes(_ line: [UInt8]) throws -> [JSONOutcome] {
        let lines =
            Array("{\"k\":1,\"v\":\"first\"}\n".utf8) + line
            + Array("\n{\"k\":3,\"v\":\"last\"}".utf8)
        // A parser that has learned the usual order of keys and one that has another in mind.
        let trained = try JSONFixture.parser(Self.fields)
        _ = JSONFixture.parse(Array("{\"skipped\":0,\"k\":0}\n".utf8), with: trained)
        return [
            JSONFixture.parse(lines, with: try JSONFixture.parser(Self.fields)),
            JSONFixture.parse(lines, with: trained),
        ]
    }

    private func expectRows(_ line: [UInt8], isGood: Bool, _ comment: String) throws {
        for outcome in try outcomes(line) {
            #expect(outcome.errors.count == (isGood ? 0 : 1), "\(comment): \(outcome)")
            #expect(outcome.rows.count == (isGood ? 3 : 2), "\(comment)")
            #expect(outcome.rows.first == ["1", "first"], "\(comment)")
            #expect(outcome.rows.last == ["3", "last"], "\(comment)")
            if !isGood {
                #expect(outcome.raw == [line], "\(comment)")
                #expect(outcome.errorPositions == [20])
            }
        }
    }

    @Test("takes every JSON value in a key that nobody asks for", arguments: goodValues)
    func good(_ value: String) throws {
        for line in [
            "{\"skipped\":\(value)}", "{\"k\":2,\"skipped\":\(value),\"v\":\"x\"}",
            "{\"k\":2,\"nested\":{\"a\":[\(value)]},\"v\":null}",
        ] {
            try expectRows(Array(line.utf8), isGood: true, line)
        }
    }

    @Test("refuses what is no JSON, also where nobody asks for it", arguments: badValues)
    func bad(_ value: String) throws {
        for line in [
            "{\"skipped\":\(value)}", "{\"k\":2,\"skipped\":\(value),\"v\":\"x\"}",
            "{\"k\":2,\"nested\":{\"a\":\(value)},\"v\":null}", "{\"v\":\(value)}",
            "{\"k\":\(value)}",
        ] where !line.contains("\n") {
            try expectRows(Array(line.utf8), isGood: false, line)
        }
    }

    @Test("refuses lines that are no object", arguments: badLines)
    func badLine(_ line: String) throws {
        try expectRows(Array(line.utf8), isGood: false, line)
    }

    @Test("refuses bytes that are not UTF-8, in keys and values, kept and skipped")
    func utf8() throws {
        let sequences: [[UInt8]] = [
            [0x80], [0xbf], [0xc0, 0x80], [0xc0, 0xaf], [0xc1, 0xbf], [0xc3], [0xc3, 0x28],
            [0xe0, 0x80, 0xaf], [0xe0, 0x9f, 0xbf], [0xe2, 0x82], [0xe2, 0x28, 0xa1],
            [0xed, 0xa0, 0x80],
            [0xed, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf],
            [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf0, 0x9f, 0x98],
            [0xf8, 0x88, 0x80, 0x80, 0x80],
            [0xfe], [0xff], [0x61, 0xff, 0x61],
        ]
        for bytes in sequences {
            for (before, after) in [
                ("{\"v\":\"", "\"}"), ("{\"skipped\":\"", "\"}"), ("{\"", "\":1}"),
                ("{\"skipped\":{\"", "\":1}}"),
                ("{\"skipped\":[\"long enough to be scanned", "\"]}"),
                ("{\"v\":\"\\n", "\"}"), ("{\"skipped\":", "}"), ("{}", ""),
            ] {
                let line = Array(before.utf8) + bytes + Array(after.utf8)
                try expectRows(line, isGood: false, "\(before) \(bytes) \(after)")
            }
        }
        for scalar in [
            "\u{80}", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}", "\u{10000}", "\u{10ffff}",
        ] {
            try expectRows(Array("{\"skipped\":\"\(scalar)\"}".utf8), isGood: true, scalar)
        }
    }

    @Test("refuses a record inside of which the line ends, and goes on behind it")
    func brokenLine() throws {
        let outcome = try JSONFixture.parse(
            "{\"k\":1,\n{\"k\":2}\n{\"v\":\"a\nb\"}\n{\"k\"\n:3}\n{\"k\":4}\n", Self.fields)
        #expect(outcome.rows.map { $0[0] } == ["2", "4"])
        #expect(outcome.errorPositions == [0, 16, 24, 28, 33])
    }

    @Test("limits how deep values nest, wherever they are")
    func depth() throws {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        let fields = JSONFixture.fields(["k": .bigint, "a.b": .string])
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for key in ["skipped", "k", "a"] where key != "k" {
                let good = "{\"\(key)\":\(nested(JSONScan.depthMax - 1, open, close))}\n"
                let outcome = try JSONFixture.parse(good, fields)
                #expect(outcome.errors.isEmpty, "\(key) \(open)")
                let deep = "{\"\(key)\":\(nested(JSONScan.depthMax, open, close))}\n{\"k\":1}\n"
                let refused = try JSONFixture.parse(deep, fields)
                #expect(refused.errors.count == 1 && refused.rows.count == 1, "\(key) \(open)")
                #expect(refused.errors.first?.contains("nested deeper than 128 levels") == true)
                // Far deeper than any stack, and never closed.
                let endless = "{\"\(key)\":" + String(repeating: open, count: 200_000)
                #expect(try JSONFixture.parse(endless, fields).errors.count == 1)
            }
        }
    }

    @Test("passes over blank lines, CRLF and a byte order mark at the very beginning")
    func lines() throws {
        let text = "\u{feff}\r\n\n{\"k\":1}\r\n \t \n{\"k\":2}\n\n\r\n{\"k\":3}"
        let outcome = try JSONFixture.parse(text, Self.fields)
        #expect(outcome.rows.map { $0[0] } == ["1", "2", "3"])
        #expect(outcome.positions == [6, 19, 30])
        #expect(outcome.errors.isEmpty)
        #expect(try JSONFixture.parse("\u{feff}{\"k\":1}", Self.fields).rows.count == 1)
        #expect(try JSONFixture.parse("{}\n\u{feff}{\"k\":1}", Self.fields).errors.count == 1)
        #expect(try JSONFixture.parse("\u{feff}", Self.fields) == JSONOutcome())
        #expect(try JSONFixture.parse("\n\r\n  ", Self.fields) == JSONOutcome())
    }

    @Test("leaves a line without an end until it ends, or nothing follows")
    func partialLine() throws {
        let parser = try JSONFixture.parser(Self.fields)
        let (buffer, range) = JSONFixture.chunk(Array("{\"k\":1}\n{\"k\":2}".utf8), behind: 0x20)
        let (rows, consumed) = parser.parse(buffer, range, position: 0, isLast: false)
        #expect(rows.rowCount == 1 && consumed == 8)
        let rest = range.lowerBound + consumed..<range.upperBound
        #expect(parser.parse(buffer, rest, position: 8, isLast: false).consumed == 0)
        let last = parser.parse(buffer, rest, position: 8, isLast: true)
        #expect(last.rows.rowCount == 1 && last.consumed == 7)
        #expect(last.rows.positions?.pointer(to: Int64.self)[0] == 8)
        #expect(parser.parse(buffer, 7..<7, position: 15, isLast: true).consumed == 0)
    }

    @Test(
        "never reads on into what lies behind the input", arguments: [0x37, 0x20, 0x22, 0x7d, 0x61])
    func behindTheEnd(_ behind: UInt8) throws {
        let texts = [
            "{\"k\":12}", "{\"k\":12", "{\"k\":", "{\"k\":1,\"v\":\"a", "{\"k\":-", "{\"k\":1.",
            "{\"k\":1e",
            "{\"k\":tru", "{\"v\":\"\\u12", "{\"skipped\":1", "{\"k\":1 ", "{", "{\"", "{\"k",
            "{\"k\"",
            "{\"v\":\"\\", "{\"k\":[", "{\"v\":\"\u{e9}",
        ]
        for text in texts {
            for count in 0...text.utf8.count {
                let bytes = Array(text.utf8.prefix(count))
                let parser = try JSONFixture.parser(Self.fields)
                _ = JSONFixture.parse(Array("{\"k\":7,\"v\":\"x\"}\n".utf8), with: parser)
                let outcome = JSONFixture.parse(bytes, with: parser, behind: behind)
                let isWhole = bytes == Array("{\"k\":12}".utf8)
                #expect(outcome.rows.count == (isWhole ? 1 : 0), "\(text) cut at \(count)")
                let isBlank = bytes.isEmpty
                #expect(
                    outcome.errors.count == (isWhole || isBlank ? 0 : 1), "\(text) cut at \(count)")
            }
        }
    }

    @Test("gives no more rows, good and bad, than a batch holds")
    func rowsMax() throws {
        let bad = Array(String(repeating: "x\n", count: 20_000).utf8)
        let parser = try JSONFixture.parser(Self.fields)
        let (buffer, range) = JSONFixture.chunk(bad, behind: 0)
        let (rows, consumed) = parser.parse(buffer, range, position: 0, isLast: true)
        #expect(rows.invalid.count == JSONRowParser.rowsMax && consumed == 2 * rows.invalid.count)
        #expect(JSONFixture.parse(bad, with: parser).errors.count == 20_000)
        let good = Array(String(repeating: "{\"k\":1}\n", count: 9_000).utf8)
        #expect(JSONFixture.parse(good, with: parser).rows.count == 9_000)
    }
}
