import Config

/// Differences in words.
enum DifferenceText {
    /// What is said of one expectation at most; the rest is counted.
    private static let differencesMax = RowComparison.differencesMax

    /// - Parameter name: Of the node, as the test has it.
    static func lines(_ differences: [RowDifference], of name: String) -> [String] {
        var lines = differences.prefix(differencesMax).flatMap { text($0, of: name) }
        if differences.count > differencesMax {
            lines.append("and \(differences.count - differencesMax) more differences of '\(name)'")
        }
        return lines
    }

    private static func text(_ difference: RowDifference, of name: String) -> [String] {
        let place = difference.location
        let head = "\(place.file):\(place.line):\(place.column): "
        switch difference.kind {
        case .count(let expected, let came):
            return [
                head + "'\(name)' has \(rows(came)), and \(expected) \(verb(expected)) expected"
            ]
        case .tooMany:
            return [
                head + "cannot compare the rows of '\(name)': there are too many in any order; "
                    + "expect fewer, {exactly: […]} or {count: N}"
            ]
        case .unexpected(let row, let place):
            let which = place.map { "row \($0) of '\(name)'" } ?? "a row of '\(name)'"
            return [head + "\(which) is not expected", "  came      \(text(row))"]
        case .absent(let expected):
            return [
                head + "'\(name)' lacks a row in this place", "  expected  \(text(expected))",
            ]
        case .missing(let expected, nil):
            return [
                head + "'\(name)' lacks a row", "  expected  \(text(expected))",
                "  came      nothing else",
            ]
        case .missing(let expected, let nearest?):
            return [head + "'\(name)' lacks a row", "  expected  \(text(expected))"]
                + compared("nearest", nearest, expected)
        case .differs(let place, let expected, let came):
            return [
                head + "row \(place) of '\(name)' differs", "  expected  \(text(expected))",
            ] + compared("came", came, expected)
        }
    }

    private static func rows(_ count: Int) -> String { count == 1 ? "1 row" : "\(count) rows" }
    private static func verb(_ count: Int) -> String { count == 1 ? "was" : "were" }

    /// A row that came, with marks under what is not as expected.
    private static func compared(
        _ title: String, _ row: ObservedRow, _ expected: ExpectedRow
    ) -> [String] {
        let label = "  " + title + String(repeating: " ", count: 10 - title.count)
        var line = label + "{"
        var marks = String(repeating: " ", count: label.count + 1)
        var parts: [(text: String, isWrong: Bool)] = []
        if let operation = row.operation {
            let isWrong = expected.operation != nil && expected.operation != operation
            parts.append(("_op: \(operation)", isWrong))
        }
        for cell in row.cells {
            let wanted = expected.values.first { $0.column == cell.column }?.value
            parts.append(
                (
                    "\(name(cell.column)): \(text(json: cell.json))",
                    wanted.map { !$0.matches(cell) } ?? false
                ))
        }
        for (index, part) in parts.enumerated() {
            if index > 0 {
                line += ", "
                marks += "  "
            }
            line += part.text
            let mark: Character = part.isWrong ? "^" : " "
            marks += String(repeating: mark, count: part.text.count)
        }
        while marks.hasSuffix(" ") { marks.removeLast() }
        return marks.isEmpty ? [line + "}"] : [line + "}", marks]
    }

    // MARK: Rows as YAML

    static func text(_ row: ExpectedRow) -> String {
        var parts = row.operation.map { ["_op: \($0)"] } ?? []
        parts += row.values.map {
            "\(name($0.column)): \(text(json: $0.value.jsonText(isNested: true)))"
        }
        return "{\(parts.joined(separator: ", "))}"
    }

    static func text(_ row: ObservedRow) -> String {
        var parts = row.operation.map { ["_op: \($0)"] } ?? []
        parts += row.cells.map { "\(name($0.column)): \(text(json: $0.json))" }
        return "{\(parts.joined(separator: ", "))}"
    }

    private static func name(_ column: String) -> String {
        isPlain(column) ? column : JSONValue.string(column).rendered
    }

    /// JSON as one would write it in YAML: texts without quotes where they need none.
    private static func text(json: String) -> String {
        guard json.hasPrefix("\""), let value = try? JSONParser.parse(Array(json.utf8)),
            let text = value.text, isPlain(text) || isTime(text)
        else { return json }
        return text
    }

    private static func isTime(_ text: String) -> Bool {
        text.utf8.count >= 10
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || "-:.TZ".utf8.contains($0)
            }
    }

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, (first | 0x20).isLetter || first == 0x5f else {
            return false
        }
        let isWord = text.utf8.allSatisfy {
            ($0 | 0x20).isLetter || (0x30...0x39).contains($0) || "_-./ ".utf8.contains($0)
        }
        return isWord && text.utf8.last != 0x20 && !["null", "true", "false"].contains(text)
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (0x61...0x7a).contains(self) }
}
