import Glibc

/// Tells systemd how the daemon stands, by the protocol of `sd_notify`. Silent where nobody asked.
enum ServiceNotice {
    /// Sends a state such as `READY=1`; several are separated by newlines.
    ///
    /// - Parameter socket: What `$NOTIFY_SOCKET` says: a path, or `@` and an abstract name.
    static func send(_ state: String, to socket: String? = DaemonClient.variable("NOTIFY_SOCKET")) {
        guard let socket, let first = socket.utf8.first,
            first == UInt8(ascii: "/") || first == UInt8(ascii: "@")
        else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socket.utf8)
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + path.count } ?? 0
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(state.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            // SAFETY: a sockaddr_un is passed as the sockaddr that sendto takes, with its length.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bytes.withUnsafeBytes {
                    sendto(
                        descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL), address,
                        socklen_t(length))
                }
            }
        }
    }

    static func ready() { send("READY=1") }
    static func stopping() { send("STOPPING=1\nSTATUS=taking last checkpoints") }

    /// `MONOTONIC_USEC` tells systemd which of several reloads the next `READY=1` ends.
    static func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(monotonicMicros())") }
}

/// Tells systemd from time to time that the daemon is alive, if its unit has `WatchdogSec=`, and how its
/// pipelines stand.
///
/// It is alive while the controller's loop comes round: what the loop waits for, all clients and
/// restarts wait for. Without the word for `WatchdogSec=` systemd kills the daemon and starts it again.
struct ServicePulse {
    /// The time that systemd gives; nil where it asks for no word.
    let limitMicros: Int64?
    /// When there is something to be said next, microseconds of the monotonic clock.
    private(set) var dueAt: Int64
    private let socket: String?
    private var status = ""

    /// Without a watchdog the status is looked at this often.
    private static let statusMicros: Int64 = 10_000_000

    /// - Parameter environment: `$WATCHDOG_USEC` counts if `$WATCHDOG_PID` is this process, or is not set.
    init(
        environment: (String) -> String? = DaemonClient.variable, processID: Int32 = getpid(),
        now: Int64 = monotonicMicros()
    ) {
        socket = environment("NOTIFY_SOCKET")
        let isMeant = environment("WATCHDOG_PID").map { $0 == "\(processID)" } ?? true
        let micros = environment("WATCHDOG_USEC").flatMap { Int64($0) } ?? 0
        limitMicros = isMeant && micros > 0 && socket != nil ? micros : nil
        dueAt = socket == nil ? .max : now
    }

    /// Says what is due.
    ///
    /// - Parameters:
    ///   - silentMicros: How long the controller has not come round.
    ///   - summary: How pipelines stand, for `systemctl status`.
    mutating func beat(now: Int64, silentMicros: Int64, summary: () -> String) {
        guard now >= dueAt, let socket else { return }
        // A quarter of the limit: three words may be lost or late.
        dueAt = now.saturatingAdd(min(limitMicros.map { $0 / 4 } ?? .max, Self.statusMicros))
        var lines: [String] = []
        if let limitMicros, silentMicros < limitMicros / 2 { lines.append("WATCHDOG=1") }
        let text = summary()
        if text != status {
            status = text
            lines.append("STATUS=\(text)")
        }
        if !lines.isEmpty { ServiceNotice.send(lines.joined(separator: "\n"), to: socket) }
    }
}
