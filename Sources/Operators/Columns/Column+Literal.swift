import Glibc

extension Column {
    /// A column of one row with a value that is known in advance.
    ///
    /// - Parameter type: The column's type; a literal of another one (a bigint for a double) is
    ///   converted where that is exact, and is null otherwise. Days are a bigint, and values of all
    ///   types that lie in memory as bytes are a string.
    package static func constant(_ literal: Literal, type: ColumnType) -> Column {
        let values = Buffer(capacity: max(type.stride, 16))
        func plain(_ store: (Buffer) -> Void) -> Column {
            store(values)
            return Column(type: type, count: 1, values: values)
        }
        switch (literal, type) {
        case (.boolean(let value), .boolean):
            return plain { $0.pointer(to: UInt8.self)[0] = value ? 1 : 0 }
        case (.bigint(let value), .bigint), (.timestamp(let value), .timestamp),
            (.interval(let value), .interval), (.bigint(let value), .date):
            return plain { $0.pointer(to: Int64.self)[0] = value }
        case (.double(let value), .double):
            return plain { $0.pointer(to: Double.self)[0] = value }
        case (.bigint(let value), .double):
            return plain { $0.pointer(to: Double.self)[0] = Double(value) }
        case (.decimal(let unscaled, _), .decimal):
            return plain { $0.pointer(to: Int128.self)[0] = unscaled }
        case (.string(let bytes), _) where type.storage == .view:
            let text = Buffer(capacity: bytes.count)
            bytes.withUnsafeBytes { source in
                if let start = source.baseAddress { memcpy(text.base, start, bytes.count) }
            }
            values.pointer(to: StringView.self)[0] = StringView(
                base: text.pointer(to: UInt8.self), count: bytes.count)
            return Column(type: type, count: 1, values: values, retained: [text])
        default:
            return .nulls(type: type, count: 1)
        }
    }
}
