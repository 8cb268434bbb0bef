import CPrimitives
import Config
import Glibc
import Operators

/// Reads rows from JSON text, one object a line, strictly: what is skipped is checked too.
///
/// Most streams repeat one order of keys. So the parser expects each object to have the keys of the
/// one before, in that order, and compares whole `"key":` texts; where that misses, it reads the key
/// and remembers it. A key that comes twice counts as its last value.
package final class JSONRowParser: RowParser {
    /// Rows in a batch at most.
    package static let rowsMax = 8192

    private let fields: [FieldSpec]
    private let options: JSONOptions
    private let tree: JSONFieldTree
    private let expectations: JSONExpectations
    private let columns: JSONColumns

    /// - Parameter fields: The fields to read, in the order of the result's columns; at most 64 of
    ///   them are cheapest.
    package init(fields: [FieldSpec], options: JSONOptions) throws(ConnectorError) {
        self.fields = fields
        self.options = options
        self.tree = try JSONFieldTree(fields: fields)
        self.expectations = JSONExpectations()
        self.columns = try JSONColumns(fields: fields, timezone: options.timezone)
    }

    package var state: [UInt8] = []

    package func parse(
        _ chunk: Buffer, _ range: Range<Int>, position: Int64, isLast: Bool
    ) -> (rows: SourceRows, consumed: Int) {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        let start = base + range.lowerBound
        var limit = base + range.upperBound
        while limit > start && limit[-1] != 0x0a { limit -= 1 }
        if limit == start {
            guard isLast, !range.isEmpty else { return (SourceRows.none, 0) }
            return parseUnended(start, count: range.count, position: position)
        }
        return parseLines(chunk, start, limit, position: position)
    }

    /// The last line, which has no line end. It is copied and given one: scans rely on it, as what
    /// lies behind the input may be anything.
    private func parseUnended(
        _ start: UnsafePointer<UInt8>, count: Int, position: Int64
    ) -> (rows: SourceRows, consumed: Int) {
        let copy = Buffer(capacity: count + 1)
        let bytes = copy.pointer(to: UInt8.self)
        bytes.update(from: start, count: count)
        bytes[count] = 0x0a
        var result = parseLines(copy, bytes, bytes + count + 1, position: position)
        result.rows.byteCount = count
        return (result.rows, count)
    }

    /// Reads lines until there are as many rows, good and bad, as a batch holds.
    ///
    /// - Parameter limit: Behind the last line end.
    private func parseLines(
        _ chunk: Buffer, _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>,
        position: Int64
    ) -> (rows: SourceRows, consumed: Int) {
        let positions = Buffer(capacity: JSONRowParser.rowsMax * 8)
        let rowPositions = positions.pointer(to: Int64.self)
        columns.begin(rowsMax: JSONRowParser.rowsMax, escapedBytesMax: limit - start)

        var scan = JSONScan()
        var invalid: [InvalidRow] = []
        var row = 0
        var p = start
        if position == 0 && limit - start >= 3 && start[0] == 0xef && start[1] == 0xbb
            && start[2] == 0xbf
        {
            // A byte order mark at the very beginning (RFC 8259, section 8.1).
            p += 3
        }
        while p < limit && row + invalid.count < JSONRowParser.rowsMax {
            let recordStart = p
            if let next = record(p, limit, row: row, &scan) {
                p = next
                if scan.fault == .missing {
                    // A blank line: nothing was read.
                    scan.fault = .none
                    continue
                }
                rowPositions[row] = position &+ Int64(recordStart - start)
                row += 1
                continue
            }
            let line = memchr(recordStart, 0x0a, limit - recordStart)
            let recordEnd =
                line.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) } ?? limit
            invalid.append(
                invalidRow(
                    recordStart, recordEnd, scan, position: position + Int64(recordStart - start)))
            columns.forgetRow(row)
            scan = JSONScan()
            p = min(recordEnd + 1, limit)
        }
        let rows = SourceRows(
            columns: columns.finish(rowCount: row, chunk: chunk), rowCount: row,
            positions: positions, invalid: invalid, byteCount: p - start)
        return (rows, p - start)
    }

    /// One line. Returns the first byte of the next one, or nil with the fault set. A blank line
    /// sets the fault `missing` and is no row.
    @inline(__always)
    private func record(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>, row: Int,
        _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        var p = JSONScan.skipSpace(start)
        guard p < limit, p.pointee == 0x7b else {
            if p >= limit || p.pointee == 0x0a {
                scan.fault = .missing
                return p < limit ? p + 1 : limit
            }
            return scan.fail(.expectedObject, at: p)
        }
        var seen: UInt64 = 0
        guard let behind = rootObject(p, limit, row: row, &seen, &scan) else { return nil }
        p = JSONScan.skipSpace(behind)
        if p < limit {
            guard p.pointee == 0x0a else { return scan.fail(.trailingCharacters, at: p) }
            p += 1
        } else {
            p = limit
        }
        if seen != columns.allSeen || columns.isWide {
            guard columns.fillMissing(seen, row: row, onMissing: options.onMissing, &scan) else {
                return nil
            }
        }
        return p
    }

    /// The top-level object, with the keys of the last one expected.
    @inline(__always)
    private func rootObject(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, row: Int,
        _ seen: inout UInt64, _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        let keys = expectations.keys
        var index = 0
        var p = start + 1
        if p.pointee != 0x22 {
            p = JSONScan.skipSpace(p)
            if p.pointee == 0x7d && p < end { return p + 1 }
        }
        while true {
            let expected = keys[index]
            let action: Int32
            if expected.count > 0 && cp_equal(p, expected.text, expected.count) != 0 {
                p += expected.count
                if p.pointee <= 0x20 { p = JSONScan.skipSpace(p) }
                action = expected.action
            } else {
                let key = p
                guard let value = scan.key(p, end) else { return nil }
                action = self.action(node: 0, key: key)
                expectations.learn(index, key: key, value: value, action: action)
                p = value
            }
            guard let next = value(p, end, action: action, row: row, depth: 1, &seen, &scan) else {
                return nil
            }
            p = next
            if p.pointee != 0x2c {
                p = JSONScan.skipSpace(p)
                if p.pointee == 0x7d && p < end { return p + 1 }
                guard p.pointee == 0x2c && p < end else {
                    return scan.fail(
                        p < end && p.pointee != 0x0a ? .expectedCommaOrEnd : .endOfLine, at: p)
                }
            }
            p += 1
            if p.pointee != 0x22 { p = JSONScan.skipSpace(p) }
            index += 1
            if index >= JSONExpectations.countMax { index = JSONExpectations.countMax }
        }
    }

    /// An object that holds fields deeper down.
    private func nestedObject(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, node: Int, row: Int,
        depth: Int, _ seen: inout UInt64, _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        if depth >= JSONScan.depthMax { return scan.fail(.tooDeep, at: start) }
        var p = JSONScan.skipSpace(start + 1)
        if p.pointee == 0x7d && p < end { return p + 1 }
        while true {
            let key = p
            guard let first = scan.key(p, end) else { return nil }
            let action = self.action(node: node, key: key)
            guard
                let next = value(
                    first, end, action: action, row: row, depth: depth + 1, &seen, &scan)
            else { return nil }
            p = JSONScan.skipSpace(next)
            if p.pointee == 0x7d && p < end { return p + 1 }
            guard p.pointee == 0x2c && p < end else {
                return scan.fail(
                    p < end && p.pointee != 0x0a ? .expectedCommaOrEnd : .endOfLine, at: p)
            }
            p = JSONScan.skipSpace(p + 1)
        }
    }

    @inline(__always)
    private func value(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, action: Int32, row: Int,
        depth: Int, _ seen: inout UInt64, _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        if action == JSONFieldTree.Action.skip {
            return scan.skipValue(p, end, depth: depth)
        }
        if action >= 0 {
            if action < 64 { seen |= 1 &<< UInt64(action) }
            return columns.read(p, end, field: Int(action), row: row, depth: depth, &scan)
        }
        let node = JSONFieldTree.Action.node(action)
        // The key may be there twice: its last value counts, also for what is below.
        let below = tree.nodes[node]
        if seen & below.fieldsMask != 0 || columns.isWide {
            seen &= ~below.fieldsMask
            columns.forget(below.fields, count: below.fieldCount)
        }
        if p.pointee == 0x7b && p < end {
            return nestedObject(
                p, end, node: node, row: row, depth: depth, &seen, &scan)
        }
        // null, or another type: the fields below are missing.
        return scan.skipValue(p, end, depth: depth)
    }

    /// What to do with the key whose opening quote is at `key`; it has been checked.
    private func action(node: Int, key: UnsafePointer<UInt8>) -> Int32 {
        var count = 0
        var hasEscape = false
        while key[count + 1] != 0x22 {
            if key[count + 1] == 0x5c {
                hasEscape = true
                count += 1
            }
            count += 1
        }
        guard hasEscape else {
            return JSONFieldTree.action(tree.nodes[node], key: key + 1, count: count)
        }
        let decoded = UnsafeMutablePointer<UInt8>.allocate(capacity: count + 16)
        defer { decoded.deallocate() }
        decoded.initialize(repeating: 0, count: count + 16)
        let length = JSONScan.decode(key + 1, key + 1 + count, into: decoded)
        return JSONFieldTree.action(tree.nodes[node], key: UnsafePointer(decoded), count: length)
    }

    private func invalidRow(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ scan: JSONScan,
        position: Int64
    ) -> InvalidRow {
        let raw = Array(UnsafeBufferPointer(start: start, count: min(end - start, 65_536)))
        let byte = (scan.faultAt ?? start) - start
        var message = "cannot read a JSON object: \(scan.fault.text) at byte \(byte)"
        if columns.faultyField >= 0 {
            let field = fields[columns.faultyField]
            let what = "cannot read field '\(field.name)' as \(field.type.name)"
            switch scan.fault {
            case .missing: message = "\(what): the row has no such field"
            case .isNull: message = "\(what): it is null, and the field is required"
            default: message = "\(what): \(scan.fault.text) at byte \(byte)"
            }
        }
        return InvalidRow(raw: raw, error: message, position: position)
    }
}

