import Config
import Foundation
import Operators
import TestSupport
import Testing

@testable import Connectors

/// Random documents, whole and damaged, against Foundation's parser.
///
/// Where the two differ on purpose: ours refuses numbers that no double holds only where a field
/// asks for them, and reads the integers of a bigint field exactly; it takes the last of two equal
/// keys, where Foundation does not say which; it stops at 128 levels, Foundation at 512; it refuses
/// the comma before a closing brace that Foundation takes.
@Suite("JSON row parser: against Foundation")
struct JSONFuzzTests {
    private static let fields = JSONFixture.fields([
        "a": .bigint, "b": .double, "c": .string, "d": .boolean, "o.s": .string, "o.n": .bigint,
    ])

    private struct Writer {
        var random: SeededRandom
        mutating func pick<T>(_ items: [T]) -> T {
            items[Int.random(in: 0..<items.count, using: &random)]
        }
        mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }

        mutating func space() -> String { chance(6) ? pick([" ", "\t", "\r", "  "]) : "" }

        mutating func integer() -> String {
            pick([
                "0", "-1", "42", "123456789", "-9223372036854775808", "9007199254740993", "1e2",
                "5.0",
            ])
        }

        mutating func double() -> String {
            pick(["0.5", "-0.25", "1e10", "3.141592653589793", "1E-7", "100", "2.5e-300", "0.1"])
        }

        mutating func string() -> String {
            let count = Int.random(in: 0...5, using: &random)
            let parts = (0..<count).map { _ in
                pick([
                    "a", "long text without escapes ", "é", "😀", "\\n", "\\u00e9", "\\ud83d\\ude00",
                    "\\\\", "\\\"", "\\/", " ",
                ])
            }
            return "\"" + parts.joined() + "\""
        }

