/// Reads the payload of one block, only the columns that are asked for.
///
/// Whatever the bytes are, they give columns as ``Column`` describes them or an error; nothing is
/// read outside of the payload but the padding behind its buffer. What is not checked: that strings
/// are UTF-8, that decimals are within their precision, that times are in a calendar.
package struct RowBlockReader: Sendable {
    package let rowCount: Int
    package let appendedAt: Int64
    package let watermark: Int64
    package let watermarkAfter: Int64
    package let schemaVersion: UInt32
    package let columnTypes: [ColumnType]
    /// The column that the rowtime equals, so that it need not be decoded twice; nil if none.
    package let rowtimeColumn: Int?

    private let buffer: Buffer
    private let start: Int
    private let flags: UInt8
    /// Columns, rowtime, and the sections that the flags name.
    private let entries: [RowBlockEntry]

    /// Reads the head and the directory of a payload; believes no length it has not checked.
    ///
    /// - Parameters:
    ///   - buffer: Holds the payload, and is retained.
    ///   - range: The payload's bytes in it.
    /// - Complexity: O(columns), whatever the rows; two arrays.
    package init(_ buffer: Buffer, _ range: Range<Int>) throws(RowBlockError) {
        guard range.lowerBound >= 0 && range.upperBound <= buffer.capacity else {
            throw .init("bytes \(range) are not in a buffer of \(buffer.capacity)")
        }
        guard range.count >= RowBlockFormat.headBytes else { throw .noHead(range.count) }
        var head = LittleEndianBytes(buffer, range)
        let version = head.next(UInt8.self)
        guard version == RowBlockFormat.version else { throw .version(version) }
        flags = head.next(UInt8.self)
        guard flags <= RowBlockFormat.flagsMax else { throw .init("its flags are \(flags)") }
        let columnCount = Int(head.next(UInt16.self))
        let rows = Int(head.next(UInt32.self))
        guard rows <= RowBlockFormat.rowsMax else {
            throw .init("it claims \(rows) rows, more than \(RowBlockFormat.rowsMax)")
        }
        rowCount = rows
        appendedAt = head.next(Int64.self)
        watermark = head.next(Int64.self)
        watermarkAfter = head.next(Int64.self)
        schemaVersion = head.next(UInt32.self)
        let total = Int(head.next(UInt32.self))
        guard total == range.count else {
            throw .init("it claims \(total) bytes and has \(range.count)")
        }
        let entryCount = columnCount + 1 + flags.nonzeroBitCount
        let dataStart = RowBlockFormat.headBytes + entryCount * RowBlockFormat.entryBytes
        guard dataStart <= total else {
            throw .init("its directory of \(entryCount) entries does not fit \(total) bytes")
        }
        var entries: [RowBlockEntry] = []
        entries.reserveCapacity(entryCount)
        for index in 0..<entryCount {
            entries.append(
                try RowBlockReader.entry(
                    from: &head, RowBlockPart(index, columnCount: columnCount, flags: flags),
                    rows: rows, data: dataStart..<total))
        }
        var types: [ColumnType] = []
        types.reserveCapacity(columnCount)
        for (index, entry) in entries.prefix(columnCount).enumerated() {
            types.append(try entry.columnType(.column(index)))
        }
        columnTypes = types
        rowtimeColumn = try RowBlockReader.rowtimeColumn(entries, columnCount: columnCount)
        self.entries = entries
        self.buffer = buffer
        start = range.lowerBound
    }

    /// Decodes one column. Strings are views into the buffer, which the column retains.
    ///
    /// - Parameter index: In `columnTypes.indices`.
    /// - Complexity: O(rows); one buffer, two with nulls, three with a dictionary.
    package func column(_ index: Int) throws(RowBlockError) -> Column {
        try decoder(.column(index), entries[index]).column(columnTypes[index])
    }

    /// Decodes the event times: type `timestamp`, no nulls.
    package func rowtime() throws(RowBlockError) -> Column {
        if let rowtimeColumn { return try column(rowtimeColumn) }
        return try decoder(.rowtime, entries[columnTypes.count]).column(.timestamp)
    }

    /// Decodes what each row does, UInt8 a row; nil when all are 0.
    package func operations() throws(RowBlockError) -> Buffer? {
        guard let entry = section(RowBlockFormat.hasOperations) else { return nil }
        return try decoder(.operations, entry).bytes()
    }

    /// Decodes the writer's watermark before each row, Int64 a row; nil when no row is behind.
    package func rowWatermarks() throws(RowBlockError) -> Buffer? {
        guard let entry = section(RowBlockFormat.hasRowWatermarks) else { return nil }
        return try decoder(.rowWatermarks, entry).column(.bigint).values
    }

    /// Decodes the offsets relative to the block's first, Int64 a row, ascending; nil for 0, 1, 2, ….
    package func offsets() throws(RowBlockError) -> Buffer? {
        guard let entry = section(RowBlockFormat.hasOffsets) else { return nil }
        let offsets = try decoder(.offsets, entry).column(.bigint)
        let values = offsets.integers
        var isAscending = rowCount == 0 || values[0] >= 0
        for row in 0..<max(rowCount - 1, 0) where values[row] >= values[row + 1] {
            isAscending = false
        }
        guard isAscending else { throw .init("its offsets do not ascend from 0 or more") }
        return offsets.values
    }

    /// The entry of a section, if the payload has it.
    private func section(_ flag: UInt8) -> RowBlockEntry? {
        guard flags & flag != 0 else { return nil }
        return entries[columnTypes.count + 1 + (flags & (flag - 1)).nonzeroBitCount]
    }

    private func decoder(_ part: RowBlockPart, _ entry: RowBlockEntry) -> ColumnDecoder {
        // The directory was checked: the entry's bytes lie in the payload.
        let first = start + entry.position
        return ColumnDecoder(part, entry, rows: rowCount, buffer, first..<first + entry.length)
    }

    private static func entry(
        from bytes: inout LittleEndianBytes, _ part: RowBlockPart, rows: Int, data: Range<Int>
    ) throws(RowBlockError) -> RowBlockEntry {
        let type = bytes.next(UInt8.self)
        let precision = bytes.next(UInt8.self)
        let scale = bytes.next(UInt8.self)
        let encodingCode = bytes.next(UInt8.self)
        let validityCode = bytes.next(UInt8.self)
        let width = Int(bytes.next(UInt8.self))
        let reference = bytes.next(UInt16.self)
        let position = Int(bytes.next(UInt32.self))
        let length = Int(bytes.next(UInt32.self))
        guard let encoding = ColumnEncoding(rawValue: encodingCode) else {
            throw .init("\(part) has the unknown encoding \(encodingCode)")
        }
        guard let validity = ValidityKind(rawValue: validityCode) else {
            throw .init("\(part) has the unknown validity \(validityCode)")
        }
        guard
            position >= data.lowerBound && position <= data.upperBound
                && length <= data.upperBound - position
        else {
            throw .init("\(part) claims \(length) bytes at \(position), outside of \(data)")
        }
        guard (encoding == .none) == (rows == 0 || validity == .noValue) else {
            throw .init("\(part) has encoding \(encodingCode) and validity \(validityCode)")
        }
        if !part.isColumn {
            guard validity == .all else { throw .init("\(part) has nulls") }
            guard type == part.typeCode && precision == 0 && scale == 0 else {
                throw .init("\(part) has the type \(type)")
            }
        }
        return RowBlockEntry(
            type: type, precision: precision, scale: scale, encoding: encoding,
            validity: validity, width: width, reference: reference, position: position,
            length: length)
    }

    private static func rowtimeColumn(
        _ entries: [RowBlockEntry], columnCount: Int
    ) throws(RowBlockError) -> Int? {
        let entry = entries[columnCount]
        guard entry.encoding == .sameAs else { return nil }
        let index = Int(entry.reference)
        guard
            index < columnCount && entries[index].type == ColumnType.timestamp.blockCode
                && entries[index].validity == .all && entry.length == 0
        else {
            throw .init("its rowtime refers to column \(index), which is not one of timestamps")
        }
        return index
    }
}

/// Takes numbers from checked bytes, one after the other.
private struct LittleEndianBytes {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ buffer: Buffer, _ range: Range<Int>) {
        bytes = UnsafeRawBufferPointer(start: buffer.base + range.lowerBound, count: range.count)
    }

    mutating func next<T: FixedWidthInteger>(_ type: T.Type) -> T {
        defer { position += MemoryLayout<T>.size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }
}
