import Config
import Glibc

/// Git could not be asked, or did not know.
struct GitError: Error, Equatable {
    var message: String
}

/// The plan from the specs of a git revision to those that are in the working tree.
struct RevisionDiff {
    let folder: String
    let environment: SpecEnvironment
    /// Topics that are known besides the files of either side.
    var knownTopics: [String: KnownTopic] = [:]

    /// Makes the plan as the controller would, were the revision's specs running with their state.
    ///
    /// - Returns: As the `diff` method of the control protocol.
    func answer(base: String) throws(GitError) -> JSONValue {
        let reading = SpecReading(
            folder: folder, environment: environment,
            isEnvironmentStrict: false)
        let old = library(try filesOf(revision: base), reading)
        var folder = SpecFolder(path: folder, usesLeases: false)
        var new = SpecLibrary(self.reading(reading))
        switch folder.look(now: .max) {
        case .unreadable(let problem): throw GitError(message: problem)
        case .unsettled:
            throw GitError(message: "cannot compare: \(self.folder) is being written; try again")
        case .files(let files): _ = new.take(.files(files), allowEmpty: true)
        }
        let desired = new.pipelines.mapValues { entry in
            DesiredPipeline(
                meaning: entry.loaded.meaning, rules: entry.loaded.rules, generation: 1,
                mode: entry.loaded.spec.settings.isSuspended ? .hold(.suspended) : .run)
        }
        let observed = old.pipelines.mapValues { entry in
            ObservedPipeline(
                activity: entry.loaded.spec.settings.isSuspended
                    ? .idle : .running(digest: entry.loaded.meaning.digest),
                stateMeaning: entry.loaded.meaning,
                needsApproval: entry.loaded.rules.needsApproval)
        }
        let changes = differences(
            desired: desired, observed: observed, now: 0, retentionMicros: .max)
        let problems =
            new.pipelines.sorted { $0.key < $1.key }.compactMap(\.value.problem)
            + new.orphanProblems.sorted { $0.key < $1.key }.flatMap(\.value)
        return [
            "changes": .array(changes.map(StatusJSON.change)),
            "problems": .array(problems.map(StatusJSON.problem)),
        ]
    }

    private func library(_ files: [SpecFile], _ reading: SpecReading) -> SpecLibrary {
        var library = SpecLibrary(self.reading(reading))
        _ = library.take(.files(files), allowEmpty: true)
        return library
    }

    private func reading(_ reading: SpecReading) -> SpecLibrary.Reading {
        SpecLibrary.Reading(
            load: reading.load, conflicts: SpecReading.conflicts,
            storedTopics: { [knownTopics] in knownTopics })
    }

    private func filesOf(revision: String) throws(GitError) -> [SpecFile] {
        guard !revision.hasPrefix("-"), !revision.contains(":") else {
            throw GitError(message: "cannot read revision '\(revision)': it is no revision")
        }
        let commit = String(
            decoding: try git(["rev-parse", "--verify", "--quiet", revision + "^{commit}"]),
            as: UTF8.self
        ).trimmingNewlines
        let listing = try git(["ls-tree", "-z", "--name-only", commit, "./"])
        var files: [SpecFile] = []
        for name in listing.split(separator: 0) {
            let name = String(decoding: name, as: UTF8.self)
            guard SpecFolder.isSpec(name), !name.contains("/") else { continue }
            let bytes = try git(["show", "\(commit):./\(name)"])
            files.append(SpecFile(name: name, content: .changed(bytes)))
        }
        return files
    }

    private func git(_ arguments: [String]) throws(GitError) -> [UInt8] {
        let result = ChildProcess.run("git", ["-C", folder] + arguments)
        guard let result else {
            throw GitError(message: "cannot run git: \(String(cString: strerror(errno)))")
        }
        guard result.status == 0 else {
            let words = result.error.split(separator: UInt8(ascii: "\n")).first.map {
                String(decoding: $0, as: UTF8.self)
            }
            throw GitError(
                message: "cannot read the revision with git in \(folder): "
                    + (words ?? "there is no such revision"))
        }
        return result.output
    }
}

/// A program that is run to its end.
enum ChildProcess {
    struct Result {
        /// As the shell gives it: 128 + signal when one ended it.
        var status: Int32
        var output: [UInt8]
        var error: [UInt8]
    }

    /// Runs `program`, found on the path, without standard input.
    ///
    /// - Returns: nil when it could not be started; `errno` says why.
    static func run(_ program: String, _ arguments: [String]) -> Result? {
        var outputPipe: [Int32] = [-1, -1]
        var errorPipe: [Int32] = [-1, -1]
        guard pipe(&outputPipe) == 0 else { return nil }
        guard pipe(&errorPipe) == 0 else {
            for descriptor in outputPipe { close(descriptor) }
            return nil
        }
        for descriptor in outputPipe + errorPipe { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, outputPipe[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errorPipe[1], 2)
        // SAFETY: the copies end with nil, as the call asks, and are freed when it has returned.
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        let code = posix_spawnp(&child, program, &actions, nil, &words, environ)
        close(outputPipe[1])
        close(errorPipe[1])
        guard code == 0 else {
            close(outputPipe[0])
            close(errorPipe[0])
            errno = code
            return nil
        }
        let (output, error) = readBoth(outputPipe[0], errorPipe[0])
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return Result(
            status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: output, error: error)
    }

    /// Reads two pipes to their ends, whichever has something; closes them.
    private static func readBoth(_ first: Int32, _ second: Int32) -> ([UInt8], [UInt8]) {
        var polled = [
            pollfd(fd: first, events: Int16(POLLIN), revents: 0),
            pollfd(fd: second, events: Int16(POLLIN), revents: 0),
        ]
        var texts: [[UInt8]] = [[], []]
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while polled.contains(where: { $0.fd >= 0 }) {
            guard poll(&polled, 2, -1) > 0 || errno == EINTR else { break }
            for index in 0..<2 where polled[index].fd >= 0 && polled[index].revents != 0 {
                let count = read(polled[index].fd, &chunk, chunk.count)
                if count > 0 {
                    texts[index] += chunk[..<count]
                } else if count == 0 || errno != EINTR {
                    close(polled[index].fd)
                    polled[index].fd = -1
                }
            }
        }
        return (texts[0], texts[1])
    }
}
