import Config
import Foundation
import Operators
import Store
import Testing

@testable import Connectors

/// A column of the given values for tests; nil is null.
func column(_ values: [Int64?], _ type: ColumnType = .bigint) -> Column {
    let buffer = Buffer(capacity: values.count * 8)
    let validity = Buffer(capacity: values.count)
    for (row, value) in values.enumerated() {
        buffer.pointer(to: Int64.self)[row] = value ?? 0
        validity.pointer(to: UInt8.self)[row] = value == nil ? 0 : 1
    }
    return Column(type: type, count: values.count, values: buffer, validity: validity)
}

func column(doubles values: [Double?]) -> Column {
    let buffer = Buffer(capacity: values.count * 8)
    let validity = Buffer(capacity: values.count)
    for (row, value) in values.enumerated() {
        buffer.pointer(to: Double.self)[row] = value ?? 0
        validity.pointer(to: UInt8.self)[row] = value == nil ? 0 : 1
    }
    return Column(type: .double, count: values.count, values: buffer, validity: validity)
}

func column(_ values: [Bool]) -> Column {
    let buffer = Buffer(capacity: values.count)
    for (row, value) in values.enumerated() { buffer.pointer(to: UInt8.self)[row] = value ? 1 : 0 }
    return Column(type: .boolean, count: values.count, values: buffer)
}

func column(bytes values: [[UInt8]?]) -> Column {
    let texts = Buffer(capacity: values.reduce(0) { $0 + ($1?.count ?? 0) })
    let views = Buffer(capacity: values.count * MemoryLayout<StringView>.stride)
    let validity = Buffer(capacity: values.count)
    var next = texts.pointer(to: UInt8.self)
    for (row, value) in values.enumerated() {
        validity.pointer(to: UInt8.self)[row] = value == nil ? 0 : 1
        for (index, byte) in (value ?? []).enumerated() { next[index] = byte }
        views.pointer(to: StringView.self)[row] = StringView(base: next, count: value?.count ?? 0)
        next += value?.count ?? 0
    }
    return Column(
        type: .string, count: values.count, values: views, validity: validity, retained: [texts])
}

func column(_ values: [String?]) -> Column {
    column(bytes: values.map { $0.map { Array($0.utf8) } })
}

func batch(_ columns: [Column], times: [Int64]? = nil, weights: [Int32]? = nil) -> Batch {
    let count = columns.first?.count ?? times?.count ?? 0
    let times = times ?? Array(repeating: 0, count: count)
    var buffer: Buffer?
    if let weights {
        let target = Buffer(capacity: weights.count * 4)
        for (row, weight) in weights.enumerated() { target.pointer(to: Int32.self)[row] = weight }
        buffer = target
    }
    let rowtime = column(times.map { Optional($0) }, .timestamp)
    return Batch(
        columns: columns,
        rowtime: Column(type: .timestamp, count: count, values: rowtime.values),
        rowCount: count, weights: buffer)
}

/// One value of a column as text, for comparing; nil is null.
func text(_ column: Column, _ row: Int) -> String? {
    if column.isNull(row) { return nil }
    switch column.type {
    case .boolean: return column.booleans[row] != 0 ? "true" : "false"
    case .bigint, .timestamp, .interval, .date: return String(column.integers[row])
    case .double: return column.doubles[row].description
    case .string, .bytes, .json: return column.strings[row].string
    case .array, .structure:
        var writing = JSONWriting()
        writing.append(column, row)
        return String(decoding: writing.text, as: UTF8.self)
    case .decimal: return String(column.decimals[row])
    }
}

/// Rows as arrays of text.
func texts(_ rows: SourceRows) -> [[String?]] {
    (0..<rows.rowCount).map { row in rows.columns.map { text($0, row) } }
}

func buffer(_ bytes: [UInt8]) -> Buffer {
    let buffer = Buffer(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { buffer.pointer(to: UInt8.self)[index] = byte }
    return buffer
}

func stringField(_ name: String, ordinal: Int = 0) -> FieldSpec {
    FieldSpec(name: name, type: .string, path: [name], ordinal: ordinal)
}

/// Everything that a split gives before it waits or ends.
struct Drained {
    var rows: [[String?]] = []
    var positions: [Int64] = []
    var invalid: [InvalidRow] = []
    var hasEnded = false
    var until: Int64?
}

func drain(_ split: any SourceSplit, now: Int64 = Int64.max / 4, readsMax: Int = .max)
    throws -> Drained
{
    var result = Drained()
    var reads = 0
    while reads < readsMax {
        reads += 1
        switch try split.read(now: now) {
        case .rows(let rows):
            result.rows += texts(rows)
            if let positions = rows.positions?.pointer(to: Int64.self) {
                result.positions += (0..<rows.rowCount).map { positions[$0] }
            }
            result.invalid += rows.invalid
        case .wait(let until):
            result.until = until
            return result
        case .ended:
            result.hasEnded = true
            return result
        }
    }
    return result
}
