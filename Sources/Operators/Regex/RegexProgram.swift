/// A regular expression as instructions for ``RegexMachine``: constant once made, shared by lanes.
struct RegexProgram: Sendable {
    enum Operation: UInt8, Sendable {
        /// Takes a character of the set `argument` and goes on at `next`.
        case one
        /// Goes on at `next`, or else at `argument`.
        case split
        /// Keeps the position in the slot `argument`.
        case save
        /// Goes on if the assertion `argument` holds.
        case assert
        case match
    }

    struct Instruction: Sendable {
        let operation: Operation
        var next: Int32 = 0
        var argument: Int32 = 0
    }

    /// More are refused: the time for a text is its length times their number.
    static let instructionsMax = 10_000
    static let patternBytesMax = 4096

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [RuneSet] = []
    private(set) var start: Int32 = 0
    let groupCount: Int
    /// The bytes that every match starts with.
    let prefix: [UInt8]
    let isAnchored: Bool

    /// - Throws: What is wrong with the pattern, and where.
    /// - Complexity: O(instructions).
    init(_ pattern: [UInt8], ignoresCase: Bool = false) throws(RegexProblem) {
        guard pattern.count <= RegexProgram.patternBytesMax else {
            throw RegexProblem(
                message: "the pattern is longer than \(RegexProgram.patternBytesMax) bytes",
                range: 0..<pattern.count)
        }
        let (syntax, groupCount) = try RegexParser.parse(pattern, ignoresCase: ignoresCase)
        self.groupCount = groupCount
        prefix = syntax.prefix
        isAnchored = syntax.isAnchored
        let whole = 0..<pattern.count
        let end = try add(Instruction(operation: .match), whole)
        let close = try add(Instruction(operation: .save, next: end, argument: 1), whole)
        let body = try compile(syntax, then: close, whole)
        start = try add(Instruction(operation: .save, next: body, argument: 0), whole)
    }

    private mutating func add(
        _ instruction: Instruction, _ range: Range<Int>
    ) throws(RegexProblem) -> Int32 {
        guard instructions.count < RegexProgram.instructionsMax else {
            throw RegexProblem(
                message: "the pattern is too large: its repetitions stand for more than "
                    + "\(RegexProgram.instructionsMax) steps", range: range)
        }
        instructions.append(instruction)
        return Int32(instructions.count - 1)
    }

    /// Compiles from the end: what follows is known by its place.
    private mutating func compile(
        _ syntax: RegexSyntax, then next: Int32, _ range: Range<Int>
    ) throws(RegexProblem) -> Int32 {
        switch syntax {
        case .empty: return next
        case .one(let set):
            sets.append(set)
            return try add(
                Instruction(operation: .one, next: next, argument: Int32(sets.count - 1)), range)
        case .assertion(let assertion):
            return try add(
                Instruction(operation: .assert, next: next, argument: Int32(assertion.rawValue)),
                range)
        case .group(let inner, let index):
            let close = try add(
                Instruction(operation: .save, next: next, argument: Int32(2 * index + 1)), range)
            let body = try compile(inner, then: close, range)
            return try add(
                Instruction(operation: .save, next: body, argument: Int32(2 * index)), range)
        case .sequence(let parts):
            var place = next
            for part in parts.reversed() { place = try compile(part, then: place, range) }
            return place
        case .choice(let parts):
            var place = try compile(parts[parts.count - 1], then: next, range)
            for part in parts.dropLast().reversed() {
                let first = try compile(part, then: next, range)
                place = try split(first, place, isGreedy: true, range)
            }
            return place
        case .repeated(let inner, let min, let max, let isGreedy):
            return try repeated(inner, min, max, isGreedy, then: next, range)
        }
    }

    private mutating func split(
        _ first: Int32, _ second: Int32, isGreedy: Bool, _ range: Range<Int>
    ) throws(RegexProblem) -> Int32 {
        try add(
            Instruction(
                operation: .split, next: isGreedy ? first : second,
                argument: isGreedy ? second : first), range)
    }

    private mutating func repeated(
        _ inner: RegexSyntax, _ min: Int, _ max: Int?, _ isGreedy: Bool, then next: Int32,
        _ range: Range<Int>
    ) throws(RegexProblem) -> Int32 {
        var place = next
        if let max {
            for _ in min..<Swift.max(min, max) {
                let body = try compile(inner, then: place, range)
                place = try split(body, next, isGreedy: isGreedy, range)
            }
        } else {
            let loop = try add(Instruction(operation: .split), range)
            let body = try compile(inner, then: loop, range)
            instructions[Int(loop)].next = isGreedy ? body : next
            instructions[Int(loop)].argument = isGreedy ? next : body
            // What may match nothing is tried once before the loop, so that its last empty round
            // does not hide a longer one: (x+)? instead of x*.
            if min > 0 {
                place = body
            } else {
                place = inner.isNullable ? try split(body, next, isGreedy: isGreedy, range) : loop
            }
        }
        let copies = max == nil ? min - 1 : min
        for _ in 0..<Swift.max(0, copies) { place = try compile(inner, then: place, range) }
        return place
    }
}
