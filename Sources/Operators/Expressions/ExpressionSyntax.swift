/// An expression as written: the parser's output, each node with its bytes in the text.
struct Syntax {
    let kind: Kind
    let range: Range<Int>
    /// Nodes on the longest path down, so that nothing that walks the tree runs out of stack.
    let depth: Int

    indirect enum Kind {
        case null
        case boolean(Bool)
        /// Digits with an optional point and exponent, as written.
        case number(String)
        case string([UInt8])
        /// `timestamp '…'`, `interval '…'`, `bigint '…'`.
        case typedLiteral(TypeName, [UInt8])
        case parameter(String)
        case name(qualifier: String?, String, isQuoted: Bool)
        case negate(Syntax)
        case binary(ScalarFunction, Syntax, Syntax)
        /// `and` or `or` with two operands or more.
        case logical(ScalarFunction, [Syntax])
        case not(Syntax)
        /// `isNull`, `isTrue` and their like.
        case test(ScalarFunction, Syntax)
        case inList(Syntax, [Syntax], isNegated: Bool)
        case between(Syntax, low: Syntax, high: Syntax, isNegated: Bool)
        case like(Syntax, pattern: Syntax, escape: Syntax?, isNegated: Bool)
        case conditional(subject: Syntax?, [Branch], otherwise: Syntax?)
        case cast(Syntax, TypeName)
        case call(Call)
    }

    struct Branch {
        let condition: Syntax
        let result: Syntax
    }

    struct TypeName {
        /// Lower case, words joined by one space.
        let name: String
        let arguments: [Int]
        let range: Range<Int>
    }

    struct Call {
        let name: String
        let nameRange: Range<Int>
        let arguments: [Syntax]
        var isStar = false
        var isDistinct = false
        var filter: Syntax?
    }

    /// The nodes right below.
    static func children(of kind: Kind) -> [Syntax] {
        switch kind {
        case .null, .boolean, .number, .string, .typedLiteral, .parameter, .name: return []
        case .negate(let operand), .not(let operand), .test(_, let operand),
            .cast(let operand, _):
            return [operand]
        case .binary(_, let left, let right): return [left, right]
        case .logical(_, let operands): return operands
        case .inList(let operand, let list, _): return [operand] + list
        case .between(let operand, let low, let high, _): return [operand, low, high]
        case .like(let operand, let pattern, let escape, _):
            return [operand, pattern] + (escape.map { [$0] } ?? [])
        case .conditional(let subject, let branches, let otherwise):
            return (subject.map { [$0] } ?? []) + branches.flatMap { [$0.condition, $0.result] }
                + (otherwise.map { [$0] } ?? [])
        case .call(let call): return call.arguments + (call.filter.map { [$0] } ?? [])
        }
    }
}
