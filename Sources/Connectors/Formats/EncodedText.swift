import Operators

/// Reads the text of a field as a type that lies in memory as bytes: arrays and structs from JSON,
/// json as it is, bytes from `\x` and hexadecimal digits.
final class EncodedText {
    private let type: ColumnType
    private var reading: JSONReading
    private var arena = ByteArena()

    init(_ type: ColumnType) {
        self.type = type
        reading = JSONReading(type)
    }

    /// What the views point into, besides what the texts do.
    var blocks: [Buffer] { arena.blocks }

    /// - Returns: nil for text that is none.
    func view(_ text: StringView) -> StringView? {
        let bytes: [UInt8]?
        if type == .bytes {
            let prefix = Array("\\x".utf8)
            guard text.bytes.starts(with: prefix) else { return nil }
            bytes = Hexadecimal.decode(UnsafeBufferPointer(rebasing: text.bytes.dropFirst(2)))
        } else {
            bytes = reading.bytes(text.bytes)
        }
        return bytes.map { bytes in
            bytes.withUnsafeBufferPointer { bytes in
                bytes.baseAddress.map { arena.store($0, count: bytes.count) } ?? .empty
            }
        }
    }
}
