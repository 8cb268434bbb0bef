/// A pattern as steps of a machine whose threads go on in the order of preference.
struct PatternProgram {
    enum Instruction {
        /// Takes a row, if the variable's condition holds.
        case take(Int)
        /// Goes on at both places, the first one being preferred.
        case fork(Int, Int)
        case jump(Int)
        case match
    }

    private(set) var instructions: [Instruction] = []

    /// The most steps.
    static let sizeMax = 20_000

    init(_ root: PatternSyntax) {
        emit(root)
        instructions.append(.match)
    }

    /// How many steps a pattern makes, counted up to a little beyond ``sizeMax``.
    static func size(of syntax: PatternSyntax) -> Int {
        switch syntax {
        case .variable: return 1
        case .sequence(let parts), .choice(let parts):
            return min(parts.reduce(0) { $0 + size(of: $1) + 2 }, sizeMax + 1)
        case .repeated(let inner, let least, let most, _):
            return min((size(of: inner) + 1) * max(least + 1, most ?? 0) + 1, sizeMax + 1)
        }
    }

    private mutating func emit(_ syntax: PatternSyntax) {
        switch syntax {
        case .variable(let index): instructions.append(.take(index))
        case .sequence(let parts): for part in parts { emit(part) }
        case .choice(let parts): emitChoice(parts)
        case .repeated(let inner, let least, let most, let isGreedy):
            for _ in 0..<least { emit(inner) }
            guard let most else { return emitLoop(inner, isGreedy: isGreedy) }
            var forks: [Int] = []
            for _ in least..<max(least, most) {
                forks.append(instructions.count)
                instructions.append(.match)
                emit(inner)
            }
            for fork in forks {
                instructions[fork] = PatternProgram.fork(
                    into: fork + 1, past: instructions.count, isGreedy: isGreedy)
            }
        }
    }

    private mutating func emitChoice(_ parts: [PatternSyntax]) {
        var jumps: [Int] = []
        for (index, part) in parts.enumerated() {
            guard index + 1 < parts.count else {
                emit(part)
                break
            }
            let fork = instructions.count
            instructions.append(.match)
            emit(part)
            jumps.append(instructions.count)
            instructions.append(.match)
            instructions[fork] = .fork(fork + 1, instructions.count)
        }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func emitLoop(_ inner: PatternSyntax, isGreedy: Bool) {
        let fork = instructions.count
        instructions.append(.match)
        emit(inner)
        instructions.append(.jump(fork))
        instructions[fork] = PatternProgram.fork(
            into: fork + 1, past: instructions.count, isGreedy: isGreedy)
    }

    private static func fork(into body: Int, past end: Int, isGreedy: Bool) -> Instruction {
        isGreedy ? .fork(body, end) : .fork(end, body)
    }

    /// By step: whether none of `variables` can be asked for from there on, so that what has been
    /// taken before makes no difference.
    func isIndependent(of variables: Set<Int>) -> [Bool] {
        var isDependent = Array(repeating: false, count: instructions.count)
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for place in instructions.indices.reversed() where !isDependent[place] {
                let next: Bool
                switch instructions[place] {
                case .take(let variable):
                    next = variables.contains(variable) || isDependent[place + 1]
                case .fork(let first, let second): next = isDependent[first] || isDependent[second]
                case .jump(let target): next = isDependent[target]
                case .match: next = false
                }
                if next {
                    isDependent[place] = true
                    hasChanged = true
                }
            }
        }
        return isDependent.map { !$0 }
    }
}
