/// Literals, names, calls and everything else that starts a value.
extension ExpressionParser {
    mutating func primary() throws(ExpressionDiagnostic) -> Syntax {
        let token = current
        switch token.kind {
        case .number(let digits):
            advance()
            return try node(.number(digits), token.range)
        case .string(let bytes):
            advance()
            return try node(.string(bytes), token.range)
        case .parameter(let name):
            advance()
            return try node(.parameter(name), token.range)
        case .symbol(.leftParenthesis):
            advance()
            let inner = try expression(.lowest)
            try expect(.rightParenthesis, "')'")
            return inner
        case .quotedName(let name):
            advance()
            return try qualifiable(name, isQuoted: true, token.range)
        case .word(let word):
            return try self.word(word, token.range)
        case .symbol, .end:
            throw unexpected("a value")
        }
    }

    private mutating func word(
        _ word: String, _ range: Range<Int>
    ) throws(ExpressionDiagnostic) -> Syntax {
        let lower = word.lowercased()
        switch lower {
        case "null":
            advance()
            return try node(.null, range)
        case "true", "false":
            advance()
            return try node(.boolean(lower == "true"), range)
        case "case":
            advance()
            return try conditional(range.lowerBound)
        case "cast":
            advance()
            return try cast(range.lowerBound)
        default:
            break
        }
        if ExpressionParser.keywords.contains(lower) { throw unexpected("a value") }
        if isSymbol(.leftParenthesis, ahead: 1) {
            advance()
            advance()
            return try call(word, range)
        }
        if index + 1 < tokens.count, case .string = tokens[index + 1].kind {
            return try typedLiteral(range.lowerBound)
        }
        if lower == "double", isKeyword("precision", ahead: 1) {
            return try typedLiteral(range.lowerBound)
        }
        advance()
        return try qualifiable(word, isQuoted: false, range)
    }

    /// A name, or `node.name`.
    private mutating func qualifiable(
        _ name: String, isQuoted: Bool, _ range: Range<Int>
    ) throws(ExpressionDiagnostic) -> Syntax {
        guard take(.dot) else {
            return try node(.name(qualifier: nil, name, isQuoted: isQuoted), range)
        }
        let second: String
        switch current.kind {
        case .word(let word): second = word
        case .quotedName(let word): second = word
        case .symbol(.star):
            throw unexpected("a column's name after '.'", help: "name.* stands in 'select' only")
        default: throw unexpected("a column's name after '.'")
        }
        advance()
        return try node(
            .name(qualifier: name, second, isQuoted: true), range.lowerBound..<previousEnd)
    }

    /// `interval '10 seconds'`, also `interval '10' second`.
    private mutating func typedLiteral(_ start: Int) throws(ExpressionDiagnostic) -> Syntax {
        let type = try typeName()
        guard case .string(var bytes) = current.kind else {
            throw unexpected("text in single quotes after \(type.name)")
        }
        advance()
        if type.name == "interval", case .word(let unit) = current.kind,
            IntervalText.unitMicros(unit.lowercased()) != nil
        {
            bytes += [UInt8(ascii: " ")] + Array(unit.lowercased().utf8)
            advance()
        }
        return try node(.typedLiteral(type, bytes), start..<previousEnd)
    }

    private mutating func conditional(_ start: Int) throws(ExpressionDiagnostic) -> Syntax {
        var subject: Syntax?
        if !isKeyword("when") { subject = try expression(.lowest) }
        var branches: [Syntax.Branch] = []
        while take(keyword: "when") {
            let condition = try expression(.lowest)
            try expect(keyword: "then", "THEN")
            branches.append(Syntax.Branch(condition: condition, result: try expression(.lowest)))
        }
        guard !branches.isEmpty else { throw unexpected("WHEN") }
        var otherwise: Syntax?
        if take(keyword: "else") { otherwise = try expression(.lowest) }
        try expect(keyword: "end", "WHEN, ELSE or END")
        return try node(
            .conditional(subject: subject, branches, otherwise: otherwise), start..<previousEnd)
    }

    private mutating func cast(_ start: Int) throws(ExpressionDiagnostic) -> Syntax {
        try expect(.leftParenthesis, "'(' after CAST")
        let operand = try expression(.lowest)
        try expect(keyword: "as", "AS and a type")
        let type = try typeName()
        try expect(.rightParenthesis, "')'")
        return try node(.cast(operand, type), start..<previousEnd)
    }

