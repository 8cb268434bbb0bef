import CPrimitives
import Glibc
import Synchronization

/// Threads without which the engine cannot work.
enum Thread {
    /// Runs `body` on a new thread; traps when the system has none to give.
    ///
    /// - Parameter name: At most 15 bytes; what `top -H` shows.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        guard DaemonThread.start(name, body) != nil else {
            fatalError("cannot start thread '\(name)'")
        }
    }
}

/// Counts signals and lets threads wait for them.
final class Semaphore: @unchecked Sendable {
    // SAFETY: a POSIX semaphore at a fixed address is made for use by many threads.
    private let handle: UnsafeMutablePointer<sem_t>

    init() {
        handle = .allocate(capacity: 1)
        sem_init(handle, 0, 0)
    }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    func signal() { sem_post(handle) }

    func wait() {
        while sem_wait(handle) != 0 {}
    }

    /// Returns after a signal or after the time, whichever is first.
    func wait(atMostMicros micros: Int64) {
        _ = cp_semaphore_wait(handle, micros)
    }
}

/// Time that never jumps. For intervals.
enum MonotonicClock {
    static func micros() -> Int64 { read(CLOCK_MONOTONIC) }

    static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}

/// The clock on the wall, microseconds since the epoch.
enum WallClock {
    static func micros() -> Int64 { MonotonicClock.read(CLOCK_REALTIME) }
}

/// A few threads for work that blocks: syncing, committing.
final class BlockingPool: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let queue: Mutex<Queue>
    private let available = Semaphore()
    private let threadCount: Int

    /// - Parameter threads: 0 for a pool that does each job where it is submitted.
    init(threads: Int) {
        queue = Mutex(Queue())
        threadCount = threads
        for index in 0..<threads {
            Thread.start(name: "io-\(index)") { [self] in work() }
        }
    }

    func submit(_ job: @escaping @Sendable () -> Void) {
        if threadCount == 0 { return job() }
        queue.withLock { $0.jobs.append(job) }
        available.signal()
    }

    /// Ends the threads once the jobs that were submitted are done.
    func close() {
        queue.withLock { $0.isClosed = true }
        for _ in 0..<threadCount { available.signal() }
    }

    private func work() {
        while true {
            available.wait()
            let (job, isClosed) = queue.withLock { queue -> ((@Sendable () -> Void)?, Bool) in
                (queue.jobs.isEmpty ? nil : queue.jobs.removeFirst(), queue.isClosed)
            }
            if let job { job() } else if isClosed { return }
        }
    }
}
