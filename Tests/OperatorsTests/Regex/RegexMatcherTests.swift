import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("Groups of regular expressions")
struct RegexMatcherTests {
    /// What the matcher finds in several texts that stand in one buffer.
    private static func matched(
        _ pattern: RegexPattern, groups: [Int], _ texts: [[UInt8]]
    ) -> [String] {
        let matcher = RegexMatcher(pattern, groups: groups)
        let bytes: [UInt8] = texts.reduce(into: []) { $0 += $1 + [0x0a] }
        let buffer = Buffer(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { buffer.pointer(to: UInt8.self)[index] = byte }
        var starts: [UInt32] = []
        var ends: [UInt32] = []
        for text in texts {
            starts.append(ends.last.map { $0 + 1 } ?? 0)
            ends.append(starts[starts.count - 1] + UInt32(text.count))
        }
        var spans = [RegexSpan](
            repeating: RegexSpan(start: 0, count: 0), count: groups.count * texts.count)
        var found = [UInt8](repeating: 0, count: texts.count)
        matcher.match(
            buffer.pointer(to: UInt8.self), starts: starts, ends: ends, count: texts.count,
            into: &spans, stride: texts.count, found: &found)
        return texts.indices.map { row in
            guard found[row] != 0 else { return "none" }
            return groups.indices.map { group in
                let span = spans[group * texts.count + row]
                if span.count == RegexSpan.absent { return "-" }
                let start = span.start - starts[row]
                return "\(start),\(start + span.count)"
            }.joined(separator: " ")
        }
    }

    private static func expected(
        _ pattern: RegexPattern, groups: [Int], _ texts: [[UInt8]]
    ) -> [String] {
        var machine = RegexMachine(pattern.program, groups: pattern.program.groupCount + 1)
        return texts.map { text in
            let isFound = text.withUnsafeBufferPointer { machine.find(in: $0, from: 0) }
            guard isFound else { return "none" }
            return groups.map { group in
                let start = machine.slots[2 * group]
                return start < 0 ? "-" : "\(start),\(machine.slots[2 * group + 1])"
            }.joined(separator: " ")
        }
    }

    @Test("are where the machine finds them, in 1,500 patterns and their neighbours' texts")
    func goldens() throws {
        let path = repositoryRoot.appendingPathComponent("Tests/Goldens/regex.tsv")
        let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        let texts = lines.map { Array($0[1].replacingOccurrences(of: "\\n", with: "\n").utf8) }
        var tableCount = 0
        for (index, line) in lines.enumerated() {
            let pattern = try RegexPattern(Array(line[0].utf8))
            let near = Array(texts[max(0, index - 5)...min(texts.count - 1, index + 5)])
            let groups = Array(0...pattern.program.groupCount)
            #expect(
                Self.matched(pattern, groups: groups, near)
                    == Self.expected(pattern, groups: groups, near), "\(line[0])")
            if RegexAutomaton(pattern.program, groups: groups) != nil { tableCount += 1 }
        }
        #expect(tableCount > 500)
    }

    @Test("are where the machine finds them, in random patterns of random texts")
    func random() throws {
        let seed = testSeed
        var random = SeededRandom(seed: seed)
        for _ in 0..<400 {
            let text = Self.pattern(&random, depth: 3)
            guard let pattern = try? RegexPattern(Array(text.utf8)) else { continue }
            let texts = (0..<20).map { _ in
                Array(
                    (0..<Int.random(in: 0...12, using: &random)).map { _ in
                        ["a", "b", "c", "é", " "].randomElement(using: &random) ?? "a"
                    }.joined().utf8)
            }
            let all = Array(0...pattern.program.groupCount)
            let groups = all.filter { _ in Bool.random(using: &random) }
            #expect(
                Self.matched(pattern, groups: groups, texts)
                    == Self.expected(pattern, groups: groups, texts),
                "\(text), groups \(groups), seed \(seed)")
        }
    }

    private static func pattern(_ random: inout SeededRandom, depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 14 : 6), using: &random) {
        case 0: return "a"
        case 1: return "[^b]"
        case 2: return "."
        case 3: return ["\\S", "é", "$", "[ab]"].randomElement(using: &random) ?? "b"
        case 4: return "b"
        case 5: return "c"
        case 6, 7: return "(" + pattern(&random, depth: depth - 1) + ")"
        case 8:
            return "(?:" + pattern(&random, depth: depth - 1) + "|"
                + pattern(&random, depth: depth - 1) + ")"
        case 9:
            let repetition =
                ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}"].randomElement(using: &random)
                ?? "*"
            return "(?:" + pattern(&random, depth: depth - 1) + ")" + repetition
        case 10: return "^" + pattern(&random, depth: depth - 1)
        default:
            return pattern(&random, depth: depth - 1) + pattern(&random, depth: depth - 1)
        }
    }

    @Test("of lines of a web server are found by the table")
    func accessLog() throws {
        let pattern = try RegexPattern(
            Array(
                #"^(?<host>\S+) \S+ (?<user>\S+) \[(?<at>[^\]]+)\] "(?<request>.*?)" (?<status>\d+)"#
                    .utf8))
        #expect(RegexAutomaton(pattern.program, groups: [1, 2, 3, 4, 5]) != nil)
        #expect(pattern.groups.map(\.name) == ["host", "user", "at", "request", "status"])
        let text = #"192.0.2.7 - é [10/Oct/2025:13:55:36 +0000] "GET /a"b HTTP/1.1" 200 5"#
        #expect(
            Self.matched(pattern, groups: [1, 2, 4, 5], [Array(text.utf8), Array("x".utf8)])
                == ["0,9 12,14 45,62 64,67", "none"])
    }

    @Test("are still found when the table has grown too large")
    func full() throws {
        let pattern = try RegexPattern(Array("(?<x>[ab]*a[ab]{12})c".utf8))
        var random = SeededRandom(seed: 7)
        let texts = (0..<200).map { _ in
            (0..<100).map { _ in
                [UInt8](arrayLiteral: 0x61, 0x62, 0x61, 0x63).randomElement(using: &random) ?? 0x61
            }
        }
        #expect(
            Self.matched(pattern, groups: [1], texts)
                == Self.expected(pattern, groups: [1], texts))
    }

    @Test("take linear time", arguments: ["(a*)*b", "(.*)(.*)(.*)(.*)x", "(a|aa)+$b"])
    func linear(text: String) throws {
        let pattern = try RegexPattern(Array(text.utf8))
        func seconds(_ count: Int) -> Double {
            let input = [[UInt8](repeating: UInt8(ascii: "a"), count: count)]
            return ThreadTime.seconds {
                #expect(Self.matched(pattern, groups: [0, 1], input) == ["none"])
            }
        }
        // Square time would take minutes.
        #expect(seconds(100_000) < 20)
    }

    @Test("may not have one name twice")
    func twice() {
        #expect(
            throws: RegexProblem(message: "two groups have the name 'a'", range: 11..<12)
        ) { try RegexPattern(Array("(?<a>x)(?P<a>y)".utf8)) }
    }
}
