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
    static func stopping() { send("STOPPING=1") }

    /// `MONOTONIC_USEC` tells systemd which of several reloads the next `READY=1` ends.
    static func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(monotonicMicros())") }
}
