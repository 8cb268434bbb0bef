import Store
import Synchronization

/// The descriptor of an output file and its name, shared by the lane, which writes, and by the
/// thread that syncs and commits.
final class OutputHandle: Sendable {
    let file: OpenFile
    let identity: FileIdentity
    let path: String
    private let fileSystem: any FileSystem
    /// Whether the file has its final name; until then it has ``OutputPath/pendingPath(_:)``.
    private let named: Mutex<Bool>

    /// - Parameter file: Taken over, and closed with this.
    init(
        _ fileSystem: any FileSystem, _ file: OpenFile, identity: FileIdentity, path: String,
        isNamed: Bool
    ) {
        self.fileSystem = fileSystem
        self.file = file
        self.identity = identity
        self.path = path
        named = Mutex(isNamed)
    }

    deinit { fileSystem.close(file) }

    var isNamed: Bool { named.withLock { $0 } }

    func setNamed() { named.withLock { $0 = true } }

    /// The name that the file has now.
    var currentPath: String { isNamed ? path : OutputPath.pendingPath(path) }
}

/// A file that rows are being written to. Owned by the lane.
final class OutputFile {
    let handle: OutputHandle
    let key: OutputPath.Key
    let number: Int?
    let createdMicros: Int64
    /// Whether the commit may replace a file of that name.
    let replaces: Bool
    var buffer = OutputBytes()
    /// Bytes in the file.
    private(set) var length: Int64
    /// The file's last bytes, at most ``ContentPrint/bytesMax``.
    private var tail: [UInt8]
    /// Whether bytes were written since the last cut.
    var hasChanged: Bool
    /// Whether nothing more is written to it.
    var isSealed = false
    /// Counts up with every use, to find the file that was not used for longest.
    var lastUse: UInt64 = 0

    init(
        _ handle: OutputHandle, key: OutputPath.Key, number: Int?, createdMicros: Int64,
        replaces: Bool, length: Int64, tail: [UInt8], hasChanged: Bool
    ) {
        self.handle = handle
        self.key = key
        self.number = number
        self.createdMicros = createdMicros
        self.replaces = replaces
        self.length = length
        self.tail = tail
        self.hasChanged = hasChanged
    }

    /// Bytes in the file once the buffer is written.
    var endLength: Int64 { length + Int64(buffer.count) }

    var tailPrint: ContentPrint { ContentPrint(tail) }

    /// Writes the buffer to the file.
    ///
    /// - Throws: ``StoreError``; the buffer is then unchanged, and may be written again.
    func flush(_ fileSystem: any FileSystem) throws(StoreError) {
        guard buffer.count > 0 else { return }
        try fileSystem.write(handle.file, at: length, buffer.bytes)
        hasChanged = true
        length += Int64(buffer.count)
        // Of a raw buffer, `suffix` as a sequence would walk over all of it: 6 % of a run of q19.
        let kept = max(0, buffer.count - ContentPrint.bytesMax)
        tail.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer.bytes[kept...]))
        tail.removeFirst(max(0, tail.count - ContentPrint.bytesMax))
        buffer.truncate(to: 0)
    }
}
