/// A pattern of rows as written: `small other*? big`.
package indirect enum PatternSyntax: Hashable, Sendable {
    /// A row that a variable takes; which of ``ParsedPattern/variables``.
    case variable(Int)
    case sequence([PatternSyntax])
    case choice([PatternSyntax])
    case repeated(PatternSyntax, min: Int, max: Int?, isGreedy: Bool)

    /// Whether it may take no row.
    var isNullable: Bool {
        switch self {
        case .variable: return false
        case .sequence(let parts): return parts.allSatisfy(\.isNullable)
        case .choice(let parts): return parts.contains(where: \.isNullable)
        case .repeated(let inner, let min, _, _): return min == 0 || inner.isNullable
        }
    }

    /// Whether it may go on for ever.
    package var isUnbounded: Bool {
        switch self {
        case .variable: return false
        case .sequence(let parts), .choice(let parts): return parts.contains(where: \.isUnbounded)
        case .repeated(let inner, _, let max, _): return max == nil || inner.isUnbounded
        }
    }

    /// One text for each meaning, for fingerprints.
    package var canonical: String {
        switch self {
        case .variable(let index): return "\(index)"
        case .sequence(let parts): return "(seq \(parts.map(\.canonical).joined(separator: " ")))"
        case .choice(let parts): return "(or \(parts.map(\.canonical).joined(separator: " ")))"
        case .repeated(let inner, let min, let max, let isGreedy):
            let most = max.map { "\($0)" } ?? "*"
            return "(rep \(min) \(most)\(isGreedy ? "" : " least") \(inner.canonical))"
        }
    }
}

