/// The changes that `diff` and `reload` answer with, as a person reads them.
enum ChangeText {
    static func render(_ answer: JSONValue, none: String, _ terminal: Terminal) -> String {
        var lines: [String] = []
        for change in answer["changes"]?.array ?? [] {
            let text = change["text"]?.text ?? ""
            let style: Terminal.Style =
                text.hasPrefix("+") ? .green : text.hasPrefix("-") ? .red : .yellow
            lines.append(terminal.styled(text, style))
        }
        if lines.isEmpty { lines.append(none) }
        for file in answer["busy_files"]?.array?.compactMap(\.text) ?? [] {
            lines.append("\(file) is being written and was left out")
        }
        for problem in answer["problems"]?.array ?? [] {
            lines += ["", (problem["rendered"]?.text ?? "").trimmingNewlines]
        }
        return lines.joined(separator: "\n")
    }
}

extension String {
    /// Without newlines at its end.
    var trimmingNewlines: String {
        var text = self
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}
