import Glibc

/// The values of one operand during evaluation: a value a row, or one value for all rows.
///
/// A failed row is null here and has its code in `errors`. Slots of nulls hold zero bytes (the
/// empty string), so that kernels may read them.
struct Vector: Sendable {
    var column: Column
    /// `column` then has one row.
    var isConstant = false
    /// One ``RowErrorCode`` byte a stored row; nil when none failed.
    var errors: Buffer?

    var type: ColumnType { column.type }

    /// The buffers behind the strings of several vectors, each once.
    static func retained(by vectors: [Vector]) -> [Buffer] {
        var result: [Buffer] = []
        for vector in vectors {
            for buffer in vector.column.retained where !result.contains(where: { $0 === buffer }) {
                result.append(buffer)
            }
        }
        return result
    }

    /// Whether the one value is null (or failed).
    var isConstantNull: Bool { isConstant && column.isNull(0) }

    static func nulls(_ type: ColumnType) -> Vector {
        Vector(column: .nulls(type: type, count: 1), isConstant: true)
    }

    static func constant(_ literal: Literal, _ type: ColumnType) -> Vector {
        let values = Buffer(capacity: 16)
        var retained: [Buffer] = []
        switch literal {
        case .null: return nulls(type)
        case .boolean(let value): values.pointer(to: UInt8.self)[0] = value ? 1 : 0
        case .bigint(let value), .timestamp(let value), .interval(let value):
            values.pointer(to: Int64.self)[0] = value
        case .double(let value): values.pointer(to: Double.self)[0] = value
        case .decimal(let unscaled, _): values.pointer(to: Int128.self)[0] = unscaled
        case .string(let bytes):
            let content = Buffer(capacity: bytes.count)
            bytes.withUnsafeBytes { source in
                if let base = source.baseAddress { memcpy(content.base, base, bytes.count) }
            }
            retained = [content]
            values.pointer(to: StringView.self)[0] = StringView(
                base: content.pointer(to: UInt8.self), count: bytes.count)
        }
        return Vector(
            column: Column(type: type, count: 1, values: values, retained: retained),
            isConstant: true)
    }

    /// The value of a constant; nil when it failed.
    var literal: Literal? {
        if let errors, errors.pointer(to: UInt8.self)[0] != 0 { return nil }
        if column.isNull(0) { return .null }
        switch type {
        case .boolean: return .boolean(column.booleans[0] != 0)
        case .bigint, .date: return .bigint(column.integers[0])
        case .double: return .double(column.doubles[0])
        case .timestamp: return .timestamp(column.integers[0])
        case .interval: return .interval(column.integers[0])
        case .decimal(_, let scale):
            return .decimal(unscaled: column.decimals[0], scale: scale)
        case .string, .bytes, .json, .array, .structure:
            return .string(Array(column.strings[0].bytes))
        }
    }

    /// The same values, one a row.
    func expanded(to count: Int) -> Vector {
        guard isConstant else { return self }
        let values = Buffer(capacity: count * type.stride)
        switch type.stride {
        case 1: fill(column.booleans, values.pointer(to: UInt8.self), count)
        case 8: fill(column.integers, values.pointer(to: Int64.self), count)
        default: fill(column.decimals, values.pointer(to: Int128.self), count)
        }
        var result = Vector(column: column)
        result.column = Column(
            type: type, count: count, values: values,
            validity: column.isNull(0) ? filled(0, count) : nil, retained: column.retained)
        if let errors { result.errors = filled(errors.pointer(to: UInt8.self)[0], count) }
        return result
    }

    private func filled(_ byte: UInt8, _ count: Int) -> Buffer {
        let buffer = Buffer(capacity: count)
        memset(buffer.base, Int32(byte), count)
        return buffer
    }
}

@inline(__always)
private func fill<T>(
    _ source: UnsafeMutablePointer<T>, _ target: UnsafeMutablePointer<T>, _ count: Int
) {
    let value = source[0]
    for index in 0..<count { target[index] = value }
}

/// The values of an operand in a loop that is not worth three variants: a constant has step 0.
struct Reader<T> {
    let base: UnsafeMutablePointer<T>
    let step: Int

    init(_ vector: Vector, as type: T.Type = T.self) {
        base = vector.column.pointer(to: type)
        step = vector.isConstant ? 0 : 1
    }

    @inline(__always)
    subscript(_ row: Int) -> T { base[row &* step] }
}

/// What every strict function does before and after its loop: a row with a null operand is null,
/// a row with a failed operand has failed.
struct StrictRows {
    /// Rows to compute: 1 when all operands are constant.
    let count: Int
    let isConstant: Bool
    /// Whether no row has a value, because a constant operand has none.
    private(set) var isAllNull = false
    private(set) var validity: Buffer?
    private(set) var errors: Buffer?
    private var ownsValidity = false
    private var ownsErrors = false

    init(_ operands: [Vector], rows: Int) {
        isConstant = operands.allSatisfy(\.isConstant)
        count = isConstant ? 1 : rows
        for operand in operands {
            if operand.isConstant, !isConstant {
                if operand.column.isNull(0) { isAllNull = true }
            } else if let other = operand.column.validity {
                addValidity(other)
            }
            if let other = operand.errors { addErrors(other, step: operand.isConstant ? 0 : 1) }
        }
    }

    var validityPointer: UnsafeMutablePointer<UInt8>? { validity?.pointer(to: UInt8.self) }

