import Glibc

/// The values of one column in a batch: a typed array, which of them are there, and what they
/// point to. Immutable; copying it copies references.
///
/// Layout of `values` by type: `boolean` UInt8 0 or 1; `bigint`, `timestamp`, `interval`, `date`
/// Int64; `double` Double; `decimal` Int128 (unscaled); all others ``StringView``. Where a value is
/// null its slot is zero bytes (an empty view), so that kernels may read it.
package struct Column: Sendable {
    package let type: ColumnType
    /// That of `type`, for loops that look at it once a row.
    package let storage: ColumnStorage
    package let count: Int
    package let values: Buffer
    /// One byte a row, 1 where the value is there; nil when all are.
    package let validity: Buffer?
    /// Buffers that string views point into.
    package let retained: [Buffer]

    package init(
        type: ColumnType, count: Int, values: Buffer, validity: Buffer? = nil,
        retained: [Buffer] = []
    ) {
        assert(values.capacity >= count * type.stride)
        self.type = type
        self.storage = type.storage
        self.count = count
        self.values = values
        self.validity = validity
        self.retained = retained
    }

    @inlinable package func pointer<T>(to type: T.Type) -> UnsafeMutablePointer<T> {
        values.pointer(to: type)
    }

    /// The validity bytes, nil when every value is there.
    @inlinable package var validityPointer: UnsafeMutablePointer<UInt8>? {
        validity?.pointer(to: UInt8.self)
    }

    @inlinable package func isNull(_ row: Int) -> Bool {
        guard let validity else { return false }
        return validity.pointer(to: UInt8.self)[row] == 0
    }

    /// The same values read as another type that lies in memory alike.
    package func retyped(_ type: ColumnType) -> Column {
        precondition(type.storage == storage, "\(self.type.name) as \(type.name)")
        return Column(
            type: type, count: count, values: values, validity: validity, retained: retained)
    }

    package var booleans: UnsafeMutablePointer<UInt8> { pointer(to: UInt8.self) }
    package var integers: UnsafeMutablePointer<Int64> { pointer(to: Int64.self) }
    package var doubles: UnsafeMutablePointer<Double> { pointer(to: Double.self) }
    package var strings: UnsafeMutablePointer<StringView> { pointer(to: StringView.self) }
    package var decimals: UnsafeMutablePointer<Int128> { pointer(to: Int128.self) }

    /// A column of `count` nulls.
    package static func nulls(type: ColumnType, count: Int) -> Column {
        let values = Buffer(capacity: count * type.stride)
        if type.storage == .view {
            values.pointer(to: StringView.self).initialize(repeating: .empty, count: count)
        } else {
            memset(values.base, 0, count * type.stride)
        }
        let validity = Buffer(capacity: count)
        memset(validity.base, 0, count)
        return Column(type: type, count: count, values: values, validity: validity)
    }

    /// The rows named by `rows`, in that order. Strings are not copied.
    ///
    /// - Parameters:
    ///   - rows: Row indices, each below `count`.
    ///   - rowCount: How many of them.
    /// - Complexity: O(rowCount); one or two buffers.
    package func gathered(_ rows: UnsafePointer<Int32>, count rowCount: Int) -> Column {
        let result = Buffer(capacity: rowCount * type.stride)
        switch type.stride {
        case 1: gather(booleans, rows, rowCount, into: result.pointer(to: UInt8.self))
        case 8: gather(integers, rows, rowCount, into: result.pointer(to: Int64.self))
        default: gather(decimals, rows, rowCount, into: result.pointer(to: Int128.self))
        }
        var gatheredValidity: Buffer?
        if let validityPointer {
            let buffer = Buffer(capacity: rowCount)
            gather(validityPointer, rows, rowCount, into: buffer.pointer(to: UInt8.self))
            gatheredValidity = buffer
        }
        return Column(
            type: type, count: rowCount, values: result, validity: gatheredValidity,
            retained: retained)
    }
}

extension Column {
    /// As ``gathered(_:count:)``, with null for a row index of −1.
    package func gatheredOrNull(_ rows: UnsafePointer<Int32>, count rowCount: Int) -> Column {
        // A null's row is that of any value, made plain afterwards.
        guard count > 0 else { return .nulls(type: type, count: rowCount) }
        let present = Buffer(capacity: rowCount * 4)
        let target = present.pointer(to: Int32.self)
        for row in 0..<rowCount { target[row] = max(rows[row], 0) }
        let filled = gathered(target, count: rowCount)
        let validity = filled.validity ?? Buffer(capacity: rowCount)
        let isThere = validity.pointer(to: UInt8.self)
        if filled.validity == nil { memset(isThere, 1, rowCount) }
        for row in 0..<rowCount where rows[row] < 0 {
            isThere[row] = 0
            if storage == .view {
                filled.strings[row] = .empty
            } else {
                memset(filled.values.base + row * type.stride, 0, type.stride)
            }
        }
        return Column(
            type: type, count: rowCount, values: filled.values, validity: validity,
            retained: retained)
    }
}

@inline(__always)
private func gather<T>(
    _ source: UnsafePointer<T>, _ rows: UnsafePointer<Int32>, _ count: Int,
    into target: UnsafeMutablePointer<T>
) {
    for index in 0..<count {
        target[index] = source[Int(rows[index])]
    }
}

extension Column {
    /// `count` times the same instant.
    package static func repeating(_ micros: Int64, count: Int) -> Column {
        let values = Buffer(capacity: count * 8)
        values.pointer(to: Int64.self).initialize(repeating: micros, count: count)
        return Column(type: .timestamp, count: count, values: values)
    }
}
