import Store
import Synchronization

/// The sink's lock, and in it, as long as a file that was there before has no checkpoint, the length
/// that it had: a crash before the first commit must not leave rows in it.
final class AppendIntent: Sendable {
    private let fileSystem: any FileSystem
    /// nil once it was given back.
    private let held: Mutex<OpenFile?>

    /// Takes the lock.
    ///
    /// - Throws: ``ConnectorError``, terminal when another sink has it.
    init(_ path: String, for output: String, _ fileSystem: any FileSystem) throws(ConnectorError) {
        self.fileSystem = fileSystem
        let lock: OpenFile
        do throws(StoreError) {
            lock = try fileSystem.open(path, .create, permissions: 0o666)
        } catch {
            throw ConnectorError(error)
        }
        var isOurs = false
        do throws(StoreError) { isOurs = try fileSystem.lock(lock) } catch {
            fileSystem.close(lock)
            throw ConnectorError(error)
        }
        if !isOurs {
            fileSystem.close(lock)
            throw .outputLocked(output)
        }
        held = Mutex(lock)
    }

    deinit { release() }

    /// Gives the lock back.
    func release() {
        let lock = held.withLock { held -> OpenFile? in
            defer { held = nil }
            return held
        }
        if let lock { fileSystem.close(lock) }
    }

    private var lock: OpenFile? { held.withLock { $0 } }

    /// The length of a file before the first row was appended, if that was noted and not dropped.
    func length(of identity: FileIdentity) throws(StoreError) -> (Int64, ContentPrint)? {
        guard let lock else { return nil }
        var reader = TokenReader(try fileSystem.bytes(lock, count: 64))
        guard reader.read(UInt8.self) == 1, reader.read(UInt64.self) == identity.device,
            reader.read(UInt64.self) == identity.inode, let length = reader.read(Int64.self),
            let count = reader.read(UInt16.self), let hash = reader.read(UInt64.self),
            count <= ContentPrint.bytesMax, Int64(count) <= length
        else { return nil }
        return (length, ContentPrint(count: Int(count), hash: hash))
    }

    /// Notes the length, durably.
    func note(_ identity: FileIdentity, length: Int64, tail: ContentPrint) throws(StoreError) {
        guard let lock else { return }
        var writer = TokenWriter()
        writer.append(UInt8(1))
        writer.append(identity.device)
        writer.append(identity.inode)
        writer.append(length)
        writer.append(UInt16(tail.count))
        writer.append(tail.hash)
        try fileSystem.truncate(lock, to: 0)
        try fileSystem.write(lock, at: 0, writer.bytes)
        try fileSystem.sync(lock)
        try fileSystem.syncDirectory(directory(of: lock.path))
    }

    /// From now on the checkpoint's token says how long the file is.
    func drop() throws(StoreError) {
        guard let lock, try fileSystem.status(lock).length > 0 else { return }
        try fileSystem.truncate(lock, to: 0)
        try fileSystem.sync(lock)
    }
}

extension FileSystem {
    /// The first bytes of a file, at most `count`.
    fileprivate func bytes(_ file: OpenFile, count: Int) throws(StoreError) -> [UInt8] {
        let length = try status(file).length
        return try readBytes(file, at: 0, count: Int(min(length, Int64(count))))
    }
}
