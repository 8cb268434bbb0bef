import Glibc

/// How one value of an array or a struct lies in memory, in checkpoints and in topics: as bytes.
///
/// Version 1. An array is its elements, one behind the other, and then 0x00. A struct is its fields
/// in the order of its type. Each element and field is a tag, 0x02 for null or 0x01, and then:
/// boolean one byte, 0 or 1; bigint, timestamp, date and interval 8 bytes, big-endian, with the sign
/// bit flipped; double 8 bytes, big-endian IEEE 754, all bits flipped if negative and otherwise the
/// sign bit (−0 is 0, every NaN the same); decimal 16 bytes like a bigint; string, bytes and json
/// their bytes, 0x00 as 0x00 0xff, and then 0x00; arrays and structs as they are. So values that are
/// equal are equal bytes, and bytes sort as PostgreSQL sorts arrays and rows: element by element,
/// null last, the shorter one first.
///
/// Bytes may come from a damaged checkpoint or block. Reading them never leaves their bounds: what
/// is not as described reads as null, or as an array that ends there.
enum NestedValue {
    static let endTag: UInt8 = 0
    static let valueTag: UInt8 = 1
    static let nullTag: UInt8 = 2

    /// The bytes of an array without elements.
    static let emptyArray: [UInt8] = [endTag]
}

/// Makes the bytes of ``NestedValue``, value by value.
struct NestedWriter {
    var bytes: [UInt8] = []

    mutating func appendNull() { bytes.append(NestedValue.nullTag) }

    /// What must stand before every value that is there.
    mutating func beginValue() { bytes.append(NestedValue.valueTag) }

    mutating func endArray() { bytes.append(NestedValue.endTag) }

    mutating func append(boolean value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func append(integer value: Int64) {
        appendBigEndian(UInt64(bitPattern: value) ^ (1 << 63))
    }

    mutating func append(double value: Double) { appendBigEndian(KeyCodec.ordered(value)) }

    mutating func append(decimal value: Int128) {
        appendBigEndian(UInt128(bitPattern: value) ^ (1 << 127))
    }

    /// The bytes of a string, bytes or json.
    mutating func append(text: UnsafeBufferPointer<UInt8>) {
        if let base = text.baseAddress, memchr(base, 0, text.count) != nil {
            for byte in text {
                bytes.append(byte)
                if byte == 0 { bytes.append(0xff) }
            }
        } else {
            bytes.append(contentsOf: text)
        }
        bytes.append(0)
    }

    /// The value in a row of a column, with its tag.
    mutating func append(_ column: Column, _ row: Int) {
        guard !column.isNull(row) else { return appendNull() }
        beginValue()
        switch column.storage {
        case .boolean: append(boolean: column.booleans[row] != 0)
        case .integer: append(integer: column.integers[row])
        case .double: append(double: column.doubles[row])
        case .decimal: append(decimal: column.decimals[row])
        case .view:
            let view = column.strings[row]
            if column.type.isNested {
                bytes.append(contentsOf: view.bytes)
            } else {
                append(text: view.bytes)
            }
        }
    }

    private mutating func appendBigEndian<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Reads the bytes of ``NestedValue`` from the front.
struct NestedReader {
    // SAFETY: whoever makes the reader holds the column that the view stands in.
    let base: UnsafePointer<UInt8>
    let count: Int
    private(set) var offset = 0

    init(_ view: StringView) {
        base = view.base
        count = view.count
    }

    enum Next { case value, null, end }

    /// Takes a tag; what is none counts as the end.
    @inline(__always)
    mutating func next() -> Next {
        guard offset < count else { return .end }
        let tag = base[offset]
        offset += 1
        switch tag {
        case NestedValue.valueTag: return .value
        case NestedValue.nullTag: return .null
        default:
            offset -= 1
            return .end
        }
    }

    /// Takes the 0x00 that ends an array.
    mutating func takeEnd() -> Bool {
        guard offset < count, base[offset] == NestedValue.endTag else { return false }
        offset += 1
        return true
    }

    /// Passes over the bytes of a value; false, at the end, when they are none.
    mutating func skip(_ type: ColumnType) -> Bool {
        switch type {
        case .array(let element):
            while true {
                switch next() {
                case .end: return takeEnd() || stop()
                case .null: continue
                case .value: if !skip(element) { return false }
                }
            }
        case .structure(let fields):
            for field in fields {
                switch next() {
                case .end: return stop()
                case .null: continue
                case .value: if !skip(field.type) { return false }
                }
            }
            return true
        default:
            break
        }
        switch type.storage {
        case .view:
            guard let end = textEnd() else { return stop() }
            offset = end.position + 1
        case .boolean, .integer, .double, .decimal:
            let size = type.storage.stride
            guard count - offset >= size else { return stop() }
            offset += size
        }
        return true
    }

    private mutating func stop() -> Bool {
        offset = count
        return false
    }

    /// Where the zero byte that ends a text is, and whether the text has others.
    private func textEnd() -> (position: Int, hasZeros: Bool)? {
        var from = offset
        var hasZeros = false
        while from < count, let found = memchr(base + from, 0, count - from) {
            let position = UnsafeRawPointer(found) - UnsafeRawPointer(base)
            from = position + 1
            guard from < count, base[from] == 0xff else { return (position, hasZeros) }
            hasZeros = true
            from += 1
        }
        return nil
    }

    mutating func boolean() -> Bool? {
        guard offset < count else { return nil }
        offset += 1
        return base[offset - 1] != 0
    }

    mutating func integer() -> Int64? {
        bigEndian(UInt64.self).map { Int64(bitPattern: $0 ^ (1 << 63)) }
    }

    mutating func double() -> Double? { bigEndian(UInt64.self).map(KeyCodec.unordered) }

    mutating func decimal() -> Int128? {
        bigEndian(UInt128.self).map { Int128(bitPattern: $0 ^ (1 << 127)) }
    }

    /// The bytes of a string, bytes or json; copied into the arena only if they hold a zero.
    mutating func text(_ arena: inout ByteArena) -> StringView? {
        guard let end = textEnd() else {
            offset = count
            return nil
        }
        let start = base + offset
        let length = end.position - offset
        offset = end.position + 1
        guard end.hasZeros else { return StringView(base: start, count: length) }
        var plain: [UInt8] = []
        plain.reserveCapacity(length)
        var isAfterZero = false
        for index in 0..<length {
            if !isAfterZero { plain.append(start[index]) }
            isAfterZero = start[index] == 0 && !isAfterZero
        }
        return plain.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { arena.store($0, count: bytes.count) } ?? .empty
        }
    }

    /// The bytes of an array or a struct.
    mutating func nested(_ type: ColumnType) -> StringView? {
        let start = offset
        guard skip(type) else { return nil }
        return StringView(base: base + start, count: offset - start)
    }

    /// Takes a value whose tag was read and appends it, or null where its bytes are damaged.
    mutating func append(
        _ type: ColumnType, to builder: inout ColumnBuilder, _ arena: inout ByteArena
    ) {
        switch builder.storage {
        case .boolean:
            if let value = boolean() { return builder.append(boolean: value) }
        case .integer:
            if let value = integer() { return builder.append(integer: value) }
        case .double:
            if let value = double() { return builder.append(double: value) }
        case .decimal:
            if let value = decimal() { return builder.append(decimal: value) }
        case .view:
            let view = type.isNested ? nested(type) : text(&arena)
            if let view { return builder.append(view: view) }
        }
        offset = count
        builder.appendNull()
    }

    private mutating func bigEndian<T: FixedWidthInteger>(_ type: T.Type) -> T? {
        let size = MemoryLayout<T>.size
        guard count - offset >= size else { return nil }
        let value = UnsafeRawPointer(base + offset).loadUnaligned(as: T.self)
        offset += size
        return T(bigEndian: value)
    }
}

/// The elements of one array, as runs of its bytes with their tags.
struct NestedElements: Sequence, IteratorProtocol {
    private var reader: NestedReader
    private let element: ColumnType

