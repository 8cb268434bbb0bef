// How rows that cannot be read are described to people.

extension InvalidRow {
    /// How much of a row is kept.
    static let rawBytesMax = 64 * 1024
    private static let quotedBytesMax = 60

    /// A row of `count` bytes at `start`, its line end not among them.
    init(_ start: UnsafePointer<UInt8>, count: Int, error: String, position: Int64) {
        let kept = UnsafeBufferPointer(start: start, count: min(count, InvalidRow.rawBytesMax))
        self.init(raw: Array(kept), error: error, position: position)
    }

    /// Text from a row as it is quoted in a message: `"abc"`, control characters escaped, cut.
    static func quoted(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        let kept = UnsafeBufferPointer(rebasing: bytes.prefix(quotedBytesMax))
        var text = "\""
        for scalar in String(decoding: kept, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\" + String(scalar)
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default: text += scalar.value < 0x20 ? "\\u{\(scalar.value)}" : String(scalar)
            }
        }
        return text + (kept.count < bytes.count ? "…\"" : "\"")
    }
}
