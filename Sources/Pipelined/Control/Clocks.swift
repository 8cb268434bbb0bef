import Glibc

/// Microseconds on a clock that never jumps.
func monotonicMicros() -> Int64 { micros(CLOCK_MONOTONIC) }

/// Microseconds since the epoch by the system's clock.
func wallMicros() -> Int64 { micros(CLOCK_REALTIME) }

private func micros(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}
