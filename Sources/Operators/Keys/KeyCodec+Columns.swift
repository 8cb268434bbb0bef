import Glibc

/// Whole columns at a time: the type is looked at once a column, and nothing is counted per value.
///
/// Rows of joins and of `top` go through here twice.
extension KeyCodec {
    /// How the values of a type lie in a key.
    private enum Shape {
        case boolean, integer, double, decimal, text

        init(_ type: ColumnType) {
            switch type.stride {
            case 1: self = .boolean
            case 8: self = type == .double ? .double : .integer
            default: if case .decimal = type { self = .decimal } else { self = .text }
            }
        }

        /// Bytes of a value with its tag; 0 where that depends on the value.
        var byteCount: Int {
            switch self {
            case .boolean: return 2
            case .integer, .double: return 9
            case .decimal: return 17
            case .text: return 0
            }
        }
    }

    /// The keys of `count` rows of any columns.
    func encodeRows(_ columns: [Column], count: Int) -> Column {
        let starts = Buffer(capacity: (count + 1) * 8)
        let start = starts.pointer(to: Int.self)
        start.initialize(repeating: 0, count: count + 1)
        var fixed = 0
        var zeros: [Bool] = []
        for column in columns {
            let shape = Shape(column.type)
            var hasZeros = false
            if shape == .text {
                hasZeros = KeyCodec.addTextSizes(column, count, to: start)
            } else if let validity = column.validityPointer {
                let size = shape.byteCount
                for row in 0..<count { start[row] += validity[row] == 0 ? 1 : size }
            } else {
                fixed += shape.byteCount
            }
            zeros.append(hasZeros)
        }
        var next = 0
        for row in 0..<count {
            let size = start[row] + fixed
            start[row] = next
            next += size
        }
        start[count] = next
        let storage = Buffer(capacity: next)
        let bytes = storage.pointer(to: UInt8.self)
        let cursors = Buffer(capacity: count * 8)
        let cursor = cursors.pointer(to: Int.self)
        cursor.update(from: start, count: count)
        for (column, hasZeros) in zip(columns, zeros) {
            KeyCodec.write(column, count, hasZeros: hasZeros, to: bytes, at: cursor)
        }
        let values = Buffer(capacity: count * 16)
        let views = values.pointer(to: StringView.self)
        for row in 0..<count {
            views[row] = StringView(base: bytes + start[row], count: start[row + 1] - start[row])
        }
        return Column(type: .string, count: count, values: values, retained: [storage])
    }

    /// - Returns: Whether a text has zero bytes, which it hardly ever has.
    private static func addTextSizes(
        _ column: Column, _ count: Int, to sizes: UnsafeMutablePointer<Int>
    ) -> Bool {
        let texts = column.strings
        let validity = column.validityPointer
        var hasZeros = false
        for row in 0..<count {
            if let validity, validity[row] == 0 {
                sizes[row] += 1
                continue
            }
            let text = texts[row]
            var size = text.count + 2
            if text.count > 0, memchr(text.base, 0, text.count) != nil {
                hasZeros = true
                for byte in text.bytes where byte == 0 { size += 1 }
            }
            sizes[row] += size
        }
        return hasZeros
    }

    /// Writes a column's values where the cursors are, and moves these behind them.
    private static func write(
        _ column: Column, _ count: Int, hasZeros: Bool, to bytes: UnsafeMutablePointer<UInt8>,
        at cursor: UnsafeMutablePointer<Int>
    ) {
        let shape = Shape(column.type)
        guard column.validity == nil, !hasZeros else {
            for row in 0..<count { cursor[row] += write(column, row, to: bytes + cursor[row]) }
            return
        }
        switch shape {
        case .boolean:
            let values = column.booleans
            for row in 0..<count {
                bytes[cursor[row]] = 1
                bytes[cursor[row] + 1] = values[row]
                cursor[row] += 2
            }
        case .integer:
            let values = column.integers
            for row in 0..<count {
                let target = bytes + cursor[row]
                target[0] = 1
                let bits = UInt64(bitPattern: values[row]) ^ (1 << 63)
                UnsafeMutableRawPointer(target + 1).storeBytes(of: bits.bigEndian, as: UInt64.self)
                cursor[row] += 9
            }
        case .text:
            let texts = column.strings
            for row in 0..<count {
                let target = bytes + cursor[row]
                let text = texts[row]
                target[0] = 1
                memcpy(target + 1, text.base, text.count)
                target[text.count + 1] = 0
                cursor[row] += text.count + 2
            }
        case .double, .decimal:
            for row in 0..<count { cursor[row] += write(column, row, to: bytes + cursor[row]) }
        }
    }

