/// What names a file for as long as it exists.
struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64
}

/// Hashes of a stretch of a file, by which it is known again.
struct ContentPrint: Hashable {
    static let bytesMax = 1024

    /// How many bytes were hashed, at most ``bytesMax``.
    var count = 0
    var hash = ContentHash.empty

    init() {}

    init(count: Int, hash: UInt64) {
        self.count = count
        self.hash = hash
    }

    init(_ bytes: some Collection<UInt8>) {
        count = bytes.count
        hash = ContentHash.hash(bytes)
    }
}

/// The beginning of a file: hashes of its first 8, 16, … bytes, so that a file that is shorter by
/// now can still be compared.
struct HeadPrint: Hashable {
    enum Comparison { case same, other, unknown }

    /// Of the first 8, 16, 32, … and all `count` bytes.
    private(set) var hashes: [UInt64] = []
    private(set) var count = 0

    init() {}

    init(_ bytes: [UInt8]) {
        count = min(bytes.count, ContentPrint.bytesMax)
        for length in HeadPrint.lengths(count) {
            hashes.append(ContentHash.hash(bytes.prefix(length)))
        }
    }

    init(count: Int, hashes: [UInt64]) {
        self.count = count
        self.hashes = hashes
    }

    /// The hash of all `count` bytes.
    var hash: UInt64 { hashes.last ?? ContentHash.empty }

    static func lengths(_ count: Int) -> [Int] {
        var lengths: [Int] = []
        var length = 8
        while length < count {
            lengths.append(length)
            length *= 2
        }
        return lengths + (count > 0 ? [count] : [])
    }

    /// Compares the beginning of what is in a file now, as far as both know it.
    ///
    /// - Parameter bytes: The file's first ``ContentPrint/bytesMax`` bytes, or all it has.
    func compare(_ bytes: [UInt8]) -> Comparison {
        let lengths = HeadPrint.lengths(count)
        guard let last = lengths.lastIndex(where: { $0 <= bytes.count }) else { return .unknown }
        return ContentHash.hash(bytes.prefix(lengths[last])) == hashes[last] ? .same : .other
    }

    /// Whether `bytes` begin with all that is known.
    func isPrefix(of bytes: [UInt8]) -> Bool {
        bytes.count >= count && compare(bytes) == .same
    }
}

/// Where a file split stands: the file, how it is known again, and how far it was read.
///
/// In bytes, little-endian: version 1 (u8), flags (u8: 1 ended, 2 inside an overlong record), then
/// the fields in the order of ``encoded()``.
struct FileMark: Equatable {
    struct Finished: Hashable {
        var identity: FileIdentity
        var head: ContentPrint
    }
    static let version: UInt8 = 1
    /// How many files that were read before are remembered.
    static let finishedMax = 64

    var identity = FileIdentity(device: 0, inode: 0)
    /// The byte that is read next.
    var offset: Int64 = 0
    /// Bytes of the files before this one in the split.
    var base: Int64 = 0
    /// The 1-based line of the next row.
    var line: Int64 = 1
    var gaps: Int64 = 0
    /// When the file last changed, as far as was seen.
    var modifiedMicros: Int64 = 0
    var head = HeadPrint()
    /// Of the bytes before `offset`.
    var tail = ContentPrint()
    /// Files that are done with, oldest first, so that they are not read again under another name.
    var finished: [Finished] = []
    var parserState: [UInt8] = []
    var hasEnded = false
    /// Whether `offset` lies in a record that was too long.
    var isSkipping = false

    func encoded() -> [UInt8] {
        var writer = TokenWriter()
        writer.append(FileMark.version)
        writer.append(UInt8(hasEnded ? 1 : 0) | UInt8(isSkipping ? 2 : 0))
        writer.append(identity.device)
        writer.append(identity.inode)
        writer.append(offset)
        writer.append(base)
        writer.append(line)
        writer.append(gaps)
        writer.append(modifiedMicros)
        writer.append(UInt16(head.count))
        for hash in head.hashes { writer.append(hash) }
        writer.append(UInt16(tail.count))
        writer.append(tail.hash)
        writer.append(UInt16(finished.count))
        for file in finished {
            writer.append(file.identity.device)
            writer.append(file.identity.inode)
            writer.append(UInt16(file.head.count))
            writer.append(file.head.hash)
        }
        writer.append(parserState)
        return writer.bytes
    }

    init() {}

    /// nil when the bytes are not a mark of a version that is known.
    init?(_ bytes: [UInt8]) {
        var reader = TokenReader(bytes)
        guard reader.read(UInt8.self) == FileMark.version, let flags = reader.read(UInt8.self),
            let device = reader.read(UInt64.self), let inode = reader.read(UInt64.self),
            let offset = reader.read(Int64.self), let base = reader.read(Int64.self),
            let line = reader.read(Int64.self), let gaps = reader.read(Int64.self),
            let modified = reader.read(Int64.self), offset >= 0, base >= 0, line >= 1,
            let headCount = reader.read(UInt16.self)
        else { return nil }
        hasEnded = flags & 1 != 0
        isSkipping = flags & 2 != 0
        identity = FileIdentity(device: device, inode: inode)
        (self.offset, self.base, self.line, self.gaps) = (offset, base, line, gaps)
        modifiedMicros = modified
        guard Int(headCount) <= ContentPrint.bytesMax else { return nil }
        var hashes: [UInt64] = []
        for _ in HeadPrint.lengths(Int(headCount)) {
            guard let hash = reader.read(UInt64.self) else { return nil }
            hashes.append(hash)
        }
        head = HeadPrint(count: Int(headCount), hashes: hashes)
        guard let tailCount = reader.read(UInt16.self), let tailHash = reader.read(UInt64.self),
            Int(tailCount) <= ContentPrint.bytesMax, Int64(tailCount) <= offset,
            let finishedCount = reader.read(UInt16.self)
        else { return nil }
        tail = ContentPrint(count: Int(tailCount), hash: tailHash)
        for _ in 0..<finishedCount {
            guard let device = reader.read(UInt64.self), let inode = reader.read(UInt64.self),
                let count = reader.read(UInt16.self), let hash = reader.read(UInt64.self)
            else { return nil }
            finished.append(
                Finished(
                    identity: FileIdentity(device: device, inode: inode),
                    head: ContentPrint(count: Int(count), hash: hash)))
        }
        guard let state = reader.readBytes(), reader.isAtEnd else { return nil }
        parserState = state
    }
}
