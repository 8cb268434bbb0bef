import Config
import Operators
import Testing

@testable import Connectors

@Suite("JSON row parser: values")
struct JSONRowValueTests {
    /// The value of one field after one row, or the reason why there is none.
    private static func read(_ text: String, _ field: FieldSpec) throws -> String {
        let outcome = try JSONFixture.parse("{\"x\":\(text)}\n", [field])
        if let error = outcome.errors.first {
            return "error: \(error.split(separator: ": ").last ?? "")"
        }
        return outcome.rows.first?.first.flatMap { $0 } ?? "null"
    }

    private static func field(_ type: ColumnType, units: Int64 = 1_000) -> FieldSpec {
        FieldSpec(
            name: "x", type: type, path: ["x"], timestamp: .integer(unitsPerSecond: units))
    }

    private static let wrongType = "error: a value of another type at byte 5"
    private static let outOfRange = "error: a number out of range at byte 5"
    private static let notWhole = "error: not a whole number in range at byte 5"

    @Test(
        "reads integers exactly to the ends of 64 bits, however they are written",
        arguments: [
            ("0", "0"), ("-0", "0"), ("7", "7"), ("-42", "-42"), ("1.0", "1"), ("1e3", "1000"),
            ("1E+3", "1000"), ("1.50e1", "15"), ("-2.5e1", "-25"), ("100e-2", "1"), ("0.0", "0"),
            ("0e99999999999999999999", "0"), ("-0.0e-5", "0"), ("0.001e3", "1"),
            ("999999999999999999", "999999999999999999"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9.223372036854775807e18", "9223372036854775807"),
            ("-9223372036854775808.000", "-9223372036854775808"),
            ("92233720368547758070e-1", "9223372036854775807"),
            ("1000000000000000000000000e-24", "1"),
            ("9223372036854775808", outOfRange), ("-9223372036854775809", outOfRange),
            ("99999999999999999999", outOfRange), ("18446744073709551616", outOfRange),
            ("1e19", notWhole), ("1e30", notWhole), ("1e999999999999", notWhole), ("0.5", notWhole),
            ("1e-1", notWhole), ("1.00000000000000000001", notWhole), ("1e-999999999999", notWhole),
            ("\"1\"", wrongType), ("true", wrongType), ("[1]", wrongType), ("{}", wrongType),
            ("null", "null"),
        ])
    func bigint(_ text: String, _ expected: String) throws {
        #expect(try Self.read(text, Self.field(.bigint)) == expected)
    }

    @Test("reads as integer what a row of zeros or digits of any length means")
    func longNumbers() throws {
        let zeros = String(repeating: "0", count: 100_000)
        #expect(try Self.read("1.\(zeros)", Self.field(.bigint)) == "1")
        #expect(try Self.read("1\(zeros)e-100000", Self.field(.bigint)) == "1")
        #expect(try Self.read("0.\(zeros)1e100001", Self.field(.bigint)) == "1")
        #expect(try Self.read("1\(zeros)", Self.field(.bigint)) == Self.outOfRange)
        #expect(try Self.read("1\(zeros)e-100000", Self.field(.double)) == "1.0")
        #expect(try Self.read("1\(zeros)", Self.field(.double)) == Self.outOfRange)
        #expect(try Self.read("0.\(zeros)1", Self.field(.double)) == "0.0")
    }

    @Test(
        "rounds doubles correctly",
        arguments: [
            "0", "-0.0", "0.1", "0.2", "0.3", "1e22", "1e23", "123456789012345", "1234567890123456",
            "12345678901234567", "9007199254740993", "9007199254740992.5", "1.7976931348623157e308",
            "2.2250738585072014e-308", "2.2250738585072011e-308", "5e-324", "4.9e-324", "2.4e-324",
            "1e-400", "8.41e21", "0.000001", "123456.789e-10", "6.02214076e23",
            "3.14159265358979323846",
            "0.00000000000000000000001", "999999999999999e-22", "-1.5", "1e0", "72057594037927945",
        ])
    func double(_ text: String) throws {
        let expected = try #require(Double(text)).description
        #expect(try Self.read(text, Self.field(.double)) == expected)
    }

    @Test("refuses doubles that are too large, and what is no number")
    func badDouble() throws {
        for text in ["1e999", "-1e309", "1.7976931348623159e308"] {
            #expect(try Self.read(text, Self.field(.double)) == Self.outOfRange)
        }
        for text in ["\"1\"", "false", "{\"a\":1}"] {
            #expect(try Self.read(text, Self.field(.double)) == Self.wrongType)
        }
    }

    @Test("reads booleans, and nothing else as one")
    func boolean() throws {
        #expect(try Self.read("true", Self.field(.boolean)) == "true")
        #expect(try Self.read("false", Self.field(.boolean)) == "false")
        for text in ["0", "1", "\"true\"", "[]"] {
            #expect(try Self.read(text, Self.field(.boolean)) == Self.wrongType)
        }
    }

    @Test(
        "decodes every escape",
        arguments: [
            ("\"\"", ""), ("\"plain\"", "plain"), ("\"\\\"\\\\\\/\"", "\"\\/"),
            ("\"\\b\\f\\n\\r\\t\"", "\u{8}\u{c}\n\r\t"), ("\"\\u0041\\u00e9\\u20AC\"", "Aé€"),
            ("\"\\ud83d\\ude00!\"", "\u{1f600}!"), ("\"\\uDBFF\\uDFFF\"", "\u{10ffff}"),
            ("\"\\u0000\"", "\u{0}"), ("\"é\\n€\\n\u{1f600}\"", "é\n€\n\u{1f600}"),
            ("\"\\u07ff\\u0800\"", "\u{7ff}\u{800}"),
            ("\"\\\\u0041\"", "\\u0041"), ("\"tail\\\\\"", "tail\\"),
        ])
    func string(_ text: String, _ expected: String) throws {
        #expect(try Self.read(text, Self.field(.string)) == expected)
    }

    @Test("keeps strings apart from numbers, booleans, objects and arrays")
    func notString() throws {
        for text in ["1", "true", "{}", "[\"a\"]"] {
            #expect(try Self.read(text, Self.field(.string)) == Self.wrongType)
        }
    }

    @Test(
        "reads timestamps in every unit, before 1970 too",
        arguments: [
            (1, "1700000000", "1700000000000000"), (1, "-1", "-1000000"),
            (1_000, "1700000000123", "1700000000123000"), (1_000, "-1", "-1000"),
            (1_000_000, "1700000000123456", "1700000000123456"), (1_000_000, "-1", "-1"),
            (1_000_000_000, "1700000000123456789", "1700000000123456"),
            (1_000_000_000, "-1", "-1"), (1_000_000_000, "-1000", "-1"),
            (1_000_000_000, "-1001", "-2"),
            (1_000_000_000, "-9223372036854775808", "-9223372036854776"),
            (1_000, "1e3", "1000000"), (1_000_000, "9223372036854775807", "9223372036854775807"),
            (1, "9223372036854775807", outOfRange), (1_000, "-9223372036854775808", outOfRange),
            (1_000, "1.5", notWhole), (1_000, "\"1\"", wrongType),
        ])
    func timestamp(_ units: Int64, _ text: String, _ expected: String) throws {
        #expect(try Self.read(text, Self.field(.timestamp, units: units)) == expected)
    }

    // MARK: Fields

    @Test("gives a missing field its default, a null one null, and refuses what is required")
    func missing() throws {
        let fields = [
            FieldSpec(name: "a", type: .bigint, path: ["a"], defaultValue: .bigint(7)),
            FieldSpec(
                name: "b", type: .string, path: ["b"], defaultValue: .string(Array("none".utf8))),
            FieldSpec(name: "c", type: .string, path: ["c"]),
            FieldSpec(name: "d", type: .bigint, path: ["d"], isRequired: true),
        ]
        let text = """
            {"d":1}
            {"a":null,"b":null,"d":2}
            {"a":1}
            {"a":1,"d":null}
            {"d":3,"c":"x","b":"y","a":5}
            {"d":"4"}
            {"d":5}
            """
        let outcome = try JSONFixture.parse(text, fields)
        #expect(
            outcome.rows == [
                ["7", "none", nil, "1"], [nil, nil, nil, "2"], ["5", "y", "x", "3"],
                ["7", "none", nil, "5"],
            ])
        #expect(
            outcome.errors == [
                "cannot read field 'd' as bigint: the row has no such field",
                "cannot read field 'd' as bigint: it is null, and the field is required",
                "cannot read field 'd' as bigint: a value of another type at byte 5",
            ])
    }

    @Test("refuses rows that lack a field when told to, unless it has a default")
    func onMissing() throws {
        let fields = [
            FieldSpec(name: "a", type: .bigint, path: ["a"]),
            FieldSpec(name: "b", type: .bigint, path: ["b"], defaultValue: .bigint(0)),
        ]
        let outcome = try JSONFixture.parse(
            "{\"a\":1}\n{\"b\":1}\n{\"a\":null}", fields, onMissing: .invalid)
        #expect(outcome.rows == [["1", "0"], [nil, "0"]])
        #expect(outcome.errors == ["cannot read field 'a' as bigint: the row has no such field"])
    }

    @Test("counts a key that comes twice as its last value, with all that is below it")
    func duplicateKeys() throws {
        let fields = JSONFixture.fields([
            "a": .bigint, "s": .string, "u.x": .bigint, "u.v.y": .bigint,
        ])
        let text = """
            {"a":1,"a":2,"s":"x","s":"\\n"}
            {"a":1,"a":null,"s":null,"s":"y"}
            {"u":{"x":1,"v":{"y":2}},"u":{"x":3}}
            {"u":{"x":1,"x":2,"v":{"y":2},"v":null}}
            {"u":{"x":1},"u":null}
            {"u":7,"u":{"v":{"y":5}}}
            """
        let outcome = try JSONFixture.parse(text, fields)
        #expect(
            outcome.rows == [
                ["2", "\n", nil, nil], [nil, "y", nil, nil], [nil, nil, "3", nil],
                [nil, nil, "2", nil],
                [nil, nil, nil, nil], [nil, nil, nil, "5"],
            ])
    }

    @Test("finds fields by their path, and takes another type on the way for a missing field")
    func paths() throws {
        let fields = JSONFixture.fields([
            "user.id": .bigint, "user.name.first": .string, "id": .bigint,
        ])
        let text = """
            {"id":1,"user":{"id":2,"name":{"first":"a","id":9},"x":{"id":8}},"name":{"first":"no"}}
            {"user":[{"id":3}],"id":4}
            {"user":{"name":"text"}}
            {"user":{ "name" : { "first" : "b" } , "id" : 5 } }
            {"user":{"id":"x"},"id":6}
            {"user":null}
            """
        let outcome = try JSONFixture.parse(text, fields)
        #expect(
            outcome.rows == [
                ["2", "a", "1"], [nil, nil, "4"], [nil, nil, nil], ["5", "b", nil],
                [nil, nil, nil],
            ])
        #expect(outcome.errors.count == 1)
    }

    @Test("refuses fields whose paths meet")
    func meetingPaths() {
        for paths in [
            [["a"], ["a"]], [["a"], ["a", "b"]], [["a", "b"], ["a"]], [["a", "b"], ["a", "b"]],
        ] {
            let fields = paths.enumerated().map {
                FieldSpec(name: "f\($0.offset)", type: .bigint, path: $0.element)
            }
            #expect(throws: ConnectorError.self) { try JSONFixture.parser(fields) }
        }
    }

    @Test("knows keys that are written with escapes, and keys that have any character")
    func keys() throws {
        let fields = [
            FieldSpec(name: "a", type: .bigint, path: ["ab"]),
            FieldSpec(name: "b", type: .bigint, path: ["\"\\\n"]),
            FieldSpec(name: "c", type: .bigint, path: ["é😀"]),
            FieldSpec(name: "d", type: .bigint, path: [""]),
            FieldSpec(name: "e", type: .bigint, path: [String(repeating: "long", count: 40)]),
        ]
        let long = String(repeating: "long", count: 40)
        let text = """
            {"ab":1,"\\"\\\\\\n":2,"é😀":3,"":4,"\(long)":5}
            {"\\u0061b":1,"\\u0022\\u005c\\u000A":2,"\\u00e9\\ud83d\\ude00":3,"":4,"\(long)":5}
            {"ab":1,"\\"\\\\\\n":2,"é😀":3,"":4,"\(long)":5}
            """
        let outcome = try JSONFixture.parse(text, fields)
        #expect(outcome.rows == Array(repeating: ["1", "2", "3", "4", "5"], count: 3))
    }

    @Test("reads rows whose keys come in changing orders, with space anywhere")
    func orders() throws {
        let fields = JSONFixture.fields(["a": .bigint, "b": .bigint, "c": .bigint])
        var text = ""
        var expected: [[String?]] = []
        for order in [
            ["a", "b", "c"], ["c", "b", "a"], ["b", "a"], ["a"], [], ["z", "a", "y", "b", "c"],
        ] {
            for space in ["", " ", "\t", "\r", "  \t "] {
                let items = order.enumerated().map {
                    "\"\($0.element)\"\(space):\(space)\($0.offset)"
                }
                let tight = order.enumerated().map { "\"\($0.element)\":\(space)\($0.offset)" }
                for items in [items, tight, items] {
                    text += space + "{\(space)" + items.joined(separator: "\(space),\(space)")
                    text += "\(space)}\(space)\n"
                    expected.append(
                        ["a", "b", "c"].map { order.firstIndex(of: $0).map { "\($0)" } })
                }
            }
        }
        let outcome = try JSONFixture.parse(text, fields)
        #expect(outcome.errors.isEmpty)
        #expect(outcome.rows == expected)
    }

    @Test("reads more fields than fit a word, in any order, and gives what is missing")
    func manyFields() throws {
        for count in [0, 1, 63, 64, 65, 130] {
            let fields = (0..<count).map { index in
                FieldSpec(
                    name: "f\(index)", type: index % 2 == 0 ? .string : .bigint,
                    path: index % 5 == 0 ? ["o", "f\(index)"] : ["f\(index)"])
            }
            func value(_ index: Int) -> String { index % 2 == 0 ? "\"v\(index)\"" : "\(index)" }
            func row(_ indices: [Int]) -> String {
                let below = indices.filter { $0 % 5 == 0 }.map { "\"f\($0)\":\(value($0))" }
                let top = indices.filter { $0 % 5 != 0 }.map { "\"f\($0)\":\(value($0))" }
                return "{"
                    + (top + ["\"o\":{\(below.joined(separator: ","))}"]).joined(separator: ",")
                    + "}\n"
            }
            let all = Array(0..<count)
            let sets = [
                all, [], all.filter { $0 >= 64 }, all.reversed(), all.filter { $0 % 3 == 0 }, [],
            ]
            let text = sets.map(row).joined() + "{}\n"
            let outcome = try JSONFixture.parse(text, fields)
            #expect(outcome.errors.isEmpty)
            for (row, indices) in (sets + [[]]).enumerated() {
                let expected = all.map { index -> String? in
                    indices.contains(index) ? (index % 2 == 0 ? "v\(index)" : "\(index)") : nil
                }
                #expect(outcome.rows[row] == expected, "\(count) fields, row \(row)")
            }
        }
    }

    @Test("says where an invalid row is and why, and its neighbours survive")
    func invalidRows() throws {
        let fields = JSONFixture.fields(["n": .bigint, "s": .string])
        let text =
            "{\"n\":1}\n{\"n\":2,\"s\":3}\r\n{\"n\":4\n{\"n\":5,\"s\":\"e\\n\"}\n{\"n\":6} x\n{\"n\":7}"
        let outcome = try JSONFixture.parse(text, fields)
        #expect(outcome.rows == [["1", nil], ["5", "e\n"], ["7", nil]])
        #expect(outcome.positions == [0, 30, 58])
        #expect(outcome.errorPositions == [8, 23, 48])
        #expect(
            outcome.errors == [
                "cannot read field 's' as string: a value of another type at byte 11",
                "cannot read a JSON object: the line ends inside the record at byte 6",
                "cannot read a JSON object: characters after the end of the object at byte 8",
            ])
        #expect(outcome.raw[1] == Array("{\"n\":4".utf8))
        // Nothing of a row that failed half way is in the next one.
        let half = try JSONFixture.parse("{\"s\":\"x\",\"n\":true}\n{\"n\":1}\n{}", fields)
        #expect(half.rows == [["1", nil], [nil, nil]])
    }

    @Test("keeps 64 KiB of a long row that is invalid")
    func longInvalidRow() throws {
        let line = "{\"n\":\"" + String(repeating: "a", count: 100_000)
        let outcome = try JSONFixture.parse(line + "\n{}\n", JSONFixture.fields(["n": .bigint]))
        #expect(outcome.raw.map(\.count) == [65_536])
        #expect(outcome.rows.count == 1)
    }

    @Test("keeps what strings point into when the chunk and the parser are gone")
    func lifetime() throws {
        func parsed() throws -> Column {
            let field = FieldSpec(
                name: "s", type: .string, path: ["s"],
                defaultValue: .string(Array("the default".utf8)))
            let parser = try JSONFixture.parser([field])
            let text = Array("{\"s\":\"plain text\"}\n{\"s\":\"with\\tescape\"}\n{}\n".utf8)
            let (buffer, range) = JSONFixture.chunk(text, behind: 0)
            return parser.parse(buffer, range, position: 0, isLast: true).rows.columns[0]
        }
        let column = try parsed()
        // Memory that was let go would be given out again.
        let others = (0..<200).map { _ in
            JSONFixture.chunk(Array(repeating: 0x23, count: 100), behind: 0x23)
        }
        #expect(others.count == 200)
        #expect((0..<3).map { text(column, $0) } == ["plain text", "with\tescape", "the default"])
    }
}
