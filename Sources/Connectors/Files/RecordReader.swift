import CPrimitives
import Glibc
import Operators

/// Offers bytes to a parser record by record: carries the beginning of a record over to the next
/// chunk, bounds a record's length, and counts lines.
struct RecordReader {
    /// The longest record by default, without its line end.
    static let recordBytesMax = 1 << 20

    let parser: any RowParser
    let recordBytesMax: Int
    /// Position of the next byte in the file.
    private(set) var position: Int64
    /// The 1-based line of the next byte, if lines are counted.
    private(set) var line: Int64
    let countsLines: Bool
    /// Whether the next bytes belong to a record that was too long.
    private(set) var isSkipping: Bool

    /// Where reading stops: a position between two records.
    var bound: Int64? {
        didSet { if bound != oldValue { refusedCount = 0 } }
    }
    private var chunk = Buffer(capacity: 0)
    private var range = 0..<0
    /// How many bytes the parser has already found to be no whole record.
    private var refusedCount = 0

    init(
        parser: any RowParser, position: Int64 = 0, line: Int64 = 1, isSkipping: Bool = false,
        countsLines: Bool, recordBytesMax: Int
    ) {
        self.parser = parser
        self.position = position
        self.line = line
        self.isSkipping = isSkipping
        self.countsLines = countsLines
        self.recordBytesMax = recordBytesMax
    }

    /// Bytes that wait for more.
    var count: Int { range.count }

    /// Position behind all that was taken in.
    var endPosition: Int64 { position + Int64(range.count) }

    /// Takes in the next bytes of the file. What is left of those before is put in front of them,
    /// in the room that the buffer has there, or else in a larger buffer.
    mutating func take(_ next: Buffer, _ data: Range<Int>) {
        let rest = range.count
        if rest == 0 {
            (chunk, range) = (next, data)
        } else if rest <= data.lowerBound {
            memcpy(next.base + (data.lowerBound - rest), chunk.base + range.lowerBound, rest)
            (chunk, range) = (next, data.lowerBound - rest..<data.upperBound)
        } else {
            let larger = Buffer(capacity: rest + data.count)
            memcpy(larger.base, chunk.base + range.lowerBound, rest)
            memcpy(larger.base + rest, next.base + data.lowerBound, data.count)
            (chunk, range) = (larger, 0..<rest + data.count)
        }
    }

    /// Lets go of a large chunk of which little is left: a split that waits costs no memory.
    mutating func shrink() {
        let rest = range.count
        guard chunk.capacity > 2 * rest + 4096 else { return }
        let smaller = Buffer(capacity: rest)
        memcpy(smaller.base, chunk.base + range.lowerBound, rest)
        (chunk, range) = (smaller, 0..<rest)
    }

    /// The next rows, or nil when it takes more bytes to have any.
    ///
    /// - Parameter isLast: Nothing follows: the rest is a record even without a line end.
    /// - Returns: The rows, with the line of each when lines are counted.
    mutating func next(isLast: Bool) -> (rows: SourceRows, lines: Buffer?)? {
        while !range.isEmpty {
            if isSkipping {
                if let bound, position >= bound { return nil }
                skip(isLast: isLast)
                continue
            }
            // Never more than the longest record, so that what is too long does not depend on how
            // the file was cut into chunks.
            var offered = min(range.count, recordBytesMax + 1)
            var offersLast = isLast && offered == range.count
            if let bound, position + Int64(offered) >= bound {
                guard position < bound else { return nil }
                // Records end at the bound, also one without a line end.
                offered = Int(bound - position)
                offersLast = true
            }
            if !offersLast && offered == refusedCount { return nil }
            let start = range.lowerBound
            var (rows, consumed) = parser.parse(
                chunk, start..<start + offered, position: position, isLast: offersLast)
            if consumed == 0 {
                refusedCount = offered
                if offered <= recordBytesMax && !offersLast { return nil }
                return (tooLong(offered), nil)
            }
            let lines = advance(consumed, rows)
            refusedCount = 0
            if !isLast && !hasLineEnd() { refusedCount = range.count }
            if rows.rowCount > 0 || !rows.invalid.isEmpty {
                rows.byteCount = consumed
                return (rows, lines)
            }
        }
        return nil
    }

    private func hasLineEnd() -> Bool {
        memchr(chunk.base + range.lowerBound, 0x0a, range.count) != nil
    }

    /// Gives up on the record at the front: only its first line is lost.
    private mutating func tooLong(_ offered: Int) -> SourceRows {
        let start = UnsafePointer(chunk.pointer(to: UInt8.self)) + range.lowerBound
        let error =
            "cannot read the row: it is longer than \(recordBytesMax) bytes, or has no end"
        let row = InvalidRow(start, count: offered, error: error, position: position)
        isSkipping = true
        refusedCount = 0
        return SourceRows(
            columns: [], rowCount: 0, positions: nil, invalid: [row], byteCount: 0)
    }

    /// Drops bytes up to and with the next line end.
    private mutating func skip(isLast: Bool) {
        let start = chunk.base + range.lowerBound
        if let found = memchr(start, 0x0a, range.count) {
            _ = advance(UnsafeRawPointer(found) - UnsafeRawPointer(start) + 1, nil)
            isSkipping = false
        } else {
            _ = advance(range.count, nil)
            if isLast { isSkipping = false }
        }
        refusedCount = 0
    }

    private mutating func advance(_ count: Int, _ rows: SourceRows?) -> Buffer? {
        var lines: Buffer?
        if countsLines {
            let start = chunk.pointer(to: UInt8.self) + range.lowerBound
            var counted = 0
            if let rows, let positions = rows.positions?.pointer(to: Int64.self) {
                let buffer = Buffer(capacity: rows.rowCount * 8)
                let target = buffer.pointer(to: Int64.self)
                for row in 0..<rows.rowCount {
                    let place = Int(positions[row] - position)
                    line += Int64(cp_count_byte(start + counted, place - counted, 0x0a))
                    counted = place
                    target[row] = line
                }
                lines = buffer
            }
            line += Int64(cp_count_byte(start + counted, count - counted, 0x0a))
        }
        position += Int64(count)
        range = range.lowerBound + count..<range.upperBound
        return lines
    }
}
