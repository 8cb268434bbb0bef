import CPrimitives
import Glibc

/// A string in a column: where its UTF-8 bytes lie, how many there are, and the first four of them.
///
/// The view owns nothing; the ``Column`` it stands in retains the buffers. Strings are compared as
/// bytes, never by canonical equivalence. `header` holds the length in its low half and the first
/// four bytes (zero padded) in its high half, so that most unequal strings differ in one word.
package struct StringView: BitwiseCopyable {
    package var header: UInt64
    package var base: UnsafePointer<UInt8>

    /// - Parameters:
    ///   - base: The first byte; it must stay valid for as long as the view is used.
    ///   - count: Bytes, `0...UInt32.max`.
    /// - Complexity: O(1); reads at most four bytes.
    @inlinable @inline(__always)
    package init(base: UnsafePointer<UInt8>, count: Int) {
        var prefix: UInt32 = 0
        if count >= 4 {
            // SAFETY: four bytes are there.
            prefix = UnsafeRawPointer(base).loadUnaligned(as: UInt32.self)
        } else {
            var index = 0
            while index < count {
                prefix |= UInt32(base[index]) &<< UInt32(8 &* index)
                index &+= 1
            }
        }
        self.header = UInt64(UInt32(truncatingIfNeeded: count)) | (UInt64(prefix) &<< 32)
        self.base = base
    }

    /// The bytes of a buffer.
    package init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.init(base: bytes.baseAddress ?? StringView.emptyBase, count: bytes.count)
    }

    /// The empty string.
    package static var empty: StringView { StringView(base: StringView.emptyBase, count: 0) }

    // SAFETY: one byte that lives for ever and is never read as part of a string.
    private nonisolated(unsafe) static let emptyBase: UnsafePointer<UInt8> = {
        let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
        byte.initialize(repeating: 0, count: 64)
        return UnsafePointer(byte)
    }()

    /// Length in bytes.
    @inlinable @inline(__always)
    package var count: Int { Int(truncatingIfNeeded: header & 0xffff_ffff) }

    @inlinable package var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base, count: count)
    }

    /// A hash for tables in memory; not part of any format.
    @inlinable package var hash: UInt64 { cp_hash(base, count) }

    /// Whether both have the same bytes.
    @inlinable @inline(__always)
    package static func == (a: StringView, b: StringView) -> Bool {
        if a.header != b.header { return false }
        return a.count <= 4 || cp_equal(a.base, b.base, a.count) != 0
    }

    /// Less than 0, 0 or more than 0 as `a` sorts before, with or after `b`, by bytes.
    package static func compare(_ a: StringView, _ b: StringView) -> Int {
        let order = memcmp(a.base, b.base, min(a.count, b.count))
        return order != 0 ? Int(order) : a.count - b.count
    }

    /// A copy as a Swift string. For people and slow paths only.
    package var string: String { String(decoding: bytes, as: UTF8.self) }
}
