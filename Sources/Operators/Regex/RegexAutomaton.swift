/// Finds the groups of a match with one step a byte, by a table that is made as texts ask for it.
///
/// A state is the list of places in the program at which ``RegexMachine`` would have threads, in
/// their order; each has a row of slots for the groups' bounds. A transition says which rows go on
/// as which, and which slots take the present position. Most patterns for lines of a log have one
/// thread nearly everywhere, whose row stays where it is.
///
/// What cannot be told from the next byte alone is left to the machine: assertions about words and
/// lines, and sets that tell characters behind ASCII apart. So is a pattern whose table grows too
/// large.
final class RegexAutomaton {
    /// Larger tables are given up.
    static let statesMax = 1024
    private static let threadsMax = 24
    private static let instructionsMax = 2000
    private static let dead = 0
    private static let unknown = UInt64.max

    /// A state: where threads stand before they follow what takes no character.
    private struct State: Hashable {
        var places: [Int32] = []
        /// Whether a match may still start here, behind all other threads.
        var hasStart = false
        /// Whether this is the first byte of the text.
        var isAtStart = false
    }

    /// A thread that takes a character or matches, and the slots that it saved on its way there.
    private struct Leaf {
        let place: Int32
        /// Its row; −1 for one that starts here.
        let row: Int32
        let saves: [Int32]
    }

    private let program: RegexProgram
    /// For each slot of the program where it is kept, −1 where nobody asks.
    private let keptSlots: [Int32]
    private let slotCount: Int
    /// Whether each set of the program holds the characters of each class.
    private let memberships: [[Bool]]
    private let classCount: Int
    private let classes: UnsafeMutablePointer<UInt8>

    private var states: [State] = [State()]
    private var numbers: [State: Int] = [State(): RegexAutomaton.dead]
    /// For each state and class the first entry of the next state's row, and above 32 bits the
    /// action's place in `code`, 0 for none.
    private var table: UnsafeMutablePointer<UInt64>
    private var tableStates = 16
    /// For each state the action of the text's end: −1 not known yet, 0 no match.
    private var finals: [Int] = [0]
    private var actions: [[Int32]: Int] = [:]
    private var code: [Int32] = [0]
    private var isFull = false

    private let anchored: Int
    private let floating: Int

    /// Rows of slots, twice, so that they can change places.
    private var rows: UnsafeMutablePointer<Int32>
    private var otherRows: UnsafeMutablePointer<Int32>
    /// Two positions for each group that was asked for; −1 for one that took no part.
    private(set) var slots: UnsafeMutablePointer<Int32>
    private var isFound = false

    /// - Returns: nil for a pattern that the table cannot hold.
    init?(_ program: RegexProgram, groups: [Int]) {
        guard program.instructions.count <= RegexAutomaton.instructionsMax,
            let alphabet = RegexAlphabet(program)
        else { return nil }
        self.program = program
        var kept = [Int32](repeating: -1, count: 2 * program.groupCount + 2)
        for (index, group) in groups.enumerated() {
            kept[2 * group] = Int32(2 * index)
            kept[2 * group + 1] = Int32(2 * index + 1)
        }
        keptSlots = kept
        slotCount = 2 * groups.count
        memberships = alphabet.memberships
        classCount = alphabet.classCount
        classes = .allocate(capacity: 256)
        classes.update(from: alphabet.classes, count: 256)
        table = .allocate(capacity: tableStates * classCount)
        table.initialize(repeating: RegexAutomaton.unknown, count: tableStates * classCount)
        let rowBytes = max(1, RegexAutomaton.threadsMax * slotCount)
        rows = .allocate(capacity: rowBytes)
        rows.initialize(repeating: -1, count: rowBytes)
        otherRows = .allocate(capacity: rowBytes)
        otherRows.initialize(repeating: -1, count: rowBytes)
        slots = .allocate(capacity: max(1, slotCount))
        slots.initialize(repeating: -1, count: max(1, slotCount))
        anchored = 1
        floating = program.isAnchored ? RegexAutomaton.dead : 2
        _ = number(of: State(places: [program.start], isAtStart: true))
        if !program.isAnchored { _ = number(of: State(hasStart: true, isAtStart: true)) }
    }

    deinit {
        classes.deallocate()
        table.deallocate()
        rows.deallocate()
        otherRows.deallocate()
        slots.deallocate()
    }

