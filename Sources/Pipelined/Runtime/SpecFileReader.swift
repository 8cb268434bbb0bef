import Glibc

/// Reads a spec file that a person named.
enum SpecFileReader {
    /// More than any spec may have, so that the loader can say that it is too long.
    private static let bytesMax = (1 << 20) + 1

    /// - Returns: The bytes, or what is wrong. Never blocks on what is no regular file.
    static func read(_ path: String) -> (bytes: [UInt8]?, problem: String) {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            return (nil, "cannot open '\(path)': \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return (nil, "cannot read '\(path)': it is not a regular file")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < bytesMax {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                return (nil, "cannot read '\(path)': \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return (bytes, "")
    }
}
