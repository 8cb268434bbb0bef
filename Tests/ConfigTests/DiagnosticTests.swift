import Operators
import TestSupport
import Testing

@testable import Config

@Suite("Diagnostics")
struct DiagnosticTests {
    private func location(_ text: String, of mark: String) throws -> FileLocation {
        let range = try #require(text.firstRange(of: mark))
        let start = text.utf8.distance(from: text.startIndex, to: range.lowerBound)
        return SourceText(path: "pipelines/x.yaml", bytes: Array(text.utf8))
            .location(start..<start + mark.utf8.count)
    }

    @Test("put the caret below tabs, wide and combining characters")
    func carets() throws {
        let lines = [
            "plain: here", "\ttab: here", "\u{65E5}\u{672C}: here", "e\u{301}\u{1F600}: here",
            "here: first", String(repeating: "long ", count: 200) + "here and on",
        ]
        let rendered = try lines.map { line in
            try Diagnostic("look", at: location(line, of: "here"), label: "this").rendered
        }
        expectGolden(rendered.joined(separator: "\n"), "diagnostics/carets.txt")
    }

    @Test("show wide words under as many carets")
    func wideWords() throws {
        let place = try location("a: \u{65E5}\u{672C} b", of: "\u{65E5}\u{672C}")
        #expect(place.column == 4 && place.endColumn == 6)
        #expect(Diagnostic("look", at: place).rendered.contains("|    ^^^^\n"))
    }

    @Test("never pass control characters on to a terminal")
    func control() {
        let place = FileLocation(
            file: "a\u{1b}[31m", line: 1, column: 1, endColumn: 2, lineText: "x\u{1b}[2J\u{202e}")
        let text = Diagnostic("bad\u{7}\nname", at: place, help: "a\u{1b}b").rendered
        #expect(!text.unicodeScalars.contains { $0.value == 0x1b || $0.value == 7 })
        #expect(!text.unicodeScalars.contains { $0.value == 0x202e })
        #expect(text.hasPrefix("error: bad\u{fffd}\\nname\n"))
    }

    @Test("are the same as JSON")
    func json() throws {
        let text = "a: \"b\"\nc: \\d"
        let diagnostic = Diagnostic(
            "look \"here\"", at: try location(text, of: "\\d"), label: "this", help: "one\ntwo",
            related: [.init(message: "and", location: try location(text, of: "b"))],
            severity: .warning)
        let nowhere = Diagnostic("nothing", at: nil, severity: .note)
        expectGolden([diagnostic, nowhere].json + "\n", "diagnostics/all.json")
        expectGolden([diagnostic, nowhere].rendered, "diagnostics/all.txt")
    }
}

@Suite("Units")
struct UnitTests {
    @Test(
        "read durations",
        arguments: [
            ("90d", 7_776_000_000_000), ("1h30m", 5_400_000_000), ("250ms", 250_000), ("0s", 0),
            ("1w", 604_800_000_000), ("7us", 7), ("", nil), ("1", nil), ("s", nil), ("1 s", nil),
            ("1.5s", nil), ("-1s", nil), ("1y", nil), ("36500d", 3_153_600_000_000_000),
            ("36500d1us", nil),
            ("99999999999999d", nil), ("1S", nil),
            ("9223372036854775807us1us", nil),
        ] as [(String, Int64?)])
    func durations(_ text: String, _ micros: Int64?) {
        #expect(parseDuration(text) == micros)
    }

    @Test("write durations as they are read", arguments: [0, 1, 999, 90_061_001_001, 250_000])
    func formatted(_ micros: Int64) {
        #expect(parseDuration(formatDuration(micros: micros)) == micros)
    }

    @Test(
        "read sizes",
        arguments: [
            ("64MiB", 64 << 20), ("1B", 1), ("10kB", 10_000), ("1TiB", 1 << 40), ("64", nil),
            ("MiB", nil), ("-1B", nil), ("1.5GiB", nil), ("9999999999TiB", nil),
        ] as [(String, Int?)])
    func sizes(_ text: String, _ bytes: Int?) {
        #expect(parseSize(text) == bytes)
    }

    @Test("of declared defaults can be read")
    func defaults() {
        for field in SpecFields.all.flatMap(\.fields) {
            guard let text = field.defaultText else { continue }
            switch field.form {
            case .duration: #expect(parseDuration(text) != nil, "\(field.name)")
            case .size: #expect(parseSize(text) != nil, "\(field.name)")
            case .choice(let names): #expect(names.contains(text), "\(field.name)")
            default: break
            }
        }
    }

    @Test("hash as the standard's examples")
    func hash() {
        func hex(_ text: String) -> String {
            sha256(Array(text.utf8)).map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
        #expect(
            hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex(String(repeating: "a", count: 1_000_000))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }
}
