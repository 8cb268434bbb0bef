import Glibc

/// Why there are no rules for a zone.
package struct TimeZoneError: Error, Hashable, Sendable {
    package let message: String
    package let help: String?
}

/// The offsets from UTC that a place has had and will have.
///
/// Immutable; made once for each zone that a spec names.
package final class TimeZoneRules: Sendable {
    /// A stretch of time with one offset.
    struct Span: Sendable {
        /// Seconds since the epoch, inclusive.
        let start: Int64
        /// Seconds east of UTC.
        let offset: Int32
        let abbreviation: [UInt8]
    }

    /// `Europe/Berlin`, `UTC`, `+02:00`.
    package let name: String
    /// Whether the offset is 0 at all times.
    package let isUTC: Bool
    /// Ascending; the first starts at `Int64.min`.
    let spans: [Span]
    /// What goes on in the years behind the last span; nil when that span never ends.
    let footer: PosixZone?

    init(name: String, spans: [Span], footer: PosixZone?) {
        self.name = name
        self.spans = spans
        self.footer = footer
        isUTC = spans.count == 1 && spans[0].offset == 0 && footer == nil
    }

    /// The same offset at all times.
    package convenience init(name: String, offsetSeconds: Int32) {
        let span = Span(start: .min, offset: offsetSeconds, abbreviation: Array(name.utf8))
        self.init(name: name, spans: [span], footer: nil)
    }

    package static let utc = TimeZoneRules(name: "UTC", offsetSeconds: 0)

    // MARK: Offsets

    /// Seconds east of UTC at a moment.
    ///
    /// - Parameter seconds: Since the epoch, UTC.
    /// - Complexity: O(log spans); does not allocate.
    package func offset(at seconds: Int64) -> Int {
        let index = spanIndex(at: seconds)
        if index == spans.count - 1, let footer { return footer.offset(at: seconds) }
        return Int(spans[index].offset)
    }

    /// The abbreviation in use at a moment: `CET`.
    func abbreviation(at seconds: Int64) -> [UInt8] {
        let index = spanIndex(at: seconds)
        if index == spans.count - 1, let footer { return footer.abbreviation(at: seconds) }
        return spans[index].abbreviation
    }

    private func spanIndex(at seconds: Int64) -> Int {
        var low = 0
        var high = spans.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if spans[middle].start <= seconds { low = middle } else { high = middle }
        }
        return low
    }

    /// What the clocks of the zone show at a moment, as microseconds of a clock without zone.
    package func microsecondsLocal(utc micros: Int64) -> Int64 {
        if isUTC { return micros }
        let (seconds, _) = Timestamp.floorDivide(micros, Timestamp.microsPerSecond)
        return micros &+ Int64(offset(at: seconds)) &* Timestamp.microsPerSecond
    }

    /// The moment at which the clocks of the zone show a time.
    ///
    /// As in PostgreSQL: a time that a change of clocks skips counts by the offset before the
    /// change (02:30 becomes 03:30), one that it repeats is the second, in standard time.
    ///
    /// - Complexity: O(log spans); does not allocate.
    package func microsecondsUTC(local micros: Int64) -> Int64 {
        microsecondsUTC(local: micros, isFirst: false)
    }

    /// The same, with the first moment for a time that a change of clocks repeats: where a day begins.
    package func firstMicrosecondsUTC(local micros: Int64) -> Int64 {
        microsecondsUTC(local: micros, isFirst: true)
    }

    private func microsecondsUTC(local micros: Int64, isFirst: Bool) -> Int64 {
        if isUTC { return micros }
        let (seconds, _) = Timestamp.floorDivide(micros, Timestamp.microsPerSecond)
        // No offset is longer than a day, so one of these two holds at that moment.
        let before = Int64(offset(at: seconds &- 86_400))
        let after = Int64(offset(at: seconds &+ 86_400))
        var chosen = before
        if before != after, Int64(offset(at: seconds &- after)) == after,
            !isFirst || Int64(offset(at: seconds &- before)) != before
        {
            chosen = after
        }
        return micros &- chosen &* Timestamp.microsPerSecond
    }

    // MARK: Names

    /// The rules of `Europe/Berlin` (from the system's zone files), `UTC`, `+02:00`, or `local`.
    package static func named(_ name: String) throws(TimeZoneError) -> TimeZoneRules {
        if ["UTC", "Z", "Etc/UTC", "GMT"].contains(name) { return utc }
        if name == "local" { return try local() }
        if let offset = fixedOffset(name) {
            return TimeZoneRules(name: name, offsetSeconds: offset)
        }
        let isPlain = name.utf8.allSatisfy { byte in
            (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (byte >= 0x30 && byte <= 0x39)
                || [UInt8]("_+-/".utf8).contains(byte)
        }
        guard isPlain, !name.isEmpty, !name.hasPrefix("/") else {
            throw unknown(name)
        }
        guard let bytes = read("\(directory)/\(name)") else { throw unknown(name) }
        guard let rules = TimeZoneFile.rules(name: name, bytes) else {
            throw TimeZoneError(
                message: "cannot read time zone '\(name)': \(directory)/\(name) is damaged",
                help: nil)
        }
        return rules
    }

    private static func unknown(_ name: String) -> TimeZoneError {
        if read("\(directory)/Europe/London") == nil {
            return TimeZoneError(
                message: "cannot read time zone '\(name)': this machine has no zone files in "
                    + directory,
                help: "install the package tzdata, or give an offset such as '+02:00'")
        }
        return TimeZoneError(
            message: "unknown time zone '\(name)'",
            help: "write it like 'Europe/Berlin', 'UTC' or '+02:00'")
    }

    /// The rules of this machine: those that `TZ` names, or `/etc/localtime`; UTC without both.
    package static func local() throws(TimeZoneError) -> TimeZoneRules {
        try local(variable: getenv("TZ").map { String(cString: $0) })
    }

    /// - Parameter variable: What `TZ` holds, nil when it is not set.
    static func local(variable: String?) throws(TimeZoneError) -> TimeZoneRules {
        if let variable {
            var text = variable
            if text.hasPrefix(":") { text.removeFirst() }
            if text.hasPrefix(directory + "/") { text.removeFirst(directory.utf8.count + 1) }
            if text.isEmpty { return utc }
            if text.hasPrefix("/"), let bytes = read(text),
                let rules = TimeZoneFile.rules(name: text, bytes)
            {
                return rules
            }
            if text != "local", let rules = try? named(text) { return rules }
            if let footer = PosixZone(Array(text.utf8)) {
                return TimeZoneFile.rules(name: text, spans: [], footer: footer)
            }
            throw unknown(text)
        }
        if let target = linkTarget("/etc/localtime"), let name = zoneName(inPath: target),
            name != "local"
        {
            return try named(name)
        }
        guard let bytes = read("/etc/localtime") else { return utc }
        guard let rules = TimeZoneFile.rules(name: "local", bytes) else {
            throw TimeZoneError(
                message: "cannot read the machine's time zone: /etc/localtime is damaged",
                help: nil)
        }
        return rules
    }

    /// `+02:00`, `-0530`, `+02`, also behind `UTC` or `GMT`.
    private static func fixedOffset(_ name: String) -> Int32? {
        var text = name
        if text.hasPrefix("UTC") || text.hasPrefix("GMT") { text.removeFirst(3) }
        return text.withUTF8 { bytes -> Int32? in
            guard let first = bytes.first,
                first == UInt8(ascii: "+") || first == UInt8(ascii: "-")
            else { return nil }
            var index = 0
            guard let offset = Timestamp.offset(bytes, &index), index == bytes.count else {
                return nil
            }
            return Int32(offset)
        }
    }

    private static func zoneName(inPath path: String) -> String? {
        let marker = Array("zoneinfo/".utf8)
        let bytes = Array(path.utf8)
        guard bytes.count > marker.count else { return nil }
        for start in 0...(bytes.count - marker.count)
        where bytes[start..<start + marker.count].elementsEqual(marker) {
            return String(decoding: bytes[(start + marker.count)...], as: UTF8.self)
        }
        return nil
    }

    // MARK: Files

    private static var directory: String {
        getenv("TZDIR").map { String(cString: $0) } ?? "/usr/share/zoneinfo"
    }

    private static let fileBytesMax = 1 << 20

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: fileBytesMax)
        var count = 0
        while count < fileBytesMax {
            let got = bytes.withUnsafeMutableBytes { buffer -> Int in
                // SAFETY: the rest of the buffer is `fileBytesMax - count` bytes long.
                buffer.baseAddress.map {
                    Glibc.read(descriptor, $0 + count, fileBytesMax - count)
                } ?? 0
            }
            if got < 0 { return nil }
            if got == 0 { break }
            count += got
        }
        return Array(bytes[..<count])
    }

    private static func linkTarget(_ path: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer -> String? in
            guard let base = buffer.baseAddress else { return nil }
            let count = readlink(path, base, 4095)
            guard count > 0 else { return nil }
            return buffer.withMemoryRebound(to: UInt8.self) {
                String(decoding: $0[..<count], as: UTF8.self)
            }
        }
    }
}
