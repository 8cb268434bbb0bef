/// One entry of an operator's state in a checkpoint. The bytes are valid during the call only.
package struct StateEntry {
    /// Part of the state within the node: 0 for most, further parts for sets beside it.
    package let part: UInt8
    package let time: Int64
    package let key: UnsafeBufferPointer<UInt8>
    package let value: UnsafeBufferPointer<UInt8>

    package init(
        part: UInt8, time: Int64, key: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>
    ) {
        self.part = part
        self.time = time
        self.key = key
        self.value = value
    }
}

/// What has changed in the state of one operator since the last checkpoint: puts and deletes of
/// entries, identified by (part, time, key), in order. Plain arrays that another thread may read.
package struct StateChanges: Sendable {
    package enum Change: UInt8, Sendable {
        case put, delete
        /// Every entry of the part with a smaller time.
        case deleteBelow
    }

    package struct Item: Sendable {
        package let change: Change
        package let part: UInt8
        package let time: Int64
        /// Into ``StateChanges/bytes``.
        package let keyStart: Int
        package let valueStart: Int
        package let end: Int
    }

    package private(set) var items: [Item] = []
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package var isEmpty: Bool { items.isEmpty }

    package mutating func put(
        part: UInt8 = 0, time: Int64, key: UnsafeBufferPointer<UInt8>,
        value: (inout [UInt8]) -> Void
    ) {
        let keyStart = bytes.count
        bytes.append(contentsOf: key)
        let valueStart = bytes.count
        value(&bytes)
        items.append(
            Item(
                change: .put, part: part, time: time, keyStart: keyStart, valueStart: valueStart,
                end: bytes.count))
    }

    package mutating func delete(
        part: UInt8 = 0, time: Int64, key: UnsafeBufferPointer<UInt8>
    ) {
        let keyStart = bytes.count
        bytes.append(contentsOf: key)
        items.append(
            Item(
                change: .delete, part: part, time: time, keyStart: keyStart,
                valueStart: bytes.count, end: bytes.count))
    }

    package mutating func deleteBelow(part: UInt8 = 0, time: Int64) {
        items.append(
            Item(
                change: .deleteBelow, part: part, time: time, keyStart: bytes.count,
                valueStart: bytes.count, end: bytes.count))
    }
}
