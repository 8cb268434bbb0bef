import CPrimitives

/// The numbers of the segment format, which docs/segment-format.md explains byte by byte.
///
/// A segment is a file of blocks, each a header of 64 bytes and a payload. All numbers are
/// little-endian. What is written here never changes for a version that has been released.
package enum SegmentFormat {
    /// The first four bytes of every block, `PLB` and a byte that no text has.
    static let magic: [UInt8] = [0x50, 0x4C, 0x42, 0xB1]
    /// The version that is written, and the highest that is read.
    package static let version: UInt16 = 1
    package static let blockHeaderBytes = 64
    package static let payloadBytesMax = 64 << 20
    package static let identityBytesMax = 1024

    /// The checksum that a log's blocks are seeded with: the CRC-32C of its identity.
    static func seed(identity: [UInt8]) -> UInt32 {
        identity.withUnsafeBytes { checksum($0, seed: 0) }
    }

    /// CRC-32C, continued from `seed`.
    static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32) -> UInt32 {
        // SAFETY: address and count are one buffer's.
        unsafe cp_crc32c(
            seed, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
}

/// What a block is for.
package enum BlockType: UInt8, Sendable {
    /// The first block of a segment: whose it is.
    case segmentHeader = 1
    /// Rows of a topic.
    case rows = 2
    /// The last block of a sealed segment: what is in it.
    case footer = 3
    /// The statement, in its header, of how far the file had been synced. In a topic's partition also
    /// how far its rows are committed (``CommitMark``).
    case mark = 4
    /// Where the rows of a topic's segment stand (``SegmentIndex``): before the footer.
    case index = 5
    /// A part of the complete state that a journal file begins with.
    case base = 16
    /// A part of a journal record: what changed.
    case changes = 17
}

/// What a block's flags say.
package struct BlockFlags: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The first block of a journal's base or record.
    package static let begins = BlockFlags(rawValue: 1)
    /// The last block of a journal's base or record, which commits it.
    package static let commits = BlockFlags(rawValue: 2)
    /// Rows that were left over by compaction: the payload says which offsets they have, and the next
    /// block's first offset may be any higher one.
    package static let sparse = BlockFlags(rawValue: 4)
}
