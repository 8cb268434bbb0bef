import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

@Suite("CSV row parser")
struct CSVRowParserTests {
    static let abc = ["a", "b", "c"].enumerated().map { stringField($1, ordinal: $0) }

    private func parser(
        _ fields: [FieldSpec] = abc, _ change: (inout CSVOptions) -> Void = { _ in }
    ) throws -> CSVRowParser {
        var options = CSVOptions()
        change(&options)
        return try CSVRowParser(fields: fields, options: options)
    }

    private func field(
        _ type: ColumnType, _ encoding: FieldSpec.TimestampEncoding = .rfc3339,
        required: Bool = false, fallback: Literal? = nil
    ) -> FieldSpec {
        FieldSpec(
            name: "v", type: type, path: ["v"], defaultValue: fallback, isRequired: required,
            timestamp: encoding)
    }

    private func values(_ field: FieldSpec, _ texts: [String]) throws -> Parsed {
        parse(try parser([field]), Array(("v\n" + texts.joined(separator: "\n") + "\n").utf8))
    }

    @Test("finds columns by the header's names, in any order")
    func header() throws {
        let parsed = parse(try parser(), Array("c,\"a\", b \n1,2,3\n".utf8))
        #expect(parsed.rows == [["2", "3", "1"]])
        #expect(parsed.positions == [10])
        #expect(parsed.lines == [2])
    }

    @Test("finds columns by their ordinals without a header, also when some are not read")
    func ordinals() throws {
        let parser = try parser([Self.abc[2], Self.abc[0]]) {
            $0.hasHeader = false
            $0.columnCount = 4
        }
        let parsed = parse(parser, Array("1,2,3,4\n5,6,7\n".utf8))
        #expect(parsed.rows == [["3", "1"]])
        #expect(parsed.invalid == ["8: cannot read the row: 3 fields, 4 expected: 5,6,7"])
    }

