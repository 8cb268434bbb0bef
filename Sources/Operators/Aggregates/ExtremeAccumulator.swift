/// `min` and `max` of fixed-width values. Append-only input: a value that left could not be undone.
final class ExtremeAccumulator<Value: BitwiseCopyable>: Accumulator {
    /// How one type is compared, read from a column, and kept.
    struct Kind {
        var type: ColumnType
        var zero: Value
        var isLess: (Value, Value) -> Bool
        var values: (Column) -> UnsafeMutablePointer<Value>
        var append: (inout ColumnBuilder, Value) -> Void
        var write: (Value, inout [UInt8]) -> Void
        var read: (inout ByteReader) -> Value?
    }

    private let values: GroupArray<Value>
    private let isSet = GroupArray<UInt8>(0)
    private let kind: Kind
    private let isMaximum: Bool

    init(_ kind: Kind, isMaximum: Bool) {
        self.kind = kind
        self.isMaximum = isMaximum
        self.values = GroupArray(kind.zero)
    }

    func reserve(_ count: Int) {
        values.reserve(count)
        isSet.reserve(count)
    }

    func reset(_ group: Int) {
        values.reset(group)
        isSet.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let source = kind.values(argument)
        let validity = argument.validityPointer
        let values = values.base
        let isSet = isSet.base
        let isLess = kind.isLess
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 { continue }
            if let validity, validity[row] == 0 { continue }
            let value = source[row]
            if isSet[group] == 0 {
                isSet[group] = 1
                values[group] = value
            } else if isMaximum ? isLess(values[group], value) : isLess(value, values[group]) {
                values[group] = value
            }
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: kind.type, capacity: groups.count)
        for group in groups {
            if isSet.base[Int(group)] == 0 {
                builder.appendNull()
            } else {
                kind.append(&builder, values.base[Int(group)])
            }
        }
        return builder.finish()
    }

    func merge(_ source: Int, into target: Int) {
        guard isSet.base[source] != 0 else { return }
        let (old, new) = (values.base[target], values.base[source])
        let isBetter = isMaximum ? kind.isLess(old, new) : kind.isLess(new, old)
        if isSet.base[target] == 0 || isBetter { values.base[target] = new }
        isSet.base[target] = 1
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(isSet.base[group])
        if isSet.base[group] != 0 { kind.write(values.base[group], &bytes) }
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let flag = reader.read(UInt8.self) else { return false }
        isSet.base[group] = flag
        if flag == 0 { return true }
        guard let value = kind.read(&reader) else { return false }
        values.base[group] = value
        return true
    }
}

extension ExtremeAccumulator where Value == Int64 {
    convenience init(integers type: ColumnType, isMaximum: Bool) {
        self.init(
            Kind(
                type: type, zero: 0, isLess: { $0 < $1 }, values: { $0.integers },
                append: { $0.append(integer: $1) }, write: { $1.append(littleEndian: $0) },
                read: { $0.read(Int64.self) }),
            isMaximum: isMaximum)
    }
}

extension ExtremeAccumulator where Value == Double {
    /// NaN counts as greater than every other number, as in PostgreSQL.
    convenience init(doublesMaximum isMaximum: Bool) {
        self.init(
            Kind(
                type: .double, zero: 0, isLess: { $1.isNaN ? !$0.isNaN : $0 < $1 },
                values: { $0.doubles }, append: { $0.append(double: $1) },
                write: { $1.append(littleEndian: $0.bitPattern) },
                read: { $0.read(UInt64.self).map { Double(bitPattern: $0) } }),
            isMaximum: isMaximum)
    }
}

extension ExtremeAccumulator where Value == Int128 {
    convenience init(decimals type: ColumnType, isMaximum: Bool) {
        self.init(
            Kind(
                type: type, zero: 0, isLess: { $0 < $1 }, values: { $0.decimals },
                append: { $0.append(decimal: $1) }, write: { $1.append(littleEndian: $0) },
                read: { $0.read(Int128.self) }),
            isMaximum: isMaximum)
    }
}

extension ExtremeAccumulator where Value == UInt8 {
    convenience init(booleansMaximum isMaximum: Bool) {
        self.init(
            Kind(
                type: .boolean, zero: 0, isLess: { $0 < $1 }, values: { $0.booleans },
                append: { $0.append(boolean: $1 != 0) }, write: { $1.append($0) },
                read: { $0.read(UInt8.self) }),
            isMaximum: isMaximum)
    }
}

/// `min` and `max` of strings, compared as bytes.
final class StringExtremeAccumulator: Accumulator {
    private var values: [[UInt8]?] = []
    private let type: ColumnType
    private let isMaximum: Bool

    init(type: ColumnType, isMaximum: Bool) {
        self.type = type
        self.isMaximum = isMaximum
    }

    func reserve(_ count: Int) {
        if count > values.count {
            values.append(contentsOf: Array(repeating: nil, count: count - values.count))
        }
    }

    func reset(_ group: Int) { values[group] = nil }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let source = argument.strings
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || argument.isNull(row) { continue }
            let value = source[row]
            if let known = values[group] {
                let order = known.withUnsafeBufferPointer { bytes -> Int in
                    guard let base = bytes.baseAddress else { return -value.count }
                    return StringView.compare(StringView(base: base, count: bytes.count), value)
                }
                if isMaximum ? order >= 0 : order <= 0 { continue }
            }
            values[group] = Array(value.bytes)
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var arena = ByteArena()
        var builder = ColumnBuilder(type: type, capacity: groups.count)
        for group in groups {
            guard let value = values[Int(group)] else {
                builder.appendNull()
                continue
            }
            value.withUnsafeBufferPointer { bytes in
                guard let base = bytes.baseAddress else { return builder.append(view: .empty) }
                builder.append(view: arena.store(base, count: bytes.count))
            }
        }
        return builder.finish(retained: arena.blocks)
    }

    func merge(_ source: Int, into target: Int) {
        guard let new = values[source] else { return }
        if let old = values[target] {
            let (less, more) = isMaximum ? (old, new) : (new, old)
            guard less.lexicographicallyPrecedes(more) else { return }
        }
        values[target] = new
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        guard let value = values[group] else { return bytes.append(0) }
        bytes.append(1)
        bytes.append(littleEndian: UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let flag = reader.read(UInt8.self) else { return false }
        if flag == 0 { return true }
        guard let count = reader.read(UInt32.self), let bytes = reader.readBytes(Int(count)) else {
            return false
        }
        values[group] = Array(bytes)
        return true
    }
}
