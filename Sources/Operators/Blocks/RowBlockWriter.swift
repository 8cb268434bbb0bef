import CPrimitives
import Glibc

/// The memory into which one payload is written, from front to back.
struct RowBlockWriter {
    private let memory: Buffer
    private var count = 0

    /// Some loops write up to 15 bytes behind what counts.
    private static let slackBytes = 64

    /// - Parameter capacity: Bytes that the payload has at most.
    init(capacity: Int) {
        memory = Buffer(capacity: capacity + RowBlockWriter.slackBytes)
    }

    /// Leaves out bytes that are written by other means, and returns the first of them.
    @discardableResult
    mutating func skip(_ bytes: Int) -> UnsafeMutablePointer<UInt8> {
        precondition(count + bytes <= memory.capacity, "\(bytes) more bytes than were estimated")
        let first = memory.pointer(to: UInt8.self) + count
        count += bytes
        return first
    }

    /// Where the next byte goes.
    var next: UnsafeMutablePointer<UInt8> { memory.pointer(to: UInt8.self) + count }

    mutating func put<T: FixedWidthInteger>(_ value: T) {
        let target = UnsafeMutableRawPointer(skip(MemoryLayout<T>.size))
        target.storeBytes(of: value.littleEndian, as: T.self)
    }

    /// A bit for each of `values`, which are 0 or not.
    mutating func putBits(_ values: UnsafePointer<UInt8>, count: Int) {
        // SAFETY: whole words of `values` are read, which its buffer's padding has room for.
        cp_pack_bits(values, skip((count + 7) / 8), count)
    }

    /// What `write` writes, as an entry of the directory.
    mutating func entry(_ write: (inout RowBlockWriter) -> RowBlockEntry) -> RowBlockEntry {
        let position = count
        var entry = write(&self)
        entry.position = position
        entry.length = count - position
        return entry
    }

    /// Writes what stands before the data, into the bytes that were left out for it.
    mutating func finish(head block: RowBlock, _ entries: [RowBlockEntry]) {
        let total = count
        precondition(total <= UInt32.max, "a payload of \(total) bytes")
        count = 0
        var flags: UInt8 = 0
        if block.operations != nil { flags |= RowBlockFormat.hasOperations }
        if block.rowWatermarks != nil { flags |= RowBlockFormat.hasRowWatermarks }
        if block.offsets != nil { flags |= RowBlockFormat.hasOffsets }
        put(RowBlockFormat.version)
        put(flags)
        put(UInt16(block.columns.count))
        put(UInt32(block.rowCount))
        put(block.appendedAt)
        put(block.watermark)
        put(block.watermarkAfter)
        put(block.schemaVersion)
        put(UInt32(total))
        for entry in entries {
            put(entry.type)
            put(entry.precision)
            put(entry.scale)
            put(entry.encoding.rawValue)
            put(entry.validity.rawValue)
            put(UInt8(entry.width))
            put(entry.reference)
            put(UInt32(entry.position))
            put(UInt32(entry.length))
        }
        count = total
    }

    /// What has been written; valid while the writer is.
    var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory.base, count: count) }
}

/// Which values of a column are there, as the encoder looks at it: a column whose validity says that
/// all are is one without.
struct Validity {
    let kind: ValidityKind
    /// One byte a row, 0 where the value is null; nil unless some are.
    let bytes: UnsafePointer<UInt8>?
    /// The first row with a value; 0 without any.
    let firstRow: Int

    init(_ column: Column) {
        guard let bytes = column.validityPointer, column.count > 0 else {
            (kind, self.bytes, firstRow) = (.all, nil, 0)
            return
        }
        let nulls = cp_count_byte(bytes, column.count, 0)
        if nulls == 0 {
            (kind, self.bytes, firstRow) = (.all, nil, 0)
        } else if nulls == column.count {
            (kind, self.bytes, firstRow) = (.noValue, nil, 0)
        } else {
            var row = 0
            while bytes[row] == 0 { row += 1 }
            (kind, self.bytes, firstRow) = (.bits, UnsafePointer(bytes), row)
        }
    }
}
