import Glibc

/// Functions that take each row's value from one of their operands.
enum ChoiceKernels {
    /// Rows for which nothing has been chosen yet, and rows that failed while choosing.
    private static let undecided: Int32 = -1
    private static let failed: Int32 = -2

    /// `CASE`: results has one more than conditions, the ELSE.
    static func conditional(
        _ conditions: [Vector], _ results: [Vector], _ type: ColumnType, rows: Int
    ) -> Vector {
        if conditions.count == 1, let result = twoWay(conditions[0], results, type, rows) {
            return result
        }
        let isConstant = (conditions + results).allSatisfy(\.isConstant)
        var choice = Choice(count: isConstant ? 1 : rows)
        for (index, condition) in conditions.enumerated() {
            let isTrue = Reader(condition, as: UInt8.self)
            let errors = condition.errors?.pointer(to: UInt8.self)
            for row in 0..<choice.count where choice.rows[row] == undecided {
                // A null or failed condition has a zero in its slot.
                if isTrue[row] != 0 {
                    choice.rows[row] = Int32(index)
                } else if let code = errors?[row &* isTrue.step], code != 0 {
                    choice.fail(row, code)
                }
            }
        }
        let last = Int32(conditions.count)
        for row in 0..<choice.count where choice.rows[row] == undecided { choice.rows[row] = last }
        return choice.collect(results, type, isConstant: isConstant)
    }

    /// `CASE` with one condition of a value a row, where no result is null; nil for others.
    private static func twoWay(
        _ condition: Vector, _ results: [Vector], _ type: ColumnType, _ rows: Int
    ) -> Vector? {
        guard !condition.isConstant, condition.errors == nil,
            results.allSatisfy({ $0.column.validity == nil })
        else { return nil }
        let values = Buffer(capacity: rows * type.stride)
        switch type.stride {
        case 1: select(condition, results, values.pointer(to: UInt8.self), rows)
        case 8: select(condition, results, values.pointer(to: Int64.self), rows)
        default: select(condition, results, values.pointer(to: Int128.self), rows)
        }
        return Vector(
            column: Column(
                type: type, count: rows, values: values,
                retained: Vector.retained(by: results)))
    }

    @inline(__always)
    private static func select<T>(
        _ condition: Vector, _ results: [Vector], _ target: UnsafeMutablePointer<T>, _ rows: Int
    ) {
        // A null condition has a zero in its slot, and takes the ELSE.
        let isTrue = condition.column.booleans
        let first = Reader(results[0], as: T.self)
        let second = Reader(results[1], as: T.self)
        for row in 0..<rows { target[row] = isTrue[row] != 0 ? first[row] : second[row] }
    }

    /// The first operand that is not null; an earlier one that failed fails the row.
    static func coalesce(_ operands: [Vector], _ type: ColumnType, rows: Int) -> Vector {
        let isConstant = operands.allSatisfy(\.isConstant)
        var choice = Choice(count: isConstant ? 1 : rows)
        for (index, operand) in operands.enumerated() {
            let valid = operand.column.validityPointer
            let errors = operand.errors?.pointer(to: UInt8.self)
            let step = operand.isConstant ? 0 : 1
            for row in 0..<choice.count where choice.rows[row] == undecided {
                if (valid?[row &* step] ?? 1) != 0 {
                    choice.rows[row] = Int32(index)
                } else if let code = errors?[row &* step], code != 0 {
                    choice.fail(row, code)
                }
            }
        }
        return choice.collect(operands, type, isConstant: isConstant)
    }

    /// The largest or smallest operand; nulls are passed over.
    static func extreme(
        _ operands: [Vector], _ type: ColumnType, isGreatest: Bool, rows: Int
    ) -> Vector {
        switch type.storage {
        case .boolean:
            return extreme(operands, type, isGreatest, rows, UInt8.self) { $0 < $1 }
        case .integer:
            return extreme(operands, type, isGreatest, rows, Int64.self) { $0 < $1 }
        case .double:
            return extreme(
                operands, type, isGreatest, rows, Double.self, ComparisonKernels.lessDoubles)
        case .view:
            return extreme(operands, type, isGreatest, rows, StringView.self) {
                StringView.compare($0, $1) < 0
            }
        case .decimal:
            return extreme(operands, type, isGreatest, rows, Int128.self) { $0 < $1 }
        }
    }

