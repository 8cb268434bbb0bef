import CPrimitives
import Glibc

/// A program that is run to its end, or to that of its time.
enum ChildProcess {
    struct Limits: Sendable {
        /// How long it may run; microseconds.
        var timeMicros: Int64 = .max
        /// More on standard output ends it. Of standard error only the beginning is kept.
        var outputBytesMax = 256 << 20
        /// A descriptor that becomes readable when the program is to be ended; -1 for none.
        var stop: Int32 = -1
        /// In a session of its own, without a terminal: it cannot ask anybody, and is ended with all
        /// that it has started.
        var isDetached = false
    }

    /// Why it is over.
    enum End: Equatable, Sendable { case exited, outOfTime, stopped, tooMuchOutput }

    struct Result: Sendable {
        var end = End.exited
        /// As the shell gives it: 128 + signal when one ended it.
        var status: Int32
        var output: [UInt8]
        var error: [UInt8]
    }

    private static let errorBytesMax = 64 << 10
    /// How long a program that was killed is waited for. One that hangs in the kernel is left there.
    private static let farewellMicros: Int64 = 3_000_000

    /// Runs `program`, found on the path, without standard input.
    ///
    /// - Parameter environment: `NAME=value` each; nil for the daemon's own.
    /// - Returns: nil when it could not be started; `errno` says why.
    static func run(
        _ program: String, _ arguments: [String], environment: [String]? = nil,
        limits: Limits = Limits()
    ) -> Result? {
        var outputPipe: [Int32] = [-1, -1]
        var errorPipe: [Int32] = [-1, -1]
        guard cp_pipe(&outputPipe) == 0 else { return nil }
        guard cp_pipe(&errorPipe) == 0 else {
            for descriptor in outputPipe { close(descriptor) }
            return nil
        }
        let (child, code) = spawn(
            program, arguments, environment, outputPipe[1], errorPipe[1], limits.isDetached)
        close(outputPipe[1])
        close(errorPipe[1])
        var reading = ChildOutput(outputPipe[0], errorPipe[0], errorBytesMax: errorBytesMax)
        defer { reading.close() }
        guard code == 0 else {
            errno = code
            return nil
        }
        let end = reading.read(from: child, limits)
        var status: Int32 = 0
        if end == .exited {
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
        } else {
            kill(limits.isDetached ? -child : child, SIGKILL)
            status = wait(for: child)
        }
        let signal = status & 0x7f
        return Result(
            end: end, status: signal == 0 ? (status >> 8) & 0xff : 128 + signal,
            output: reading.output, error: reading.error)
    }

    private static func spawn(
        _ program: String, _ arguments: [String], _ environment: [String]?, _ output: Int32,
        _ error: Int32,
        _ isDetached: Bool
    ) -> (child: pid_t, code: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, error, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The daemon blocks the signals that it waits for and ignores two; a program inherits that.
        var none = sigset_t()
        sigemptyset(&none)
        var usual = sigset_t()
        sigemptyset(&usual)
        for signal in [SIGPIPE, SIGIO] { sigaddset(&usual, signal) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        var flags = Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
        if isDetached { flags |= cp_spawn_session_flag() }
        posix_spawnattr_setflags(&attributes, Int16(flags))
        // SAFETY: the copies end with nil, as the call asks, and are freed when it has returned.
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var variables = (environment ?? []).map { strdup($0) } + [nil]
        defer { for variable in variables { free(variable) } }
        var child = pid_t()
        let code =
            environment == nil
            ? posix_spawnp(&child, program, &actions, &attributes, &words, environ)
            : posix_spawnp(&child, program, &actions, &attributes, &words, &variables)
        return (child, code)
    }

    /// The status of a program that was killed; as if it had gone when it does not go.
    private static func wait(for child: pid_t) -> Int32 {
        let deadline = monotonicMicros() + farewellMicros
        var status: Int32 = 0
        while true {
            let waited = waitpid(child, &status, WNOHANG)
            if waited == child { return status }
            if waited < 0, errno != EINTR { return SIGKILL }
            if monotonicMicros() >= deadline { return SIGKILL }
            usleep(2000)
        }
    }
}

/// The two pipes of a program, read to their ends, whichever has something.
private struct ChildOutput {
    private(set) var output: [UInt8] = []
    private(set) var error: [UInt8] = []
    private var polled: [pollfd]
    private let errorBytesMax: Int

    /// A program may leave another one behind that keeps the pipes open: its own end is looked for so
    /// often; milliseconds.
    private static let lookMillis: Int64 = 100

    init(_ output: Int32, _ error: Int32, errorBytesMax: Int) {
        polled = [
            pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: error, events: Int16(POLLIN), revents: 0),
        ]
        self.errorBytesMax = errorBytesMax
    }

    mutating func close() {
        for index in 0..<2 where polled[index].fd >= 0 {
            _ = Glibc.close(polled[index].fd)
            polled[index].fd = -1
        }
    }

    /// Reads until both are at their ends or the program is.
    mutating func read(
        from child: pid_t, _ limits: ChildProcess.Limits
    ) -> ChildProcess.End {
        let deadline = monotonicMicros().saturatingAdd(limits.timeMicros)
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let left = deadline - monotonicMicros()
            guard left > 0 else { return .outOfTime }
            var descriptors =
                polled + [
                    pollfd(fd: limits.stop, events: Int16(POLLIN), revents: 0)
                ]
            let isOpen = polled.contains { $0.fd >= 0 }
            // With both pipes closed only the end of the program is missing, which is near.
            let millis = min((left + 999) / 1000, isOpen ? Self.lookMillis : 1)
            let count = poll(&descriptors, 3, Int32(millis))
            if count > 0, descriptors[2].revents != 0 { return .stopped }
            for index in 0..<2 where count > 0 && descriptors[index].revents != 0 {
                take(index, &chunk)
            }
            if output.count > limits.outputBytesMax { return .tooMuchOutput }
            if count <= 0, hasEnded(child) { return .exited }
        }
    }

    private mutating func take(_ index: Int, _ chunk: inout [UInt8]) {
        let count = Glibc.read(polled[index].fd, &chunk, chunk.count)
        if count > 0 {
            if index == 0 {
                output += chunk[..<count]
            } else {
                error += chunk[..<min(count, max(0, errorBytesMax - error.count))]
            }
        } else if count == 0 || errno != EINTR {
            _ = Glibc.close(polled[index].fd)
            polled[index].fd = -1
        }
    }

    /// Whether it is over; its status stays to be asked for.
    private func hasEnded(_ child: pid_t) -> Bool {
        var info = siginfo_t()
        info.si_signo = 0
        let status = waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT)
        return status != 0 && errno != EINTR || info.si_signo == SIGCHLD
    }
}
