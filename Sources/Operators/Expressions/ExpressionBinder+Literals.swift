/// The type of a literal by itself.
package enum LiteralTypes {
    package static func type(of literal: Literal) -> ColumnType {
        switch literal {
        case .null, .string: return .string
        case .boolean: return .boolean
        case .bigint: return .bigint
        case .double: return .double
        case .timestamp: return .timestamp
        case .interval: return .interval
        case .decimal(let unscaled, let scale):
            let scale = min(max(scale, 0), Decimal38.digitsMax)
            return .decimal(precision: max(Decimal38.digits(unscaled), scale, 1), scale: scale)
        }
    }
}

/// Literals and casts.
extension ExpressionBinding {
    /// `42` is a bigint (a decimal where it does not fit), `0.908` a decimal, `9.08e-1` a double.
    mutating func number(_ digits: String, _ range: Range<Int>) -> BoundOperand? {
        var digits = digits
        let literal: Literal? = digits.withUTF8 { text -> Literal? in
            if let value = NumberText.integer(text) { return .bigint(value) }
            if text.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) {
                return NumberText.double(text).map { .double($0) }
            }
            guard let parts = NumberText.decimalParts(text),
                parts.fractionCount <= Decimal38.digitsMax
            else { return nil }
            return Decimal38.parse(text, scale: parts.fractionCount).map {
                .decimal(unscaled: $0, scale: parts.fractionCount)
            }
        }
        guard let literal else {
            return report(
                "number '\(digits)' is out of range", at: range,
                help: "decimals hold \(Decimal38.digitsMax) digits; 1e40 is a double")
        }
        return BoundOperand(
            node: .literal(literal, LiteralTypes.type(of: literal)), range: range)
    }

    mutating func typedLiteral(
        _ name: Syntax.TypeName, _ bytes: [UInt8], _ range: Range<Int>
    ) -> BoundOperand? {
        switch TypeRules.named(name) {
        case .failure(let diagnostic):
            diagnostics.append(diagnostic)
            return nil
        case .success(let type):
            return read(bytes, as: type, range)
        }
    }

    /// A literal of `type` from its text.
    mutating func read(_ bytes: [UInt8], as type: ColumnType, _ range: Range<Int>) -> BoundOperand?
    {
        let text = ExpressionNode.literal(.string(bytes), .string)
        let node = type == .string ? text : ConstantFolding.fold(.cast(text, type))
        if case .literal = node { return BoundOperand(node: node, range: range) }
        let shown = String(decoding: bytes.prefix(60), as: UTF8.self)
        return report(
            "cannot read '\(shown)' as \(type.name)", at: range, help: readingHelp(bytes, type))
    }

    private func readingHelp(_ bytes: [UInt8], _ type: ColumnType) -> String? {
        switch type {
        case .timestamp: return "write it like 2026-01-31T12:00:00Z"
        case .interval:
            let failure = bytes.withUnsafeBufferPointer { text -> IntervalText.Failure? in
                do throws(IntervalText.Failure) {
                    _ = try IntervalText.parse(text)
                    return nil
                } catch {
                    return error
                }
            }
            return failure == .calendarUnit
                ? "months and years have no fixed length; count in days or weeks"
                : "write it like '10 seconds' or '1 day 02:00:00'"
        case .boolean: return "write true or false"
        case .date: return "write it like 2026-01-31"
        case .array, .structure: return "write it as JSON: [1, 2], {\"name\": 1}"
        default: return nil
        }
    }

    mutating func cast(
        _ operand: Syntax, _ name: Syntax.TypeName, _ range: Range<Int>
    ) -> BoundOperand? {
        let bound = bind(operand)
        switch TypeRules.named(name) {
        case .failure(let diagnostic):
            diagnostics.append(diagnostic)
            return nil
        case .success(let type):
            guard let bound else { return nil }
            if bound.isNull { return BoundOperand(node: .literal(.null, type), range: range) }
            if bound.isUntyped, let bytes = bound.text {
                return read(bytes, as: type, range)
            }
            guard ExpressionCasts.isPossible(from: bound.type, to: type) else {
                return report(
                    "cannot cast \(bound.type.name) to \(type.name)", at: range,
                    help: ExpressionCasts.advice(from: bound.type, to: type))
            }
            return BoundOperand(node: ConstantFolding.cast(bound.node, to: type), range: range)
        }
    }

    /// The operand as `type` where that needs no CAST in the text: equal types, wider numbers,
    /// literals whose type was open. Nil when it is not possible; nothing is reported then, except
    /// for text that cannot be read.
    mutating func coerce(_ operand: BoundOperand, to type: ColumnType) -> BoundOperand? {
        if operand.isNull {
            return BoundOperand(node: .literal(.null, type), range: operand.range)
        }
        if operand.isUntyped, let bytes = operand.text {
            if type == .string {
                return BoundOperand(node: operand.node, range: operand.range)
            }
            return read(bytes, as: type, operand.range)
        }
        guard TypeRules.widens(operand.type, to: type) else { return nil }
        return BoundOperand(
            node: ConstantFolding.cast(operand.node, to: type), range: operand.range)
    }

    /// A literal whose type is open, as the type that its neighbour asks for; others as they are.
    /// Text beside a decimal keeps all its own digits.
    mutating func resolve(_ operand: BoundOperand, toward type: ColumnType) -> BoundOperand? {
        guard operand.isUntyped else { return operand }
        if case .decimal = type, let bytes = operand.text {
            let digits = bytes.withUnsafeBufferPointer { text -> ColumnType? in
                let trimmed = NumberText.trimmed(text)
                guard let parts = NumberText.decimalParts(trimmed),
                    (0...Decimal38.digitsMax).contains(parts.fractionCount - parts.exponent)
                else { return nil }
                return .decimal(
                    precision: Decimal38.digitsMax, scale: parts.fractionCount - parts.exponent)
            }
            guard let digits, var result = read(bytes, as: digits, operand.range) else {
                return digits == nil ? read(bytes, as: type, operand.range) : nil
            }
            if case .literal(let literal, _) = result.node {
                result.node = .literal(literal, LiteralTypes.type(of: literal))
            }
            return result
        }
        return coerce(operand, to: type)
    }

    /// Operands as the type that they have in common; reports when there is none.
    ///
    /// - Parameter what: What they are, for the message: `the results of CASE`.
    mutating func unify(
        _ operands: [BoundOperand], _ what: String, _ range: Range<Int>
    ) -> ([BoundOperand], ColumnType)? {
        let typed = operands.filter { !$0.isUntyped }
        let first = typed.isEmpty ? ColumnType.string : TypeRules.common(typed.map(\.type))
        guard let first else { return mismatch(typed, what) }
        var resolved: [BoundOperand] = []
        for operand in operands {
            if let operand = resolve(operand, toward: first) { resolved.append(operand) }
        }
        guard resolved.count == operands.count else { return nil }
        guard let type = TypeRules.common(resolved.map(\.type)) else {
            return mismatch(resolved, what)
        }
        return (
            resolved.map {
                BoundOperand(node: ConstantFolding.cast($0.node, to: type), range: $0.range)
            }, type
        )
    }

    private mutating func mismatch(
        _ operands: [BoundOperand], _ what: String
    ) -> ([BoundOperand], ColumnType)? {
        let first = operands[0].type
        let other = operands.first { TypeRules.common(first, $0.type) == nil } ?? operands[0]
        report(
            "\(what) must be of one type: \(first.name) and \(other.type.name) are not",
            at: other.range, help: "cast one of them")
        return nil
    }
}
