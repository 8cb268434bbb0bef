import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

@Suite("Logfmt row parser")
struct LogfmtRowParserTests {
    private static let fields = [
        stringField("msg"), FieldSpec(name: "n", type: .bigint, path: ["n"]),
        FieldSpec(name: "ok", type: .boolean, path: ["ok"]), stringField("msg.id"),
    ]

    private func parser(_ fields: [FieldSpec] = fields) throws -> LogfmtRowParser {
        try LogfmtRowParser(fields: fields, options: LogfmtOptions())
    }

    private func rows(_ text: String, _ fields: [FieldSpec] = fields) throws -> Parsed {
        parse(try parser(fields), Array(text.utf8))
    }

    @Test("reads pairs in any order and passes over other keys")
    func pairs() throws {
        let parsed = try rows(
            "n=5 level=info msg=\"say \\\"hi\\\"\\n\\u00e9\" ok\r\n\n \nmsg.id=a=b  ok=off\tmsg=é\n"
        )
        #expect(
            parsed.rows == [["say \"hi\"\né", "5", "true", nil], ["é", nil, "false", "a=b"]])
        #expect(parsed.lines == [1, 4])
        #expect(parsed.invalid == [])
    }

    @Test("tells nothing, empty text, a key alone and a missing key apart")
    func absence() throws {
        let parsed = try rows("msg= n=1\nmsg=\"\" n=\"2\"\nmsg n=3\nn=4\n")
        #expect(
            parsed.rows == [
                [nil, "1", nil, nil], ["", "2", nil, nil], ["true", "3", nil, nil],
                [nil, "4", nil, nil],
            ])
    }

    @Test("takes the last of equal keys")
    func twice() throws {
        #expect(
            try rows("n=1 n=2 msg=\"a\\\\b\" msg=c n=\"\\u0033\"\n").rows == [["c", "3", nil, nil]])
    }

    @Test("says what is wrong, and where")
    func faults() throws {
        let text =
            "=1\nn=x\na\"b=1\nmsg=\"a\nmsg=\"a\"b\nmsg=\"\\x\"\nn\nmsg=\"\\ud800\"\nok=perhaps\n"
        #expect(
            try rows(text).invalid == [
                "0: cannot read the row: '=' without a key before it at byte 0: =1",
                "3: cannot read field 'n' as bigint: \"x\" at byte 2: n=x",
                "7: cannot read the row: a quote in a key at byte 1: a\"b=1",
                "13: cannot read the row: a quoted value has no end at byte 4: msg=\"a",
                "20: cannot read the row: a quoted value goes on behind its closing quote at byte 7: "
                    + "msg=\"a\"b",
                "29: cannot read the row: an unknown escape at byte 5: msg=\"\\x\"",
                "38: cannot read field 'n' as bigint: \"true\" at byte 1: n",
                "40: cannot read the row: an unknown escape at byte 5: msg=\"\\ud800\"",
                "53: cannot read field 'ok' as boolean: \"perhaps\" at byte 3: ok=perhaps",
            ])
    }

    @Test("knows required fields, defaults, paths and shared keys")
    func fields() throws {
        let parsed = try rows(
            "user.id=7\nlevel=warn user.id=8\nlevel=\n",
            [
                FieldSpec(name: "user", type: .bigint, path: ["user", "id"], isRequired: true),
                FieldSpec(
                    name: "level", type: .string, path: ["level"],
                    defaultValue: .string(Array("info".utf8))),
                FieldSpec(name: "again", type: .string, path: ["user", "id"]),
            ])
        #expect(parsed.rows == [["7", "info", "7"], ["8", "warn", "8"]])
        #expect(parsed.invalid == ["31: cannot read field 'user': it is required: level="])
    }

    @Test("counts rows when nothing reads a field")
    func noFields() throws {
        #expect(try rows("a=1\nb=\"\n\nc\n", []).rows == [[], []])
    }

    @Test("gives the same whatever the input is cut into")
    func everySplit() throws {
        let bytes =
            Array("msg=\"a \\\"b\\\"\" n=1\r\n\nn=2 ok msg=é\n".utf8) + [0x6e, 0x3d, 0xff, 0x0a]
            + Array("n=x\nmsg.id=\"last\" n=-3".utf8)
        let whole = parse(try parser(), bytes)
        #expect(whole.rows.count == 3)
        #expect(whole.invalid.count == 2)
        for cut in 0...bytes.count { #expect(parse(try parser(), bytes, cuts: [cut]) == whole) }
        #expect(parse(try parser(), bytes, cuts: Array(1..<bytes.count)) == whole)
    }

    @Test("agrees with the reference about random lines")
    func random() throws {
        var random = SeededRandom(seed: testSeed)
        let pieces = [
            "msg", "n", "ok", "msg.id", "x", "=", "=", "\"", "\"", "\\", "\\n", "\\u00e9",
            "\\ud83d",
            "\\ude00", " ", " ", " ", "é", "1", "42", "-", "true", "\t", "\u{1}", "a b",
        ]
        let keys = ["msg", "n", "x", "msg.id"]
        let fields = keys.map { stringField($0) }
        for round in 0..<3000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                for _ in 0..<Int.random(in: 0...12, using: &random) {
                    text += pieces.randomElement(using: &random) ?? ""
                }
                text += "\n"
            }
            let bytes = Array(text.utf8)
            let cuts = (0..<bytes.count).filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
            let parsed = parse(try parser(fields), bytes, cuts: cuts)
            var expected: [[String?]] = []
            var invalidCount = 0
            for line in text.split(separator: "\n") where !line.allSatisfy({ " \t".contains($0) }) {
                guard let pairs = LogfmtReference.pairs(String(line)) else {
                    invalidCount += 1
                    continue
                }
                expected.append(
                    keys.map { key in
                        switch pairs.last(where: { $0.key == key })?.value {
                        case nil, .plain("")?: nil
                        case .bare?: "true"
                        case .plain(let text)?, .quoted(let text)?: text
                        }
                    })
            }
            guard parsed.rows == expected, parsed.invalid.count == invalidCount else {
                Issue.record("seed \(testSeed), round \(round), cuts \(cuts): \(text)")
                return
            }
        }
    }
}
