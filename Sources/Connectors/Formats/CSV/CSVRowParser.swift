import CPrimitives
import Config
import Glibc
import Operators

/// Reads rows from delimited text: RFC 4180 with any one-byte delimiter, LF or CR LF, and quotes
/// that may hold line ends.
///
/// First the records of a batch are split into cells, then each wanted field is converted in one
/// loop. Blank lines are no rows. With a header, columns are found by name, otherwise by the
/// fields' ordinals.
final class CSVRowParser: TextRowParser {
    /// Rows in a batch at most.
    static let rowsMax = 16_384
    /// A header that is longer than this names nothing.
    static let headerBytesMax = 60 * 1024

    private let fields: [FieldSpec]
    private let options: CSVOptions
    private let timestamps: [TimestampText?]
    private let defaults: [Column?]

    /// The header's record as it stood in the file; nil before it was read.
    private var header: [UInt8]?
    private var columnCount = 0
    /// For each column the index of the field that it fills, −1 for none.
    private var slots: [Int32] = []
    /// Fields that the header does not name.
    private var absentFields: [Int] = []
    /// Fields that read the same column as another.
    private var twins: [(field: Int, of: Int)] = []

    private let cells: UnsafeMutablePointer<CSVCell>
    private let rowStarts: UnsafeMutablePointer<UInt32>
    private let rowEnds: UnsafeMutablePointer<UInt32>

    /// - Throws: ``ConnectorError``, terminal, for a time zone or a pattern that is not known.
    init(fields: [FieldSpec], options: CSVOptions) throws(ConnectorError) {
        self.fields = fields
        self.options = options
        timestamps = try TimestampText.readers(of: fields, timezone: options.timezone)
        defaults = CSVColumns.defaults(of: fields)
        cells = .allocate(capacity: max(fields.count, 1) * CSVRowParser.rowsMax)
        rowStarts = .allocate(capacity: CSVRowParser.rowsMax)
        rowEnds = .allocate(capacity: CSVRowParser.rowsMax)
        if !options.hasHeader { useOrdinals() }
    }

    deinit {
        cells.deallocate()
        rowStarts.deallocate()
        rowEnds.deallocate()
    }

    /// The header's record, so that a restart in the middle of a file knows its columns.
    var state: [UInt8] {
        get { header ?? [] }
        set {
            guard options.hasHeader, !newValue.isEmpty else { return }
            header = newValue
            useNames(Self.names(newValue, options))
        }
    }

    func parse(
        _ chunk: Buffer, _ range: Range<Int>, position: Int64, isLast: Bool
    ) -> (rows: SourceRows, consumed: Int) {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        let start = base + range.lowerBound
        let end = base + range.upperBound
        var next = start
        if options.hasHeader, header == nil {
            guard let behind = readHeader(base, start, end, isLast: isLast) else {
                return (.none, 0)
            }
            next = behind
        }
        var invalid: [InvalidRow] = []
        let rowCount = slots.withUnsafeMutableBufferPointer { slots in
            split(
                base, &next, end, isLast: isLast, origin: start, position: position, slots,
                &invalid)
        }
        let consumed = next - start
        if rowCount == 0 {
            let rows = SourceRows(
                columns: fields.map { .nulls(type: $0.type, count: 0) }, rowCount: 0,
                positions: nil, invalid: invalid, byteCount: consumed)
            return (rows, consumed)
        }
        return (
            convert(
                chunk, rowCount: rowCount, origin: range.lowerBound, position: position,
                consumed: consumed, invalid: invalid), consumed
        )
    }

