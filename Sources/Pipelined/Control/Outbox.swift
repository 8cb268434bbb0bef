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
    /// Bytes that were sent are kept in front of others up to this many.
    private static let sentBytesMax = 1 << 20

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
                if count < 0, errno == EAGAIN {
                    if state.sent >= Self.sentBytesMax {
                        state.bytes.removeFirst(state.sent)
                        state.sent = 0
                    }
                    return (.waiting, total)
                }
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
