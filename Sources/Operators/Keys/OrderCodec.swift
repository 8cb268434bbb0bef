/// What rows are ordered by: expressions first, then event time, then how they came.
package struct RowOrder: Hashable, Sendable {
    package struct Item: Hashable, Sendable {
        package var expression: BoundExpression
        package var isDescending: Bool
        package var isNullFirst: Bool

        package init(expression: BoundExpression, isDescending: Bool, isNullFirst: Bool) {
            self.expression = expression
            self.isDescending = isDescending
            self.isNullFirst = isNullFirst
        }
    }
    package var items: [Item]
    /// Whether of rows with equal items the latest comes first, and not the earliest.
    package var isLatestFirst: Bool

    package init(items: [Item], isLatestFirst: Bool = false) {
        self.items = items
        self.isLatestFirst = isLatestFirst
    }
}

/// Turns the place of rows in a ``RowOrder`` into bytes that sort as the rows do.
///
/// Version 1. For each item a tag, 0x01 for a value, 0x00 or 0x02 for a null that is first or last,
/// and the value as ``KeyCodec`` writes it, one of bytes with one more 0x00 so that no value begins as
/// another one ends; all bits flipped where it is descending. Then the tail: event time (8 bytes,
/// big-endian, sign bit flipped), input (2 bytes) and sequence number (8 bytes), all bits flipped
/// where the latest comes first. No two rows of a node have the same bytes.
struct OrderCodec {
    let order: RowOrder
    /// Bytes behind the items.
    static let tailBytes = 18
    /// Bytes of the tail that hold the event time.
    static let timeBytes = 8

    /// The places of `count` rows.
    ///
    /// - Parameters:
    ///   - columns: One for each item, dense.
    ///   - sequence: The number of the first row; the others follow it.
    /// - Complexity: O(bytes); two buffers.
    func encode(
        _ columns: [Column], times: UnsafePointer<Int64>, input: Int, sequence: UInt64, count: Int
    ) -> Column {
        let starts = Buffer(capacity: (count + 1) * 8)
        let start = starts.pointer(to: Int.self)
        start.initialize(repeating: OrderCodec.tailBytes, count: count + 1)
        for column in columns {
            let more = column.storage == .view ? 1 : 0
            for row in 0..<count {
                start[row] += column.isNull(row) ? 1 : KeyCodec.size(column, row) + more
            }
        }
        var next = 0
        for row in 0...count {
            let size = start[row]
            start[row] = next
            next += size
        }
        let storage = Buffer(capacity: next)
        let bytes = storage.pointer(to: UInt8.self)
        let values = Buffer(capacity: count * 16)
        let views = values.pointer(to: StringView.self)
        for row in 0..<count {
            views[row] = StringView(base: bytes + start[row], count: start[row + 1] - start[row])
        }
        for (item, column) in zip(order.items, columns) {
            for row in 0..<count {
                start[row] += OrderCodec.write(column, row, item, to: bytes + start[row])
            }
        }
        let flip: UInt64 = order.isLatestFirst ? .max : 0
        for row in 0..<count {
            let raw = UnsafeMutableRawPointer(bytes + start[row])
            let time = UInt64(bitPattern: times[row]) ^ (1 << 63) ^ flip
            raw.storeBytes(of: time.bigEndian, as: UInt64.self)
            let place = UInt16(truncatingIfNeeded: input) ^ UInt16(truncatingIfNeeded: flip)
            (raw + 8).storeBytes(of: place.bigEndian, as: UInt16.self)
            let number = (sequence &+ UInt64(row)) ^ flip
            (raw + 10).storeBytes(of: number.bigEndian, as: UInt64.self)
            // The prefix in the view's header was taken before the bytes were written.
            views[row] = StringView(base: views[row].base, count: views[row].count)
        }
        return Column(type: .string, count: count, values: values, retained: [storage])
    }

    private static func write(
        _ column: Column, _ row: Int, _ item: RowOrder.Item,
        to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        guard !column.isNull(row) else {
            target[0] = item.isNullFirst ? 0 : 2
            return 1
        }
        var count = KeyCodec.write(column, row, to: target)
        if column.storage == .view {
            target[count] = 0
            count += 1
        }
        if item.isDescending {
            for index in 1..<count { target[index] = ~target[index] }
        }
        return count
    }

    /// The event time in the place of a row.
    func time(_ place: StringView) -> Int64 {
        let raw = UnsafeRawPointer(place.base + place.count - OrderCodec.tailBytes)
        let bits = UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))
        return Int64(bitPattern: (order.isLatestFirst ? ~bits : bits) ^ (1 << 63))
    }

    func sequence(_ place: StringView) -> UInt64 {
        let raw = UnsafeRawPointer(place.base + place.count - 8)
        let bits = UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self))
        return order.isLatestFirst ? ~bits : bits
    }

    /// Whether two rows have equal items.
    static func isTie(_ first: StringView, _ second: StringView) -> Bool {
        first.count == second.count
            && StringView.compare(
                prefix(first, first.count - tailBytes), prefix(second, second.count - tailBytes))
                == 0
    }

    /// The first `count` bytes.
    static func prefix(_ place: StringView, _ count: Int) -> StringView {
        StringView(base: place.base, count: count)
    }
}
