import Config
import Operators
import Store

/// What the store keeps of a topic besides its rows: the `topic:` document, or what its first writer
/// implied. Opaque bytes to Store.
package struct TopicDefinition: Hashable, Sendable {
    package var mode: TopicSpec.Mode
    /// Names of the key's columns.
    package var key: [String]?
    package var retention: TopicSpec.Retention
    package var compaction: TopicSpec.Compaction?
    package var evolution: TopicSpec.Evolution
    package var eventTime: String?
    package var description: String?
    package var owner: String?
    /// Whether a document says all this; otherwise a writer implied it.
    package var isDocumented: Bool
    /// How rows that come as text are read; empty: each column by its name.
    package var fields: [FieldSpec]

    package init(_ spec: TopicSpec, isDocumented: Bool) {
        mode = spec.mode
        key = spec.keyNames
        retention = spec.retention
        compaction = spec.compaction
        evolution = spec.evolution
        eventTime = spec.eventTime
        description = spec.description
        owner = spec.owner
        self.isDocumented = isDocumented
        fields = spec.fields
    }

    private static let version: UInt8 = 1

    var encoded: [UInt8] {
        var writer = TokenWriter()
        writer.append(Self.version)
        writer.append(UInt8(isDocumented ? 1 : 0))
        writer.append(mode.rawValue)
        writer.append(evolution.rawValue)
        writer.append(key ?? [], isThere: key != nil) { $0.append($1) }
        writer.append(optional: retention.timeMicros)
        writer.append(optional: retention.bytes)
        writer.append(optional: compaction?.withinMicros)
        writer.append(optional: compaction?.tombstonesMicros)
        for text in [eventTime, description, owner] {
            writer.append([text].compactMap(\.self), isThere: text != nil) { $0.append($1) }
        }
        writer.append(fields, isThere: true) { $0.append($1) }
        return writer.bytes
    }

    init?(_ bytes: [UInt8]) {
        var reader = TokenReader(bytes)
        guard reader.read(UInt8.self) == Self.version, let documented = reader.read(UInt8.self),
            let mode = reader.readString().flatMap(TopicSpec.Mode.init(rawValue:)),
            let evolution = reader.readString().flatMap(TopicSpec.Evolution.init(rawValue:)),
            let key = reader.readList({ $0.readString() }),
            let time = reader.readOptional(), let size = reader.readOptional(),
            let within = reader.readOptional(), let tombstones = reader.readOptional(),
            let eventTime = reader.readList({ $0.readString() }),
            let description = reader.readList({ $0.readString() }),
            let owner = reader.readList({ $0.readString() }),
            let fields = reader.readList({ $0.readField() }), reader.isAtEnd
        else { return nil }
        self.mode = mode
        self.evolution = evolution
        self.key = key
        retention = TopicSpec.Retention(timeMicros: time, bytes: size)
        if let within, let tombstones {
            compaction = TopicSpec.Compaction(
                withinMicros: within, tombstonesMicros: tombstones)
        }
        self.eventTime = eventTime?.first
        self.description = description?.first
        self.owner = owner?.first
        isDocumented = documented == 1
        self.fields = fields ?? []
    }
}

/// The columns that rows of a topic were written with. Opaque bytes to Store, one a version.
enum StoredSchema {
    private static let version: UInt8 = 1

    static func encode(_ schema: Schema) -> [UInt8] {
        var writer = TokenWriter()
        writer.append(version)
        writer.append(schema.fields, isThere: true) { writer, field in
            writer.append(field.name)
            writer.append(field.type)
        }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) -> Schema? {
        var reader = TokenReader(bytes)
        guard reader.read(UInt8.self) == version,
            let fields = reader.readList({ reader -> Field? in
                guard let name = reader.readString(), let type = reader.readType() else {
                    return nil
                }
                return Field(name, type)
            }), let fields, reader.isAtEnd
        else { return nil }
        return Schema(fields)
    }
}

extension TokenWriter {
    mutating func append(_ type: ColumnType) {
        switch type {
        case .boolean: append(UInt8(1))
        case .bigint: append(UInt8(2))
        case .double: append(UInt8(3))
        case .string: append(UInt8(4))
        case .timestamp: append(UInt8(5))
        case .interval: append(UInt8(6))
        case .decimal(let precision, let scale):
            append(UInt8(7))
            append(UInt8(precision))
            append(UInt8(scale))
        case .date: append(UInt8(8))
        case .bytes: append(UInt8(9))
        case .json: append(UInt8(10))
        case .array(let element):
            append(UInt8(11))
            append(element)
        case .structure(let fields):
            append(UInt8(12))
            append(UInt32(fields.count))
            for field in fields {
                append(field.name)
                append(field.type)
            }
        }
    }