    /// Looks for the first match; its groups are in ``slots`` then.
    ///
    /// - Returns: nil when the table has grown too large.
    func find(in text: UnsafeBufferPointer<UInt8>) -> Bool? {
        if isFull || text.count > Int(Int32.max) { return nil }
        // A match at the first byte is the leftmost; most texts have one, or the pattern asks for it.
        guard let isThere = run(from: anchored, text) else { return nil }
        if isThere || floating == RegexAutomaton.dead { return isThere }
        return run(from: floating, text)
    }

    private func run(from first: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool? {
        isFound = false
        for slot in 0..<slotCount { rows[slot] = -1 }
        guard let bytes = text.baseAddress else { return end(first, 0) }
        let count = text.count
        var table = self.table
        let classes = self.classes
        var row = first &* classCount
        var position = 0
        while position < count {
            let byte = bytes[position]
            var entry = table[row &+ Int(classes[Int(byte)])]
            if entry == RegexAutomaton.unknown {
                guard let made = transition(row / classCount, Int(classes[Int(byte)])) else {
                    return nil
                }
                entry = made
                table = self.table
            }
            if entry >> 32 != 0 { perform(Int(entry >> 32), position) }
            row = Int(truncatingIfNeeded: entry & 0xffff_ffff)
            if row == 0 { return isFound }
            position &+= 1
            if byte >= 0x80 {
                while position < count, bytes[position] & 0xc0 == 0x80 { position &+= 1 }
            }
        }
        return end(row / classCount, position)
    }

    private func end(_ state: Int, _ position: Int) -> Bool {
        if finals[state] < 0 { finals[state] = final(state) }
        if finals[state] > 0 { perform(finals[state], position) }
        return isFound
    }

    /// Does what a transition says: [row of a match, or −2; its saves; rows that go on; saves], each
    /// list with its length before it.
    private func perform(_ action: Int, _ position: Int) {
        let position = Int32(truncatingIfNeeded: position)
        code.withUnsafeBufferPointer { code in
            var next = action
            let match = Int(code[next])
            next &+= 1
            var count = Int(code[next])
            next &+= 1
            if match > -2 {
                isFound = true
                copy(match, to: slots)
                for index in 0..<count { slots[Int(code[next &+ index])] = position }
            }
            next &+= count
            count = Int(code[next])
            next &+= 1
            if count > 0 {
                for index in 0..<count {
                    copy(Int(code[next &+ index]), to: otherRows + index &* slotCount)
                }
                swap(&rows, &otherRows)
            }
            next &+= count
            count = Int(code[next])
            next &+= 1
            for index in 0..<count { rows[Int(code[next &+ index])] = position }
        }
    }

    @inline(__always)
    private func copy(_ row: Int, to target: UnsafeMutablePointer<Int32>) {
        if row < 0 {
            for slot in 0..<slotCount { target[slot] = -1 }
        } else {
            for slot in 0..<slotCount { target[slot] = rows[row &* slotCount &+ slot] }
        }
    }
}

// How the table is made.
extension RegexAutomaton {
    /// The number of a state; nil when there is no room for it.
    private func number(of state: State) -> Int? {
        if let known = numbers[state] { return known }
        let number = states.count
        guard number < RegexAutomaton.statesMax, state.places.count < RegexAutomaton.threadsMax
        else {
            isFull = true
            return nil
        }
        if number == tableStates {
            let grown = UnsafeMutablePointer<UInt64>.allocate(
                capacity: 2 * tableStates * classCount)
            grown.update(from: table, count: tableStates * classCount)
            (grown + tableStates * classCount).initialize(
                repeating: RegexAutomaton.unknown, count: tableStates * classCount)
            table.deallocate()
            table = grown
            tableStates *= 2
        }
        states.append(state)
        numbers[state] = number
        finals.append(-1)
        return number
    }

    /// Fills one entry of the table; nil when there is no room for what it leads to.
    private func transition(_ number: Int, _ symbol: Int) -> UInt64? {
        let state = states[number]
        var next = State(hasStart: state.hasStart)
        var match: Leaf?
        var origins: [Int32] = []
        var saves: [Int32] = []
        for leaf in leaves(of: state, isAtEnd: false) {
            let instruction = program.instructions[Int(leaf.place)]
            if instruction.operation == .match {
                // Threads behind this one come later by the pattern.
                match = leaf
                next.hasStart = false
                break
            }
            guard memberships[Int(instruction.argument)][symbol],
                !next.places.contains(instruction.next)
            else { continue }
            let row = Int32(next.places.count)
            saves += leaf.saves.map { row * Int32(slotCount) + $0 }
            origins.append(leaf.row)
            next.places.append(instruction.next)
        }
        guard let target = self.number(of: next) else { return nil }
        let isInPlace = origins.enumerated().allSatisfy { $0.offset == Int($0.element) }
        let action = self.action(match, isInPlace ? [] : origins, saves)
        let entry = UInt64(action) << 32 | UInt64(target * classCount)
        table[number * classCount + symbol] = entry
        return entry
    }

