/// What is wrong with a regular expression.
package struct RegexProblem: Error, Hashable, Sendable {
    package let message: String
    /// Bytes of the pattern.
    package let range: Range<Int>
}

/// A regular expression as written.
indirect enum RegexSyntax {
    /// What a position must be like, without taking a character.
    enum Assertion: UInt8 {
        case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
    }

    case empty
    case one(RuneSet)
    case assertion(Assertion)
    /// Groups count from 1.
    case group(RegexSyntax, index: Int)
    case sequence([RegexSyntax])
    case choice([RegexSyntax])
    case repeated(RegexSyntax, min: Int, max: Int?, isGreedy: Bool)

    /// Whether it may match nothing.
    var isNullable: Bool {
        switch self {
        case .empty, .assertion: return true
        case .one: return false
        case .group(let inner, _): return inner.isNullable
        case .sequence(let parts): return parts.allSatisfy(\.isNullable)
        case .choice(let parts): return parts.contains(where: \.isNullable)
        case .repeated(let inner, let min, _, _): return min == 0 || inner.isNullable
        }
    }

    /// The text that every match starts with.
    var prefix: [UInt8] {
        switch self {
        case .one(let set): return set.single.map { Array(String($0).utf8) } ?? []
        case .group(let inner, _): return inner.prefix
        case .sequence(let parts):
            var result: [UInt8] = []
            for part in parts {
                result += part.prefix
                if !part.isText { break }
            }
            return result
        case .repeated(let inner, let min, _, _): return min > 0 ? inner.prefix : []
        case .empty, .assertion, .choice: return []
        }
    }

    /// Whether it is its prefix and nothing else.
    private var isText: Bool {
        switch self {
        case .one(let set): return set.single != nil
        case .group(let inner, _): return inner.isText
        case .sequence(let parts): return parts.allSatisfy(\.isText)
        default: return false
        }
    }

    /// Whether a match can only start where the text does.
    var isAnchored: Bool {
        switch self {
        case .assertion(.textStart): return true
        case .group(let inner, _): return inner.isAnchored
        case .sequence(let parts): return parts.first?.isAnchored ?? false
        case .choice(let parts): return !parts.isEmpty && parts.allSatisfy(\.isAnchored)
        default: return false
        }
    }
}
