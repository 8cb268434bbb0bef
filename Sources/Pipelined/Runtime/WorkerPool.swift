import Glibc
import Synchronization

/// Something that runs in slices on a ``WorkerPool``. One thread at a time runs it.
protocol Runnable: AnyObject, Sendable {
    /// Does some milliseconds of work at most.
    func runSlice() -> SliceOutcome
}

enum SliceOutcome {
    /// There is more to do now.
    case again
    /// Nothing to do until `wake`, or until this time on the monotonic clock (microseconds).
    case sleep(until: Int64?)
    /// Never to be run again.
    case done
}

/// A fixed number of threads that run what has work, and a clock that wakes what waits. What has
/// nothing to do costs nothing.
final class WorkerPool: Sendable {
    fileprivate enum State { case idle, queued, running, runningAndWoken, done }

    /// A runnable's place in the pool.
    final class Ticket: Sendable {
        fileprivate let runnable: any Runnable
        fileprivate let state = Mutex(State.idle)
        /// Counts sleeps, so that an old timer does not wake a newer sleep.
        fileprivate let sleepNumber = Atomic<UInt64>(0)
        /// In a pool without threads: when it wants to be run again.
        fileprivate let wakesAt = Mutex<Int64?>(nil)

        fileprivate init(_ runnable: any Runnable) { self.runnable = runnable }
    }

    private struct Queue {
        var ready: [Ticket] = []
        var head = 0
        var isClosed = false

        mutating func pop() -> Ticket? {
            guard head < ready.count else { return nil }
            let ticket = ready[head]
            head += 1
            if head == ready.count || head > 1024 {
                ready.removeFirst(head)
                head = 0
            }
            return ticket
        }
    }

    private let queue = Mutex(Queue())
    private let available = Semaphore()
    private let timers: TimerThread?
    /// In a pool without threads: those that wait for a time.
    private let sleeping = Mutex<[Ticket]>([])
    private let threadCount: Int

    /// - Parameter threads: 0 for a pool that runs when it is told to, by ``runReady(now:)``.
    init(threads: Int) {
        threadCount = threads
        timers = threads > 0 ? TimerThread() : nil
        for index in 0..<threads {
            Thread.start(name: "lane-\(index)") { [self] in work() }
        }
    }

    /// A place for a runnable, which runs once it is woken.
    func makeTicket(_ runnable: any Runnable) -> Ticket { Ticket(runnable) }

    /// Adds a runnable and wakes it.
    func add(_ runnable: any Runnable) -> Ticket {
        let ticket = makeTicket(runnable)
        wake(ticket)
        return ticket
    }

    /// Sees to it that the runnable is run (again) from the start of a slice after this call.
    func wake(_ ticket: Ticket) {
        let mustQueue = ticket.state.withLock { state -> Bool in
            switch state {
            case .idle:
                state = .queued
                return true
            case .running:
                state = .runningAndWoken
                return false
            case .queued, .runningAndWoken, .done: return false
            }
        }
        if mustQueue { enqueue(ticket) }
    }

    /// Ends the threads after the slices that are under way.
    func close() {
        queue.withLock { $0.isClosed = true }
        for _ in 0..<threadCount { available.signal() }
        timers?.close()
    }

    /// Runs, on the calling thread, what was woken and what wanted to be run by now, until nothing is
    /// left to do.
    ///
    /// - Parameter now: On the clock by which the runnables sleep.
    /// - Returns: When the first of them wants to be run again, after `now`; nil if only a wake can
    ///   bring that.
    func runReady(now: Int64) -> Int64? {
        precondition(threadCount == 0, "the pool has threads of its own")
        let due = sleeping.withLock { waiting in
            let due = waiting.filter { $0.wakesAt.withLock { $0 ?? .max } <= now }
            waiting.removeAll { ticket in due.contains { $0 === ticket } }
            return due
        }
        for ticket in due { wake(ticket) }
        runIfWithoutThreads()
        let next = sleeping.withLock { $0.compactMap { $0.wakesAt.withLock { $0 } }.min() }
        return next.map { max($0, now + 1) }
    }

