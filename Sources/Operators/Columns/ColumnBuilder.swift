import Glibc

/// Builds a column value by value. For results and slow paths; hot loops write to buffers.
package struct ColumnBuilder {
    package let type: ColumnType
    let storage: ColumnStorage
    package private(set) var count = 0
    private var values: Buffer
    private var validity: Buffer?
    private var capacity: Int

    package init(type: ColumnType, capacity: Int) {
        self.type = type
        self.storage = type.storage
        self.capacity = max(capacity, 8)
        self.values = Buffer(capacity: self.capacity * type.stride)
    }

    package mutating func append(integer value: Int64) {
        reserve()
        values.pointer(to: Int64.self)[count] = value
        advance()
    }

    package mutating func append(double value: Double) {
        reserve()
        values.pointer(to: Double.self)[count] = value
        advance()
    }

    package mutating func append(boolean value: Bool) {
        reserve()
        values.pointer(to: UInt8.self)[count] = value ? 1 : 0
        advance()
    }

    package mutating func append(decimal value: Int128) {
        reserve()
        values.pointer(to: Int128.self)[count] = value
        advance()
    }

    /// The buffer that the view points into must be given to ``finish(retained:)``.
    package mutating func append(view value: StringView) {
        reserve()
        values.pointer(to: StringView.self)[count] = value
        advance()
    }

    package mutating func appendNull() {
        reserve()
        if validity == nil {
            let buffer = Buffer(capacity: capacity)
            memset(buffer.base, 1, capacity)
            validity = buffer
        }
        if storage == .view {
            values.pointer(to: StringView.self)[count] = .empty
        } else {
            memset(values.base + count * type.stride, 0, type.stride)
        }
        validity?.pointer(to: UInt8.self)[count] = 0
        count += 1
    }

    package func finish(retained: [Buffer] = []) -> Column {
        Column(type: type, count: count, values: values, validity: validity, retained: retained)
    }

    private mutating func advance() {
        validity?.pointer(to: UInt8.self)[count] = 1
        count += 1
    }

    private mutating func reserve() {
        guard count == capacity else { return }
        let grown = Buffer(capacity: capacity * 2 * type.stride)
        memcpy(grown.base, values.base, count * type.stride)
        values = grown
        if let old = validity {
            let grownValidity = Buffer(capacity: capacity * 2)
            memset(grownValidity.base, 1, capacity * 2)
            memcpy(grownValidity.base, old.base, count)
            validity = grownValidity
        }
        capacity *= 2
    }
}
