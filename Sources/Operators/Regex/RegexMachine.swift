/// Runs a program over texts: all its threads in step, each instruction at most once a character
/// (Pike's method), so that time is linear in the text and memory does not depend on it.
///
/// The leftmost match is found and of those the one that comes first by the pattern, as a
/// backtracking matcher would. One machine a batch; it allocates nothing per text.
struct RegexMachine {
    private struct Threads {
        var places: [Int32]
        /// `slotCount` positions for each thread.
        var slots: [Int]
        var count = 0
        /// The place of an instruction in `places`, if it is there.
        var index: [Int32]

        init(instructions: Int, slotCount: Int) {
            places = Array(repeating: 0, count: instructions)
            index = Array(repeating: 0, count: instructions)
            slots = Array(repeating: -1, count: instructions * slotCount)
        }

        @inline(__always)
        func contains(_ place: Int32) -> Bool {
            let position = Int(index[Int(place)])
            return position < count && places[position] == place
        }
    }

    private enum Step {
        case visit(Int32)
        case restore(slot: Int, position: Int)
    }

    private let program: RegexProgram
    private let slotCount: Int
    private var current: Threads
    private var following: Threads
    private var steps: [Step] = []
    private var working: [Int]
    /// Two positions for each group that was asked for: its first byte and the one behind it; −1
    /// for a group that took no part.
    private(set) var slots: [Int]

    /// - Parameter groups: How many groups are asked for, the whole match being the first; 0 when
    ///   only whether there is a match matters.
    init(_ program: RegexProgram, groups: Int) {
        self.program = program
        slotCount = 2 * groups
        current = Threads(instructions: program.instructions.count, slotCount: slotCount)
        following = Threads(instructions: program.instructions.count, slotCount: slotCount)
        working = Array(repeating: -1, count: slotCount)
        slots = working
    }

    /// Looks for the first match that starts at `start` or behind it.
    ///
    /// - Complexity: O((bytes − start) × instructions).
    mutating func find(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Bool {
        var position = start
        var isFound = false
        current.count = 0
        while true {
            if current.count == 0 {
                if isFound || (program.isAnchored && position > 0) { break }
                if !program.prefix.isEmpty {
                    let found = program.prefix.withUnsafeBufferPointer {
                        Utf8.find($0, in: text, from: position)
                    }
                    guard let found else { break }
                    position = found
                }
            }
            if !isFound && !(program.isAnchored && position > 0) {
                for slot in working.indices { working[slot] = -1 }
                RegexMachine.follow(
                    program.start, in: program, into: &current, &working, &steps, text, position)
            }
            let (rune, width) = RegexMachine.rune(text, position)
            following.count = 0
            for thread in 0..<current.count {
                let instruction = program.instructions[Int(current.places[thread])]
                if instruction.operation == .match {
                    isFound = true
                    if slotCount == 0 { return true }
                    for slot in 0..<slotCount {
                        slots[slot] = current.slots[thread * slotCount + slot]
                    }
                    // Threads behind this one come later by the pattern.
                    break
                }
                // The others have led on to threads of their own.
                guard instruction.operation == .one, width > 0,
                    program.sets[Int(instruction.argument)].contains(rune)
                else {
                    continue
                }
                for slot in 0..<slotCount {
                    working[slot] = current.slots[thread * slotCount + slot]
                }
                RegexMachine.follow(
                    instruction.next, in: program, into: &following, &working, &steps, text,
                    position + width)
            }
            swap(&current, &following)
            if width == 0 { break }
            position += width
        }
        return isFound
    }

    /// Adds the threads that `place` leads to without taking a character.
    private static func follow(
        _ place: Int32, in program: RegexProgram, into threads: inout Threads,
        _ working: inout [Int], _ steps: inout [Step], _ text: UnsafeBufferPointer<UInt8>,
        _ position: Int
    ) {
        let slotCount = working.count
        steps.append(.visit(place))
        while let step = steps.popLast() {
            guard case .visit(let place) = step else {
                if case .restore(let slot, let old) = step { working[slot] = old }
                continue
            }
            if threads.contains(place) { continue }
            threads.places[threads.count] = place
            threads.index[Int(place)] = Int32(threads.count)
            let thread = threads.count
            threads.count += 1
            let instruction = program.instructions[Int(place)]
            switch instruction.operation {
            case .one, .match:
                for slot in 0..<slotCount {
                    threads.slots[thread * slotCount + slot] = working[slot]
                }
            case .split:
                steps.append(.visit(instruction.argument))
                steps.append(.visit(instruction.next))
            case .save:
                let slot = Int(instruction.argument)
                if slot < slotCount {
                    steps.append(.restore(slot: slot, position: working[slot]))
                    working[slot] = position
                }
                steps.append(.visit(instruction.next))
            case .assert:
                if RegexMachine.holds(UInt8(instruction.argument), text, position) {
                    steps.append(.visit(instruction.next))
                }
            }
        }
    }
}

extension RegexMachine {
    /// The character at a position and its bytes; none at the end.
    @inline(__always)
    fileprivate static func rune(
        _ text: UnsafeBufferPointer<UInt8>, _ position: Int
    ) -> (UInt32, Int) {
        guard position < text.count else { return (0, 0) }
        let first = UInt32(text[position])
        if first < 0x80 { return (first, 1) }
        let end = Utf8.next(text, position)
        var value = first & (0x7F >> UInt32(min(end - position, 4)))
        for index in position + 1..<end { value = value << 6 | UInt32(text[index] & 0x3F) }
        return (value, end - position)
    }

    @inline(__always)
    private static func isWord(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Bool {
        guard position >= 0, position < text.count else { return false }
        let byte = text[position]
        return (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F
    }

    fileprivate static func holds(
        _ raw: UInt8, _ text: UnsafeBufferPointer<UInt8>, _ position: Int
    ) -> Bool {
        switch RegexSyntax.Assertion(rawValue: raw) {
        case .textStart: return position == 0
        case .textEnd: return position == text.count
        case .lineStart: return position == 0 || text[position - 1] == 10
        case .lineEnd: return position == text.count || text[position] == 10
        case .wordBoundary: return isWord(text, position - 1) != isWord(text, position)
        case .noWordBoundary: return isWord(text, position - 1) == isWord(text, position)
        case nil: return false
        }
    }

    /// The matches of a text one after the other, none within another. An empty match right behind
    /// the one before it does not count.
    mutating func visit(
        _ text: UnsafeBufferPointer<UInt8>, _ body: ([Int]) -> Bool
    ) {
        var position = 0
        var lastEnd = -1
        while position <= text.count, find(in: text, from: position) {
            let (start, end) = (slots[0], slots[1])
            if start == end && start == lastEnd {
                position = start < text.count ? Utf8.next(text, start) : start + 1
                continue
            }
            guard body(slots) else { return }
            lastEnd = end
            position = end
            if start == end {
                position = end < text.count ? Utf8.next(text, end) : end + 1
            }
        }
    }
}
