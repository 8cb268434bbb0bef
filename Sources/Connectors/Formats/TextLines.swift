import CPrimitives
import Glibc
import Operators

/// Where the lines of a batch lie, without their line ends (LF or CR LF). Blank lines are no rows.
final class TextLines {
    /// Rows in a batch at most.
    static let rowsMax = 16_384

    /// Bytes of the chunk: the first of each line, and the one behind it.
    let starts: UnsafeMutablePointer<UInt32>
    let ends: UnsafeMutablePointer<UInt32>
    private(set) var count = 0

    init() {
        starts = .allocate(capacity: TextLines.rowsMax)
        ends = .allocate(capacity: TextLines.rowsMax)
    }

    deinit {
        starts.deallocate()
        ends.deallocate()
    }

    /// Finds lines until the input or the room ends. Those that are not UTF-8 are invalid.
    ///
    /// - Parameters:
    ///   - position: The position in the split of the range's first byte.
    ///   - isLast: Whether what is left at the end is a line.
    /// - Returns: How many bytes the lines take.
    func split(
        _ chunk: Buffer, _ range: Range<Int>, position: Int64, isLast: Bool,
        _ invalid: inout [InvalidRow]
    ) -> Int {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        let start = base + range.lowerBound
        let end = base + range.upperBound
        let isASCII = cp_is_ascii(start, range.count) != 0
        count = 0
        var next = start
        while next < end, count < TextLines.rowsMax {
            let stop: UnsafePointer<UInt8>
            let behind: UnsafePointer<UInt8>
            if let found = memchr(next, 0x0a, end - next) {
                stop = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
                behind = stop + 1
            } else if isLast {
                (stop, behind) = (end, end)
            } else {
                break
            }
            var length = stop - next
            if length > 0, next[length - 1] == 0x0d { length -= 1 }
            if isASCII || UTF8Check.isValid(next, count: length) {
                if !TextLines.isBlank(next, length) {
                    starts[count] = UInt32(truncatingIfNeeded: next - base)
                    ends[count] = UInt32(truncatingIfNeeded: next + length - base)
                    count += 1
                }
            } else {
                invalid.append(
                    InvalidRow(
                        next, count: length, error: "cannot read the line: it is not UTF-8",
                        position: position + Int64(next - start)))
            }
            next = behind
        }
        return next - start
    }

    @inline(__always)
    static func isBlank(_ text: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var index = 0
        while index < count, text[index] == 0x20 || text[index] == 0x09 { index += 1 }
        return index == count
    }
}

/// A parser of a format whose rows are whole texts, so that it can also read a column of them.
protocol TextRowParser: RowParser {
    /// Reads each of some texts as one row; what stands around them is not looked at.
    ///
    /// - Parameters:
    ///   - starts: The first byte of each text, ascending; texts are UTF-8.
    ///   - ends: The byte behind each text.
    ///   - count: How many, at most ``TextLines/rowsMax``.
    ///   - origin: The byte of the chunk that is at `position` in the split.
    ///   - invalid: Rows before these that could not be read, which join the result's.
    func rows(
        _ chunk: Buffer, starts: UnsafeMutablePointer<UInt32>, ends: UnsafeMutablePointer<UInt32>,
        count: Int, origin: Int, position: Int64, consumed: Int, invalid: [InvalidRow]
    ) -> SourceRows
}
