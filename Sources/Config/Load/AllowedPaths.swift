#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which files a spec may name: those beneath the working directory and the allowed folders, after
/// `..` and symbolic links.
///
/// What is checked here is what stands at load. Whoever opens a file later checks again.
struct AllowedPaths {
    private let workingDirectory: String
    private let roots: [String]

    init(_ environment: SpecEnvironment) {
        let base = environment.workingDirectory
        workingDirectory = base
        roots = ([base] + environment.allowedPaths).flatMap { root in
            let absolute = absolutePath(root, from: base)
            return [realPath(absolute) ?? absolute]
        }
    }

    /// Whether a path may be used. For a pattern only the folders before it count.
    func allows(_ path: String) -> Bool {
        let absolute = absolutePath(path, from: workingDirectory)
        return roots.contains { isPath(existingPath(absolute), within: $0) }
    }

    /// The folder to allow for a path that is not allowed.
    func folder(of path: String) -> String {
        let absolute = absolutePath(path, from: workingDirectory)
        let parts = absolute.split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/")
    }

    /// The text of a small file (a secret), without the line break at its end.
    ///
    /// - Returns: nil and the reason when it may not be read or is no small regular file of text.
    func readSecret(_ path: String, bytesMax: Int = 65_536) -> Result<String, SecretProblem> {
        guard allows(path) else { return .failure(.notAllowed) }
        // SAFETY: the descriptor is closed on every way out; non-blocking, so a pipe cannot hang.
        let descriptor = open(
            absolutePath(path, from: workingDirectory), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            return .failure(.unreadable(String(cString: strerror(errno))))
        }
        defer { close(descriptor) }
        // The link may have changed since: what counts is the file that is open now.
        if let opened = realPath("/proc/self/fd/\(descriptor)"),
            !roots.contains(where: { isPath(opened, within: $0) })
        {
            return .failure(.notAllowed)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .failure(.unreadable("it is no regular file"))
        }
        var buffer = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < buffer.count {
            // SAFETY: reads at most what is left of the buffer.
            let got = buffer.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { return .failure(.unreadable(String(cString: strerror(errno)))) }
            if got == 0 { break }
            count += got
        }
        guard count < buffer.count else {
            return .failure(.unreadable("it has more than \(bytesMax) bytes"))
        }
        var bytes = buffer[..<count]
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            return .failure(.unreadable("it is not text in UTF-8"))
        }
        return .success(text)
    }
}

enum SecretProblem: Error {
    case notAllowed
    case unreadable(String)
}

/// The canonical path of what exists, or nil.
func realPath(_ path: String) -> String? {
    // SAFETY: realpath with nil allocates the result, which is freed here.
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// A path made absolute and free of `.`, `..` and doubled slashes, by its text alone.
package func absolutePath(_ path: String, from base: String) -> String {
    var parts: [Substring] = []
    let whole = path.utf8.first == UInt8(ascii: "/") ? path : base + "/" + path
    for part in whole.split(separator: "/") where part != "." {
        if part == ".." {
            if !parts.isEmpty { parts.removeLast() }
        } else {
            parts.append(part)
        }
    }
    return "/" + parts.joined(separator: "/")
}

/// The canonical path of the part that exists, with the rest behind it as written.
private func existingPath(_ absolute: String) -> String {
    var parts = absolute.split(separator: "/")
    var rest: [Substring] = []
    while !parts.isEmpty {
        if let real = realPath("/" + parts.joined(separator: "/")) {
            return rest.isEmpty ? real : real + "/" + rest.reversed().joined(separator: "/")
        }
        rest.append(parts.removeLast())
    }
    return absolute
}

private func isPath(_ path: String, within root: String) -> Bool {
    let prefix = root.hasSuffix("/") ? root : root + "/"
    return path.utf8.elementsEqual(root.utf8) || path.utf8.starts(with: prefix.utf8)
}
