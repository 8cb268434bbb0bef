/// `+ - * / %` of every pair of types that the binder lets through.
enum ArithmeticKernels {
    static func binary(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ type: ColumnType, rows: Int
    ) -> Vector {
        switch (a.type, b.type) {
        case (.bigint, .bigint): return integers(function, a, b, rows)
        case (.double, .double): return doubles(function, a, b, rows)
        case (.decimal(_, let scaleA), .decimal(_, let scaleB)):
            return decimals(function, a, scaleA, b, scaleB, type, rows)
        case (.timestamp, .timestamp):
            // Both lie in the years 1 to 9999, so the difference fits.
            return map(a, b, rows: rows, type, zero: Int64(0)) { (x: Int64, y: Int64, _) in x &- y }
        case (.date, .bigint), (.date, .date):
            return DateKernels.arithmetic(function, a, b, type, rows: rows)
        case (.timestamp, .interval): return shifted(function, a, b, rows)
        case (.interval, .interval): return intervals(function, a, b, rows)
        case (.interval, .bigint): return scaled(function, a, b, rows)
        default: return scaledByDouble(function, a, b, rows)
        }
    }

    private static func integers(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ rows: Int
    ) -> Vector {
        let overflow = RowErrorCode.bigintOverflow.rawValue
        let byZero = RowErrorCode.divisionByZero.rawValue
        switch function {
        case .add:
            return map(a, b, rows: rows, .bigint, zero: Int64(0)) { (x: Int64, y: Int64, code) in
                let (result, overflows) = x.addingReportingOverflow(y)
                if overflows { code = overflow }
                return result
            }
        case .subtract:
            return map(a, b, rows: rows, .bigint, zero: Int64(0)) { (x: Int64, y: Int64, code) in
                let (result, overflows) = x.subtractingReportingOverflow(y)
                if overflows { code = overflow }
                return result
            }
        case .multiply:
            return map(a, b, rows: rows, .bigint, zero: Int64(0)) { (x: Int64, y: Int64, code) in
                let (result, overflows) = x.multipliedReportingOverflow(by: y)
                if overflows { code = overflow }
                return result
            }
        case .divide:
            return map(a, b, rows: rows, .bigint, zero: Int64(0)) { (x: Int64, y: Int64, code) in
                let (result, overflows) = x.dividedReportingOverflow(by: y)
                if overflows { code = y == 0 ? byZero : overflow }
                return result
            }
        default:
            return map(a, b, rows: rows, .bigint, zero: Int64(0)) { (x: Int64, y: Int64, code) in
                if y == 0 {
                    code = byZero
                    return 0
                }
                // The least integer by −1 overflows in the machine, but its remainder is 0.
                return y == -1 ? 0 : x % y
            }
        }
    }

    private static func doubles(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ rows: Int
    ) -> Vector {
        let byZero = RowErrorCode.divisionByZero.rawValue
        switch function {
        case .add:
            return map(a, b, rows: rows, .double, zero: 0.0) { (x: Double, y: Double, code) in
                bounded(x + y, x.isFinite && y.isFinite, &code)
            }
        case .subtract:
            return map(a, b, rows: rows, .double, zero: 0.0) { (x: Double, y: Double, code) in
                bounded(x - y, x.isFinite && y.isFinite, &code)
            }
        case .multiply:
            return map(a, b, rows: rows, .double, zero: 0.0) { (x: Double, y: Double, code) in
                let result = x * y
                if result == 0, x != 0, y != 0 { code = RowErrorCode.doubleUnderflow.rawValue }
                return bounded(result, x.isFinite && y.isFinite, &code)
            }
        case .divide:
            return map(a, b, rows: rows, .double, zero: 0.0) { (x: Double, y: Double, code) in
                if y == 0, !x.isNaN { code = byZero }
                let result = x / y
                if result == 0, x != 0, y.isFinite {
                    code = RowErrorCode.doubleUnderflow.rawValue
                }
                return y == 0 ? result : bounded(result, x.isFinite, &code)
            }
        default:
            return map(a, b, rows: rows, .double, zero: 0.0) { (x: Double, y: Double, code) in
                if y == 0, !x.isNaN { code = byZero }
                return x.truncatingRemainder(dividingBy: y)
            }
        }
    }

    /// The result, which has overflowed when it is infinite and its operands were not.
    @inline(__always)
    static func bounded(_ result: Double, _ isFinite: Bool, _ code: inout UInt8) -> Double {
        if result.isInfinite, isFinite { code = RowErrorCode.doubleOverflow.rawValue }
        return result
    }

