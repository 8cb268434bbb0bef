@testable import Operators

/// A row and what tells it from equal ones: which input it came from, and after how many others.
struct ArrivedRow {
    var row: Row
    var input: Int
    var number: Int
}

/// Orders rows one comparison at a time.
struct ReferenceOrder {
    /// Columns with their directions.
    var items: [(column: Int, isDescending: Bool, isNullFirst: Bool)]
    var isLatestFirst = false

    /// Whether `a` stands before `b` by the items: true, false, or nil where they tie.
    func isBefore(_ a: ArrivedRow, _ b: ArrivedRow) -> Bool? {
        for item in items {
            let x = a.row.values[item.column]
            let y = b.row.values[item.column]
            if x == y { continue }
            if x == .null { return item.isNullFirst }
            if y == .null { return !item.isNullFirst }
            return Reference.isLess(x, y) != item.isDescending
        }
        return nil
    }

    func sorted(_ rows: [ArrivedRow]) -> [ArrivedRow] {
        rows.sorted { a, b in
            if let isBefore = isBefore(a, b) { return isBefore }
            let first = [a.row.time, Int64(a.input), Int64(a.number)]
            let second = [b.row.time, Int64(b.input), Int64(b.number)]
            return first.lexicographicallyPrecedes(second) != isLatestFirst && first != second
        }
    }

    /// The first `limit` rows in order, each with its rank; with `ties` those that tie as well.
    func top(_ rows: [ArrivedRow], limit: Int, ties: Bool) -> [(row: Row, rank: Int64)] {
        let all = sorted(rows)
        var result: [(row: Row, rank: Int64)] = []
        for (index, arrived) in all.enumerated() {
            let isTie = index > 0 && isBefore(all[index - 1], arrived) == nil
            if index >= limit && !(ties && isTie) { break }
            let rank = ties && isTie ? result[index - 1].rank : Int64(index + 1)
            result.append((arrived.row, rank))
        }
        return result
    }

    /// The same order for an operator.
    func order(_ schema: Schema) -> RowOrder {
        RowOrder(
            items: items.map { item in
                RowOrder.Item(
                    expression: .column(item.column, schema[item.column]),
                    isDescending: item.isDescending, isNullFirst: item.isNullFirst)
            }, isLatestFirst: isLatestFirst)
    }
}

/// The rows that stand after the changes that an operator gave.
struct StandingRows {
    private(set) var counts: [Row: Int] = [:]

    /// Applies changes in order.
    ///
    /// - Returns: Whether every row that was taken back was there.
    mutating func apply(_ rows: [Row]) -> Bool {
        for row in rows {
            var plain = row
            plain.weight = 1
            let count = counts[plain, default: 0] + Int(row.weight)
            if count < 0 { return false }
            counts[plain] = count == 0 ? nil : count
        }
        return true
    }
}
