/// All that the store and the file sinks ask of a disk.
///
/// Everything that must survive a crash goes through this one protocol, so that tests can lose
/// un-synced writes, tear them, fill the disk and refuse any call (``SimulatedFileSystem``). The
/// real one is ``SystemFileSystem``.
///
/// Every call is whole: interrupted and short calls are continued inside, and a read error is never
/// the end of a file. Nothing but ``sync(_:)`` makes bytes durable, and nothing but
/// ``syncDirectory(_:)`` makes a name durable. The calls block; they are safe from any thread, one
/// writer per file.
package protocol FileSystem: Sendable {
    /// Opens a regular file for reading at any position, and for writing where `access` says so.
    ///
    /// - Parameter permissions: The mode of a file that is created, less the process's umask.
    /// - Throws: `.notFound`, `.wrongType` for anything but a regular file, `.io`.
    func open(_ path: String, _ access: FileAccess, permissions: UInt32) throws(StoreError)
        -> OpenFile

    /// Closes the file, which syncs nothing and releases its lock.
    func close(_ file: OpenFile)

    /// Fills the buffer from the given position and returns how many bytes there were: fewer than
    /// asked for only where the file ends.
    func read(_ file: OpenFile, at position: Int64, into buffer: UnsafeMutableRawBufferPointer)
        throws(StoreError) -> Int

    /// Writes all the bytes at the given position, extending the file as needed.
    ///
    /// - Throws: `.full` or `.io`; any part of the bytes may then have been written.
    func write(_ file: OpenFile, at position: Int64, _ bytes: UnsafeRawBufferPointer)
        throws(StoreError)

    /// Cuts the file to `length` bytes, or extends it with zeros.
    func truncate(_ file: OpenFile, to length: Int64) throws(StoreError)

    /// Takes `length` bytes of room for the file now, so that writing there cannot run out of it.
    func reserve(_ file: OpenFile, length: Int64) throws(StoreError)

    /// Makes the file's bytes and length durable.
    ///
    /// - Throws: `.io` or `.full`; nothing written since the last sync may then be relied on, and
    ///   a further sync proves nothing: the file must not be written through this handle again.
    func sync(_ file: OpenFile) throws(StoreError)

    /// What the open file is now.
    func status(_ file: OpenFile) throws(StoreError) -> FileStatus

    /// What stands at the path, links followed; `nil` where nothing does.
    func status(path: String) throws(StoreError) -> FileStatus?

    /// Takes the file's exclusive lock (`flock`) and returns true, or false where another open file
    /// has it.
    func lock(_ file: OpenFile) throws(StoreError) -> Bool

    /// Gives the file another name in one step, replacing what has that name.
    func rename(_ path: String, to newPath: String) throws(StoreError)

    /// Gives a file one more name on the same file system; an error (`EEXIST`) if that is there.
    func link(_ path: String, to newPath: String) throws(StoreError)

    /// Has an empty file share the bytes of another one, where the file system can (a reflink): later
    /// changes of either are not seen in the other.
    ///
    /// - Returns: False where it cannot; the file is still empty then.
    func clone(_ file: OpenFile, to target: OpenFile) -> Bool

    /// Removes the name of a file. Returns false where there is none.
    @discardableResult
    func unlink(_ path: String) throws(StoreError) -> Bool

    /// Creates the folder and returns true, or false where it is already there.
    @discardableResult
    func createDirectory(_ path: String, permissions: UInt32) throws(StoreError) -> Bool

    /// Removes an empty folder. Returns false where there is none.
    @discardableResult
    func removeDirectory(_ path: String) throws(StoreError) -> Bool

    /// The names in the folder, in the order of their bytes.
    func list(_ path: String) throws(StoreError) -> [String]

    /// How many bytes an ordinary user can still write to the file system that holds the path.
    func availableBytes(_ path: String) throws(StoreError) -> Int64

    /// Makes the names in the folder durable: what was created, renamed and removed there.
    func syncDirectory(_ path: String) throws(StoreError)
}

/// How a file is opened.
package enum FileAccess: Sendable {
    /// An existing file, for reading.
    case read
    /// An existing file, for reading and writing.
    case write
    /// For reading and writing, created if it is not there.
    case create
    /// For reading and writing; an error (`EEXIST`) if it is there.
    case createNew
    /// For reading and writing, created or emptied.
    case replace
}

/// An open file: a descriptor and the path that errors name. Whoever opened it closes it, once.
package struct OpenFile: Sendable {
    package let descriptor: Int32
    package let path: String

    package init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }
}

/// What a file or folder is.
package struct FileStatus: Equatable, Sendable {
    package enum Kind: Equatable, Sendable { case regular, directory, other }

    package var kind: Kind
    /// Device and inode name a file for as long as it exists, whatever its path.
    package var device: UInt64
    package var inode: UInt64
    /// In bytes.
    package var length: Int64
    /// When the bytes last changed, in microseconds since the Unix epoch.
    package var modifiedMicros: Int64

    package init(
        kind: Kind, device: UInt64, inode: UInt64, length: Int64, modifiedMicros: Int64
    ) {
        self.kind = kind
        self.device = device
        self.inode = inode
        self.length = length
        self.modifiedMicros = modifiedMicros
    }
}

extension FileSystem {
    package func clone(_ file: OpenFile, to target: OpenFile) -> Bool { false }

    /// Reads exactly `count` bytes.
    ///
    /// - Throws: `.damaged` where the file ends before, `.io`.
    package func readBytes(_ file: OpenFile, at position: Int64, count: Int) throws(StoreError)
        -> [UInt8]
    {
        var failure: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = 0
            do throws(StoreError) {
                initialized = try read(
                    file, at: position, into: UnsafeMutableRawBufferPointer(buffer))
            } catch { failure = error }
        }
        if let failure { throw failure }
        guard bytes.count == count else {
            throw .endedEarly(
                file.path, at: position + Int64(bytes.count), expected: position + Int64(count))
        }
        return bytes
    }

    /// Reads a whole file of at most `countMax` bytes; `nil` where there is none.
    package func readFile(_ path: String, countMax: Int) throws(StoreError) -> [UInt8]? {
        guard let status = try status(path: path) else { return nil }
        guard status.length <= Int64(countMax) else {
            throw .tooLarge("the contents", path, bytes: Int(status.length), limit: countMax)
        }
        let file = try open(path, .read, permissions: 0)
        defer { close(file) }
        return try readBytes(file, at: 0, count: Int(status.length))
    }

    /// Writes all the bytes of an array.
    package func write(_ file: OpenFile, at position: Int64, _ bytes: [UInt8]) throws(StoreError) {
        var failure: StoreError?
        bytes.withUnsafeBytes { buffer in
            do throws(StoreError) { try write(file, at: position, buffer) } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}

/// The part of a path before its last `/`: the folder that holds its name.
package func directory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