    @Test("reads quotes, doubled quotes, line ends and delimiters in them")
    func quotes() throws {
        let text = "a,b,c\r\n\"x,y\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\nplain \"q\",,\"\"\r\n"
        let parsed = parse(try parser(), Array(text.utf8))
        #expect(
            parsed.rows == [["x,y", "say \"hi\"", "two\r\nlines"], ["plain \"q\"", nil, ""]])
        #expect(parsed.lines == [2, 4])
    }

    @Test("sets broken rows aside and goes on with the next line")
    func broken() throws {
        let text = "a,b,c\n1,\"2\"x,3\n1,2\n1,2,3,4\n1,2,3\n\"open,1\n4,5,6\n"
        let parsed = parse(try parser(), Array(text.utf8))
        #expect(parsed.rows == [["1", "2", "3"], ["4", "5", "6"]])
        #expect(
            parsed.invalid == [
                "6: cannot read the row: a quoted field goes on behind its closing quote: 1,\"2\"x,3",
                "15: cannot read the row: 2 fields, 3 expected: 1,2",
                "19: cannot read the row: 4 fields, 3 expected: 1,2,3,4",
                "33: cannot read the row: a quoted field has no end: \"open,1",
            ])
    }

    @Test("joins, ignores or refuses extra fields, fills missing ones")
    func extraAndMissing() throws {
        let bytes = Array("1 2 3 4  5\n1 2\n".utf8)
        func options(_ extra: CSVOptions.OnExtra) -> (inout CSVOptions) -> Void {
            {
                $0.hasHeader = false
                $0.delimiter = 0x20
                $0.onExtra = extra
                $0.onMissing = .null
            }
        }
        #expect(
            parse(try parser(Self.abc, options(.join)), bytes).rows
                == [["1", "2", "3 4  5"], ["1", "2", nil]])
        #expect(
            parse(try parser(Self.abc, options(.ignore)), bytes).rows
                == [["1", "2", "3"], ["1", "2", nil]])
        #expect(parse(try parser(Self.abc, options(.invalid)), bytes).rows == [["1", "2", nil]])
    }

    @Test("reads integers to their bounds and refuses what is larger or other")
    func integers() throws {
        let parsed = try values(
            field(.bigint),
            ["9223372036854775807", "-9223372036854775808", "+7", " 42 ", "000000000000000000001"])
        #expect(
            parsed.rows.map { $0[0] } == [
                "9223372036854775807", "-9223372036854775808", "7", "42", "1",
            ])
        let bad = try values(
            field(.bigint), ["9223372036854775808", "-9223372036854775809", "1.0", "x", "-", "1 2"])
        #expect(bad.rows.isEmpty)
        #expect(bad.invalid.count == 6)
        #expect(
            bad.invalid[3] == "47: cannot read field 'v' as bigint: \"x\" at byte 0: x")
    }

    @Test("reads doubles correctly rounded")
    func doubles() throws {
        let texts = [
            "0.1", "1e23", "9007199254740993", "123456789012345678901234567890", "5e-324",
            "2.2250738585072014e-308", "1.7976931348623157e308", "-0.0", ".5", "5.", "+1.5E+2",
            "0.30000000000000004",
        ]
        let parsed = try values(field(.double), texts)
        for (text, row) in zip(texts, parsed.rows) {
            let padded = text.hasPrefix(".") ? "0" + text : text.hasSuffix(".") ? text + "0" : text
            #expect(row[0] == Double(padded)?.description, "\(text)")
        }
        #expect(parsed.rows.count == texts.count)
        let words = try values(field(.double), ["NaN", "-inf", "Infinity"])
        #expect(words.rows.map { $0[0] } == ["nan", "-inf", "inf"])
        let bad = try values(field(.double), ["1e999", "0x10", "1e", ".", "1.2.3", "nano"])
        #expect(bad.rows.isEmpty && bad.invalid.count == 6)
    }

    @Test("reads booleans, decimals and timestamps in every encoding")
    func otherTypes() throws {
        #expect(
            try values(field(.boolean), ["true", "F", "1", "no", "maybe"]).rows.map { $0[0] }
                == ["true", "false", "true", "false"])
        #expect(
            try values(
                field(.decimal(precision: 5, scale: 2)),
                ["1.5", "-999.99", "0.005", "1000", "2.500"]
            )
            .rows.map { $0[0] } == ["150", "-99999", "250"])
        #expect(
            try values(field(.timestamp, .integer(unitsPerSecond: 1)), ["1", "-1"]).rows
                == [["1000000"], ["-1000000"]])
        #expect(
            try values(field(.timestamp, .integer(unitsPerSecond: 1_000_000_000)), ["1999", "-1"])
                .rows == [["1"], ["-1"]])
        #expect(
            try values(
                field(.timestamp, .integer(unitsPerSecond: 1)), ["9223372036854775807"]
            ).invalid.count == 1)
        #expect(
            try values(field(.timestamp), ["1970-01-01T00:00:01Z", "1970-01-01 00:00:02"]).rows
                == [["1000000"], ["2000000"]])
        #expect(
            try values(
                field(.timestamp, .pattern("%d/%b/%Y:%H:%M:%S %z")),
                [
                    "01/Jan/1970:01:00:00 +0100"
                ]
            ).rows == [["0"]])
    }

    @Test("reads text without an offset in the format's time zone")
    func timezone() throws {
        let parser = try parser([field(.timestamp)]) { $0.timezone = "+01:00" }
        #expect(parse(parser, Array("v\n1970-01-01 01:00:00\n".utf8)).rows == [["0"]])
        #expect(throws: ConnectorError.self) {
            try self.parser([self.field(.timestamp)]) { $0.timezone = "Mars/Olympus" }
        }
    }

    @Test("tells null, empty, missing and defaults apart")
    func nulls() throws {
        #expect(
            try values(field(.string), ["\"\"", "x"]).rows == [[""], ["x"]])
        let na = try parser([Self.abc[0]]) { $0.null = Array("NA".utf8) }
        #expect(
            parse(na, Array("a,b\nNA,1\n\"NA\",1\n,1\n".utf8)).rows == [[nil], ["NA"], [""]])
        let fields = [
            Self.abc[0],
            FieldSpec(name: "z", type: .bigint, path: ["z"], defaultValue: .bigint(7)),
            FieldSpec(name: "y", type: .bigint, path: ["y"]),
        ]
        #expect(parse(try parser(fields), Array("a\nx\n".utf8)).rows == [["x", "7", nil]])
        let required = try values(field(.bigint, required: true), ["1", "\"\"", "2"])
        #expect(required.rows == [["1"], ["2"]])
    }

    @Test("refuses a required field that is null and text that is not UTF-8, and keeps the others")
    func rejects() throws {
        let required = FieldSpec(name: "b", type: .string, path: ["b"], isRequired: true)
        let bytes = Array("a,b\nx,1\ny,\n".utf8) + [0xff] + Array(",2\nü,3\n".utf8)
        let parsed = parse(try parser([Self.abc[0], required]), bytes)
        #expect(parsed.rows == [["x", "1"], ["ü", "3"]])
        #expect(parsed.invalid.count == 2)
        #expect(parsed.invalid.first?.contains("field 'b': it is required") == true)
        #expect(parsed.invalid.last?.contains("not UTF-8") == true)
    }

    @Test("goes on in the middle of a file with the header's state")
    func state() throws {
        let first = try parser([Self.abc[1]])
        _ = parse(first, Array("b,a\n1,2\n".utf8))
        let second = try parser([Self.abc[1]])
        second.state = first.state
        #expect(parse(second, Array("3,4\n".utf8)).rows == [["3"]])
    }

    @Test("gives a record that is too long up and loses only its first line")
    func tooLong() throws {
        let text = "a\nshort\n\"" + String(repeating: "x", count: 40) + "\nnext\n1234567890\n"
        for cuts in [[], [5], Array(1..<text.utf8.count)] {
            let parsed = parse(
                try parser([Self.abc[0]]), Array(text.utf8), cuts: cuts, recordBytesMax: 30)
            #expect(parsed.rows == [["short"], ["next"], ["1234567890"]])
            #expect(parsed.invalid.count == 1)
        }
    }

    @Test("gives the same whatever the input is cut into")
    func everySplit() throws {
        let text = "a,b,c\r\n1,\"x\"\"y\",\"l1\nl2\"\r\n\r\n,,\n\"q\"z,1,2\nü,\"\",é\n1,2\n7,8,9"
        let bytes = Array(text.utf8)
        let whole = parse(try parser(), bytes)
        #expect(whole.rows.count == 4)
        for first in 0...bytes.count {
            #expect(parse(try parser(), bytes, cuts: [first]) == whole, "cut at \(first)")
            for second in first...bytes.count {
                guard parse(try parser(), bytes, cuts: [first, second]) == whole else {
                    Issue.record("cut at \(first) and \(second)")
                    return
                }
            }
        }
        #expect(parse(try parser(), bytes, cuts: Array(1..<bytes.count)) == whole)
    }

    @Test("agrees with a slow reader on random input", arguments: 0..<20)
    func fuzz(_ round: Int) throws {
        let seed = testSeed &+ UInt64(round)
        var random = SeededRandom(seed: seed)
        let alphabet = Array("ab\",\n\r;\"\n,".utf8) + [0xc3, 0xa9]
        for _ in 0..<60 {
            let bytes = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0x61
            }
            let parser = try parser { $0.hasHeader = false }
            let cuts = (0..<3).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
            let parsed = parse(parser, bytes, cuts: cuts)
            var rows: [[String?]] = []
            var positions: [Int64] = []
            var invalidCount = 0
            for record in CSVReference().records(bytes) {
                let texts = record.fields.map { field -> String? in
                    field.bytes.isEmpty && !field.isQuoted
                        ? nil : String(validating: field.bytes, as: UTF8.self) ?? "\u{fffd}"
                }
                if record.isBroken || texts.count != 3 || texts.contains("\u{fffd}") {
                    invalidCount += 1
                } else {
                    rows.append(texts)
                    positions.append(Int64(record.position))
                }
            }
            guard parsed.rows == rows, parsed.positions == positions,
                parsed.invalid.count == invalidCount
            else {
                Issue.record("seed \(seed), cuts \(cuts): \(bytes)")
                return
            }
        }
    }
}

