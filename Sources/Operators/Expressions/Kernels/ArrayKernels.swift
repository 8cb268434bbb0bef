import Glibc

/// Functions of arrays. They work on the bytes of elements, which are equal and sort as the elements
/// do, and decode only what becomes a value.
enum ArrayKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ type: ColumnType, rows: Int
    ) -> Vector {
        if function == .stringToArray { return split(operands, type, rows) }
        if function == .arrayConcat { return concatenate(operands, type, rows) }
        guard case .array(let element) = operands[0].type else { return .nulls(type) }
        switch function {
        case .element: return self.element(operands, element, rows)
        case .cardinality:
            return map(operands[0], rows: rows, .bigint, zero: Int64(0)) { (x: StringView, _) in
                NestedElements(x, of: element).reduce(into: Int64(0)) { count, _ in count += 1 }
            }
        case .arrayContains: return contains(operands, element, rows)
        case .arrayJoin: return join(operands, rows)
        case .arrayMin, .arrayMax:
            return extreme(operands, element, isMaximum: function == .arrayMax, rows)
        case .arraySort, .arrayDistinct:
            return rearranged(operands, type, element, isSorted: function == .arraySort, rows)
        default: return slice(operands, type, element, rows)
        }
    }

    /// `a[n]`, from 1; null where there is none.
    private static func element(
        _ operands: [Vector], _ element: ColumnType, _ rows: Int
    ) -> Vector {
        let numbers = Reader(operands[1], as: Int64.self)
        return NestedKernels.picked(operands, element, rows: rows) { row, array in
            guard numbers[row] > 0 else { return nil }
            var reader = NestedReader(array)
            var left = numbers[row]
            while true {
                let next = reader.next()
                left -= 1
                if next == .end { return nil }
                if left == 0 { return next == .value ? reader : nil }
                if next == .value, !reader.skip(element) { return nil }
            }
        }
    }

    /// Whether one of the elements equals the second operand; null when none does and one is null.
    private static func contains(
        _ operands: [Vector], _ element: ColumnType, _ rows: Int
    ) -> Vector {
        let arrays = Reader(operands[0], as: StringView.self)
        let sought = operands[1]
        var writer = NestedWriter()
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.boolean) }
        let values = Buffer(capacity: frame.count)
        let target = values.pointer(to: UInt8.self)
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            writer.bytes.removeAll(keepingCapacity: true)
            writer.append(sought.column, sought.place(row))
            var hasNull = false
            writer.bytes.withUnsafeBufferPointer { bytes in
                let wanted = StringView(bytes)
                for element in NestedElements(arrays[row], of: element) {
                    if element.isNull {
                        hasNull = true
                    } else if StringView.compare(element.bytes, wanted) == 0 {
                        target[row] = 1
                        return
                    }
                }
            }
            if target[row] == 0, hasNull { frame.makeNull(row) }
        }
        return frame.result(.boolean, values)
    }

    /// The elements as text with a separator between; nulls are left out, or written as the third
    /// operand.
    private static func join(_ operands: [Vector], _ rows: Int) -> Vector {
        guard let flat = FlatElements(operands[0].column) else { return .nulls(.string) }
        let texts = CastKernels.cast(
            Vector(column: flat.values), to: .string, rows: flat.values.count)
        let errors = texts.errors?.pointer(to: UInt8.self)
        let separators = Reader(operands[1], as: StringView.self)
        let standIns = operands.count > 2 ? operands[2] : nil
        let strict =
            Array(operands.prefix(2)) + (standIns.map { [$0.failuresOnly(rows)] } ?? [])
        return NestedKernels.built(strict, .string, rows: rows) { row, writer in
            let place = operands[0].place(row)
            var isFirst = true
            for index in Int(flat.starts[place])..<Int(flat.starts[place + 1]) {
                if let code = errors?[index], code != 0 {
                    return .failed(RowErrorCode(rawValue: code) ?? .notUTF8)
                }
                var text = texts.column.strings[index]
                if texts.column.isNull(index) {
                    guard let standIns, !standIns.column.isNull(standIns.place(row)) else {
                        continue
                    }
                    text = standIns.column.strings[standIns.place(row)]
                }
                if !isFirst { writer.bytes.append(contentsOf: separators[row].bytes) }
                writer.bytes.append(contentsOf: text.bytes)
                isFirst = false
                if writer.bytes.count > StringArena.resultBytesMax { break }
            }
            return .value
        }
    }

    /// The text cut at each separator; into its characters where that is null.
    private static func split(_ operands: [Vector], _ type: ColumnType, _ rows: Int) -> Vector {
        let texts = Reader(operands[0], as: StringView.self)
        let separators = operands[1]
        let strict = [operands[0], separators.failuresOnly(rows)]
        return NestedKernels.built(strict, type, rows: rows) { row, writer in
            let text = texts[row].bytes
            func append(_ range: Range<Int>) {
                writer.beginValue()
                writer.append(text: UnsafeBufferPointer(rebasing: text[range]))
            }
            let place = separators.place(row)
            var position = 0
            if separators.column.isNull(place) {
                while position < text.count {
                    let next = Utf8.next(text, position)
                    append(position..<next)
                    position = next
                }
            } else if text.count > 0 {
                let separator = separators.column.strings[place].bytes
                while separator.count > 0,
                    let next = Utf8.find(separator, in: text, from: position)
                {
                    append(position..<next)
                    position = next + separator.count
                }
                append(position..<text.count)
            }
            writer.endArray()
            return .value
        }
    }

    private static func extreme(
        _ operands: [Vector], _ element: ColumnType, isMaximum: Bool, _ rows: Int
    ) -> Vector {
        NestedKernels.picked(operands, element, rows: rows) { _, array in
            var best: NestedElements.Element?
            for element in NestedElements(array, of: element) where !element.isNull {
                if let known = best {
                    let order = StringView.compare(element.bytes, known.bytes)
                    if isMaximum ? order <= 0 : order >= 0 { continue }
                }
                best = element
            }
            return best?.reader
        }
    }

    /// In ascending order with nulls last, or each element once where it first stands.
    private static func rearranged(
        _ operands: [Vector], _ type: ColumnType, _ element: ColumnType, isSorted: Bool,
        _ rows: Int
    ) -> Vector {
        let arrays = Reader(operands[0], as: StringView.self)
        return NestedKernels.built(operands, type, rows: rows) { row, writer in
            var elements = Array(NestedElements(arrays[row], of: element))
            if isSorted {
                elements.sort { StringView.compare($0.bytes, $1.bytes) < 0 }
            } else {
                let table = KeyTable()
                elements.removeAll { element in
                    let hash = element.bytes.hash
                    if table.find(element.bytes, hash: hash) >= 0 { return true }
                    table.insert(element.bytes, hash: hash, value: 0)
                    return false
                }
            }
            for element in elements { writer.bytes.append(contentsOf: element.bytes.bytes) }
            writer.endArray()
            return .value
        }
    }

    /// The elements of one array and then those of the other; a null array counts as none, unless
    /// both are.
    private static func concatenate(
        _ operands: [Vector], _ type: ColumnType, _ rows: Int
    ) -> Vector {
        guard case .array(let element) = type else { return .nulls(type) }
        let failures = operands.map { $0.failuresOnly(rows) }
        return NestedKernels.built(failures, type, rows: rows) { row, writer in
            var isNull = true
            for operand in operands where !operand.column.isNull(operand.place(row)) {
                isNull = false
                let array = operand.column.strings[operand.place(row)]
                for element in NestedElements(array, of: element) {
                    writer.bytes.append(contentsOf: element.bytes.bytes)
                }
            }
            writer.endArray()
            return isNull ? .null : .value
        }
    }

    /// So many elements from a place on, counted from 1, or from the end where it is negative.
    private static func slice(
        _ operands: [Vector], _ type: ColumnType, _ element: ColumnType, _ rows: Int
    ) -> Vector {
        let arrays = Reader(operands[0], as: StringView.self)
        let starts = Reader(operands[1], as: Int64.self)
        let counts = Reader(operands[2], as: Int64.self)
        return NestedKernels.built(operands, type, rows: rows) { row, writer in
            guard counts[row] >= 0 else { return .failed(.negativeLength) }
            let elements = Array(NestedElements(arrays[row], of: element))
            var first = starts[row]
            if first < 0 {
                let count = Int64(elements.count)
                first = first < -count ? 0 : count + first + 1
            }
            if first > 0, first <= Int64(elements.count) {
                for element in elements[Int(first - 1)...].prefix(
                    Int(min(counts[row], Int64(elements.count))))
                {
                    writer.bytes.append(contentsOf: element.bytes.bytes)
                }
            }
            writer.endArray()
            return .value
        }
    }
}
