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

    // SAFETY: `tail` points into buffers that the changes retain, whose bytes do not change any more.
    package struct Item: @unchecked Sendable {
        package let change: Change
        package let part: UInt8
        package let time: Int64
        /// Into ``StateChanges/bytes``.
        package let keyStart: Int
        package let valueStart: Int
        package let end: Int
        /// The rest of the value, where it lies.
        package let tail: StringView
    }

    package private(set) var items: [Item] = []
    package private(set) var bytes: [UInt8] = []
    private var retained: [[Buffer]] = []
    private var lastPart: UInt8?

    package init() {}

    /// Bytes of the longest key and value together.
    package private(set) var longestBytes = 0
    /// Whether something is deleted of a part that has had puts.
    package private(set) var deletesAfterPuts = false
    private var partsWithPuts: Set<UInt8> = []

    private mutating func noteDeletion(_ part: UInt8) {
        if !deletesAfterPuts && partsWithPuts.contains(part) { deletesAfterPuts = true }
    }

    /// Keeps what tails lie in for as long as the changes are there.
    mutating func retain(_ buffers: [Buffer]) { retained.append(buffers) }

    /// Makes room for so many more changes, so that they are not moved while they are added.
    mutating func reserve(_ count: Int, byteCount: Int) {
        items.reserveCapacity(items.count + count)
        bytes.reserveCapacity(bytes.count + byteCount)
    }

    /// The value of a put.
    package func value(of item: Item) -> [UInt8] {
        Array(bytes[item.valueStart..<item.end]) + Array(item.tail.bytes)
    }

    package var isEmpty: Bool { items.isEmpty }

    /// - Parameters:
    ///   - tail: Bytes behind those of `value`. They are not copied: they must be in buffers that are
    ///     given to ``retain(_:)``, and never change.
    package mutating func put(
        part: UInt8 = 0, time: Int64, key: UnsafeBufferPointer<UInt8>, tail: StringView? = nil,
        value: (inout [UInt8]) -> Void
    ) {
        let keyStart = bytes.count
        bytes.append(contentsOf: key)
        let valueStart = bytes.count
        value(&bytes)
        longestBytes = max(longestBytes, bytes.count - keyStart + (tail?.count ?? 0))
        if lastPart != part {
            partsWithPuts.insert(part)
            lastPart = part
        }
        items.append(
            Item(
                change: .put, part: part, time: time, keyStart: keyStart, valueStart: valueStart,
                end: bytes.count, tail: tail ?? .empty))
    }

    package mutating func delete(
        part: UInt8 = 0, time: Int64, key: UnsafeBufferPointer<UInt8>
    ) {
        let keyStart = bytes.count
        bytes.append(contentsOf: key)
        longestBytes = max(longestBytes, key.count)
        noteDeletion(part)
        items.append(
            Item(
                change: .delete, part: part, time: time, keyStart: keyStart,
                valueStart: bytes.count, end: bytes.count, tail: .empty))
    }

    package mutating func deleteBelow(part: UInt8 = 0, time: Int64) {
        noteDeletion(part)
        items.append(
            Item(
                change: .deleteBelow, part: part, time: time, keyStart: bytes.count,
                valueStart: bytes.count, end: bytes.count, tail: .empty))
    }
}
