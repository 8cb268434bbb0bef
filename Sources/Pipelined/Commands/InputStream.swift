import Glibc

/// The rows of `produce`: a file or standard input.
struct InputStream: ~Copyable {
    let descriptor: Int32
    private let isOwned: Bool

    /// Bytes asked for at once, at least.
    private static let readBytes = 256 << 10

    /// - Parameter path: nil for standard input.
    /// - Returns: nil when the file cannot be opened; ``lastErrorText`` says why.
    init?(_ path: String?) {
        guard let path, path != "-" else {
            descriptor = 0
            isOwned = false
            return
        }
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        isOwned = true
        guard descriptor >= 0 else { return nil }
    }

    deinit { if isOwned, descriptor >= 0 { close(descriptor) } }

    static var lastErrorText: String { String(cString: strerror(errno)) }

    /// Gives all of it to a session, to the end.
    func feed(_ session: ProduceSession) throws(ControlFailure) {
        while true {
            if let pressAt = session.pressAt {
                let left = pressAt - MonotonicClock.micros()
                var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                if left <= 0 || poll(&ready, 1, Int32(left / 1000 + 1)) == 0 {
                    try session.press()
                    continue
                }
            }
            let count = try read(into: session.room(Self.readBytes))
            guard count > 0 else { return try session.finish() }
            try session.received(count)
        }
    }

    /// Sends all of it to a daemon.
    ///
    /// - Returns: The summary.
    func feed(_ upload: ProduceUpload) throws(ControlFailure) -> JSONValue {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.readBytes, alignment: 16)
        defer { memory.deallocate() }
        while true {
            let count = try read(into: memory)
            guard count > 0 else { return try upload.finish() }
            try upload.send(UnsafeRawBufferPointer(rebasing: memory[..<count]))
        }
    }

    /// Reads what is there, waiting for some of it.
    ///
    /// - Returns: 0 at the end.
    func read(into memory: UnsafeMutableRawBufferPointer) throws(ControlFailure) -> Int {
        while true {
            let count = Glibc.read(descriptor, memory.baseAddress, memory.count)
            if count >= 0 { return count }
            if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&ready, 1, 1000)
            } else if errno != EINTR {
                throw ControlFailure(
                    code: .failed, message: "cannot read the rows: \(Self.lastErrorText)")
            }
        }
    }
}
