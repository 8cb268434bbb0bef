/// What kind of log a segment is a part of.
package enum LogKind: UInt8, Sendable {
    case topic = 1
    case journal = 2

    var noun: String {
        switch self {
        case .topic: "a topic's segment"
        case .journal: "a journal"
        }
    }
}

/// Where a segment stopped: what its successor repeats, so that neither can be lost or exchanged
/// without its being noticed.
package struct Predecessor: Equatable, Sendable {
    /// The offset of its last row; one less than its first offset where it has none.
    package var lastOffset: Int64
    /// The digest of its blocks.
    package var digest: UInt32
}

/// The payload of a segment's first block: whose segment it is, and what it follows.
///
/// The block that holds it is the only one whose checksums are not seeded with the identity, since
/// the reader learns the identity from it.
package struct SegmentHeader: Equatable, Sendable {
    package var kind: LogKind
    /// Names the log for ever, as bytes: 1 to ``SegmentFormat/identityBytesMax`` of them.
    package var identity: [UInt8]
    /// The segment's number in its log, which its file name repeats.
    package var number: UInt64
    package var predecessor: Predecessor?

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = [kind.rawValue, predecessor == nil ? 0 : 1]
        bytes.append(littleEndian: UInt16(identity.count))
        bytes.append(littleEndian: predecessor?.digest ?? 0)
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: predecessor?.lastOffset ?? 0)
        return bytes + identity
    }

    /// Reads the payload; `nil` where it is none.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = ByteReader(payload)
        guard let kind = reader.number(UInt8.self).flatMap(LogKind.init(rawValue:)),
            let hasPredecessor = reader.number(UInt8.self), hasPredecessor <= 1,
            let identityCount = reader.number(UInt16.self),
            let digest = reader.number(UInt32.self),
            let number = reader.number(UInt64.self),
            let lastOffset = reader.number(Int64.self),
            let identity = reader.bytes(Int(identityCount)), reader.remaining == 0,
            (1...SegmentFormat.identityBytesMax).contains(identity.count)
        else { return nil }
        self.init(
            kind: kind, identity: [UInt8](identity), number: number,
            predecessor: hasPredecessor == 1
                ? Predecessor(lastOffset: lastOffset, digest: digest) : nil)
    }

    package init(kind: LogKind, identity: [UInt8], number: UInt64, predecessor: Predecessor? = nil)
    {
        self.kind = kind
        self.identity = identity
        self.number = number
        self.predecessor = predecessor
    }
}

/// The payload of a sealed segment's last block: what the segment holds.
package struct SegmentFooter: Equatable, Sendable {
    /// How many blocks stand before the footer.
    package var blockCount: UInt64
    /// How many rows they hold.
    package var rowCount: UInt64
    /// The lowest and highest time of the rows; both 0 without rows.
    package var minTime: Int64
    package var maxTime: Int64
    /// The digest of the blocks before the footer.
    package var digest: UInt32

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: blockCount)
        bytes.append(littleEndian: rowCount)
        bytes.append(littleEndian: minTime)
        bytes.append(littleEndian: maxTime)
        bytes.append(littleEndian: digest)
        return bytes
    }

    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = ByteReader(payload)
        guard let blockCount = reader.number(UInt64.self),
            let rowCount = reader.number(UInt64.self), let minTime = reader.number(Int64.self),
            let maxTime = reader.number(Int64.self), let digest = reader.number(UInt32.self),
            reader.remaining == 0
        else { return nil }
        self.init(
            blockCount: blockCount, rowCount: rowCount, minTime: minTime, maxTime: maxTime,
            digest: digest)
    }

    init(blockCount: UInt64, rowCount: UInt64, minTime: Int64, maxTime: Int64, digest: UInt32) {
        self.blockCount = blockCount
        self.rowCount = rowCount
        self.minTime = minTime
        self.maxTime = maxTime
        self.digest = digest
    }
}

/// Bytes of a name for a message: as text where they are printable ASCII, otherwise in hexadecimal.
func readable(_ bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ (0x20...0x7E).contains($0) }) {
        return "'\(String(decoding: bytes, as: UTF8.self))'"
    }
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
