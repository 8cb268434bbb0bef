import CPrimitives
import Glibc
import Synchronization

/// What the control socket allows; docs/control-protocol.md has the same figures.
struct ControlLimits: Sendable {
    var requestBytesMax = ControlProtocol.requestBytesMax
    var clientsMax = ControlProtocol.clientsMax
    /// Requests of one client that wait for their answer.
    var openRequestsMax = 16
    var streamBacklogBytesMax = ControlProtocol.streamBacklogBytesMax
    var backlogBytesMax = ControlProtocol.backlogBytesMax
    /// An answer that is not read, and a request that is not finished, for so long.
    var stallMicrosMax = ControlProtocol.stallMicrosMax
    /// A connection on which nothing is asked for so long.
    var idleMicrosMax: Int64 = 60_000_000
    /// Frames that are not read for so long: whoever looks at rows may take a while.
    var frameStallMicrosMax: Int64 = 60_000_000
    /// The pause after the process has run out of descriptors.
    var pauseMicros: Int64 = 100_000
}

/// What answers requests.
protocol ControlHandler: Sendable {
    /// Begins to answer; called on the server's thread, so it must not block.
    func handle(_ request: ControlRequest, _ reply: ControlReply)

    /// Serves the streams and waits that are open.
    ///
    /// - Returns: When to be called again at the latest, on the monotonic clock; nil for never.
    func poll(now: Int64) -> Int64?
}

/// The control socket: one thread for all clients. What a client does or fails to do costs nobody
/// else anything.
final class ControlServer: Sendable {
    private let thread = Mutex<DaemonThread?>(nil)
    private let isEnding = Mutex(false)
    private let wake = WakeSignal()
    private let handler: any ControlHandler
    private let limits: ControlLimits
    private let socket: ControlSocket

    init(
        socket: ControlSocket, handler: any ControlHandler, limits: ControlLimits = ControlLimits()
    ) {
        self.socket = socket
        self.handler = handler
        self.limits = limits
    }

    func start() {
        let started = DaemonThread.start("control") { [self] in
            ControlServerLoop(
                listener: socket.descriptor, handler: handler, limits: limits, wake: wake
            ).run { self.isEnding.withLock { $0 } }
        }
        thread.withLock { $0 = started }
    }

    /// Makes the server serve its streams: something may have changed.
    func notice() { wake.wake() }

    /// Ends the thread, drops the clients and takes the socket away.
    func close() {
        isEnding.withLock { $0 = true }
        wake.wake()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
        socket.close()
    }
}

