/// `CAST`, by the pair of types.
enum CastKernels {
    static func cast(_ a: Vector, to type: ColumnType, rows: Int) -> Vector {
        if a.type == type { return a }
        switch (a.type, type) {
        case (.bytes, .string): return BytesKernels.text(a, rows: rows)
        case (.json, .string), (.string, .bytes):
            var result = a
            result.column = a.column.retyped(type)
            return result
        case (.string, .json): return BytesKernels.json(a, rows: rows)
        case (.array, .array): return NestedKernels.cast(a, to: type, rows: rows)
        case (.array, .string), (.structure, .string), (.array, .json), (.structure, .json):
            return NestedKernels.json(a, type, rows: rows)
        case (.string, .array), (.string, .structure), (.json, .array), (.json, .structure):
            return NestedKernels.read(a, type, rows: rows)
        case (.date, .timestamp): return DateKernels.timestamps(a, rows: rows)
        case (.timestamp, .date): return DateKernels.dates(a, rows: rows)
        case (_, .string): return text(a, rows)
        case (.string, _): return read(a, type, rows)
        case (.bigint, .double):
            return map(a, rows: rows, type, zero: 0.0) { (x: Int64, _) in Double(x) }
        case (.bigint, .decimal(let precision, let scale)):
            return decimals(a, precision, scale, rows) { (x: Int64) in
                Decimal38.rescale(Int128(x), from: 0, to: scale)
            }
        case (.double, .bigint):
            return map(a, rows: rows, type, zero: Int64(0)) { (x: Double, code) in
                guard let result = Int64(exactly: x.rounded(.toNearestOrEven)) else {
                    code = RowErrorCode.bigintOverflow.rawValue
                    return 0
                }
                return result
            }
        case (.double, .decimal(let precision, let scale)):
            return decimals(a, precision, scale, rows) { (x: Double) in
                Decimal38.unscaled(x, scale: scale)
            }
        case (.decimal(_, let scale), .bigint):
            return map(a, rows: rows, type, zero: Int64(0)) { (x: Int128, code) in
                guard let whole = Decimal38.rescale(x, from: scale, to: 0),
                    let result = Int64(exactly: whole)
                else {
                    code = RowErrorCode.bigintOverflow.rawValue
                    return 0
                }
                return result
            }
        case (.decimal(_, let scale), .double):
            return map(a, rows: rows, type, zero: 0.0) { (x: Int128, _) in
                Decimal38.double(x, scale: scale)
            }
        case (.decimal(_, let from), .decimal(let precision, let scale)):
            return decimals(a, precision, scale, rows) { (x: Int128) in
                Decimal38.rescale(x, from: from, to: scale)
            }
        default:
            // The binder lets no other pair through.
            return .nulls(type)
        }
    }

    /// A decimal of at most `precision` digits from each value.
    @inline(__always)
    private static func decimals<T>(
        _ a: Vector, _ precision: Int, _ scale: Int, _ rows: Int, _ body: (T) -> Int128?
    ) -> Vector {
        let bound = Decimal38.power(min(precision, Decimal38.digitsMax))
        return map(
            a, rows: rows, .decimal(precision: precision, scale: scale), zero: Int128(0)
        ) { (x: T, code) in
            guard let result = body(x), result < bound, result > -bound else {
                code = RowErrorCode.decimalOverflow.rawValue
                return 0
            }
            return result
        }
    }

    // MARK: From text

