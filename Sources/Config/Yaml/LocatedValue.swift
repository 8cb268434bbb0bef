/// One value of a YAML document with the bytes that it was read from.
///
/// A value reached through an alias keeps the place of its anchor. Every mapping key is text, and
/// no key stands twice in a mapping.
package struct LocatedValue: Sendable {
    package enum Content: Sendable {
        case scalar(LocatedScalar)
        case sequence([LocatedValue])
        case mapping([LocatedEntry])
        /// What stood here has been reported already; readers pass over it in silence.
        case broken
    }
    package var content: Content
    /// Byte offsets in the file.
    package var range: Range<Int>

    package var isNull: Bool {
        if case .scalar(let scalar) = content { return scalar.resolved == .null }
        return false
    }

    package var isBroken: Bool {
        if case .broken = content { return true }
        return false
    }

    /// What it is, for messages: `a list`.
    package var kindName: String {
        switch content {
        case .scalar(let scalar): return scalar.resolved == .null ? "nothing" : "text"
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .broken: return "nothing"
        }
    }
}

/// A key of a mapping and its value.
package struct LocatedEntry: Sendable {
    package var key: LocatedScalar
    package var value: LocatedValue
}

/// A scalar: its text after unquoting and folding, and how it was written.
package struct LocatedScalar: Sendable {
    package enum Style: Sendable {
        case plain, singleQuoted, doubleQuoted, literal, folded

        package var isQuoted: Bool { self == .singleQuoted || self == .doubleQuoted }
    }
    package let text: String
    package let style: Style
    /// With quotes, or with the `|` of a block scalar.
    package let range: Range<Int>

    /// The value by YAML 1.2's core schema; whatever is not plain is text.
    package var resolved: CoreValue {
        style == .plain ? CoreValue(plain: text) : .string
    }
}

/// What a scalar is by the core schema of YAML 1.2 (`no` and `on` are text).
package enum CoreValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    /// An integer beyond 64 bits.
    case largeInteger
    case float(Double)
    case string

    package init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .boolean(true)
        case "false", "False", "FALSE": self = .boolean(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": self = .float(.infinity)
        case "-.inf", "-.Inf", "-.INF": self = .float(-.infinity)
        case ".nan", ".NaN", ".NAN": self = .float(.nan)
        default: self = CoreValue.number(Array(text.utf8)) ?? .string
        }
    }

    private static func number(_ text: [UInt8]) -> CoreValue? {
        if text.starts(with: Array("0o".utf8)) { return integer(text.dropFirst(2), radix: 8) }
        if text.starts(with: Array("0x".utf8)) { return integer(text.dropFirst(2), radix: 16) }
        var index = 0
        func digits() -> Int {
            let start = index
            while index < text.count, isDigit(text[index]) { index += 1 }
            return index - start
        }
        if text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+") { index = 1 }
        let whole = digits()
        if index == text.count, whole > 0 {
            return Int64(String(decoding: text, as: UTF8.self)).map { .integer($0) }
                ?? .largeInteger
        }
        var fraction = 0
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            fraction = digits()
        }
        guard whole + fraction > 0 else { return nil }
        if index < text.count, text[index] == UInt8(ascii: "e") || text[index] == UInt8(ascii: "E")
        {
            index += 1
            if index < text.count,
                text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+")
            {
                index += 1
            }
            guard digits() > 0 else { return nil }
        }
        guard index == text.count else { return nil }
        return Double(String(decoding: text, as: UTF8.self)).map { .float($0) }
    }

    private static func integer(_ digits: ArraySlice<UInt8>, radix: Int) -> CoreValue? {
        guard let first = digits.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "+")
        else {
            return nil
        }
        let text = String(decoding: digits, as: UTF8.self)
        if let value = Int64(text, radix: radix) { return .integer(value) }
        let isNumber = text.allSatisfy {
            $0.isASCII && $0.hexDigitValue.map { $0 < radix } ?? false
        }
        return isNumber ? .largeInteger : nil
    }
}

private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}

extension LocatedValue {
    /// Whether it is a mapping with this key.
    func has(_ key: String) -> Bool {
        guard case .mapping(let entries) = content else { return false }
        return entries.contains { $0.key.text == key }
    }
}
