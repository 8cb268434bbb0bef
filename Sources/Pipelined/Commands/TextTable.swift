/// Rows of text in columns, as `status` prints them.
struct TextTable {
    struct Column {
        let title: String
        var isRight = false

        init(_ title: String, isRight: Bool = false) {
            self.title = title
            self.isRight = isRight
        }
    }
    let columns: [Column]
    var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// How many characters the longest cell of each column has.
    var widths: [Int] {
        var widths = columns.map(\.title.count)
        for row in rows {
            for (index, cell) in row.enumerated() where index < widths.count {
                widths[index] = max(widths[index], cell.count)
            }
        }
        return widths
    }

    /// The table, two spaces between columns, no spaces at the ends of lines.
    ///
    /// - Parameters:
    ///   - width: Longer lines are cut, with `…`; nil to cut nothing.
    ///   - style: Given a row (nil for the title line), a column and its padded text.
    func rendered(
        width: Int? = nil, style: (_ row: Int?, _ column: Int, _ cell: String) -> String = { $2 }
    ) -> String {
        let widths = self.widths
        var lines = [line(columns.map(\.title), nil, widths, width, style)]
        for (index, row) in rows.enumerated() {
            lines.append(line(row, index, widths, width, style))
        }
        return lines.joined(separator: "\n")
    }

    private func line(
        _ cells: [String], _ row: Int?, _ widths: [Int], _ width: Int?,
        _ style: (Int?, Int, String) -> String
    ) -> String {
        var text = ""
        var used = 0
        let last = cells.lastIndex { !$0.isEmpty } ?? 0
        for (index, cell) in cells.enumerated() where index <= last {
            let padding = String(repeating: " ", count: max(0, widths[index] - cell.count))
            var padded = columns[index].isRight ? padding + cell : cell + padding
            if index == last, !columns[index].isRight { padded = cell }
            let separator = index == 0 ? "" : "  "
            if let width, used + separator.count + padded.count > width {
                let room = width - used - separator.count - 1
                if room > 0 { text += separator + style(row, index, padded.prefix(room) + "…") }
                break
            }
            text += separator + style(row, index, padded)
            used += separator.count + padded.count
        }
        return text
    }
}
