import TestSupport
import Testing

@testable import Operators

/// A value as tests of row blocks compare it: bit for bit.
enum Cell: Hashable {
    case null
    /// A boolean, the bits of a double, or an integer.
    case word(UInt64)
    case wide(Int128)
    case bytes([UInt8])

    static func integer(_ value: Int64) -> Cell { .word(UInt64(bitPattern: value)) }
    static func double(_ value: Double) -> Cell { .word(value.bitPattern) }
    static func text(_ value: String) -> Cell { .bytes(Array(value.utf8)) }
}

/// A block as plain rows, and back.
enum RowBlockFixture {
    static let types: [ColumnType] = [
        .boolean, .bigint, .double, .string, .timestamp, .decimal(precision: 38, scale: 3),
        .decimal(precision: 10, scale: 0), .interval,
    ]

    /// A column of cells; `hasValidity` gives it one even if no cell is null.
    static func column(_ type: ColumnType, _ cells: [Cell], hasValidity: Bool = false) -> Column {
        let values = Buffer(capacity: cells.count * type.stride)
        let validity = Buffer(capacity: cells.count)
        let text = Buffer(
            capacity: cells.reduce(0) {
                if case .bytes(let bytes) = $1 { return $0 + bytes.count }
                return $0
            })
        var end = text.pointer(to: UInt8.self)
        for (row, cell) in cells.enumerated() {
            validity.pointer(to: UInt8.self)[row] = cell == .null ? 0 : 1
            switch (cell, type) {
            case (.null, _) where type.storage == .view:
                values.pointer(to: StringView.self)[row] = .empty
            case (.null, .boolean): values.pointer(to: UInt8.self)[row] = 0
            case (.null, .decimal): values.pointer(to: Int128.self)[row] = 0
            case (.null, _): values.pointer(to: UInt64.self)[row] = 0
            case (.word(let word), .boolean): values.pointer(to: UInt8.self)[row] = UInt8(word)
            case (.word(let word), _): values.pointer(to: UInt64.self)[row] = word
            case (.wide(let value), _): values.pointer(to: Int128.self)[row] = value
            case (.bytes(let bytes), _):
                for (index, byte) in bytes.enumerated() { end[index] = byte }
                values.pointer(to: StringView.self)[row] = StringView(base: end, count: bytes.count)
                end += bytes.count
            }
        }
        return Column(
            type: type, count: cells.count, values: values,
            validity: hasValidity || cells.contains(.null) ? validity : nil, retained: [text])
    }

    /// The cells of a column. Records an issue where it is not as ``Column`` says: validity of other
    /// bytes than 0 and 1, null slots that are not zero, a view whose prefix is wrong.
    static func cells(
        _ column: Column, _ note: Comment = "", sourceLocation: SourceLocation = #_sourceLocation
    ) -> [Cell] {
        var isWellFormed = true
        let cells = (0..<column.count).map { row -> Cell in
            let isNull = column.isNull(row)
            if let validity = column.validityPointer, validity[row] > 1 { isWellFormed = false }
            let cell: Cell
            switch column.storage {
            case .boolean:
                cell = .word(UInt64(column.booleans[row]))
                if column.booleans[row] > 1 { isWellFormed = false }
            case .decimal: cell = .wide(column.decimals[row])
            case .view:
                let view = column.strings[row]
                cell = .bytes(Array(view.bytes))
                let again = StringView(base: view.base, count: view.count)
                if again.header != view.header { isWellFormed = false }
            default: cell = .integer(column.integers[row])
            }
            if isNull && ![.word(0), .wide(0), .bytes([])].contains(cell) { isWellFormed = false }
            return isNull ? .null : cell
        }
        if !isWellFormed {
            Issue.record(
                "\(column.type) is not as a column must be", sourceLocation: sourceLocation)
        }
        return cells
    }

    static func buffer<T>(_ values: [T]) -> Buffer {
        let buffer = Buffer(capacity: values.count * MemoryLayout<T>.stride)
        for (row, value) in values.enumerated() { buffer.pointer(to: T.self)[row] = value }
        return buffer
    }

