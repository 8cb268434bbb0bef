/// The 64 bytes before each payload.
package struct BlockHeader: Equatable, Sendable {
    package var type: BlockType
    package var flags: BlockFlags = []
    package var payloadCount: Int
    package var rowCount: UInt32 = 0
    /// The offset of the block's first row; the next one's for a block without rows.
    package var firstOffset: UInt64
    /// The lowest and highest time of its rows, in microseconds; both 0 without rows.
    package var minTime: Int64 = 0
    package var maxTime: Int64 = 0
    /// The byte of the file that the block begins at.
    package var position: Int64
    /// How many bytes of the file were known to be synced when the block was written. This is the
    /// mark that tells damage from a torn tail.
    package var syncedLength: Int64
    package var payloadChecksum: UInt32

    /// The byte after the block.
    var end: Int64 { position + Int64(SegmentFormat.blockHeaderBytes + payloadCount) }

    /// Writes the header, its checksum included.
    ///
    /// - Parameters:
    ///   - bytes: At least ``SegmentFormat/blockHeaderBytes``.
    ///   - seed: The log's.
    /// - Returns: The header's checksum.
    @discardableResult
    func encode(into bytes: UnsafeMutableRawBufferPointer, seed: UInt32) -> UInt32 {
        bytes.copyBytes(from: SegmentFormat.magic)
        bytes.store(SegmentFormat.version, at: 4)
        bytes.store(type.rawValue, at: 6)
        bytes.store(flags.rawValue, at: 7)
        bytes.store(UInt32(payloadCount), at: 8)
        bytes.store(rowCount, at: 12)
        bytes.store(firstOffset, at: 16)
        bytes.store(minTime, at: 24)
        bytes.store(maxTime, at: 32)
        bytes.store(position, at: 40)
        bytes.store(syncedLength, at: 48)
        bytes.store(payloadChecksum, at: 56)
        let checksum = SegmentFormat.checksum(
            UnsafeRawBufferPointer(rebasing: bytes[..<60]), seed: seed)
        bytes.store(checksum, at: 60)
        return checksum
    }

    /// What 64 bytes turned out to be.
    enum Decoded {
        case header(BlockHeader, checksum: UInt32)
        /// A whole header of a version that this program does not know.
        case newer(version: UInt16)
        case unreadable(String)
    }

    /// Reads a header, believing nothing that its checksum does not cover.
    ///
    /// - Parameters:
    ///   - bytes: Exactly ``SegmentFormat/blockHeaderBytes``.
    ///   - position: Where in the file they stand, which the header must repeat.
    static func decode(_ bytes: UnsafeRawBufferPointer, at position: Int64, seed: UInt32) -> Decoded
    {
        guard bytes[..<4].elementsEqual(SegmentFormat.magic) else {
            return .unreadable("there is no block")
        }
        let checksum = bytes.load(UInt32.self, at: 60)
        let computed = SegmentFormat.checksum(
            UnsafeRawBufferPointer(rebasing: bytes[..<60]), seed: seed)
        guard checksum == computed else {
            return .unreadable("the checksum of the block's header does not match")
        }
        // The first 64 bytes keep this layout in every version, so that the version may be
        // believed once the checksum is right.
        let version = bytes.load(UInt16.self, at: 4)
        guard version <= SegmentFormat.version else { return .newer(version: version) }
        guard version > 0 else { return .unreadable("the block has format version 0") }
        guard let type = BlockType(rawValue: bytes[6]) else {
            return .unreadable("the block is of the unknown type \(bytes[6])")
        }
        let payloadCount = bytes.load(UInt32.self, at: 8)
        guard payloadCount <= SegmentFormat.payloadBytesMax else {
            return .unreadable("the block is longer than a block can be")
        }
        let header = BlockHeader(
            type: type, flags: BlockFlags(rawValue: bytes[7]), payloadCount: Int(payloadCount),
            rowCount: bytes.load(UInt32.self, at: 12), firstOffset: bytes.load(UInt64.self, at: 16),
            minTime: bytes.load(Int64.self, at: 24), maxTime: bytes.load(Int64.self, at: 32),
            position: bytes.load(Int64.self, at: 40),
            syncedLength: bytes.load(Int64.self, at: 48),
            payloadChecksum: bytes.load(UInt32.self, at: 56))
        guard header.position == position else {
            return .unreadable("the block was written for byte \(header.position)")
        }
        return .header(header, checksum: checksum)
    }
}