    /// One element: its tag and its value.
    struct Element {
        let bytes: StringView
        var isNull: Bool { bytes.base[0] != NestedValue.valueTag }

        /// Reads the value behind the tag.
        var reader: NestedReader {
            NestedReader(StringView(base: bytes.base + 1, count: bytes.count - 1))
        }
    }

    init(_ array: StringView, of element: ColumnType) {
        reader = NestedReader(array)
        self.element = element
    }

    mutating func next() -> Element? {
        let start = reader.offset
        switch reader.next() {
        case .end: return nil
        case .null: break
        case .value: guard reader.skip(element) else { return nil }
        }
        return Element(
            bytes: StringView(base: reader.base + start, count: reader.offset - start))
    }
}

/// The elements of the arrays of a column, one behind the other.
package struct FlatElements {
    /// Dense, of the element's type.
    package let values: Column
    /// The first element of each row, and the number of all behind the last: `count + 1` numbers.
    package let starts: [Int32]

    /// - Parameter column: Dense, an array; null counts as an array without elements.
    /// - Returns: nil when there are more elements than a batch can hold.
    /// - Complexity: O(bytes).
    package init?(_ column: Column) {
        guard case .array(let element) = column.type else { return nil }
        var builder = ColumnBuilder(type: element, capacity: column.count * 2)
        var arena = ByteArena()
        var starts: [Int32] = [0]
        starts.reserveCapacity(column.count + 1)
        for row in 0..<column.count {
            if !column.isNull(row) {
                var reader = NestedReader(column.strings[row])
                reading: while true {
                    switch reader.next() {
                    case .end: break reading
                    case .null: builder.appendNull()
                    case .value: reader.append(element, to: &builder, &arena)
                    }
                }
            }
            guard builder.count < Int(Int32.max) else { return nil }
            starts.append(Int32(builder.count))
        }
        values = builder.finish(retained: column.retained + arena.blocks)
        self.starts = starts
    }
}
