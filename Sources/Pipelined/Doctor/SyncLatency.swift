import Glibc

/// How long the disk takes to make an appended block durable: what every checkpoint waits for.
enum SyncLatency {
    private static let blockBytes = 8192
    private static let countMax = 200
    private static let microsMax: Int64 = 2_000_000

    /// Appends 8 KiB and syncs them, again and again, for two seconds at most, in a file that is then
    /// removed.
    static func check(folder: String) -> Finding {
        let path = "\(folder)/.doctor-\(getpid())"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            return .warning(
                "sync", "cannot be measured in \(folder): \(String(cString: strerror(errno)))",
                "run this as the daemon's user")
        }
        unlink(path)
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0x5a, count: blockBytes)
        var micros: [Int64] = []
        let end = MonotonicClock.micros() + microsMax
        while micros.count < countMax, MonotonicClock.micros() < end {
            let begun = MonotonicClock.micros()
            let written = block.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard written == blockBytes, fsync(descriptor) == 0 else {
                return .problem(
                    "sync", "the disk refuses: \(String(cString: strerror(errno)))",
                    "look at the kernel's log, and replace the disk or make room")
            }
            micros.append(MonotonicClock.micros() - begun)
        }
        return judge(micros)
    }

    /// - Parameter micros: Of each append with its sync; not empty.
    static func judge(_ micros: [Int64]) -> Finding {
        let sorted = micros.sorted()
        guard let last = sorted.last else { return .ok("sync", "not measured") }
        let half = sorted[sorted.count / 2]
        let high = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        let text =
            "8 KiB appended and synced: p50 \(millis(half)), p99 \(millis(high)), longest "
            + "\(millis(last)) of \(sorted.count)"
        if half < 10 {
            return .warning(
                "sync", text + ": too fast for a disk",
                "see that nothing turns syncs off (eatmydata, a volatile disk)")
        }
        if half > 20_000 || high > 250_000 {
            return .warning(
                "sync", text,
                "use a faster disk for the state, or a longer checkpoint_interval")
        }
        return .ok("sync", text)
    }

    private static func millis(_ micros: Int64) -> String {
        HumanText.fixed(Double(micros) / 1000, 2) + " ms"
    }
}
