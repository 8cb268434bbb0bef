import CPrimitives
import Config
import Glibc
import Operators

/// Where a field of a row lies in the chunk, and how it was written: of CSV, regex and logfmt.
struct CSVCell {
    static let quoted: UInt32 = 1 << 31
    /// Holds doubled quotes, or what else ``CSVColumns/Escapes`` says.
    static let escaped: UInt32 = 1 << 30
    /// The row ended before it, or has no such field.
    static let missing: UInt32 = 1 << 29
    /// A key without a value, which stands for `true`.
    static let bare: UInt32 = 1 << 28

    /// Byte in the chunk.
    var start: UInt32
    var lengthAndFlags: UInt32

    @inline(__always) var length: Int { Int(lengthAndFlags & 0x0fff_ffff) }
    @inline(__always) func has(_ flag: UInt32) -> Bool { lengthAndFlags & flag != 0 }
}

/// What is wrong with a record as a whole.
enum CSVFault: Equatable {
    case unclosedQuote
    /// A quoted field goes on behind its closing quote.
    case textBehindQuote
    case tooFewFields(Int)
    case tooManyFields(Int)
}

/// Splits chunks into records and fields, keeping only the fields that are wanted.
///
/// The cells of one wanted field stand together, so that it can be converted in one loop.
// SAFETY: `cells` and `ends` have room for `rowsMax` rows, and `slots` for `columnCount` columns.
struct CSVRecords {
    enum Result {
        /// The record, without its line end, and where the next one begins.
        case record(end: UnsafePointer<UInt8>, next: UnsafePointer<UInt8>)
        case fault(CSVFault, end: UnsafePointer<UInt8>, next: UnsafePointer<UInt8>)
        /// The record may go on behind the input.
        case incomplete
    }

    let delimiter: UInt8
    /// −1 for none.
    let quote: Int
    let onMissing: CSVOptions.OnMissing
    let onExtra: CSVOptions.OnExtra
    let rowsMax: Int
    /// How many fields a record has.
    let columnCount: Int
    /// For each of them the place of its cells, −1 for a field that is not wanted.
    let slots: UnsafeMutablePointer<Int32>
    let cells: UnsafeMutablePointer<CSVCell>
    let chunk: UnsafePointer<UInt8>

    /// Reads the record at `start`, which is before `end`, as row `row`.
    @inline(__always)
    func read(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, isLast: Bool, row: Int
    ) -> Result {
        var field = start
        var lastDeclared = start
        var column = 0
        var contentEnd = start
        var stop = start
        while true {
            var cell = CSVCell(start: 0, lengthAndFlags: 0)
            if quote >= 0, field < end, Int(field.pointee) == quote {
                var close = field + 1
                var flags = CSVCell.quoted
                while true {
                    close = cp_scan_either(close, end, UInt8(quote), UInt8(quote))
                    if close >= end {
                        return isLast ? resync(.unclosedQuote, start, start, end) : .incomplete
                    }
                    if close + 1 >= end {
                        // The next byte decides whether this quote closes the field.
                        if isLast { break }
                        return .incomplete
                    }
                    guard Int(close[1]) == quote else { break }
                    flags |= CSVCell.escaped
                    close += 2
                }
                cell.start = UInt32(truncatingIfNeeded: field + 1 - chunk)
                cell.lengthAndFlags = UInt32(truncatingIfNeeded: close - field - 1) | flags
                stop = close + 1
                contentEnd = stop
                if stop < end, stop.pointee == 0x0d {
                    if stop + 1 >= end {
                        if !isLast { return .incomplete }
                        stop += 1
                    } else if stop[1] == 0x0a {
                        stop += 1
                    }
                }
                if stop < end, stop.pointee != delimiter, stop.pointee != 0x0a {
                    return resync(.textBehindQuote, start, stop, end, isLast: isLast)
                }
            } else {
                stop = cp_scan_either(field, end, delimiter, 0x0a)
                if stop >= end && !isLast { return .incomplete }
                contentEnd = stop
                if stop > field, stop[-1] == 0x0d, stop >= end || stop.pointee == 0x0a {
                    contentEnd -= 1
                }
                cell.start = UInt32(truncatingIfNeeded: field - chunk)
                cell.lengthAndFlags = UInt32(truncatingIfNeeded: contentEnd - field)
            }
            if column < columnCount {
                let slot = Int(slots[column])
                if slot >= 0 { cells[slot &* rowsMax &+ row] = cell }
                lastDeclared = field
            }
            column &+= 1
            guard stop < end, stop.pointee == delimiter else { break }
            field = stop + 1
        }
        let next = stop < end ? stop + 1 : end
        if column != columnCount,
            let fault = settle(column, row: row, lastDeclared, contentEnd)
        {
            return .fault(fault, end: contentEnd, next: next)
        }
        return .record(end: contentEnd, next: next)
    }

    /// Deals with a record that has not the number of fields that it should have.
    private func settle(
        _ found: Int, row: Int, _ lastDeclared: UnsafePointer<UInt8>,
        _ contentEnd: UnsafePointer<UInt8>
    ) -> CSVFault? {
        if found > columnCount {
            switch onExtra {
            case .ignore: return nil
            case .invalid: return .tooManyFields(found)
            case .join:
                guard columnCount > 0 else { return nil }
                let slot = Int(slots[columnCount - 1])
                if slot >= 0 {
                    cells[slot * rowsMax + row] = CSVCell(
                        start: UInt32(truncatingIfNeeded: lastDeclared - chunk),
                        lengthAndFlags: UInt32(truncatingIfNeeded: contentEnd - lastDeclared))
                }
                return nil
            }
        }
        if onMissing == .invalid { return .tooFewFields(found) }
        for column in found..<columnCount {
            let slot = Int(slots[column])
            if slot >= 0 {
                cells[slot * rowsMax + row] = CSVCell(
                    start: UInt32(truncatingIfNeeded: contentEnd - chunk),
                    lengthAndFlags: CSVCell.missing)
            }
        }
        return nil
    }

    /// Gives up on the record at `start` and goes on behind the first line end from `from` on.
    private func resync(
        _ fault: CSVFault, _ start: UnsafePointer<UInt8>, _ from: UnsafePointer<UInt8>,
        _ end: UnsafePointer<UInt8>, isLast: Bool = true
    ) -> Result {
        guard let found = memchr(from, 0x0a, end - from) else {
            return isLast ? .fault(fault, end: end, next: end) : .incomplete
        }
        let stop = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
        let hasReturn = stop > start && stop[-1] == 0x0d
        return .fault(fault, end: hasReturn ? stop - 1 : stop, next: stop + 1)
    }
}
