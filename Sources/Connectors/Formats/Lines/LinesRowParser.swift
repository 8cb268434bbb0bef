import CPrimitives
import Config
import Glibc
import Operators

/// Reads every line as one row with the one column `line`, without its line end (LF or CR LF).
///
/// An empty line is a row. A line that is not UTF-8 is invalid.
final class LinesRowParser: RowParser {
    /// Rows in a batch at most.
    static let rowsMax = 16_384

    private let hasColumn: Bool
    private let isRequired: Bool
    var state: [UInt8] = []

    /// - Parameter fields: The one field, or none when nothing reads it.
    init(fields: [FieldSpec]) {
        hasColumn = !fields.isEmpty
        isRequired = fields.first?.isRequired ?? false
    }

    func parse(
        _ chunk: Buffer, _ range: Range<Int>, position: Int64, isLast: Bool
    ) -> (rows: SourceRows, consumed: Int) {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        let start = base + range.lowerBound
        let end = base + range.upperBound
        let views = Buffer(capacity: LinesRowParser.rowsMax * MemoryLayout<StringView>.stride)
        let strings = views.pointer(to: StringView.self)
        let positions = Buffer(capacity: LinesRowParser.rowsMax * 8)
        let rowPositions = positions.pointer(to: Int64.self)
        let isASCII = cp_is_ascii(start, range.count) != 0

        var invalid: [InvalidRow] = []
        var row = 0
        var next = start
        while next < end, row < LinesRowParser.rowsMax {
            let stop: UnsafePointer<UInt8>
            let behind: UnsafePointer<UInt8>
            if let found = memchr(next, 0x0a, end - next) {
                stop = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
                behind = stop + 1
            } else if isLast {
                (stop, behind) = (end, end)
            } else {
                break
            }
            var count = stop - next
            if count > 0, next[count - 1] == 0x0d { count -= 1 }
            let place = position + Int64(next - start)
            if isASCII || UTF8Check.isValid(next, count: count) {
                strings[row] = StringView(base: next, count: count)
                rowPositions[row] = place
                row += 1
            } else {
                invalid.append(
                    InvalidRow(
                        next, count: count, error: "cannot read the line: it is not UTF-8",
                        position: place))
            }
            next = behind
        }
        let consumed = next - start
        let column = Column(type: .string, count: row, values: views, retained: [chunk])
        let rows = SourceRows(
            columns: hasColumn ? [column] : [], rowCount: row, positions: positions,
            invalid: invalid, byteCount: consumed)
        return (rows, consumed)
    }
}

/// Whether bytes are UTF-8, as Unicode's table 3-7 has it.
enum UTF8Check {
    static func isValid(_ start: UnsafePointer<UInt8>, count: Int) -> Bool {
        let end = start + count
        var next = start
        while next < end {
            if next.pointee < 0x80 {
                next += 1
            } else if let behind = JSONScan.utf8Sequence(next, end) {
                next = behind
            } else {
                return false
            }
        }
        return true
    }
}
