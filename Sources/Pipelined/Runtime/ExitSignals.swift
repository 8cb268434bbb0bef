import Glibc
import Synchronization

/// SIGINT and SIGTERM as calls: the first one asks, the second one ends the process.
///
/// One at a time in a process.
final class ExitSignals: Sendable {
    private static let writeEnd = Atomic<Int32>(-1)
    private let signal = Atomic<Int32>(0)
    private let onSignal: @Sendable () -> Void

    /// The first signal that came; nil before.
    var received: Int32? {
        let value = signal.load(ordering: .acquiring)
        return value == 0 ? nil : value
    }

    /// - Parameter onSignal: Called once, on a thread of its own.
    init(onSignal: @escaping @Sendable () -> Void) {
        self.onSignal = onSignal
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        ExitSignals.writeEnd.store(ends[1], ordering: .releasing)
        for number in [SIGINT, SIGTERM] {
            Glibc.signal(number) { number in
                // Only what a signal handler may do: one write.
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(ExitSignals.writeEnd.load(ordering: .acquiring), &byte, 1)
            }
        }
        let readEnd = ends[0]
        Thread.start(name: "signals") { [self] in read(from: readEnd) }
    }

    /// Gives the signals back to the system.
    func close() {
        for number in [SIGINT, SIGTERM] { Glibc.signal(number, SIG_DFL) }
        let descriptor = ExitSignals.writeEnd.exchange(-1, ordering: .acquiringAndReleasing)
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    private func read(from descriptor: Int32) {
        var byte: UInt8 = 0
        while true {
            let count = Glibc.read(descriptor, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            if signal.exchange(Int32(byte), ordering: .acquiringAndReleasing) != 0 { _exit(130) }
            onSignal()
        }
        Glibc.close(descriptor)
    }
}