    /// The values of keys that are not of one string; nil when one is not of these types.
    func decodeRows(_ keys: [StringView], retained: [Buffer]) -> [Column]? {
        keys.withUnsafeBufferPointer { keys -> [Column]? in
            guard let key = keys.baseAddress else {
                return types.map { ColumnBuilder(type: $0, capacity: 0).finish() }
            }
            let offsets = Buffer(capacity: keys.count * 8)
            let offset = offsets.pointer(to: Int.self)
            offset.initialize(repeating: 0, count: keys.count)
            var columns: [Column] = []
            for type in types {
                guard
                    let column = KeyCodec.readColumn(type, key, keys.count, offset, retained)
                else { return nil }
                columns.append(column)
            }
            for row in 0..<keys.count where offset[row] != key[row].count { return nil }
            return columns
        }
    }

    private static func readColumn(
        _ type: ColumnType, _ keys: UnsafePointer<StringView>, _ count: Int,
        _ offset: UnsafeMutablePointer<Int>, _ retained: [Buffer]
    ) -> Column? {
        let values = Buffer(capacity: count * type.stride)
        var validity: Buffer?
        switch Shape(type) {
        case .integer:
            let target = values.pointer(to: Int64.self)
            guard
                read(
                    keys, count, offset, 8, &validity, ifNull: { target[$0] = 0 },
                    {
                        let bits = UInt64(bigEndian: $1.loadUnaligned(as: UInt64.self))
                        target[$0] = Int64(bitPattern: bits ^ (1 << 63))
                    })
            else { return nil }
        case .double:
            let target = values.pointer(to: Double.self)
            guard
                read(
                    keys, count, offset, 8, &validity, ifNull: { target[$0] = 0 },
                    { target[$0] = unordered(UInt64(bigEndian: $1.loadUnaligned(as: UInt64.self))) }
                )
            else { return nil }
        case .boolean:
            let target = values.pointer(to: UInt8.self)
            guard
                read(
                    keys, count, offset, 1, &validity, ifNull: { target[$0] = 0 },
                    { target[$0] = $1.load(as: UInt8.self) != 0 ? 1 : 0 })
            else { return nil }
        case .decimal:
            let target = values.pointer(to: Int128.self)
            guard
                read(
                    keys, count, offset, 16, &validity, ifNull: { target[$0] = 0 },
                    {
                        let bits = UInt128(bigEndian: $1.loadUnaligned(as: UInt128.self))
                        target[$0] = Int128(bitPattern: bits ^ (1 << 127))
                    })
            else { return nil }
        case .text:
            let target = values.pointer(to: StringView.self)
            guard let more = readTexts(keys, count, offset, &validity, into: target) else {
                return nil
            }
            return Column(
                type: type, count: count, values: values, validity: validity,
                retained: retained + more)
        }
        return Column(type: type, count: count, values: values, validity: validity)
    }

    /// Reads values of one length.
    @inline(__always)
    private static func read(
        _ keys: UnsafePointer<StringView>, _ count: Int, _ offset: UnsafeMutablePointer<Int>,
        _ byteCount: Int, _ validity: inout Buffer?, ifNull: (Int) -> Void,
        _ take: (Int, UnsafeRawPointer) -> Void
    ) -> Bool {
        for row in 0..<count {
            let key = keys[row]
            let place = offset[row]
            guard place < key.count else { return false }
            if key.base[place] == 1 {
                guard key.count - place > byteCount else { return false }
                take(row, UnsafeRawPointer(key.base + place + 1))
                offset[row] = place + 1 + byteCount
            } else {
                guard key.base[place] == 0 else { return false }
                ifNull(row)
                noteNull(row, count, &validity)
                offset[row] = place + 1
            }
        }
        return true
    }

    @inline(never)
    private static func noteNull(_ row: Int, _ count: Int, _ validity: inout Buffer?) {
        let buffer = validity ?? Buffer(capacity: count)
        if validity == nil {
            memset(buffer.base, 1, count)
            validity = buffer
        }
        buffer.pointer(to: UInt8.self)[row] = 0
    }

    /// - Returns: The buffers of texts that had zero bytes; nil for keys that are none.
    private static func readTexts(
        _ keys: UnsafePointer<StringView>, _ count: Int, _ offset: UnsafeMutablePointer<Int>,
        _ validity: inout Buffer?, into target: UnsafeMutablePointer<StringView>
    ) -> [Buffer]? {
        let empty = StringView.empty
        var unescaped = ByteArena(firstBlockBytes: 512)
        for row in 0..<count {
            let key = keys[row]
            let place = offset[row]
            guard place < key.count else { return nil }
            guard key.base[place] == 1 else {
                guard key.base[place] == 0 else { return nil }
                target[row] = empty
                noteNull(row, count, &validity)
                offset[row] = place + 1
                continue
            }
            guard let found = memchr(key.base + place + 1, 0, key.count - place - 1) else {
                return nil
            }
            let end = UnsafeRawPointer(found) - UnsafeRawPointer(key.base)
            if end + 1 < key.count, key.base[end + 1] == 0xff {
                var next = place + 1
                guard let text = readString(key, &next, &unescaped) else { return nil }
                target[row] = text
                offset[row] = next
            } else {
                target[row] = StringView(base: key.base + place + 1, count: end - place - 1)
                offset[row] = end + 1
            }
        }
        return unescaped.blocks
    }
}