    /// Splits records into cells until the input or the room ends, and returns how many rows.
    private func split(
        _ base: UnsafePointer<UInt8>, _ next: inout UnsafePointer<UInt8>,
        _ end: UnsafePointer<UInt8>, isLast: Bool, origin: UnsafePointer<UInt8>, position: Int64,
        _ slots: UnsafeMutableBufferPointer<Int32>, _ invalid: inout [InvalidRow]
    ) -> Int {
        guard let slotsBase = slots.baseAddress else { return 0 }
        let records = records(base, slotsBase)
        var row = 0
        while next < end, row < CSVRowParser.rowsMax {
            if next.pointee == 0x0a {
                next += 1
                continue
            }
            if next.pointee == 0x0d, end - next >= 2 ? next[1] == 0x0a : isLast {
                next += min(2, end - next)
                continue
            }
            switch records.read(next, end, isLast: isLast, row: row) {
            case .record(let recordEnd, let behind):
                rowStarts[row] = UInt32(truncatingIfNeeded: next - base)
                rowEnds[row] = UInt32(truncatingIfNeeded: recordEnd - base)
                row &+= 1
                next = behind
            case .fault(let fault, let recordEnd, let behind):
                invalid.append(
                    InvalidRow(
                        next, count: recordEnd - next, error: message(fault),
                        position: position + Int64(next - origin)))
                next = behind
            case .incomplete:
                return row
            }
        }
        return row
    }

    func rows(
        _ chunk: Buffer, starts: UnsafeMutablePointer<UInt32>, ends: UnsafeMutablePointer<UInt32>,
        count: Int, origin: Int, position: Int64, consumed: Int, invalid: [InvalidRow]
    ) -> SourceRows {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        var invalid = invalid
        let kept = slots.withUnsafeMutableBufferPointer { slots -> Int in
            guard let slotsBase = slots.baseAddress else { return 0 }
            let records = records(base, slotsBase)
            var row = 0
            for text in 0..<count {
                let (start, end) = (base + Int(starts[text]), base + Int(ends[text]))
                var error: String?
                switch records.read(start, end, isLast: true, row: row) {
                case .record(let recordEnd, let behind) where behind == end:
                    rowStarts[row] = starts[text]
                    rowEnds[row] = UInt32(truncatingIfNeeded: recordEnd - base)
                    row &+= 1
                case .fault(let fault, _, _): error = message(fault)
                case .record, .incomplete:
                    error = "cannot read the row: text goes on behind it"
                }
                if let error {
                    invalid.append(
                        InvalidRow(
                            start, count: end - start, error: error,
                            position: position + Int64(start - base) - Int64(origin)))
                }
            }
            return row
        }
        return convert(
            chunk, rowCount: kept, origin: origin, position: position, consumed: consumed,
            invalid: invalid)
    }

    private func records(
        _ base: UnsafePointer<UInt8>, _ slots: UnsafeMutablePointer<Int32>
    ) -> CSVRecords {
        CSVRecords(
            delimiter: options.delimiter, quote: options.quote.map { Int($0) } ?? -1,
            onMissing: options.onMissing, onExtra: options.onExtra,
            rowsMax: CSVRowParser.rowsMax, columnCount: columnCount, slots: slots,
            cells: cells, chunk: base)
    }

    private func convert(
        _ chunk: Buffer, rowCount: Int, origin: Int, position: Int64, consumed: Int,
        invalid: [InvalidRow]
    ) -> SourceRows {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        var columns = CSVColumns(
            chunk: chunk, rowCount: rowCount, rowStarts: rowStarts, null: options.null,
            checksUTF8: cp_is_ascii(base + origin, consumed) == 0, escapedBytesMax: consumed)
        fillCells(rowCount)
        let converted = fields.indices.map { index in
            columns.column(
                fields[index], cells + index * CSVRowParser.rowsMax,
                timestamps: timestamps[index], fallback: defaults[index])
        }
        return columns.rows(
            converted, rowEnds: rowEnds, origin: origin, position: position, consumed: consumed,
            invalid: invalid)
    }

    /// Gives the fields that the header does not name a missing cell in every row, and those that
    /// share a column the other's.
    private func fillCells(_ rowCount: Int) {
        for twin in twins {
            (cells + twin.field * CSVRowParser.rowsMax).update(
                from: cells + twin.of * CSVRowParser.rowsMax, count: rowCount)
        }
        for index in absentFields {
            let column = cells + index * CSVRowParser.rowsMax
            for row in 0..<rowCount {
                column[row] = CSVCell(start: rowStarts[row], lengthAndFlags: CSVCell.missing)
            }
        }
    }

