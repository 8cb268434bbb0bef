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
        /// `x.name`, where `x` is more than a node's name.
        case field(Syntax, String)
        /// `x[n]`
        case element(Syntax, Syntax)
        /// `array[a, b]`
        case array([Syntax])
        /// `struct(a := x, b := y)`
        case structure([(name: String, value: Syntax)])
    }

    struct Branch {
        let condition: Syntax
        let result: Syntax
    }

    struct TypeName {
        /// Lower case, words joined by one space.
        let name: String
        var arguments: [Int] = []
        /// What an array or a struct is made of; an element has no name.
        var parts: [Part] = []
        let range: Range<Int>

        struct Part {
            let name: String
            let type: TypeName
        }
    }

    struct Call {
        let name: String
        let nameRange: Range<Int>
        var arguments: [Syntax]
        var isStar = false
        var isDistinct = false
        var filter: Syntax?
        /// `ORDER BY` behind the arguments.
        var order: Syntax?
        var isDescending = false
    }

    /// The nodes right below.
    static func children(of kind: Kind) -> [Syntax] {
        switch kind {
        case .null, .boolean, .number, .string, .typedLiteral, .parameter, .name: return []
        case .negate(let operand), .not(let operand), .test(_, let operand),
            .cast(let operand, _), .field(let operand, _):
            return [operand]
        case .element(let operand, let index): return [operand, index]
        case .array(let elements): return elements
        case .structure(let fields): return fields.map(\.value)
        case .binary(_, let left, let right): return [left, right]
        case .logical(_, let operands): return operands
        case .inList(let operand, let list, _): return [operand] + list
        case .between(let operand, let low, let high, _): return [operand, low, high]
        case .like(let operand, let pattern, let escape, _):
            return [operand, pattern] + (escape.map { [$0] } ?? [])
        case .conditional(let subject, let branches, let otherwise):
            return (subject.map { [$0] } ?? []) + branches.flatMap { [$0.condition, $0.result] }
                + (otherwise.map { [$0] } ?? [])
        case .call(let call):
            return call.arguments + [call.order, call.filter].compactMap { $0 }
        }
    }
}
