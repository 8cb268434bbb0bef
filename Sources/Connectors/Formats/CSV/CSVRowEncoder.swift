import Config
import Glibc
import Operators

/// Writes rows as CSV (RFC 4180, lines end with a line feed), with a header once per file.
///
/// A field is quoted where it must be: when it holds the delimiter, a quote or a line end, when it
/// reads like the text that stands for null, and, so that no reader takes it for a blank line, when
/// it is the only one and empty.
final class CSVRowEncoder: RowEncoder {
    let header: [UInt8]
    private(set) var nonFiniteCount: Int64 = 0

    private let delimiter: UInt8
    private let quote: UInt8?
    private let null: [UInt8]
    private let writesOperations: Bool
    private let columnCount: Int

    private var cursors: [ColumnCursor] = []
    private var batch: Batch?
    private var operations: Buffer?

    init(schema: Schema, options: CSVOptions, writesOperations: Bool) {
        delimiter = options.delimiter
        quote = options.quote
        null = options.null
        self.writesOperations = writesOperations
        columnCount = schema.count
        var line = OutputBytes()
        if options.hasHeader {
            let names = (writesOperations ? ["_op"] : []) + schema.fields.map(\.name)
            for (index, name) in names.enumerated() {
                if index > 0 { line.append(options.delimiter) }
                Array(name.utf8).withUnsafeBufferPointer { bytes in
                    appendCSVField(
                        bytes, delimiter: options.delimiter, quote: options.quote,
                        isForced: bytes.isEmpty, to: &line)
                }
            }
            line.append(0x0a)
        }
        header = line.array
    }

    func begin(_ batch: Batch, operations: Buffer?) {
        precondition(batch.columns.count == columnCount, "columns \(batch.columns.count)")
        self.operations = operations
        var batch = batch
        batch.columns = batch.columns.map {
            RenderedColumn.render($0, as: .text, nonFiniteCount: &nonFiniteCount)
        }
        self.batch = batch
        cursors = batch.columns.map { ColumnCursor($0) }
    }

    func end() {
        batch = nil
        operations = nil
        cursors.removeAll(keepingCapacity: true)
    }

    func encode(rows: Range<Int>, into output: inout OutputBytes) -> Int {
        let codes = operations?.pointer(to: UInt8.self)
        var written = 0
        cursors.withUnsafeBufferPointer { cursors in
            for row in rows {
                if let codes {
                    guard let operation = RowOperation(rawValue: codes[row]), operation != .skip
                    else { continue }
                    output.append(operation.word.utf8Start, count: operation.word.utf8CodeUnitCount)
                    if !cursors.isEmpty { output.append(delimiter) }
                }
                for index in 0..<cursors.count {
                    if index > 0 { output.append(delimiter) }
                    append(cursors[index], row, to: &output)
                }
                output.append(0x0a)
                written &+= 1
            }
        }
        return written
    }

    @inline(__always)
    private func append(_ column: ColumnCursor, _ row: Int, to output: inout OutputBytes) {
        if column.isNull(row) {
            if null.isEmpty && cursors.count == 1 && !writesOperations {
                // A line of nothing would be skipped; this is as close as CSV comes.
                output.append(quote ?? 0x22)
                output.append(quote ?? 0x22)
            } else {
                output.append(null)
            }
            return
        }
        switch column.kind {
        case .boolean: output.append(column.value(row, as: UInt8.self) != 0 ? "true" : "false")
        case .integer: output.appendInteger(column.value(row, as: Int64.self))
        case .double:
            let value = column.value(row, as: Double.self)
            if value.isFinite {
                output.appendDouble(value)
            } else {
                output.append(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
            }
        case .timestamp: output.appendTimestamp(column.value(row, as: Int64.self))
        case .decimal:
            output.appendDecimal(column.value(row, as: Int128.self), scale: column.scale)
        case .date: output.appendDate(column.value(row, as: Int64.self))
        case .string, .json:
            let bytes = column.value(row, as: StringView.self).bytes
            let isNullText = bytes.count == null.count && bytes.elementsEqual(null)
            appendCSVField(
                bytes, delimiter: delimiter, quote: quote, isForced: isNullText, to: &output)
        }
    }
}

/// Appends a field, in quotes if `isForced` or if it could not be read back without.
///
/// With quoting off, a field that needed it is written as it is, which is what was asked for.
@inline(__always)
private func appendCSVField(
    _ bytes: UnsafeBufferPointer<UInt8>, delimiter: UInt8, quote: UInt8?, isForced: Bool,
    to output: inout OutputBytes
) {
    guard let quote else {
        if let start = bytes.baseAddress { output.append(start, count: bytes.count) }
        return
    }
    var mustQuote = isForced
    for byte in bytes where byte == delimiter || byte == quote || byte == 0x0a || byte == 0x0d {
        mustQuote = true
    }
    guard mustQuote else {
        if let start = bytes.baseAddress { output.append(start, count: bytes.count) }
        return
    }
    output.reserve(2 * bytes.count + 2)
    output.append(quote)
    for byte in bytes {
        if byte == quote { output.append(quote) }
        output.append(byte)
    }
    output.append(quote)
}