    private func message(_ fault: CSVFault) -> String {
        switch fault {
        case .unclosedQuote: return "cannot read the row: a quoted field has no end"
        case .textBehindQuote:
            return "cannot read the row: a quoted field goes on behind its closing quote"
        case .tooFewFields(let count):
            return "cannot read the row: \(count) fields, \(columnCount) expected"
        case .tooManyFields(let count):
            return "cannot read the row: \(count) fields, \(columnCount) expected"
        }
    }
}

// Which column fills which field.
extension CSVRowParser {
    /// Reads the first record that is not blank; nil when it is not whole yet.
    private func readHeader(
        _ base: UnsafePointer<UInt8>, _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>,
        isLast: Bool
    ) -> UnsafePointer<UInt8>? {
        var next = start
        while next < end, next.pointee == 0x0a || next.pointee == 0x0d { next += 1 }
        guard next < end else { return isLast ? end : nil }
        guard let behind = Self.recordEnd(next, end, options, isLast: isLast) else { return nil }
        var count = behind - next
        while count > 0, next[count - 1] == 0x0a || next[count - 1] == 0x0d { count -= 1 }
        let record = Array(UnsafeBufferPointer(start: next, count: count))
        header = count <= CSVRowParser.headerBytesMax ? record : [0x0a]
        useNames(Self.names(header ?? [], options))
        return behind
    }

    /// The byte behind the record at `start`.
    private static func recordEnd(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ options: CSVOptions,
        isLast: Bool
    ) -> UnsafePointer<UInt8>? {
        var isQuoted = false
        var next = start
        while next < end {
            if next.pointee == options.quote {
                isQuoted.toggle()
            } else if next.pointee == 0x0a, !isQuoted {
                return next + 1
            }
            next += 1
        }
        return isLast ? end : nil
    }

    /// The fields of a header's record, unquoted, blanks around them dropped.
    private static func names(_ record: [UInt8], _ options: CSVOptions) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var name: [UInt8] = []
        var isQuoted = false
        var wasQuoted = false
        func finish() {
            var slice = name[...]
            if !wasQuoted {
                while let byte = slice.first, byte == 0x20 { slice.removeFirst() }
                while let byte = slice.last, byte == 0x20 { slice.removeLast() }
            }
            names.append(Array(slice))
            name = []
            wasQuoted = false
        }
        var index = 0
        while index < record.count {
            let byte = record[index]
            index += 1
            if byte == options.quote {
                if isQuoted, index < record.count, record[index] == byte {
                    name.append(byte)
                    index += 1
                } else {
                    isQuoted.toggle()
                    wasQuoted = true
                }
            } else if byte == options.delimiter, !isQuoted {
                finish()
            } else {
                name.append(byte)
            }
        }
        finish()
        return names
    }

    /// Of two columns of one name the first counts.
    private func useNames(_ names: [[UInt8]]) {
        columnCount = names.count
        slots = Array(repeating: -1, count: max(names.count, 1))
        absentFields = []
        twins = []
        for (index, field) in fields.enumerated() {
            let name = Array((field.path.first ?? field.name).utf8)
            if let column = names.firstIndex(of: name) {
                claim(column, for: index)
            } else {
                absentFields.append(index)
            }
        }
    }

    private func useOrdinals() {
        let needed = (fields.map(\.ordinal).max() ?? -1) + 1
        columnCount = max(options.columnCount, needed)
        slots = Array(repeating: -1, count: max(columnCount, 1))
        for (index, field) in fields.enumerated() { claim(field.ordinal, for: index) }
    }

    private func claim(_ column: Int, for field: Int) {
        if slots[column] < 0 {
            slots[column] = Int32(field)
        } else {
            twins.append((field: field, of: Int(slots[column])))
        }
    }
}
