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
    /// The digest that the successor's header names: ``digest``, unless the segment was rewritten
    /// after its successor was begun.
    package var linkDigest: UInt32
    /// The offset at which the successor begins.
    package var nextOffset: UInt64
    /// The byte at which the index block begins; 0 where there is none.
    package var indexPosition: Int64
    /// When the first and the last of the rows were appended, by the clock; both 0 without rows.
    package var firstAppendedAt: Int64
    package var lastAppendedAt: Int64

    static let payloadBytes = 72

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: blockCount)
        bytes.append(littleEndian: rowCount)
        bytes.append(littleEndian: minTime)
        bytes.append(littleEndian: maxTime)
        bytes.append(littleEndian: digest)
        bytes.append(littleEndian: linkDigest)
        bytes.append(littleEndian: nextOffset)
        bytes.append(littleEndian: indexPosition)
        bytes.append(littleEndian: firstAppendedAt)
        bytes.append(littleEndian: lastAppendedAt)
        return bytes
    }

    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = ByteReader(payload)
        guard let blockCount = reader.number(UInt64.self),
            let rowCount = reader.number(UInt64.self), let minTime = reader.number(Int64.self),
            let maxTime = reader.number(Int64.self), let digest = reader.number(UInt32.self),
            let linkDigest = reader.number(UInt32.self),
            let nextOffset = reader.number(UInt64.self),
            let indexPosition = reader.number(Int64.self),
            let firstAppendedAt = reader.number(Int64.self),
            let lastAppendedAt = reader.number(Int64.self), reader.remaining == 0
        else { return nil }
        self.blockCount = blockCount
        self.rowCount = rowCount
        self.minTime = minTime
        self.maxTime = maxTime
        self.digest = digest
        self.linkDigest = linkDigest
        self.nextOffset = nextOffset
        self.indexPosition = indexPosition
        self.firstAppendedAt = firstAppendedAt
        self.lastAppendedAt = lastAppendedAt
    }

    /// What a segment that stands at `tip` holds.
    init(_ tip: SegmentTip, seal: SegmentSeal) {
        blockCount = tip.blockCount
        rowCount = tip.rowCount
        minTime = tip.minTime
        maxTime = tip.maxTime
        digest = tip.digest
        linkDigest = seal.linkDigest ?? tip.digest
        nextOffset = seal.nextOffset ?? tip.nextOffset
        indexPosition = 0
        firstAppendedAt = seal.firstAppendedAt
        lastAppendedAt = seal.lastAppendedAt
    }

    /// Whether it says of the blocks what reading them has shown.
    func matches(_ tip: SegmentTip) -> Bool {
        blockCount == tip.blockCount && rowCount == tip.rowCount && minTime == tip.minTime
            && maxTime == tip.maxTime && digest == tip.digest && nextOffset >= tip.nextOffset
            && (0..<max(tip.length, 1)).contains(indexPosition)
    }
}

/// What a footer says beside what the blocks show.
struct SegmentSeal {
    /// Of a segment that replaces another: what its successor knows it by, and where that begins.
    var linkDigest: UInt32?
    var nextOffset: UInt64?
    var firstAppendedAt: Int64 = 0
    var lastAppendedAt: Int64 = 0
}

/// Bytes of a name for a message: as text where they are printable ASCII, otherwise in hexadecimal.
func readable(_ bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ (0x20...0x7E).contains($0) }) {
        return "'\(String(decoding: bytes, as: UTF8.self))'"
    }
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
