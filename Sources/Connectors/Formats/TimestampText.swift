import Config
import Operators

/// Reads timestamps from text in one declared form.
package struct TimestampText {
    private enum Form {
        case rfc3339
        case pattern(DatePattern)
    }
    private let form: Form
    private let zone: TimeZoneRules

    /// - Parameters:
    ///   - encoding: Integers in text are the caller's; they are read as RFC 3339 here.
    ///   - timezone: Where a time without an offset is: an IANA name or `±hh:mm`.
    /// - Throws: ``ConnectorError``, terminal, for a zone that is not known and a pattern that is
    ///   none.
    package init(
        _ encoding: FieldSpec.TimestampEncoding, timezone: String
    ) throws(ConnectorError) {
        do throws(TimeZoneError) { zone = try TimeZoneRules.named(timezone) } catch {
            throw ConnectorError(.terminal, error.message + Self.remedy(error.help))
        }
        guard case .pattern(let pattern) = encoding else {
            form = .rfc3339
            return
        }
        switch DatePattern.compile(pattern, isParsing: true) {
        case .success(let compiled): form = .pattern(compiled)
        case .failure(let problem):
            throw ConnectorError(
                .terminal,
                "cannot read timestamps by '\(pattern)': \(problem.message)"
                    + Self.remedy(problem.help))
        }
    }

    private static func remedy(_ help: String?) -> String { help.map { "; " + $0 } ?? "" }

    /// Microseconds since the epoch; nil when the text is not of the form.
    package func micros(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        switch form {
        case .rfc3339: return Timestamp.parseRFC3339(text, zone: zone)
        case .pattern(let pattern): return pattern.parse(text, zone: zone)
        }
    }
}
