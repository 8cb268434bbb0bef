import Glibc

/// Reads JSON text as a value of a type: what `CAST(… AS array<bigint>)` and sources do.
///
/// Numbers must be exact: `1.0` is a bigint and `1.5` none, a decimal keeps every digit or is
/// refused (it may stand in quotes, too). Timestamps are RFC 3339 text, dates `2026-01-31`, bytes
/// base64. A struct takes the fields that it has, by name, null where the object has none such; of a
/// key that comes twice the last value counts. `json` takes any value as it stands.
package struct JSONReading {
    private let type: ColumnType
    private var writer = NestedWriter()
    private var text: [UInt8] = []

    package init(_ type: ColumnType) { self.type = type }

    /// The bytes of the value, for types that are stored as bytes; valid until the next call.
    ///
    /// - Parameter source: One JSON value with white space around it at most. JSON's null is no
    ///   value of a type but `json`: the caller looks for it.
    /// - Returns: nil when it is no JSON or of another type.
    /// - Complexity: O(bytes).
    package mutating func bytes(_ source: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var cursor = JSONCursor(source)
        writer.bytes.removeAll(keepingCapacity: true)
        switch type {
        case .string, .bytes:
            cursor.skipSpace()
            guard let found = cursor.string(), cursor.isAtEnd() else { return nil }
            return self.text(found, of: type)
        case .json:
            guard let range = cursor.value(), cursor.isAtEnd() else { return nil }
            return Array(source[range])
        default:
            guard read(&cursor, type, depth: 0), cursor.isAtEnd() else { return nil }
            return writer.bytes
        }
    }

    private func text(_ string: JSONString, of type: ColumnType) -> [UInt8]? {
        var decoded: [UInt8] = []
        string.decode(into: &decoded)
        guard type == .bytes else { return decoded }
        return decoded.withUnsafeBufferPointer { Base64.decode($0) }
    }

    /// Takes a value, or null, with the tag before it.
    private mutating func readElement(
        _ cursor: inout JSONCursor, _ type: ColumnType, depth: Int
    ) -> Bool {
        cursor.skipSpace()
        if cursor.byte == 0x6e {
            writer.appendNull()
            return cursor.word("null")
        }
        writer.beginValue()
        return read(&cursor, type, depth: depth)
    }

    private mutating func read(
        _ cursor: inout JSONCursor, _ type: ColumnType, depth: Int
    ) -> Bool {
        cursor.skipSpace()
        switch type {
        case .boolean:
            let isTrue = cursor.byte == 0x74
            writer.append(boolean: isTrue)
            return isTrue ? cursor.word("true") : cursor.word("false")
        case .bigint:
            guard let digits = cursor.number(),
                let value = Decimal38.exact(digits, precision: 19, scale: 0),
                let integer = Int64(exactly: value)
            else { return false }
            writer.append(integer: integer)
        case .double:
            guard let digits = cursor.number(), let value = JSONReading.double(digits) else {
                return false
            }
            writer.append(double: value)
        case .decimal(let precision, let scale):
            guard let digits = decimalDigits(&cursor) else { return false }
            let value = digits.withUnsafeBufferPointer {
                Decimal38.exact($0, precision: precision, scale: scale)
            }
            guard let value else { return false }
            writer.append(decimal: value)
        case .timestamp, .date:
            guard let string = cursor.string(), !string.hasEscape else { return false }
            let value =
                type == .date
                ? CalendarDay.parse(string.bytes) : Timestamp.parseRFC3339(string.bytes)
            guard let value else { return false }
            writer.append(integer: value)
        case .string, .bytes:
            guard let string = cursor.string(), let bytes = text(string, of: type) else {
                return false
            }
            bytes.withUnsafeBufferPointer { writer.append(text: $0) }
        case .json:
            guard let range = cursor.value(depth: depth) else { return false }
            writer.append(text: UnsafeBufferPointer(rebasing: cursor.bytes[range]))
        case .array(let element):
            return readElements(&cursor, element, depth: depth)
        case .structure(let fields):
            return readFields(&cursor, fields, depth: depth)
        case .interval:
            return false
        }
        return true
    }

    private mutating func readElements(
        _ cursor: inout JSONCursor, _ element: ColumnType, depth: Int
    ) -> Bool {
        guard depth < JSONCursor.depthMax, cursor.take(0x5b) else { return false }
        if !cursor.take(0x5d) {
            repeat {
                guard readElement(&cursor, element, depth: depth + 1) else { return false }
            } while cursor.take(0x2c)
            guard cursor.take(0x5d) else { return false }
        }
        writer.endArray()
        return true
    }

    /// Finds each field's last value first, because fields have an order and keys have none.
    private mutating func readFields(
        _ cursor: inout JSONCursor, _ fields: [Field], depth: Int
    ) -> Bool {
        var places = [Int](repeating: -1, count: fields.count)
        let isWhole = cursor.members(depth: depth) { cursor, key in
            cursor.skipSpace()
            let place = cursor.offset
            for (index, field) in fields.enumerated() where key.equals(field.name.utf8) {
                places[index] = place
            }
            return cursor.skipValue(depth: depth + 1)
        }
        guard isWhole else { return false }
        for (index, field) in fields.enumerated() {
            guard places[index] >= 0 else {
                writer.appendNull()
                continue
            }
            var value = cursor
            value.offset = places[index]
            guard readElement(&value, field.type, depth: depth + 1) else { return false }
        }
        return true
    }

    private func decimalDigits(_ cursor: inout JSONCursor) -> [UInt8]? {
        guard cursor.byte == 0x22 else { return cursor.number().map { Array($0) } }
        return cursor.string().flatMap { $0.hasEscape ? nil : Array($0.bytes) }
    }

    /// A double, correctly rounded; nil when it is too large for one.
    private static func double(_ digits: UnsafeBufferPointer<UInt8>) -> Double? {
        if let value = NumberText.double(digits) { return value.isFinite ? value : nil }
        // What is too small for a double is 0, as in every JSON reader.
        guard let parts = NumberText.decimalParts(digits), parts.exponent < 0 else { return nil }
        return parts.isNegative ? -0.0 : 0.0
    }
}
