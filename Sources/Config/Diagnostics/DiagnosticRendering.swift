extension Diagnostic {
    /// The text that a person reads: message, place, line, caret, help; lines end with `\n`.
    package var rendered: String {
        var text = "\(severity.rawValue): \(printable(message))\n"
        if let location { text += excerpt(location, label: label) }
        let margin = location.map { gutter($0.line) } ?? " "
        if let help {
            // Further lines of a help stand below its first word.
            let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated() {
                let lead = index == 0 ? "= help: " : "        "
                text += "\(margin) \(lead)\(printable(String(line)))\n"
            }
        }
        for note in related {
            text += "note: \(printable(note.message))\n" + excerpt(note.location, label: nil)
        }
        return text
    }

    /// One JSON object on one line: `severity`, `message`, `file`, `line`, `column`, `endColumn`,
    /// `label`, `help`, `related`. What is absent is left out.
    package var json: String {
        var members = [
            ("severity", jsonString(severity.rawValue)), ("message", jsonString(message)),
        ]
        if let location { members += placeMembers(location) }
        if let label { members.append(("label", jsonString(label))) }
        if let help { members.append(("help", jsonString(help))) }
        if !related.isEmpty {
            let notes = related.map { note in
                object([("message", jsonString(note.message))] + placeMembers(note.location))
            }
            members.append(("related", "[" + notes.joined(separator: ",") + "]"))
        }
        return object(members)
    }
}

extension [Diagnostic] {
    /// All of them as a person reads them, an empty line between two.
    package var rendered: String { map(\.rendered).joined(separator: "\n") }

    /// A JSON array.
    package var json: String { "[" + map(\.json).joined(separator: ",") + "]" }
}

private func gutter(_ line: Int) -> String {
    String(repeating: " ", count: String(line).utf8.count)
}

/// The place, the line and the caret below it.
private func excerpt(_ location: FileLocation, label: String?) -> String {
    let margin = gutter(location.line)
    var shown = ""
    var caretStart = 0
    var caretWidth = 0
    var column = location.lineTextColumn
    for scalar in location.lineText.unicodeScalars {
        let (text, width) = visible(scalar)
        if column < location.column { caretStart += width }
        if column >= location.column && column < location.endColumn { caretWidth += width }
        shown += text
        column += 1
    }
    let lead = location.lineTextColumn > 1 ? "…" : ""
    let indent = String(repeating: " ", count: caretStart + (lead.isEmpty ? 0 : 1))
    let carets = String(repeating: "^", count: max(1, caretWidth))
    let line = lead + shown
    let tail = label.map { " " + printable($0) } ?? ""
    return """
        \(margin)--> \(printable(location.file)):\(location.line):\(location.column)
        \(margin) |
        \(location.line) |\(line.isEmpty ? "" : " " + line)
        \(margin) | \(indent)\(carets)\(tail)

        """
}

/// How a character of a spec is shown, and its width: tabs take four columns, control characters
/// never reach the terminal.
private func visible(_ scalar: Unicode.Scalar) -> (String, Int) {
    if scalar == "\t" { return ("    ", 4) }
    if isControl(scalar) { return ("\u{fffd}", 1) }
    return (String(Character(scalar)), displayWidth(of: scalar))
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
        || scalar.value == 0xfeff || (0x202a...0x202e).contains(scalar.value)
        || (0x2066...0x2069).contains(scalar.value)
}

/// Text from a spec within a message, on one line and without control characters.
private func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        default: result += isControl(scalar) ? "\u{fffd}" : String(Character(scalar))
        }
    }
    return result
}

private func placeMembers(_ location: FileLocation) -> [(String, String)] {
    [
        ("file", jsonString(location.file)), ("line", String(location.line)),
        ("column", String(location.column)), ("endColumn", String(location.endColumn)),
    ]
}

private func object(_ members: [(String, String)]) -> String {
    "{" + members.map { "\(jsonString($0.0)):\($0.1)" }.joined(separator: ",") + "}"
}

/// A JSON string.
package func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        default:
            if scalar.value < 0x20 {
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }
    return result + "\""
}
