import CPrimitives
import Glibc

/// The line that a fatal signal leaves in the state directory: which pipeline was at work.
struct CrashNote: Equatable, Sendable {
    var signal: Int64
    var pipeline: String?
    var epoch: Int64?

    /// A pipeline at work in this many deaths in a row is not started again by itself.
    static let deathsMax = 2
    /// Deaths further apart than this are not in a row; microseconds.
    static let memoryMicros: Int64 = 3_600_000_000

    private static func path(_ stateDirectory: String) -> String {
        stateDirectory + "/crash.note"
    }

    /// Reads the note of the daemon that was here before, if it left one.
    static func read(stateDirectory: String) -> CrashNote? {
        SmallFile.read(path(stateDirectory), bytesMax: 4096).flatMap {
            parse(String(decoding: $0, as: UTF8.self))
        }
    }

    /// Empties the note and makes fatal signals write to it from now on.
    static func install(stateDirectory: String) {
        _ = cp_install_crash_note(path(stateDirectory))
    }

    /// `fatal signal=11 pipeline=clicks epoch=7`
    static func parse(_ text: String) -> CrashNote? {
        guard let line = text.split(separator: "\n").first, line.hasPrefix("fatal ") else {
            return nil
        }
        var fields: [Substring: Substring] = [:]
        for word in line.split(separator: " ").dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        guard let signal = fields["signal"].flatMap({ Int64($0) }) else { return nil }
        return CrashNote(
            signal: signal, pipeline: fields["pipeline"].map(String.init),
            epoch: fields["epoch"].flatMap { Int64($0) })
    }
}