    fileprivate mutating func append<T>(
        _ list: [T], isThere: Bool, _ element: (inout TokenWriter, T) -> Void
    ) {
        append(UInt8(isThere ? 1 : 0))
        append(UInt32(list.count))
        for value in list { element(&self, value) }
    }

    fileprivate mutating func append(optional value: Int64?) {
        append(UInt8(value == nil ? 0 : 1))
        append(value ?? 0)
    }

    fileprivate mutating func append(_ field: FieldSpec) {
        append(field.name)
        append(field.type)
        append(field.path, isThere: true) { $0.append($1) }
        append(UInt8(field.isRequired ? 1 : 0))
        append(UInt32(field.ordinal))
        switch field.timestamp {
        case .rfc3339: append(UInt8(0))
        case .integer(let units):
            append(UInt8(1))
            append(units)
        case .pattern(let pattern):
            append(UInt8(2))
            append(pattern)
        }
        switch field.defaultValue {
        case .boolean(let value)?:
            append(UInt8(1))
            append(UInt8(value ? 1 : 0))
        case .bigint(let value)?:
            append(UInt8(2))
            append(value)
        case .double(let value)?:
            append(UInt8(3))
            append(value.bitPattern)
        case .string(let bytes)?:
            append(UInt8(4))
            append(bytes)
        case .timestamp(let value)?:
            append(UInt8(5))
            append(value)
        case .decimal(let unscaled, let scale)?:
            append(UInt8(6))
            append(unscaled)
            append(UInt8(scale))
        default: append(UInt8(0))
        }
    }
}

extension TokenReader {
    /// - Parameter depth: Arrays and structs around it.
    mutating func readType(depth: Int = 0) -> ColumnType? {
        guard depth <= ColumnType.depthMax else { return nil }
        switch read(UInt8.self) {
        case 1: return .boolean
        case 2: return .bigint
        case 3: return .double
        case 4: return .string
        case 5: return .timestamp
        case 6: return .interval
        case 7:
            guard let precision = read(UInt8.self), let scale = read(UInt8.self) else { return nil }
            return .decimal(precision: Int(precision), scale: Int(scale))
        case 8: return .date
        case 9: return .bytes
        case 10: return .json
        case 11: return readType(depth: depth + 1).map { .array($0) }
        case 12: return readStructure(depth: depth + 1)
        default: return nil
        }
    }

    private mutating func readStructure(depth: Int) -> ColumnType? {
        guard let count = read(UInt32.self), count > 0 else { return nil }
        var fields: [Field] = []
        for _ in 0..<count {
            guard let name = readString(), let type = readType(depth: depth) else { return nil }
            fields.append(Field(name, type))
        }
        return .structure(fields)
    }

    /// nil: not readable; `.some(nil)`: a list that is not there.
    fileprivate mutating func readList<T>(_ element: (inout TokenReader) -> T?) -> [T]?? {
        guard let isThere = read(UInt8.self), let count = read(UInt32.self) else { return nil }
        var list: [T] = []
        for _ in 0..<count {
            guard let value = element(&self) else { return nil }
            list.append(value)
        }
        return .some(isThere == 1 ? list : nil)
    }

    fileprivate mutating func readOptional() -> Int64?? {
        guard let isThere = read(UInt8.self), let value = read(Int64.self) else { return nil }
        return .some(isThere == 1 ? value : nil)
    }

    fileprivate mutating func readField() -> FieldSpec? {
        guard let name = readString(), let type = readType(),
            let path = readList({ $0.readString() }), let path,
            let required = read(UInt8.self), let ordinal = read(UInt32.self),
            let timestamp = readTimestampEncoding(), let defaultValue = readDefault()
        else { return nil }
        return FieldSpec(
            name: name, type: type, path: path, defaultValue: defaultValue,
            isRequired: required == 1, timestamp: timestamp, ordinal: Int(ordinal))
    }

    private mutating func readTimestampEncoding() -> FieldSpec.TimestampEncoding? {
        switch read(UInt8.self) {
        case 0: return .rfc3339
        case 1: return read(Int64.self).map { .integer(unitsPerSecond: $0) }
        case 2: return readString().map { .pattern($0) }
        default: return nil
        }
    }

    private mutating func readDefault() -> Literal?? {
        switch read(UInt8.self) {
        case 0: return .some(nil)
        case 1: return read(UInt8.self).map { .some(.boolean($0 == 1)) }
        case 2: return read(Int64.self).map { .some(.bigint($0)) }
        case 3: return read(UInt64.self).map { .some(.double(Double(bitPattern: $0))) }
        case 4: return readBytes().map { .some(.string($0)) }
        case 5: return read(Int64.self).map { .some(.timestamp($0)) }
        case 6:
            guard let unscaled = read(Int128.self), let scale = read(UInt8.self) else { return nil }
            return .some(.decimal(unscaled: unscaled, scale: Int(scale)))
        default: return nil
        }
    }
}
