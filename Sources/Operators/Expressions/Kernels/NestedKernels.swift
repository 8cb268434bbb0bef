import Glibc

extension Vector {
    /// Where a row's value stands in the column.
    @inline(__always)
    func place(_ row: Int) -> Int { isConstant ? 0 : row }

    /// The same failures, and no null beside them: for functions to which nulls are values.
    func failuresOnly(_ count: Int) -> Vector {
        var validity: Buffer?
        if let errors {
            let rows = isConstant ? 1 : count
            let valid = Buffer(capacity: rows)
            for row in 0..<rows {
                valid.pointer(to: UInt8.self)[row] =
                    errors.pointer(to: UInt8.self)[row] == 0 ? 1 : 0
            }
            validity = valid
        }
        var result = self
        result.column = Column(
            type: type, count: column.count, values: column.values, validity: validity,
            retained: column.retained)
        return result
    }
}

/// What all functions share that make or read values which are stored as bytes.
enum NestedKernels {
    /// What becomes of a row.
    enum Outcome {
        /// The bytes are its value.
        case value
        case null
        case failed(RowErrorCode)
    }

    /// A value of `type` for each row whose operands are there, from the bytes that `body` leaves.
    static func built(
        _ operands: [Vector], _ type: ColumnType, rows: Int,
        _ body: (Int, inout NestedWriter) -> Outcome
    ) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(type) }
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        var arena = ByteArena()
        var writer = NestedWriter()
        for row in 0..<frame.count {
            target[row] = .empty
            guard frame.isValid(row) else { continue }
            writer.bytes.removeAll(keepingCapacity: true)
            switch body(row, &writer) {
            case .null: frame.makeNull(row)
            case .failed(let code): frame.fail(row, code.rawValue)
            case .value where writer.bytes.count > StringArena.resultBytesMax:
                frame.fail(row, RowErrorCode.stringTooLong.rawValue)
            case .value:
                target[row] = writer.bytes.withUnsafeBufferPointer { bytes in
                    bytes.baseAddress.map { arena.store($0, count: bytes.count) } ?? .empty
                }
            }
        }
        return frame.result(type, values, retained: arena.blocks)
    }

    /// The value that `body` finds in each row's array or struct, which is the first operand: it
    /// returns a reader whose next bytes are the value's, nil for null.
    static func picked(
        _ operands: [Vector], _ type: ColumnType, rows: Int,
        _ body: (Int, StringView) -> NestedReader?
    ) -> Vector {
        let frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(type) }
        let source = Reader(operands[0], as: StringView.self)
        var builder = ColumnBuilder(type: type, capacity: frame.count)
        var arena = ByteArena()
        for row in 0..<frame.count {
            if frame.isValid(row), var reader = body(row, source[row]) {
                reader.append(type, to: &builder, &arena)
            } else {
                builder.appendNull()
            }
        }
        let column = builder.finish(retained: operands[0].column.retained + arena.blocks)
        return Vector(column: column, isConstant: frame.isConstant, errors: frame.errors)
    }

    // MARK: Structs

    /// The field of that number, from 0.
    static func field(_ structure: Vector, _ index: Int, _ type: ColumnType, rows: Int) -> Vector {
        guard case .structure(let fields) = structure.type else { return .nulls(type) }
        return picked([structure], type, rows: rows) { _, view in
            var reader = NestedReader(view)
            for field in fields.prefix(index) where reader.next() == .value {
                guard reader.skip(field.type) else { return nil }
            }
            return reader.next() == .value ? reader : nil
        }
    }

    /// `array[a, b]` and `struct(a := x, b := y)`: the operands one behind the other.
    static func made(_ operands: [Vector], _ type: ColumnType, rows: Int) -> Vector {
        let isConstant = operands.allSatisfy(\.isConstant)
        let failures = operands.map { $0.failuresOnly(rows) }
        var isArray = false
        if case .array = type { isArray = true }
        return built(failures, type, rows: isConstant ? 1 : rows) { row, writer in
            for operand in operands { writer.append(operand.column, operand.place(row)) }
            if isArray { writer.endArray() }
            return .value
        }
    }

    // MARK: Casts

    /// Text or json as an array or a struct.
    static func read(_ a: Vector, _ type: ColumnType, rows: Int) -> Vector {
        let source = Reader(a, as: StringView.self)
        var reading = JSONReading(type)
        let isJSON = a.type == .json
        return built([a], type, rows: rows) { row, writer in
            let text = source[row].bytes
            if isJSON, NumberText.equals(NumberText.trimmed(text), "null") { return .null }
            guard let bytes = reading.bytes(text) else { return .failed(.notNested) }
            writer.bytes = bytes
            return .value
        }
    }

    /// Any value as JSON.
    static func json(_ a: Vector, _ type: ColumnType, rows: Int) -> Vector {
        var writing = JSONWriting()
        return built([a], type, rows: rows) { row, writer in
            writing.clear()
            writing.append(a.column, a.place(row))
            writer.bytes = writing.text
            return .value
        }
    }

    /// An array with its elements cast; an element that fails fails its row.
    static func cast(_ a: Vector, to type: ColumnType, rows: Int) -> Vector {
        guard case .array(let element) = type, let flat = FlatElements(a.column) else {
            return .nulls(type)
        }
        let elements = CastKernels.cast(
            Vector(column: flat.values), to: element, rows: flat.values.count)
        let errors = elements.errors?.pointer(to: UInt8.self)
        return built([a], type, rows: rows) { row, writer in
            let place = a.place(row)
            for index in Int(flat.starts[place])..<Int(flat.starts[place + 1]) {
                if let code = errors?[index], code != 0 {
                    return .failed(RowErrorCode(rawValue: code) ?? .notNested)
                }
                writer.append(elements.column, index)
            }
            writer.endArray()
            return .value
        }
    }
}
