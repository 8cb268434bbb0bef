/// One attempt to match a pattern, from one row of a partition on: threads in the order of preference,
/// each with the rows that it has taken.
final class MatchAttempt {
    struct Thread {
        /// A step that takes a row.
        var place: Int
        /// The last row's node; −1 before the first one.
        var node: Int32
    }
    fileprivate(set) var threads: [Thread] = []
    /// The last node of the best whole match so far; −1 without one.
    fileprivate(set) var best: Int32 = -1
    fileprivate(set) var nodes: [Int32] = []
    fileprivate(set) var hasTooManyThreads = false
    /// How many rows have been looked at.
    var rowCount = 0
    let startTime: Int64

    init(startTime: Int64) { self.startTime = startTime }

    /// Whether no further row makes a difference.
    var isDecided: Bool { threads.isEmpty }
}

/// Runs attempts row by row, without going back: a thread that may go on in two ways becomes two. A
/// thread that has come to the end beats all that are preferred less, which end there.
///
/// Two threads at one step from which no condition looks at earlier rows have one future, so that the
/// one that is preferred less ends; the others are at most ``threadsMax``.
final class PatternMatcher {
    /// The most threads of one attempt.
    static let threadsMax = 1000

    private let program: PatternProgram
    let chains: MatchChains
    /// Variables whose condition looks at earlier rows.
    let dependent: Set<Int>
    private let isIndependent: [Bool]
    /// By row of the store: a bit for each variable whose condition holds by the row alone.
    let masks = GroupArray<UInt64>(0)
    /// By step: when it was last reached, in a row and by a thread.
    private var rowMarks: [Int]
    private var threadMarks: [Int]
    private var rowMark = 0
    private var threadMark = 0

    init(
        _ plan: PatternPlan, dependent: Set<Int>, _ arguments: [[KeptColumns.Call]],
        _ store: RowStore
    ) {
        program = PatternProgram(plan.pattern.root)
        self.dependent = dependent
        chains = MatchChains(plan, dependent: dependent, arguments, store)
        isIndependent = program.isIndependent(of: dependent)
        rowMarks = Array(repeating: 0, count: program.instructions.count)
        threadMarks = rowMarks
    }

    func begin(at time: Int64) -> MatchAttempt {
        let attempt = MatchAttempt(startTime: time)
        rowMark += 1
        var threads: [MatchAttempt.Thread] = []
        _ = follow(0, node: -1, into: &threads)
        attempt.threads = threads
        return attempt
    }

    /// Takes the next row of the partition.
    func step(_ attempt: MatchAttempt, _ row: Int32, now: Int64) {
        attempt.rowCount += 1
        let passes = passing(attempt.threads, row, now: now)
        rowMark += 1
        var threads: [MatchAttempt.Thread] = []
        for (index, thread) in attempt.threads.enumerated() where passes[index] {
            guard case .take(let variable) = program.instructions[thread.place] else { continue }
            let node = chains.add(row, variable, behind: thread.node)
            attempt.nodes.append(node)
            if follow(thread.place + 1, node: node, into: &threads) {
                attempt.best = node
                break
            }
            if threads.count > PatternMatcher.threadsMax {
                attempt.hasTooManyThreads = true
                attempt.best = -1
                threads.removeAll()
                break
            }
        }
        attempt.threads = threads
    }

    /// No further row can be part of the match.
    func end(_ attempt: MatchAttempt) { attempt.threads.removeAll() }

    /// Forgets an attempt.
    func release(_ attempt: MatchAttempt) { chains.release(attempt.nodes) }

    private func passing(
        _ threads: [MatchAttempt.Thread], _ row: Int32, now: Int64
    ) -> [Bool] {
        let mask = masks.base[Int(row)]
        var passes = Array(repeating: false, count: threads.count)
        var asking: [Int: [Int]] = [:]
        for (index, thread) in threads.enumerated() {
            guard case .take(let variable) = program.instructions[thread.place] else { continue }
            if dependent.contains(variable) {
                asking[variable, default: []].append(index)
            } else {
                passes[index] = mask & (1 << UInt64(variable)) != 0
            }
        }
        if !dependent.isEmpty { chains.look(at: row) }
        for (variable, indices) in asking {
            let nodes = indices.map { threads[$0].node }
            for (place, holds) in chains.holds(variable, behind: nodes, now: now).enumerated() {
                passes[indices[place]] = holds
            }
        }
        return passes
    }

    /// Adds the threads that go on from a step, the preferred ones first.
    ///
    /// - Returns: Whether the end has been reached; what would come behind it is left out.
    private func follow(
        _ start: Int, node: Int32, into threads: inout [MatchAttempt.Thread]
    ) -> Bool {
        threadMark += 1
        var places = [start]
        while let place = places.popLast() {
            if threadMarks[place] == threadMark { continue }
            threadMarks[place] = threadMark
            if isIndependent[place] {
                if rowMarks[place] == rowMark { continue }
                rowMarks[place] = rowMark
            }
            switch program.instructions[place] {
            case .take: threads.append(MatchAttempt.Thread(place: place, node: node))
            case .jump(let target): places.append(target)
            case .fork(let first, let second):
                places.append(second)
                places.append(first)
            case .match: return true
            }
        }
        return false
    }
}
