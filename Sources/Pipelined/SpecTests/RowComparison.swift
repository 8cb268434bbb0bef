import Config

/// What is different between the rows that are expected of a node and those that came.
struct RowDifference {
    enum Kind {
        /// An expected row did not come; beside it the row most like it of those that nothing expects.
        case missing(ExpectedRow, nearest: ObservedRow?)
        /// An expected row did not come in its place.
        case absent(ExpectedRow)
        /// A row came that nothing expects; at this place (1-based) where the order counts.
        case unexpected(ObservedRow, place: Int?)
        /// The row at this place (1-based) is another one than expected.
        case differs(place: Int, ExpectedRow, came: ObservedRow)
        case count(expected: Int, came: Int)
    }
    var kind: Kind
    /// Where the expectation stands.
    var location: FileLocation
}

/// Compares what came with what is expected.
enum RowComparison {
    /// - Parameter rows: All that the node was given, in order.
    static func differences(
        _ expectation: TestExpectation, _ rows: [ObservedRow], _ output: NodeOutput
    ) -> [RowDifference] {
        switch expectation.rows {
        case .count(let count):
            let came = ObservedRow.standing(rows, output).count
            return came == count
                ? []
                : [
                    RowDifference(
                        kind: .count(expected: count, came: came), location: expectation.location)
                ]
        case .rows(let expected):
            return unordered(expected, ObservedRow.standing(rows, output), expectation.location)
        case .exactly(let expected):
            let whole = expected.map { $0.completed(output.schema.fields.map(\.name)) }
            return ordered(whole, rows, expectation.location)
        case .changes(let expected): return ordered(expected, rows, expectation.location)
        }
    }

    private static func ordered(
        _ expected: [ExpectedRow], _ rows: [ObservedRow], _ location: FileLocation
    ) -> [RowDifference] {
        var result: [RowDifference] = []
        var (wanted, came) = (0, 0)
        for pair in CommonRows.pairs(expected, rows) + [(expected.count, rows.count)] {
            // What stands between two rows that are as expected.
            while wanted < pair.0, came < pair.1 {
                result.append(
                    RowDifference(
                        kind: .differs(place: came + 1, expected[wanted], came: rows[came]),
                        location: expected[wanted].location))
                wanted += 1
                came += 1
            }
            result += expected[wanted..<pair.0].map {
                RowDifference(kind: .absent($0), location: $0.location)
            }
            result += (came..<pair.1).map {
                RowDifference(
                    kind: .unexpected(rows[$0], place: $0 + 1), location: location)
            }
            (wanted, came) = (pair.0 + 1, pair.1 + 1)
        }
        return result
    }

    /// Each expected row takes one that came; an expected row with few columns leaves what others
    /// need.
    private static func unordered(
        _ expected: [ExpectedRow], _ rows: [ObservedRow], _ location: FileLocation
    ) -> [RowDifference] {
        var matching = Matching(
            candidates: expected.map { wanted in
                rows.indices.filter { wanted.matches(rows[$0]) }
            }, count: rows.count)
        let missing = expected.indices.filter { !matching.place($0) }
        var left = rows.indices.filter { matching.owner[$0] == nil }
        var result = missing.map { index in
            let wanted = expected[index]
            let nearest = left.max { first, second in
                let (one, other) = (wanted.likeness(rows[first]), wanted.likeness(rows[second]))
                // Of equals the first one.
                return one != other ? one < other : first > second
            }
            left.removeAll { $0 == nearest }
            return RowDifference(
                kind: .missing(wanted, nearest: nearest.map { rows[$0] }),
                location: wanted.location)
        }
        result += left.map {
            RowDifference(kind: .unexpected(rows[$0], place: nil), location: location)
        }
        return result
    }
}

/// The longest run of rows that are as expected, in order, with others between them.
private enum CommonRows {
    /// Beyond so many comparisons only rows of the same place are compared.
    private static let comparisonsMax = 1_000_000

    /// - Returns: Places of expected rows and of those that came, both ascending.
    static func pairs(_ expected: [ExpectedRow], _ rows: [ObservedRow]) -> [(Int, Int)] {
        let same = zip(expected, rows).prefix { $0.matches($1) }.count
        let start = (0..<same).map { ($0, $0) }
        let (height, width) = (expected.count - same, rows.count - same)
        guard height > 0, width > 0 else { return start }
        guard height <= comparisonsMax / width else {
            let places = (same..<min(expected.count, rows.count))
            return start
                + places.filter { expected[$0].matches(rows[$0]) }.map { ($0, $0) }
        }
        let isSame = (0..<height).map { row in
            (0..<width).map { expected[same + row].matches(rows[same + $0]) }
        }
        // How long the run from here to the ends is.
        var lengths = Array(repeating: Array(repeating: 0, count: width + 1), count: height + 1)
        for row in (0..<height).reversed() {
            for column in (0..<width).reversed() {
                lengths[row][column] =
                    isSame[row][column]
                    ? lengths[row + 1][column + 1] + 1
                    : max(lengths[row + 1][column], lengths[row][column + 1])
            }
        }
        var result = start
        var (row, column) = (0, 0)
        while row < height, column < width {
            if isSame[row][column] {
                result.append((same + row, same + column))
                row += 1
                column += 1
            } else if lengths[row + 1][column] >= lengths[row][column + 1] {
                row += 1
            } else {
                column += 1
            }
        }
        return result
    }
}

/// A greatest matching of expected rows with rows that came, by augmenting paths.
private struct Matching {
    /// For each expected row those that it could be.
    let candidates: [[Int]]
    /// For each row that came the expected row that has it.
    var owner: [Int?]

    init(candidates: [[Int]], count: Int) {
        self.candidates = candidates
        owner = Array(repeating: nil, count: count)
    }

    /// Finds a row for an expected one, moving others if need be; false where there is none.
    mutating func place(_ expected: Int) -> Bool {
        // For each row that was reached, the expected row from which.
        var reachedFrom: [Int: Int] = [:]
        var waiting = [expected]
        while let wanted = waiting.popLast() {
            for row in candidates[wanted] where reachedFrom[row] == nil {
                reachedFrom[row] = wanted
                guard let other = owner[row] else {
                    take(row, reachedFrom, for: expected)
                    return true
                }
                waiting.append(other)
            }
        }
        return false
    }

    private mutating func take(_ row: Int, _ reachedFrom: [Int: Int], for expected: Int) {
        var row = row
        while let wanted = reachedFrom[row] {
            let before = owner.firstIndex { $0 == wanted }
            owner[row] = wanted
            guard wanted != expected, let before else { return }
            row = before
        }
    }
}

extension ExpectedRow {
    func matches(_ row: ObservedRow) -> Bool {
        (operation == nil || operation == row.operation)
            && values.allSatisfy { $0.value.matches(row[$0.column]) }
    }

    /// How many of the columns are as expected.
    func likeness(_ row: ObservedRow) -> Int {
        values.count { $0.value.matches(row[$0.column]) } + (operation == row.operation ? 1 : 0)
    }

    /// The row with all columns, null where nothing is written.
    func completed(_ columns: [String]) -> ExpectedRow {
        var whole = self
        whole.values = columns.map { column in
            (column, values.first { $0.column == column }?.value ?? .null)
        }
        return whole
    }
}
