/// Writes the fields of a position or a token, little-endian.
struct TokenWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// A length in 32 bits and the bytes.
    mutating func append(_ value: [UInt8]) {
        append(UInt32(value.count))
        bytes += value
    }

    mutating func append(_ value: String) { append(Array(value.utf8)) }
}

/// Reads what a ``TokenWriter`` wrote. Everything is nil once a field was not there.
struct TokenReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func read<T: FixedWidthInteger>(_ type: T.Type) -> T? {
        let size = T.bitWidth / 8
        guard rest.count >= size else { return nil }
        let value = rest.withUnsafeBytes { $0.loadUnaligned(as: T.self) }
        rest = rest.dropFirst(size)
        return T(littleEndian: value)
    }

    mutating func readBytes() -> [UInt8]? {
        guard let count = read(UInt32.self), rest.count >= Int(count) else { return nil }
        let value = Array(rest.prefix(Int(count)))
        rest = rest.dropFirst(Int(count))
        return value
    }

    mutating func readString() -> String? {
        readBytes().map { String(decoding: $0, as: UTF8.self) }
    }
}

/// FNV-1a, 64 bits: a hash of content that stands in positions and tokens. It tells files apart;
/// it does not resist an attacker.
enum ContentHash {
    static let empty: UInt64 = 0xcbf2_9ce4_8422_2325

    static func hash(_ bytes: some Sequence<UInt8>, seed: UInt64 = empty) -> UInt64 {
        var value = seed
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return value
    }
}