    private static func decimals(
        _ function: ScalarFunction, _ a: Vector, _ scaleA: Int, _ b: Vector, _ scaleB: Int,
        _ type: ColumnType, _ rows: Int
    ) -> Vector {
        guard case .decimal(_, let scale) = type else { return .nulls(type) }
        let overflow = RowErrorCode.decimalOverflow.rawValue
        let byZero = RowErrorCode.divisionByZero.rawValue
        @inline(__always) func checked(_ result: Int128?, _ code: inout UInt8) -> Int128 {
            guard let result else {
                code = overflow
                return 0
            }
            return result
        }
        switch function {
        case .multiply:
            return map(a, b, rows: rows, type, zero: Int128(0)) { (x: Int128, y: Int128, code) in
                checked(Decimal38.multiply(x, y), &code)
            }
        case .divide:
            return map(a, b, rows: rows, type, zero: Int128(0)) { (x: Int128, y: Int128, code) in
                if y == 0 {
                    code = byZero
                    return 0
                }
                return checked(
                    Decimal38.divide(x, scale: scaleA, by: y, scale: scaleB, to: scale), &code)
            }
        case .modulo:
            return map(a, b, rows: rows, type, zero: Int128(0)) { (x: Int128, y: Int128, code) in
                if y == 0 {
                    code = byZero
                    return 0
                }
                guard let left = Decimal38.rescale(x, from: scaleA, to: scale),
                    let right = Decimal38.rescale(y, from: scaleB, to: scale)
                else { return checked(nil, &code) }
                return left % right
            }
        default:
            let isSum = function == .add
            if scaleA == scaleB {
                return map(a, b, rows: rows, type, zero: Int128(0)) {
                    (x: Int128, y: Int128, code) in
                    checked(Decimal38.add(x, isSum ? y : -y), &code)
                }
            }
            return map(a, b, rows: rows, type, zero: Int128(0)) { (x: Int128, y: Int128, code) in
                guard let left = Decimal38.rescale(x, from: scaleA, to: scale),
                    let right = Decimal38.rescale(y, from: scaleB, to: scale)
                else { return checked(nil, &code) }
                return checked(Decimal38.add(left, isSum ? right : -right), &code)
            }
        }
    }

    // MARK: Time

    private static func shifted(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ rows: Int
    ) -> Vector {
        let outOfRange = RowErrorCode.timestampOutOfRange.rawValue
        let isSum = function == .add
        return map(a, b, rows: rows, .timestamp, zero: Int64(0)) { (x: Int64, y: Int64, code) in
            let (result, overflows) =
                isSum ? x.addingReportingOverflow(y) : x.subtractingReportingOverflow(y)
            if overflows || !Timestamp.isInRange(result) { code = outOfRange }
            return result
        }
    }

    private static func intervals(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ rows: Int
    ) -> Vector {
        let outOfRange = RowErrorCode.intervalOutOfRange.rawValue
        let isSum = function == .add
        return map(a, b, rows: rows, .interval, zero: Int64(0)) { (x: Int64, y: Int64, code) in
            let (result, overflows) =
                isSum ? x.addingReportingOverflow(y) : x.subtractingReportingOverflow(y)
            if overflows { code = outOfRange }
            return result
        }
    }

    private static func scaled(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ rows: Int
    ) -> Vector {
        let outOfRange = RowErrorCode.intervalOutOfRange.rawValue
        let byZero = RowErrorCode.divisionByZero.rawValue
        if function == .multiply {
            return map(a, b, rows: rows, .interval, zero: Int64(0)) { (x: Int64, y: Int64, code) in
                let (result, overflows) = x.multipliedReportingOverflow(by: y)
                if overflows { code = outOfRange }
                return result
            }
        }
        return map(a, b, rows: rows, .interval, zero: Int64(0)) { (x: Int64, y: Int64, code) in
            if y == 0 {
                code = byZero
                return 0
            }
            let divisor = Int128(y.magnitude)
            let quotient = Decimal38.divideRounding(y < 0 ? -Int128(x) : Int128(x), by: divisor)
            guard let result = Int64(exactly: quotient) else {
                code = outOfRange
                return 0
            }
            return result
        }
    }

    private static func scaledByDouble(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ rows: Int
    ) -> Vector {
        let outOfRange = RowErrorCode.intervalOutOfRange.rawValue
        let byZero = RowErrorCode.divisionByZero.rawValue
        let isProduct = function == .multiply
        return map(a, b, rows: rows, .interval, zero: Int64(0)) { (x: Int64, y: Double, code) in
            if !isProduct, y == 0 {
                code = byZero
                return 0
            }
            let exact = isProduct ? Double(x) * y : Double(x) / y
            guard let result = Int64(exactly: exact.rounded(.toNearestOrEven)) else {
                code = outOfRange
                return 0
            }
            return result
        }
    }
}
