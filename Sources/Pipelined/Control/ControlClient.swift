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
        let id = try begin(method, params)
        while true {
            let line = try readLine(timeoutMicros)
            if let onRow, let row = ControlLine.row(in: line, id: id) {
                if !onRow(row) { return nil }
                continue
            }
            switch try content(of: line, for: id) {
            case .item(let value)?: if !onItem(value) { return nil }
            case .result(let value)?: return value
            case .error(let failure)?: throw failure
            case nil: continue
            }
        }
    }

    /// Sends a request; the answer's lines have the id that is returned.
    func begin(_ method: String, _ params: JSONObject) throws(ControlFailure) -> JSONValue {
        let id = JSONValue.integer(nextID)
        nextID += 1
        let line = ControlRequest(id: id, method: method, params: params).line
        try send(line.span.bytes)
        return id
    }

    /// What a line says to a request; nil for one that answers another.
    private func content(of line: [UInt8], for id: JSONValue) throws(ControlFailure)
        -> ControlLine?
    {
        guard let (answered, content) = ControlLine.parse(line) else {
            throw ControlFailure(
                code: .failed,
                message: "cannot read the daemon's answer: it is not of version "
                    + "\(ControlProtocol.version) of the protocol")
        }
        return answered == id || answered == .null ? content : nil
    }

    /// The next line to a request.
    func line(for id: JSONValue) throws(ControlFailure) -> ControlLine {
        while true {
            if let content = try content(of: readLine(nil), for: id) { return content }
        }
    }

    /// Whether the daemon has sent something that was not read.
    var hasInput: Bool {
        if !buffer.isEmpty { return true }
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 0) > 0
    }

    /// Sends all of it, waiting for the daemon to take it.
    ///
    /// - Returns: false where the daemon has closed the connection: why is read next.
    @discardableResult
    func send(_ bytes: RawSpan) throws(ControlFailure) -> Bool {
        var sent = 0
        while sent < bytes.byteCount {
            // SAFETY: `sent` is less than the count, which bounds the length too.
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            // The daemon may have answered (too many clients) and closed: the answer is read next.
            if count < 0, errno == EPIPE || errno == ECONNRESET { return false }
            guard count > 0 else {
                throw ControlFailure(
                    code: .failed,
                    message: "cannot ask the daemon: \(String(cString: strerror(errno)))")
            }
            sent += count
        }
        return true
    }

    /// Gives frames to `take`, to the one that ends them.
    ///
    /// - Parameters:
    ///   - onWaiting: Called now and then while nothing comes; returns false to give up.
    ///   - take: Returns false to give up.
    /// - Returns: Whether they have ended.
    func frames(
        _ onWaiting: () -> Bool, _ take: (UnsafeRawBufferPointer) -> Bool
    ) throws(ControlFailure) -> Bool {
        while true {
            guard try fill(ControlFrame.headBytes, onWaiting) else { return false }
            let count = ControlFrame.count(buffer[..<ControlFrame.headBytes])
            guard count <= ControlProtocol.frameBytesMax else {
                throw ControlFailure(code: .tooLarge, message: "the daemon's frame is too long")
            }
            let end = ControlFrame.headBytes + count
            guard try fill(end, onWaiting) else { return false }
            let isWanted = buffer.withUnsafeBytes { bytes in
                count == 0
                    || take(UnsafeRawBufferPointer(rebasing: bytes[ControlFrame.headBytes..<end]))
            }
            buffer.removeSubrange(..<end)
            searched = 0
            guard isWanted else { return false }
            if count == 0 { return true }
        }
    }

    /// Reads until so many bytes wait.
    private func fill(_ count: Int, _ onWaiting: () -> Bool) throws(ControlFailure) -> Bool {
        var chunk: [UInt8] = []
        while buffer.count < count {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&ready, 1, 100) == 0 {
                guard onWaiting() else { return false }
                continue
            }
            if chunk.isEmpty { chunk = [UInt8](repeating: 0, count: 256 << 10) }
            let received = read(descriptor, &chunk, chunk.count)
            if received < 0, errno == EINTR { continue }
            guard received > 0 else {
                throw ControlFailure(
                    code: .failed, message: "the daemon has closed the connection")
            }
            buffer += chunk[..<received]
        }
        return true
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
