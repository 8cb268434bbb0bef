import Glibc

/// A unix socket that listens, at a path that only its owner can use.
struct ControlSocket: Sendable {
    let path: String
    let descriptor: Int32
    /// Held for as long as the socket is; -1 where another lock stands for it.
    private let lock: Int32
    private let device: UInt64
    private let inode: UInt64

    /// Listens at `path`.
    ///
    /// The socket is made with mode 0600. A socket that an earlier daemon left is replaced only
    /// when a lock shows that no daemon lives there; anything else at the path is left and refused.
    ///
    /// - Parameters:
    ///   - path: Of any length; its folder is made (0700) where it is missing.
    ///   - isGuarded: The caller holds a lock that stands for the path, such as that of the state
    ///     directory it lies in. Otherwise a lock file beside the socket is taken.
    static func listen(at path: String, isGuarded: Bool) throws(ControlFailure) -> ControlSocket {
        let (folder, name) = try openFolder(of: path)
        defer { Glibc.close(folder) }
        let lock = isGuarded ? -1 : try takeLock(folder, name, path)
        var status = stat()
        if fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                if lock >= 0 { Glibc.close(lock) }
                throw cannot("listen", path, "something that is no socket is there; remove it")
            }
            _ = unlinkat(folder, name, 0)
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw cannot("listen", path, errorText()) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        // Linux gives the name the mode that the socket has when it is bound. A umask would hold for
        // what other threads create meanwhile.
        guard fchmod(descriptor, 0o600) == 0,
            withAddress(folder, name, { Glibc.bind(descriptor, $0, $1) }) == 0,
            Glibc.listen(descriptor, 64) == 0,
            fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        else {
            let text = errorText()
            Glibc.close(descriptor)
            if lock >= 0 { Glibc.close(lock) }
            throw cannot("listen", path, text)
        }
        return ControlSocket(
            path: path, descriptor: descriptor, lock: lock, device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino))
    }

    /// Connects to the daemon at `path`.
    ///
    /// - Returns: A descriptor that blocks; nil when nobody listens there.
    static func connect(to path: String) -> Int32? {
        guard let (folder, name) = try? openFolder(of: path, creates: false) else { return nil }
        defer { Glibc.close(folder) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        guard withAddress(folder, name, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            Glibc.close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Listens no more and takes the socket away, if it is still the one that was made.
    func close() {
        var status = stat()
        if lstat(path, &status) == 0, UInt64(status.st_dev) == device,
            UInt64(status.st_ino) == inode
        {
            unlink(path)
        }
        Glibc.close(descriptor)
        if lock >= 0 { Glibc.close(lock) }
    }

    private static func takeLock(
        _ folder: Int32, _ name: String, _ path: String
    ) throws(ControlFailure) -> Int32 {
        let lock = openat(folder, name + ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw cannot("lock", path + ".lock", errorText()) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(lock)
            throw cannot("listen", path, "another daemon does; give this one its own --socket")
        }
        return lock
    }

    /// The folder of a path, open, and the name in it. A path may be longer than a socket's address
    /// can be, so that it is reached through the folder's descriptor.
    private static func openFolder(
        of path: String, creates: Bool = true
    ) throws(ControlFailure) -> (Int32, String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let name = String(parts.last ?? "")
        var folder = parts.dropLast().joined(separator: "/")
        if folder.isEmpty { folder = path.hasPrefix("/") ? "/" : "." }
        guard !name.isEmpty, name.utf8.count <= 64 else {
            throw cannot("listen", path, "its last part is 1 to 64 bytes long")
        }
        if creates { mkdir(folder, 0o700) }
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw cannot("open", folder, errorText()) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            Glibc.close(descriptor)
            throw cannot("open", folder, errorText())
        }
        // In a folder where others may replace names only the sticky bit keeps ours.
        let isOpen = status.st_mode & 0o022 != 0 && status.st_mode & S_ISVTX == 0
        if creates, isOpen {
            Glibc.close(descriptor)
            throw cannot(
                "listen", path, "others may write to \(folder); make it private (chmod go-w)")
        }
        return (descriptor, name)
    }

    private static func withAddress(
        _ folder: Int32, _ name: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array("/proc/self/fd/\(folder)/\(name)".utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.count < room else {
            errno = ENAMETOOLONG
            return -1
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        return withUnsafePointer(to: &address) { pointer in
            // SAFETY: a sockaddr_un is passed as the sockaddr that the calls take, with its size.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func errorText() -> String { String(cString: strerror(errno)) }

    private static func cannot(_ verb: String, _ path: String, _ cause: String) -> ControlFailure {
        ControlFailure(code: .failed, message: "cannot \(verb) \(path): \(cause)")
    }
}
