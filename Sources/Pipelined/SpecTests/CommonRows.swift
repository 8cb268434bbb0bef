import Config

/// The longest run of rows that are as expected, in order, with others between them.
enum CommonRows {
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
