import CPrimitives
import Glibc

/// Wakes a thread that waits in `poll`, from any thread. Several wakes before it looks are one.
struct WakeSignal: Sendable {
    /// Readable while a wake is due; poll it for POLLIN. -1 when the system had no descriptor.
    let descriptor: Int32

    init() {
        descriptor = cp_wake_descriptor()
    }

    func wake() {
        var one: UInt64 = 1
        // A full counter (EAGAIN) means that a wake is due already.
        _ = write(descriptor, &one, 8)
    }

    /// Takes the wakes that are due.
    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }

    func close() {
        _ = Glibc.close(descriptor)
    }
}
