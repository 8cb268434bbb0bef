/// Text in braces and brackets that YAML cut at its commas, put together again to be shown.

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
    /// Where the pieces of a list stand that are one text without quotes, cut at its commas.
    ///
    /// - Returns: The places in `items` of the first piece and the last one; nil where no item is cut.
    func cutPieces(of items: [LocatedValue]) -> ClosedRange<Int>? {
        for (first, item) in items.enumerated() {
            guard let scalar = item.plainText, isCutText(scalar.text) else { continue }
            for last in items.indices.dropFirst(first + 1) {
                guard let piece = items[last].plainText else { break }
                let range = scalar.range.lowerBound..<piece.range.upperBound
                if !isCutText(String(decoding: bytes[range], as: UTF8.self)) {
                    return first...last
                }
            }
        }
        return nil
    }
}

extension LocatedValue {
    fileprivate var plainText: LocatedScalar? {
        if case .scalar(let scalar) = content, scalar.style == .plain { return scalar }
        return nil
    }
}

extension LoadContext {
    /// The items of a list, with those in a broken value's place that are pieces of one text; these
    /// are reported.
    func withoutCuts(_ items: [LocatedValue]) -> [LocatedValue] {
        var items = items
        while let pieces = source.cutPieces(of: items) {
            let range =
                items[pieces.lowerBound].range
                .lowerBound..<items[pieces.upperBound].range.upperBound
            let text = String(decoding: source.bytes[range], as: UTF8.self)
            report(.cutAtComma(key: nil, text: text, at: location(range)))
            items[pieces.lowerBound] = LocatedValue(content: .broken, range: range)
            items.removeSubrange((pieces.lowerBound + 1)...pieces.upperBound)
        }
        return items
    }
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
