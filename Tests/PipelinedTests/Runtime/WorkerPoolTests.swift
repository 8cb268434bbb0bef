import Synchronization
import TestSupport
import Testing

@testable import Pipelined

@Suite("Worker pool")
struct WorkerPoolTests {
    /// Runs what it is told to, and counts.
    private final class Counter: Runnable {
        let runs = Atomic(0)
        let concurrent = Atomic(0)
        let overlaps = Atomic(0)
        let done = Pipelined.Semaphore()
        private let body: @Sendable (Int) -> SliceOutcome

        init(_ body: @escaping @Sendable (Int) -> SliceOutcome) { self.body = body }

        func runSlice() -> SliceOutcome {
            if concurrent.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue > 1 {
                overlaps.wrappingAdd(1, ordering: .relaxed)
            }
            defer { concurrent.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
            let run = runs.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
            let outcome = body(run)
            if case .done = outcome { done.signal() }
            return outcome
        }
    }

    @Test("runs many to their end on few threads, each on one at a time")
    func manyOnFew() {
        let pool = WorkerPool(threads: 2)
        defer { pool.close() }
        let counters = (0..<50).map { _ in Counter { $0 < 20 ? .again : .done } }
        for counter in counters { _ = pool.add(counter) }
        for counter in counters { counter.done.wait(atMostMicros: 20_000_000) }
        for counter in counters {
            #expect(counter.runs.load(ordering: .acquiring) == 20)
            #expect(counter.overlaps.load(ordering: .relaxed) == 0)
        }
    }

    @Test("wakes a sleeper by its timer")
    func timer() {
        let pool = WorkerPool(threads: 1)
        defer { pool.close() }
        let counter = Counter { run in
            run < 4 ? .sleep(until: MonotonicClock.micros() + 1000) : .done
        }
        let ticket = pool.add(counter)
        // A timer does not keep what it wakes.
        withExtendedLifetime(ticket) { counter.done.wait(atMostMicros: 20_000_000) }
        #expect(counter.runs.load(ordering: .acquiring) == 4)
    }

    @Test("loses no wake that comes while a slice runs or ends")
    func noLostWake() {
        let pool = WorkerPool(threads: 2)
        defer { pool.close() }
        let total = 20_000
        let shared = Shared()
        let follower = Counter { _ in
            shared.seen.store(shared.wanted.load(ordering: .acquiring), ordering: .releasing)
            if shared.seen.load(ordering: .acquiring) == total {
                shared.finished.signal()
                return .done
            }
            return .sleep(until: nil)
        }
        let ticket = pool.add(follower)
        for number in 1...total {
            shared.wanted.store(number, ordering: .releasing)
            pool.wake(ticket)
        }
        shared.finished.wait(atMostMicros: 20_000_000)
        #expect(shared.seen.load(ordering: .acquiring) == total)
    }

    private final class Shared: Sendable {
        let wanted = Atomic(0)
        let seen = Atomic(0)
        let finished = Pipelined.Semaphore()
    }

    @Test("without threads runs when it is told to, each when it wants to be run")
    func withoutThreads() {
        let pool = WorkerPool(threads: 0)
        defer { pool.close() }
        let sleeper = Counter { run in run < 3 ? .sleep(until: Int64(run) * 100) : .done }
        let busy = Counter { $0 < 5 ? .again : .sleep(until: nil) }
        let tickets = [pool.add(sleeper), pool.add(busy)]
        #expect(sleeper.runs.load(ordering: .acquiring) == 0)
        #expect(pool.runReady(now: 0) == 100)
        #expect(sleeper.runs.load(ordering: .acquiring) == 1)
        #expect(busy.runs.load(ordering: .acquiring) == 5)
        #expect(pool.runReady(now: 99) == 100)
        #expect(sleeper.runs.load(ordering: .acquiring) == 1)
        // Woken before its time, and then at no earlier one.
        pool.wake(tickets[0])
        #expect(pool.runReady(now: 99) == 200)
        #expect(pool.runReady(now: 100) == 200)
        #expect(sleeper.runs.load(ordering: .acquiring) == 2)
        #expect(pool.runReady(now: 500) == nil)
        pool.wake(tickets[0])
        pool.wake(tickets[1])
        #expect(pool.runReady(now: 500) == nil)
        #expect(sleeper.runs.load(ordering: .acquiring) == 3)
        #expect(busy.runs.load(ordering: .acquiring) == 6)
    }
}
