/// Blocks that are being filled, in the form in which they are written: room for each header stands
/// before its payload, so that a record of many blocks is one write and no payload is copied.
package struct BlockBuffer: Sendable {
    struct Block: Sendable {
        /// Where in the buffer its header begins.
        var start: Int
        var type: BlockType
        var flags: BlockFlags
        var rowCount: UInt32 = 0
        var minTime: Int64 = 0
        var maxTime: Int64 = 0
        /// Where a sparse block begins; `nil` for the row after the block before.
        var firstOffset: UInt64?
    }

    /// How many bytes headers and payloads take.
    package var byteCount: Int { bytes.count }
    private(set) var bytes: [UInt8] = []
    private(set) var blocks: [Block] = []

    package init() {}

    package var isEmpty: Bool { blocks.isEmpty }

    /// The bytes that the open block's payload has so far.
    var payloadCount: Int {
        blocks.last.map { bytes.count - $0.start - SegmentFormat.blockHeaderBytes } ?? 0
    }

    /// Begins a block; what is appended from now on is its payload.
    mutating func begin(_ type: BlockType, _ flags: BlockFlags = []) {
        blocks.append(Block(start: bytes.count, type: type, flags: flags))
        bytes.append(contentsOf: repeatElement(0, count: SegmentFormat.blockHeaderBytes))
    }

    /// Counts one row of the given time in the open block.
    @inline(__always)
    mutating func noteRow(time: Int64) {
        let last = blocks.count - 1
        if blocks[last].rowCount == 0 {
            blocks[last].minTime = time
            blocks[last].maxTime = time
        } else {
            blocks[last].minTime = min(blocks[last].minTime, time)
            blocks[last].maxTime = max(blocks[last].maxTime, time)
        }
        // A row takes at least a byte of a payload that has fewer than 2^32.
        blocks[last].rowCount &+= 1
    }

    /// Says which rows the open block holds.
    ///
    /// - Parameters:
    ///   - minTime: The lowest and `maxTime` the highest event time, microseconds.
    ///   - firstOffset: Of a block that compaction left over, whose rows need not follow the block
    ///     before.
    package mutating func setRows(
        count: Int, minTime: Int64, maxTime: Int64, firstOffset: UInt64? = nil
    ) {
        let last = blocks.count - 1
        blocks[last].rowCount = UInt32(count)
        blocks[last].minTime = minTime
        blocks[last].maxTime = maxTime
        blocks[last].firstOffset = firstOffset
        if firstOffset != nil { blocks[last].flags.formUnion(.sparse) }
    }

    /// Begins a block of a topic's rows and lets `fill` append its payload.
    package mutating func appendRows(
        count: Int, minTime: Int64, maxTime: Int64, firstOffset: UInt64? = nil,
        _ fill: (inout [UInt8]) -> Void
    ) {
        begin(.rows)
        setRows(count: count, minTime: minTime, maxTime: maxTime, firstOffset: firstOffset)
        fill(&bytes)
    }

    /// Sets a flag of the last block.
    mutating func flagLast(_ flags: BlockFlags) {
        guard !blocks.isEmpty else { return }
        blocks[blocks.count - 1].flags.formUnion(flags)
    }

    /// Makes room for `count` bytes of payload and lets `fill` write all of them.
    @inline(__always)
    mutating func appendPayload(_ count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count))
        bytes.withUnsafeMutableBytes { fill(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
    }

    /// Makes all blocks ones of another type.
    mutating func retype(_ type: BlockType) {
        for index in blocks.indices { blocks[index].type = type }
    }

    mutating func appendPayload(_ payload: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: payload)
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
    }

    /// The payload of each block in turn, where it lies.
    func forEachPayload<E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        for (index, block) in blocks.enumerated() {
            let end = index + 1 < blocks.count ? blocks[index + 1].start : bytes.count
            let range = block.start + SegmentFormat.blockHeaderBytes..<end
            try bytes.span.bytes.withUnsafeBytes { all throws(E) in
                try body(UnsafeRawBufferPointer(rebasing: all[range]))
            }
        }
    }

    /// Where the blocks of rows will stand in a file whose end is `tip`.
    func places(from tip: SegmentTip) -> [BlockPlace] {
        var result: [BlockPlace] = []
        var nextOffset = tip.nextOffset
        for (index, block) in blocks.enumerated() {
            let end = index + 1 < blocks.count ? blocks[index + 1].start : bytes.count
            let first = block.firstOffset ?? nextOffset
            nextOffset = first &+ UInt64(block.rowCount)
            guard block.type == .rows else { continue }
            result.append(
                BlockPlace(
                    position: tip.length + Int64(block.start),
                    payloadCount: UInt32(end - block.start - SegmentFormat.blockHeaderBytes),
                    rowCount: block.rowCount, firstOffset: first, minTime: block.minTime,
                    maxTime: block.maxTime))
        }
        return result
    }

    /// Fills in the headers for blocks that will stand in a file from `tip` on.
    ///
    /// - Returns: Where the file will stand when they have been written.
    mutating func stamp(from tip: SegmentTip, seed: UInt32) -> SegmentTip {
        var next = tip
        for (index, block) in blocks.enumerated() {
            let end = index + 1 < blocks.count ? blocks[index + 1].start : bytes.count
            let payloadStart = block.start + SegmentFormat.blockHeaderBytes
            bytes.withUnsafeMutableBytes { all in
                let payload = UnsafeRawBufferPointer(rebasing: all[payloadStart..<end])
                let header = BlockHeader(
                    type: block.type, flags: block.flags, payloadCount: payload.count,
                    rowCount: block.rowCount,
                    firstOffset: block.firstOffset ?? next.nextOffset,
                    minTime: block.minTime, maxTime: block.maxTime, position: next.length,
                    syncedLength: tip.syncedLength,
                    payloadChecksum: SegmentFormat.checksum(payload, seed: seed))
                let checksum = header.encode(
                    into: UnsafeMutableRawBufferPointer(rebasing: all[block.start..<payloadStart]),
                    seed: seed)
                next.advance(past: header, checksum: checksum)
            }
        }
        return next
    }
}
