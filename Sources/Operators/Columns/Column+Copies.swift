import Glibc

extension Column {
    /// The rows of `first`, then those of `second`, which has the same type.
    package static func concatenating(_ first: Column, _ second: Column) -> Column {
        concatenating([first, second])
    }

    /// The rows of the first column, then those of the second, and so on. Strings are not copied:
    /// the result retains what the columns do, each buffer once.
    ///
    /// - Parameter columns: At least one, all of one type.
    /// - Complexity: O(rows + retained buffers); one buffer, two with nulls.
    package static func concatenating(_ columns: [Column]) -> Column {
        precondition(!columns.isEmpty, "no columns to concatenate")
        guard columns.count > 1 else { return columns[0] }
        let type = columns[0].type
        let count = columns.reduce(0) { $0 + $1.count }
        let values = Buffer(capacity: count * type.stride)
        let validity = columns.contains { $0.validity != nil } ? Buffer(capacity: count) : nil
        var start = 0
        for column in columns {
            precondition(column.type == type, "\(column.type) among \(type)")
            memcpy(
                values.base + start * type.stride, column.values.base, column.count * type.stride)
            if let validity {
                if let source = column.validity {
                    memcpy(validity.base + start, source.base, column.count)
                } else {
                    memset(validity.base + start, 1, column.count)
                }
            }
            start += column.count
        }
        return Column(
            type: type, count: count, values: values, validity: validity,
            retained: type.storage == .view ? united(columns) : [])
    }

    /// What the columns retain, in order, each buffer once.
    private static func united(_ columns: [Column]) -> [Buffer] {
        var result: [Buffer] = []
        var known: Set<ObjectIdentifier> = []
        for column in columns {
            for buffer in column.retained where known.insert(ObjectIdentifier(buffer)).inserted {
                result.append(buffer)
            }
        }
        return result
    }

    /// The same rows with the bytes of all strings in one new buffer, so that those they came from
    /// may be freed. Columns of other types own their values already.
    ///
    /// - Complexity: O(bytes of the strings); two buffers. O(1) for other types.
    package func ownedCopy() -> Column {
        guard storage == .view else { return self }
        let source = strings
        var total = 0
        for row in 0..<count where !isNull(row) { total += source[row].count }
        let text = Buffer(capacity: total)
        let values = Buffer(capacity: count * type.stride)
        let target = values.pointer(to: StringView.self)
        var next = text.pointer(to: UInt8.self)
        for row in 0..<count {
            let view = source[row]
            if isNull(row) || view.count == 0 {
                target[row] = .empty
                continue
            }
            memcpy(next, view.base, view.count)
            target[row].header = view.header
            target[row].base = UnsafePointer(next)
            next += view.count
        }
        return Column(
            type: type, count: count, values: values, validity: validity, retained: [text])
    }
}
