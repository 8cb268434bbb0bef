import Synchronization

/// How bytes stand between lines: a length of four bytes, little-endian, and so many bytes; the frame
/// of length 0 ends them.
enum ControlFrame {
    static let headBytes = 4

    static func head(_ count: Int) -> [UInt8] {
        let count = UInt32(count)
        return (0..<4).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
    }

    static func count(_ head: some Collection<UInt8>) -> Int {
        head.reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}

/// Whether a connection carries frames just now, in either direction.
final class ConnectionFrames: Sendable {
    private let state = Mutex<(upload: ControlUpload?, isSending: Bool)>((nil, false))

    /// What takes the frames that the client sends.
    var upload: ControlUpload? { state.withLock { $0.upload } }

    /// Whether frames are on their way to the client.
    var isSending: Bool {
        get { state.withLock { $0.isSending } }
        set { state.withLock { $0.isSending = newValue } }
    }

    func beginUpload(_ onRoom: @escaping @Sendable () -> Void) -> ControlUpload {
        let upload = ControlUpload(onRoom)
        state.withLock { $0.upload = upload }
        return upload
    }

    func endUpload() { state.withLock { $0.upload = nil } }

    /// The connection is gone.
    func cut() { upload?.cut() }
}

/// The frames that a client sends: filled on the server's thread, read by one other.
final class ControlUpload: Sendable {
    enum Next {
        case bytes([[UInt8]])
        /// Nothing came in the time.
        case nothing
        /// The client has sent the frame that ends them.
        case end
        /// The connection is gone before that.
        case cut
    }

    /// More than this waiting makes the server read no further.
    private static let waitingBytesMax = 4 << 20

    private struct State {
        var chunks: [[UInt8]] = []
        var waitingBytes = 0
        var head: [UInt8] = []
        /// What is left of the frame.
        var left = 0
        var isComplete = false
        var isCut = false
        var isRefused = false
    }
    private let state = Mutex(State())
    private let changed = Semaphore()
    private let onRoom: @Sendable () -> Void

    init(_ onRoom: @escaping @Sendable () -> Void) { self.onRoom = onRoom }

    var isFull: Bool { state.withLock { $0.waitingBytes >= Self.waitingBytesMax } }
    /// Whether the frame that ends them has come.
    var isComplete: Bool { state.withLock { $0.isComplete } }
    /// Whether nobody takes what comes.
    var isRefused: Bool { state.withLock { $0.isRefused } }

    // MARK: The server's thread

    /// Takes bytes of frames, up to the one that ends them.
    ///
    /// - Returns: How many; nil for a frame that is too long.
    func receive(_ bytes: ArraySlice<UInt8>) -> Int? {
        defer { changed.signal() }
        return state.withLock { state in
            var rest = bytes
            while !rest.isEmpty, !state.isComplete {
                if state.left == 0 {
                    let part = rest.prefix(ControlFrame.headBytes - state.head.count)
                    state.head += part
                    rest = rest.dropFirst(part.count)
                    guard state.head.count == ControlFrame.headBytes else { break }
                    state.left = ControlFrame.count(state.head)
                    state.head = []
                    guard state.left <= ControlProtocol.frameBytesMax else { return nil }
                    state.isComplete = state.left == 0
                    continue
                }
                let part = rest.prefix(state.left)
                rest = rest.dropFirst(part.count)
                state.left -= part.count
                if !state.isRefused {
                    state.chunks.append(Array(part))
                    state.waitingBytes += part.count
                }
            }
            return bytes.count - rest.count
        }
    }

    func cut() {
        state.withLock { $0.isCut = true }
        changed.signal()
    }

    // MARK: The reader's thread

    /// What has come, in order.
    ///
    /// - Parameter deadline: How long to wait, on the monotonic clock; nil for as long as it takes.
    func next(deadline: Int64?) -> Next {
        while true {
            let (next, hadFull) = state.withLock { state -> (Next?, Bool) in
                let hadFull = state.waitingBytes >= Self.waitingBytesMax
                if !state.chunks.isEmpty {
                    defer { state.chunks = [] }
                    state.waitingBytes = 0
                    return (.bytes(state.chunks), hadFull)
                }
                if state.isComplete { return (.end, hadFull) }
                return (state.isCut ? .cut : nil, hadFull)
            }
            if hadFull { onRoom() }
            if let next { return next }
            guard let deadline else {
                changed.wait()
                continue
            }
            let left = deadline - MonotonicClock.micros()
            if left <= 0 { return .nothing }
            changed.wait(atMostMicros: left)
        }
    }

    /// Says that nothing more is taken; the connection ends once it has its answer.
    func refuse() {
        state.withLock { state in
            state.isRefused = true
            state.chunks = []
            state.waitingBytes = 0
        }
        onRoom()
    }
}
