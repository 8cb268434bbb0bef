import CPrimitives
import Glibc
import Operators

/// Writes rows as newline-delimited JSON: one object a row, every column in the order of the schema.
///
/// Integers and decimals are exact, doubles the shortest text that reads back the same, timestamps
/// RFC 3339 in UTC. NaN and infinities, which JSON has not, become null and are counted. Bytes that
/// are not UTF-8 become U+FFFD, so that the output can always be read.
final class JSONRowEncoder: RowEncoder {
    let header: [UInt8] = []
    private(set) var nonFiniteCount: Int64 = 0

    /// `{"name":` of the first column and `,"name":` of the others, end to end.
    private let prefixes: [UInt8]
    /// Where each column's prefix lies in `prefixes`.
    private let prefixRanges: [Range<Int>]
    private let deletionColumns: Set<Int>?
    private let openingWord: StaticString = "{\"_op\":\""

    private var cursors: [ColumnCursor] = []
    private var batch: Batch?
    private var operations: Buffer?

    /// - Parameters:
    ///   - writesOperations: Whether each row begins with `"_op"`.
    ///   - deletionColumns: The columns that a deletion has; nil for all.
    init(schema: Schema, writesOperations: Bool, deletionColumns: [Int]?) {
        var prefixes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for (index, field) in schema.fields.enumerated() {
            let start = prefixes.count
            prefixes.append(index == 0 && !writesOperations ? 0x7b : 0x2c)
            var name = OutputBytes()
            let bytes = Array(field.name.utf8)
            bytes.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return name.append("\"\"") }
                // Copied into a buffer that may be read past its end, as scanning does.
                let padded = Buffer(capacity: buffer.count)
                let target = padded.pointer(to: UInt8.self)
                target.update(from: base, count: buffer.count)
                appendJSONString(target, buffer.count, to: &name)
            }
            prefixes += name.array
            prefixes.append(0x3a)
            ranges.append(start..<prefixes.count)
        }
        self.prefixes = prefixes
        self.prefixRanges = ranges
        self.deletionColumns = deletionColumns.map { Set($0) }
    }

    func begin(_ batch: Batch, operations: Buffer?) {
        precondition(batch.columns.count == prefixRanges.count, "columns \(batch.columns.count)")
        self.operations = operations
        var batch = batch
        batch.columns = batch.columns.map {
            RenderedColumn.render($0, as: .json, nonFiniteCount: &nonFiniteCount)
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
        guard let operations else {
            encodePlain(rows, into: &output)
            return rows.count
        }
        return encodeChanges(rows, operations.pointer(to: UInt8.self), into: &output)
    }

    /// The loop for rows that begin with what they do; nothing in it is reference-counted.
    private func encodeChanges(
        _ rows: Range<Int>, _ codes: UnsafePointer<UInt8>, into output: inout OutputBytes
    ) -> Int {
        var written = 0
        let isKept = cursors.indices.map { deletionColumns?.contains($0) ?? true }
        prefixes.withUnsafeBufferPointer { prefixes in
            guard let names = prefixes.baseAddress else { return }
            for row in rows {
                guard let operation = RowOperation(rawValue: codes[row]), operation != .skip else {
                    continue
                }
                written += 1
                let word = operation.word
                output.append(openingWord.utf8Start, count: openingWord.utf8CodeUnitCount)
                output.append(word.utf8Start, count: word.utf8CodeUnitCount)
                output.append(0x22)
                let isDeletion = operation == .delete
                for index in 0..<cursors.count where !isDeletion || isKept[index] {
                    let range = prefixRanges[index]
                    output.append(names + range.lowerBound, count: range.count)
                    append(cursors[index], row, to: &output)
                }
                output.reserve(2)
                output.cursor[0] = 0x7d
                output.cursor[1] = 0x0a
                output.advance(2)
            }
        }
        return written
    }

    /// The loop for appended rows, where speed counts: nothing in it is reference-counted.
    private func encodePlain(_ rows: Range<Int>, into output: inout OutputBytes) {
        prefixes.withUnsafeBufferPointer { prefixes in
            prefixRanges.withUnsafeBufferPointer { ranges in
                cursors.withUnsafeBufferPointer { cursors in
                    guard let names = prefixes.baseAddress else {
                        for _ in rows { output.append("{}\n") }
                        return
                    }
                    for row in rows {
                        for index in 0..<cursors.count {
                            let range = ranges[index]
                            output.append(names + range.lowerBound, count: range.count)
                            append(cursors[index], row, to: &output)
                        }
                        output.reserve(2)
                        output.cursor[0] = 0x7d
                        output.cursor[1] = 0x0a
                        output.advance(2)
                    }
                }
            }
        }
    }

    @inline(__always)
    private func append(_ column: ColumnCursor, _ row: Int, to output: inout OutputBytes) {
        if column.isNull(row) { return output.appendNull() }
        switch column.kind {
        case .boolean:
            output.append(column.value(row, as: UInt8.self) != 0 ? "true" : "false")
        case .integer:
            output.appendInteger(column.value(row, as: Int64.self))
        case .double:
            let value = column.value(row, as: Double.self)
            if value.isFinite {
                output.appendDouble(value)
            } else {
                nonFiniteCount += 1
                output.appendNull()
            }
        case .string:
            let view = column.value(row, as: StringView.self)
            appendJSONString(view.base, view.count, to: &output)
        case .timestamp:
            output.reserve(48)
            output.append(0x22)
            output.appendTimestamp(column.value(row, as: Int64.self))
            output.append(0x22)
        case .decimal:
            output.appendDecimal(column.value(row, as: Int128.self), scale: column.scale)
        case .date:
            output.append(0x22)
            output.appendDate(column.value(row, as: Int64.self))
            output.append(0x22)
        case .json:
            let view = column.value(row, as: StringView.self)
            output.append(view.base, count: view.count)
        }
    }
}

