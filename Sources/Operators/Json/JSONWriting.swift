/// Writes values as JSON: what sinks do, and `to_json` and casts to text.
///
/// Numbers are exact, doubles the shortest text that reads back the same, NaN and infinities null,
/// timestamps RFC 3339, dates `2026-01-31`, bytes base64, json as it is. Bytes that are no UTF-8
/// become U+FFFD.
package struct JSONWriting {
    package private(set) var text: [UInt8] = []
    /// Doubles that JSON has not and that became null.
    package private(set) var nonFiniteCount = 0
    private var arena = ByteArena(firstBlockBytes: 256)

    package init() {}

    /// Makes the text empty again.
    package mutating func clear() { text.removeAll(keepingCapacity: true) }

    /// Appends the value in a row of a column; null as `null`.
    ///
    /// - Complexity: O(its bytes).
    package mutating func append(_ column: Column, _ row: Int) {
        guard !column.isNull(row) else { return append("null") }
        switch column.storage {
        case .boolean: append(boolean: column.booleans[row] != 0)
        case .integer: append(integer: column.integers[row], column.type)
        case .double: append(double: column.doubles[row])
        case .decimal: append(decimal: column.decimals[row], column.type)
        case .view: append(column.strings[row], column.type)
        }
    }

    /// Appends a value that is stored as bytes.
    package mutating func append(_ view: StringView, _ type: ColumnType) {
        guard type.isNested else { return append(bytes: view.bytes, type) }
        var reader = NestedReader(view)
        append(&reader, type)
    }

    private mutating func append(_ reader: inout NestedReader, _ type: ColumnType) {
        switch type {
        case .array(let element):
            text.append(UInt8(ascii: "["))
            var isFirst = true
            reading: while true {
                let next = reader.next()
                if next == .end { break reading }
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                appendElement(next, &reader, element)
            }
            _ = reader.takeEnd()
            text.append(UInt8(ascii: "]"))
        case .structure(let fields):
            text.append(UInt8(ascii: "{"))
            for (index, field) in fields.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                let name = Array(field.name.utf8)
                name.withUnsafeBufferPointer { append(quoted: $0) }
                text.append(UInt8(ascii: ":"))
                appendElement(reader.next(), &reader, field.type)
            }
            text.append(UInt8(ascii: "}"))
        default:
            break
        }
    }

    private mutating func appendElement(
        _ next: NestedReader.Next, _ reader: inout NestedReader, _ type: ColumnType
    ) {
        guard next == .value else { return append("null") }
        switch type.storage {
        case .boolean:
            if let value = reader.boolean() { return append(boolean: value) }
        case .integer:
            if let value = reader.integer() { return append(integer: value, type) }
        case .double:
            if let value = reader.double() { return append(double: value) }
        case .decimal:
            if let value = reader.decimal() { return append(decimal: value, type) }
        case .view:
            if type.isNested { return append(&reader, type) }
            if let view = reader.text(&arena) { return append(bytes: view.bytes, type) }
        }
        append("null")
    }

    // MARK: Values

    private mutating func append(_ word: StaticString) {
        text.append(
            contentsOf: UnsafeBufferPointer(
                start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    private mutating func append(boolean value: Bool) { append(value ? "true" : "false") }

    private mutating func append(integer value: Int64, _ type: ColumnType) {
        switch type {
        case .timestamp:
            written(Timestamp.textBytesMax, isQuoted: true) { Timestamp.write(value, into: $0) }
        case .date:
            written(CalendarDay.textBytes, isQuoted: true) { CalendarDay.write(value, into: $0) }
        default: written(20, isQuoted: false) { NumberText.writeInteger(value, into: $0) }
        }
    }

    private mutating func append(double value: Double) {
        guard value.isFinite else {
            nonFiniteCount += 1
            return append("null")
        }
        if value == value.rounded(.towardZero), value.magnitude < 1e15,
            value != 0 || value.sign == .plus
        {
            append(integer: Int64(value), .bigint)
            return append(".0")
        }
        text.append(contentsOf: value.description.utf8)
    }

    private mutating func append(decimal value: Int128, _ type: ColumnType) {
        guard case .decimal(_, let scale) = type else { return }
        written(42, isQuoted: false) { Decimal38.write(value, scale: scale, into: $0) }
    }

    private mutating func append(bytes: UnsafeBufferPointer<UInt8>, _ type: ColumnType) {
        switch type {
        case .json:
            // A line end is white space there, and would end the record.
            text.append(contentsOf: bytes.lazy.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 })
        case .bytes:
            text.append(UInt8(ascii: "\""))
            Base64.encode(bytes, into: &text)
            text.append(UInt8(ascii: "\""))
        default: append(quoted: bytes)
        }
    }

    private mutating func written(
        _ bytesMax: Int, isQuoted: Bool, _ body: (UnsafeMutablePointer<UInt8>) -> Int
    ) {
        if isQuoted { text.append(UInt8(ascii: "\"")) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytesMax) { room in
            guard let base = room.baseAddress else { return }
            let count = body(base)
            text.append(contentsOf: UnsafeBufferPointer(start: base, count: count))
        }
        if isQuoted { text.append(UInt8(ascii: "\"")) }
    }

    private mutating func append(quoted bytes: UnsafeBufferPointer<UInt8>) {
        text.append(UInt8(ascii: "\""))
        var offset = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte >= 0x80 {
                if let next = Utf8.sequenceEnd(bytes, offset) {
                    text.append(contentsOf: bytes[offset..<next])
                    offset = next
                } else {
                    text.append(contentsOf: [0xef, 0xbf, 0xbd])
                    offset += 1
                }
                continue
            }
            switch byte {
            case 0x22: append("\\\"")
            case 0x5c: append("\\\\")
            case 0x0a: append("\\n")
            case 0x0d: append("\\r")
            case 0x09: append("\\t")
            case 0x08: append("\\b")
            case 0x0c: append("\\f")
            case 0..<0x20:
                append("\\u00")
                let digits: StaticString = "0123456789abcdef"
                text.append(digits.utf8Start[Int(byte >> 4)])
                text.append(digits.utf8Start[Int(byte & 15)])
            default: text.append(byte)
            }
            offset += 1
        }
        text.append(UInt8(ascii: "\""))
    }
}
