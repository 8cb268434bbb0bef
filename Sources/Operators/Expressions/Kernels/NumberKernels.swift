import Glibc

/// Sign, rounding and the mathematical functions.
enum NumberKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ type: ColumnType, rows: Int
    ) -> Vector {
        let a = operands[0]
        switch function {
        case .power:
            return map(a, operands[1], rows: rows, .double, zero: 0.0) {
                (x: Double, y: Double, code) in power(x, y, &code)
            }
        case .log:
            return map(a, operands[1], rows: rows, .double, zero: 0.0) {
                (base: Double, x: Double, code) in
                if x <= 0 || base <= 0 {
                    code = RowErrorCode.logarithmOfNonPositive.rawValue
                    return 0
                }
                if base == 1 {
                    code = RowErrorCode.divisionByZero.rawValue
                    return 0
                }
                return Glibc.log(x) / Glibc.log(base)
            }
        case .sqrt:
            return map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                if x < 0 { code = RowErrorCode.squareRootOfNegative.rawValue }
                return x.squareRoot()
            }
        case .ln:
            return map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                if x <= 0 { code = RowErrorCode.logarithmOfNonPositive.rawValue }
                return Glibc.log(x)
            }
        case .log10:
            return map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                if x <= 0 { code = RowErrorCode.logarithmOfNonPositive.rawValue }
                return Glibc.log10(x)
            }
        case .exp:
            return map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                let result = Glibc.exp(x)
                if result == 0, x.isFinite { code = RowErrorCode.doubleUnderflow.rawValue }
                return ArithmeticKernels.bounded(result, x.isFinite, &code)
            }
        default:
            break
        }
        switch a.type {
        case .double: return doubles(function, operands, rows)
        case .decimal(_, let scale): return decimals(function, operands, scale, type, rows)
        default: return integers(function, a, type, rows)
        }
    }

    private static func power(_ x: Double, _ y: Double, _ code: inout UInt8) -> Double {
        if x == 0, y < 0 {
            code = RowErrorCode.powerUndefined.rawValue
            return 0
        }
        let result = pow(x, y)
        if result.isNaN, !x.isNaN, !y.isNaN {
            code = RowErrorCode.powerUndefined.rawValue
            return 0
        }
        if result == 0, x != 0, x.isFinite, y.isFinite {
            code = RowErrorCode.doubleUnderflow.rawValue
        }
        return ArithmeticKernels.bounded(result, x.isFinite && y.isFinite, &code)
    }

    private static func integers(
        _ function: ScalarFunction, _ a: Vector, _ type: ColumnType, _ rows: Int
    ) -> Vector {
        let overflow =
            type == .interval
            ? RowErrorCode.intervalOutOfRange.rawValue : RowErrorCode.bigintOverflow.rawValue
        switch function {
        case .negate:
            return map(a, rows: rows, type, zero: Int64(0)) { (x: Int64, code) in
                let (result, overflows) = Int64(0).subtractingReportingOverflow(x)
                if overflows { code = overflow }
                return result
            }
        case .abs:
            return map(a, rows: rows, type, zero: Int64(0)) { (x: Int64, code) in
                if x == .min { code = overflow }
                return x < 0 ? 0 &- x : x
            }
        case .sign:
            return map(a, rows: rows, type, zero: Int64(0)) { (x: Int64, _) in x.signum() }
        default:
            return a
        }
    }

    private static func doubles(
        _ function: ScalarFunction, _ operands: [Vector], _ rows: Int
    ) -> Vector {
        let a = operands[0]
        func each(_ body: (Double) -> Double) -> Vector {
            map(a, rows: rows, .double, zero: 0.0) { (x: Double, _) in body(x) }
        }
        if operands.count == 2 {
            let isRounding = function == .round
            return map(a, operands[1], rows: rows, .double, zero: 0.0) {
                (x: Double, digits: Int64, _) in rounded(x, digits, isRounding)
            }
        }
        switch function {
        case .negate: return each { -$0 }
        case .abs: return each { $0.magnitude }
        case .sign: return each { $0 > 0 ? 1 : ($0 < 0 ? -1 : 0) }
        case .floor: return each { $0.rounded(.down) }
        case .ceil: return each { $0.rounded(.up) }
        case .truncate: return each { $0.rounded(.towardZero) }
        default: return each { $0.rounded(.toNearestOrEven) }
        }
    }

    /// A double to so many decimals: the nearest double of the decimal that its 15 digits round to.
    private static func rounded(_ x: Double, _ digits: Int64, _ isRounding: Bool) -> Double {
        guard x.isFinite, x != 0 else { return x }
        let exponent = Int(digits)
        let exact = 22
        if (0...exact).contains(exponent), x.magnitude < 1e15,
            let unscaled = Decimal38.unscaled(x, scale: exact),
            let result = isRounding
                ? Decimal38.rescale(unscaled, from: exact, to: exponent)
                : unscaled / Decimal38.power(exact - exponent)
        {
            return Decimal38.double(result, scale: exponent)
        }
        let factor = pow(10, Double(exponent.magnitude))
        let scaled = exponent >= 0 ? x * factor : x / factor
        guard scaled.isFinite else { return x }
        let whole = scaled.rounded(isRounding ? .toNearestOrAwayFromZero : .towardZero)
        let result = exponent >= 0 ? whole / factor : whole * factor
        return result.isFinite ? result : x
    }

    private static func decimals(
        _ function: ScalarFunction, _ operands: [Vector], _ scale: Int, _ type: ColumnType,
        _ rows: Int
    ) -> Vector {
        let a = operands[0]
        let overflow = RowErrorCode.decimalOverflow.rawValue
        func each(_ body: (Int128) -> Int128) -> Vector {
            map(a, rows: rows, type, zero: Int128(0)) { (x: Int128, _) in body(x) }
        }
        guard case .decimal(_, let target) = type else { return .nulls(type) }
        switch function {
        case .negate: return each { -$0 }
        case .abs: return each { $0 < 0 ? -$0 : $0 }
        case .sign: return each { $0.signum() }
        case .floor: return each { Decimal38.floor($0, scale: scale) }
        case .ceil: return each { Decimal38.ceil($0, scale: scale) }
        default: break
        }
        // The digits are a literal; negative ones round whole digits away.
        let digits = operands.count > 1 ? Int(operands[1].column.integers[0]) : 0
        let isRounding = function == .round
        return map(a, rows: rows, type, zero: Int128(0)) { (x: Int128, code) in
            let kept = min(digits, scale)
            guard scale - kept <= Decimal38.digitsMax else { return 0 }
            let factor = Decimal38.power(scale - kept)
            let whole = isRounding ? Decimal38.divideRounding(x, by: factor) : x / factor
            guard let result = Decimal38.rescale(whole, from: kept, to: target) else {
                code = overflow
                return 0
            }
            return result
        }
    }
}
