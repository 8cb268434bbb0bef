/// Numbers in bytes, the lowest byte first. Each caller has checked that the bytes are there.
extension UnsafeRawBufferPointer {
    func load<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
        // SAFETY: the line above keeps the read inside the buffer; it need not be aligned.
        return unsafe T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
        // SAFETY: the line above keeps the write inside the buffer; it need not be aligned.
        unsafe storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}

extension [UInt8] {
    mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// Reads a payload from front to back and never past its end. `nil` means that it ends too early.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    /// How far it has read.
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - position }

    mutating func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T? {
        guard remaining >= MemoryLayout<T>.size else { return nil }
        defer { position += MemoryLayout<T>.size }
        return bytes.load(type, at: position)
    }

    /// The next `count` bytes where they lie.
    mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, count <= remaining else { return nil }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }
}
