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

    init(_ paths: [String]) {
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else {
                problems.append("cannot read \(path): \(String(cString: strerror(errno)))")
                continue
            }
            if status.st_mode & S_IFMT == S_IFDIR { addFolder(path) } else { add(path) }
        }
    }

    private mutating func addFolder(_ path: String) {
        guard let folder = opendir(path) else {
            problems.append("cannot list \(path): \(String(cString: strerror(errno)))")
            return
        }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = entryName(entry)
            if SpecFolder.isSpec(name) { names.append(name) }
        }
        closedir(folder)
        for name in names.sorted() { add(path.hasSuffix("/") ? path + name : path + "/" + name) }
    }

    private mutating func add(_ path: String) {
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

/// The specs of some files, loaded, with all that is wrong.
struct LoadedSpecs {
    private(set) var pipelines: [PipelineSpec] = []
    private(set) var diagnostics: [Diagnostic] = []

    init(_ files: SpecFiles, _ invocation: Invocation, isEnvironmentStrict: Bool) {
        let loader = SpecLoader(
            environment: .of(invocation),
            options: SpecLoadOptions(isEnvironmentStrict: isEnvironmentStrict))
        for file in files.files {
            let result = loader.load(bytes: file.bytes, path: file.path)
            pipelines += result.pipelines
            diagnostics += result.diagnostics
        }
    }

    /// Refuses those that cannot run beside the others.
    mutating func checkTogether() {
        let checked = SpecDirectory.check(pipelines)
        pipelines = checked.pipelines
        diagnostics += checked.diagnostics
    }

    /// The diagnostics as JSON, for an answer.
    var diagnosticsJSON: JSONValue {
        (try? JSONParser.parse(Array(diagnostics.json.utf8))) ?? []
    }
}
