import Synchronization

/// One client.
final class ControlConnection {
    let descriptor: Int32
    let outbox: Outbox
    var input: [UInt8] = []
    /// The line is longer than allowed: the client is dropped once it has been told.
    var isRejected = false
    /// It will send no more.
    var isAtEnd = false
    let openRequests = OpenRequests()
    let frames = ConnectionFrames()
    /// When it last did something; when its unread answer or unfinished request last moved.
    var activeAt: Int64
    var movedAt: Int64

    init(descriptor: Int32, wake: WakeSignal, now: Int64) {
        self.descriptor = descriptor
        outbox = Outbox(wake: wake)
        activeAt = now
        movedAt = now
    }
}

/// Counts the requests of one client that wait for their answer.
final class OpenRequests: Sendable {
    private let numbers = Mutex((unsent: 0, unanswered: 0))
    /// Those whose answer is not on its way yet.
    var count: Int { numbers.withLock { $0.unsent } }
    func begin() {
        numbers.withLock {
            $0.unsent += 1
            $0.unanswered += 1
        }
    }
    /// Whether only one has no answer: the one that is being taken.
    var isOne: Bool { numbers.withLock { $0.unanswered == 1 } }
    /// Before the answer is sent, so that whoever has it may ask again.
    func answer() { numbers.withLock { $0.unanswered -= 1 } }
    func end() { numbers.withLock { $0.unsent -= 1 } }
}
