import CPrimitives
import Glibc

/// The machine's own files.
package struct SystemFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ access: FileAccess, permissions: UInt32)
        throws(StoreError) -> OpenFile
    {
        let flags: Int32 =
            switch access {
            case .read: O_RDONLY
            case .write: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            case .replace: O_RDWR | O_CREAT
            }
        // Without O_NONBLOCK, opening a named pipe would wait for its other end. Regular files
        // take no notice of it.
        let all = flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        let descriptor = Self.retrying { Glibc.open(path, all, mode_t(permissions)) }
        guard descriptor >= 0 else { throw .system("open", path, code: errno) }
        let file = OpenFile(descriptor: descriptor, path: path)
        do throws(StoreError) {
            guard try status(file).kind == .regular else { throw .notARegularFile(path) }
            // Emptied only now that it is known to be a file, and not by O_TRUNC.
            if case .replace = access { try truncate(file, to: 0) }
        } catch {
            close(file)
            throw error
        }
        return file
    }

    package func close(_ file: OpenFile) {
        // A program that is being started has, until it runs, every file open that this process has:
        // a lock would stay for that moment. Given back by name it goes at once.
        _ = flock(file.descriptor, LOCK_UN)
        // Linux has released the descriptor even when it reports an error, so that closing again
        // might close a file that another thread has just opened.
        _ = Glibc.close(file.descriptor)
    }

    package func read(
        _ file: OpenFile, at position: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Int {
        var done = 0
        while done < buffer.count {
            let place = position + Int64(done)
            // SAFETY: `done < buffer.count`, and the kernel writes at most the rest of the buffer.
            let count = unsafe pread(
                file.descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done,
                off_t(place))
            if count > 0 {
                done += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                throw .system("read", file.path, at: place, code: errno)
            }
        }
        return done
    }

    package func write(_ file: OpenFile, at position: Int64, _ bytes: UnsafeRawBufferPointer)
        throws(StoreError)
    {
        var done = 0
        while done < bytes.count {
            let place = position + Int64(done)
            // SAFETY: `done < bytes.count`, and the kernel reads at most the rest of the buffer.
            let count = unsafe pwrite(
                file.descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done,
                off_t(place))
            if count > 0 {
                done += count
            } else if count == 0 {
                throw .system("write", file.path, at: place, code: EIO)
            } else if errno != EINTR {
                throw .system("write", file.path, at: place, code: errno)
            }
        }
    }

    package func truncate(_ file: OpenFile, to length: Int64) throws(StoreError) {
        guard Self.retrying({ ftruncate(file.descriptor, off_t(length)) }) == 0 else {
            throw .system("cut", file.path, at: length, code: errno)
        }
    }

    package func reserve(_ file: OpenFile, length: Int64) throws(StoreError) {
        var code = EINTR
        while code == EINTR { code = posix_fallocate(file.descriptor, 0, off_t(length)) }
        guard code == 0 else { throw .system("reserve room for", file.path, code: code) }
    }

    package func sync(_ file: OpenFile) throws(StoreError) {
        // Not repeated on EINTR either: after any error a second sync may report success for pages
        // that the first one dropped.
        guard fsync(file.descriptor) == 0 else { throw .system("sync", file.path, code: errno) }
    }

    package func status(_ file: OpenFile) throws(StoreError) -> FileStatus {
        var raw = stat()
        // SAFETY: `raw` outlives the call, which fills it.
        guard unsafe fstat(file.descriptor, &raw) == 0 else {
            throw .system("look at", file.path, code: errno)
        }
        return FileStatus(raw)
    }

    package func status(path: String) throws(StoreError) -> FileStatus? {
        var raw = stat()
        // SAFETY: `raw` outlives the call, which fills it.
        guard unsafe stat(path, &raw) == 0 else {
            if errno == ENOENT { return nil }
            throw .system("look at", path, code: errno)
        }
        return FileStatus(raw)
    }

    package func lock(_ file: OpenFile) throws(StoreError) -> Bool {
        if Self.retrying({ flock(file.descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw .system("lock", file.path, code: errno)
    }

    package func rename(_ path: String, to newPath: String) throws(StoreError) {
        guard Glibc.rename(path, newPath) == 0 else {
            throw .system("rename", path, code: errno)
        }
    }

    package func link(_ path: String, to newPath: String) throws(StoreError) {
        guard Glibc.link(path, newPath) == 0 else { throw .system("link", path, code: errno) }
    }

    package func clone(_ file: OpenFile, to target: OpenFile) -> Bool {
        cp_clone_file(file.descriptor, target.descriptor) == 0
    }

    @discardableResult
    package func unlink(_ path: String) throws(StoreError) -> Bool {
        if Glibc.unlink(path) == 0 { return true }
        if errno == ENOENT { return false }
        throw .system("remove", path, code: errno)
    }

    @discardableResult
    package func createDirectory(_ path: String, permissions: UInt32) throws(StoreError) -> Bool {
        if mkdir(path, mode_t(permissions)) == 0 { return true }
        let code = errno
        if code == EEXIST, try status(path: path)?.kind == .directory { return false }
        throw .system("create the folder", path, code: code)
    }

    @discardableResult
    package func removeDirectory(_ path: String) throws(StoreError) -> Bool {
        if rmdir(path) == 0 { return true }
        if errno == ENOENT { return false }
        throw .system("remove the folder", path, code: errno)
    }

    package func list(_ path: String) throws(StoreError) -> [String] {
        guard let stream = opendir(path) else { throw .system("list", path, code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                // A null without an error number is the end; with one, names are missing.
                guard errno == 0 else { throw .system("list", path, code: errno) }
                break
            }
            // SAFETY: the name ends with a zero, and lives until the next readdir of this stream.
            let name = unsafe String(cString: cp_entry_name(entry))
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package func availableBytes(_ path: String) throws(StoreError) -> Int64 {
        var raw = statvfs()
        // SAFETY: `raw` outlives the call, which fills it.
        guard unsafe statvfs(path, &raw) == 0 else {
            throw .system("look at", path, code: errno)
        }
        let (bytes, overflow) = UInt64(raw.f_bavail).multipliedReportingOverflow(
            by: UInt64(raw.f_frsize))
        return overflow ? Int64.max : Int64(clamping: bytes)
    }

    package func syncDirectory(_ path: String) throws(StoreError) {
        let descriptor = Self.retrying { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .system("sync the folder", path, code: errno) }
        defer { _ = Glibc.close(descriptor) }
        // Some network file systems cannot sync a folder at all and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw .system("sync the folder", path, code: errno)
        }
    }

    /// Repeats a call for as long as a signal interrupts it.
    private static func retrying(_ call: () -> Int32) -> Int32 {
        while true {
            let result = call()
            if result != -1 || errno != EINTR { return result }
        }
    }
}

extension FileStatus {
    fileprivate init(_ raw: stat) {
        let kind: Kind =
            switch raw.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            default: .other
            }
        // Micros of a time within 292,000 years of 1970 fit; a stranger one wraps, harmlessly.
        let micros = Int64(raw.st_mtim.tv_sec) &* 1_000_000 &+ Int64(raw.st_mtim.tv_nsec) / 1000
        self.init(
            kind: kind, device: UInt64(raw.st_dev), inode: UInt64(raw.st_ino),
            length: Int64(raw.st_size), modifiedMicros: micros)
    }
}
