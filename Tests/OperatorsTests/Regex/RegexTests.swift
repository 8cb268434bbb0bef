import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("Regular expressions")
struct RegexTests {
    private static func spans(_ program: RegexProgram, _ text: [UInt8]) -> String {
        var machine = RegexMachine(program, groups: 1)
        var result: [String] = []
        text.withUnsafeBufferPointer { text in
            machine.visit(text) { slots in
                result.append("\(slots[0]),\(slots[1])")
                return true
            }
        }
        return result.isEmpty ? "-" : result.joined(separator: " ")
    }

    private static func groups(_ program: RegexProgram, _ text: [UInt8]) -> String {
        var machine = RegexMachine(program, groups: program.groupCount + 1)
        let isFound = text.withUnsafeBufferPointer { machine.find(in: $0, from: 0) }
        guard isFound, program.groupCount > 0 else { return "none" }
        return (1...program.groupCount).map { group in
            let start = machine.slots[2 * group]
            return start < 0 ? "-" : "\(start),\(machine.slots[2 * group + 1])"
        }.joined(separator: " ")
    }

    @Test("finds what Python's re finds, in 1,500 random patterns")
    func differential() throws {
        let path = repositoryRoot.appendingPathComponent("Tests/Goldens/regex.tsv")
        var count = 0
        for line in try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
        where !line.hasPrefix("#") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            let text = Array(fields[1].replacingOccurrences(of: "\\n", with: "\n").utf8)
            let program = try RegexProgram(Array(fields[0].utf8))
            #expect(Self.spans(program, text) == fields[2], "\(line)")
            #expect(Self.groups(program, text) == fields[3], "\(line)")
            let isThere = text.withUnsafeBufferPointer { buffer in
                var machine = RegexMachine(program, groups: 0)
                return machine.find(in: buffer, from: 0)
            }
            #expect(isThere == (fields[2] != "-"), "\(line)")
            count += 1
        }
        #expect(count == 1500)
    }

    @Test(
        "takes linear time where backtracking takes exponential time",
        arguments: ["(a*)*b", "(a|aa)+$b", "(a?){50}a{50}b", "((a+)+)+b", "(.*)(.*)(.*)(.*)x"])
    func linear(pattern: String) throws {
        let program = try RegexProgram(Array(pattern.utf8))
        func seconds(_ count: Int) -> Double {
            let text = [UInt8](repeating: UInt8(ascii: "a"), count: count)
            var machine = RegexMachine(program, groups: 0)
            return ThreadTime.seconds {
                let isFound = text.withUnsafeBufferPointer { machine.find(in: $0, from: 0) }
                #expect(!isFound)
            }
        }
        let short = min(seconds(1000), seconds(1000))
        // Eight times the text; quadratic time would be 64 times as much.
        let long = min(seconds(8000), seconds(8000))
        #expect(long < 30 * short + 0.01, "\(short) s, \(long) s")
    }

    @Test(
        "says what is wrong, and where",
        arguments: [
            ("a)", 1..<2, "unexpected ')'"), ("(a", 0..<2, "a group that is not closed"),
            ("[a", 0..<2, "a class that is not closed by ']'"),
            ("a**", 1..<3, "a repetition of a repetition"),
            ("*a", 0..<1, "nothing to repeat"),
            ("a{2,1}", 1..<6, "a repetition whose bounds are reversed"),
            ("[z-a]", 1..<4, "a range whose bounds are reversed"),
        ] as [(String, Range<Int>, String)])
    func problems(pattern: String, range: Range<Int>, message: String) {
        do throws(RegexProblem) {
            _ = try RegexProgram(Array(pattern.utf8))
            Issue.record("'\(pattern)' compiles")
        } catch {
            #expect(error.message == message)
            #expect(error.range.lowerBound == range.lowerBound, "\(error.range)")
        }
    }

    @Test(
        "refuses what is not linear or too large",
        arguments: [
            "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a)\\1", "((a{100}){100}){100}", "a{1001}",
            "\\p{Greek}", "\\q", "a\\", "(?x)a", "[[:nope:]]", "\\xZZ", "(?P<n",
        ])
    func refused(pattern: String) {
        #expect(throws: RegexProblem.self) { try RegexProgram(Array(pattern.utf8)) }
    }

    @Test("survives any pattern and any text")
    func fuzz() {
        let alphabet = Array("ab()[]{}*+?|\\^$.-,:<>=!PQEidwsx0123é".unicodeScalars)
        for seed in testSeed..<testSeed + 3000 {
            var random = SeededRandom(seed: seed)
            func text(_ length: Int) -> [UInt8] {
                var result = String.UnicodeScalarView()
                for _ in 0..<length {
                    result.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
                }
                return Array(String(result).utf8)
            }
            let pattern = text(Int.random(in: 0...14, using: &random))
            let subject = text(Int.random(in: 0...20, using: &random))
            do throws(RegexProblem) {
                let program = try RegexProgram(pattern)
                _ = Self.spans(program, subject)
                _ = Self.groups(program, subject)
            } catch {
                #expect(error.range.upperBound <= pattern.count, "seed \(seed)")
            }
        }
    }

    @Test(
        "are functions",
        arguments: [
            ("regexp_like('Straße', '(?i)STRA')", "true"), ("regexp_like('abc', 'B')", "false"),
            ("regexp_like('abc', 'B', 'i')", "true"), ("regexp_like(null, 'a')", "null"),
            ("regexp_count('a,b,,c', ',')", "3"), ("regexp_count('abc', '')", "4"),
            ("regexp_substr('user=ann;id=7', 'id=(\\d+)', 1)", "7"),
            ("regexp_extract('user=ann', 'id=(\\d+)', 1)", "null"),
            ("regexp_extract('Überfall', '\\p{Lu}\\p{Ll}*')", "Überfall"),
            ("regexp_replace('aaa', 'a', 'b')", "baa"),
            ("regexp_replace('aaa', 'A', 'b', 'gi')", "bbb"),
            ("regexp_replace('John Smith', '(\\w+) (\\w+)', '\\2, \\1')", "Smith, John"),
            ("regexp_replace('abc', 'b*', '-', 'g')", "-a-c-"),
            (
                "regexp_like('a', '(')",
                "diagnostic: cannot read the pattern: a group that is not closed"
            ),
            (
                "regexp_substr('a', 'a', 1)",
                "diagnostic: the group of 'regexp_substr' must be a number from 0 to 0 in the text"
            ),
        ])
    func functions(text: String, expected: String) {
        #expect(ExpressionFixture.constant(text) == expected)
    }
}
