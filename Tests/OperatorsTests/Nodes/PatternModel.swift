import TestSupport

@testable import Operators

/// A pattern as a tree of its own, and a matcher that goes back.
indirect enum ModelPattern {
    case one(Int)
    case all([ModelPattern])
    case either([ModelPattern])
    case times(ModelPattern, least: Int, most: Int?, isGreedy: Bool)

    /// The text of it, with one letter for each variable.
    var text: String {
        switch self {
        case .one(let variable): return ["a", "b", "c", "d"][variable]
        case .all(let parts): return parts.map(\.text).joined(separator: " ")
        case .either(let parts): return "(" + parts.map(\.text).joined(separator: " | ") + ")"
        case .times(let inner, let least, let most, let isGreedy):
            let body = "(\(inner.text))"
            let mark = isGreedy ? "" : "?"
            switch (least, most) {
            case (0, nil): return body + "*" + mark
            case (1, nil): return body + "+" + mark
            case (0, 1?): return body + "?" + mark
            case (_, nil): return body + "{\(least),}" + mark
            case (_, let most?) where most == least: return body + "{\(least)}" + mark
            case (_, let most?): return body + "{\(least),\(most)}" + mark
            }
        }
    }

    private var takesNone: Bool {
        switch self {
        case .one: return false
        case .all(let parts): return parts.allSatisfy(\.takesNone)
        case .either(let parts): return parts.contains(where: \.takesNone)
        case .times(let inner, let least, _, _): return least == 0 || inner.takesNone
        }
    }

    /// A random pattern, no part of which takes nothing where that is not allowed.
    static func random(depth: Int, using random: inout SeededRandom) -> ModelPattern {
        let kind = depth == 0 ? 0 : Int.random(in: 0...4, using: &random)
        switch kind {
        case 1, 2:
            let count = Int.random(in: 2...3, using: &random)
            return .all((0..<count).map { _ in .random(depth: depth - 1, using: &random) })
        case 3:
            return .either([
                .random(depth: depth - 1, using: &random),
                .random(depth: depth - 1, using: &random),
            ])
        case 4:
            let inner = ModelPattern.random(depth: depth - 1, using: &random)
            guard !inner.takesNone else { return inner }
            let bounds: [(Int, Int?)] = [(0, nil), (1, nil), (0, 1), (2, 2), (1, 3), (2, nil)]
            let (least, most) = bounds.randomElement(using: &random) ?? (0, nil)
            return .times(
                inner, least: least, most: most, isGreedy: Bool.random(using: &random))
        default: return .one(Int.random(in: 0...3, using: &random))
        }
    }

    static func whole(using random: inout SeededRandom) -> ModelPattern {
        while true {
            let pattern = ModelPattern.random(depth: 3, using: &random)
            if !pattern.takesNone { return pattern }
        }
    }

    /// Tries the ways in the order of preference until `rest` takes one.
    ///
    /// - Parameters:
    ///   - taken: The variables of the rows so far.
    ///   - takes: Whether a variable may take the next row.
    func match(
        _ taken: [Int], _ takes: (Int, [Int]) -> Bool, _ rest: ([Int]) -> Bool
    ) -> Bool {
        switch self {
        case .one(let variable): return takes(variable, taken) && rest(taken + [variable])
        case .all(let parts):
            guard let first = parts.first else { return rest(taken) }
            return first.match(taken, takes) {
                ModelPattern.all(Array(parts.dropFirst())).match($0, takes, rest)
            }
        case .either(let parts): return parts.contains { $0.match(taken, takes, rest) }
        case .times(let inner, let least, let most, let isGreedy):
            if most == 0 { return rest(taken) }
            let again = ModelPattern.times(
                inner, least: max(0, least - 1), most: most.map { $0 - 1 }, isGreedy: isGreedy)
            func more() -> Bool {
                inner.match(taken, takes) { again.match($0, takes, rest) }
            }
            if least > 0 { return more() }
            return isGreedy ? more() || rest(taken) : rest(taken) || more()
        }
    }
}

/// Matches of sorted rows, each attempt by going back.
struct PatternModel {
    let pattern: ModelPattern
    let within: Int64?
    let skipsToNextRow: Bool
    /// Whether a variable may take a row behind others: (variable, row, rows and variables before).
    let takes: (Int, Row, [(row: Row, variable: Int)]) -> Bool

    /// The matches of one partition: the first row's place and the variables.
    func matches(_ rows: [Row]) -> [(start: Int, variables: [Int])] {
        var result: [(start: Int, variables: [Int])] = []
        var start = 0
        while start < rows.count {
            var best: [Int]?
            _ = pattern.match([]) { variable, taken in
                let place = start + taken.count
                guard place < rows.count else { return false }
                if let within, rows[place].time - rows[start].time > within { return false }
                let before = taken.enumerated().map {
                    (row: rows[start + $0.offset], variable: $0.element)
                }
                return self.takes(variable, rows[place], before)
            } _: { taken in
                best = taken
                return true
            }
            if let best {
                result.append((start, best))
                start += skipsToNextRow ? 1 : best.count
            } else {
                start += 1
            }
        }
        return result
    }
}
