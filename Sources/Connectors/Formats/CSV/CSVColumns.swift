import CPrimitives
import Config
import Glibc
import Operators

/// Converts the cells of a batch into columns, one field at a time, and collects the rows that
/// cannot be converted.
struct CSVColumns {
    /// How a cell that is ``CSVCell/escaped`` is written.
    enum Escapes { case doubledQuotes, backslashes }

    var escapes = Escapes.doubledQuotes
    let chunk: Buffer
    let rowCount: Int
    /// Where each row begins, byte in the chunk.
    let rowStarts: UnsafeMutablePointer<UInt32>
    let null: [UInt8]
    /// Whether the input may hold bytes that are not UTF-8.
    let checksUTF8: Bool
    /// Enough for all the unescaped text.
    let escapedBytesMax: Int

    /// The first thing wrong in each row that has something wrong.
    private(set) var failures: [Int: String] = [:]
    private var escaped: Buffer?
    private var escapedUsed = 0

    init(
        chunk: Buffer, rowCount: Int, rowStarts: UnsafeMutablePointer<UInt32>, null: [UInt8],
        checksUTF8: Bool, escapedBytesMax: Int
    ) {
        self.chunk = chunk
        self.rowCount = rowCount
        self.rowStarts = rowStarts
        self.null = null
        self.checksUTF8 = checksUTF8
        self.escapedBytesMax = escapedBytesMax
    }

    /// - Parameters:
    ///   - cells: The field's cell in each row.
    ///   - fallback: A column of one row with the field's default.
    mutating func column(
        _ field: FieldSpec, _ cells: UnsafeMutablePointer<CSVCell>, timestamps: TimestampText?,
        fallback: Column?
    ) -> Column {
        switch field.type {
        case .string, .bytes, .json, .array, .structure:
            return views(field, cells, fallback: fallback)
        case .date:
            return convert(field, cells, Int64(0), fallback) { CalendarDay.parse($0) }
        case .bigint:
            return convert(field, cells, Int64(0), fallback) { FieldText.integer($0) }
        case .double:
            return convert(field, cells, 0.0, fallback) { FieldText.double($0) }
        case .boolean:
            return convert(field, cells, UInt8(0), fallback) { FieldText.boolean($0) }
        case .decimal(let precision, let scale):
            return convert(field, cells, Int128(0), fallback) {
                Decimal38.exact($0, precision: precision, scale: scale)
            }
        case .interval:
            return convert(field, cells, Int64(0), fallback) { _ in nil }
        case .timestamp:
            if case .integer(let unitsPerSecond) = field.timestamp {
                return convert(field, cells, Int64(0), fallback) {
                    FieldText.integer($0).flatMap {
                        FieldText.micros($0, unitsPerSecond: unitsPerSecond)
                    }
                }
            }
            return convert(field, cells, Int64(0), fallback) { timestamps?.micros($0) }
        }
    }

    @inline(__always)
    private func isNull(_ cell: CSVCell) -> Bool {
        if cell.lengthAndFlags & CSVCell.quoted != 0 || cell.length != null.count { return false }
        if null.isEmpty { return true }
        let text = chunk.pointer(to: UInt8.self) + Int(cell.start)
        for index in 0..<null.count where text[index] != null[index] { return false }
        return true
    }

