import Config
import Glibc

/// The spec files that a person names: files, and folders for all specs in them.
struct SpecFiles {
    struct File {
        var path: String
        var bytes: [UInt8]
    }
    private(set) var files: [File] = []
    /// What could not be read, one line each.
    private(set) var problems: [String] = []
    /// The files by one spelling each.
    private var paths: Set<String> = []
    private let includesTests: Bool

    /// - Parameters:
    ///   - paths: What is named twice is read once.
    ///   - includesTests: Whether the files of tests beside specs are read too, and the spec beside a
    ///     file of tests.
    init(_ paths: [String], includesTests: Bool = false) {
        self.includesTests = includesTests
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else {
                problems.append("cannot read \(path): \(String(cString: strerror(errno)))")
                continue
            }
            if status.st_mode & S_IFMT == S_IFDIR {
                addFolder(path)
            } else {
                add(path)
                if includesTests { addPartners(of: path) }
            }
        }
    }

    /// The other specs of the folders that the files are in. What cannot be read is left out.
    var neighbours: [File] {
        let folders = Set(files.map { $0.path.parentFolder })
        var all = SpecFiles([])
        all.paths = paths
        for folder in folders.sorted() { all.addFolder(folder) }
        return all.files
    }

    private mutating func addFolder(_ path: String) {
        guard let folder = opendir(path) else {
            problems.append("cannot list \(path): \(String(cString: strerror(errno)))")
            return
        }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = entryName(entry)
            if SpecFolder.isSpec(name) || includesTests && SpecFolder.isTestFile(name) {
                names.append(name)
            }
        }
        closedir(folder)
        let prefix = path == "." ? "" : path.hasSuffix("/") ? path : path + "/"
        for name in names.sorted() { add(prefix + name) }
    }

    /// The file of tests of a spec, the spec of a file of tests, where it is there.
    private mutating func addPartners(of path: String) {
        for partner in TestFiles.testPaths(of: path) + TestFiles.specPaths(of: path)
        where access(partner, F_OK) == 0 {
            add(partner)
        }
    }

    /// One spelling for one file.
    private static func resolved(_ path: String) -> String {
        // SAFETY: realpath(…, nil) allocates the text, which is freed here; nil is an error.
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private mutating func add(_ path: String) {
        guard paths.insert(Self.resolved(path)).inserted else { return }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            problems.append("cannot read \(path): \(String(cString: strerror(errno)))")
            return
        }
        defer { close(descriptor) }
        // One byte more than a spec may have, so that the loader says that it is too long.
        switch SmallFile.read(descriptor: descriptor, bytesMax: 16 << 20) {
        case .success(let bytes): files.append(File(path: path, bytes: bytes))
        case .failure(.notRegular): problems.append("cannot read \(path): it is not a regular file")
        case .failure(.tooLong): problems.append("cannot read \(path): it is larger than 1 MiB")
        case .failure(.system(let code)):
            problems.append("cannot read \(path): \(String(cString: strerror(code)))")
        }
    }
}

extension String {
    /// What stands before the last part of a path.
    var parentFolder: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}
