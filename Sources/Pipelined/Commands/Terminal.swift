import Glibc
import Synchronization

/// Where a command writes: standard output and standard error, or texts that a test reads.
final class Terminal: Sendable {
    enum Stream: Sendable { case output, error }

    enum Style: String, Sendable {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
    }

    /// Whether a person looks at it.
    let isOutputTerminal: Bool
    let isErrorTerminal: Bool
    private let hasColor: Bool
    /// Texts instead of descriptors, for tests.
    private let isCapturing: Bool
    private let captured = Mutex((output: "", error: ""))
    private let outputClosed = Mutex(false)

    /// The process's own streams. Colour only on a terminal, unless `NO_COLOR` is set.
    init() {
        isOutputTerminal = isatty(1) == 1
        isErrorTerminal = isatty(2) == 1
        let noColor = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        hasColor = !noColor && !isDumb
        isCapturing = false
    }

    /// Keeps what is written, for tests.
    init(capturing: Void, isTerminal: Bool = false) {
        isOutputTerminal = isTerminal
        isErrorTerminal = isTerminal
        hasColor = isTerminal
        isCapturing = true
    }

    var output: String { captured.withLock { $0.output } }
    var error: String { captured.withLock { $0.error } }

    /// Whether the reader of standard output has gone (`pipelined tap | head`).
    var isOutputClosed: Bool { outputClosed.withLock { $0 } }

    /// Columns of the terminal; nil when standard output is none.
    var width: Int? {
        var size = winsize()
        guard isOutputTerminal, !isCapturing,
            ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
        else { return nil }
        return Int(size.ws_col)
    }

    /// Writes a line (or several) to standard output.
    func print(_ text: String) { write(text + "\n", to: .output) }

    /// Writes a line (or several) to standard error.
    func note(_ text: String) { write(text + "\n", to: .error) }

    /// Writes `error: message` to standard error.
    func fail(_ message: String) { note(styled("error:", .red, on: .error) + " " + message) }

    /// Writes text as it is. A reader that has gone is no error: the text goes nowhere.
    func write(_ text: String, to stream: Stream) {
        if isCapturing {
            captured.withLock { captured in
                switch stream {
                case .output: captured.output += text
                case .error: captured.error += text
                }
            }
            return
        }
        Array(text.utf8).withUnsafeBytes { send($0, to: stream) }
    }

    /// Writes bytes to standard output as they are.
    ///
    /// - Returns: Whether somebody still reads it.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if isCapturing {
            captured.withLock { $0.output += String(decoding: bytes, as: UTF8.self) }
        } else {
            send(bytes, to: .output)
        }
        return !isOutputClosed
    }

    private func send(_ bytes: UnsafeRawBufferPointer, to stream: Stream) {
        let descriptor: Int32 = stream == .output ? 1 : 2
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let rest = UnsafeRawBufferPointer(rebasing: bytes)
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, 1000)
            } else if errno != EINTR {
                if stream == .output { outputClosed.withLock { $0 = true } }
                return
            }
        }
    }

    /// Looks whether standard output still has a reader, where nothing is written to it.
    func lookAtOutput() {
        guard !isCapturing else { return }
        var state = pollfd(fd: 1, events: 0, revents: 0)
        if poll(&state, 1, 0) > 0, Int32(state.revents) & (POLLERR | POLLNVAL) != 0 {
            outputClosed.withLock { $0 = true }
        }
    }

    func styled(_ text: String, _ style: Style, on stream: Stream = .output) -> String {
        let isTerminal = stream == .output ? isOutputTerminal : isErrorTerminal
        guard hasColor, isTerminal else { return text }
        return "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m"
    }

    /// Asks a question that is answered with `y` or not; nil when nobody is there to ask.
    func confirm(_ question: String) -> Bool? {
        guard !isCapturing, isErrorTerminal, isatty(0) == 1 else { return nil }
        write(question + " [y/N] ", to: .error)
        guard let answer = readLine() else { return false }
        return answer == "y" || answer == "Y" || answer == "yes"
    }
}
