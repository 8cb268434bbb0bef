import Glibc

/// Angles, roots, and the distance of places. Errors are PostgreSQL's.
enum MathKernels {
    private static let radiansPerDegree = 0.0174532925199432957692
    private static let earthRadiusKilometres = 6371.0

    static func call(_ function: ScalarFunction, _ operands: [Vector], rows: Int) -> Vector {
        switch function {
        case .atan2:
            return map(operands[0], operands[1], rows: rows, .double, zero: 0.0) {
                (y: Double, x: Double, _) in Glibc.atan2(y, x)
            }
        case .geoDistance: return distance(operands, rows)
        default: return one(function, operands[0], rows)
        }
    }

    private static func one(_ function: ScalarFunction, _ a: Vector, _ rows: Int) -> Vector {
        let outOfRange = RowErrorCode.argumentOutOfRange.rawValue
        func each(_ body: (Double) -> Double) -> Vector {
            map(a, rows: rows, .double, zero: 0.0) { (x: Double, _) in body(x) }
        }
        /// Of a cosine or sine, which is −1 to 1.
        func inverse(_ body: (Double) -> Double) -> Vector {
            map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                if x.magnitude > 1 {
                    code = outOfRange
                    return 0
                }
                return body(x)
            }
        }
        /// Of an angle, which is finite.
        func angle(_ body: (Double) -> Double) -> Vector {
            map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                if x.isInfinite {
                    code = outOfRange
                    return 0
                }
                return body(x)
            }
        }
        func scaled(_ body: (Double) -> Double) -> Vector {
            map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                let result = body(x)
                if result == 0, x != 0 { code = RowErrorCode.doubleUnderflow.rawValue }
                return ArithmeticKernels.bounded(result, x.isFinite, &code)
            }
        }
        switch function {
        case .acos: return inverse { Glibc.acos($0) }
        case .asin: return inverse { Glibc.asin($0) }
        case .cos: return angle { Glibc.cos($0) }
        case .sin: return angle { Glibc.sin($0) }
        case .tan: return angle { Glibc.tan($0) }
        case .cot: return angle { 1 / Glibc.tan($0) }
        case .atan: return each { Glibc.atan($0) }
        case .cbrt: return each { Glibc.cbrt($0) }
        case .cosh: return each { Glibc.cosh($0) }
        case .sinh: return each { Glibc.sinh($0) }
        case .tanh: return each { Glibc.tanh($0) }
        case .degrees: return scaled { $0 / radiansPerDegree }
        case .radians: return scaled { $0 * radiansPerDegree }
        default:
            return map(a, rows: rows, .double, zero: 0.0) { (x: Double, code) in
                if x <= 0 { code = RowErrorCode.logarithmOfNonPositive.rawValue }
                return Glibc.log2(x)
            }
        }
    }

    /// Along the surface of a ball, by the haversine formula.
    private static func distance(_ operands: [Vector], _ rows: Int) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.double) }
        let values = Buffer(capacity: frame.count * 8)
        let target = values.pointer(to: Double.self)
        let latitude = Reader(operands[0], as: Double.self)
        let longitude = Reader(operands[1], as: Double.self)
        let otherLatitude = Reader(operands[2], as: Double.self)
        let otherLongitude = Reader(operands[3], as: Double.self)
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            let (a, b) = (latitude[row], otherLatitude[row])
            let (c, d) = (longitude[row], otherLongitude[row])
            // So that what is no number fails, too.
            guard a.magnitude <= 90, b.magnitude <= 90, c.magnitude <= 180, d.magnitude <= 180
            else {
                frame.fail(row, RowErrorCode.argumentOutOfRange.rawValue)
                continue
            }
            let half = radiansPerDegree / 2
            let north = Glibc.sin((b - a) * half)
            let east = Glibc.sin((d - c) * half)
            let parallel = Glibc.cos(a * radiansPerDegree) * Glibc.cos(b * radiansPerDegree)
            let share = min(1, north * north + parallel * east * east)
            target[row] = 2 * earthRadiusKilometres * Glibc.asin(share.squareRoot())
        }
        return frame.result(.double, values)
    }
}