/// A pattern and the names of its variables, in the order in which they first stand in it.
package struct ParsedPattern: Hashable, Sendable {
    package let root: PatternSyntax
    package let variables: [String]

    /// The most variables a pattern may have.
    static let variablesMax = 62
    /// The most a count in braces may say.
    static let countMax = 10_000
    private static let depthMax = 100

    /// Reads the text of `match`.
    package static func parse(_ text: String) throws(ExpressionDiagnostic) -> ParsedPattern {
        var parser = Parser(bytes: Array(text.utf8))
        let root = try parser.choice(depth: 0)
        parser.skipBlanks()
        guard parser.isAtEnd else { throw parser.unexpected() }
        guard !root.isNullable else {
            throw ExpressionDiagnostic(
                message: "a pattern must take a row, and this one may take none",
                help: "let one part of it be there", range: 0..<parser.bytes.count)
        }
        guard PatternProgram.size(of: root) <= PatternProgram.sizeMax else {
            throw ExpressionDiagnostic(
                message: "the pattern is too large: counts are written out",
                range: 0..<parser.bytes.count)
        }
        return ParsedPattern(root: root, variables: parser.variables)
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0
        var variables: [String] = []

        var isAtEnd: Bool { position == bytes.count }
        private var byte: UInt8? { isAtEnd ? nil : bytes[position] }

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func skipBlanks() {
            while let byte, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { position += 1 }
        }

        func unexpected() -> ExpressionDiagnostic {
            guard let byte else {
                return ExpressionDiagnostic(
                    message: "the pattern ends where a variable is expected",
                    range: max(0, position - 1)..<position)
            }
            // A character may be several bytes.
            var end = position + 1
            while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
            let text = String(decoding: bytes[position..<end], as: UTF8.self)
            return ExpressionDiagnostic(
                message: byte == UInt8(ascii: ")")
                    ? "')' closes nothing" : "'\(text)' has no place here",
                help: "a pattern is made of names, blanks, ( ) | and the quantifiers * + ? {2,5}",
                range: position..<end)
        }

        mutating func choice(depth: Int) throws(ExpressionDiagnostic) -> PatternSyntax {
            guard depth < ParsedPattern.depthMax else {
                throw ExpressionDiagnostic(
                    message: "the pattern is nested too deep", range: position..<position + 1)
            }
            var parts = [try sequence(depth: depth)]
            while byte == UInt8(ascii: "|") {
                position += 1
                parts.append(try sequence(depth: depth))
            }
            return parts.count == 1 ? parts[0] : .choice(parts)
        }

        private mutating func sequence(depth: Int) throws(ExpressionDiagnostic) -> PatternSyntax {
            var parts: [PatternSyntax] = []
            while true {
                skipBlanks()
                guard let byte, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") else { break }
                let start = position
                let part = try primary(byte, depth: depth)
                parts.append(try quantified(part, from: start))
            }
            guard !parts.isEmpty else { throw unexpected() }
            return parts.count == 1 ? parts[0] : .sequence(parts)
        }

        private mutating func primary(
            _ byte: UInt8, depth: Int
        ) throws(ExpressionDiagnostic) -> PatternSyntax {
            if byte == UInt8(ascii: "(") {
                let start = position
                position += 1
                let inner = try choice(depth: depth + 1)
                guard self.byte == UInt8(ascii: ")") else {
                    throw ExpressionDiagnostic(
                        message: "'(' is not closed", range: start..<start + 1)
                }
                position += 1
                return inner
            }
            let start = position
            func isName(_ byte: UInt8) -> Bool {
                byte == UInt8(ascii: "_") || (0x61...0x7a).contains(byte | 0x20)
                    || (position > start && (0x30...0x39).contains(byte))
            }
            while let byte = self.byte, isName(byte) { position += 1 }
            guard position > start else { throw unexpected() }
            let name = String(decoding: bytes[start..<position], as: UTF8.self)
            if let known = variables.firstIndex(of: name) { return .variable(known) }
            guard variables.count < ParsedPattern.variablesMax else {
                throw ExpressionDiagnostic(
                    message: "a pattern has \(ParsedPattern.variablesMax) variables at most",
                    range: start..<position)
            }
            variables.append(name)
            return .variable(variables.count - 1)
        }

        private mutating func quantified(
            _ part: PatternSyntax, from start: Int
        ) throws(ExpressionDiagnostic) -> PatternSyntax {
            skipBlanks()
            let bounds: (min: Int, max: Int?)
            switch byte {
            case UInt8(ascii: "*"): bounds = (0, nil)
            case UInt8(ascii: "+"): bounds = (1, nil)
            case UInt8(ascii: "?"): bounds = (0, 1)
            case UInt8(ascii: "{"): bounds = try counts()
            default: return part
            }
            position += 1
            var isGreedy = true
            if byte == UInt8(ascii: "?") {
                isGreedy = false
                position += 1
            }
            guard !part.isNullable else {
                throw ExpressionDiagnostic(
                    message: "what is repeated must take a row, and this may take none",
                    range: start..<position)
            }
            return .repeated(part, min: bounds.min, max: bounds.max, isGreedy: isGreedy)
        }

        /// `{2}`, `{2,}`, `{,5}` or `{2,5}`; stops at the closing brace.
        private mutating func counts() throws(ExpressionDiagnostic) -> (min: Int, max: Int?) {
            let start = position
            position += 1
            let end = bytes[position...].firstIndex(of: UInt8(ascii: "}")) ?? bytes.count
            let text = String(decoding: bytes[position..<end], as: UTF8.self)
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.filter { $0 != " " } }
            let numbers = parts.map { Int($0) }
            let isWhole = zip(parts, numbers).allSatisfy { part, number in
                part.isEmpty ? parts.count == 2 : (0...ParsedPattern.countMax) ~= (number ?? -1)
            }
            position = min(end + 1, bytes.count)
            let least = numbers.first.flatMap { $0 } ?? 0
            let most = parts.count == 1 ? least : numbers.last.flatMap { $0 }
            guard end < bytes.count, isWhole, (1...2).contains(parts.count),
                parts.contains(where: { !$0.isEmpty }), most.map({ $0 >= max(least, 1) }) ?? true
            else {
                throw ExpressionDiagnostic(
                    message: "a count in braces is {2}, {2,}, {,5} or {2,5}, up to "
                        + "\(ParsedPattern.countMax)",
                    range: start..<position)
            }
            position -= 1
            return (least, most)
        }
    }
}
