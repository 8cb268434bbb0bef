/// Functions of timestamps and intervals.
enum TimeKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ prepared: PreparedArguments,
        _ type: ColumnType, rows: Int
    ) -> Vector {
        switch function {
        case .dateTrunc:
            guard let unit = prepared.unit else { return .nulls(type) }
            return truncate(operands[1], unit, prepared.zone, rows)
        case .extract:
            guard let field = prepared.field else { return .nulls(type) }
            return extract(operands[1], field, type, rows)
        case .timestampFromEpoch: return fromEpoch(operands[0], rows)
        case .timestampFromText:
            guard let pattern = prepared.pattern else { return .nulls(type) }
            return fromText(operands[0], pattern, prepared.zone, rows)
        default:
            guard let pattern = prepared.pattern else { return .nulls(type) }
            return format(operands[0], pattern, prepared.zone, rows)
        }
    }

    private static func truncate(
        _ a: Vector, _ unit: TimeUnit, _ zone: TimeZoneRules, _ rows: Int
    ) -> Vector {
        let outOfRange = RowErrorCode.timestampOutOfRange.rawValue
        if let width = unit.fixedMicros, zone.isUTC {
            return map(a, rows: rows, .timestamp, zero: Int64(0)) { (x: Int64, code) in
                if !Timestamp.isInRange(x) { code = outOfRange }
                let (quotient, _) = Timestamp.floorDivide(x, width)
                return quotient &* width
            }
        }
        return map(a, rows: rows, .timestamp, zero: Int64(0)) { (x: Int64, code) in
            guard Timestamp.isInRange(x) else {
                code = outOfRange
                return 0
            }
            let result = unit.start(of: x, in: zone)
            if !Timestamp.isInRange(result) { code = outOfRange }
            return result
        }
    }

    private static func extract(
        _ a: Vector, _ field: TimeField, _ type: ColumnType, _ rows: Int
    ) -> Vector {
        let isInterval = a.type == .interval
        if case .decimal = type {
            return map(a, rows: rows, type, zero: Int128(0)) { (x: Int64, _) in
                Int128(field.value(of: x, isInterval: isInterval))
            }
        }
        return map(a, rows: rows, type, zero: Int64(0)) { (x: Int64, _) in
            field.value(of: x, isInterval: isInterval)
        }
    }

    private static func fromEpoch(_ a: Vector, _ rows: Int) -> Vector {
        let outOfRange = RowErrorCode.timestampOutOfRange.rawValue
        @inline(__always) func checked(_ micros: Int64?, _ code: inout UInt8) -> Int64 {
            guard let micros, Timestamp.isInRange(micros) else {
                code = outOfRange
                return 0
            }
            return micros
        }
        switch a.type {
        case .bigint:
            return map(a, rows: rows, .timestamp, zero: Int64(0)) { (x: Int64, code) in
                let (micros, overflows) = x.multipliedReportingOverflow(
                    by: Timestamp.microsPerSecond)
                return checked(overflows ? nil : micros, &code)
            }
        case .decimal(_, let scale):
            return map(a, rows: rows, .timestamp, zero: Int64(0)) { (x: Int128, code) in
                let micros = Decimal38.rescale(x, from: scale, to: 6).flatMap {
                    Int64(exactly: $0)
                }
                return checked(micros, &code)
            }
        default:
            return map(a, rows: rows, .timestamp, zero: Int64(0)) { (x: Double, code) in
                let micros = Int64(exactly: (x * 1_000_000).rounded(.toNearestOrEven))
                return checked(micros, &code)
            }
        }
    }

    private static func fromText(
        _ a: Vector, _ pattern: DatePattern, _ zone: TimeZoneRules, _ rows: Int
    ) -> Vector {
        map(a, rows: rows, .timestamp, zero: Int64(0)) { (x: StringView, code) in
            guard let micros = pattern.parse(x.bytes, zone: zone) else {
                code = RowErrorCode.patternMismatch.rawValue
                return 0
            }
            return micros
        }
    }

    private static func format(
        _ a: Vector, _ pattern: DatePattern, _ zone: TimeZoneRules, _ rows: Int
    ) -> Vector {
        var frame = StrictRows([a], rows: rows)
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        let source = a.column.integers
        let bytesMax = pattern.formattedBytesMax
        var arena = StringArena(expectedBytes: frame.count * min(bytesMax, 64))
        let empty = StringView.empty
        for row in 0..<frame.count {
            target[row] = empty
            guard frame.isValid(row) else { continue }
            guard Timestamp.isInRange(source[row]) else {
                frame.fail(row, RowErrorCode.timestampOutOfRange.rawValue)
                continue
            }
            let count = pattern.format(source[row], zone: zone, into: arena.reserve(bytesMax))
            target[row] = arena.commit(count)
        }
        return frame.result(.string, values, retained: arena.chunks)
    }
}
