/// Reads an expression into a tree, by the precedence that PostgreSQL gives its operators.
///
/// From loose to tight: OR, AND, NOT, IS, comparison (not chained), BETWEEN IN LIKE, `||`, `+ -`,
/// `* / %`, sign, `::`. It stops at the first mistake; the binder finds the others.
struct ExpressionParser {
    /// Levels of nesting, so that no input exhausts the stack.
    static let depthMax = 256

    enum Precedence: Int, Comparable {
        case lowest, or, and, not, test, comparison, membership, concatenation, sum, product, sign
        case cast

        static func < (a: Precedence, b: Precedence) -> Bool { a.rawValue < b.rawValue }
    }

    var tokens: [ExpressionToken]
    var index = 0
    var nesting = 0

    /// Words that cannot name a column unless they are quoted.
    static let keywords: Set<String> = [
        "and", "or", "not", "in", "is", "like", "between", "case", "when", "then", "else", "end",
        "null", "true", "false", "distinct", "from", "as", "escape", "cast",
    ]

    static func parse(_ text: String) throws(ExpressionDiagnostic) -> Syntax {
        var lexer = ExpressionLexer(text)
        var parser = ExpressionParser(tokens: try lexer.tokens())
        if parser.current.kind == .end {
            throw ExpressionDiagnostic(message: "expression is empty", range: 0..<0)
        }
        let result = try parser.expression(.lowest)
        guard parser.current.kind == .end else { throw parser.unexpected("an operator") }
        return result
    }

    /// The type that a text names, as it stands behind CAST.
    static func parseType(_ text: String) throws(ExpressionDiagnostic) -> Syntax.TypeName {
        var lexer = ExpressionLexer(text)
        var parser = ExpressionParser(tokens: try lexer.tokens())
        let result = try parser.typeName()
        guard parser.current.kind == .end else { throw parser.unexpected("the end of the type") }
        return result
    }

    private init(tokens: [ExpressionToken]) {
        self.tokens = tokens
    }

    // MARK: Tokens

    var current: ExpressionToken { tokens[index] }

    var previousEnd: Int { index > 0 ? tokens[index - 1].range.upperBound : 0 }

    mutating func advance() {
        if index < tokens.count - 1 { index += 1 }
    }

    func isKeyword(_ keyword: String, ahead: Int = 0) -> Bool {
        guard index + ahead < tokens.count, case .word(let word) = tokens[index + ahead].kind
        else { return false }
        return word.lowercased() == keyword
    }

    func isSymbol(_ symbol: ExpressionToken.Symbol, ahead: Int = 0) -> Bool {
        index + ahead < tokens.count && tokens[index + ahead].kind == .symbol(symbol)
    }

    mutating func take(keyword: String) -> Bool {
        guard isKeyword(keyword) else { return false }
        advance()
        return true
    }

    mutating func take(_ symbol: ExpressionToken.Symbol) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(
        _ symbol: ExpressionToken.Symbol, _ what: String
    ) throws(ExpressionDiagnostic) {
        guard take(symbol) else { throw unexpected(what) }
    }

    mutating func expect(keyword: String, _ what: String) throws(ExpressionDiagnostic) {
        guard take(keyword: keyword) else { throw unexpected(what) }
    }

    func unexpected(_ expected: String, help: String? = nil) -> ExpressionDiagnostic {
        let found: String
        var help = help
        switch current.kind {
        case .end: found = "the end"
        case .word(let word):
            found = "'\(word)'"
            if help == nil, ExpressionParser.keywords.contains(word.lowercased()),
                expected == "a value"
            {
                help = "to use a column of this name, quote it: \"\(word)\""
            }
        case .quotedName(let name): found = "\"\(name)\""
        case .number(let digits): found = "'\(digits)'"
        case .string: found = "text"
        case .parameter(let name): found = "'$\(name)'"
        case .symbol(let symbol):
            found = "'\(symbol.rawValue)'"
            if symbol == .equal, index > 0, tokens[index - 1].kind == .symbol(.equal) {
                help = "equality is written with one ="
            }
        }
        return ExpressionDiagnostic(
            message: "expected \(expected), found \(found)", help: help, range: current.range)
    }

    // MARK: Nodes

    func node(_ kind: Syntax.Kind, _ range: Range<Int>) throws(ExpressionDiagnostic) -> Syntax {
        let depth = 1 + (Syntax.children(of: kind).map(\.depth).max() ?? 0)
        guard depth <= ExpressionParser.depthMax else { throw tooDeep(range) }
        return Syntax(kind: kind, range: range, depth: depth)
    }

    private func tooDeep(_ range: Range<Int>) -> ExpressionDiagnostic {
        ExpressionDiagnostic(
            message: "expression is nested more than \(ExpressionParser.depthMax) levels deep",
            range: range)
    }

    // MARK: Operators

    mutating func expression(_ minimum: Precedence) throws(ExpressionDiagnostic) -> Syntax {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= ExpressionParser.depthMax else { throw tooDeep(current.range) }
        var left = try prefix()
        while let precedence = infixPrecedence(), precedence > minimum {
            left = try infix(left, precedence)
        }
        return left
    }

    private mutating func prefix() throws(ExpressionDiagnostic) -> Syntax {
        let start = current.range.lowerBound
        if take(keyword: "not") {
            let operand = try expression(.and)
            return try node(.not(operand), start..<previousEnd)
        }
        if take(.minus) {
            let operand = try expression(.product)
            if case .number(let digits) = operand.kind, !digits.hasPrefix("-") {
                return try node(.number("-" + digits), start..<previousEnd)
            }
            return try node(.negate(operand), start..<previousEnd)
        }
        if take(.plus) { return try expression(.product) }
        return try primary()
    }