@Suite("Lines row parser")
struct LinesRowParserTests {
    @Test("gives the same whatever the input is cut into")
    func everySplit() {
        let bytes = Array("one\r\n\ntwo\n".utf8) + [0xff, 0x0a] + Array("é\r\nlast\r".utf8)
        func parser() -> LinesRowParser { LinesRowParser(fields: [stringField("line")]) }
        let whole = parse(parser(), bytes)
        #expect(whole.rows == [["one"], [""], ["two"], ["é"], ["last"]])
        #expect(whole.lines == [1, 2, 3, 5, 6])
        #expect(whole.invalid.count == 1)
        for cut in 0...bytes.count { #expect(parse(parser(), bytes, cuts: [cut]) == whole) }
        #expect(parse(parser(), bytes, cuts: Array(1..<bytes.count)) == whole)
    }

    @Test("counts rows when nothing reads the line")
    func noColumn() {
        let parsed = parse(LinesRowParser(fields: []), Array("a\nb\n".utf8))
        #expect(parsed.rows == [[], []])
        #expect(parsed.positions == [0, 2])
    }

    @Test("gives up lines that are too long")
    func tooLong() {
        let bytes = Array("12345\n1234567890\n12345678901\nend\n".utf8)
        for cuts in [[], Array(1..<bytes.count)] {
            let parsed = parse(
                LinesRowParser(fields: [stringField("line")]), bytes, cuts: cuts,
                recordBytesMax: 10)
            #expect(parsed.rows == [["12345"], ["1234567890"], ["end"]])
            #expect(parsed.positions == [0, 6, 29])
            #expect(parsed.lines == [1, 2, 4])
            #expect(parsed.invalid.count == 1)
        }
    }
}

@Suite("JSON through the record reader")
struct JSONRecordTests {
    @Test("gives the same whatever the input is cut into")
    func everySplit() throws {
        let text =
            "{\"a\":\"x\\n\\u00e9\",\"b\":1}\n\n{\"b\":-2,\"a\":null}\r\nbad\n{\"a\":\"é\",\"c\":[{}]}\n{\"a\":\"last\"}"
        let bytes = Array(text.utf8)
        let fields = [
            stringField("a"), FieldSpec(name: "b", type: .bigint, path: ["b"], ordinal: 1),
        ]
        func parser() throws -> JSONRowParser {
            try JSONRowParser(fields: fields, options: JSONOptions())
        }
        let whole = parse(try parser(), bytes)
        #expect(whole.rows == [["x\né", "1"], [nil, "-2"], ["é", nil], ["last", nil]])
        #expect(whole.lines == [1, 3, 5, 6])
        #expect(whole.invalid.count == 1)
        for cut in 0...bytes.count {
            #expect(parse(try parser(), bytes, cuts: [cut]) == whole, "cut at \(cut)")
        }
        #expect(parse(try parser(), bytes, cuts: Array(1..<bytes.count)) == whole)
    }
}
