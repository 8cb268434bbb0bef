import Synchronization

/// Where the answer to one request goes. All calls are safe from any thread.
final class ControlReply: Sendable {
    private let id: JSONValue
    private let outbox: Outbox
    private let limits: ControlLimits
    private let isDone = Mutex(false)
    private let open: OpenRequests
    private let frames: ConnectionFrames?

    /// - Parameter frames: Those of the connection; nil where other requests are open on it.
    init(
        id: JSONValue, outbox: Outbox, limits: ControlLimits, open: OpenRequests,
        frames: ConnectionFrames?
    ) {
        self.open = open
        self.frames = frames
        self.id = id
        self.outbox = outbox
        self.limits = limits
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
        open.answer()
        if outbox.add(line.bytes(id: id), bytesMax: limits.backlogBytesMax) == .full {
            outbox.close()
        }
        open.end()
        // The connection may only have waited for this to be closed.
        outbox.wakeServer()
    }
}
