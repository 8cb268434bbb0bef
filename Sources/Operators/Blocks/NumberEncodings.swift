import CPrimitives
import Glibc

/// How few bytes, of 0, 1, 2, 4 and 8, hold every number up to `most`.
private func width(of most: UInt64) -> Int {
    switch most {
    case 0: return 0
    case ...0xff: return 1
    case ...0xffff: return 2
    case ...0xffff_ffff: return 4
    default: return 8
    }
}

enum BooleanEncoding {
    /// A bit a row, 0 where the value is null.
    static func write(
        _ column: Column, _ validity: Validity, _ entry: inout RowBlockEntry,
        into writer: inout RowBlockWriter
    ) {
        entry.encoding = .bits
        guard let isThere = validity.bytes else {
            return writer.putBits(column.booleans, count: column.count)
        }
        let cleared = Buffer(capacity: column.count)
        let target = cleared.pointer(to: UInt8.self)
        let source = column.booleans
        for row in 0..<column.count { target[row] = isThere[row] == 0 ? 0 : source[row] }
        writer.putBits(target, count: column.count)
    }
}

enum IntegerEncoding {
    /// Deltas to the lowest value, or to the value before where that takes half the width or less.
    static func write(
        _ column: Column, _ validity: Validity, _ entry: inout RowBlockEntry,
        into writer: inout RowBlockWriter
    ) {
        let count = column.count
        guard let isThere = validity.bytes else {
            let range = range(column.integers, count)
            return write(column.integers, count, range, mayStep: true, &entry, into: &writer)
        }
        var (least, most) = (Int64.max, Int64.min)
        let source = column.integers
        for row in 0..<count where isThere[row] != 0 {
            least = min(least, source[row])
            most = max(most, source[row])
        }
        // Nulls count as the lowest value.
        let filled = Buffer(capacity: count * 8)
        let target = filled.pointer(to: Int64.self)
        for row in 0..<count { target[row] = isThere[row] == 0 ? least : source[row] }
        write(target, count, (least, most), mayStep: false, &entry, into: &writer)
    }

    private static func write(
        _ values: UnsafePointer<Int64>, _ count: Int, _ range: (least: Int64, most: Int64),
        mayStep: Bool, _ entry: inout RowBlockEntry, into writer: inout RowBlockWriter
    ) {
        let width = width(of: UInt64(bitPattern: range.most &- range.least))
        // SAFETY: the same words, read as unsigned ones.
        let words = UnsafeRawPointer(values).assumingMemoryBound(to: UInt64.self)
        if mayStep && width > 0 {
            let steps = stepRange(values, count)
            let stepWidth = Operators.width(of: UInt64(bitPattern: steps.most &- steps.least))
            if stepWidth * 2 <= width && 8 + stepWidth * (count - 1) < width * count {
                entry.encoding = .delta
                entry.width = stepWidth
                writer.put(values[0])
                writer.put(steps.least)
                cp_pack_deltas(
                    words, UInt64(bitPattern: steps.least), Int32(stepWidth),
                    writer.skip(stepWidth * (count - 1)), count - 1)
                return
            }
        }
        entry.encoding = .frame
        entry.width = width
        writer.put(range.least)
        cp_pack(
            words, UInt64(bitPattern: range.least), Int32(width), writer.skip(width * count), count)
    }

    private static func range(
        _ values: UnsafePointer<Int64>, _ count: Int
    ) -> (least: Int64, most: Int64) {
        var (least, most) = (values[0], values[0])
        for row in 1..<max(count, 1) {
            least = min(least, values[row])
            most = max(most, values[row])
        }
        return (least, most)
    }

    /// The smallest and the greatest difference of neighbours. Differences wrap around, as they do
    /// when they are added up again.
    private static func stepRange(
        _ values: UnsafePointer<Int64>, _ count: Int
    ) -> (least: Int64, most: Int64) {
        guard count > 1 else { return (0, 0) }
        var (least, most) = (Int64.max, Int64.min)
        for row in 1..<count {
            let step = values[row] &- values[row - 1]
            least = min(least, step)
            most = max(most, step)
        }
        return (least, most)
    }
}

enum DoubleEncoding {
    /// The bits of each value, or of one if they are all the same.
    static func write(
        _ column: Column, _ validity: Validity, _ entry: inout RowBlockEntry,
        into writer: inout RowBlockWriter
    ) {
        let count = column.count
        // SAFETY: the same words, read as their bits.
        let source = column.values.pointer(to: UInt64.self)
        let first = source[validity.firstRow]
        let isConstant: Bool
        if let isThere = validity.bytes {
            isConstant = (0..<count).allSatisfy { isThere[$0] == 0 || source[$0] == first }
        } else {
            isConstant = memcmp(source, source + 1, (count - 1) * 8) == 0
        }
        if isConstant {
            entry.encoding = .constant
            return writer.put(first)
        }
        entry.encoding = .plain
        entry.width = 8
        let target = UnsafeMutableRawPointer(writer.skip(count * 8))
        guard let isThere = validity.bytes else {
            memcpy(target, source, count * 8)
            return
        }
        for row in 0..<count {
            target.storeBytes(
                of: isThere[row] == 0 ? 0 : source[row], toByteOffset: row * 8, as: UInt64.self)
        }
    }
}

enum DecimalEncoding {
    /// Deltas to the lowest value where they fit 64 bits, otherwise 16 bytes each.
    static func write(
        _ column: Column, _ validity: Validity, _ entry: inout RowBlockEntry,
        into writer: inout RowBlockWriter
    ) {
        let count = column.count
        let source = column.decimals
        var (least, most) = (source[validity.firstRow], source[validity.firstRow])
        if let isThere = validity.bytes {
            for row in 0..<count where isThere[row] != 0 {
                least = min(least, source[row])
                most = max(most, source[row])
            }
        } else {
            for row in 0..<count {
                least = min(least, source[row])
                most = max(most, source[row])
            }
        }
        let range = UInt128(bitPattern: most &- least)
        guard range <= UInt128(UInt64.max) else {
            entry.encoding = .plain
            entry.width = 16
            let target = UnsafeMutableRawPointer(writer.skip(count * 16))
            for row in 0..<count {
                let value = validity.bytes.map { $0[row] == 0 } ?? false ? 0 : source[row]
                target.storeBytes(of: value, toByteOffset: row * 16, as: Int128.self)
            }
            return
        }
        entry.encoding = .frame
        entry.width = width(of: UInt64(range))
        let deltas = Buffer(capacity: count * 8)
        let target = deltas.pointer(to: UInt64.self)
        for row in 0..<count {
            target[row] = UInt64(truncatingIfNeeded: source[row] &- least)
        }
        if let isThere = validity.bytes {
            for row in 0..<count where isThere[row] == 0 { target[row] = 0 }
        }
        writer.put(least)
        cp_pack(target, 0, Int32(entry.width), writer.skip(entry.width * count), count)
    }
}