    private static func read(_ a: Vector, _ type: ColumnType, _ rows: Int) -> Vector {
        switch type {
        case .boolean:
            return map(a, rows: rows, type, zero: UInt8(0)) { (x: StringView, code) in
                guard let value = boolean(NumberText.trimmed(x.bytes)) else {
                    code = RowErrorCode.notBoolean.rawValue
                    return 0
                }
                return value ? 1 : 0
            }
        case .bigint:
            return map(a, rows: rows, type, zero: Int64(0)) { (x: StringView, code) in
                guard let value = NumberText.integer(NumberText.trimmed(x.bytes)) else {
                    code = RowErrorCode.notBigint.rawValue
                    return 0
                }
                return value
            }
        case .double:
            return map(a, rows: rows, type, zero: 0.0) { (x: StringView, code) in
                guard let value = NumberText.double(NumberText.trimmed(x.bytes)) else {
                    code = RowErrorCode.notDouble.rawValue
                    return 0
                }
                return value
            }
        case .timestamp:
            return map(a, rows: rows, type, zero: Int64(0)) { (x: StringView, code) in
                guard let value = Timestamp.parseRFC3339(NumberText.trimmed(x.bytes)) else {
                    code = RowErrorCode.notTimestamp.rawValue
                    return 0
                }
                return value
            }
        case .date:
            return map(a, rows: rows, type, zero: Int64(0)) { (x: StringView, code) in
                guard let value = CalendarDay.parse(NumberText.trimmed(x.bytes)) else {
                    code = RowErrorCode.notDate.rawValue
                    return 0
                }
                return value
            }
        case .interval:
            return map(a, rows: rows, type, zero: Int64(0)) { (x: StringView, code) in
                guard let value = try? IntervalText.parse(x.bytes) else {
                    code = RowErrorCode.notInterval.rawValue
                    return 0
                }
                return value
            }
        case .decimal(let precision, let scale):
            let bound = Decimal38.power(precision)
            return map(a, rows: rows, type, zero: Int128(0)) { (x: StringView, code) in
                let text = NumberText.trimmed(x.bytes)
                guard let value = Decimal38.parse(text, scale: scale), value < bound,
                    value > -bound
                else {
                    code =
                        NumberText.decimalParts(text) == nil
                        ? RowErrorCode.notDecimal.rawValue
                        : RowErrorCode.decimalOverflow.rawValue
                    return 0
                }
                return value
            }
        case .string, .bytes, .json, .array, .structure:
            return a
        }
    }

    /// `true`, `yes`, `on`, `1` and their opposites, or the start of one, in any case.
    private static func boolean(_ text: UnsafeBufferPointer<UInt8>) -> Bool? {
        func isPrefix(_ word: StaticString, atLeast: Int) -> Bool {
            guard text.count >= atLeast, text.count <= word.utf8CodeUnitCount else { return false }
            for index in 0..<text.count where text[index] | 0x20 != word.utf8Start[index] {
                return false
            }
            return true
        }
        guard let first = text.first else { return nil }
        if text.count == 1, first == UInt8(ascii: "1") { return true }
        if text.count == 1, first == UInt8(ascii: "0") { return false }
        if isPrefix("true", atLeast: 1) || isPrefix("yes", atLeast: 1)
            || isPrefix("on", atLeast: 2)
        {
            return true
        }
        if isPrefix("false", atLeast: 1) || isPrefix("no", atLeast: 1)
            || isPrefix("off", atLeast: 2)
        {
            return false
        }
        return nil
    }

    // MARK: To text

    private static func text(_ a: Vector, _ rows: Int) -> Vector {
        switch a.type {
        case .boolean:
            return written(a, rows, UInt8.self, 5) { value, target in
                let word: StaticString = value != 0 ? "true" : "false"
                target.update(from: word.utf8Start, count: word.utf8CodeUnitCount)
                return word.utf8CodeUnitCount
            }
        case .bigint:
            return written(a, rows, Int64.self, 20) { NumberText.writeInteger($0, into: $1) }
        case .double:
            return written(a, rows, Double.self, NumberText.textBytesMax) {
                NumberText.writeDouble($0, into: $1)
            }
        case .timestamp:
            return written(a, rows, Int64.self, Timestamp.textBytesMax) {
                Timestamp.write($0, into: $1)
            }
        case .interval:
            return written(a, rows, Int64.self, IntervalText.textBytesMax) {
                IntervalText.write($0, into: $1)
            }
        case .date:
            return written(a, rows, Int64.self, CalendarDay.textBytes) {
                CalendarDay.write($0, into: $1)
            }
        case .decimal(_, let scale):
            return written(a, rows, Int128.self, 42) {
                Decimal38.write($0, scale: scale, into: $1)
            }
        case .string, .bytes, .json, .array, .structure:
            return a
        }
    }

    /// A string from each value, written by `body` into room for `bytesMax` bytes.
    @inline(__always)
    private static func written<T>(
        _ a: Vector, _ rows: Int, _: T.Type, _ bytesMax: Int,
        _ body: (T, UnsafeMutablePointer<UInt8>) -> Int
    ) -> Vector {
        let frame = StrictRows([a], rows: rows)
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        let source = a.column.pointer(to: T.self)
        var arena = StringArena(expectedBytes: frame.count * min(bytesMax, 24))
        let empty = StringView.empty
        for row in 0..<frame.count {
            guard frame.isValid(row) else {
                target[row] = empty
                continue
            }
            let count = body(source[row], arena.reserve(bytesMax))
            target[row] = arena.commit(count)
        }
        return frame.result(.string, values, retained: arena.chunks)
    }
}