/// The server's thread and all that only it touches.
private final class ControlServerLoop {
    private let listener: Int32
    private let handler: any ControlHandler
    private let limits: ControlLimits
    private let wake: WakeSignal
    private var connections: [ControlConnection] = []
    /// Given back when there is no other, to accept a client and turn it away.
    private var spare = openSpare()
    private var pausedUntil: Int64 = 0
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)

    init(listener: Int32, handler: any ControlHandler, limits: ControlLimits, wake: WakeSignal) {
        self.listener = listener
        self.handler = handler
        self.limits = limits
        self.wake = wake
    }

    func run(until isEnding: () -> Bool) {
        defer {
            for connection in connections { drop(connection) }
            if spare >= 0 { close(spare) }
        }
        while !isEnding() {
            var now = monotonicMicros()
            let deadline = handler.poll(now: now)
            for connection in connections { flush(connection, now) }
            expire(now)
            connections.removeAll { $0.outbox.isClosed && closed($0) }
            var descriptors = [
                pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: now < pausedUntil ? -1 : listener, events: Int16(POLLIN), revents: 0),
            ]
            for connection in connections {
                let isDeaf =
                    connection.isAtEnd || connection.isRejected
                    || connection.frames.upload?.isFull == true
                var events: Int32 = isDeaf ? 0 : POLLIN
                if connection.outbox.waitingBytes > 0 { events |= POLLOUT }
                descriptors.append(
                    pollfd(fd: connection.descriptor, events: Int16(events), revents: 0))
            }
            let count = poll(&descriptors, nfds_t(descriptors.count), timeout(now, deadline))
            guard count > 0 else { continue }
            now = monotonicMicros()
            if descriptors[0].revents != 0 { wake.clear() }
            for (connection, polled) in zip(connections, descriptors.dropFirst(2))
            where polled.revents != 0 {
                serve(connection, polled.revents, now)
            }
            if descriptors[1].revents != 0 { acceptClients(now) }
        }
    }

    /// Milliseconds until something is due.
    private func timeout(_ now: Int64, _ deadline: Int64?) -> Int32 {
        var next = deadline ?? .max
        if pausedUntil > now { next = min(next, pausedUntil) }
        for connection in connections { next = min(next, self.deadline(connection)) }
        guard next != .max else { return -1 }
        return Int32(min(max(next - now, 0) / 1000 + 1, 60_000))
    }

    // MARK: clients

    private func acceptClients(_ now: Int64) {
        for _ in 0..<16 {
            let descriptor = accept(listener, nil, nil)
            if descriptor < 0 {
                if errno == EMFILE || errno == ENFILE { turnAway(now) }
                if errno != EINTR && errno != ECONNABORTED { return }
                continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
            let peer = cp_peer_uid(descriptor)
            guard peer == Int64(geteuid()) || peer == 0 else {
                refuse(descriptor, "this daemon belongs to another user")
                continue
            }
            guard connections.count < limits.clientsMax else {
                refuse(descriptor, "\(limits.clientsMax) clients are connected already; try again")
                continue
            }
            connections.append(ControlConnection(descriptor: descriptor, wake: wake, now: now))
        }
    }

    private func refuse(_ descriptor: Int32, _ message: String) {
        let line = ControlLine.error(ControlFailure(code: .busy, message: message))
            .bytes(id: .null)
        _ = line.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        close(descriptor)
    }

    /// Out of descriptors: the client that waits is accepted with the spare one and closed, so that
    /// the listener does not stay ready for ever, and after a pause one looks again.
    private func turnAway(_ now: Int64) {
        if spare >= 0 { close(spare) }
        let descriptor = accept(listener, nil, nil)
        if descriptor >= 0 { close(descriptor) }
        spare = openSpare()
        pausedUntil = now + limits.pauseMicros
    }

    private func closed(_ connection: ControlConnection) -> Bool {
        connection.frames.cut()
        close(connection.descriptor)
        return true
    }

    private func drop(_ connection: ControlConnection) {
        connection.outbox.close()
        connection.frames.cut()
        close(connection.descriptor)
    }

    /// When a connection has to be dropped if nothing moves on it.
    private func deadline(_ connection: ControlConnection) -> Int64 {
        if connection.outbox.waitingBytes > 0 || !connection.input.isEmpty {
            return connection.movedAt
                + (connection.frames.isSending
                    ? limits.frameStallMicrosMax : limits.stallMicrosMax)
        }
        if connection.openRequests.count > 0 { return .max }
        return connection.activeAt + limits.idleMicrosMax
    }

    private func expire(_ now: Int64) {
        for connection in connections where now >= deadline(connection) {
            connection.outbox.close()
        }
    }

    // MARK: bytes

    private func serve(_ connection: ControlConnection, _ events: Int16, _ now: Int64) {
        if events & Int16(POLLERR | POLLNVAL) != 0 {
            connection.outbox.close()
            return
        }
        if events & Int16(POLLIN) != 0 {
            receive(connection, now)
        } else if events & Int16(POLLHUP) != 0 {
            connection.outbox.close()
        }
    }

    private func flush(_ connection: ControlConnection, _ now: Int64) {
        let (outcome, sent) = connection.outbox.flush(to: connection.descriptor)
        if sent > 0 {
            connection.movedAt = now
            connection.activeAt = now
        }
        // An upload that failed is told so, and what it still sends is not looked at.
        if connection.frames.upload?.isRefused == true { connection.isRejected = true }
        let isOver = connection.isRejected || connection.isAtEnd
        let hasAll = outcome == .empty && connection.openRequests.count == 0
        if outcome == .closed || (isOver && hasAll) { connection.outbox.close() }
    }

    private func receive(_ connection: ControlConnection, _ now: Int64) {
        let count = read(connection.descriptor, &buffer, buffer.count)
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { connection.outbox.close() }
            return
        }
        if count == 0 {
            // The client may have shut down its side and still read: its answers are sent first.
            connection.isAtEnd = true
            connection.input = []
            connection.frames.upload?.cut()
            return
        }
        if connection.input.isEmpty, connection.outbox.waitingBytes == 0 {
            connection.movedAt = now
        }
        connection.activeAt = now
        var taken = 0
        if let upload = connection.frames.upload {
            taken = receive(buffer[..<count], for: upload, connection)
        }
        guard taken < count else { return }
        connection.input += buffer[taken..<count]
        takeLines(connection)
    }

    /// Gives an upload its frames, and returns how many bytes were its.
    private func receive(
        _ bytes: ArraySlice<UInt8>, for upload: ControlUpload, _ connection: ControlConnection
    ) -> Int {
        guard let taken = upload.receive(bytes) else {
            reject(connection, "a frame is at most \(ControlProtocol.frameBytesMax) bytes long")
            upload.cut()
            return bytes.count
        }
        if upload.isComplete { connection.frames.endUpload() }
        return taken
    }

    private func takeLines(_ connection: ControlConnection) {
        while let end = connection.input.firstIndex(of: UInt8(ascii: "\n")),
            !connection.isRejected
        {
            // Lines among frames could not be told from them.
            guard !connection.frames.isSending else { return connection.outbox.close() }
            let line = Array(connection.input[..<end])
            connection.input.removeSubrange(...end)
            guard line.count <= limits.requestBytesMax else { return reject(connection) }
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d }) { continue }
            take(line, connection)
            if let upload = connection.frames.upload {
                let rest = connection.input
                connection.input = []
                let taken = receive(rest[...], for: upload, connection)
                if !connection.isRejected { connection.input = Array(rest[taken...]) }
            }
        }
        if connection.input.count > limits.requestBytesMax { reject(connection) }
    }

    private func reject(_ connection: ControlConnection) {
        reject(connection, "a request is at most \(limits.requestBytesMax) bytes long")
    }

    private func reject(_ connection: ControlConnection, _ message: String) {
        connection.isRejected = true
        connection.input = []
        answer(
            connection, .null,
            ControlFailure(code: .tooLarge, message: message))
    }

    private func take(_ line: [UInt8], _ connection: ControlConnection) {
        switch ControlRequest.parse(line) {
        case .failure(let rejected): answer(connection, rejected.id, rejected.failure)
        case .success(let request):
            guard connection.openRequests.count < limits.openRequestsMax else {
                answer(
                    connection, request.id,
                    ControlFailure(
                        code: .busy,
                        message: "\(limits.openRequestsMax) requests wait for their answer"))
                return
            }
            let open = connection.openRequests
            open.begin()
            handler.handle(
                request,
                ControlReply(
                    id: request.id, outbox: connection.outbox, limits: limits,
                    open: open, frames: open.isOne ? connection.frames : nil))
        }
    }

    private func answer(
        _ connection: ControlConnection, _ id: JSONValue, _ failure: ControlFailure
    ) {
        let line = ControlLine.error(failure).bytes(id: id)
        if connection.outbox.add(line, bytesMax: limits.streamBacklogBytesMax) == .full {
            connection.outbox.close()
        }
    }
}

private func openSpare() -> Int32 { open("/dev/null", O_RDONLY | O_CLOEXEC) }
