import Glibc

/// Turns the values of some columns into bytes and back: keys of groups and joins, rows of tables,
/// and what checkpoints keep of both.
///
/// Version 1. One string column alone is its bytes, and null is the byte 0xff, which no UTF-8 text
/// has. Otherwise each value is a tag, 0x00 for null or 0x01, and then: boolean one byte; bigint,
/// timestamp, date and interval 8 bytes, big-endian, with the sign bit flipped; double 8 bytes, big-endian
/// IEEE 754, all bits flipped if negative and otherwise the sign bit (−0 is 0, every NaN the same);
/// decimal 16 bytes like a bigint; string, bytes, json, array and struct their bytes, 0x00 as
/// 0x00 0xff, and then 0x00. So bytes sort as values do, and null first (last in the form of one string).
package struct KeyCodec: Sendable {
    package let types: [ColumnType]
    /// Whether keys are the bytes of one string column.
    package let isOneString: Bool

    package init(types: [ColumnType]) {
        self.types = types
        self.isOneString = types == [.string]
    }

    /// The keys of `count` rows, as views that stay valid while `storage` is retained.
    ///
    /// - Parameter columns: Dense columns of `types`.
    /// - Complexity: O(1) for one string column without nulls, otherwise O(bytes).
    package func encode(_ columns: [Column], count: Int) -> Column {
        if isOneString {
            let column = columns[0]
            if column.validity == nil { return column }
            return replacingNulls(column)
        }
        return encodeRows(columns, count: count)
    }

    private func replacingNulls(_ column: Column) -> Column {
        let values = Buffer(capacity: column.count * 16)
        let views = values.pointer(to: StringView.self)
        let nullKey = Buffer(capacity: 16)
        nullKey.pointer(to: UInt8.self)[0] = 0xff
        let nullView = StringView(base: nullKey.pointer(to: UInt8.self), count: 1)
        let source = column.strings
        for row in 0..<column.count {
            views[row] = column.isNull(row) ? nullView : source[row]
        }
        return Column(
            type: .string, count: column.count, values: values,
            retained: column.retained + [nullKey])
    }

    /// Bytes of a value that is there, with its tag.
    static func size(_ column: Column, _ row: Int) -> Int {
        switch column.storage {
        case .boolean: return 2
        case .integer, .double: return 9
        case .decimal: return 17
        case .view:
            let text = column.strings[row]
            return text.count + KeyCodec.zeroCount(text) + 2
        }
    }

    /// Writes a value with its tag; returns how many bytes that took.
    static func write(
        _ column: Column, _ row: Int, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        if column.isNull(row) {
            target[0] = 0
            return 1
        }
        target[0] = 1
        let raw = UnsafeMutableRawPointer(target + 1)
        switch column.storage {
        case .boolean:
            target[1] = column.booleans[row]
            return 2
        case .integer:
            let bits = UInt64(bitPattern: column.integers[row]) ^ (1 << 63)
            raw.storeBytes(of: bits.bigEndian, as: UInt64.self)
            return 9
        case .double:
            raw.storeBytes(of: ordered(column.doubles[row]).bigEndian, as: UInt64.self)
            return 9
        case .decimal:
            let bits = UInt128(bitPattern: column.decimals[row]) ^ (1 << 127)
            raw.storeBytes(of: bits.bigEndian, as: UInt128.self)
            return 17
        case .view:
            return writeString(column.strings[row], to: target + 1) + 1
        }
    }

    private static func zeroCount(_ text: StringView) -> Int {
        // Text hardly ever has one, which one call finds out.
        guard memchr(text.base, 0, text.count) != nil else { return 0 }
        return text.bytes.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
    }

    private static func writeString(
        _ text: StringView, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        guard memchr(text.base, 0, text.count) != nil else {
            memcpy(target, text.base, text.count)
            target[text.count] = 0
            return text.count + 1
        }
        var count = 0
        for byte in text.bytes {
            target[count] = byte
            count += 1
            if byte == 0 {
                target[count] = 0xff
                count += 1
            }
        }
        target[count] = 0
        return count + 1
    }

    static func ordered(_ value: Double) -> UInt64 {
        let plain = value == 0 ? 0.0 : value.isNaN ? Double.nan : value
        let bits = plain.bitPattern
        return bits >> 63 == 1 ? ~bits : bits | (1 << 63)
    }

    static func unordered(_ bits: UInt64) -> Double {
        Double(bitPattern: bits >> 63 == 1 ? bits & ~(1 << 63) : ~bits)
    }

    /// The values of keys again, one column for each type.
    ///
    /// - Parameters:
    ///   - keys: Views that ``encode(_:count:)`` made; the result points into what they point to.
    ///   - retained: The buffers that they lie in.
    /// - Returns: nil when a key is not one of these types: it comes from a damaged checkpoint.
    package func decode(_ keys: [StringView], retained: [Buffer]) -> [Column]? {
        if isOneString { return [decodeStrings(keys, retained)] }
        return decodeRows(keys, retained: retained)
    }

    /// Appends the value of one key, of one type, to a column.
    ///
    /// - Parameters:
    ///   - key: A view whose bytes live as long as the column.
    ///   - arena: Gets strings that are not in the key as they are.
    /// - Returns: Whether it is a key of the type.
    func appendValue(
        _ key: StringView, to builder: inout ColumnBuilder, arena: inout ByteArena
    ) -> Bool {
        guard !isOneString else {
            if key.count == 1 && key.base[0] == 0xff {
                builder.appendNull()
            } else {
                builder.append(view: key)
            }
            return true
        }
        var offset = 0
        return KeyCodec.read(key, &offset, into: &builder, &arena) && offset == key.count
    }

    /// Whether bytes from a checkpoint are a key of these types.
    package func isKey(_ key: StringView) -> Bool {
        if isOneString { return true }
        var offset = 0
        for type in types {
            guard offset < key.count, key.base[offset] <= 1 else { return false }
            let isThere = key.base[offset] == 1
            offset += 1
            guard isThere else { continue }
            switch type.storage {
            case .boolean: offset += 1
            case .integer, .double: offset += 8
            case .decimal: offset += 16
            case .view:
                guard let end = KeyCodec.stringEnd(key, offset) else { return false }
                offset = end.position + 1
            }
        }
        return offset == key.count
    }

    private func decodeStrings(_ keys: [StringView], _ retained: [Buffer]) -> Column {
        var builder = ColumnBuilder(type: .string, capacity: keys.count)
        for key in keys {
            if key.count == 1 && key.base[0] == 0xff {
                builder.appendNull()
            } else {
                builder.append(view: key)
            }
        }
        return builder.finish(retained: retained)
    }

    private static func read(
        _ key: StringView, _ offset: inout Int, into builder: inout ColumnBuilder,
        _ unescaped: inout ByteArena
    ) -> Bool {
        guard offset < key.count else { return false }
        let tag = key.base[offset]
        offset += 1
        if tag == 0 {
            builder.appendNull()
            return true
        }
        guard tag == 1 else { return false }
        let left = key.count - offset
        let raw = UnsafeRawPointer(key.base + offset)
        switch builder.storage {
        case .boolean:
            guard left >= 1 else { return false }
            builder.append(boolean: key.base[offset] != 0)
            offset += 1
        case .integer:
            guard left >= 8 else { return false }
            let bits = UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)) ^ (1 << 63)
            builder.append(integer: Int64(bitPattern: bits))
            offset += 8
        case .double:
            guard left >= 8 else { return false }
            builder.append(
                double: unordered(UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))))
            offset += 8
        case .decimal:
            guard left >= 16 else { return false }
            let bits = UInt128(bigEndian: raw.loadUnaligned(as: UInt128.self)) ^ (1 << 127)
            builder.append(decimal: Int128(bitPattern: bits))
            offset += 16
        case .view:
            guard let text = readString(key, &offset, &unescaped) else { return false }
            builder.append(view: text)
        }
        return true
    }

    static func readString(
        _ key: StringView, _ offset: inout Int, _ unescaped: inout ByteArena
    ) -> StringView? {
        guard let end = stringEnd(key, offset) else { return nil }
        let text = StringView(base: key.base + offset, count: end.position - offset)
        offset = end.position + 1
        return end.hasZeros ? unescape(text, into: &unescaped) : text
    }

    /// Where the zero byte that ends a string is, and whether the string has others.
    private static func stringEnd(
        _ key: StringView, _ start: Int
    ) -> (position: Int, hasZeros: Bool)? {
        var offset = start
        var hasZeros = false
        while let found = memchr(key.base + offset, 0, key.count - offset) {
            let position = UnsafeRawPointer(found) - UnsafeRawPointer(key.base)
            offset = position + 1
            guard offset < key.count && key.base[offset] == 0xff else {
                return (position, hasZeros)
            }
            hasZeros = true
            offset += 1
        }
        return nil
    }

    private static func unescape(
        _ text: StringView, into arena: inout ByteArena
    ) -> StringView {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: text.count) { copy in
            var count = 0
            var isAfterZero = false
            for byte in text.bytes {
                if !isAfterZero {
                    copy[count] = byte
                    count += 1
                }
                isAfterZero = byte == 0 && !isAfterZero
            }
            guard let base = copy.baseAddress else { return .empty }
            return arena.store(UnsafePointer(base), count: count)
        }
    }
}
