/// Three-valued logic, in which a failed operand is a fourth value that only a deciding operand
/// hides: `false AND failed` is false, `null AND failed` has failed.
enum LogicKernels {
    static func logical(_ operands: [Vector], isAnd: Bool, rows: Int) -> Vector {
        guard var result = operands.first else {
            return .constant(.boolean(isAnd), .boolean)
        }
        for operand in operands.dropFirst() {
            result = logical(result, operand, isAnd: isAnd, rows: rows)
        }
        return result
    }

    private static func logical(_ a: Vector, _ b: Vector, isAnd: Bool, rows: Int) -> Vector {
        let isConstant = a.isConstant && b.isConstant
        let count = isConstant ? 1 : rows
        let values = Buffer(capacity: count)
        let target = values.pointer(to: UInt8.self)
        let left = Reader(a, as: UInt8.self)
        let right = Reader(b, as: UInt8.self)
        if a.column.validity == nil, b.column.validity == nil {
            if isAnd {
                for row in 0..<count { target[row] = left[row] & right[row] }
            } else {
                for row in 0..<count { target[row] = left[row] | right[row] }
            }
            return Vector(
                column: Column(type: .boolean, count: count, values: values),
                isConstant: isConstant)
        }
        let validity = Buffer(capacity: count)
        let valid = validity.pointer(to: UInt8.self)
        let deciding: UInt8 = isAnd ? 0 : 1
        let leftValid = a.column.validityPointer
        let rightValid = b.column.validityPointer
        for row in 0..<count {
            let isLeft = leftValid.map { $0[row &* left.step] } ?? 1
            let isRight = rightValid.map { $0[row &* right.step] } ?? 1
            let x = left[row]
            let y = right[row]
            let isDecided = (isLeft != 0 && x == deciding) || (isRight != 0 && y == deciding)
            valid[row] = isDecided ? 1 : isLeft & isRight
            target[row] = isDecided ? deciding : (isLeft & isRight != 0 ? 1 &- deciding : 0)
        }
        var errors: Buffer?
        if a.errors != nil || b.errors != nil {
            let codes = Buffer(capacity: count)
            let first = a.errors?.pointer(to: UInt8.self)
            let second = b.errors?.pointer(to: UInt8.self)
            for row in 0..<count {
                let code = first?[row &* left.step] ?? 0
                let other = second?[row &* right.step] ?? 0
                codes.pointer(to: UInt8.self)[row] =
                    valid[row] != 0 ? 0 : (code != 0 ? code : other)
            }
            errors = codes
        }
        return Vector(
            column: Column(type: .boolean, count: count, values: values, validity: validity),
            isConstant: isConstant, errors: errors)
    }

    static func not(_ a: Vector, rows: Int) -> Vector {
        map(a, rows: rows, .boolean, zero: UInt8(0)) { (x: UInt8, _) in x ^ 1 }
    }

    /// `IS NULL`, `IS TRUE` and their like: never null, but failed where the operand is.
    static func test(_ function: ScalarFunction, _ a: Vector, rows: Int) -> Vector {
        let count = a.isConstant ? 1 : rows
        let values = Buffer(capacity: count)
        let target = values.pointer(to: UInt8.self)
        let valid = a.column.validityPointer
        let errors = a.errors?.pointer(to: UInt8.self)
        let ofNull: UInt8 =
            function == .isNull || function == .isNotTrue || function == .isNotFalse ? 1 : 0
        switch function {
        case .isNull, .isNotNull:
            for row in 0..<count { target[row] = 1 &- ofNull }
        case .isTrue, .isNotFalse:
            target.update(from: a.column.booleans, count: count)
        default:
            let source = a.column.booleans
            for row in 0..<count { target[row] = source[row] ^ 1 }
        }
        if let valid {
            for row in 0..<count where valid[row] == 0 { target[row] = ofNull }
        }
        var validity: Buffer?
        if let errors {
            let buffer = Buffer(capacity: count)
            for row in 0..<count {
                buffer.pointer(to: UInt8.self)[row] = errors[row] == 0 ? 1 : 0
                if errors[row] != 0 { target[row] = 0 }
            }
            validity = buffer
        }
        return Vector(
            column: Column(type: .boolean, count: count, values: values, validity: validity),
            isConstant: a.isConstant, errors: a.errors)
    }
}
