import Glibc
import Store
import Synchronization

/// Keeps what runs equal to what the specs say.
///
/// Level-triggered: it compares what is desired with what is observed, whatever the reason it was
/// woken for. ``ControllerLoop`` does the work on one thread; this is what others see of it.
final class Controller: Sendable {
    private let inbox = Mutex<[ControllerMessage]>([])
    private let published = Mutex(ControllerView())
    private let listeners = Mutex<[@Sendable () -> Void]>([])
    private let wake = WakeSignal()
    private let isEnding = Mutex(false)
    private let thread = Mutex<DaemonThread?>(nil)
    /// When the loop last came round, microseconds of the monotonic clock.
    private let roundAt = Atomic<Int64>(monotonicMicros())

    init() {}

    /// What there is at this moment.
    var view: ControllerView { published.withLock { $0 } }

    /// How long the loop has been on its way since it last came round; some seconds at most while it is
    /// alive.
    var silentMicros: Int64 { monotonicMicros() - roundAt.load(ordering: .relaxed) }

    /// Calls `body` after every change of the view, on the controller's thread; it must not block.
    func onChange(_ body: @escaping @Sendable () -> Void) {
        listeners.withLock { $0.append(body) }
    }

    /// Gives the loop something to do.
    func post(_ message: ControllerMessage) {
        let isFirst = inbox.withLock { inbox in
            inbox.append(message)
            return inbox.count == 1
        }
        if isFirst { wake.wake() }
    }

    func publish(_ view: ControllerView) {
        published.withLock { $0 = view }
        for listener in listeners.withLock({ $0 }) { listener() }
    }

    /// Starts the controller's thread.
    ///
    /// - Parameter makeLoop: Runs on that thread; it restores what an earlier daemon left.
    func start(_ makeLoop: sending @escaping () -> ControllerLoop) {
        let makeLoop = OnceBody(makeLoop)
        let started = DaemonThread.start("controller") { [self] in run(makeLoop.body()) }
        thread.withLock { $0 = started }
    }

    /// Ends the thread. Graphs that run are not stopped: `drain` does that.
    func close() {
        isEnding.withLock { $0 = true }
        wake.wake()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    private func run(_ loop: ControllerLoop) {
        while !isEnding.withLock({ $0 }) {
            roundAt.store(monotonicMicros(), ordering: .relaxed)
            let messages = inbox.withLock { inbox in
                defer { inbox = [] }
                return inbox
            }
            let next = loop.step(messages)
            let now = loop.around.now()
            let micros = min(max(next - now, 0), 60_000_000)
            var due = pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&due, 1, Int32((micros + 999) / 1000)) > 0 {
                wake.clear()
                // Many graphs start and stop at once: their outcomes are taken together.
                if !messages.isEmpty { poll(nil, 0, 2) }
            }
        }
    }
}

/// Hands a closure to the one thread that runs it.
// SAFETY: it was sent here, and only the controller's thread calls it, once.
private final class OnceBody: @unchecked Sendable {
    let body: () -> ControllerLoop

    init(_ body: sending @escaping () -> ControllerLoop) { self.body = body }
}
