/// Where one block of rows stands in its segment.
package struct BlockPlace: Equatable, Sendable {
    /// The byte of the file at which the block's header begins.
    package var position: Int64
    package var payloadCount: UInt32
    package var rowCount: UInt32
    package var firstOffset: UInt64
    /// The lowest and highest event time of its rows, microseconds.
    package var minTime: Int64
    package var maxTime: Int64

    init(
        position: Int64, payloadCount: UInt32, rowCount: UInt32, firstOffset: UInt64,
        minTime: Int64, maxTime: Int64
    ) {
        self.position = position
        self.payloadCount = payloadCount
        self.rowCount = rowCount
        self.firstOffset = firstOffset
        self.minTime = minTime
        self.maxTime = maxTime
    }

    init(_ header: BlockHeader) {
        position = header.position
        payloadCount = UInt32(header.payloadCount)
        rowCount = header.rowCount
        firstOffset = header.firstOffset
        minTime = header.minTime
        maxTime = header.maxTime
    }

    fileprivate init(_ bytes: UnsafeRawBufferPointer, at start: Int) {
        position = bytes.load(Int64.self, at: start)
        payloadCount = bytes.load(UInt32.self, at: start + 8)
        rowCount = bytes.load(UInt32.self, at: start + 12)
        firstOffset = bytes.load(UInt64.self, at: start + 16)
        minTime = bytes.load(Int64.self, at: start + 24)
        maxTime = bytes.load(Int64.self, at: start + 32)
    }

    /// The bytes of header and payload.
    var byteCount: Int { SegmentFormat.blockHeaderBytes + Int(payloadCount) }
    var end: Int64 { position + Int64(byteCount) }
}

/// The places of a segment's blocks of rows, in order: what the index block of a sealed one holds.
enum SegmentIndex {
    static let entryBytes = 40
    /// More blocks than this have no room in one index: a segment is sealed before.
    static let entriesMax = 1 << 20

    static func encode(_ places: [BlockPlace]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(places.count * entryBytes)
        for place in places {
            bytes.append(littleEndian: place.position)
            bytes.append(littleEndian: place.payloadCount)
            bytes.append(littleEndian: place.rowCount)
            bytes.append(littleEndian: place.firstOffset)
            bytes.append(littleEndian: place.minTime)
            bytes.append(littleEndian: place.maxTime)
        }
        return bytes
    }

    /// Reads an index; `nil` where the bytes are none. Its checksum was right, so that what it says
    /// was written by this program.
    static func decode(_ payload: UnsafeRawBufferPointer) -> [BlockPlace]? {
        guard payload.count % entryBytes == 0 else { return nil }
        return stride(from: 0, to: payload.count, by: entryBytes).map {
            BlockPlace(payload, at: $0)
        }
    }

    /// The first place of the block that holds `offset` or, if none does, of the next one.
    static func firstIndex(_ places: [BlockPlace], holding offset: UInt64) -> Int {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if places[middle].firstOffset <= offset { low = middle + 1 } else { high = middle }
        }
        // The block before may hold it. In a compacted segment it may also end before it.
        return max(0, low - 1)
    }
}

/// What a sealed segment's end says of it, read without the rows.
struct SealedSegment {
    let header: SegmentHeader
    let footer: SegmentFooter
    let seed: UInt32
    private let path: String
    private let fileSystem: any FileSystem

    /// Reads header and footer.
    ///
    /// - Throws: `.damaged` where one of them is not there, whole: a segment that has a successor was
    ///   sealed and synced before. `.foreign`, `.newerVersion`, `.io`.
    /// - Complexity: Two small reads.
    init(
        _ file: OpenFile, identity: [UInt8], number: UInt64, fileSystem: any FileSystem
    ) throws(StoreError) {
        let length = try fileSystem.status(file).length
        let reader = try SegmentReader(
            file, length: length, fileSystem: fileSystem, windowBytes: 4096)
        try reader.expect(.topic, identity: identity, number: number)
        header = reader.header
        seed = reader.seed
        path = file.path
        self.fileSystem = fileSystem
        let place = length - Int64(SegmentFormat.blockHeaderBytes + SegmentFooter.payloadBytes)
        let (block, payload) = try SealedSegment.block(
            file, at: place, type: .footer, seed: seed, fileSystem)
        guard block.end == length,
            let footer = payload.withUnsafeBytes({ SegmentFooter($0) })
        else { throw .damaged(path, at: place, "the segment's footer cannot be read") }
        self.footer = footer
    }

    /// The places of its blocks of rows.
    ///
    /// - Complexity: One read of 40 bytes a block.
    func places(_ file: OpenFile) throws(StoreError) -> [BlockPlace] {
        guard footer.indexPosition > 0 else { return [] }
        let (_, payload) = try SealedSegment.block(
            file, at: footer.indexPosition, type: .index, seed: seed, fileSystem)
        guard let places = payload.withUnsafeBytes({ SegmentIndex.decode($0) }) else {
            throw .damaged(path, at: footer.indexPosition, "the segment's index cannot be read")
        }
        return places
    }

    private static func block(
        _ file: OpenFile, at position: Int64, type: BlockType, seed: UInt32,
        _ fileSystem: any FileSystem
    ) throws(StoreError) -> (BlockHeader, [UInt8]) {
        guard position > 0 else {
            throw .damaged(file.path, at: 0, "the file ends before its footer")
        }
        let bytes = try fileSystem.readBytes(
            file, at: position, count: SegmentFormat.blockHeaderBytes)
        let decoded = bytes.withUnsafeBytes { BlockHeader.decode($0, at: position, seed: seed) }
        switch decoded {
        case .newer(let version): throw .newerVersion(file.path, at: position, version: version)
        case .unreadable(let cause): throw .damaged(file.path, at: position, cause)
        case .header(let block, _):
            guard block.type == type else {
                throw .damaged(file.path, at: position, "another block stands there")
            }
            let payload = try fileSystem.readBytes(
                file, at: position + Int64(SegmentFormat.blockHeaderBytes),
                count: block.payloadCount)
            let checksum = payload.withUnsafeBytes { SegmentFormat.checksum($0, seed: seed) }
            guard checksum == block.payloadChecksum else {
                throw .damaged(
                    file.path, at: position, "the checksum of the block's payload does not match")
            }
            return (block, payload)
        }
    }
}