    /// The action of the text's end; 0 when there is no match.
    private func final(_ number: Int) -> Int {
        let match = leaves(of: states[number], isAtEnd: true).first {
            program.instructions[Int($0.place)].operation == .match
        }
        return match.map { action($0, [], []) } ?? 0
    }

    /// The place of an action in `code`; 0 when there is nothing to do.
    private func action(_ match: Leaf?, _ origins: [Int32], _ saves: [Int32]) -> Int {
        if match == nil, origins.isEmpty, saves.isEmpty { return 0 }
        let matchSaves = match?.saves ?? []
        let words =
            [match?.row ?? -2, Int32(matchSaves.count)] + matchSaves + [Int32(origins.count)]
            + origins + [Int32(saves.count)] + saves
        if let known = actions[words] { return known }
        let place = code.count
        code += words
        actions[words] = place
        return place
    }

    /// What the threads of a state lead to without taking a character, in their order. A place that
    /// two of them lead to is the first one's.
    private func leaves(of state: State, isAtEnd: Bool) -> [Leaf] {
        var result: [Leaf] = []
        var visited = [Bool](repeating: false, count: program.instructions.count)
        var entries = state.places.enumerated().map { place in
            // The one thread of a state that starts a text has nothing yet.
            Leaf(place: place.element, row: state.isAtStart ? -1 : Int32(place.offset), saves: [])
        }
        if state.hasStart { entries.append(Leaf(place: program.start, row: -1, saves: [])) }
        var pending: [Leaf] = []
        for entry in entries {
            pending.append(entry)
            while let leaf = pending.popLast() {
                if visited[Int(leaf.place)] { continue }
                visited[Int(leaf.place)] = true
                let instruction = program.instructions[Int(leaf.place)]
                func go(_ place: Int32, _ saves: [Int32]) {
                    pending.append(Leaf(place: place, row: leaf.row, saves: saves))
                }
                switch instruction.operation {
                case .one, .match: result.append(leaf)
                case .split:
                    go(instruction.argument, leaf.saves)
                    go(instruction.next, leaf.saves)
                case .save:
                    let slot = keptSlots[Int(instruction.argument)]
                    let isNew = slot >= 0 && !leaf.saves.contains(slot)
                    go(instruction.next, isNew ? leaf.saves + [slot] : leaf.saves)
                case .assert:
                    let assertion = RegexSyntax.Assertion(rawValue: UInt8(instruction.argument))
                    if assertion == .textStart ? state.isAtStart : isAtEnd {
                        go(instruction.next, leaf.saves)
                    }
                }
            }
        }
        return result
    }
}

/// The characters that a program tells apart, as classes: those of ASCII, and all others together.
struct RegexAlphabet {
    /// The class of each byte; of a character behind ASCII, its first one's.
    private(set) var classes = [UInt8](repeating: 0, count: 256)
    private(set) var classCount = 1
    /// For each set of the program and each class whether it holds its characters.
    private(set) var memberships: [[Bool]]

    /// - Returns: nil for a program that tells characters behind ASCII apart, or looks at words or
    ///   lines.
    init?(_ program: RegexProgram) {
        for instruction in program.instructions where instruction.operation == .assert {
            switch RegexSyntax.Assertion(rawValue: UInt8(instruction.argument)) {
            case .textStart, .textEnd: break
            default: return nil
            }
        }
        memberships = []
        for set in program.sets {
            guard let holds = set.holdsNonASCII else { return nil }
            memberships.append([holds])
        }
        var known: [[Bool]: UInt8] = [:]
        for byte in UInt32(0)..<128 {
            let holds = program.sets.map { $0.contains(byte) }
            if let symbol = known[holds] {
                classes[Int(byte)] = symbol
                continue
            }
            known[holds] = UInt8(classCount)
            classes[Int(byte)] = UInt8(classCount)
            classCount += 1
            for (set, isIn) in holds.enumerated() { memberships[set].append(isIn) }
        }
    }
}