extension OutputBytes {
    @inline(__always)
    fileprivate mutating func appendNull() {
        reserve(4)
        // SAFETY: four bytes were reserved.
        UnsafeMutableRawPointer(cursor).storeBytes(
            of: UInt32(littleEndian: 0x6c6c_756e), as: UInt32.self)
        advance(4)
    }
}

/// Appends a JSON string with its quotes. The bytes are followed by readable padding, as all that a
/// column points to.
@inline(__always)
private func appendJSONString(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, to output: inout OutputBytes
) {
    output.reserve(count &+ 2)
    output.cursor.pointee = 0x22
    output.advance(1)
    let end = bytes + count
    let stop = cp_scan_json_string(bytes, end)
    output.append(bytes, count: stop - bytes)
    if stop != end { appendEscaped(stop, end, to: &output) }
    output.append(0x22)
}

/// The rest of a string from the first byte on that cannot be copied blindly.
@inline(never)
private func appendEscaped(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, to output: inout OutputBytes
) {
    var next = start
    while next < end {
        let byte = next.pointee
        if byte >= 0x80 {
            if let behind = JSONScan.utf8Sequence(next, end) {
                output.append(next, count: behind - next)
                next = behind
            } else {
                output.append([0xef, 0xbf, 0xbd])
                next += 1
            }
            continue
        }
        switch byte {
        case 0x22: output.append("\\\"")
        case 0x5c: output.append("\\\\")
        case 0x0a: output.append("\\n")
        case 0x0d: output.append("\\r")
        case 0x09: output.append("\\t")
        case 0x08: output.append("\\b")
        case 0x0c: output.append("\\f")
        case 0..<0x20:
            output.append("\\u00")
            output.append(hexDigit(byte >> 4))
            output.append(hexDigit(byte & 15))
        default:
            // Plain again: copy up to the next byte that is not.
            let stop = cp_scan_json_string(next, end)
            output.append(next, count: stop - next)
            next = stop
            continue
        }
        next += 1
    }
}

private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
