import CPrimitives
import Glibc

/// A thread of our own for work that blocks, outside the cooperative pool.
// SAFETY: a pthread_t is a number that any thread may join; only `join` uses it.
struct DaemonThread: @unchecked Sendable {
    private let handle: pthread_t

    /// Starts a thread that runs `body` to its end.
    ///
    /// - Parameters:
    ///   - name: What debuggers and `top -H` show, at most 15 bytes of it.
    ///   - body: Runs once, on the new thread.
    /// - Returns: nil when the system has no thread to give; `body` then never runs.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> DaemonThread? {
        // SAFETY: retained here, and released by the thread, or below when there is none.
        let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
        var handle = pthread_t()
        let status = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                // SAFETY: the argument is the ThreadStart retained above, taken over exactly once.
                let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
                cp_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            return nil
        }
        return DaemonThread(handle: handle)
    }

    /// Waits for its end. Call it once, and not from the thread itself.
    func join() {
        _ = pthread_join(handle, nil)
    }

    /// Lets it end by itself. Call this or ``join()``.
    func detach() {
        _ = pthread_detach(handle)
    }

    private init(handle: pthread_t) { self.handle = handle }
}

private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
