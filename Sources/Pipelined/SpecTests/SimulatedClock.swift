import Synchronization

/// A clock that moves when it is told to. Microseconds.
final class SimulatedClock: Sendable {
    private let start: Int64
    private let now: Atomic<Int64>
    /// What the monotonic clock says at the start, so that it is never below 0.
    private static let monotonicStart: Int64 = 1_000_000_000

    /// - Parameter start: Since the epoch.
    init(start: Int64) {
        self.start = start
        now = Atomic(start)
    }

    /// Since the epoch.
    var micros: Int64 { now.load(ordering: .relaxed) }

    func move(to micros: Int64) { now.store(micros, ordering: .relaxed) }

    /// The time of day at a moment of the monotonic clock.
    func wall(atMonotonic moment: Int64) -> Int64 { moment - Self.monotonicStart + start }

    /// The clock as an engine takes it.
    var engineClock: EngineClock {
        EngineClock(
            wall: { self.micros }, monotonic: { self.micros - self.start + Self.monotonicStart })
    }
}