    static func values<T>(_ buffer: Buffer?, _ count: Int, as type: T.Type) -> [T]? {
        buffer.map { buffer in (0..<count).map { buffer.pointer(to: T.self)[$0] } }
    }

    /// A block of these columns, with row numbers for times.
    static func block(_ columns: [Column], rows: Int) -> RowBlock {
        RowBlock(
            rowCount: rows, columns: columns,
            rowtime: column(.timestamp, (0..<rows).map { .integer(Int64($0) * 1000) }))
    }

    static func encode(_ block: RowBlock) -> [UInt8] {
        var bytes: [UInt8] = []
        RowBlockEncoder.encode(block, into: &bytes)
        return bytes
    }

    /// A reader of the bytes, which lie somewhere within a larger buffer.
    static func reader(_ bytes: [UInt8]) throws(RowBlockError) -> RowBlockReader {
        let start = 5
        let memory = buffer([UInt8](repeating: 0xee, count: start) + bytes)
        return try RowBlockReader(memory, start..<start + bytes.count)
    }

    /// Encodes one column and decodes it, and says how and in how many bytes it was written.
    static func roundTrip(
        _ column: Column
    ) throws -> (cells: [Cell], encoding: ColumnEncoding?, bytes: Int) {
        let bytes = encode(block([column], rows: column.count))
        let entry = Array(bytes[RowBlockFormat.headBytes...].prefix(16))
        let length = entry[12...].reversed().reduce(0) { $0 << 8 | Int($1) }
        let decoded = try reader(bytes).column(0)
        #expect(decoded.type == column.type && decoded.count == column.count)
        return (cells(decoded), ColumnEncoding(rawValue: entry[3]), length)
    }
}

extension RowBlockFixture {
    /// Values of a type in one of the shapes that encodings look for.
    static func random(
        _ type: ColumnType, _ count: Int, using random: inout SeededRandom
    ) -> [Cell] {
        let shape = Int.random(in: 0..<6, using: &random)
        let nulls = [0, 0, 1, 2, 5, 100].randomElement(using: &random) ?? 0
        var last = Int64.random(in: .min ... .max, using: &random)
        return (0..<count).map { _ in
            if Int.random(in: 0..<100, using: &random) < nulls { return .null }
            switch type {
            case .boolean: return .word(UInt64.random(in: 0...1, using: &random))
            case .string: return .bytes(text(shape, using: &random))
            case .double: return .double(double(shape, using: &random))
            case .decimal:
                if shape == 0 {
                    return .wide(Int128.random(in: .min ... .max, using: &random))
                }
                return .wide(Int128(integer(shape, &last, using: &random)) &* 1 << (shape * 9))
            default: return .integer(integer(shape, &last, using: &random))
            }
        }
    }

    private static func integer(
        _ shape: Int, _ last: inout Int64, using random: inout SeededRandom
    ) -> Int64 {
        switch shape {
        case 0: return Int64.random(in: .min ... .max, using: &random)
        case 1: return [.min, .max, 0, -1].randomElement(using: &random) ?? 0
        case 2: last &+= Int64.random(in: 0...200, using: &random)
        case 3: last &-= Int64.random(in: 0...70_000, using: &random)
        case 4: return -5 + Int64.random(in: 0...1000, using: &random)
        default: break
        }
        return last
    }

    private static func double(_ shape: Int, using random: inout SeededRandom) -> Double {
        switch shape {
        case 0: return Double(bitPattern: random.next())
        case 1: return [0, -0.0, .infinity, .nan].randomElement(using: &random) ?? 0
        case 2: return Double(bitPattern: 0x7ff4_0000_dead_beef)
        default: return Double.random(in: -1...1, using: &random)
        }
    }

    private static func text(_ shape: Int, using random: inout SeededRandom) -> [UInt8] {
        switch shape {
        case 0:
            let count = Int.random(in: 0...40, using: &random)
            return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 1: return Array("word \(Int.random(in: 0..<5, using: &random))".utf8)
        case 2: return Array(String(Int.random(in: 0..<700, using: &random)).utf8)
        case 3: return [UInt8](repeating: 0x61, count: Int.random(in: 0...900, using: &random))
        case 4: return (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        default: return []
        }
    }
}