    /// Text, and what lies in memory as bytes.
    private mutating func views(
        _ field: FieldSpec, _ cells: UnsafeMutablePointer<CSVCell>, fallback: Column?
    ) -> Column {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        let values = Buffer(capacity: rowCount * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        var validity: Buffer?
        let reading = field.type == .string ? nil : EncodedText(field.type)
        for row in 0..<rowCount {
            let cell = cells[row]
            if cell.has(CSVCell.missing) || isNull(cell) {
                let standIn = cell.has(CSVCell.missing) ? fallback : nil
                target[row] = standIn?.strings[0] ?? .empty
                if standIn?.isNull(0) ?? true { setNull(row, field, &validity) }
                continue
            }
            if cell.has(CSVCell.bare) {
                target[row] = StringView(CSVColumns.bareText)
                continue
            }
            let text = base + Int(cell.start)
            target[row] =
                cell.has(CSVCell.escaped)
                ? unescaped(text, cell.length) : StringView(base: text, count: cell.length)
            if let reading {
                if let view = reading.view(target[row]) {
                    target[row] = view
                } else {
                    target[row] = .empty
                    fail(
                        row,
                        "cannot read field '\(field.name)' as \(field.type.name): "
                            + InvalidRow.quoted(
                                UnsafeBufferPointer(start: text, count: cell.length)))
                }
                continue
            }
            if checksUTF8, !UTF8Check.isValid(text, count: cell.length) {
                fail(row, "cannot read field '\(field.name)': it is not UTF-8")
            }
        }
        let retained =
            [chunk] + (escaped.map { [$0] } ?? []) + (fallback?.retained ?? [])
            + (reading?.blocks ?? [])
        return Column(
            type: field.type, count: rowCount, values: values, validity: validity,
            retained: retained)
    }

    @inline(__always)
    private mutating func convert<T>(
        _ field: FieldSpec, _ cells: UnsafeMutablePointer<CSVCell>, _ zero: T, _ fallback: Column?,
        _ read: (UnsafeBufferPointer<UInt8>) -> T?
    ) -> Column {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        let values = Buffer(capacity: rowCount * MemoryLayout<T>.stride)
        let target = values.pointer(to: T.self)
        var validity: Buffer?
        for row in 0..<rowCount {
            let cell = cells[row]
            var text = UnsafeBufferPointer(start: base + Int(cell.start), count: cell.length)
            if cell.lengthAndFlags & (CSVCell.bare | CSVCell.escaped) != 0 {
                text = plainText(cell, text)
            }
            if cell.has(CSVCell.missing) || isNull(cell) {
                let standIn = cell.has(CSVCell.missing) ? fallback : nil
                target[row] = standIn?.pointer(to: T.self)[0] ?? zero
                if standIn?.isNull(0) ?? true { setNull(row, field, &validity) }
            } else if let value = read(text) ?? read(FieldText.trimmed(text)) {
                target[row] = value
            } else {
                target[row] = zero
                let place = Int(cell.start) - Int(rowStarts[row])
                fail(
                    row,
                    "cannot read field '\(field.name)' as \(field.type.name): "
                        + "\(InvalidRow.quoted(text)) at byte \(place)")
            }
        }
        return Column(type: field.type, count: rowCount, values: values, validity: validity)
    }

    // SAFETY: lives for ever.
    private nonisolated(unsafe) static let bareText: UnsafeBufferPointer<UInt8> = {
        let text: StaticString = "true"
        return UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }()

    /// What stands for a cell that is not plain text. A number in quotes that holds quotes is none,
    /// and is quoted in messages as it is written.
    private mutating func plainText(
        _ cell: CSVCell, _ text: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8> {
        if cell.has(CSVCell.bare) { return CSVColumns.bareText }
        guard escapes == .backslashes, let start = text.baseAddress else { return text }
        return unescaped(start, text.count).bytes
    }

    private mutating func setNull(_ row: Int, _ field: FieldSpec, _ validity: inout Buffer?) {
        if field.isRequired { fail(row, "cannot read field '\(field.name)': it is required") }
        let buffer: Buffer
        if let validity {
            buffer = validity
        } else {
            buffer = Buffer(capacity: rowCount)
            memset(buffer.base, 1, rowCount)
            validity = buffer
        }
        buffer.pointer(to: UInt8.self)[row] = 0
    }

    private mutating func fail(_ row: Int, _ message: String) {
        if failures[row] == nil { failures[row] = message }
    }

    /// The text with each doubled quote once.
    private mutating func unescaped(_ text: UnsafePointer<UInt8>, _ count: Int) -> StringView {
        let buffer = escaped ?? Buffer(capacity: escapedBytesMax)
        escaped = buffer
        // SAFETY: cells do not overlap, so that all unescaped text is shorter than the input.
        let target = buffer.pointer(to: UInt8.self) + escapedUsed
        if escapes == .backslashes {
            let length = JSONScan.decode(text, text + count, into: target)
            escapedUsed += length
            return StringView(base: target, count: length)
        }
        var length = 0
        var index = 0
        while index < count {
            target[length] = text[index]
            length += 1
            // Within the field every quote is followed by another; which byte quotes is known from
            // the byte before the field.
            index += text[index] == text[-1] ? 2 : 1
        }
        escapedUsed += length
        return StringView(base: target, count: length)
    }
}
