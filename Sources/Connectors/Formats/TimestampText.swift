import Config
import Operators

/// Reads timestamps from text in one declared form.
package struct TimestampText {
    package init(
        _ encoding: FieldSpec.TimestampEncoding, timezone: String
    ) throws(ConnectorError) {
    }

    /// Microseconds since the epoch; nil when the text is not of the form.
    package func micros(_ text: UnsafeBufferPointer<UInt8>) -> Int64? { nil }
}
