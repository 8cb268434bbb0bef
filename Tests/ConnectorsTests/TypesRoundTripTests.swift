import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

/// Every type through the text formats and back.
@Suite("Types in text formats")
struct TypesRoundTripTests {
    private static let fields = JSONFixture.fields([
        "day": .date, "price": .decimal(precision: 9, scale: 2), "raw": .bytes, "any": .json,
        "tags": .array(.string),
        "user": .structure([Field("id", .bigint), Field("at", .date), Field("x", .double)]),
    ])
    private static let schema = Schema(fields.map { Field($0.name, $0.type) })

    private static let lines = [
        "{\"day\":\"2026-01-31\",\"price\":12.50,\"raw\":\"AP8=\",\"any\":{\"a\": [1, \"x\"]},"
            + "\"tags\":[\"a,b\",\"\\\"q\\\"\",null],"
            + "\"user\":{\"id\":5,\"at\":\"0001-01-01\",\"x\":1.0}}",
        "{\"day\":null,\"price\":-0.01,\"raw\":null,\"any\":null,\"tags\":[],"
            + "\"user\":{\"id\":null,\"at\":null,\"x\":0.1}}",
        "{\"day\":\"9999-12-31\",\"price\":null,\"raw\":\"\",\"any\":\"t\",\"tags\":null,\"user\":null}",
    ]

    private static func batch(_ text: String, with parser: any RowParser) -> Batch {
        let (chunk, range) = JSONFixture.chunk(Array(text.utf8), behind: 0x20)
        let (rows, _) = parser.parse(chunk, range, position: 0, isLast: true)
        #expect(rows.invalid.map(\.error) == [])
        return Batch(
            columns: rows.columns, rowtime: .repeating(0, count: rows.rowCount),
            rowCount: rows.rowCount)
    }

    @Test("JSON writes what it read")
    func json() throws {
        let text = Self.lines.joined(separator: "\n") + "\n"
        let rows = Self.batch(text, with: try JSONFixture.parser(Self.fields))
        #expect(try encode(.json(JSONOptions()), Self.schema, rows) == text)
    }

    @Test("CSV has JSON in its fields, hexadecimal bytes and plain dates, and reads them")
    func csv() throws {
        let rows = Self.batch(
            Self.lines.joined(separator: "\n") + "\n", with: try JSONFixture.parser(Self.fields))
        let text = try encode(.csv(CSVOptions()), Self.schema, rows)
        let expected = [
            "day,price,raw,any,tags,user",
            #"2026-01-31,12.50,\x00ff,"{""a"": [1, ""x""]}","[""a,b"",""\""q\"""",null]","#
                + #""{""id"":5,""at"":""0001-01-01"",""x"":1.0}""#,
            #",-0.01,,,[],"{""id"":null,""at"":null,""x"":0.1}""#,
            ##"9999-12-31,,\x,"""t""",,"##, "",
        ]
        #expect(text == expected.joined(separator: "\n"))
        let parser = try CSVRowParser(fields: Self.fields, options: CSVOptions())
        let again = Self.batch(text, with: parser)
        #expect(
            try encode(.json(JSONOptions()), Self.schema, again)
                == Self.lines.joined(separator: "\n") + "\n")
    }

    @Test("CSV sets aside rows whose fields are not of their type")
    func invalidCSV() throws {
        let fields = JSONFixture.fields(["raw": .bytes, "tags": .array(.bigint), "day": .date])
        let parser = try CSVRowParser(fields: fields, options: CSVOptions())
        let parsed = parse(
            parser,
            Array(
                "raw,tags,day\n\\x0,[1],2026-01-31\nff,[1],2026-01-31\n\\xff,[x],2026-01-31\n\\xff,[1],31.1.\n\\xff,[1],2026-01-31\n"
                    .utf8))
        #expect(parsed.rows.count == 1 && parsed.invalid.count == 4)
    }

    @Test("JSON text of several lines is written on one")
    func lineEnds() throws {
        let schema = Schema([Field("j", .json)])
        let column = Column.constant(.string(Array("{\n \"a\":\r\n 1}".utf8)), type: .json)
        let rows = Batch(columns: [column], rowtime: .repeating(0, count: 1), rowCount: 1)
        #expect(try encode(.json(JSONOptions()), schema, rows) == "{\"j\":{  \"a\":   1}}\n")
    }
}
