import CPrimitives
import Glibc

/// Decodes the data of one entry of a payload's directory.
struct ColumnDecoder {
    let part: RowBlockPart
    let entry: RowBlockEntry
    let rows: Int
    let buffer: Buffer
    /// The entry's bytes in the buffer.
    let range: Range<Int>

    init(
        _ part: RowBlockPart, _ entry: RowBlockEntry, rows: Int, _ buffer: Buffer,
        _ range: Range<Int>
    ) {
        self.part = part
        self.entry = entry
        self.rows = rows
        self.buffer = buffer
        self.range = range
    }

    /// The values as a column of `type`, which is that of the entry.
    func column(_ type: ColumnType) throws(RowBlockError) -> Column {
        if entry.encoding == .none {
            try expect(range.count, 0)
            if rows > 0 { return .nulls(type: type, count: rows) }
            return Column(type: type, count: 0, values: Buffer(capacity: 0))
        }
        let validity = try validity()
        let data = range.dropFirst(entry.validity == .bits ? (rows + 7) / 8 : 0)
        switch (type.storage, entry.encoding) {
        case (.boolean, .bits): return try booleans(data, validity)
        case (.integer, .frame):
            return try integers(type, data, validity)
        case (.integer, .delta):
            return try steps(type, data, validity)
        case (.double, .constant), (.double, .plain): return try doubles(data, validity)
        case (.decimal, .frame), (.decimal, .plain): return try decimals(type, data, validity)
        case (.view, .constant): return constantString(data, validity).retyped(type)
        case (.view, .plain): return try plainStrings(data, validity).retyped(type)
        case (.view, .dictionary): return try dictionaryStrings(data, validity).retyped(type)
        default:
            throw .init("\(part) of type \(type.name) has encoding \(entry.encoding.rawValue)")
        }
    }

    /// A byte a row.
    func bytes() throws(RowBlockError) -> Buffer {
        let result = Buffer(capacity: rows)
        switch entry.encoding {
        case .none:
            try expect(range.count, 0)
        case .constant:
            try expect(range.count, 1)
            memset(result.base, Int32(pointer(range)[0]), rows)
        case .plain:
            try expect(range.count, rows)
            memcpy(result.base, pointer(range), rows)
        default:
            throw .init("\(part) has encoding \(entry.encoding.rawValue)")
        }
        return result
    }

    // MARK: - What the types share

    /// Where some of the entry's bytes begin; behind them at least the buffer's padding follows.
    func pointer(_ data: Range<Int>) -> UnsafePointer<UInt8> {
        UnsafePointer(buffer.pointer(to: UInt8.self) + data.lowerBound)
    }

    func load<T: FixedWidthInteger>(_ data: Range<Int>, at offset: Int, as type: T.Type) -> T {
        let source = UnsafeRawPointer(pointer(data))
        return T(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    func expect(_ found: Int, _ expected: Int) throws(RowBlockError) {
        guard found == expected else {
            throw .init("\(part) has \(found) bytes of data and needs \(expected)")
        }
    }

    /// The width in the directory, if it is one of `allowed`.
    func width(_ allowed: [Int]) throws(RowBlockError) -> Int {
        guard allowed.contains(entry.width) else {
            throw .init("\(part) has a width of \(entry.width)")
        }
        return entry.width
    }

    /// One byte a row, nil when all values are there.
    private func validity() throws(RowBlockError) -> Buffer? {
        guard entry.validity == .bits else { return nil }
        let bytes = (rows + 7) / 8
        guard range.count >= bytes else {
            throw .init("\(part) has \(range.count) bytes of data and \(rows) rows")
        }
        return bits(range.prefix(bytes))
    }

    private func bits(_ data: Range<Int>) -> Buffer {
        // Whole words are written.
        let result = Buffer(capacity: (rows + 7) & ~7)
        cp_unpack_bits(pointer(data), result.pointer(to: UInt8.self), rows)
        return result
    }

    // MARK: - Numbers

    private func booleans(
        _ data: Range<Int>, _ validity: Buffer?
    ) throws(RowBlockError) -> Column {
        try expect(data.count, (rows + 7) / 8)
        let result = bits(data)
        if let validity {
            let target = result.pointer(to: UInt8.self)
            let isThere = validity.pointer(to: UInt8.self)
            for row in 0..<rows { target[row] &= isThere[row] }
        }
        return Column(type: .boolean, count: rows, values: result, validity: validity)
    }

    private func integers(
        _ type: ColumnType, _ data: Range<Int>, _ validity: Buffer?
    ) throws(RowBlockError) -> Column {
        let width = try width([0, 1, 2, 4, 8])
        try expect(data.count, 8 + width * rows)
        let result = Buffer(capacity: rows * 8)
        cp_unpack(
            pointer(data) + 8, Int32(width), load(data, at: 0, as: UInt64.self),
            result.pointer(to: UInt64.self), rows)
        return column(type, result, words: 1, validity)
    }

    private func steps(
        _ type: ColumnType, _ data: Range<Int>, _ validity: Buffer?
    ) throws(RowBlockError) -> Column {
        let width = try width([0, 1, 2, 4, 8])
        try expect(data.count, 16 + width * (rows - 1))
        let result = Buffer(capacity: rows * 8)
        cp_undelta(
            pointer(data) + 16, Int32(width), load(data, at: 0, as: UInt64.self),
            load(data, at: 8, as: UInt64.self), result.pointer(to: UInt64.self), rows)
        return column(type, result, words: 1, validity)
    }

    private func doubles(
        _ data: Range<Int>, _ validity: Buffer?
    ) throws(RowBlockError) -> Column {
        let result = Buffer(capacity: rows * 8)
        if entry.encoding == .constant {
            try expect(data.count, 8)
            cp_unpack(
                pointer(data), 0, load(data, at: 0, as: UInt64.self),
                result.pointer(to: UInt64.self), rows)
        } else {
            try expect(data.count, rows * 8)
            memcpy(result.base, pointer(data), rows * 8)
        }
        return column(.double, result, words: 1, validity)
    }

    private func decimals(
        _ type: ColumnType, _ data: Range<Int>, _ validity: Buffer?
    ) throws(RowBlockError) -> Column {
        let result = Buffer(capacity: rows * 16)
        if entry.encoding == .plain {
            try expect(data.count, rows * 16)
            memcpy(result.base, pointer(data), rows * 16)
        } else {
            let width = try width([0, 1, 2, 4, 8])
            try expect(data.count, 16 + width * rows)
            cp_unpack_wide(
                pointer(data) + 16, Int32(width), load(data, at: 0, as: UInt64.self),
                load(data, at: 8, as: UInt64.self), result.pointer(to: UInt64.self), rows)
        }
        return column(type, result, words: 2, validity)
    }

    /// A column of values of `words` words, made zero where they are null.
    private func column(
        _ type: ColumnType, _ values: Buffer, words: Int, _ validity: Buffer?
    ) -> Column {
        if let validity {
            cp_clear_nulls(
                values.pointer(to: UInt64.self), words, validity.pointer(to: UInt8.self), rows)
        }
        return Column(type: type, count: rows, values: values, validity: validity)
    }
}