    /// How tightly the operator at hand binds; nil when there is none.
    private func infixPrecedence() -> Precedence? {
        switch current.kind {
        case .symbol(let symbol):
            switch symbol {
            case .cast: return .cast
            case .star, .slash, .percent: return .product
            case .plus, .minus: return .sum
            case .concatenate, .arrow, .longArrow: return .concatenation
            case .equal, .notEqual, .bangEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
                return .comparison
            case .leftParenthesis, .rightParenthesis, .comma, .dot, .leftBracket, .rightBracket,
                .assign:
                return nil
            }
        case .word(let word):
            switch word.lowercased() {
            case "or": return .or
            case "and": return .and
            case "is": return .test
            case "in", "between", "like": return .membership
            case "not":
                let isMembership = ["in", "between", "like"].contains { isKeyword($0, ahead: 1) }
                return isMembership ? .membership : nil
            default: return nil
            }
        default: return nil
        }
    }

    private mutating func infix(
        _ left: Syntax, _ precedence: Precedence
    ) throws(ExpressionDiagnostic) -> Syntax {
        let start = left.range.lowerBound
        switch precedence {
        case .or, .and: return try logical(left, precedence)
        case .test: return try test(left)
        case .membership: return try membership(left)
        case .cast:
            advance()
            let type = try typeName()
            return try node(.cast(left, type), start..<previousEnd)
        default:
            guard case .symbol(let symbol) = current.kind, let function = binary(symbol) else {
                throw unexpected("an operator")
            }
            advance()
            if function == .equal, isKeyword("any"), isSymbol(.leftParenthesis, ahead: 1) {
                return try anyElement(left)
            }
            let right = try expression(precedence)
            let result = try node(.binary(function, left, right), start..<previousEnd)
            if precedence == .comparison, infixPrecedence() == .comparison {
                throw ExpressionDiagnostic(
                    message: "comparisons cannot be chained",
                    help: "join two comparisons with AND, or use BETWEEN", range: current.range)
            }
            return result
        }
    }

    private func binary(_ symbol: ExpressionToken.Symbol) -> ScalarFunction? {
        switch symbol {
        case .plus: return .add
        case .minus: return .subtract
        case .star: return .multiply
        case .slash: return .divide
        case .percent: return .modulo
        case .concatenate: return .concatenate
        case .arrow: return .jsonGet
        case .longArrow: return .jsonGetText
        case .equal: return .equal
        case .notEqual, .bangEqual: return .notEqual
        case .less: return .less
        case .lessOrEqual: return .lessOrEqual
        case .greater: return .greater
        case .greaterOrEqual: return .greaterOrEqual
        default: return nil
        }
    }

    /// `a AND b AND c` as one node, so that long conditions are flat.
    private mutating func logical(
        _ left: Syntax, _ precedence: Precedence
    ) throws(ExpressionDiagnostic) -> Syntax {
        let keyword = precedence == .or ? "or" : "and"
        var operands = [left]
        while take(keyword: keyword) {
            operands.append(try expression(precedence))
        }
        return try node(
            .logical(precedence == .or ? .or : .and, operands),
            left.range.lowerBound..<previousEnd)
    }

    private mutating func test(_ left: Syntax) throws(ExpressionDiagnostic) -> Syntax {
        let start = left.range.lowerBound
        advance()
        let isNegated = take(keyword: "not")
        if take(keyword: "null") {
            return try node(.test(isNegated ? .isNotNull : .isNull, left), start..<previousEnd)
        }
        if take(keyword: "true") {
            return try node(.test(isNegated ? .isNotTrue : .isTrue, left), start..<previousEnd)
        }
        if take(keyword: "false") {
            return try node(.test(isNegated ? .isNotFalse : .isFalse, left), start..<previousEnd)
        }
        guard isKeyword("distinct"), isKeyword("from", ahead: 1) else {
            throw unexpected("NULL, TRUE, FALSE or DISTINCT FROM")
        }
        advance()
        advance()
        let right = try expression(.comparison)
        let function: ScalarFunction = isNegated ? .isNotDistinctFrom : .isDistinctFrom
        return try node(.binary(function, left, right), start..<previousEnd)
    }

    private mutating func membership(_ left: Syntax) throws(ExpressionDiagnostic) -> Syntax {
        let start = left.range.lowerBound
        let isNegated = take(keyword: "not")
        if take(keyword: "between") {
            let low = try expression(.membership)
            try expect(keyword: "and", "AND and the upper bound of BETWEEN")
            let high = try expression(.membership)
            return try node(
                .between(left, low: low, high: high, isNegated: isNegated), start..<previousEnd)
        }
        if take(keyword: "like") {
            let pattern = try expression(.membership)
            var escape: Syntax?
            if take(keyword: "escape") { escape = try expression(.membership) }
            return try node(
                .like(left, pattern: pattern, escape: escape, isNegated: isNegated),
                start..<previousEnd)
        }
        try expect(keyword: "in", "IN")
        try expect(.leftParenthesis, "a list in parentheses after IN")
        var list = [try expression(.lowest)]
        while take(.comma) { list.append(try expression(.lowest)) }
        try expect(.rightParenthesis, "',' or ')' in the list of IN")
        return try node(.inList(left, list, isNegated: isNegated), start..<previousEnd)
    }
}
