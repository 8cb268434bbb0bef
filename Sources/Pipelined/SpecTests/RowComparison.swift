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
        /// There are more rows than can be compared without their order.
        case tooMany
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

    /// How many differences are looked at closely.
    static let differencesMax = 10

    /// Each expected row takes one that came; an expected row with few columns leaves what others
    /// need.
    private static func unordered(
        _ expected: [ExpectedRow], _ rows: [ObservedRow], _ location: FileLocation
    ) -> [RowDifference] {
        var matching = RowMatching(expected, rows)
        var missing: [Int] = []
        for index in expected.indices where !matching.place(index) { missing.append(index) }
        if matching.isOutOfPatience {
            return [RowDifference(kind: .tooMany, location: location)]
        }
        var left = rows.indices.filter { matching.owner[$0] == nil }
        var result = missing.enumerated().map { count, index in
            let wanted = expected[index]
            var nearest: Int?
            if count < differencesMax {
                let likeness = left.map { wanted.likeness(rows[$0]) }
                nearest = likeness.max().flatMap { likeness.firstIndex(of: $0) }
            }
            let row = nearest.map { rows[left.remove(at: $0)] }
            return RowDifference(
                kind: .missing(wanted, nearest: row), location: wanted.location)
        }
        result += left.map {
            RowDifference(kind: .unexpected(rows[$0], place: nil), location: location)
        }
        return result
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