extension SourceRows {
    /// No rows and no input taken.
    static var none: SourceRows {
        SourceRows(columns: [], rowCount: 0, positions: nil, invalid: [], byteCount: 0)
    }
}

/// The keys of the last top-level object as they stood in its text, with what was done with each.
final class JSONExpectations {
    struct Key {
        /// `"key":`, without space.
        var text: UnsafeMutablePointer<UInt8>
        /// 0 when nothing is expected here.
        var count: Int
        var action: Int32
    }

    /// How many keys are remembered; those behind are always read.
    static let countMax = 256
    private static let textBytesMax = 64

    /// `countMax` keys and one that never matches.
    let keys: UnsafeMutablePointer<Key>
    private let texts: UnsafeMutablePointer<UInt8>

    init() {
        let count = JSONExpectations.countMax + 1
        keys = .allocate(capacity: count)
        texts = .allocate(capacity: count * JSONExpectations.textBytesMax)
        texts.initialize(repeating: 0, count: count * JSONExpectations.textBytesMax)
        for index in 0..<count {
            (keys + index).initialize(
                to: Key(
                    text: texts + index * JSONExpectations.textBytesMax, count: 0,
                    action: JSONFieldTree.Action.skip))
        }
    }

    deinit {
        keys.deallocate()
        texts.deallocate()
    }

    /// Remembers the key at place `index` of the object, if its text is plain `"key":`.
    func learn(
        _ index: Int, key: UnsafePointer<UInt8>, value: UnsafePointer<UInt8>, action: Int32
    ) {
        guard index < JSONExpectations.countMax else { return }
        var count = 1
        while key[count] != 0x22 {
            if key[count] == 0x5c || count >= JSONExpectations.textBytesMax - 10 {
                keys[index].count = 0
                return
            }
            count += 1
        }
        guard key[count + 1] == 0x3a else {
            keys[index].count = 0
            return
        }
        count += 2
        memcpy(keys[index].text, key, count)
        keys[index].count = count
        keys[index].action = action
    }
}
