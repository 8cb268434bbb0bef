import Glibc

/// A growing piece of memory that encoders append to and a sink writes out.
///
/// Not a `[UInt8]`, because encoders write at a raw pointer after one check of the room per value.
package struct OutputBytes: ~Copyable {
    private(set) var base: UnsafeMutablePointer<UInt8>
    package private(set) var count = 0
    private var capacity: Int

    package init(capacity: Int = 4096) {
        self.capacity = max(capacity, 64)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// A copy, for tokens and tests.
    package var array: [UInt8] { Array(bytes) }

    /// Drops what is behind the first `count` bytes.
    package mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "truncate to \(count) of \(self.count)")
        self.count = count
    }

    /// Drops the first `count` bytes.
    package mutating func removeFirst(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "remove \(count) of \(self.count)")
        memmove(base, base + count, self.count - count)
        self.count -= count
    }

    /// Gives memory back when much more is held than `bytes`.
    package mutating func shrink(to bytes: Int) {
        guard capacity > 2 * bytes, count <= bytes else { return }
        reallocate(max(bytes, 64))
    }

    /// Makes sure that `extra` more bytes fit.
    @inline(__always)
    mutating func reserve(_ extra: Int) {
        if capacity &- count < extra { reallocate(max(count + extra, capacity * 2)) }
    }

    /// Where the next byte goes. Valid until the next ``reserve(_:)``.
    // SAFETY: `count` never exceeds `capacity`; writers stay within what they have reserved.
    @inline(__always)
    var cursor: UnsafeMutablePointer<UInt8> { base + count }

    /// Takes `written` bytes at ``cursor`` as appended.
    @inline(__always)
    mutating func advance(_ written: Int) { count &+= written }

    @inline(__always)
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        cursor.pointee = byte
        count &+= 1
    }

    @inline(__always)
    mutating func append(_ source: UnsafePointer<UInt8>, count length: Int) {
        reserve(length)
        // SAFETY: `length` bytes were reserved, and the source is not in this buffer.
        memcpy(cursor, source, length)
        count &+= length
    }

    package mutating func append(_ bytes: [UInt8]) {
        reserve(bytes.count)
        for byte in bytes {
            cursor.pointee = byte
            count &+= 1
        }
    }

    package mutating func append(_ text: String) {
        for byte in text.utf8 { append(byte) }
    }

    @inline(never)
    private mutating func reallocate(_ newCapacity: Int) {
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
        memcpy(larger, base, count)
        base.deallocate()
        base = larger
        capacity = newCapacity
    }
}
