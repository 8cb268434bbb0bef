/// How far a partition's rows count: a place at the end of a block.
package struct PartitionEnd: Equatable, Sendable {
    /// The segment, by the offset that it begins with.
    package var segment: UInt64 = 0
    /// The bytes of that segment.
    package var length: Int64 = 0
    /// The offset that the next row gets.
    package var nextOffset: UInt64 = 0
    /// The digest of the segment's blocks before ``length``.
    package var digest: UInt32 = 0

    init() {}

    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: segment)
        bytes.append(littleEndian: length)
        bytes.append(littleEndian: nextOffset)
        bytes.append(littleEndian: digest)
    }

    /// Whether no row stands between the two, whatever marks do.
    func isSamePlace(as other: PartitionEnd) -> Bool {
        segment == other.segment && nextOffset == other.nextOffset
    }

    init(segment: UInt64, tip: SegmentTip) {
        self.segment = segment
        length = tip.length
        nextOffset = tip.nextOffset
        digest = tip.digest
    }

    init?(_ reader: inout ByteReader) {
        guard let segment = reader.number(UInt64.self), let length = reader.number(Int64.self),
            let nextOffset = reader.number(UInt64.self), let digest = reader.number(UInt32.self)
        else { return nil }
        self.segment = segment
        self.length = length
        self.nextOffset = nextOffset
        self.digest = digest
    }
}

/// What a pipeline's checkpoint keeps of a partition that it writes: the truth of how far its rows
/// count, which a mark in the partition repeats.
package struct PartitionToken: Equatable, Sendable {
    /// The partition's, which is never used again.
    package var identifier: UInt64
    /// The pipeline's epoch.
    package var epoch: UInt64
    package var end: PartitionEnd
    /// The writer's watermark at the end, microseconds.
    package var watermark: Int64

    private static let version: UInt8 = 1
    private static let kind: UInt8 = 0x54

    /// Opaque, versioned bytes for the checkpoint's record.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = [Self.kind, Self.version]
        bytes.append(littleEndian: identifier)
        bytes.append(littleEndian: epoch)
        end.append(to: &bytes)
        bytes.append(littleEndian: watermark)
        return bytes
    }

    /// Reads a token; `nil` where the bytes are none, or of a version that is not known.
    package init?(_ bytes: [UInt8]) {
        let token = bytes.withUnsafeBytes { raw -> PartitionToken? in
            var reader = ByteReader(raw)
            guard reader.number(UInt8.self) == Self.kind,
                reader.number(UInt8.self) == Self.version,
                let identifier = reader.number(UInt64.self),
                let epoch = reader.number(UInt64.self), let end = PartitionEnd(&reader),
                let watermark = reader.number(Int64.self), reader.remaining == 0
            else { return nil }
            return PartitionToken(
                identifier: identifier, epoch: epoch, end: end, watermark: watermark)
        }
        guard let token else { return nil }
        self = token
    }

    init(identifier: UInt64, epoch: UInt64, end: PartitionEnd, watermark: Int64) {
        self.identifier = identifier
        self.epoch = epoch
        self.end = end
        self.watermark = watermark
    }
}

/// The last batch that a producer has had acknowledged, so that a retry is not appended again.
package struct ProducerState: Equatable, Sendable {
    package static let identifierBytesMax = 128
    /// The highest sequence number.
    package var sequence: UInt64
    /// When it was appended, microseconds since the epoch.
    package var at: Int64
}

/// The payload of a mark in a partition: how far its rows are committed.
///
/// A pipeline's mark is written after its checkpoint's record was synced, and repeats it. An ingest
/// partition has no other record: there the mark stands behind the rows in one write, and their sync
/// is the commit point.
struct CommitMark: Equatable, Sendable {
    var epoch: UInt64
    var end: PartitionEnd
    var watermark: Int64
    /// The clock at the commit, microseconds.
    var at: Int64
    /// Of an ingest partition: all that are remembered in the first mark of a segment, otherwise
    /// those whose rows are committed.
    var producers: [[UInt8]: ProducerState] = [:]

    private static let version: UInt8 = 1

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = [Self.version]
        bytes.append(littleEndian: epoch)
        end.append(to: &bytes)
        bytes.append(littleEndian: watermark)
        bytes.append(littleEndian: at)
        bytes.append(littleEndian: UInt32(producers.count))
        for (identifier, state) in producers.sorted(by: {
            $0.key.lexicographicallyPrecedes($1.key)
        }) {
            bytes.append(UInt8(identifier.count))
            bytes += identifier
            bytes.append(littleEndian: state.sequence)
            bytes.append(littleEndian: state.at)
        }
        return bytes
    }

    init(
        epoch: UInt64, end: PartitionEnd, watermark: Int64, at: Int64,
        producers: [[UInt8]: ProducerState] = [:]
    ) {
        self.epoch = epoch
        self.end = end
        self.watermark = watermark
        self.at = at
        self.producers = producers
    }

    /// Reads the payload; `nil` where it is none.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = ByteReader(payload)
        guard reader.number(UInt8.self) == Self.version, let epoch = reader.number(UInt64.self),
            let end = PartitionEnd(&reader), let watermark = reader.number(Int64.self),
            let at = reader.number(Int64.self), let count = reader.number(UInt32.self)
        else { return nil }
        self.init(epoch: epoch, end: end, watermark: watermark, at: at)
        for _ in 0..<count {
            guard let length = reader.number(UInt8.self),
                let identifier = reader.bytes(Int(length)),
                let sequence = reader.number(UInt64.self), let at = reader.number(Int64.self)
            else { return nil }
            producers[[UInt8](identifier)] = ProducerState(sequence: sequence, at: at)
        }
        guard reader.remaining == 0 else { return nil }
    }
}

extension BlockBuffer {
    mutating func appendMark(_ mark: CommitMark) {
        begin(.mark)
        mark.encoded().withUnsafeBytes { appendPayload($0) }
    }
}
