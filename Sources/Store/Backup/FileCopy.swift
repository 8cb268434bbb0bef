/// Copies files and sums them up, with one buffer for all.
final class FileCopy {
    private let fileSystem: any FileSystem
    private let buffer: UnsafeMutableRawBufferPointer
    /// Called with the bytes that were read; returns false to give up.
    private let onBytes: (Int64) -> Bool
    /// What giving up throws.
    private let givenUp: StoreError

    private static let chunkBytes = 1 << 20

    init(
        _ fileSystem: any FileSystem, givenUp: StoreError, onBytes: @escaping (Int64) -> Bool
    ) {
        self.fileSystem = fileSystem
        self.givenUp = givenUp
        self.onBytes = onBytes
        buffer = .allocate(byteCount: Self.chunkBytes, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// Writes the first `length` bytes of a file to a new one, durably but for its name.
    ///
    /// - Returns: Their CRC-32C.
    /// - Throws: `.damaged` where the file is shorter; `.io`, `.full`. The new file is then left as it is.
    func copy(_ path: String, length: Int64, to newPath: String) throws(StoreError) -> UInt32 {
        let source = try fileSystem.open(path, .read, permissions: 0)
        defer { fileSystem.close(source) }
        let target = try fileSystem.open(newPath, .createNew, permissions: 0o600)
        defer { fileSystem.close(target) }
        let checksum: UInt32
        if fileSystem.clone(source, to: target) {
            let cloned = try fileSystem.status(target).length
            if cloned > length { try fileSystem.truncate(target, to: length) }
            checksum = try sum(target, length: length, to: nil)
        } else {
            checksum = try sum(source, length: length, to: target)
        }
        try fileSystem.sync(target)
        return checksum
    }

    /// The CRC-32C of a file's first `length` bytes.
    func checksum(_ path: String, length: Int64) throws(StoreError) -> UInt32 {
        let file = try fileSystem.open(path, .read, permissions: 0)
        defer { fileSystem.close(file) }
        return try sum(file, length: length, to: nil)
    }

    private func sum(_ source: OpenFile, length: Int64, to target: OpenFile?)
        throws(StoreError) -> UInt32
    {
        var checksum: UInt32 = 0
        var place: Int64 = 0
        while place < length {
            let wanted = Int(min(length - place, Int64(buffer.count)))
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
            let count = try fileSystem.read(source, at: place, into: part)
            guard count == wanted else {
                throw .endedEarly(source.path, at: place + Int64(count), expected: length)
            }
            checksum = SegmentFormat.checksum(UnsafeRawBufferPointer(part), seed: checksum)
            if let target {
                try fileSystem.write(target, at: place, UnsafeRawBufferPointer(part))
            }
            place += Int64(count)
            guard onBytes(Int64(count)) else { throw givenUp }
        }
        return checksum
    }
}
