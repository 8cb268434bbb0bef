/// Functions of regular expressions, whose patterns are checked here.
extension ExpressionBinding {
    mutating func regularExpression(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        let text = string(arguments[0], name)
        let flags = flags(function, name, arguments)
        let pattern = literalText(arguments[1], name, "pattern")
        guard let pattern, let flags else { return nil }
        let program: RegexProgram
        do throws(RegexProblem) {
            program = try RegexProgram(
                pattern, ignoresCase: flags.contains(UInt8(ascii: "i")))
        } catch {
            return report(
                "cannot read the pattern: \(error.message)",
                at: place(error.range, of: pattern, in: arguments[1].range))
        }
        guard let text else { return nil }
        let literal = BoundOperand(
            node: .literal(.string(pattern), .string), range: arguments[1].range)
        var operands = [text, literal]
        switch function {
        case .regexpSubstr:
            guard arguments.count > 2 else { break }
            guard let group = group(arguments[2], name, program) else { return nil }
            operands.append(group)
        case .regexpReplace:
            guard let replacement = string(arguments[2], name) else { return nil }
            operands.append(replacement)
        default: break
        }
        if !flags.isEmpty {
            operands.append(
                BoundOperand(node: .literal(.string(flags), .string), range: range))
        }
        let types: [ScalarFunction: ColumnType] = [
            .regexpLike: .boolean, .regexpCount: .bigint, .regexpInstr: .bigint,
        ]
        return call(function, operands, types[function] ?? .string, range)
    }

    /// `i`, and for `regexp_replace` also `g`; empty without any, nil when they are wrong.
    private mutating func flags(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax]
    ) -> [UInt8]? {
        let index = function == .regexpLike ? 2 : 3
        guard function != .regexpSubstr, function != .regexpInstr, arguments.count > index else {
            return []
        }
        guard let flags = literalText(arguments[index], name, "flags") else { return nil }
        let known = function == .regexpReplace ? "gi" : "i"
        guard flags.allSatisfy({ known.utf8.contains($0) }) else {
            report(
                "unknown flag of '\(name)'", at: arguments[index].range,
                help: function == .regexpReplace
                    ? "'g' replaces every match, 'i' ignores case" : "'i' ignores case")
            return nil
        }
        return flags
    }

    private mutating func group(
        _ syntax: Syntax, _ name: String, _ program: RegexProgram
    ) -> BoundOperand? {
        guard let bound = argument(syntax, name, .bigint) else { return nil }
        guard case .literal(.bigint(let group), _) = bound.node,
            (0...Int64(program.groupCount)).contains(group)
        else {
            return report(
                "the group of '\(name)' must be a number from 0 to \(program.groupCount) in the text",
                at: syntax.range, help: "groups count from 1, 0 is the whole match")
        }
        return bound
    }

    /// Bytes of a pattern in the expression's text, where the literal stands there as it is.
    private func place(
        _ range: Range<Int>, of pattern: [UInt8], in literal: Range<Int>
    ) -> Range<Int> {
        guard literal.count == pattern.count + 2,
            source[literal].dropFirst().dropLast().elementsEqual(pattern), !range.isEmpty
        else { return literal }
        let start = literal.lowerBound + 1
        return start + range.lowerBound..<start + range.upperBound
    }
}
