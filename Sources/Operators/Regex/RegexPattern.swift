/// A regular expression with named groups, compiled: constant, shared by lanes.
package struct RegexPattern: Sendable {
    /// A group that has a name.
    package struct Group: Hashable, Sendable {
        package let name: String
        /// Groups count from 1.
        package let index: Int
        /// Where the name stands, bytes of the pattern.
        package let range: Range<Int>
    }

    /// In the order of the pattern; no name stands twice.
    package let groups: [Group]
    let program: RegexProgram

    /// - Throws: What is wrong with the pattern, and where.
    /// - Complexity: O(instructions); allocates.
    package init(_ pattern: [UInt8]) throws(RegexProblem) {
        program = try RegexProgram(pattern)
        groups = try RegexParser.names(of: pattern)
        var seen: Set<String> = []
        for group in groups where !seen.insert(group.name).inserted {
            throw RegexProblem(
                message: "two groups have the name '\(group.name)'", range: group.range)
        }
    }
}

/// Where a group of a match lies.
package struct RegexSpan: Hashable, Sendable {
    /// Byte from the base that texts are counted from.
    package var start: UInt32
    /// Bytes; ``absent`` for a group that took no part in the match.
    package var count: UInt32

    package static let absent = UInt32.max
}

/// Matches many texts against one pattern and tells where its groups lie. Used by one thread at a
/// time.
///
/// A table that is made as the texts ask for it takes a step a byte; patterns that it cannot hold
/// are run by ``RegexMachine``. Both take time linear in the text and find the same.
package final class RegexMatcher {
    private let groups: [Int]
    private let automaton: RegexAutomaton?
    private var machine: RegexMachine

    /// - Parameter groups: The groups that are asked for, 0 being the whole match.
    package init(_ pattern: RegexPattern, groups: [Int]) {
        self.groups = groups
        automaton = RegexAutomaton(pattern.program, groups: groups)
        machine = RegexMachine(pattern.program, groups: (groups.max() ?? 0) + 1)
    }

    /// Looks for the first match in each text.
    ///
    /// - Parameters:
    ///   - base: What the places are counted from.
    ///   - starts: The first byte of each text. Texts are UTF-8.
    ///   - ends: The byte behind each text.
    ///   - spans: For each of the groups `stride` places, the first `count` of which are filled.
    ///   - found: One byte a text, 1 where there is a match.
    /// - Complexity: O(bytes), times the size of the pattern where the table cannot hold it. Does
    ///   not allocate, once the table is there.
    package func match(
        _ base: UnsafePointer<UInt8>, starts: UnsafePointer<UInt32>, ends: UnsafePointer<UInt32>,
        count: Int, into spans: UnsafeMutablePointer<RegexSpan>, stride: Int,
        found: UnsafeMutablePointer<UInt8>
    ) {
        for row in 0..<count {
            let start = starts[row]
            let text = UnsafeBufferPointer(
                start: base + Int(start), count: Int(ends[row] &- start))
            if let automaton, let isFound = automaton.find(in: text) {
                found[row] = isFound ? 1 : 0
                guard isFound else { continue }
                let slots = automaton.slots
                for group in groups.indices {
                    spans[group &* stride &+ row] = RegexMatcher.span(
                        Int(slots[2 &* group]), Int(slots[2 &* group &+ 1]), start)
                }
            } else {
                let isFound = machine.find(in: text, from: 0)
                found[row] = isFound ? 1 : 0
                guard isFound else { continue }
                for (index, group) in groups.enumerated() {
                    spans[index &* stride &+ row] = RegexMatcher.span(
                        machine.slots[2 * group], machine.slots[2 * group + 1], start)
                }
            }
        }
    }

    @inline(__always)
    private static func span(_ first: Int, _ behind: Int, _ start: UInt32) -> RegexSpan {
        guard first >= 0, behind >= first else {
            return RegexSpan(start: 0, count: RegexSpan.absent)
        }
        return RegexSpan(
            start: start &+ UInt32(truncatingIfNeeded: first),
            count: UInt32(truncatingIfNeeded: behind &- first))
    }
}
