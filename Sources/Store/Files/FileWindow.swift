/// A part of a file in memory, which moves forward as it is read.
///
/// One allocation, kept and enlarged as needed: a reader asks for whole blocks and gets them where
/// they lie.
final class FileWindow {
    private let file: OpenFile
    private let fileSystem: any FileSystem
    /// The length of the file when it was opened; nothing past it is read.
    let fileLength: Int64
    private var buffer: UnsafeMutableRawBufferPointer
    private var start: Int64 = 0
    private var count = 0

    static let readAheadBytes = 256 << 10

    init(
        _ file: OpenFile, length: Int64, fileSystem: any FileSystem,
        windowBytes: Int = readAheadBytes
    ) {
        self.file = file
        self.fileSystem = fileSystem
        fileLength = length
        let wanted = Int(min(max(length, 64), Int64(windowBytes)))
        buffer = .allocate(byteCount: wanted, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The bytes at `position`, all `wanted` of them, valid until the next call.
    ///
    /// - Parameter wanted: At most what the file has there; the caller has checked that.
    /// - Throws: `.io`; `.damaged` where the file has become shorter since it was opened.
    func bytes(at position: Int64, count wanted: Int) throws(StoreError) -> UnsafeRawBufferPointer {
        precondition(position >= 0 && wanted >= 0 && Int64(wanted) <= fileLength - position)
        if position < start || position + Int64(wanted) > start + Int64(count) {
            try fill(from: position, atLeast: wanted)
        }
        let offset = Int(position - start)
        return UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + wanted])
    }

    private func fill(from position: Int64, atLeast wanted: Int) throws(StoreError) {
        if wanted > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: wanted, alignment: 16)
        }
        // Nothing is believed to be in the buffer if the read is refused.
        count = 0
        start = position
        let room = Int(min(Int64(buffer.count), fileLength - position))
        let read = try fileSystem.read(
            file, at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<room]))
        guard read == room else {
            throw .endedEarly(file.path, at: position + Int64(read), expected: fileLength)
        }
        count = read
    }
}
