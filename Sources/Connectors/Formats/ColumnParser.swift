import Config
import Glibc
import Operators

/// Parses a column of text into further columns, by the parsers that sources have: the `parse` step.
///
/// Each text is one row, whatever stands in the others. A row whose text is null has nulls; one whose
/// text cannot be read is rejected with the text and the reason. Rows keep their event time, weight
/// and origin. Stateless.
package final class ColumnParser: Operator {
    /// How much is parsed at once.
    private static let sliceBytesMax = 1 << 20
    private static let sliceRowsMax = JSONRowParser.rowsMax
    /// Longer texts are invalid.
    static let textBytesMax = 64 << 20

    private let column: Int
    private let fields: [FieldSpec]
    private let parser: any RowParser
    /// Whether blanks are a field.
    private let isCSV: Bool
    /// The first field that a row must have.
    private let required: FieldSpec?

    // The texts of a slice: where they lie in the chunk, and whose they are. Parsers move the bounds
    // of what they keep together, so that where each text began is kept apart.
    private let places: UnsafeMutablePointer<UInt32>
    private let starts: UnsafeMutablePointer<UInt32>
    private let ends: UnsafeMutablePointer<UInt32>
    private let textRows: UnsafeMutablePointer<Int32>

    /// - Parameters:
    ///   - column: The string column of the input that is parsed.
    ///   - fields: The columns that it gives, behind the input's.
    ///   - format: One that reads rows by themselves.
    /// - Throws: ``ConnectorError``, terminal, as ``RowParserFactory/make(_:fields:)`` does.
    package init(
        column: Int, fields: [FieldSpec], format: FormatSpec
    ) throws(ConnectorError) {
        self.column = column
        self.fields = fields
        parser = try RowParserFactory.make(format, fields: fields)
        isCSV = parser is CSVRowParser
        required = fields.first(where: \.isRequired)
        places = .allocate(capacity: ColumnParser.sliceRowsMax)
        starts = .allocate(capacity: ColumnParser.sliceRowsMax)
        ends = .allocate(capacity: ColumnParser.sliceRowsMax)
        textRows = .allocate(capacity: ColumnParser.sliceRowsMax)
    }

    deinit {
        places.deallocate()
        starts.deallocate()
        ends.deallocate()
        textRows.deallocate()
    }

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let texts = batch.column(column)
        var first = 0
        while first < batch.count {
            let slice = ColumnParser.slice(texts, from: first)
            process(batch, texts, slice, to: output)
            first = slice.upperBound
        }
    }

    /// As many rows as are parsed together, at least one.
    private static func slice(_ texts: Column, from first: Int) -> Range<Int> {
        var end = first
        var bytes = 0
        while end < texts.count, end - first < sliceRowsMax {
            let count = texts.strings[end].count
            if end > first, bytes + count > sliceBytesMax { break }
            bytes += count + 1
            end += 1
        }
        return first..<end
    }

    private func process(
        _ batch: Batch, _ texts: Column, _ slice: Range<Int>, to output: any OperatorOutput
    ) {
        var failures: [Int: String] = [:]
        let (parsed, textCount) = parse(texts, slice, &failures)
        let partners = Buffer(capacity: slice.count * 4)
        let partner = partners.pointer(to: Int32.self)
        match(parsed, textCount, slice, partner, &failures)
        if failures.isEmpty, slice.count == batch.count, parsed.rowCount == slice.count {
            let left = batch.columns.indices.map { batch.column($0) }
            return output.emit(batch.replacingColumns(left + parsed.columns))
        }
        emit(batch, slice, failures, parsed.columns, partner, to: output)
        reject(batch, texts, failures, to: output)
    }

    /// Copies the texts of a slice one behind the other and parses them.
    ///
    /// - Returns: The rows, their positions counted from the chunk's first byte, and how many texts
    ///   there were.
    private func parse(
        _ texts: Column, _ slice: Range<Int>, _ failures: inout [Int: String]
    ) -> (rows: SourceRows, textCount: Int) {
        let views = texts.strings
        var bytes = 0
        for row in slice { bytes += views[row].count + 1 }
        let chunk = Buffer(capacity: bytes)
        let target = chunk.pointer(to: UInt8.self)
        var used = 0
        var count = 0
        for row in slice {
            if texts.isNull(row) {
                if let required {
                    failures[row] = "cannot read field '\(required.name)': it is required"
                }
                continue
            }
            let text = views[row]
            if text.count == 0 || (!isCSV && TextLines.isBlank(text.base, text.count)) {
                failures[row] = "cannot read the text: it is blank"
                continue
            }
            if text.count > ColumnParser.textBytesMax {
                failures[row] =
                    "cannot read the text: it is longer than \(ColumnParser.textBytesMax) bytes"
                continue
            }
            memcpy(target + used, text.base, text.count)
            places[count] = UInt32(truncatingIfNeeded: used)
            starts[count] = places[count]
            used += text.count
            ends[count] = UInt32(truncatingIfNeeded: used)
            target[used] = 0x0a
            used += 1
            textRows[count] = Int32(truncatingIfNeeded: row)
            count += 1
        }
        if let parser = parser as? any TextRowParser {
            let rows = parser.rows(
                chunk, starts: starts, ends: ends, count: count, origin: 0, position: 0,
                consumed: used, invalid: [])
            return (rows, count)
        }
        var rows = parseLines(chunk, used, count)
        if count == 0 { rows.columns = fields.map { .nulls(type: $0.type, count: 0) } }
        return (rows, count)
    }

    /// JSON, of which every text is a line. One within a text becomes a carriage return: white space
    /// where a line end is, and as wrong as it within a string.
    private func parseLines(_ chunk: Buffer, _ used: Int, _ count: Int) -> SourceRows {
        let bytes = chunk.pointer(to: UInt8.self)
        for text in 0..<count {
            for index in Int(starts[text])..<Int(ends[text]) where bytes[index] == 0x0a {
                bytes[index] = 0x0d
            }
        }
        // From 1, as a byte order mark at 0 would be passed over.
        var (rows, _) = parser.parse(chunk, 0..<used, position: 1, isLast: true)
        rows.invalid = rows.invalid.map {
            InvalidRow(raw: [], error: $0.error, position: $0.position - 1)
        }
        if let positions = rows.positions?.pointer(to: Int64.self) {
            for row in 0..<rows.rowCount { positions[row] -= 1 }
        }
        return rows
    }

    /// Tells for each row of the slice which of the parsed ones is its own, −1 for none.
    private func match(
        _ parsed: SourceRows, _ textCount: Int, _ slice: Range<Int>,
        _ partner: UnsafeMutablePointer<Int32>, _ failures: inout [Int: String]
    ) {
        partner.update(repeating: -1, count: slice.count)
        let positions = parsed.positions?.pointer(to: Int64.self)
        var next = 0
        var nextInvalid = 0
        for text in 0..<textCount {
            let row = Int(textRows[text])
            let start = Int64(places[text])
            if nextInvalid < parsed.invalid.count,
                parsed.invalid[nextInvalid].position == start
            {
                failures[row] = parsed.invalid[nextInvalid].error
                nextInvalid += 1
            } else if next < parsed.rowCount, let positions, positions[next] == start {
                partner[row - slice.lowerBound] = Int32(truncatingIfNeeded: next)
                next += 1
            } else {
                failures[row] = "cannot read the text: it holds no row"
            }
        }
    }

    private func emit(
        _ batch: Batch, _ slice: Range<Int>, _ failures: [Int: String], _ columns: [Column],
        _ partner: UnsafePointer<Int32>, to output: any OperatorOutput
    ) {
        let rows = Buffer(capacity: slice.count * 4)
        let partners = Buffer(capacity: slice.count * 4)
        var count = 0
        for row in slice where failures[row] == nil {
            rows.pointer(to: Int32.self)[count] = Int32(truncatingIfNeeded: row)
            partners.pointer(to: Int32.self)[count] = partner[row - slice.lowerBound]
            count += 1
        }
        guard count > 0 else { return }
        let kept = batch.selecting(Selection(rows: rows, count: count))
        let left = kept.columns.indices.map { kept.column($0) }
        let right = columns.map {
            $0.gatheredOrNull(partners.pointer(to: Int32.self), count: count)
        }
        output.emit(kept.replacingColumns(left + right))
    }

    /// A row that is taken back was rejected when it came.
    private func reject(
        _ batch: Batch, _ texts: Column, _ failures: [Int: String], to output: any OperatorOutput
    ) {
        let weights = batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        let failed = failures.keys.filter { (weight?[$0] ?? 1) > 0 }.sorted()
        guard !failed.isEmpty else { return }
        let rows = Buffer(capacity: failed.count * 4)
        for (index, row) in failed.enumerated() {
            rows.pointer(to: Int32.self)[index] = Int32(truncatingIfNeeded: row)
        }
        let selection = Selection(rows: rows, count: failed.count)
        output.reject(
            batch.selecting(selection),
            texts: texts.gathered(selection.pointer, count: failed.count),
            reasons: failed.map { failures[$0] ?? "" })
    }
}
