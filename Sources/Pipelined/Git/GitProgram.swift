import Glibc

/// Git, asked about a bare repository that is ours alone, whose content is anybody's.
///
/// Nothing that comes with a repository is run: no hooks, no filters, no submodules, no programs that
/// a configuration names. For the network and for signatures the configuration of the daemon's user
/// counts, since that is where credentials and keys are; for files none does.
struct GitProgram: Sendable {
    /// What of the world a command may see.
    enum Access: Sendable {
        /// Nothing but the repository.
        case files
        /// The user's configuration: to fetch from the URL that is given, or to check signatures.
        case user(url: String?)
    }

    /// The bare repository; an absolute path.
    let repository: String
    /// Readable when git is to be ended.
    var stop: Int32 = -1
    /// What must not be printed, and what stands for it.
    var secret: (text: String, shown: String)?
    /// What is run; a test may put another one in its place.
    var program = "git"

    /// The remote's name in commands, which get its URL where no list of processes shows it.
    static let remote = "followed"

    /// Runs a command to its end.
    ///
    /// - Parameters:
    ///   - variables: Set besides; they win.
    ///   - timeMicros: After this it is killed, with all that it has started.
    /// - Returns: What it printed.
    /// - Throws: ``GitError`` with git's own first words when it did not succeed, without saying what
    ///   it was for.
    @discardableResult
    func run(
        _ words: [String], _ access: Access = .files, variables: [String: String] = [:],
        timeMicros: Int64
    ) throws(GitError) -> [UInt8] {
        let limits = ChildProcess.Limits(
            timeMicros: timeMicros, outputBytesMax: 64 << 20, stop: stop, isDetached: true)
        let result = ChildProcess.run(
            program, Self.settings.flatMap { ["-c", $0] } + ["--literal-pathspecs"] + words,
            environment: environment(access, variables), limits: limits)
        guard let result else {
            throw GitError(message: "git cannot be run: \(String(cString: strerror(errno)))")
        }
        switch result.end {
        case .exited: break
        case .outOfTime:
            throw GitError(
                message: "git did not finish within \(HumanText.duration(micros: timeMicros))")
        case .stopped: throw GitError(message: "the daemon is stopping")
        case .tooMuchOutput: throw GitError(message: "git printed more than 64 MiB")
        }
        guard result.status == 0 else { throw GitError(message: shown(result)) }
        return result.output
    }

    /// Set for every command, whatever a configuration says.
    private static let settings = [
        "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null",
        "core.autocrlf=false", "submodule.recurse=false",
        "fetch.recurseSubmodules=false", "fetch.fsckObjects=true", "fetch.writeCommitGraph=false",
        "fetch.showForcedUpdates=false", "protocol.allow=never", "protocol.ext.allow=never",
        "protocol.file.allow=user",
        "protocol.git.allow=user", "protocol.http.allow=user", "protocol.https.allow=user",
        "protocol.ssh.allow=user",
        "gc.autoDetach=false", "maintenance.auto=false", "http.lowSpeedLimit=1000",
        "http.lowSpeedTime=30",
    ]

    /// Variables that would lead git elsewhere, or make it do something else.
    private static let removed: Set<String> = [
        "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS", "GIT_GRAFT_FILE", "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_NAMESPACE",
        "GIT_TEMPLATE_DIR", "GIT_ATTR_SOURCE", "GIT_EXTERNAL_DIFF", "GIT_QUARANTINE_PATH",
        "LANGUAGE", "LC_ALL",
    ]

    private func environment(_ access: Access, _ variables: [String: String]) -> [String] {
        var all: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { all[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        for name in Self.removed { all[name] = nil }
        switch access {
        case .files:
            all = all.filter { !$0.key.hasPrefix("GIT_CONFIG_") }
            all["GIT_CONFIG_GLOBAL"] = "/dev/null"
            all["GIT_CONFIG_NOSYSTEM"] = "1"
            all["GIT_ATTR_NOSYSTEM"] = "1"
        case .user(let url):
            guard let url else { break }
            let count = all["GIT_CONFIG_COUNT"].flatMap { Int($0) } ?? 0
            all["GIT_CONFIG_KEY_\(count)"] = "remote.\(Self.remote).url"
            all["GIT_CONFIG_VALUE_\(count)"] = url
            all["GIT_CONFIG_COUNT"] = "\(count + 1)"
        }
        // Words that can be recognised; nobody is there to be asked; objects are what they say.
        all["LC_ALL"] = "C"
        all["GIT_TERMINAL_PROMPT"] = "0"
        all["GIT_NO_REPLACE_OBJECTS"] = "1"
        all["GIT_LFS_SKIP_SMUDGE"] = "1"
        all["GIT_DIR"] = repository
        return all.merging(variables) { $1 }.map { "\($0.key)=\($0.value)" }
    }

    /// The line that says most, without what must not or cannot be printed.
    private func shown(_ result: ChildProcess.Result) -> String {
        let lines = String(decoding: result.error, as: UTF8.self).split { $0.isNewline }
            .map { line in
                String(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f })
            }
        let telling = ["fatal: ", "error: "].lazy.compactMap { word in
            lines.first { $0.hasPrefix(word) }.map { String($0.dropFirst(word.count)) }
        }.first
        var text = telling ?? lines.last ?? ""
        if let secret { text = text.replacing(secret.text, with: secret.shown) }
        guard !text.isEmpty else { return "git ended with status \(result.status)" }
        return text.count > 300 ? text.prefix(300) + "…" : text
    }
}
