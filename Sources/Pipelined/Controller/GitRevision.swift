import Glibc

/// The revision that is checked out where the specs lie, read from git's own files.
enum GitRevision {
    /// The commit of `HEAD` for the working tree that holds `directory`; nil where there is none.
    ///
    /// Follows linked worktrees and packed refs. A commit says nothing of files changed since.
    static func current(of directory: String) -> String? {
        guard let git = gitDirectory(above: directory), let head = firstLine(git + "/HEAD") else {
            return nil
        }
        if isCommit(head) { return head }
        guard head.hasPrefix("ref: ") else { return nil }
        let reference = String(head.dropFirst(5))
        guard !reference.contains("..") else { return nil }
        var common = git
        if let path = firstLine(git + "/commondir") {
            common = path.hasPrefix("/") ? path : git + "/" + path
        }
        for root in [git, common] {
            if let commit = firstLine(root + "/" + reference), isCommit(commit) { return commit }
        }
        return packed(reference, in: common)
    }

    /// Whether a checkout, merge or reset is writing the working tree at this moment: git's lock on
    /// the index is there and younger than `ageMicrosMax`.
    static func isBusy(_ directory: String, now: Int64, ageMicrosMax: Int64 = 10_000_000) -> Bool {
        guard let git = gitDirectory(above: directory) else { return false }
        var status = stat()
        guard stat(git + "/index.lock", &status) == 0 else { return false }
        return now - Int64(status.st_mtim.tv_sec) * 1_000_000 < ageMicrosMax
    }

    private static func gitDirectory(above directory: String) -> String? {
        guard let resolved = realpath(directory, nil) else { return nil }
        defer { free(resolved) }
        var path = String(cString: resolved)
        while true {
            let candidate = path == "/" ? "/.git" : path + "/.git"
            var status = stat()
            if stat(candidate, &status) == 0 {
                if status.st_mode & S_IFMT == S_IFDIR { return candidate }
                guard let line = firstLine(candidate), line.hasPrefix("gitdir: ") else {
                    return nil
                }
                let target = String(line.dropFirst(8))
                return target.hasPrefix("/") ? target : path + "/" + target
            }
            guard path != "/", let slash = path.lastIndex(of: "/") else { return nil }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private static func packed(_ reference: String, in git: String) -> String? {
        guard let bytes = SmallFile.read(git + "/packed-refs", bytesMax: 16 << 20) else {
            return nil
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 1)
            guard parts.count == 2, parts[1].elementsEqual(reference.utf8) else { continue }
            let commit = String(decoding: parts[0], as: UTF8.self)
            return isCommit(commit) ? commit : nil
        }
        return nil
    }

    private static func firstLine(_ path: String) -> String? {
        guard let bytes = SmallFile.read(path, bytesMax: 64 << 10) else { return nil }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    /// The commit that a symlink of ``GitTrees`` leads to; nil where it leads nowhere or elsewhere.
    static func followed(by link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let text = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return isCommit(text) ? text : nil
    }

    static func isCommit(_ text: String) -> Bool {
        (text.utf8.count == 40 || text.utf8.count == 64)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

/// Files that are read whole.
enum SmallFile {
    /// All bytes of a regular file; nil when it cannot be read or is longer than `bytesMax`.
    static func read(_ path: String, bytesMax: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return try? read(descriptor: descriptor, bytesMax: bytesMax).get()
    }

    enum Problem: Error, Equatable {
        case system(Int32)
        case notRegular
        case tooLong
    }

    /// All bytes of a file that is open, from where it stands.
    static func read(descriptor: Int32, bytesMax: Int) -> Result<[UInt8], Problem> {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(.system(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.notRegular) }
        guard status.st_size <= bytesMax else { return .failure(.tooLong) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(bytesMax + 1, 64 << 10))
        while true {
            let count = chunk.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(.system(errno)) }
            if count == 0 { return .success(bytes) }
            bytes += chunk[..<count]
            guard bytes.count <= bytesMax else { return .failure(.tooLong) }
        }
    }
}
