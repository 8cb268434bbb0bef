import Config
import Operators

/// A greatest matching of expected rows with rows that came, by augmenting paths.
struct RowMatching {
    private let expected: [ExpectedRow]
    private let rows: [ObservedRow]
    /// For each row that came the expected row that has it.
    private(set) var owner: [Int?]
    /// Where to look first: rows tend to come in the order in which they are expected.
    private var hint = 0
    private var comparisonsLeft = 1_000_000
    private let index: RowIndex

    init(_ expected: [ExpectedRow], _ rows: [ObservedRow]) {
        self.expected = expected
        self.rows = rows
        owner = Array(repeating: nil, count: rows.count)
        index = RowIndex(expected, rows)
    }

    /// Whether there were more comparisons to make than are ever worth it.
    var isOutOfPatience: Bool { comparisonsLeft < 0 }

    /// Finds a row for an expected one, moving others if need be; false where there is none.
    mutating func place(_ index: Int) -> Bool {
        let candidates = self.index.candidates(expected[index])
        let start = candidates.firstIndex { $0 >= hint } ?? 0
        for offset in candidates.indices {
            let row = candidates[(start + offset) % candidates.count]
            guard owner[row] == nil, matches(index, row) else { continue }
            owner[row] = index
            hint = row + 1
            return true
        }
        // For each row that was reached, the expected row from which.
        var reachedFrom: [Int: Int] = [:]
        var waiting = [index]
        while let wanted = waiting.popLast(), !isOutOfPatience {
            for row in self.index.candidates(expected[wanted])
            where reachedFrom[row] == nil && matches(wanted, row) {
                reachedFrom[row] = wanted
                guard let other = owner[row] else {
                    take(row, reachedFrom, for: index)
                    return true
                }
                waiting.append(other)
            }
        }
        return false
    }

    private mutating func matches(_ index: Int, _ row: Int) -> Bool {
        comparisonsLeft -= 1
        return comparisonsLeft >= 0 && expected[index].matches(rows[row])
    }

    private mutating func take(_ row: Int, _ reachedFrom: [Int: Int], for index: Int) {
        var row = row
        while let wanted = reachedFrom[row] {
            let before = owner.firstIndex { $0 == wanted }
            owner[row] = wanted
            guard wanted != index, let before else { return }
            row = before
        }
    }
}

/// Finds the rows that an expected one may be, by the values of one of its columns.
struct RowIndex {
    private let all: [Int]
    /// By column and value; columns with values that are not compared as wholes are not in it.
    private var places: [String: [TestValue: [Int]]] = [:]

    init(_ expected: [ExpectedRow], _ rows: [ObservedRow]) {
        all = Array(rows.indices)
        var kinds: [String: TestValue] = [:]
        var others: Set<String> = []
        for (column, value) in expected.lazy.flatMap(\.values) {
            if value == .null { continue }
            if value.indexed == nil { others.insert(column) } else { kinds[column] = value }
        }
        for (column, kind) in kinds where !others.contains(column) {
            var found: [TestValue: [Int]] = [:]
            for (place, row) in rows.enumerated() {
                if let value = kind.indexed(row[column]) { found[value, default: []].append(place) }
            }
            places[column] = found
        }
    }

    /// Places of rows, ascending; all that are as expected are among them.
    func candidates(_ row: ExpectedRow) -> [Int] {
        var best = all
        for (column, value) in row.values {
            guard let found = places[column], let key = value.indexed else { continue }
            let places = found[key] ?? []
            if places.count < best.count { best = places }
        }
        return best
    }
}

extension TestValue {
    /// The value as one that is equal to those that match it; nil for types where that cannot be said.
    fileprivate var indexed: TestValue? {
        switch self {
        case .null, .boolean, .integer, .text, .timestamp: return self
        case .decimal(let digits): return .decimal(Self.plain(digits))
        case .double, .json, .list, .fields: return nil
        }
    }

    /// A cell's value, of the type that this value has.
    fileprivate func indexed(_ cell: ObservedRow.Cell?) -> TestValue? {
        guard let cell, let value = cell.value, value != .null else { return .null }
        switch self {
        case .boolean: return value.bool.map { .boolean($0) }
        case .integer: return value.integer.map { .integer($0) }
        case .text: return value.text.map { .text($0) }
        case .timestamp:
            return value.text.flatMap { text in
                Array(text.utf8).withUnsafeBufferPointer { Timestamp.parseRFC3339($0) }
            }.map { .timestamp($0) }
        case .decimal: return .decimal(Self.plain(cell.json))
        case .null, .double, .json, .list, .fields: return nil
        }
    }
}
