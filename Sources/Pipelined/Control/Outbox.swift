import Glibc
import Synchronization

/// What waits to be sent to one client. Any thread may add to it; the server's thread sends.
final class Outbox: Sendable {
    enum Adding { case added, full, closed }
    enum Flushing { case empty, waiting, closed }

    private struct State {
        var bytes: [UInt8] = []
        var sent = 0
        var isClosed = false
        /// How many threads wait for room.
        var blocked = 0
    }
    private let state = Mutex(State())
    private let wake: WakeSignal
    private let room = Semaphore()

    init(wake: WakeSignal) { self.wake = wake }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    func wakeServer() { wake.wake() }
    var waitingBytes: Int { state.withLock { $0.bytes.count - $0.sent } }

    /// Adds a line, unless more than `bytesMax` would wait then.
    func add(_ line: [UInt8], bytesMax: Int) -> Adding {
        let (outcome, wasEmpty) = state.withLock { state -> (Adding, Bool) in
            guard !state.isClosed else { return (.closed, false) }
            let waiting = state.bytes.count - state.sent
            guard waiting + line.count <= bytesMax else { return (.full, false) }
            state.bytes += line
            return (.added, waiting == 0)
        }
        if wasEmpty { wake.wake() }
        return outcome
    }

    /// Adds bytes, waiting while `bytesMax` or more wait to be sent.
    ///
    /// - Returns: false once the client has gone.
    func addWaiting(_ bytes: [UInt8], bytesMax: Int) -> Bool {
        while true {
            let (outcome, wasEmpty) = state.withLock { state -> (Adding, Bool) in
                guard !state.isClosed else { return (.closed, false) }
                let waiting = state.bytes.count - state.sent
                guard waiting < bytesMax else {
                    state.blocked += 1
                    return (.full, false)
                }
                state.bytes += bytes
                return (.added, waiting == 0)
            }
            if wasEmpty { wake.wake() }
            if outcome != .full { return outcome == .added }
            room.wait()
        }
    }

    private func releaseBlocked() {
        let blocked = state.withLock { state in
            defer { state.blocked = 0 }
            return state.blocked
        }
        for _ in 0..<blocked { room.signal() }
    }

    /// Sends what the socket takes now.
    ///
    /// - Returns: Whether something is left, and how many bytes went out.
    func flush(to descriptor: Int32) -> (Flushing, sentBytes: Int) {
        let result = send(to: descriptor)
        if result.sentBytes > 0 { releaseBlocked() }
        return result
    }

    private func send(to descriptor: Int32) -> (Flushing, sentBytes: Int) {
        state.withLock { state in
            var total = 0
            while state.sent < state.bytes.count {
                let sent = state.sent
                // SAFETY: `sent` is less than the count, which bounds the length too.
                let count = state.bytes.withUnsafeBytes {
                    Glibc.send(
                        descriptor, $0.baseAddress.map { $0 + sent }, min($0.count - sent, 1 << 20),
                        Int32(MSG_NOSIGNAL))
                }
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN { return (.waiting, total) }
                guard count > 0 else { return (.closed, total) }
                state.sent += count
                total += count
            }
            state.bytes = []
            state.sent = 0
            return (.empty, total)
        }
    }

    /// Nothing is sent any more; whoever streams notices.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.bytes = []
            state.sent = 0
        }
        releaseBlocked()
    }
}

/// Where the answer to one request goes. All calls are safe from any thread.
final class ControlReply: Sendable {
    private let id: JSONValue
    private let outbox: Outbox
    private let limits: ControlLimits
    private let isDone = Mutex(false)
    private let frames: ConnectionFrames?
    private let onDone: @Sendable () -> Void

    /// - Parameter frames: Those of the connection; nil where other requests are open on it.
    init(
        id: JSONValue, outbox: Outbox, limits: ControlLimits, frames: ConnectionFrames? = nil,
        onDone: @escaping @Sendable () -> Void
    ) {
        self.frames = frames
        self.id = id
        self.outbox = outbox
        self.limits = limits
        self.onDone = onDone
    }

    /// Whether the client has gone or has its answer.
    var isClosed: Bool { outbox.isClosed || isDone.withLock { $0 } }

    /// Sends one line of a stream, or drops it when the client reads too slowly.
    @discardableResult
    func item(_ value: JSONValue) -> Outbox.Adding {
        if isDone.withLock({ $0 }) { return .closed }
        return outbox.add(
            ControlLine.item(value).bytes(id: id), bytesMax: limits.streamBacklogBytesMax)
    }

    /// Sends `{"row": …}` with a row that is JSON already.
    func row(_ row: String) -> Outbox.Adding {
        if isDone.withLock({ $0 }) { return .closed }
        return outbox.add(
            ControlLine.rowLine(row, id: id), bytesMax: limits.streamBacklogBytesMax)
    }

    // MARK: Frames

    /// Takes what the client sends from now on as frames. Only on the server's thread, while the
    /// request is handled; nil where other requests are open on the connection.
    func beginUpload() -> ControlUpload? {
        guard let frames else { return nil }
        return frames.beginUpload { [outbox] in outbox.wakeServer() }
    }

    /// Takes the connection for frames to the client: until ``endFrames()`` nothing else may be asked
    /// on it. As ``beginUpload()``; false where other requests are open.
    func claimFrames() -> Bool {
        frames?.isSending = true
        return frames != nil
    }

    func releaseFrames() { frames?.isSending = false }

    /// Says that frames follow.
    func beginFrames() { item(["frames": true]) }

    /// Sends a frame, and waits while the client does not read.
    ///
    /// - Returns: false once the client has gone.
    func frame(_ payload: UnsafeRawBufferPointer) -> Bool {
        var rest = payload[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(ControlProtocol.frameBytesMax))
            rest = rest.dropFirst(part.count)
            var bytes: [UInt8] = []
            bytes.reserveCapacity(part.count + ControlFrame.headBytes)
            bytes += ControlFrame.head(part.count)
            bytes += part
            guard outbox.addWaiting(bytes, bytesMax: limits.streamBacklogBytesMax) else {
                return false
            }
        }
        return true
    }

    /// The empty frame, behind which lines go on.
    func endFrames() {
        _ = outbox.addWaiting(
            ControlFrame.head(0), bytesMax: limits.streamBacklogBytesMax)
        releaseFrames()
    }

    /// Answers, which ends the request; only the first answer counts.
    func result(_ value: JSONValue) { finish(.result(value)) }

    func fail(_ code: ControlFailure.Code, _ message: String) {
        finish(.error(ControlFailure(code: code, message: message)))
    }

    private func finish(_ line: ControlLine) {
        let isFirst = isDone.withLock { isDone in
            defer { isDone = true }
            return !isDone
        }
        guard isFirst else { return }
        if outbox.add(line.bytes(id: id), bytesMax: limits.backlogBytesMax) == .full {
            outbox.close()
        }
        onDone()
    }
}
