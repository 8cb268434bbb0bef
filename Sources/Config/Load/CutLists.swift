extension LoadContext {
    /// The items of a list, where pieces of one text became one broken value; these are reported.
    func withoutCuts(_ items: [LocatedValue]) -> [LocatedValue] {
        var result: [LocatedValue] = []
        var index = 0
        while index < items.count {
            let item = items[index]
            index += 1
            guard let first = item.plainRange else {
                result.append(item)
                continue
            }
            let rest = items[index...].lazy.map(\.plainRange).prefix { $0 != nil }.map { $0! }
            guard let end = source.endOfCutText(first, rest) else {
                result.append(item)
                continue
            }
            index += end + 1
            let range = first.lowerBound..<items[index - 1].range.upperBound
            report(.cutAtComma(key: nil, text: source.text(range), at: location(range)))
            result.append(LocatedValue(content: .broken, range: range))
        }
        return result
    }
}

extension LocatedValue {
    /// Where a text without quotes stands; nil for anything else.
    fileprivate var plainRange: Range<Int>? {
        if case .scalar(let scalar) = content, scalar.style == .plain { return scalar.range }
        return nil
    }
}
