/// Literals, names, calls and everything else that starts a value.
extension ExpressionParser {
    /// A value with the fields and elements that are taken out of it.
    mutating func primary() throws(ExpressionDiagnostic) -> Syntax {
        var value = try start()
        while true {
            let start = value.range.lowerBound
            if take(.leftBracket) {
                let index = try expression(.lowest)
                try expect(.rightBracket, "']'")
                value = try node(.element(value, index), start..<previousEnd)
            } else if take(.dot) {
                let name = try memberName()
                value = try node(.field(value, name), start..<previousEnd)
            } else {
                return value
            }
        }
    }

    /// What starts a value.
    private mutating func start() throws(ExpressionDiagnostic) -> Syntax {
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
        if lower == "array", isSymbol(.leftBracket, ahead: 1) {
            advance()
            advance()
            return try array(range.lowerBound)
        }
        if isSymbol(.leftParenthesis, ahead: 1) {
            advance()
            advance()
            if lower == "struct" { return try structure(range.lowerBound) }
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
        let second = try memberName()
        return try node(
            .name(qualifier: name, second, isQuoted: true), range.lowerBound..<previousEnd)
    }

    /// The name behind a dot.
    private mutating func memberName() throws(ExpressionDiagnostic) -> String {
        let name: String
        switch current.kind {
        case .word(let word): name = word
        case .quotedName(let word): name = word
        case .symbol(.star):
            throw unexpected("a column's name after '.'", help: "name.* stands in 'select' only")
        default: throw unexpected("a column's name after '.'")
        }
        advance()
        return name
    }

    /// `array[a, b]`
    private mutating func array(_ start: Int) throws(ExpressionDiagnostic) -> Syntax {
        var elements: [Syntax] = []
        if !isSymbol(.rightBracket) {
            repeat { elements.append(try expression(.lowest)) } while take(.comma)
        }
        try expect(.rightBracket, "',' or ']'")
        return try node(.array(elements), start..<previousEnd)
    }

    /// `struct(a := x, b := y)`
    private mutating func structure(_ start: Int) throws(ExpressionDiagnostic) -> Syntax {
        var fields: [(name: String, value: Syntax)] = []
        repeat {
            let name: String
            switch current.kind {
            case .word(let word): name = word
            case .quotedName(let word): name = word
            default: throw unexpected("a field's name")
            }
            advance()
            try expect(.assign, "':=' and the field's value")
            fields.append((name, try expression(.lowest)))
        } while take(.comma)
        try expect(.rightParenthesis, "',' or ')'")
        return try node(.structure(fields), start..<previousEnd)
    }

    /// `x = any(array)`, which is what `array_contains` says.
    mutating func anyElement(_ left: Syntax) throws(ExpressionDiagnostic) -> Syntax {
        let nameRange = current.range
        advance()
        advance()
        let array = try expression(.lowest)
        try expect(.rightParenthesis, "')'")
        return try node(
            .call(
                Syntax.Call(
                    name: "array_contains", nameRange: nameRange, arguments: [array, left])),
            left.range.lowerBound..<previousEnd)
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
        if name == "array" || name == "struct", take(.less) {
            return try arrays(of: nestedType(name, start), start)
        }
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
        let type = Syntax.TypeName(name: name, arguments: arguments, range: start..<previousEnd)
        return try arrays(of: type, start)
    }

    /// What stands between `<` and `>`.
    private mutating func nestedType(
        _ name: String, _ start: Int
    ) throws(ExpressionDiagnostic) -> Syntax.TypeName {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= ExpressionParser.depthMax else { throw unexpected("a simpler type") }
        var parts: [Syntax.TypeName.Part] = []
        repeat {
            var field = ""
            if name == "struct" {
                switch current.kind {
                case .word(let word): field = word
                case .quotedName(let word): field = word
                default: throw unexpected("a field's name")
                }
                advance()
            }
            parts.append(Syntax.TypeName.Part(name: field, type: try typeName()))
        } while name == "struct" && take(.comma)
        try expect(.greater, name == "struct" ? "',' or '>'" : "'>'")
        return Syntax.TypeName(name: name, parts: parts, range: start..<previousEnd)
    }

    /// `bigint[]`, an array's other name.
    private mutating func arrays(
        of type: Syntax.TypeName, _ start: Int
    ) throws(ExpressionDiagnostic) -> Syntax.TypeName {
        var type = type
        var depth = nesting
        while isSymbol(.leftBracket), isSymbol(.rightBracket, ahead: 1) {
            depth += 1
            guard depth <= ExpressionParser.depthMax else { throw unexpected("a simpler type") }
            advance()
            advance()
            type = Syntax.TypeName(
                name: "array", parts: [Syntax.TypeName.Part(name: "", type: type)],
                range: start..<previousEnd)
        }
        return type
    }

    // MARK: Calls

    /// What stands between the parentheses of a call, and FILTER behind them.
    private mutating func call(
        _ name: String, _ nameRange: Range<Int>
    ) throws(ExpressionDiagnostic) -> Syntax {
        var call = try arguments(name, nameRange)
        if isKeyword("order"), isKeyword("by", ahead: 1) { try order(of: &call) }
        try expect(.rightParenthesis, "',' or ')'")
        if isKeyword("within"), isKeyword("group", ahead: 1) { try withinGroup(&call) }
        if isKeyword("filter"), isSymbol(.leftParenthesis, ahead: 1) {
            advance()
            advance()
            guard take(keyword: "where") else { throw unexpected("WHERE") }
            call.filter = try expression(.lowest)
            try expect(.rightParenthesis, "')'")
        }
        return try node(.call(call), nameRange.lowerBound..<previousEnd)
    }

    /// `ORDER BY x [ASC|DESC]`
    private mutating func order(of call: inout Syntax.Call) throws(ExpressionDiagnostic) {
        advance()
        advance()
        call.order = try expression(.lowest)
        call.isDescending = take(keyword: "desc")
        if !call.isDescending { _ = take(keyword: "asc") }
    }

    /// `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)` is `percentile_cont(x, 0.5)`.
    private mutating func withinGroup(_ call: inout Syntax.Call) throws(ExpressionDiagnostic) {
        advance()
        advance()
        try expect(.leftParenthesis, "'(' after WITHIN GROUP")
        guard isKeyword("order"), isKeyword("by", ahead: 1) else { throw unexpected("ORDER BY") }
        advance()
        advance()
        let value = try expression(.lowest)
        _ = take(keyword: "asc")
        try expect(.rightParenthesis, "')'")
        call.arguments.insert(value, at: 0)
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
