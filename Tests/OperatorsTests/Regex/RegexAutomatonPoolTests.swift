import TestSupport
import Testing

@testable import Operators

/// The tables that expressions use, which live over batches, against the machine.
@Suite("Regular expressions of expressions")
struct RegexAutomatonPoolTests {
    private static let patterns = [
        "(&|^)channel_id=([^&]*)", "^(a|b)*c?$", "(a*?)(b|ab)+", "x|(y)?z", "a{2,4}(b)?",
        "(é|[^a])b",
        "(?i)A(b)", "\\bab", "(a)|b|(c)$", "[[:alpha:]]+(=)",
    ]

    @Test("find what the machine finds, whatever they have seen before", arguments: patterns)
    func agrees(pattern: String) throws {
        let program = try RegexProgram(Array(pattern.utf8))
        let pool = RegexAutomatonPool(program)
        var random = SeededRandom(seed: testSeed)
        let alphabet = Array("aabbcxyz=&é_".unicodeScalars)
        for round in 0..<30 {
            let group = Int.random(in: 0...program.groupCount, using: &random)
            var machine = RegexMachine(program, groups: group + 1)
            let automaton = pool.take(groups: [group])
            for _ in 0..<40 {
                var letters = String.UnicodeScalarView()
                for _ in 0..<Int.random(in: 0...12, using: &random) {
                    letters.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
                }
                let start = Int.random(in: 0..<4, using: &random) == 0 ? "&channel_id=" : ""
                let text = Array((start + String(letters)).utf8)
                text.withUnsafeBufferPointer { text in
                    guard let automaton, let isFound = automaton.find(in: text) else { return }
                    let note: Comment = "seed \(testSeed), round \(round), \(Array(text))"
                    #expect(machine.find(in: text, from: 0) == isFound, note)
                    guard isFound else { return }
                    #expect(machine.slots[2 * group] == Int(automaton.slots[0]), note)
                    #expect(machine.slots[2 * group + 1] == Int(automaton.slots[1]), note)
                }
            }
            pool.give(automaton, groups: [group])
        }
    }

    @Test("the patterns of logs and URLs have a table; words and classes of Unicode do not")
    func tables() throws {
        func hasTable(_ pattern: String) throws -> Bool {
            RegexAutomatonPool(try RegexProgram(Array(pattern.utf8))).take(groups: [0]) != nil
        }
        #expect(try hasTable("(&|^)channel_id=([^&]*)"))
        #expect(try hasTable("^(\\S+) \\[(\\d+)\\]$"))
        #expect(try !hasTable("\\bab"))
        #expect(try !hasTable("\\p{L}+"))
    }
}
