import Glibc

/// Turns the rows of a block into the bytes that docs/row-blocks.md explains.
///
/// For each column the encoding is chosen that takes the fewest bytes of those that decode in a
/// tight loop. Equal rows give equal bytes.
package enum RowBlockEncoder {
    /// Appends the payload of `block` to `bytes`.
    ///
    /// That a payload stays below `SegmentFormat.payloadBytesMax` is up to the caller, who splits
    /// blocks by ``payloadBytesMax(_:)``.
    ///
    /// - Complexity: O(bytes of the rows); a few buffers a column, none a row.
    package static func encode(_ block: RowBlock, into bytes: inout [UInt8]) {
        let rows = block.rowCount
        precondition((0...RowBlockFormat.rowsMax).contains(rows), "\(rows) rows in a block")
        precondition(block.columns.count <= RowBlockFormat.columnsMax, "too many columns")
        precondition(block.rowtime.type == .timestamp && block.rowtime.count == rows)
        let sections = [block.operations, block.rowWatermarks, block.offsets]
        let entryCount = block.columns.count + 1 + sections.count { $0 != nil }
        var writer = RowBlockWriter(capacity: payloadBytesMax(block))
        writer.skip(RowBlockFormat.headBytes + entryCount * RowBlockFormat.entryBytes)

        var entries: [RowBlockEntry] = []
        entries.reserveCapacity(entryCount)
        for column in block.columns {
            precondition(column.count == rows, "\(column.count) values in a block of \(rows)")
            entries.append(writer.entry { encode(column, into: &$0) })
        }
        entries.append(writer.entry { rowtime(of: block, into: &$0) })
        if let operations = block.operations {
            entries.append(writer.entry { rowBytes(operations, count: rows, into: &$0) })
        }
        for section in [block.rowWatermarks, block.offsets] {
            guard let section else { continue }
            let column = Column(type: .bigint, count: rows, values: section)
            entries.append(writer.entry { encode(column, into: &$0) })
        }
        writer.finish(head: block, entries)
        bytes.append(contentsOf: writer.written)
    }

    /// How many bytes the payload of a block takes at most.
    ///
    /// - Complexity: O(rows) a string column, O(1) another one.
    package static func payloadBytesMax(_ block: RowBlock) -> Int {
        let rows = block.rowCount
        let entryCount = block.columns.count + 4
        var total = RowBlockFormat.headBytes + entryCount * RowBlockFormat.entryBytes
        for column in block.columns {
            total += 32 + rows / 8
            switch column.storage {
            case .view: total += rows * 4 + stringBytes(column)
            default: total += rows * column.storage.stride
            }
        }
        total += rows * 8 + 32
        if block.operations != nil { total += rows + 32 }
        if block.rowWatermarks != nil { total += rows * 8 + 32 }
        if block.offsets != nil { total += rows * 8 + 32 }
        return total
    }

    /// The length of all strings of a column together.
    private static func stringBytes(_ column: Column) -> Int {
        let views = column.strings
        var total = 0
        for row in 0..<column.count { total &+= views[row].count }
        return total
    }

    /// A column of any type.
    private static func encode(_ column: Column, into writer: inout RowBlockWriter)
        -> RowBlockEntry
    {
        var entry = RowBlockEntry(type: column.type.blockCode, encoding: .none)
        if case .decimal(let precision, let scale) = column.type {
            entry.precision = UInt8(precision)
            entry.scale = UInt8(scale)
        }
        guard column.count > 0 else { return entry }
        let validity = Validity(column)
        entry.validity = validity.kind
        if validity.kind == .noValue { return entry }
        if let bytes = validity.bytes { writer.putBits(bytes, count: column.count) }
        switch column.storage {
        case .boolean: BooleanEncoding.write(column, validity, &entry, into: &writer)
        case .integer:
            IntegerEncoding.write(column, validity, &entry, into: &writer)
        case .double: DoubleEncoding.write(column, validity, &entry, into: &writer)
        case .decimal: DecimalEncoding.write(column, validity, &entry, into: &writer)
        case .view: StringEncoding.write(column, validity, &entry, into: &writer)
        }
        return entry
    }

    /// The rowtime, which mostly is one of the columns.
    private static func rowtime(of block: RowBlock, into writer: inout RowBlockWriter)
        -> RowBlockEntry
    {
        guard block.rowCount > 0 else {
            return RowBlockEntry(type: ColumnType.timestamp.blockCode, encoding: .none)
        }
        let times = block.rowtime.values
        for (index, column) in block.columns.enumerated()
        where column.type == .timestamp && Validity(column).kind == .all {
            if column.values === times
                || memcmp(column.values.base, times.base, block.rowCount * 8) == 0
            {
                return RowBlockEntry(
                    type: ColumnType.timestamp.blockCode, encoding: .sameAs,
                    reference: UInt16(index))
            }
        }
        return encode(
            Column(type: .timestamp, count: block.rowCount, values: times), into: &writer)
    }

    /// A byte a row.
    private static func rowBytes(
        _ values: Buffer, count: Int, into writer: inout RowBlockWriter
    ) -> RowBlockEntry {
        guard count > 0 else { return RowBlockEntry(type: 0, encoding: .none) }
        let first = values.pointer(to: UInt8.self)
        // All bytes equal the first one when each equals its neighbour.
        if memcmp(first, first + 1, count - 1) == 0 {
            writer.put(first[0])
            return RowBlockEntry(type: 0, encoding: .constant)
        }
        memcpy(writer.skip(count), first, count)
        return RowBlockEntry(type: 0, encoding: .plain)
    }
}
