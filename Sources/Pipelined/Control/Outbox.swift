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
    }
    private let state = Mutex(State())
    private let wake: WakeSignal

    init(wake: WakeSignal) { self.wake = wake }

    var isClosed: Bool { state.withLock { $0.isClosed } }
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

    /// Sends what the socket takes now.
    ///
    /// - Returns: Whether something is left, and how many bytes went out.
    func flush(to descriptor: Int32) -> (Flushing, sentBytes: Int) {
        state.withLock { state in
            var total = 0
            while state.sent < state.bytes.count {
                let sent = state.sent
                // SAFETY: `sent` is less than the count, which bounds the length too.
                let count = state.bytes.withUnsafeBytes {
                    send(
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
    }
}

/// Where the answer to one request goes. All calls are safe from any thread.
final class ControlReply: Sendable {
    private let id: JSONValue
    private let outbox: Outbox
    private let limits: ControlLimits
    private let isDone = Mutex(false)
    private let onDone: @Sendable () -> Void

    init(
        id: JSONValue, outbox: Outbox, limits: ControlLimits, onDone: @escaping @Sendable () -> Void
    ) {
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
