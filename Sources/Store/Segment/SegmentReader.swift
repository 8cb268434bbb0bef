/// Reads a segment's blocks from the first to the last whole one.
///
/// A block that cannot be read is **damage**, an error that names file and byte, if any later block
/// in the file states that the place had been synced before it was written. Otherwise nothing that
/// was acknowledged can stand there: the tail is **torn**, reading ends before it, and ``torn`` says
/// where. A read error is neither, and is thrown.
package final class SegmentReader {
    /// Where the readable part of a segment ends although the file goes on.
    struct Torn: Equatable, Sendable {
        var position: Int64
        var cause: String
    }

    let path: String
    let header: SegmentHeader
    let seed: UInt32
    private let window: FileWindow
    /// Where the last block that was returned ends.
    private(set) var tip: SegmentTip
    /// The highest synced length that a block has stated.
    private(set) var confirmedLength: Int64 = 0
    private(set) var isSealed = false
    /// What a sealed segment says it holds; `nil` before the footer was read.
    private(set) var footer: SegmentFooter?
    private(set) var torn: Torn?

    /// Reads the segment's header.
    ///
    /// - Parameters:
    ///   - file: Open for reading; the caller closes it after the reader.
    ///   - length: The file's length now.
    /// - Throws: `.damaged` where there is no whole header: a segment gets its name only after its
    ///   header was synced. `.newerVersion`, `.io`.
    ///   - windowBytes: How much is read at once; little where only the header is wanted.
    init(
        _ file: OpenFile, length: Int64, fileSystem: any FileSystem,
        windowBytes: Int = FileWindow.readAheadBytes
    ) throws(StoreError) {
        path = file.path
        window = FileWindow(
            file, length: length, fileSystem: fileSystem, windowBytes: windowBytes)
        guard length >= Int64(SegmentFormat.blockHeaderBytes) else {
            throw .damaged(path, at: 0, "the file ends inside its header")
        }
        let bytes = try window.bytes(at: 0, count: SegmentFormat.blockHeaderBytes)
        let block: BlockHeader
        let checksum: UInt32
        switch BlockHeader.decode(bytes, at: 0, seed: 0) {
        case .header(let decoded, let sum): (block, checksum) = (decoded, sum)
        case .newer(let version): throw .newerVersion(path, at: 0, version: version)
        case .unreadable(let cause): throw .damaged(path, at: 0, cause)
        }
        guard block.type == .segmentHeader, block.end <= length else {
            throw .damaged(path, at: 0, "the file does not begin with a whole header")
        }
        let payload = try window.bytes(
            at: Int64(SegmentFormat.blockHeaderBytes), count: block.payloadCount)
        guard SegmentFormat.checksum(payload, seed: 0) == block.payloadChecksum,
            let header = SegmentHeader(payload)
        else { throw .damaged(path, at: 0, "the checksum of the file's header does not match") }
        self.header = header
        seed = SegmentFormat.seed(identity: header.identity)
        tip = SegmentTip()
        tip.advance(past: block, checksum: checksum)
    }

    /// Checks that the segment is the one that its place asks for.
    func expect(_ kind: LogKind, identity: [UInt8], number: UInt64) throws(StoreError) {
        guard header.kind == kind else {
            throw .foreign(path, belongsTo: header.kind.noun, wanted: kind.noun)
        }
        guard header.identity == identity else {
            throw .foreign(
                path, belongsTo: "the log \(readable(header.identity))",
                wanted: "the log \(readable(identity))")
        }
        guard header.number == number else {
            throw .foreign(
                path, belongsTo: "the place of number \(header.number)",
                wanted: "that of number \(number)")
        }
    }

    /// The next block and its payload, which is valid until the next call; `nil` at the end.
    ///
    /// - Throws: `.damaged`, `.newerVersion`, `.io`.
    func next() throws(StoreError) -> (header: BlockHeader, payload: UnsafeRawBufferPointer)? {
        let position = tip.length
        guard torn == nil, position < window.fileLength else { return nil }
        guard !isSealed else {
            throw .damaged(path, at: position, "bytes follow the footer of a sealed file")
        }
        var fault: String
        switch try decodeHeader(at: position) {
        case .newer(let version): throw .newerVersion(path, at: position, version: version)
        case .unreadable(let cause): fault = cause
        case .header(let block, let checksum):
            fault = check(block)
            if fault.isEmpty {
                let payload = try window.bytes(
                    at: position + Int64(SegmentFormat.blockHeaderBytes), count: block.payloadCount)
                if SegmentFormat.checksum(payload, seed: seed) == block.payloadChecksum {
                    fault = block.type == .footer ? checkFooter(payload) : ""
                    if fault.isEmpty {
                        isSealed = block.type == .footer
                        tip.advance(past: block, checksum: checksum)
                        confirmedLength = max(confirmedLength, block.syncedLength)
                        return (block, payload)
                    }
                } else {
                    fault = "the checksum of the block's payload does not match"
                }
            }
        }
        if let witness = try findWitness(after: position) {
            throw .damaged(
                path, at: position,
                "\(fault), and the block at byte \(witness) states that this had been synced")
        }
        torn = Torn(position: position, cause: fault)
        return nil
    }

    /// The header at a position, as far as the file has one there.
    private func decodeHeader(at position: Int64) throws(StoreError) -> BlockHeader.Decoded {
        guard window.fileLength - position >= Int64(SegmentFormat.blockHeaderBytes) else {
            return .unreadable("the file ends inside a block's header")
        }
        let bytes = try window.bytes(at: position, count: SegmentFormat.blockHeaderBytes)
        return BlockHeader.decode(bytes, at: position, seed: seed)
    }

    /// What is wrong with a header whose checksum is right; empty where nothing is.
    private func check(_ block: BlockHeader) -> String {
        if block.type == .segmentHeader { return "a second header stands in the file" }
        if block.end > window.fileLength { return "the file ends inside a block" }
        let isInPlace =
            block.flags.contains(.sparse)
            ? block.firstOffset >= tip.nextOffset : block.firstOffset == tip.nextOffset
        if !isInPlace {
            return "the block begins with row \(block.firstOffset) and not \(tip.nextOffset)"
        }
        if !(0...block.position).contains(block.syncedLength) {
            return "the block states that \(block.syncedLength) bytes before it were synced"
        }
        return ""
    }

    private func checkFooter(_ payload: UnsafeRawBufferPointer) -> String {
        guard let footer = SegmentFooter(payload), footer.matches(tip) else {
            return "the footer does not match the blocks"
        }
        self.footer = footer
        return ""
    }

    /// The first later block which states that the byte at `position` had been synced.
    ///
    /// A header is enough: its checksum is seeded with the log's identity and covers its own place
    /// in the file, so that no row's bytes can pass for one.
    ///
    /// - Complexity: One pass over the rest of the file.
    private func findWitness(after position: Int64) throws(StoreError) -> Int64? {
        let headerBytes = Int64(SegmentFormat.blockHeaderBytes)
        var place = position + 1
        while window.fileLength - place >= headerBytes {
            let room = Int(min(window.fileLength - place, Int64(FileWindow.readAheadBytes)))
            let bytes = try window.bytes(at: place, count: room)
            guard let found = Self.firstMagic(in: bytes) else {
                // The last three bytes may begin a magic that goes on past the window.
                place += Int64(max(1, room - 3))
                continue
            }
            place += Int64(found)
            guard window.fileLength - place >= headerBytes else { return nil }
            let header = try window.bytes(at: place, count: SegmentFormat.blockHeaderBytes)
            switch BlockHeader.decode(header, at: place, seed: seed) {
            case .header(let block, _) where block.syncedLength > position: return place
            case .newer(let version): throw .newerVersion(path, at: place, version: version)
            default: place += 1
            }
        }
        return nil
    }

    private static func firstMagic(in bytes: UnsafeRawBufferPointer) -> Int? {
        let magic = SegmentFormat.magic.withUnsafeBytes { $0.load(UInt32.self, at: 0) }
        let first = SegmentFormat.magic[0]
        var index = 0
        while index <= bytes.count - 4 {
            if bytes[index] == first, bytes.load(UInt32.self, at: index) == magic { return index }
            index += 1
        }
        return nil
    }
}