        mutating func value(_ depth: Int) -> String {
            switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &random) {
            case 0: return integer()
            case 1: return double()
            case 2: return string()
            case 3: return pick(["true", "false"])
            case 4: return "null"
            case 5:
                let items = (0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth + 1)
                }
                return "[" + items.joined(separator: space() + "," + space()) + "]"
            default: return object(depth + 1, ["x", "y", "a"])
            }
        }

        mutating func object(_ depth: Int, _ keys: [String]) -> String {
            var items: [String] = []
            for key in keys.shuffled(using: &random) where !chance(3) {
                items.append("\"\(key)\"\(space()):\(space())\(member(key, depth))")
            }
            return "{" + space() + items.joined(separator: space() + "," + space()) + space() + "}"
        }

        private mutating func member(_ key: String, _ depth: Int) -> String {
            if chance(8) { return "null" }
            switch key {
            case "a", "n": return integer()
            case "b": return double()
            case "c", "s": return string()
            case "d": return pick(["true", "false"])
            case "o": return object(depth + 1, ["s", "n", "z"])
            default: return value(depth)
            }
        }

        mutating func document() -> String {
            object(0, ["a", "b", "c", "d", "o", "other", "more"])
        }

        mutating func damage(_ bytes: inout [UInt8]) {
            for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let byte = pick(
                    Array("{}[]\",:\\0123456789eE+-. tfnu/a".utf8) + [
                        0x80, 0xc3, 0xed, 0xff, 0x00, 0x1f,
                    ])
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = byte
                case 1: bytes.insert(byte, at: place)
                case 2: bytes.remove(at: place)
                default: bytes.removeSubrange(place..<min(place + 3, bytes.count))
                }
            }
        }
    }

    /// What Foundation makes of a document: nil when it refuses it.
    private func foundation(_ bytes: [UInt8]) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any]
    }

    /// Foundation takes `{"a":1,}`, and refuses a number that no double holds.
    private func isKnownDifference(_ text: String, _ isGoodThere: Bool) -> Bool {
        isGoodThere
            ? text.contains(#/,[ \t\r]*}/#) : text.contains(#/[0-9][eE][+-]?[0-9]{3}/#)
    }

    private func read(_ bytes: [UInt8], _ parser: JSONRowParser) -> JSONOutcome {
        JSONFixture.parse(bytes, with: parser)
    }

    @Test("reads the values that Foundation reads from random documents")
    func values() throws {
        var writer = Writer(random: SeededRandom(seed: testSeed))
        let parser = try JSONFixture.parser(Self.fields)
        for round in 0..<1_500 {
            let document = writer.document()
            let bytes = Array(document.utf8)
            let expected = try #require(foundation(bytes), "\(document)")
            let outcome = read(bytes, parser)
            let comment = "seed \(testSeed), round \(round): \(document)"
            guard outcome.rows.count == 1 else {
                Issue.record("\(outcome.errors), \(comment)")
                continue
            }
            let row = outcome.rows[0]
            let nested = expected["o"] as? [String: Any] ?? [:]
            let found: [String?] = [
                (expected["a"] as? NSNumber).map { "\($0.int64Value)" },
                (expected["b"] as? NSNumber).map { $0.doubleValue.description },
                expected["c"] as? String, (expected["d"] as? Bool).map { "\($0)" },
                nested["s"] as? String, (nested["n"] as? NSNumber).map { "\($0.int64Value)" },
            ]
            if row != found { Issue.record("\(row) and \(found), \(comment)") }
        }
    }

    @Test("refuses the damaged documents that Foundation refuses, and no others")
    func damaged() throws {
        var writer = Writer(random: SeededRandom(seed: testSeed &+ 1))
        let parser = try JSONFixture.parser([])
        var refusedCount = 0
        for round in 0..<6_000 {
            var bytes = Array(writer.document().utf8)
            writer.damage(&bytes)
            // A line end makes two records of one.
            if bytes.contains(0x0a) || bytes.isEmpty { continue }
            let isGood = foundation(bytes) != nil
            let outcome = read(bytes, parser)
            if !isGood { refusedCount += 1 }
            let text = String(decoding: bytes, as: UTF8.self)
            if (outcome.rows.count == 1) != isGood && !isKnownDifference(text, isGood) {
                let verdict = "Foundation \(isGood ? "takes" : "refuses") what we do not"
                Issue.record("\(verdict), seed \(testSeed), round \(round): \(text) \(outcome)")
            }
        }
        #expect(refusedCount > 1_000)
    }

    @Test("gives the same rows wherever its input is cut")
    func everyCut() throws {
        var writer = Writer(random: SeededRandom(seed: testSeed &+ 2))
        var bytes: [UInt8] = []
        for index in 0..<12 {
            var line = Array(writer.document().utf8)
            if index % 3 == 2 { writer.damage(&line) }
            bytes += line + (index % 4 == 1 ? [0x0d, 0x0a, 0x0a] : [0x0a])
        }
        bytes.removeLast()
        let whole = JSONFixture.parse(bytes, with: try JSONFixture.parser(Self.fields))
        #expect(whole.rows.count > 6 && !whole.errors.isEmpty)
        for cut in 1..<bytes.count {
            let outcome = JSONFixture.parse(
                bytes, with: try JSONFixture.parser(Self.fields), cuts: [cut])
            if outcome != whole { Issue.record("cut at \(cut), seed \(testSeed): \(outcome)") }
        }
        let drops = Array(stride(from: 1, to: bytes.count, by: 7))
        let dripped = JSONFixture.parse(
            bytes, with: try JSONFixture.parser(Self.fields), cuts: drops)
        #expect(dripped == whole, "seed \(testSeed)")
    }

    @Test("survives random bytes, and says each line once")
    func randomBytes() throws {
        var random = SeededRandom(seed: testSeed &+ 3)
        let alphabet =
            Array("{{{}}[]\"\"\"::,,\\u00dabcno 0123456789.eE-+tfnrs\n\n".utf8) + [
                0xc3, 0xa9, 0xff,
            ]
        let parser = try JSONFixture.parser(Self.fields)
        for round in 0..<800 {
            var bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            // Half of them begin well.
            if round % 2 == 0 { bytes = Array("{\"a\":1,\"o\":{\"s\":\"".utf8) + bytes }
            let outcome = JSONFixture.parse(
                bytes, with: parser, behind: alphabet[round % alphabet.count])
            let lines = bytes.split(separator: 0x0a).filter { $0.contains { $0 != 0x20 } }
            if outcome.rows.count + outcome.errors.count != lines.count {
                Issue.record("seed \(testSeed), round \(round): \(bytes)")
            }
        }
    }
}
