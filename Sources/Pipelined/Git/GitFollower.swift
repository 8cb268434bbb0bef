import Glibc
import Synchronization

/// Follows a repository: fetches it again and again on a thread of its own, and says what came of it.
///
/// Nothing waits for the thread: a git that hangs is killed when its time is over, and a repository
/// that cannot be reached is asked less and less often.
final class GitFollower: Sendable {
    /// The directory of specs: a symlink that leads from one revision to the next.
    let folder: String
    private let mirror: GitMirror
    private let log: Log
    private let onChange: @Sendable (GitFollowing) -> Void
    private let backoff: Backoff
    private let requests = Mutex(Requests())
    private let wake = WakeSignal()
    private let stop: WakeSignal
    private let thread = Mutex<DaemonThread?>(nil)

    private struct Requests {
        var waiting: [@Sendable () -> Void] = []
        var isClosed = false
    }

    /// - Parameters:
    ///   - state: The state directory; it is there, and this process holds its lock.
    ///   - onChange: Called on the thread, and once by ``start()``, with how it stands; must not block.
    init(
        _ source: GitSource, state: String, log: Log, limits: GitMirror.Limits = .init(),
        program: String = "git", onChange: @escaping @Sendable (GitFollowing) -> Void
    ) {
        stop = WakeSignal()
        var absolute = state
        if let resolved = realpath(state, nil) {
            absolute = String(cString: resolved)
            free(resolved)
        }
        mirror = GitMirror(
            source, state: absolute, stop: stop.descriptor, limits: limits, program: program)
        folder = mirror.trees.link
        self.log = log
        self.onChange = onChange
        backoff = Backoff(
            firstMicros: source.intervalMicros,
            longestMicros: max(source.intervalMicros, 300_000_000))
    }

    /// Begins. What was applied last is looked at from the first moment, whether the repository can be
    /// reached or not.
    func start() {
        let following = GitFollowing(
            mirror.source, folder: folder, applied: mirror.trees.current)
        onChange(following)
        let started = DaemonThread.start("git") { [self] in run(following) }
        thread.withLock { $0 = started }
        guard started == nil else { return }
        log.line(.error, "cannot follow \(mirror.source.shown): the system has no thread to give")
        end()
    }

    /// Fetches as soon as it can be; `done` is called on the thread when that is over, whatever came of
    /// it, and at once when nobody follows any more.
    func fetch(_ done: @escaping @Sendable () -> Void) {
        let isClosed = requests.withLock { requests in
            if !requests.isClosed { requests.waiting.append(done) }
            return requests.isClosed
        }
        if isClosed { done() } else { wake.wake() }
    }

    /// Ends the thread, and a git that is at work.
    func close() {
        requests.withLock { $0.isClosed = true }
        stop.wake()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let running else { return }
        running.join()
        end()
        wake.close()
        stop.close()
    }

    private func end() {
        let waiting = requests.withLock { requests in
            defer { requests.waiting = [] }
            requests.isClosed = true
            return requests.waiting
        }
        for done in waiting { done() }
    }

    // MARK: the thread

    private func run(_ following: GitFollowing) {
        var following = following
        var pauseMicros = mirror.source.intervalMicros
        while true {
            let (isClosed, waiting) = requests.withLock { requests in
                defer { requests.waiting = [] }
                return (requests.isClosed, requests.waiting)
            }
            if !isClosed {
                let outcome = mirror.update()
                // What was cut short by the end is no failure to speak of.
                if !requests.withLock({ $0.isClosed }) { pauseMicros = take(outcome, &following) }
            }
            for done in waiting { done() }
            if isClosed { return }
            sleep(until: monotonicMicros().saturatingAdd(pauseMicros))
        }
    }

    private func pause(_ following: GitFollowing) -> Int64 {
        guard following.failureCount > 0 else { return mirror.source.intervalMicros }
        return backoff.pauseMicros(
            attemptCount: following.failureCount, random: Double.random(in: 0..<1))
    }

    /// - Returns: How long to wait for the next attempt; microseconds.
    private func take(_ outcome: GitMirror.Outcome, _ following: inout GitFollowing) -> Int64 {
        let before = following
        let now = wallMicros()
        following.attemptedAt = now
        following.attempted = outcome.attempted ?? following.attempted
        if outcome.hasFetched { following.fetchedAt = now }
        following.applied = outcome.applied ?? following.applied
        following.problem = outcome.problem
        following.failureCount = outcome.problem == nil ? 0 : following.failureCount + 1
        let pauseMicros = pause(following)
        following.nextAt = now.saturatingAdd(pauseMicros)
        report(outcome, before)
        onChange(following)
        return pauseMicros
    }

    private func report(_ outcome: GitMirror.Outcome, _ before: GitFollowing) {
        let source = mirror.source
        if let problem = outcome.problem, problem != before.problem {
            log.line(.warning, problem, [("applied", before.applied ?? "-")])
        } else if outcome.problem == nil, before.problem != nil {
            log.line(.info, "\(source.shown) can be followed again")
        }
        guard let applied = outcome.applied else { return }
        if outcome.wasRewritten {
            log.line(
                .warning, "\(source.shown) was rewritten: it no longer has the revision before",
                [("before", before.applied ?? "-"), ("revision", applied)])
        }
        log.line(
            .info, "following \(source.shown)",
            [("revision", applied), ("before", before.applied ?? "-")])
    }

    /// Waits for a time, a request or the end.
    private func sleep(until deadline: Int64) {
        while true {
            let left = deadline - monotonicMicros()
            guard left > 0 else { return }
            var due = [
                pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let millis = min((left + 999) / 1000, 60_000)
            guard poll(&due, 2, Int32(millis)) > 0 else { continue }
            if due[0].revents != 0 { wake.clear() }
            return
        }
    }
}
