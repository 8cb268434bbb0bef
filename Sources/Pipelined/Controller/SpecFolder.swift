import CPrimitives
import Config
import Glibc

/// What a look at the directory of specs gave.
enum FolderLook: Equatable, Sendable {
    /// The directory could not be listed, which is not the same as being empty.
    case unreadable(String)
    /// It changed under the look, or a checkout is writing it: look again soon.
    case unsettled
    /// All specs that are there.
    case files([SpecFile])
}

/// One spec file, as a look found it.
struct SpecFile: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        /// As the last look found it.
        case unchanged
        case changed([UInt8])
        /// Somebody writes it: leave what runs as it is and look again.
        case busy
        /// It is there and cannot be read; why.
        case refused(String)
    }
    var name: String
    var content: Content
}

/// The directory of specs: what is in it, told apart by content.
///
/// A look costs one `stat` a file; only what `stat` shows to have changed is read. Files are opened
/// beneath the directory, without blocking, and only regular ones are read.
struct SpecFolder {
    static let fileBytesMax = 1 << 20
    /// Where leases do not work, a file must have been quiet for this long.
    static let quietMicros: Int64 = 2_000_000
    /// A folder in which something comes and goes in every look is taken as it is after so many.
    static let unsettledMax = 50

    private struct Stamp: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var modified: Int64
        var changed: Int64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modified = nanoseconds(status.st_mtim)
            changed = nanoseconds(status.st_ctim)
        }
    }

    private struct Known {
        var stamp: Stamp
        /// Compared by content: a touched file is no change.
        var bytes: [UInt8]
        /// Written so shortly before it was read that a later write may bear the same stamp.
        var isRecent: Bool
        /// Where the file lay when it was read, behind all symlinks; empty where that is not told.
        var folder: String
    }

    let path: String
    /// The commit of the files that the last look gave; nil where no repository is known.
    private(set) var revision: String?
    private var known: [String: Known] = [:]
    /// Looks in a row that gave nothing.
    private var unsettledCount = 0
    /// Read leases are refused by the file system or for lack of ownership.
    private let usesLeases: Bool
    /// It is the link of ``GitTrees``, and no part of a working tree that lies around it.
    private let isFollowed: Bool

    init(path: String, usesLeases: Bool = true, isFollowed: Bool = false) {
        self.path = path
        self.usesLeases = usesLeases
        self.isFollowed = isFollowed
        // A writer who meets our lease makes the kernel send SIGIO, which would end the process.
        signal(SIGIO, SIG_IGN)
    }

    /// Forgets what was read, so that the next look gives every file as changed.
    mutating func forget() { known = [:] }

    /// Lists the directory and reads what has changed.
    ///
    /// - Parameter now: Microseconds since the epoch, by the clock of the file system.
    mutating func look(now: Int64) -> FolderLook {
        let knownBefore = known
        let found = lookOnce(now)
        if case .unsettled = found {
            // What it has read is not known to anybody: the next look gives it again.
            known = knownBefore
            unsettledCount += 1
        } else {
            unsettledCount = 0
        }
        return found
    }

    private mutating func lookOnce(_ now: Int64) -> FolderLook {
        let revisionBefore = currentRevision
        if isBeingCheckedOut(now) { return .unsettled }
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return .unreadable(cannotList(errno)) }
        defer { close(directory) }
        var before = stat()
        guard fstat(directory, &before) == 0 else { return .unreadable(cannotList(errno)) }
        guard let names = list(directory) else { return .unreadable(cannotList(errno)) }
        var files: [SpecFile] = []
        for name in names.sorted() where Self.isSpec(name) {
            switch read(name, in: directory, now) {
            case .none: continue
            case .vanished: return .unsettled
            case .content(let content):
                // What can be read again later counts as changed then.
                if case .refused = content { known[name] = nil }
                files.append(SpecFile(name: name, content: content))
            }
        }
        var after = stat()
        guard stat(path, &after) == 0, isSame(before, after),
            // A checkout that began meanwhile may have written files before they were read.
            currentRevision == revisionBefore, !isBeingCheckedOut(now),
            isOneGeneration(files, in: directory)
        else { return .unsettled }
        revision = revisionBefore
        let present = Set(files.map(\.name))
        known = known.filter { present.contains($0.key) }
        return .files(files)
    }

    /// Whether what was read is still what the names lead to.
    ///
    /// A ConfigMap's files are symlinks through a folder that is swapped: when that happens in
    /// mid-look, which the directory's own time may be too coarse to show, the first files are of the
    /// old generation and the others of the new one.
    private func isOneGeneration(_ files: [SpecFile], in directory: Int32) -> Bool {
        let hasChanges = files.contains { file in
            if case .changed = file.content { return true }
            return false
        }
        guard hasChanges else { return true }
        // By the link that leads to them, where the files of that generation were.
        var roots: [String: String] = [:]
        return files.allSatisfy { file in
            guard let link = Self.link(file.name, in: directory), let known = known[file.name]
            else { return true }
            var status = stat()
            guard fstatat(directory, file.name, &status, 0) == 0, Stamp(status) == known.stamp
            else { return false }
            // What is swapped there and back again meanwhile has each file in its place by now.
            let parts = link.split(separator: "/")
            guard parts.count > 1, !known.folder.isEmpty else { return true }
            let root = known.folder.split(separator: "/").dropLast(parts.count - 2)
            let text = root.joined(separator: "/")
            return roots.updateValue(text, forKey: String(parts[0])).map { $0 == text } ?? true
        }
    }

    /// What a symlink says; nil for what is none.
    private static func link(_ name: String, in directory: Int32) -> String? {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(directory, name, &text, text.count)
        return count < 0
            ? nil
            : String(
                decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The folder in which an open file lies.
    private static func folder(of descriptor: Int32) -> String {
        let path = link("/proc/self/fd/\(descriptor)", in: AT_FDCWD) ?? ""
        return path.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// Whether a folder is the same one, and nothing was made or removed in it; where something is all
    /// the time, only the former.
    private func isSame(_ before: stat, _ after: stat) -> Bool {
        if unsettledCount < Self.unsettledMax { return Stamp(before) == Stamp(after) }
        return before.st_dev == after.st_dev && before.st_ino == after.st_ino
    }

    private var currentRevision: String? {
        isFollowed ? GitRevision.followed(by: path) : GitRevision.current(of: path)
    }

    private func isBeingCheckedOut(_ now: Int64) -> Bool {
        !isFollowed && GitRevision.isBusy(path, now: now)
    }

    /// Whether a name is a spec's: not hidden, no editor's temporary, `.yaml` or `.yml`, no file of tests.
    static func isSpec(_ name: String) -> Bool {
        guard name.hasSuffix(".yaml") || name.hasSuffix(".yml"), name != "pipelined.yaml" else {
            return false
        }
        return !isHidden(name) && !TestFiles.isTestFile(name)
    }

    /// Whether a name is that of a file with the tests of a spec.
    static func isTestFile(_ name: String) -> Bool {
        TestFiles.isTestFile(name) && !isHidden(name)
    }

    private static func isHidden(_ name: String) -> Bool {
        name.hasPrefix(".") || name.hasPrefix("#")
    }

    private func cannotList(_ code: Int32) -> String {
        if isFollowed, code == ENOENT {
            return "cannot look at the specs: no revision has been fetched yet; what runs is left "
                + "as it is"
        }
        return "cannot list \(path): \(String(cString: strerror(code))); what runs is left as it is"
    }

    private func list(_ directory: Int32) -> [String]? {
        let copy = fcntl(directory, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return nil }
        guard let stream = fdopendir(copy) else {
            close(copy)
            return nil
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { return errno == 0 ? names : nil }
            names.append(entryName(entry))
        }
    }

    private enum Reading {
        /// A folder with a spec's name.
        case none
        case vanished
        case content(SpecFile.Content)
    }

    private mutating func read(_ name: String, in directory: Int32, _ now: Int64) -> Reading {
        var status = stat()
        guard fstatat(directory, name, &status, 0) == 0 else {
            return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0
                ? .content(.refused(cannotRead(name, "it is a symlink that leads nowhere")))
                : .vanished
        }
        if status.st_mode & S_IFMT == S_IFDIR { return .none }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return .content(.refused(cannotRead(name, "it is not a regular file")))
        }
        let stamp = Stamp(status)
        if let known = known[name], known.stamp == stamp, !known.isRecent {
            return .content(.unchanged)
        }
        let descriptor = openBeneath(directory, name)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: return .vanished
            case EXDEV, ELOOP:
                return .content(
                    .refused(cannotRead(name, "it is a symlink that leads out of the directory")))
            default:
                return .content(.refused(cannotRead(name, String(cString: strerror(errno)))))
            }
        }
        defer { close(descriptor) }
        return .content(content(name, descriptor, now))
    }

    private mutating func content(
        _ name: String, _ descriptor: Int32, _ now: Int64
    ) -> SpecFile.Content {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            return .refused(cannotRead(name, String(cString: strerror(errno))))
        }
        let hasLease = usesLeases && cp_take_read_lease(descriptor) == 0
        defer { if hasLease { _ = cp_release_lease(descriptor) } }
        if !hasLease {
            if usesLeases, errno == EAGAIN { return .busy }
            // A file may have been written since the clock was read; one from another day's future
            // is not waited for.
            let age = now - nanoseconds(status.st_mtim) / 1000
            if age > -60_000_000, age < Self.quietMicros { return .busy }
        }
        switch SmallFile.read(descriptor: descriptor, bytesMax: Self.fileBytesMax) {
        case .failure(.tooLong):
            return .refused(cannotRead(name, "it is larger than 1 MiB"))
        case .failure(.notRegular):
            return .refused(cannotRead(name, "it is not a regular file"))
        case .failure(.system(let code)):
            return .refused(cannotRead(name, String(cString: strerror(code))))
        case .success(let bytes):
            var after = stat()
            guard fstat(descriptor, &after) == 0, Stamp(after) == Stamp(status) else {
                return .busy
            }
            let isRecent = now - nanoseconds(status.st_mtim) / 1000 < Self.quietMicros
            let isSame = known[name]?.bytes == bytes
            known[name] = Known(
                stamp: Stamp(status), bytes: bytes, isRecent: isRecent,
                folder: Self.folder(of: descriptor))
            return isSame ? .unchanged : .changed(bytes)
        }
    }

    private func cannotRead(_ name: String, _ cause: String) -> String {
        "cannot read \(path)/\(name): \(cause)"
    }

    /// As ``cp_open_beneath(_:_:)``; where the kernel has no such call, only names that are no
    /// symlinks are opened.
    private func openBeneath(_ directory: Int32, _ name: String) -> Int32 {
        let descriptor = cp_open_beneath(directory, name)
        guard descriptor < 0, errno == ENOSYS || errno == EPERM else { return descriptor }
        return openat(
            directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
    }
}

private func nanoseconds(_ time: timespec) -> Int64 {
    let (seconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : seconds.saturatingAdd(Int64(time.tv_nsec))
}

/// The name in a directory entry.
func entryName(_ entry: UnsafeMutablePointer<dirent>) -> String {
    String(cString: cp_entry_name(entry))
}