    mutating func typeName() throws(ExpressionDiagnostic) -> Syntax.TypeName {
        let start = current.range.lowerBound
        guard case .word(let word) = current.kind else { throw unexpected("a type") }
        advance()
        var name = word.lowercased()
        if name == "double", take(keyword: "precision") { name += " precision" }
        var arguments: [Int] = []
        if isSymbol(.leftParenthesis), case .number = tokens[min(index + 1, tokens.count - 1)].kind
        {
            advance()
            repeat {
                guard case .number(let digits) = current.kind, let value = Int(digits) else {
                    throw unexpected("a whole number")
                }
                arguments.append(value)
                advance()
            } while take(.comma)
            try expect(.rightParenthesis, "')'")
        }
        return Syntax.TypeName(name: name, arguments: arguments, range: start..<previousEnd)
    }

    // MARK: Calls

    /// What stands between the parentheses of a call, and FILTER behind them.
    private mutating func call(
        _ name: String, _ nameRange: Range<Int>
    ) throws(ExpressionDiagnostic) -> Syntax {
        var call = try arguments(name, nameRange)
        try expect(.rightParenthesis, "',' or ')'")
        if isKeyword("filter"), isSymbol(.leftParenthesis, ahead: 1) {
            advance()
            advance()
            guard take(keyword: "where") else { throw unexpected("WHERE") }
            call.filter = try expression(.lowest)
            try expect(.rightParenthesis, "')'")
        }
        return try node(.call(call), nameRange.lowerBound..<previousEnd)
    }

    private mutating func arguments(
        _ name: String, _ nameRange: Range<Int>
    ) throws(ExpressionDiagnostic) -> Syntax.Call {
        func call(_ name: String, _ arguments: [Syntax]) -> Syntax.Call {
            Syntax.Call(name: name, nameRange: nameRange, arguments: arguments)
        }
        let lower = name.lowercased()
        if isSymbol(.rightParenthesis) { return call(name, []) }
        if take(.star) {
            var result = call(name, [])
            result.isStar = true
            return result
        }
        if lower == "extract" { return try extraction(nameRange) }
        if lower == "trim" { return try trimming(nameRange) }
        if lower == "position" {
            let part = try expression(.membership)
            if take(keyword: "in") { return call(name, [part, try expression(.lowest)]) }
            guard take(.comma) else { throw unexpected("IN") }
            return call(name, [part, try expression(.lowest)])
        }
        let isDistinct = take(keyword: "distinct")
        var operands = [try expression(.lowest)]
        if lower == "substring", take(keyword: "from") {
            operands.append(try expression(.lowest))
            if take(keyword: "for") { operands.append(try expression(.lowest)) }
            return call(name, operands)
        }
        if lower == "substring", take(keyword: "for") {
            let one = try node(.number("1"), operands[0].range)
            return call(name, [operands[0], one, try expression(.lowest)])
        }
        while take(.comma) { operands.append(try expression(.lowest)) }
        var result = call(name, operands)
        result.isDistinct = isDistinct
        return result
    }

    /// `extract(year FROM x)`, also with the field as text and a comma.
    private mutating func extraction(
        _ nameRange: Range<Int>
    ) throws(ExpressionDiagnostic) -> Syntax.Call {
        let field: [UInt8]
        switch current.kind {
        case .word(let word): field = Array(word.utf8)
        case .string(let bytes): field = bytes
        default: throw unexpected("a field such as year or epoch")
        }
        let fieldNode = try node(.string(field), current.range)
        advance()
        guard take(keyword: "from") || take(.comma) else { throw unexpected("FROM") }
        let operand = try expression(.lowest)
        return Syntax.Call(
            name: "extract", nameRange: nameRange, arguments: [fieldNode, operand])
    }

    /// `trim([both|leading|trailing] [characters] FROM x)`, also `trim(x, characters)`.
    private mutating func trimming(
        _ nameRange: Range<Int>
    ) throws(ExpressionDiagnostic) -> Syntax.Call {
        var name = "trim"
        var isSided = false
        for (keyword, function) in [("both", "trim"), ("leading", "ltrim"), ("trailing", "rtrim")]
        where isKeyword(keyword) && !isSymbol(.rightParenthesis, ahead: 1)
            && !isSymbol(.comma, ahead: 1)
        {
            advance()
            name = function
            isSided = true
            break
        }
        var operands: [Syntax] = []
        if !(isSided && isKeyword("from")) { operands.append(try expression(.lowest)) }
        if take(keyword: "from") {
            operands.insert(try expression(.lowest), at: 0)
        } else if take(.comma) {
            operands.append(try expression(.lowest))
        }
        return Syntax.Call(name: name, nameRange: nameRange, arguments: operands)
    }
}