    private static func extreme<T>(
        _ operands: [Vector], _ type: ColumnType, _ isGreatest: Bool, _ rows: Int, _: T.Type,
        _ isLess: (T, T) -> Bool
    ) -> Vector {
        let isConstant = operands.allSatisfy(\.isConstant)
        var choice = Choice(count: isConstant ? 1 : rows)
        let readers = operands.map { Reader($0, as: T.self) }
        for (index, operand) in operands.enumerated() {
            let valid = operand.column.validityPointer
            let errors = operand.errors?.pointer(to: UInt8.self)
            let reader = readers[index]
            for row in 0..<choice.count where choice.rows[row] != failed {
                if (valid?[row &* reader.step] ?? 1) == 0 {
                    if let code = errors?[row &* reader.step], code != 0 {
                        choice.fail(row, code)
                    }
                    continue
                }
                let before = choice.rows[row]
                if before == undecided {
                    choice.rows[row] = Int32(index)
                    continue
                }
                let best = readers[Int(before)][row]
                let isBetter =
                    isGreatest ? isLess(best, reader[row]) : isLess(reader[row], best)
                if isBetter { choice.rows[row] = Int32(index) }
            }
        }
        return choice.collect(operands, type, isConstant: isConstant)
    }

    /// Which operand each row's value comes from.
    private struct Choice {
        let count: Int
        let rows: UnsafeMutablePointer<Int32>
        private let owner: Buffer
        private var errors: Buffer?

        init(count: Int) {
            self.count = count
            owner = Buffer(capacity: count * 4)
            rows = owner.pointer(to: Int32.self)
            rows.update(repeating: undecided, count: count)
        }

        mutating func fail(_ row: Int, _ code: UInt8) {
            rows[row] = failed
            note(row, code)
        }

        private mutating func note(_ row: Int, _ code: UInt8) {
            let errors = self.errors ?? Buffer(capacity: count)
            if self.errors == nil { memset(errors.base, 0, count) }
            errors.pointer(to: UInt8.self)[row] = code
            self.errors = errors
        }

        /// Copies the chosen values; rows without a choice are null.
        mutating func collect(
            _ sources: [Vector], _ type: ColumnType, isConstant: Bool
        ) -> Vector {
            let values = Buffer(capacity: count * type.stride)
            let validity = Buffer(capacity: count)
            let valid = validity.pointer(to: UInt8.self)
            if type.storage == .view {
                values.pointer(to: StringView.self).update(repeating: .empty, count: count)
            } else {
                memset(values.base, 0, count * type.stride)
            }
            memset(validity.base, 0, count)
            for (index, source) in sources.enumerated() {
                let step = source.isConstant ? 0 : 1
                let sourceValid = source.column.validityPointer
                let sourceErrors = source.errors?.pointer(to: UInt8.self)
                for row in 0..<count where rows[row] == Int32(index) {
                    valid[row] = sourceValid?[row &* step] ?? 1
                    if let code = sourceErrors?[row &* step], code != 0 { note(row, code) }
                }
                switch type.stride {
                case 1: copy(source, Int32(index), values.pointer(to: UInt8.self))
                case 8: copy(source, Int32(index), values.pointer(to: Int64.self))
                default: copy(source, Int32(index), values.pointer(to: Int128.self))
                }
            }
            let isComplete = !(0..<count).contains { valid[$0] == 0 }
            return Vector(
                column: Column(
                    type: type, count: count, values: values,
                    validity: isComplete ? nil : validity,
                    retained: Vector.retained(by: sources)),
                isConstant: isConstant, errors: errors)
        }

        private func copy<T>(_ source: Vector, _ index: Int32, _ target: UnsafeMutablePointer<T>) {
            let reader = Reader(source, as: T.self)
            for row in 0..<count where rows[row] == index { target[row] = reader[row] }
        }
    }
}
