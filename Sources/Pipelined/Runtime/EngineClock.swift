/// The clocks that an engine goes by: the machine's, or a test's.
///
/// Microseconds. Both are called from any thread, several times a batch.
struct EngineClock: Sendable {
    /// The time of day, since the epoch.
    let wall: @Sendable () -> Int64
    /// Time that never jumps, for intervals.
    let monotonic: @Sendable () -> Int64

    /// The machine's.
    static let system = EngineClock(
        wall: { WallClock.micros() }, monotonic: { MonotonicClock.micros() })
}
