/// A problem as libyaml reports it, with byte offsets.
struct YamlProblem {
    var problem: String
    var context: String
    var offset: Int
    /// Where the construct that `context` names began.
    var opening: Int?
}

/// libyaml's message in our grammar, at the place where a person would look.
func yamlProblem(_ found: YamlProblem, in source: SourceText) -> Diagnostic {
    let place = source.location(found.offset..<min(found.offset + 1, source.bytes.count))
    let opened = found.opening.map { source.location($0..<min($0 + 1, source.bytes.count)) }
    let byte = found.offset < source.bytes.count ? source.bytes[found.offset] : 0
    let isAtEnd = found.offset >= source.bytes.count

    if found.context.contains("quoted scalar") {
        if found.problem.contains("escape") || found.problem.contains("hexdecimal") {
            return .unreadableYaml(
                "this escape is none that YAML knows", at: place,
                help: "write '\\\\' for a backslash, or put the text in single quotes")
        }
        return .unreadableYaml("this quote is never closed", at: opened ?? place)
    }
    if found.context.contains("flow sequence") || found.context.contains("flow mapping") {
        let bracket = found.context.contains("sequence") ? "]" : "}"
        if isAtEnd {
            return .unreadableYaml("this bracket is never closed", at: opened ?? place)
        }
        var problem = Diagnostic.unreadableYaml(
            "',' or '\(bracket)' is missing before this", at: place,
            help: "quote text that holds any of [ ] { } , : # within brackets")
        if let opened { problem.related = [.init(message: "in what opens here", location: opened)] }
        return problem
    }
    if found.context.contains("scanning an alias") {
        return .unreadableYaml(
            "'*' begins the name of an anchor, and none follows", at: opened ?? place,
            help: "to select all columns, quote it: \"*\"")
    }
    if found.problem.contains("unexpected ':'") {
        return .unreadableYaml(
            "a blank is missing after this ':'", at: place, help: "write 'key: value'")
    }
    if found.problem.contains("cannot start any token") {
        if byte == UInt8(ascii: "\t") {
            return .unreadableYaml(
                "a tab cannot indent", at: place, help: "indent with spaces")
        }
        let mark = String(decoding: [byte], as: UTF8.self)
        return .unreadableYaml(
            "text without quotes cannot begin with '\(mark)'", at: place, help: "quote the text")
    }
    if found.problem.contains("tab character") || byte == UInt8(ascii: "\t") {
        return .unreadableYaml("a tab cannot indent", at: place, help: "indent with spaces")
    }
    if found.problem.contains("mapping values are not allowed") {
        return .unreadableYaml(
            "a ':' cannot stand here", at: place,
            help: "quote text that holds ': ', and give every key its own line")
    }
    if found.problem.contains("could not find expected ':'") {
        return .unreadableYaml(
            "this is neither 'key: value' nor part of what stands above", at: opened ?? place,
            help: "check the indentation, or write ': ' after the key")
    }
    if found.problem.contains("<document start>") {
        return .unreadableYaml(
            "the document above has ended and this is not part of it", at: place,
            help: "check the indentation, or put '---' before a second document")
    }
    if found.problem.contains("did not find expected key") {
        return .unreadableYaml(
            "this does not continue the mapping above", at: place,
            help: "check the indentation and the line before")
    }
    if found.problem.contains("expected '-' indicator") {
        return .unreadableYaml(
            "an item of the list above begins with '- '", at: place, help: "check the indentation")
    }
    if found.problem.contains("block sequence entries are not allowed") {
        return .unreadableYaml(
            "a list cannot begin here", at: place,
            help: "put '- ' on a line of its own below the key")
    }
    return .unreadableYaml(found.problem, at: place)
}

/// What makes a file no YAML text at all, looked for before libyaml sees it: size, encoding,
/// characters that YAML does not allow.
func unreadableText(in source: SourceText) -> Diagnostic? {
    let bytes = source.bytes
    if bytes.count > YamlLimits.fileBytesMax {
        return .fileTooLarge(byteCount: bytes.count, file: source.path)
    }
    if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) {
        return .unreadableYaml(
            "the file is UTF-16", at: source.location(0..<0), help: "save it as UTF-8")
    }
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
        return .unreadableYaml(
            "the file begins with a byte order mark", at: source.location(0..<3),
            help: "save it as UTF-8 without one")
    }
    var offset = 0
    while offset < bytes.count {
        let byte = bytes[offset]
        if byte >= 0x20 && byte < 0x7f || byte == 0x09 || byte == 0x0a || byte == 0x0d {
            offset += 1
            continue
        }
        guard byte >= 0x80 else {
            let name = byte == 0 ? "a NUL byte" : "a control character"
            return .unreadableYaml(
                "\(name) (0x\(hex(byte))) is no text", at: source.location(offset..<offset + 1))
        }
        guard let (scalar, length) = decodeScalar(bytes, at: offset) else {
            return .unreadableYaml(
                "the byte 0x\(hex(byte)) is not UTF-8", at: source.location(offset..<offset + 1),
                help: "save the file as UTF-8")
        }
        let isForbidden =
            (scalar < 0xa0 && scalar != 0x85) || scalar == 0xfeff || scalar == 0xfffe
            || scalar == 0xffff
        if isForbidden {
            return .unreadableYaml(
                "the invisible character U+\(hex(scalar)) cannot stand in YAML",
                at: source.location(offset..<offset + length))
        }
        offset += length
    }
    return nil
}

/// Decodes one character of two to four bytes strictly; nil for what is not UTF-8.
private func decodeScalar(_ bytes: [UInt8], at offset: Int) -> (UInt32, length: Int)? {
    let first = bytes[offset]
    let length: Int
    var value: UInt32
    switch first {
    case 0xc2...0xdf: (length, value) = (2, UInt32(first & 0x1f))
    case 0xe0...0xef: (length, value) = (3, UInt32(first & 0x0f))
    case 0xf0...0xf4: (length, value) = (4, UInt32(first & 0x07))
    default: return nil
    }
    guard offset + length <= bytes.count else { return nil }
    for index in 1..<length {
        guard bytes[offset + index] & 0xc0 == 0x80 else { return nil }
        value = value << 6 | UInt32(bytes[offset + index] & 0x3f)
    }
    let isShortest = length == 2 || (length == 3 && value >= 0x800) || value >= 0x10000
    guard isShortest, Unicode.Scalar(value) != nil else { return nil }
    return (value, length)
}

private func hex(_ value: some BinaryInteger) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return digits.utf8.count < 2 ? "0" + digits : digits
}
