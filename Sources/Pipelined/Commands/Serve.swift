import Config
import Glibc
import Synchronization

extension Command {
    static let serve = Command(
        name: "serve", group: .run, summary: "keep a directory of specs running",
        flags: [
            Flag(
                name: "pipelines", value: .folder("DIR"), summary: "the directory of specs",
                defaultText: "pipelines"),
            Flag(
                name: "git", value: .text("URL"),
                summary: "follow the specs of a git repository instead of a directory"),
            Flag(
                name: "branch", value: .text("NAME"), summary: "with --git: the branch",
                defaultText: "the repository's default branch"),
            Flag(
                name: "path", value: .text("DIR"),
                summary: "with --git: the folder of specs in the repository",
                defaultText: "pipelines"),
            Flag(
                name: "interval", value: .duration, summary: "with --git: how often to fetch",
                defaultText: "30s"),
            Flag(
                name: "verify-signatures",
                summary: "with --git: apply only commits whose signature git finds good"),
            Flag(
                name: "state", value: .folder("DIR"), summary: "where state is kept",
                defaultText: "$STATE_DIRECTORY or ./.pipelined"),
            Flag(
                name: "socket", value: .path("PATH"), summary: "where to listen for commands",
                defaultText: "control.sock in $RUNTIME_DIRECTORY or the state directory"),
            .allowPath,
            Flag(
                name: "allow-empty",
                summary: "stop pipelines also when more than half of the specs go at once"),
            Flag(
                name: "log-format", value: .choice(Log.Format.allCases.map(\.rawValue)),
                summary: "one line an event, to standard error", defaultText: "logfmt"),
            Flag(
                name: "config", value: .path("FILE"),
                summary: "a file with these settings; flags go before it",
                defaultText: "pipelined.yaml where it is there"),
        ],
        notes: """
            The directory is watched: a spec that is saved is live within half a second. A spec with a
            mistake leaves its last good version running and touches no other; 'pipelined status' says
            what is wrong and where. SIGHUP reloads, SIGTERM and SIGINT stop with a last checkpoint, a
            second one ends at once. One daemon to a state directory.

            A repository that is followed is fetched with git, whose credentials count. A commit is
            applied whole or not at all; the last one that could be stays when the repository cannot be
            reached, the branch or the folder is gone, or a signature is bad.
            """,
        examples: [
            Example("pipelined serve", "run the specs in pipelines/, with state in .pipelined/"),
            Example(
                "pipelined serve --pipelines /etc/pipelined --state /var/lib/pipelined",
                "as a service"),
            Example(
                "pipelined serve --git https://example.org/specs.git --branch main --path pipelines",
                "run what is committed, a commit at a time"),
        ]
    ) { invocation, terminal in
        guard let configuration = configuration(invocation, terminal) else { return .failed }
        if let problem = configuration.gitProblem(invocation) {
            terminal.fail(problem)
            return .usage
        }
        return ServeProgram(configuration, terminal).run()
    }

    private static func configuration(
        _ invocation: Invocation, _ terminal: Terminal
    ) -> ServeConfiguration? {
        var configuration = ServeConfiguration()
        let path = invocation.text("config") ?? "pipelined.yaml"
        if let bytes = SmallFile.read(path, bytesMax: 1 << 20) {
            let problems = configuration.take(yaml: bytes, path: path)
            guard problems.isEmpty else {
                terminal.write(DiagnosticText.render(problems, terminal), to: .error)
                return nil
            }
        } else if invocation.isSet("config") {
            terminal.fail("cannot read \(path): \(String(cString: strerror(errno)))")
            return nil
        }
        configuration.take(invocation)
        return configuration
    }
}

/// `serve` from start to end: signals, the service manager, the hint for a first-time user.
private struct ServeProgram {
    private let configuration: ServeConfiguration
    private let terminal: Terminal
    private let log: Log

    init(_ configuration: ServeConfiguration, _ terminal: Terminal) {
        self.configuration = configuration
        self.terminal = terminal
        log = Log(format: configuration.logFormat, now: wallMicros) {
            terminal.write($0, to: .error)
        }
    }

