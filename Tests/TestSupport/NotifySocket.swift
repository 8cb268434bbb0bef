import Foundation

/// A socket such as systemd gives to services that speak `sd_notify`.
package final class NotifySocket {
    /// What `$NOTIFY_SOCKET` is to say.
    package let address: String
    private let descriptor: Int32

    /// - Parameter name: A path, or `@` and an abstract name.
    package init(_ name: String) throws {
        address = name
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        var path = Array(name.utf8)
        if name.hasPrefix("@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let status = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length)
            }
        }
        guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    deinit { close(descriptor) }

    /// The next message; nil when none comes in time.
    package func next(within seconds: Double = 20) -> String? {
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, Int32(seconds * 1000)) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The next message that has such a line; nil when none comes in time.
    package func next(having prefix: String, within seconds: Double = 20) -> String? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while let message = next(within: max(0, deadline.timeIntervalSinceNow)) {
            if message.split(separator: "\n").contains(where: { $0.hasPrefix(prefix) }) {
                return message
            }
        }
        return nil
    }
}
