import CPrimitives
import Glibc

enum StringEncoding {
    /// One string for all rows, a dictionary and codes, or lengths and bytes: what is shortest.
    static func write(
        _ column: Column, _ validity: Validity, _ entry: inout RowBlockEntry,
        into writer: inout RowBlockWriter
    ) {
        let count = column.count
        let plain = StringLengths(column.strings, count, validity.bytes)
        guard let dictionary = StringDictionary(column.strings, count, validity.bytes) else {
            return writePlain(column, validity, plain, &entry, into: &writer)
        }
        let entries = dictionary.entries.pointer(to: StringView.self)
        if dictionary.count == 1 {
            entry.encoding = .constant
            write(entries, count: 1, nil, bytes: entries[0].count, into: &writer)
            return
        }
        let lengths = StringLengths(entries, dictionary.count, nil)
        let codeWidth = dictionary.count <= 256 ? 1 : 2
        let dictionaryBytes = 5 + lengths.encodedBytes + lengths.total + codeWidth * count
        guard dictionaryBytes < plain.encodedBytes + plain.total else {
            return writePlain(column, validity, plain, &entry, into: &writer)
        }
        entry.encoding = .dictionary
        entry.width = codeWidth
        writer.put(UInt32(dictionary.count))
        writer.put(UInt8(lengths.width))
        lengths.write(entries, dictionary.count, nil, into: &writer)
        let codes = dictionary.codes.pointer(to: UInt16.self)
        let target = writer.skip(codeWidth * count)
        if codeWidth == 1 {
            for row in 0..<count { target[row] = UInt8(truncatingIfNeeded: codes[row]) }
        } else {
            memcpy(target, codes, count * 2)
        }
        write(entries, count: dictionary.count, nil, bytes: lengths.total, into: &writer)
    }

    private static func writePlain(
        _ column: Column, _ validity: Validity, _ lengths: StringLengths,
        _ entry: inout RowBlockEntry, into writer: inout RowBlockWriter
    ) {
        entry.encoding = .plain
        entry.width = lengths.width
        lengths.write(column.strings, column.count, validity.bytes, into: &writer)
        write(
            column.strings, count: column.count, validity.bytes, bytes: lengths.total,
            into: &writer)
    }

    /// The bytes of strings, without the nulls among them.
    private static func write(
        _ views: UnsafePointer<StringView>, count: Int, _ isThere: UnsafePointer<UInt8>?,
        bytes: Int, into writer: inout RowBlockWriter
    ) {
        let target = writer.skip(bytes)
        // SAFETY: views point into buffers, behind which 64 bytes may be read; the writer has room
        // for as much behind its last byte.
        let copied = cp_copy_strings(views, isThere, target, count)
        precondition(copied == bytes, "\(copied) bytes copied where \(bytes) were counted")
    }
}

/// How long the strings of a column are: the shortest, and the width of what others have more.
struct StringLengths {
    private(set) var total = 0
    private let least: UInt32
    /// 0, 1, 2 or 4.
    let width: Int
    /// Bytes that the lengths take.
    let encodedBytes: Int

    /// Nulls, whose byte in `isThere` is 0, have a length of 0.
    init(
        _ views: UnsafePointer<StringView>, _ count: Int, _ isThere: UnsafePointer<UInt8>?
    ) {
        var least = UInt32.max
        var most: UInt32 = 0
        for row in 0..<count {
            var length = UInt32(truncatingIfNeeded: views[row].header)
            if let isThere, isThere[row] == 0 { length = 0 }
            least = min(least, length)
            most = max(most, length)
            total &+= Int(length)
        }
        self.least = min(least, most)
        switch most - self.least {
        case 0: width = 0
        case ...0xff: width = 1
        case ...0xffff: width = 2
        default: width = 4
        }
        encodedBytes = 4 + width * count
    }

    /// The shortest length, and for each string what it has more.
    func write(
        _ views: UnsafePointer<StringView>, _ count: Int, _ isThere: UnsafePointer<UInt8>?,
        into writer: inout RowBlockWriter
    ) {
        writer.put(least)
        let target = writer.skip(width * count)
        switch width {
        case 0: break
        case 1: write(views, count, isThere, to: target, as: UInt8.self)
        case 2: write(views, count, isThere, to: target, as: UInt16.self)
        default: write(views, count, isThere, to: target, as: UInt32.self)
        }
    }

    @inline(__always)
    private func write<T: FixedWidthInteger>(
        _ views: UnsafePointer<StringView>, _ count: Int, _ isThere: UnsafePointer<UInt8>?,
        to target: UnsafeMutableRawPointer, as type: T.Type
    ) {
        for row in 0..<count {
            var length = UInt32(truncatingIfNeeded: views[row].header)
            if let isThere, isThere[row] == 0 { length = 0 }
            target.storeBytes(
                of: T(truncatingIfNeeded: length &- least),
                toByteOffset: row &* MemoryLayout<T>.size, as: T.self)
        }
    }
}

/// The distinct strings of a column, numbered in the order in which they first appear.
struct StringDictionary {
    /// UInt16 a row; 0 for a null.
    let codes: Buffer
    /// StringView each; they point to where the column's do.
    let entries: Buffer
    let count: Int

    /// One less than codes of two bytes can tell apart, so that a slot's 0 means that it is free.
    static let entriesMax = 0xffff
    /// After this many rows a column is given up that has more than three quarters distinct.
    private static let sampleRows = 1024

    /// Nil when there are too many of them for a dictionary to be worth while.
    ///
    /// - Complexity: O(bytes of the strings); three buffers.
    init?(_ views: UnsafePointer<StringView>, _ rows: Int, _ isThere: UnsafePointer<UInt8>?) {
        let entriesMax = min(rows, StringDictionary.entriesMax)
        let slotCount = 1 << (Int.bitWidth - (entriesMax * 2 - 1).leadingZeroBitCount)
        // High half of a slot: 16 bits of the hash; low half: the code plus 1, or 0 for a free one.
        let slotBuffer = Buffer(capacity: slotCount * 4)
        memset(slotBuffer.base, 0, slotCount * 4)
        let slots = slotBuffer.pointer(to: UInt32.self)
        let mask = slotCount - 1
        codes = Buffer(capacity: rows * 2)
        entries = Buffer(capacity: entriesMax * 16)
        let codeOfRow = codes.pointer(to: UInt16.self)
        let known = entries.pointer(to: StringView.self)
        var count = 0
        for row in 0..<rows {
            if row == StringDictionary.sampleRows && count * 4 > row * 3 { return nil }
            if let isThere, isThere[row] == 0 {
                codeOfRow[row] = 0
                continue
            }
            let view = views[row]
            let hash = view.hash
            let tag = UInt32(truncatingIfNeeded: hash >> 48) << 16
            var index = Int(truncatingIfNeeded: hash) & mask
            while true {
                let slot = slots[index]
                if slot == 0 {
                    guard count < entriesMax else { return nil }
                    known[count] = view
                    codeOfRow[row] = UInt16(truncatingIfNeeded: count)
                    count += 1
                    slots[index] = tag | UInt32(truncatingIfNeeded: count)
                    break
                }
                let code = Int(slot & 0xffff) &- 1
                if slot & 0xffff_0000 == tag && known[code] == view {
                    codeOfRow[row] = UInt16(truncatingIfNeeded: code)
                    break
                }
                index = (index &+ 1) & mask
            }
        }
        self.count = count
    }
}
