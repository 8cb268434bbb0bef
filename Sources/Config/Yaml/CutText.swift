/// Text in braces and brackets that YAML cut at its commas, put together again to be shown.
enum CutText {
    /// The most pieces that are looked at for the end of one text: what is longer is not explained, and
    /// a long list costs no more than its length.
    static let piecesMax = 16
}

/// Whether a text ends within a quote, a parenthesis, or the brackets of a type.
func isCutText(_ text: String) -> Bool { hasOpenMark(text) || hasOpenType(text) }

/// Whether a type such as `map<string, bigint>` ends within its brackets.
private func hasOpenType(_ text: String) -> Bool {
    let word = text.prefix { $0 != "<" }
    guard word.utf8.count < text.utf8.count,
        ["array", "struct", "map"].contains(word.lowercased())
    else { return false }
    let opened = text.utf8.count { $0 == UInt8(ascii: "<") }
    return opened > text.utf8.count { $0 == UInt8(ascii: ">") }
}

extension SourceText {
    /// The pieces of a text without quotes that was cut at its commas: where the last one stands.
    ///
    /// - Parameters:
    ///   - first: The range of the first piece.
    ///   - rest: The ranges of the pieces behind it; at most ``CutText/piecesMax`` are looked at.
    /// - Returns: A position in `rest`; nil where the first piece is whole, or no end is found.
    func endOfCutText(_ first: Range<Int>, _ rest: some Sequence<Range<Int>>) -> Int? {
        guard isCutText(text(first)) else { return nil }
        for (index, piece) in rest.prefix(CutText.piecesMax).enumerated()
        where !isCutText(text(first.lowerBound..<piece.upperBound)) {
            return index
        }
        return nil
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}

/// A key without a value that holds its value: `path:data/x.csv` in braces.
///
/// - Returns: The key as it was meant; nil for any other entry.
func keyWithoutBlank(_ entry: LocatedEntry) -> LocatedScalar? {
    let key = entry.key
    guard key.style == .plain, entry.value.isNull, entry.value.range.isEmpty,
        key.range.count == key.text.utf8.count,
        let colon = key.text.firstIndex(of: ":"), isOneIdentifier(String(key.text[..<colon]))
    else { return nil }
    let name = String(key.text[..<colon])
    let rest = key.text[colon...].dropFirst()
    // `a::date` is a cast.
    guard let next = rest.first, next != ":" else { return nil }
    let start = key.range.lowerBound
    return LocatedScalar(
        text: name, style: .plain, range: start..<start + name.utf8.count)
}