    /// In a pool without threads, runs what was woken: for who is about to wait for it.
    func runIfWithoutThreads() {
        guard threadCount == 0 else { return }
        while let ticket = queue.withLock({ $0.pop() }) { runNow(ticket) }
    }

    /// Runs a ticket of a pool without threads.
    private func runNow(_ ticket: Ticket) {
        sleeping.withLock { $0.removeAll { $0 === ticket } }
        ticket.wakesAt.withLock { $0 = nil }
        run(ticket)
    }

    private func enqueue(_ ticket: Ticket) {
        queue.withLock { $0.ready.append(ticket) }
        available.signal()
    }

    private func work() {
        while true {
            available.wait()
            let (ticket, isClosed) = queue.withLock { ($0.pop(), $0.isClosed) }
            if isClosed { return }
            if let ticket { run(ticket) }
        }
    }

    private func run(_ ticket: Ticket) {
        ticket.state.withLock { $0 = .running }
        let outcome = ticket.runnable.runSlice()
        let (next, number) = ticket.state.withLock { state -> (State, UInt64) in
            switch outcome {
            case .done: state = .done
            case .again: state = .queued
            case .sleep: state = state == .runningAndWoken ? .queued : .idle
            }
            // Counted before another thread can run the next slice, whose sleep is the newer one.
            return (state, ticket.sleepNumber.wrappingAdd(1, ordering: .relaxed).newValue)
        }
        if next == .queued { return enqueue(ticket) }
        if next == .idle, case .sleep(let until) = outcome, let until {
            guard let timers else {
                ticket.wakesAt.withLock { $0 = until }
                return sleeping.withLock { $0.append(ticket) }
            }
            timers.schedule(at: until) { [weak self, weak ticket] in
                guard let self, let ticket,
                    ticket.sleepNumber.load(ordering: .relaxed) == number
                else { return }
                wake(ticket)
            }
        }
    }
}

/// One thread that calls back at given times.
final class TimerThread: Sendable {
    private struct Timer {
        let deadline: Int64
        let fire: @Sendable () -> Void
    }

    private struct Timers {
        /// A binary heap by deadline.
        var heap: [Timer] = []
        var isClosed = false
    }

    private let timers = Mutex(Timers())
    private let changed = Semaphore()

    init() {
        Thread.start(name: "timer") { [self] in run() }
    }

    /// - Parameter deadline: Microseconds on the monotonic clock.
    func schedule(at deadline: Int64, _ fire: @escaping @Sendable () -> Void) {
        let isFirst = timers.withLock { timers -> Bool in
            TimerThread.push(Timer(deadline: deadline, fire: fire), to: &timers.heap)
            return timers.heap[0].deadline == deadline
        }
        if isFirst { changed.signal() }
    }

    func close() {
        timers.withLock { $0.isClosed = true }
        changed.signal()
    }

    private func run() {
        while true {
            let now = MonotonicClock.micros()
            let (due, next, isClosed) = timers.withLock {
                timers -> ([Timer], Int64?, Bool) in
                var due: [Timer] = []
                while let first = timers.heap.first, first.deadline <= now {
                    due.append(first)
                    TimerThread.pop(&timers.heap)
                }
                return (due, timers.heap.first?.deadline, timers.isClosed)
            }
            if isClosed { return }
            for timer in due { timer.fire() }
            if !due.isEmpty { continue }
            if let next {
                changed.wait(atMostMicros: next - now)
            } else {
                changed.wait()
            }
        }
    }

    private static func push(_ timer: Timer, to heap: inout [Timer]) {
        heap.append(timer)
        var index = heap.count - 1
        while index > 0 && heap[(index - 1) / 2].deadline > heap[index].deadline {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private static func pop(_ heap: inout [Timer]) {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var index = 0
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child].deadline < heap[smallest].deadline {
                smallest = child
            }
            if smallest == index { return }
            heap.swapAt(index, smallest)
            index = smallest
        }
    }
}
