import Glibc

/// A connection to a daemon, for the command line: blocks, one request at a time.
final class ControlClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var searched = 0
    private var nextID: Int64 = 1

    /// nil when no daemon listens at `path`.
    init?(path: String) {
        guard let descriptor = ControlSocket.connect(to: path) else { return nil }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Asks, and gives every line of a stream to `onItem`.
    ///
    /// - Parameters:
    ///   - timeoutMicros: How long the daemon may be silent; nil for ever.
    ///   - onItem: Returns false to read no more.
    ///   - onRow: Given the rows of a tap as the daemon wrote them: numbers of any size stay as
    ///     they are.
    /// - Returns: The result; nil when `onItem` or `onRow` ended it.
    func request(
        _ method: String, _ params: JSONObject = JSONObject(), timeoutMicros: Int64? = 30_000_000,
        onItem: (JSONValue) -> Bool = { _ in true }, onRow: ((String) -> Bool)? = nil
    ) throws(ControlFailure) -> JSONValue? {
        let id = JSONValue.integer(nextID)
        nextID += 1
        try send(ControlRequest(id: id, method: method, params: params).line)
        while true {
            let line = try readLine(timeoutMicros)
            if let onRow, let row = ControlLine.row(in: line, id: id) {
                if !onRow(row) { return nil }
                continue
            }
            guard let (answered, content) = ControlLine.parse(line) else {
                throw ControlFailure(
                    code: .failed,
                    message: "cannot read the daemon's answer: it is not of version "
                        + "\(ControlProtocol.version) of the protocol")
            }
            guard answered == id || answered == .null else { continue }
            switch content {
            case .item(let value): if !onItem(value) { return nil }
            case .result(let value): return value
            case .error(let failure): throw failure
            }
        }
    }

    private func send(_ bytes: [UInt8]) throws(ControlFailure) {
        var sent = 0
        while sent < bytes.count {
            // SAFETY: `sent` is less than the count, which bounds the length too.
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            // The daemon may have answered (too many clients) and closed: the answer is read next.
            if count < 0, errno == EPIPE || errno == ECONNRESET { return }
            guard count > 0 else {
                throw ControlFailure(
                    code: .failed,
                    message: "cannot ask the daemon: \(String(cString: strerror(errno)))")
            }
            sent += count
        }
    }

    private func readLine(_ timeoutMicros: Int64?) throws(ControlFailure) -> [UInt8] {
        let deadline = timeoutMicros.map { monotonicMicros().saturatingAdd($0) }
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(buffer[..<end])
                buffer.removeSubrange(...end)
                searched = 0
                return line
            }
            searched = buffer.count
            guard buffer.count <= ControlProtocol.answerBytesMax else {
                throw ControlFailure(code: .tooLarge, message: "the daemon's answer is too long")
            }
            try waitForBytes(deadline)
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ControlFailure(code: .failed, message: "the daemon has closed the connection")
            }
            buffer += chunk[..<count]
        }
    }

    private func waitForBytes(_ deadline: Int64?) throws(ControlFailure) {
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            var millis: Int32 = -1
            if let deadline {
                let left = deadline - monotonicMicros()
                guard left > 0 else {
                    throw ControlFailure(code: .timeout, message: "the daemon does not answer")
                }
                millis = Int32(min(left / 1000 + 1, 60_000))
            }
            if poll(&ready, 1, millis) > 0 { return }
        }
    }
}
