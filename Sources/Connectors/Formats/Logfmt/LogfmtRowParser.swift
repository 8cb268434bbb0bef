import Config
import Operators

/// Reads every line of `key=value` pairs as one row.
///
/// Keys that no field has are passed over. Of a key that comes twice the last value counts. A key
/// without `=` has the value `true`; nothing behind `=` is null, `""` is empty text.
final class LogfmtRowParser: TextRowParser {
    private let fields: [FieldSpec]
    private let timestamps: [TimestampText?]
    private let defaults: [Column?]
    private let keys: LogfmtKeys
    private let keyCount: Int
    /// How many fields read the same key, at most.
    private let sharersMax: Int
    /// For each field the place of its key among those that are wanted.
    private let places: [Int]

    private let lines = TextLines()
    private let cells: UnsafeMutablePointer<CSVCell>
    var state: [UInt8] = []

    /// - Throws: ``ConnectorError``, terminal, for a time zone or a pattern that is not known.
    init(fields: [FieldSpec], options: LogfmtOptions) throws(ConnectorError) {
        self.fields = fields
        timestamps = try TimestampText.readers(of: fields, timezone: options.timezone)
        defaults = CSVColumns.defaults(of: fields)
        var wanted: [[UInt8]] = []
        places = fields.map { field in
            let key = Array(field.path.joined(separator: ".").utf8)
            if let known = wanted.firstIndex(of: key) { return known }
            wanted.append(key)
            return wanted.count - 1
        }
        let places = self.places
        sharersMax = wanted.indices.map { key in places.count { $0 == key } }.max() ?? 1
        keys = LogfmtKeys(wanted)
        keyCount = wanted.count
        cells = .allocate(capacity: max(1, wanted.count) * TextLines.rowsMax)
    }

    deinit { cells.deallocate() }

    func parse(
        _ chunk: Buffer, _ range: Range<Int>, position: Int64, isLast: Bool
    ) -> (rows: SourceRows, consumed: Int) {
        var invalid: [InvalidRow] = []
        let consumed = lines.split(
            chunk, range, position: position, isLast: isLast, &invalid)
        let rows = rows(
            chunk, starts: lines.starts, ends: lines.ends, count: lines.count,
            origin: range.lowerBound, position: position, consumed: consumed, invalid: invalid)
        return (rows, consumed)
    }

    func rows(
        _ chunk: Buffer, starts: UnsafeMutablePointer<UInt32>, ends: UnsafeMutablePointer<UInt32>,
        count: Int, origin: Int, position: Int64, consumed: Int, invalid: [InvalidRow]
    ) -> SourceRows {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        var invalid = invalid
        var kept = 0
        var escapedBytes = 0
        for row in 0..<count {
            let (start, end) = (starts[row], ends[row])
            var scan = LogfmtScan(base + Int(start), base + Int(end))
            read(&scan, base, start, row: kept, &escapedBytes)
            if let fault = scan.fault {
                let place = scan.faultAt - base - Int(start)
                invalid.append(
                    InvalidRow(
                        base + Int(start), count: Int(end - start),
                        error: "cannot read the row: \(fault.text) at byte \(place)",
                        position: position + Int64(Int(start) - origin)))
                continue
            }
            starts[kept] = start
            ends[kept] = end
            kept &+= 1
        }
        var columns = CSVColumns(
            chunk: chunk, rowCount: kept, rowStarts: starts, null: [], checksUTF8: false,
            escapedBytesMax: escapedBytes * sharersMax)
        columns.escapes = .backslashes
        let converted = fields.indices.map { index in
            columns.column(
                fields[index], cells + places[index] * TextLines.rowsMax,
                timestamps: timestamps[index], fallback: defaults[index])
        }
        return columns.rows(
            converted, rowEnds: ends, origin: origin, position: position, consumed: consumed,
            invalid: invalid)
    }

    /// Fills the cells of one row.
    @inline(__always)
    private func read(
        _ scan: inout LogfmtScan, _ base: UnsafePointer<UInt8>, _ start: UInt32, row: Int,
        _ escapedBytes: inout Int
    ) {
        for place in 0..<keyCount {
            cells[place &* TextLines.rowsMax &+ row] = CSVCell(
                start: start, lengthAndFlags: CSVCell.missing)
        }
        while scan.advance() {
            let place = keys.find(StringView(base: scan.key, count: scan.keyCount))
            guard place >= 0 else { continue }
            if scan.flags & CSVCell.escaped != 0 { escapedBytes &+= scan.valueCount }
            cells[place &* TextLines.rowsMax &+ row] = CSVCell(
                start: UInt32(truncatingIfNeeded: scan.value - base),
                lengthAndFlags: UInt32(truncatingIfNeeded: scan.valueCount) | scan.flags)
        }
    }
}
