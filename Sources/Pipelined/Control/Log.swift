import Glibc
import Synchronization

/// The daemon's log: one line an event, to standard error.
final class Log: Sendable {
    enum Format: String, CaseIterable, Sendable { case logfmt, json }
    enum Level: String, Sendable { case info, warning, error }

    private let format: Format
    private let now: @Sendable () -> Int64
    private let write: @Sendable (String) -> Void
    /// Lines of several threads do not mix.
    private let order = Mutex(())

    init(
        format: Format, now: @escaping @Sendable () -> Int64,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.format = format
        self.now = now
        self.write = write
    }

    /// Writes one line.
    ///
    /// - Parameters:
    ///   - message: What happened, lower case, one line.
    ///   - fields: Names and values, in the order in which they are written.
    func line(_ level: Level, _ message: String, _ fields: [(String, String)] = []) {
        let text = Self.text(
            format, HumanText.time(micros: now(), fractionDigits: 3), level, message, fields)
        order.withLock { _ in write(text + "\n") }
    }

    static func text(
        _ format: Format, _ time: String, _ level: Level, _ message: String,
        _ fields: [(String, String)]
    ) -> String {
        switch format {
        case .json:
            let members =
                [("time", time), ("level", level.rawValue), ("message", message)] + fields
            return JSONValue.object(JSONObject(members.map { ($0.0, .string($0.1)) })).rendered
        case .logfmt:
            let members = [("time", time), ("level", level.rawValue), ("msg", message)] + fields
            return members.map { "\($0.0)=\(logfmt($0.1))" }.joined(separator: " ")
        }
    }

    /// Bare where that is unambiguous, otherwise quoted as in JSON.
    private static func logfmt(_ value: String) -> String {
        let isBare = value.utf8.allSatisfy {
            $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") && $0 < 0x7f
        }
        return isBare && !value.isEmpty ? value : JSONValue.string(value).rendered
    }
}
