/// Where a segment stands: all that is needed to append to it, or to name it as a predecessor.
package struct SegmentTip: Equatable, Sendable {
    /// The file's length in bytes.
    package var length: Int64 = 0
    /// How much of it is known to be synced.
    package var syncedLength: Int64 = 0
    /// The offset that the next row gets.
    package var nextOffset: UInt64 = 0
    package var blockCount: UInt64 = 0
    package var rowCount: UInt64 = 0
    /// The lowest and highest time of the rows; both 0 without rows.
    package var minTime: Int64 = 0
    package var maxTime: Int64 = 0
    /// The CRC-32C of the blocks' header checksums in order, which cover headers and payloads.
    package var digest: UInt32 = 0

    package var predecessor: Predecessor {
        Predecessor(lastOffset: Int64(bitPattern: nextOffset) &- 1, digest: digest)
    }

    /// Takes in a block that follows.
    mutating func advance(past header: BlockHeader, checksum: UInt32) {
        if header.rowCount > 0 {
            minTime = rowCount == 0 ? header.minTime : min(minTime, header.minTime)
            maxTime = rowCount == 0 ? header.maxTime : max(maxTime, header.maxTime)
        }
        length = header.end
        // 2^64 rows do not fit on a disk; a forged offset near the end wraps and is then refused
        // as out of order.
        nextOffset = header.firstOffset &+ UInt64(header.rowCount)
        rowCount &+= UInt64(header.rowCount)
        blockCount &+= 1
        digest = withUnsafeBytes(of: checksum.littleEndian) {
            SegmentFormat.checksum($0, seed: digest)
        }
    }
}
