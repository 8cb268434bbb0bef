/// Prints rows that come as bytes of a format: as they are, or CSV as a table.
///
/// A table's columns are as wide as its first rows need, so that memory is bounded; a longer value
/// later on pushes its row to the right.
final class RowPrinter {
    private let terminal: Terminal
    private let isTable: Bool
    /// Rows whose widths are looked at before anything is printed.
    private static let measuredRowsMax = 200
    private var cells = CSVCells()
    private var titles: [String] = []
    private var waiting: [[String]] = []
    private var widths: [Int] = []

    init(_ terminal: Terminal, isTable: Bool) {
        self.terminal = terminal
        self.isTable = isTable
    }

    /// Returns whether somebody still reads.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isTable else { return terminal.write(bytes) }
        for row in cells.take(bytes) {
            if titles.isEmpty { titles = row } else { waiting.append(row) }
        }
        if waiting.count >= Self.measuredRowsMax || !widths.isEmpty { printWaiting() }
        return !terminal.isOutputClosed
    }

    /// Nothing more comes for now: what is there is shown.
    func pause() {
        if isTable, !waiting.isEmpty { printWaiting() }
    }

    func finish() {
        if isTable, !waiting.isEmpty || (widths.isEmpty && !titles.isEmpty) { printWaiting() }
    }

    private func printWaiting() {
        if widths.isEmpty {
            var shown = TextTable(titles.map { TextTable.Column($0) })
            shown.rows = waiting
            widths = shown.widths
            terminal.print(
                line(titles).map { terminal.styled($0, .bold) }.joined(separator: "  "))
        }
        for row in waiting { terminal.print(line(row).joined(separator: "  ")) }
        waiting = []
    }

    private func line(_ row: [String]) -> [String] {
        zip(row.indices, row).map { index, cell in
            let width = index + 1 < row.count && index < widths.count ? widths[index] : 0
            return cell + String(repeating: " ", count: max(0, width - cell.count))
        }
    }
}

/// Splits CSV, as our encoder writes it, into cells.
struct CSVCells {
    private var cell: [UInt8] = []
    private var row: [String] = []
    private var isQuoted = false

    /// The rows that are whole with these bytes; a line end within a cell becomes a blank.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> [[String]] {
        var rows: [[String]] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case 0x22:
                // A doubled quote ends one quoted part and begins the next.
                if !isQuoted, index >= 2, bytes[index - 2] == 0x22 { cell.append(byte) }
                isQuoted.toggle()
            case 0x2c where !isQuoted: endCell()
            case 0x0a where !isQuoted:
                endCell()
                rows.append(row)
                row = []
            default: cell.append(byte < 0x20 ? 0x20 : byte)
            }
        }
        return rows
    }

    private mutating func endCell() {
        row.append(String(decoding: cell, as: UTF8.self))
        cell = []
    }
}
