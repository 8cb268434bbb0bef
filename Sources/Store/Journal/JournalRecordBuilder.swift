/// Collects the changes of one epoch, in the bytes in which the journal will write them.
///
/// Changes act in the order in which they are added. An entry is named by its node, its time and the
/// bytes of its key. Adding cannot fail: what the format has no room for is remembered, and
/// ``Journal/commit(_:)`` refuses the whole record.
package struct JournalRecordBuilder: Sendable {
    private(set) var blocks = BlockBuffer()
    private var node: [UInt8] = []
    /// Whether the open block says which node its changes are of.
    private var namesNode = false
    private var nodeHasPuts = false
    private var type: BlockType
    private let blockBytes: Int
    private(set) var meta: [UInt8]?
    /// The object that is too large and its size in bytes.
    private(set) var excess: (object: String, bytes: Int, limit: Int)?
    /// The nodes that have had a put.
    private var nodesWithPuts: Set<[UInt8]> = []
    /// Whether every change but the puts came before its node's first put.
    private var isPlainBase = true
    /// What is added while the record is written.
    private(set) var parts: [any JournalPart] = []

    package init() { self.init(type: .changes, blockBytes: 256 << 10) }

    /// - Parameter blockBytes: A payload of this size is not added to.
    init(type: BlockType, blockBytes: Int) {
        self.type = type
        self.blockBytes = blockBytes
    }

    package var isEmpty: Bool { blocks.isEmpty && meta == nil && parts.isEmpty }
    /// How many bytes the changes take so far.
    package var byteCount: Int { blocks.bytes.count }

    /// Sets what the pipeline wants to find again besides its entries: one value, opaque here. A
    /// record without one leaves the last one standing.
    package mutating func setMeta(_ meta: [UInt8]) {
        if meta.count > JournalFormat.entryBytesMax {
            refuse("the checkpoint's positions and tokens", meta.count, JournalFormat.entryBytesMax)
        }
        self.meta = meta
    }

    /// Adds an entry, or gives the one of this node, time and key another value.
    ///
    /// - Parameter tail: What is behind `value` in the entry's value.
    package mutating func put(
        node: [UInt8], key: UnsafeRawBufferPointer, time: Int64, value: UnsafeRawBufferPointer,
        tail: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        // Lengths of what is in memory.
        let valueCount = value.count &+ tail.count
        let (content, overflow) = key.count.addingReportingOverflow(valueCount)
        guard !overflow, content <= JournalFormat.entryBytesMax else {
            return refuse("an entry", overflow ? Int.max : content, JournalFormat.entryBytesMax)
        }
        let head = JournalFormat.putHeadBytes
        guard begin(node, JournalFormat.putHeadBytes + content) else { return }
        if !nodeHasPuts {
            nodesWithPuts.insert(node)
            nodeHasPuts = true
        }
        blocks.noteRow(time: time)
        blocks.appendPayload(head + content) { bytes in
            bytes.store(JournalFormat.Code.put.rawValue, at: 0)
            bytes.store(time, at: 1)
            bytes.store(UInt32(key.count), at: 9)
            bytes.store(UInt32(valueCount), at: 13)
            UnsafeMutableRawBufferPointer(rebasing: bytes[head...]).copyMemory(from: key)
            UnsafeMutableRawBufferPointer(rebasing: bytes[(head + key.count)...])
                .copyMemory(from: value)
            UnsafeMutableRawBufferPointer(rebasing: bytes[(head + key.count + value.count)...])
                .copyMemory(from: tail)
        }
    }

    package mutating func put(node: [UInt8], key: [UInt8], time: Int64, value: [UInt8]) {
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { put(node: node, key: key, time: time, value: $0) }
        }
    }

    /// Removes an entry; nothing happens where there is none.
    package mutating func delete(node: [UInt8], key: UnsafeRawBufferPointer, time: Int64) {
        guard key.count <= JournalFormat.entryBytesMax else {
            return refuse("a key", key.count, JournalFormat.entryBytesMax)
        }
        let head = JournalFormat.deleteHeadBytes
        guard begin(node, head + key.count) else { return }
        if nodeHasPuts { isPlainBase = false }
        blocks.noteRow(time: time)
        blocks.appendPayload(head + key.count) { bytes in
            bytes.store(JournalFormat.Code.delete.rawValue, at: 0)
            bytes.store(time, at: 1)
            bytes.store(UInt32(key.count), at: 9)
            UnsafeMutableRawBufferPointer(rebasing: bytes[head...]).copyMemory(from: key)
        }
    }

    package mutating func delete(node: [UInt8], key: [UInt8], time: Int64) {
        key.withUnsafeBytes { delete(node: node, key: $0, time: time) }
    }

    /// Removes all entries of the node whose time is less than `time`.
    package mutating func deleteBelow(node: [UInt8], time: Int64) {
        guard begin(node, 9) else { return }
        if nodeHasPuts { isPlainBase = false }
        blocks.noteRow(time: time)
        blocks.appendPayload(9) { bytes in
            bytes.store(JournalFormat.Code.deleteBelow.rawValue, at: 0)
            bytes.store(time, at: 1)
        }
    }

    /// Removes all entries of the node.
    package mutating func dropNode(node: [UInt8]) {
        guard begin(node, 1) else { return }
        if nodeHasPuts { isPlainBase = false }
        blocks.noteRow(time: 0)
        blocks.appendPayload(1) { $0.store(JournalFormat.Code.dropNode.rawValue, at: 0) }
    }

    /// Forgets everything, and keeps the memory for the next record.
    package mutating func removeAll() {
        blocks.removeAll()
        namesNode = false
        meta = nil
        excess = nil
        parts = []
        nodesWithPuts = []
        nodeHasPuts = false
        isPlainBase = true
    }

    /// Adds changes that come after those that are there when the record is written.
    package mutating func add(_ part: any JournalPart) { parts.append(part) }

    /// The same record with everything in its bytes.
    func complete() -> JournalRecordBuilder {
        var result = self
        result.parts = []
        for part in parts { try? part.add(to: &result) { (_) throws(StoreError) in } }
        return result
    }

    /// Adds the parts and ends the record, as blocks of `type`; what is there is written whenever it
    /// has reached a certain size.
    func stream(
        as type: BlockType, _ write: (inout BlockBuffer) throws(StoreError) -> Void
    ) throws(StoreError) {
        var stream = self
        stream.parts = []
        stream.type = type
        stream.blocks.retype(type)
        for part in parts {
            try part.add(to: &stream) { (stream) throws(StoreError) in
                if stream.byteCount >= JournalRecordBuilder.streamedBytes {
                    try stream.drain(write)
                }
            }
        }
        stream.close()
        try write(&stream.blocks)
    }

    /// Short enough to be in a cache when it is written: the kernel takes four times as long for
    /// 256 MiB in one piece.
    private static let streamedBytes = 1 << 20

    /// Adds the meta and ends the last block.
    mutating func close() {
        if let meta {
            roll(for: meta.count + 5)
            blocks.appendPayload(meta.count + 5) { bytes in
                bytes.store(JournalFormat.Code.meta.rawValue, at: 0)
                bytes.store(UInt32(meta.count), at: 1)
                UnsafeMutableRawBufferPointer(rebasing: bytes[5...]).copyBytes(from: meta)
            }
        }
        roll(for: 0)
        blocks.flagLast(.commits)
    }

    /// Makes the record's changes in a state that is kept in memory.
    package func apply(to state: inout RecoveredState) {
        var whole = complete()
        whole.close()
        // The payloads were made here, so that there is nothing wrong with them.
        whole.blocks.forEachPayload { _ = state.apply($0, rowCount: nil) }
    }

    /// Whether nothing but its puts changes a journal that has nothing yet, so that it is a base as
    /// it is.
    var isCompleteBase: Bool { isPlainBase && meta != nil && parts.allSatisfy(\.isBase) }

    /// Whether the format has room for everything in the parts; ``complete()`` says for what not.
    var partsFit: Bool {
        parts.allSatisfy {
            $0.longestBytes <= JournalFormat.entryBytesMax
                && $0.nodeBytes <= JournalFormat.nodeBytesMax
        }
    }

    /// Lends the blocks to what writes them.
    mutating func withBlocks(_ write: (inout BlockBuffer) throws(StoreError) -> Void)
        throws(StoreError)
    {
        try write(&blocks)
    }

    /// Writes what there is of a record that is too long to be held, and forgets it.
    mutating func drain(_ write: (inout BlockBuffer) throws(StoreError) -> Void)
        throws(StoreError)
    {
        guard !blocks.isEmpty else { return }
        try write(&blocks)
        blocks.removeAll()
        namesNode = false
        hasBegun = true
    }

    /// Whether a block of this record has been drained.
    private var hasBegun = false

    /// Makes sure that the open block has room and is about the node.
    private mutating func begin(_ node: [UInt8], _ count: Int) -> Bool {
        guard node.count <= JournalFormat.nodeBytesMax else {
            refuse("the name of a node", node.count, JournalFormat.nodeBytesMax)
            return false
        }
        roll(for: count)
        if !namesNode || node != self.node {
            blocks.appendPayload(3 + node.count) { bytes in
                bytes.store(JournalFormat.Code.node.rawValue, at: 0)
                bytes.store(UInt16(node.count), at: 1)
                UnsafeMutableRawBufferPointer(rebasing: bytes[3...]).copyBytes(from: node)
            }
            if node != self.node { nodeHasPuts = nodesWithPuts.contains(node) }
            self.node = node
            namesNode = true
        }
        return true
    }

    /// Begins a block where there is none, or where the open one would become too long.
    private mutating func roll(for count: Int) {
        if blocks.isEmpty {
            blocks.begin(type, hasBegun ? [] : .begins)
            namesNode = false
        } else if blocks.payloadCount > 0, blocks.payloadCount + count > blockBytes {
            blocks.begin(type)
            namesNode = false
        }
    }

    private mutating func refuse(_ object: String, _ bytes: Int, _ limit: Int) {
        if excess == nil { excess = (object, bytes, limit) }
    }
}

/// Changes that are put into a record's bytes while it is written, so that they are not held twice.
package protocol JournalPart: Sendable {
    /// Bytes of the longest key and value together, and of the longest name of a node.
    var longestBytes: Int { get }
    var nodeBytes: Int { get }

    /// Whether nothing is deleted of a node that this part has put something of. No other part of the
    /// record has changes of its nodes.
    var isBase: Bool { get }

    /// Adds the changes in order, and calls `next` after each. Throws what that throws.
    func add(
        to record: inout JournalRecordBuilder,
        next: (inout JournalRecordBuilder) throws(StoreError) -> Void
    ) throws(StoreError)
}
