@testable import Operators

/// What an expression means, one row at a time, written for clearness: no vectors, no shared code
/// with the kernels but the types.
struct ReferenceEvaluator {
    enum Outcome: Equatable {
        case value(Literal)
        case failed
        /// The reference does not know the function.
        case unknown
    }

    let row: [Literal]
    let rowtime: Int64
    let now: Int64

    func evaluate(_ node: ExpressionNode) -> Outcome {
        switch node {
        case .literal(let literal, _): return .value(literal)
        case .column(let index, _): return .value(row[index])
        case .rowtime: return .value(.timestamp(rowtime))
        case .now: return .value(.timestamp(now))
        case .cast(let operand, let type): return cast(evaluate(operand), operand.type, type)
        case .conditional(let branches, let otherwise, _):
            for branch in branches {
                switch evaluate(branch.condition) {
                case .value(.boolean(true)): return evaluate(branch.result)
                case .value: continue
                case .failed: return .failed
                case .unknown: return .unknown
                }
            }
            return evaluate(otherwise)
        case .call(let function, let operands, let type):
            return call(function, operands, type)
        }
    }

    private func call(
        _ function: ScalarFunction, _ operands: [ExpressionNode], _ type: ColumnType
    ) -> Outcome {
        let outcomes = operands.map(evaluate)
        if outcomes.contains(.unknown) { return .unknown }
        switch function {
        case .and, .or:
            let deciding = Outcome.value(.boolean(function == .or))
            if outcomes.contains(deciding) { return deciding }
            if outcomes.contains(.failed) { return .failed }
            if outcomes.contains(.value(.null)) { return .value(.null) }
            return .value(.boolean(function == .and))
        case .coalesce:
            return outcomes.first { $0 != .value(.null) } ?? .value(.null)
        case .inList:
            let found = operands.dropFirst().map { equal(operands[0], $0) }
            if found.contains(.value(.boolean(true))) { return .value(.boolean(true)) }
            if found.contains(.failed) { return .failed }
            if found.contains(.value(.null)) { return .value(.null) }
            return .value(.boolean(false))
        default: break
        }
        if outcomes.contains(.failed) { return .failed }
        let values = outcomes.map { outcome -> Literal in
            if case .value(let literal) = outcome { return literal }
            return .null
        }
        switch function {
        case .isNull: return .value(.boolean(values[0] == .null))
        case .isNotNull: return .value(.boolean(values[0] != .null))
        case .isTrue: return .value(.boolean(values[0] == .boolean(true)))
        case .isNotTrue: return .value(.boolean(values[0] != .boolean(true)))
        case .isFalse: return .value(.boolean(values[0] == .boolean(false)))
        case .isNotFalse: return .value(.boolean(values[0] != .boolean(false)))
        case .isDistinctFrom, .isNotDistinctFrom:
            let same: Bool
            if values.contains(.null) {
                same = values[0] == values[1]
            } else {
                same = order(values[0], values[1]) == 0
            }
            return .value(.boolean(same == (function == .isNotDistinctFrom)))
        case .greatest, .least:
            let sign = function == .greatest ? 1 : -1
            var best = Literal.null
            for value in values where value != .null {
                if best == .null || order(value, best) * sign > 0 { best = value }
            }
            return .value(best)
        case .concat:
            return .value(.string(values.flatMap { text($0) ?? [] }))
        case .concatWithSeparator: return .unknown
        default: break
        }
        if values.contains(.null) { return .value(.null) }
        return strict(function, values, type)
    }

    private func equal(_ a: ExpressionNode, _ b: ExpressionNode) -> Outcome {
        call(.equal, [a, b], .boolean)
    }

    private func strict(
        _ function: ScalarFunction, _ values: [Literal], _ type: ColumnType
    ) -> Outcome {
        switch function {
        case .equal: return .value(.boolean(order(values[0], values[1]) == 0))
        case .notEqual: return .value(.boolean(order(values[0], values[1]) != 0))
        case .less: return .value(.boolean(order(values[0], values[1]) < 0))
        case .lessOrEqual: return .value(.boolean(order(values[0], values[1]) <= 0))
        case .greater: return .value(.boolean(order(values[0], values[1]) > 0))
        case .greaterOrEqual: return .value(.boolean(order(values[0], values[1]) >= 0))
        case .not:
            guard case .boolean(let value) = values[0] else { return .unknown }
            return .value(.boolean(!value))
        case .concatenate:
            return .value(.string((text(values[0]) ?? []) + (text(values[1]) ?? [])))
        case .length:
            guard let bytes = text(values[0]) else { return .unknown }
            return .value(
                .bigint(Int64(String(decoding: bytes, as: UTF8.self).unicodeScalars.count)))
        case .startsWith:
            guard let a = text(values[0]), let b = text(values[1]) else { return .unknown }
            return .value(.boolean(a.starts(with: b)))
        case .reverse:
            guard let bytes = text(values[0]) else { return .unknown }
            var scalars = String.UnicodeScalarView()
            for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars.reversed() {
                scalars.append(scalar)
            }
            return .value(.string(Array(String(scalars).utf8)))
        case .like: return like(values)
        case .add, .subtract, .multiply, .divide, .modulo, .negate, .abs:
            return arithmetic(function, values, type)
        default: return .unknown
        }
    }

    /// The text of a string value.
    private func text(_ value: Literal) -> [UInt8]? {
        if case .string(let bytes) = value { return bytes }
        return nil
    }

