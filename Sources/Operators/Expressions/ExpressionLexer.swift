/// One word, literal or sign of an expression.
struct ExpressionToken {
    enum Kind: Equatable {
        /// A name or keyword as written.
        case word(String)
        /// A name in double quotes.
        case quotedName(String)
        case number(String)
        case string([UInt8])
        case parameter(String)
        case symbol(Symbol)
        case end
    }

    enum Symbol: String {
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case comma = ","
        case dot = "."
        case plus = "+"
        case minus = "-"
        case star = "*"
        case slash = "/"
        case percent = "%"
        case equal = "="
        case notEqual = "<>"
        case bangEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case concatenate = "||"
        case cast = "::"
        case leftBracket = "["
        case rightBracket = "]"
        case arrow = "->"
        case longArrow = "->>"
        case assign = ":="
    }

    let kind: Kind
    /// UTF-8 bytes in the text.
    let range: Range<Int>
}

/// Cuts the text of an expression into tokens.
struct ExpressionLexer {
    /// Longer texts are refused: nobody writes them by hand.
    static let textBytesMax = 64 * 1024

    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// All tokens, the last one `end`.
    mutating func tokens() throws(ExpressionDiagnostic) -> [ExpressionToken] {
        guard bytes.count <= ExpressionLexer.textBytesMax else {
            throw ExpressionDiagnostic(
                message: "expression is longer than \(ExpressionLexer.textBytesMax / 1024) KiB",
                range: 0..<1)
        }
        var result: [ExpressionToken] = []
        while true {
            let token = try next()
            result.append(token)
            if token.kind == .end { return result }
        }
    }

    private func byte(_ ahead: Int = 0) -> UInt8 {
        position + ahead < bytes.count ? bytes[position + ahead] : 0
    }

    private func isAtEnd(_ ahead: Int = 0) -> Bool { position + ahead >= bytes.count }

    private mutating func next() throws(ExpressionDiagnostic) -> ExpressionToken {
        while !isAtEnd(), [0x20, 0x09, 0x0a, 0x0d].contains(byte()) { position += 1 }
        let start = position
        guard !isAtEnd() else { return ExpressionToken(kind: .end, range: start..<start) }
        let first = byte()
        if isDigit(first) || (first == UInt8(ascii: ".") && isDigit(byte(1))) {
            return try number()
        }
        if isNameStart(first) {
            while !isAtEnd(), isNameStart(byte()) || isDigit(byte()) { position += 1 }
            return ExpressionToken(kind: .word(text(start..<position)), range: start..<position)
        }
        switch first {
        case UInt8(ascii: "'"):
            let content = try quoted(
                by: first, message: "text is not closed: a ' is missing at its end")
            return ExpressionToken(kind: .string(content), range: start..<position)
        case UInt8(ascii: "\""):
            let content = try quoted(
                by: first, message: "quoted name is not closed: a \" is missing at its end")
            guard !content.isEmpty else {
                throw ExpressionDiagnostic(
                    message: "quoted name is empty", range: start..<position)
            }
            let name = String(decoding: content, as: UTF8.self)
            return ExpressionToken(kind: .quotedName(name), range: start..<position)
        case UInt8(ascii: "$"):
            return try parameter()
        default:
            return try symbol()
        }
    }

    private mutating func number() throws(ExpressionDiagnostic) -> ExpressionToken {
        let start = position
        while isDigit(byte()) { position += 1 }
        if byte() == UInt8(ascii: ".") {
            position += 1
            while isDigit(byte()) { position += 1 }
        }
        if byte() | 0x20 == UInt8(ascii: "e") {
            let signed = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-")
            if isDigit(byte(signed ? 2 : 1)) {
                position += signed ? 2 : 1
                while isDigit(byte()) { position += 1 }
            }
        }
        if !isAtEnd(), isNameStart(byte()) {
            while !isAtEnd(), isNameStart(byte()) || isDigit(byte()) { position += 1 }
            throw ExpressionDiagnostic(
                message: "'\(text(start..<position))' is not a number",
                help: "a name that starts with a digit is written in double quotes; "
                    + "a duration is interval '10 seconds'",
                range: start..<position)
        }
        return ExpressionToken(kind: .number(text(start..<position)), range: start..<position)
    }

    /// Text between two `quote`s, a doubled one standing for itself.
    private mutating func quoted(
        by quote: UInt8, message: String
    ) throws(ExpressionDiagnostic) -> [UInt8] {
        let start = position
        var content: [UInt8] = []
        position += 1
        while !isAtEnd() {
            let current = byte()
            position += 1
            if current != quote {
                content.append(current)
            } else if byte() == quote, !isAtEnd() {
                content.append(quote)
                position += 1
            } else {
                return content
            }
        }
        throw ExpressionDiagnostic(message: message, range: start..<position)
    }

    private mutating func parameter() throws(ExpressionDiagnostic) -> ExpressionToken {
        let start = position
        position += 1
        if byte() == UInt8(ascii: "{") {
            while !isAtEnd(), byte() != UInt8(ascii: "}") { position += 1 }
            if !isAtEnd() { position += 1 }
            throw ExpressionDiagnostic(
                message: "'${…}' is text and cannot stand inside an expression",
                help: "give it a name under 'parameters' and write $name here",
                range: start..<position)
        }
        while !isAtEnd(), isNameStart(byte()) || isDigit(byte()) { position += 1 }
        guard position > start + 1 else {
            throw ExpressionDiagnostic(
                message: "'$' without the name of a parameter", range: start..<position)
        }
        return ExpressionToken(
            kind: .parameter(text(start + 1..<position)), range: start..<position)
    }

    private mutating func symbol() throws(ExpressionDiagnostic) -> ExpressionToken {
        let start = position
        for length in [3, 2, 1] where start + length <= bytes.count {
            if let symbol = ExpressionToken.Symbol(rawValue: text(start..<start + length)) {
                if symbol == .minus, byte(1) == UInt8(ascii: "-") {
                    throw ExpressionDiagnostic(
                        message: "'--' would start a comment in SQL",
                        help: "write '- -' to subtract a negative number",
                        range: start..<start + 2)
                }
                position = start + length
                return ExpressionToken(kind: .symbol(symbol), range: start..<position)
            }
        }
        throw unexpectedCharacter(at: start)
    }

    private func unexpectedCharacter(at start: Int) -> ExpressionDiagnostic {
        var end = start + 1
        while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
        var help: String?
        switch bytes[start] {
        case UInt8(ascii: "!"): help = "write NOT, or <> for 'is not equal'"
        case UInt8(ascii: "^"): help = "write power(a, b)"
        case UInt8(ascii: "&"): help = "write AND"
        case UInt8(ascii: "|"): help = "write OR, or || to join text"
        case UInt8(ascii: "`"): help = "quote names with \""
        case UInt8(ascii: "@"): help = "quote the name: \"@timestamp\""
        case UInt8(ascii: ";"): help = "an expression is not closed by a semicolon"
        default: break
        }
        return ExpressionDiagnostic(
            message: "unexpected character '\(text(start..<end))'", help: help,
            range: start..<end)
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private func isNameStart(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == 0x5f
            || byte >= 0x80
    }
}
