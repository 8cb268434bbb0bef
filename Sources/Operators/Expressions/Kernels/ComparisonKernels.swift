/// Comparison of two values of one type, which may be decimals of different scale.
enum ComparisonKernels {
    /// Three-valued `= <> < <= > >=`.
    static func compare(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, rows: Int
    ) -> Vector {
        switch (a.type, b.type) {
        case (.decimal(_, let scaleA), .decimal(_, let scaleB)) where scaleA != scaleB:
            return decimals(function, a, scaleA, b, scaleB, rows)
        default: break
        }
        switch a.type.storage {
        case .boolean:
            return compare(
                function, a, b, rows, UInt8.self, { $0 == $1 }, { $0 < $1 })
        case .integer:
            return compare(
                function, a, b, rows, Int64.self, { $0 == $1 }, { $0 < $1 })
        case .double:
            return compare(function, a, b, rows, Double.self, equalDoubles, lessDoubles)
        case .view:
            return compare(
                function, a, b, rows, StringView.self, { $0 == $1 },
                { StringView.compare($0, $1) < 0 })
        case .decimal:
            return compare(
                function, a, b, rows, Int128.self, { $0 == $1 }, { $0 < $1 })
        }
    }

    /// NaN equals itself and comes after all other numbers.
    @inline(__always)
    static func equalDoubles(_ a: Double, _ b: Double) -> Bool { a == b || (a.isNaN && b.isNaN) }

    @inline(__always)
    static func lessDoubles(_ a: Double, _ b: Double) -> Bool {
        a < b || (b.isNaN && !a.isNaN)
    }

    @inline(__always)
    private static func compare<T>(
        _ function: ScalarFunction, _ a: Vector, _ b: Vector, _ rows: Int, _ type: T.Type,
        _ isEqual: (T, T) -> Bool, _ isLess: (T, T) -> Bool
    ) -> Vector {
        let zero: UInt8 = 0
        switch function {
        case .equal:
            return map(a, b, rows: rows, .boolean, zero: zero) { (x: T, y: T, _) in
                isEqual(x, y) ? 1 : 0
            }
        case .notEqual:
            return map(a, b, rows: rows, .boolean, zero: zero) { (x: T, y: T, _) in
                isEqual(x, y) ? 0 : 1
            }
        case .less:
            return map(a, b, rows: rows, .boolean, zero: zero) { (x: T, y: T, _) in
                isLess(x, y) ? 1 : 0
            }
        case .lessOrEqual:
            return map(a, b, rows: rows, .boolean, zero: zero) { (x: T, y: T, _) in
                isLess(y, x) ? 0 : 1
            }
        case .greater:
            return map(a, b, rows: rows, .boolean, zero: zero) { (x: T, y: T, _) in
                isLess(y, x) ? 1 : 0
            }
        default:
            return map(a, b, rows: rows, .boolean, zero: zero) { (x: T, y: T, _) in
                isLess(x, y) ? 0 : 1
            }
        }
    }

    private static func decimals(
        _ function: ScalarFunction, _ a: Vector, _ scaleA: Int, _ b: Vector, _ scaleB: Int,
        _ rows: Int
    ) -> Vector {
        map(a, b, rows: rows, .boolean, zero: UInt8(0)) { (x: Int128, y: Int128, _) -> UInt8 in
            let order = Decimal38.compare(x, scale: scaleA, y, scale: scaleB)
            switch function {
            case .equal: return order == 0 ? 1 : 0
            case .notEqual: return order != 0 ? 1 : 0
            case .less: return order < 0 ? 1 : 0
            case .lessOrEqual: return order <= 0 ? 1 : 0
            case .greater: return order > 0 ? 1 : 0
            default: return order >= 0 ? 1 : 0
            }
        }
    }

    /// `IS [NOT] DISTINCT FROM`: nulls are values that equal each other.
    static func distinct(_ a: Vector, _ b: Vector, isNegated: Bool, rows: Int) -> Vector {
        let isConstant = a.isConstant && b.isConstant
        let count = isConstant ? 1 : rows
        let equal = compare(.equal, a, b, rows: rows).expanded(to: count)
        let left = a.expanded(to: count).column
        let right = b.expanded(to: count).column
        let values = Buffer(capacity: count)
        let target = values.pointer(to: UInt8.self)
        let isEqual = equal.column.booleans
        for row in 0..<count {
            let nulls = (left.isNull(row), right.isNull(row))
            let same = nulls.0 || nulls.1 ? nulls.0 && nulls.1 : isEqual[row] != 0
            target[row] = same == isNegated ? 1 : 0
        }
        var validity: Buffer?
        if let errors = equal.errors {
            // A failed operand is no null: the row fails.
            let valid = Buffer(capacity: count)
            for row in 0..<count {
                let isFailed = errors.pointer(to: UInt8.self)[row] != 0
                valid.pointer(to: UInt8.self)[row] = isFailed ? 0 : 1
                if isFailed { target[row] = 0 }
            }
            validity = valid
        }
        return Vector(
            column: Column(type: .boolean, count: count, values: values, validity: validity),
            isConstant: isConstant, errors: equal.errors)
    }
}
