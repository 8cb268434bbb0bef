/// A set of characters: ranges, and general categories of Unicode.
struct RuneSet: Sendable {
    /// Ascending, apart from each other; inclusive.
    private(set) var ranges: [ClosedRange<UInt32>] = []
    /// Categories as bits of ``category(_:)``; each is in the set, or all but it are.
    private var categories: [(bits: UInt32, isNegated: Bool)] = []
    private var isNegated = false
    /// Which of the first 128 characters belong to the set, once it is complete.
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    static let runeMax: UInt32 = 0x10FFFF

    init() {}

    init(_ ranges: [ClosedRange<UInt32>]) { for range in ranges { insert(range) } }

    mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }

    mutating func insert(_ other: RuneSet, isNegated: Bool) {
        var added = other
        added.normalize()
        categories += added.categories.map { ($0.bits, $0.isNegated != isNegated) }
        guard isNegated else { return ranges += added.ranges }
        guard added.categories.isEmpty else { return }
        var next: UInt32 = 0
        for range in added.ranges {
            if range.lowerBound > next { ranges.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= RuneSet.runeMax { ranges.append(next...RuneSet.runeMax) }
    }

    mutating func insert(categories bits: UInt32, isNegated: Bool) {
        categories.append((bits, isNegated))
    }

    /// Adds each character's other cases.
    mutating func foldCase() {
        for range in ranges {
            if range.upperBound - range.lowerBound > 0x2000 { continue }
            for value in range {
                for other in RuneSet.cases(of: value) where other != value {
                    ranges.append(other...other)
                }
            }
        }
    }

    private static func cases(of value: UInt32) -> [UInt32] {
        guard let scalar = Unicode.Scalar(value) else { return [] }
        var result: [UInt32] = []
        for mapping in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
            let scalars = Array(mapping.unicodeScalars)
            if scalars.count == 1 { result.append(scalars[0].value) }
        }
        // The letters that have a third form: the long s and the signs of kelvin and angstrom.
        for (letters, sign) in [
            ([0x53, 0x73], 0x17F), ([0x4B, 0x6B], 0x212A), ([0xC5, 0xE5], 0x212B),
        ]
            as [([UInt32], UInt32)]
        {
            if letters.contains(value) { result.append(sign) }
            if value == sign { result += letters }
        }
        return result
    }

    /// Makes the set ready for ``contains(_:)``.
    mutating func finish(isNegated: Bool = false) {
        self.isNegated = isNegated
        normalize()
        for value in UInt32(0)..<128 where slowContains(value) {
            if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
        }
    }

    private mutating func normalize() {
        ranges.sort { $0.lowerBound < $1.lowerBound }
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges {
            if let last = merged.last, range.lowerBound <= last.upperBound &+ 1 {
                merged[merged.count - 1] =
                    last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        ranges = merged
    }

    @inline(__always)
    func contains(_ value: UInt32) -> Bool {
        if value < 64 { return low >> UInt64(value) & 1 != 0 }
        if value < 128 { return high >> UInt64(value &- 64) & 1 != 0 }
        return slowContains(value)
    }

    private func slowContains(_ value: UInt32) -> Bool {
        var first = 0
        var end = ranges.count
        while first < end {
            let middle = (first + end) / 2
            if ranges[middle].upperBound < value { first = middle + 1 } else { end = middle }
        }
        if first < ranges.count && ranges[first].lowerBound <= value { return !isNegated }
        guard !categories.isEmpty, let scalar = Unicode.Scalar(value) else { return isNegated }
        let bit = RuneSet.category(scalar.properties.generalCategory)
        let isIn = categories.contains { ($0.bits & bit != 0) != $0.isNegated }
        return isIn != isNegated
    }

    /// Whether all characters behind ASCII belong to the set or none does; nil where they differ.
    var holdsNonASCII: Bool? {
        guard categories.isEmpty else { return nil }
        guard let last = ranges.last, last.upperBound >= 0x80 else { return isNegated }
        guard last.lowerBound <= 0x80, last.upperBound == RuneSet.runeMax else { return nil }
        return !isNegated
    }

    /// The one character of the set, if it is one.
    var single: Unicode.Scalar? {
        guard ranges.count == 1, categories.isEmpty, !isNegated,
            ranges[0].lowerBound == ranges[0].upperBound
        else { return nil }
        return Unicode.Scalar(ranges[0].lowerBound)
    }

    // MARK: Categories

    private static let names: [(String, Unicode.GeneralCategory)] = [
        ("Lu", .uppercaseLetter), ("Ll", .lowercaseLetter), ("Lt", .titlecaseLetter),
        ("Lm", .modifierLetter), ("Lo", .otherLetter), ("Mn", .nonspacingMark),
        ("Mc", .spacingMark), ("Me", .enclosingMark), ("Nd", .decimalNumber),
        ("Nl", .letterNumber), ("No", .otherNumber), ("Pc", .connectorPunctuation),
        ("Pd", .dashPunctuation), ("Ps", .openPunctuation), ("Pe", .closePunctuation),
        ("Pi", .initialPunctuation), ("Pf", .finalPunctuation), ("Po", .otherPunctuation),
        ("Sm", .mathSymbol), ("Sc", .currencySymbol), ("Sk", .modifierSymbol),
        ("So", .otherSymbol), ("Zs", .spaceSeparator), ("Zl", .lineSeparator),
        ("Zp", .paragraphSeparator), ("Cc", .control), ("Cf", .format), ("Cs", .surrogate),
        ("Co", .privateUse), ("Cn", .unassigned),
    ]

    private static func category(_ category: Unicode.GeneralCategory) -> UInt32 {
        names.firstIndex { $0.1 == category }.map { 1 << UInt32($0) } ?? 0
    }

    /// The bits of a category by its name, `L` or `Lu`; nil when there is none.
    static func categoryBits(_ name: String) -> UInt32? {
        var bits: UInt32 = 0
        for (index, entry) in names.enumerated()
        where entry.0 == name || (name.utf8.count == 1 && entry.0.hasPrefix(name)) {
            bits |= 1 << UInt32(index)
        }
        return bits == 0 ? nil : bits
    }
}
