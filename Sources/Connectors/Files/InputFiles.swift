import Operators
import Store

/// The files that sources read: the file system with a source's errors.
struct InputFiles: Sendable {
    let fileSystem: any FileSystem

    func open(_ path: String) throws(ConnectorError) -> OpenFile {
        do { return try fileSystem.open(path, .read, permissions: 0) } catch { throw .init(error) }
    }

    func close(_ file: OpenFile) { fileSystem.close(file) }

    func status(path: String) throws(ConnectorError) -> FileStatus? {
        do { return try fileSystem.status(path: path) } catch { throw .init(error) }
    }

    func status(_ file: OpenFile) throws(ConnectorError) -> FileStatus {
        do { return try fileSystem.status(file) } catch { throw .init(error) }
    }

    func list(_ folder: String) throws(ConnectorError) -> [String] {
        do { return try fileSystem.list(folder) } catch { throw .init(error) }
    }

    func glob(_ pattern: String) throws(ConnectorError) -> [String] {
        do { return try Glob.files(pattern, fileSystem) } catch { throw .init(error) }
    }

    /// Up to `count` bytes; fewer where the file ends.
    func bytes(_ file: OpenFile, at position: Int64, count: Int) throws(ConnectorError) -> [UInt8] {
        var failure: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(StoreError) {
                initialized = try fileSystem.read(
                    file, at: position, into: UnsafeMutableRawBufferPointer(buffer))
            } catch { failure = error }
        }
        if let failure { throw ConnectorError(failure) }
        return bytes
    }

    /// The first bytes of a file, by which it is known again.
    func head(_ file: OpenFile) throws(ConnectorError) -> [UInt8] {
        try bytes(file, at: 0, count: ContentPrint.bytesMax)
    }

    /// A print of the bytes before `position`; of fewer, where the file is shorter.
    func tail(_ file: OpenFile, before position: Int64) throws(ConnectorError) -> ContentPrint {
        let count = Int(min(Int64(ContentPrint.bytesMax), position))
        return ContentPrint(try bytes(file, at: position - Int64(count), count: count))
    }
}

extension FileStatus {
    var identity: FileIdentity { FileIdentity(device: device, inode: inode) }
}

extension ConnectorError {
    /// What the file system said, which names the path and the cause.
    init(_ error: StoreError) {
        let mayPass = error.isRetriable || error.kind == .notFound
        self.init(mayPass ? .transient : .terminal, error.message)
    }
}
