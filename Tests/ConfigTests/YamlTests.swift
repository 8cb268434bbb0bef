import Foundation
import TestSupport
import Testing

@testable import Config

private func parse(_ text: String) -> YamlFile {
    parseYaml(SourceText(path: "test.yaml", bytes: Array(text.utf8)))
}

/// The value as compact text: `{a: [1, "2"]}`; plain scalars stand bare.
private func shape(_ value: LocatedValue) -> String {
    switch value.content {
    case .scalar(let scalar):
        return scalar.style == .plain ? scalar.text : "\"\(scalar.text)\""
    case .sequence(let items): return "[" + items.map(shape).joined(separator: ", ") + "]"
    case .mapping(let entries):
        return "{"
            + entries.map { "\($0.key.text): \(shape($0.value))" }.joined(separator: ", ") + "}"
    case .broken: return "!"
    }
}

@Suite("YAML")
struct YamlTests {
    @Test(
        "resolves plain text by the core schema",
        arguments: [
            ("no", CoreValue.string), ("on", .string), ("yes", .string), ("", .null),
            ("~", .null), ("Null", .null), ("true", .boolean(true)), ("FALSE", .boolean(false)),
            ("0", .integer(0)), ("-17", .integer(-17)), ("+5", .integer(5)), ("007", .integer(7)),
            ("0o17", .integer(15)), ("0x1F", .integer(31)), ("0x", .string), ("1_000", .string),
            ("9223372036854775807", .integer(.max)), ("9223372036854775808", .largeInteger),
            ("1.5", .float(1.5)), (".5", .float(0.5)), ("1.", .float(1)), ("1e3", .float(1000)),
            ("1e", .string), (".", .string), ("-.inf", .float(-.infinity)), ("2026-01-01", .string),
            ("1:30", .string), ("-", .string), ("0xfffffffffffffffff", .largeInteger),
        ])
    func core(_ text: String, _ value: CoreValue) {
        #expect(CoreValue(plain: text) == value)
    }

    @Test(
        "reads collections, anchors and merges",
        arguments: [
            ("a: 1\nb: [x, 'y']", "{a: 1, b: [x, \"y\"]}"),
            ("a: &k {x: 1}\nb: *k", "{a: {x: 1}, b: {x: 1}}"),
            ("a: &k {x: 1, y: 2}\nb: {<<: *k, y: 3}", "{a: {x: 1, y: 2}, b: {y: 3, x: 1}}"),
            (
                "a: &k {x: 1}\nb: &l {x: 2, z: 3}\nc: {<<: [*k, *l]}",
                "{a: {x: 1}, b: {x: 2, z: 3}, c: {x: 1, z: 3}}"
            ),
            ("a: {'<<': 1}", "{a: {<<: 1}}"),
            ("a:\nb: ''", "{a: , b: \"\"}"),
            (
                "a: |\n  one\n  two\nb: >\n  three\n  four\n",
                "{a: \"one\ntwo\n\", b: \"three four\n\"}"
            ),
            ("? a\n: b", "{a: b}"),
            ("\u{e9}: 1\ne\u{301}: 2", "{\u{e9}: 1, e\u{301}: 2}"),
        ])
    func collections(_ text: String, _ expected: String) {
        let file = parse(text)
        #expect(file.problem == nil)
        #expect(file.documents.flatMap(\.diagnostics).isEmpty)
        #expect(file.documents.map { shape($0.root) } == [expected])
    }

    @Test("reads several documents and passes over empty ones")
    func documents() {
        let file = parse("# only a comment\n---\na: 1\n...\n---\nb: 2\n---\n")
        #expect(file.documents.map { shape($0.root) } == ["{a: 1}", "{b: 2}"])
    }

    @Test("does not see the anchors of the document before")
    func anchorsEnd() {
        #expect(parse("a: &k 1\n---\nb: *k\n").problem?.message == "unknown anchor 'k'")
    }

    @Test("refuses an anchor that holds itself")
    func selfReference() {
        #expect(parse("a: &k [*k]").problem?.message == "anchor 'k' contains itself")
    }

    @Test("counts depth through aliases")
    func depthThroughAliases() {
        var text = "a0: &a0 [x]\n"
        for level in 1...70 { text += "a\(level): &a\(level) [*a\(level - 1)]\n" }
        #expect(parse(text).problem?.message == "values are nested more than 64 deep")
    }

    @Test("refuses a file over a mebibyte without reading it")
    func tooLarge() {
        let bytes = [UInt8](repeating: UInt8(ascii: "#"), count: (1 << 20) + 1)
        #expect(
            parseYaml(SourceText(path: "test.yaml", bytes: bytes)).problem?.message
                == "cannot read test.yaml: it has 1048577 bytes, a spec file may have 1048576")
    }

    @Test("refuses more values than the budget")
    func tooMany() {
        let text = "a: [" + String(repeating: "1,", count: 100_001) + "]"
        #expect(parse(text).problem != nil)
    }

    @Test(
        "tells lines and columns in characters",
        arguments: ["a: \u{1F600} ~ b", "\u{e9}: ~", "a: 1\r\nb: ~", "a: 1\n\n\tx: ~", "~"])
    func columns(_ text: String) throws {
        let bytes = Array(text.utf8)
        let offset = try #require(bytes.firstIndex(of: UInt8(ascii: "~")))
        let location = SourceText(path: "t", bytes: bytes).location(offset..<offset + 1)
        let before = String(decoding: bytes[..<offset], as: UTF8.self)
        let line = before.unicodeScalars.reduce(1) { $0 + ($1 == "\n" ? 1 : 0) }
        let start = before.unicodeScalars.lastIndex(of: "\n").map {
            before.unicodeScalars.index(after: $0)
        }
        let column = before.unicodeScalars[(start ?? before.startIndex)...].count + 1
        #expect(location.line == line)
        #expect(location.column == column)
        #expect(location.endColumn == column + 1)
    }
}
