import Operators

extension LoadContext {
    /// Reads `parameters:`; an override takes the type of what it overrides.
    func readParameters(_ document: FieldReader) -> SpecParameters {
        var result = SpecParameters()
        for entry in document.namedEntries("parameters") {
            let name = entry.key.text
            guard isNodeName(name) else {
                report(.badName(name, what: "parameter", at: location(entry.key)))
                continue
            }
            usedOverrides.insert(name)
            guard let literal = readConstant(entry.value, of: name) else {
                result.doubtful.insert(name)
                continue
            }
            result.values[name] = literal
            guard let text = options.parameterOverrides[name] else { continue }
            if let override = parseConstant(text, like: literal) {
                result.values[name] = override
            } else {
                report(
                    .badOverride(
                        name, text: text, type: typeName(of: literal), at: location(entry.key)))
            }
        }
        return result
    }

    /// A constant with the type that YAML gives it; nil when reported.
    func readConstant(_ value: LocatedValue, of name: String) -> Literal? {
        guard case .scalar(let scalar) = value.content else {
            if !value.isBroken {
                report(
                    .wrongKind(
                        "'\(name)' takes a number, a text, true or false", found: value.kindName,
                        help: nil, at: location(value)))
            }
            return nil
        }
        guard let text = substitute(scalar) else { return nil }
        // Substituted text is text and never syntax.
        if text.isSubstituted { return .string(Array(text.value.utf8)) }
        switch scalar.resolved {
        case .null: report(.emptyEntry(name, at: location(scalar)))
        case .boolean(let flag): return .boolean(flag)
        case .integer(let number): return .bigint(number)
        case .largeInteger:
            report(.outOfRange(name, "does not fit in 64 bits", at: location(scalar)))
        case .float(let number): return decimal(scalar.text) ?? .double(number)
        case .string: return .string(Array(text.value.utf8))
        }
        return nil
    }
}

/// The exact value of digits with a point; nil with an exponent, or beyond 38 digits.
func decimal(_ text: String) -> Literal? {
    var unscaled: Int128 = 0
    var scale = 0
    var digitCount = 0
    var hasPoint = false
    var body = text[...]
    let isNegative = body.hasPrefix("-")
    if isNegative || body.hasPrefix("+") { body = body.dropFirst() }
    for byte in body.utf8 {
        if byte == UInt8(ascii: "."), !hasPoint {
            hasPoint = true
            continue
        }
        guard (0x30...0x39).contains(byte) else { return nil }
        if digitCount > 0 || byte != 0x30 { digitCount += 1 }
        guard digitCount <= 38 else { return nil }
        unscaled = unscaled * 10 + Int128(byte - 0x30)
        if hasPoint { scale += 1 }
    }
    guard hasPoint, scale <= 38 else { return nil }
    return .decimal(unscaled: isNegative ? -unscaled : unscaled, scale: scale)
}

/// An override's text as a constant of the same type; nil when it is none.
private func parseConstant(_ text: String, like literal: Literal) -> Literal? {
    let value = CoreValue(plain: text)
    switch literal {
    case .bigint:
        if case .integer(let number) = value { return .bigint(number) }
    case .boolean:
        if case .boolean(let flag) = value { return .boolean(flag) }
    case .double:
        if case .float(let number) = value { return .double(number) }
        if case .integer(let number) = value { return .double(Double(number)) }
    case .decimal:
        if case .integer(let number) = value {
            return .decimal(unscaled: Int128(number), scale: 0)
        }
        return decimal(text)
    case .string: return .string(Array(text.utf8))
    case .null, .timestamp, .interval: break
    }
    return nil
}

private func typeName(of literal: Literal) -> String {
    switch literal {
    case .bigint: return "whole number"
    case .boolean: return "boolean"
    case .double, .decimal: return "number"
    case .null, .string, .timestamp, .interval: return "text"
    }
}

/// Whether a text can name a node or a parameter.
func isNodeName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first), name.utf8.count <= 63 else {
        return false
    }
    return name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "_")
    }
}

/// Whether a text can name a pipeline: `[a-z0-9][a-z0-9-]{0,62}`.
func isPipelineName(_ name: String) -> Bool {
    guard let first = name.utf8.first, first != UInt8(ascii: "-"), name.utf8.count <= 63 else {
        return false
    }
    return name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "-")
    }
}