    /// By recursion over the pattern's characters.
    private func like(_ values: [Literal]) -> Outcome {
        guard values.count == 2, let text = text(values[0]), let pattern = scalars(values[1]) else {
            return .unknown
        }
        if pattern.contains("\\") { return .unknown }
        func matches(_ text: ArraySlice<Unicode.Scalar>, _ pattern: ArraySlice<Unicode.Scalar>)
            -> Bool
        {
            guard let first = pattern.first else { return text.isEmpty }
            if first == "%" {
                return (text.startIndex...text.endIndex).contains {
                    matches(text[$0...], pattern.dropFirst())
                }
            }
            guard let next = text.first, first == "_" || first == next else { return false }
            return matches(text.dropFirst(), pattern.dropFirst())
        }
        let characters = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
        return .value(.boolean(matches(characters[...], pattern[...])))
    }

    private func scalars(_ value: Literal) -> [Unicode.Scalar]? {
        text(value).map { Array(String(decoding: $0, as: UTF8.self).unicodeScalars) }
    }

    /// Negative, zero or positive as `a` sorts before, with or after `b`.
    private func order(_ a: Literal, _ b: Literal) -> Int {
        switch (a, b) {
        case (.boolean(let x), .boolean(let y)): return (x ? 1 : 0) - (y ? 1 : 0)
        case (.bigint(let x), .bigint(let y)), (.timestamp(let x), .timestamp(let y)),
            (.interval(let x), .interval(let y)):
            return x < y ? -1 : (x > y ? 1 : 0)
        case (.double(let x), .double(let y)):
            if x.isNaN || y.isNaN { return (x.isNaN ? 1 : 0) - (y.isNaN ? 1 : 0) }
            return x < y ? -1 : (x > y ? 1 : 0)
        case (.string(let x), .string(let y)):
            return x.lexicographicallyPrecedes(y) ? -1 : (x == y ? 0 : 1)
        case (.decimal(let x, let scaleX), .decimal(let y, let scaleY)):
            // The tests keep numbers small enough for this to be exact.
            let scale = max(scaleX, scaleY)
            let left = shift(x, scale - scaleX)
            let right = shift(y, scale - scaleY)
            return left < right ? -1 : (left > right ? 1 : 0)
        default: return 0
        }
    }

    private func shift(_ value: Int128, _ digits: Int) -> Int128 {
        (0..<digits).reduce(value) { result, _ in result.multipliedReportingOverflow(by: 10).0 }
    }

    private func arithmetic(
        _ function: ScalarFunction, _ values: [Literal], _ type: ColumnType
    ) -> Outcome {
        switch (values[0], values.count > 1 ? values[1] : values[0]) {
        case (.bigint(let x), .bigint(let y)):
            let (a, b) = (Int128(x), Int128(y))
            let result: Int128
            switch function {
            case .add: result = a + b
            case .subtract: result = a - b
            case .multiply: result = a * b
            case .negate: result = -a
            case .abs: result = a < 0 ? -a : a
            default:
                if b == 0 { return .failed }
                result = function == .divide ? a / b : a % b
            }
            return Int64(exactly: result).map { .value(.bigint($0)) } ?? .failed
        case (.double(let x), .double(let y)):
            let result: Double
            switch function {
            case .add: result = x + y
            case .subtract: result = x - y
            case .multiply: result = x * y
            case .divide:
                if y == 0, !x.isNaN { return .failed }
                result = x / y
            default: return .unknown
            }
            return result.isInfinite ? .failed : .value(.double(result))
        case (.timestamp(let x), .interval(let y)):
            let result = function == .add ? x + y : x - y
            let range = Int64(-62_135_596_800_000_000)...Int64(253_402_300_799_999_999)
            return range.contains(result) ? .value(.timestamp(result)) : .failed
        case (.timestamp(let x), .timestamp(let y)): return .value(.interval(x - y))
        case (.decimal(let x, let scaleX), .decimal(let y, let scaleY)):
            guard case .decimal(_, let scale) = type else { return .unknown }
            let result: Int128
            switch function {
            case .add: result = shift(x, scale - scaleX) + shift(y, scale - scaleY)
            case .subtract: result = shift(x, scale - scaleX) - shift(y, scale - scaleY)
            case .multiply: result = x * y
            default: return .unknown
            }
            return .value(.decimal(unscaled: result, scale: scale))
        default: return .unknown
        }
    }

    private func cast(_ operand: Outcome, _ from: ColumnType, _ to: ColumnType) -> Outcome {
        guard case .value(let literal) = operand else { return operand }
        switch (literal, to) {
        case (.null, _): return .value(.null)
        case (.bigint(let value), .double): return .value(.double(Double(value)))
        case (.bigint(let value), .string): return .value(.string(Array("\(value)".utf8)))
        case (.boolean(let value), .string): return .value(.string(Array("\(value)".utf8)))
        case (.bigint(let value), .decimal(let precision, let scale)):
            let result = shift(Int128(value), scale)
            let bound = shift(1, precision)
            return result.magnitude < bound.magnitude
                ? .value(.decimal(unscaled: result, scale: scale)) : .failed
        case (.string(let bytes), .bigint):
            let text = String(decoding: bytes, as: UTF8.self)
            let trimmed = text.trimmingPrefix { $0.isWhitespace }.reversed()
                .trimmingPrefix { $0.isWhitespace }
            return Int64(String(trimmed.reversed())).map { .value(.bigint($0)) } ?? .failed
        default: return .unknown
        }
    }
}