    func run() -> ExitStatus {
        // Before any thread is started, so that all of them leave these signals to this one.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        raiseDescriptorLimit()
        let daemon: Daemon
        do throws(ControlFailure) {
            daemon = try Daemon(configuration, log: log)
        } catch {
            terminal.fail(error.message)
            return .failed
        }
        log.line(
            .info, "serving",
            [
                ("version", PipelinedVersion.current),
                ("pipelines", configuration.git?.shown ?? configuration.pipelines),
                ("state", configuration.state), ("socket", daemon.socketPath),
            ])
        let link = RuntimeLink.make(to: daemon.socketPath)
        ServiceNotice.ready()
        hint(daemon)
        serveSignals(&signals, daemon)
        daemon.close()
        link?.remove()
        log.line(.info, "stopped")
        return .done
    }

    /// Waits for signals until everything has been stopped.
    private func serveSignals(_ signals: inout sigset_t, _ daemon: Daemon) {
        var isStopping = false
        let drained = SharedFlag()
        var pulse = ServicePulse()
        while !drained.isSet {
            let now = monotonicMicros()
            pulse.beat(now: now, silentMicros: daemon.silentMicros) { daemon.summary }
            let micros = isStopping ? 20_000 : min(max(pulse.dueAt - now, 1000), 3_600_000_000)
            var wait = timespec(
                tv_sec: Int(micros / 1_000_000), tv_nsec: Int(micros % 1_000_000) * 1000)
            switch sigtimedwait(&signals, nil, &wait) {
            case SIGHUP where !isStopping:
                log.line(.info, "reloading, as SIGHUP asks")
                ServiceNotice.reloading()
                daemon.reload { ServiceNotice.ready() }
            case SIGTERM, SIGINT:
                if isStopping {
                    log.line(.warning, "ended by a second signal, without last checkpoints")
                    _exit(1)
                }
                isStopping = true
                log.line(.info, "stopping: pipelines take a last checkpoint; again to end at once")
                ServiceNotice.stopping()
                daemon.drain { drained.set() }
            default: break
            }
        }
    }

    /// For who starts it by hand: what to do next.
    private func hint(_ daemon: Daemon) {
        guard terminal.isErrorTerminal else { return }
        let socket =
            configuration.socket == nil && configuration.state == "./.pipelined"
            ? "" : " --socket \(daemon.socketPath)"
        terminal.note(
            terminal.styled(
                (configuration.git.map { "following \($0.shown)" }
                    ?? "watching \(configuration.pipelines)/") + "; in another terminal: "
                    + "pipelined status --watch\(socket)", .bold, on: .error))
    }

    /// Every pipeline holds files open; the soft limit is often 1024.
    private func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
            limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// A flag that one thread sets and another one sees.
private final class SharedFlag: Sendable {
    private let flag = Atomic(false)
    func set() { flag.store(true, ordering: .releasing) }
    var isSet: Bool { flag.load(ordering: .acquiring) }
}

/// A symlink in `$XDG_RUNTIME_DIR` by which commands find the daemon from any folder.
private struct RuntimeLink {
    private let path: String
    private let target: String

    /// Makes the link, unless one is there that leads to a daemon that answers.
    static func make(to socket: String) -> RuntimeLink? {
        guard let folder = DaemonClient.variable("XDG_RUNTIME_DIR") else { return nil }
        guard let resolved = realpath(socket, nil) else { return nil }
        defer { free(resolved) }
        let link = RuntimeLink(
            path: folder + "/pipelined.sock", target: String(cString: resolved))
        var status = stat()
        if lstat(link.path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFLNK else { return nil }
            if let descriptor = ControlSocket.connect(to: link.path) {
                close(descriptor)
                return nil
            }
            unlink(link.path)
        }
        return symlink(link.target, link.path) == 0 ? link : nil
    }

    /// Takes the link away if it is still this daemon's.
    func remove() {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        guard count > 0 else { return }
        let bytes = buffer[..<count].map { UInt8(bitPattern: $0) }
        if bytes.elementsEqual(target.utf8) { unlink(path) }
    }
}