    @inline(__always)
    func isValid(_ row: Int) -> Bool {
        validity.map { $0.pointer(to: UInt8.self)[row] != 0 } ?? true
    }

    private mutating func addValidity(_ other: Buffer) {
        guard let validity else {
            self.validity = other
            return
        }
        let result = Buffer(capacity: count)
        let a = validity.pointer(to: UInt8.self)
        let b = other.pointer(to: UInt8.self)
        let target = result.pointer(to: UInt8.self)
        for row in 0..<count { target[row] = a[row] & b[row] }
        self.validity = result
        ownsValidity = true
    }

    private mutating func addErrors(_ other: Buffer, step: Int) {
        if errors == nil, step == 1 || isConstant {
            errors = other
            return
        }
        let result = Buffer(capacity: count)
        let target = result.pointer(to: UInt8.self)
        let added = other.pointer(to: UInt8.self)
        let before = errors?.pointer(to: UInt8.self)
        for row in 0..<count {
            let first = before?[row] ?? 0
            target[row] = first != 0 ? first : added[row &* step]
        }
        errors = result
        ownsErrors = true
    }

    /// Marks a row as failed; the caller leaves zero bytes in its slot.
    @inline(never)
    mutating func fail(_ row: Int, _ code: UInt8) {
        makeNull(row)
        if !ownsErrors {
            let copy = Buffer(capacity: count)
            if let errors {
                memcpy(copy.base, errors.base, count)
            } else {
                memset(copy.base, 0, count)
            }
            errors = copy
            ownsErrors = true
        }
        errors?.pointer(to: UInt8.self)[row] = code
    }

    /// Marks a row as null; the caller leaves zero bytes in its slot.
    @inline(never)
    mutating func makeNull(_ row: Int) {
        if !ownsValidity {
            let copy = Buffer(capacity: count)
            if let validity {
                memcpy(copy.base, validity.base, count)
            } else {
                memset(copy.base, 1, count)
            }
            validity = copy
            ownsValidity = true
        }
        validity?.pointer(to: UInt8.self)[row] = 0
    }

    /// The result when `isAllNull`.
    func allNull(_ type: ColumnType) -> Vector {
        guard let errors, !isConstant else {
            var result = Vector.nulls(type)
            result.errors = errors
            return result
        }
        return Vector(column: .nulls(type: type, count: count), errors: errors)
    }

    func result(_ type: ColumnType, _ values: Buffer, retained: [Buffer] = []) -> Vector {
        Vector(
            column: Column(
                type: type, count: count, values: values, validity: validity, retained: retained),
            isConstant: isConstant, errors: errors)
    }
}

/// Applies `body` to each row's value. `body` sets its last argument to an error's code to fail
/// the row; it must not trap on zero.
@inline(__always)
func map<A, R>(
    _ a: Vector, rows: Int, _ type: ColumnType, zero: R,
    _ body: (A, inout UInt8) -> R
) -> Vector {
    var frame = StrictRows([a], rows: rows)
    let values = Buffer(capacity: frame.count * MemoryLayout<R>.stride)
    let target = values.pointer(to: R.self)
    let source = a.column.pointer(to: A.self)
    var seen: UInt8 = 0
    for row in 0..<frame.count {
        var code: UInt8 = 0
        target[row] = body(source[row], &code)
        seen |= code
    }
    if seen != 0 {
        for row in 0..<frame.count where frame.isValid(row) {
            var code: UInt8 = 0
            _ = body(source[row], &code)
            if code != 0 { frame.fail(row, code) }
        }
    }
    clearNulls(target, frame, zero)
    return frame.result(type, values)
}

/// Applies `body` to each row's two values, as ``map(_:rows:_:zero:_:)-(_,_,_,R,_)`` does to one.
@inline(__always)
func map<A, B, R>(
    _ a: Vector, _ b: Vector, rows: Int, _ type: ColumnType, zero: R,
    _ body: (A, B, inout UInt8) -> R
) -> Vector {
    var frame = StrictRows([a, b], rows: rows)
    if frame.isAllNull { return frame.allNull(type) }
    let values = Buffer(capacity: frame.count * MemoryLayout<R>.stride)
    let target = values.pointer(to: R.self)
    let left = a.column.pointer(to: A.self)
    let right = b.column.pointer(to: B.self)
    var seen: UInt8 = 0
    if a.isConstant {
        let x = left[0]
        for row in 0..<frame.count {
            var code: UInt8 = 0
            target[row] = body(x, right[row], &code)
            seen |= code
        }
    } else if b.isConstant {
        let y = right[0]
        for row in 0..<frame.count {
            var code: UInt8 = 0
            target[row] = body(left[row], y, &code)
            seen |= code
        }
    } else {
        for row in 0..<frame.count {
            var code: UInt8 = 0
            target[row] = body(left[row], right[row], &code)
            seen |= code
        }
    }
    if seen != 0 {
        let x = Reader(a, as: A.self)
        let y = Reader(b, as: B.self)
        for row in 0..<frame.count where frame.isValid(row) {
            var code: UInt8 = 0
            _ = body(x[row], y[row], &code)
            if code != 0 { frame.fail(row, code) }
        }
    }
    clearNulls(target, frame, zero)
    return frame.result(type, values)
}

@inline(__always)
private func clearNulls<R>(_ target: UnsafeMutablePointer<R>, _ frame: StrictRows, _ zero: R) {
    guard let validity = frame.validityPointer else { return }
    for row in 0..<frame.count where validity[row] == 0 { target[row] = zero }
}
