import Glibc

/// Where the bytes of computed strings go: chunks that the result column retains.
struct StringArena {
    /// The longest text that a function may make.
    static let resultBytesMax = 1 << 20
    private static let chunkBytesMax = 1 << 20

    private(set) var chunks: [Buffer] = []
    private var next: UnsafeMutablePointer<UInt8>
    private var free = 0
    private var chunkBytes: Int

    /// - Parameter expectedBytes: A guess at the sum of all results.
    init(expectedBytes: Int) {
        chunkBytes = max(256, min(expectedBytes, StringArena.chunkBytesMax))
        // SAFETY: never written to or read from while `free` is 0.
        next = UnsafeMutablePointer(mutating: StringView.empty.base)
    }

    /// Room for `count` bytes at the returned address, until the next call.
    @inline(__always)
    mutating func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if count > free { grow(count) }
        return next
    }

    /// Keeps the first `count` of the reserved bytes as a string.
    @inline(__always)
    mutating func commit(_ count: Int) -> StringView {
        let view = StringView(base: next, count: count)
        next += count
        free &-= count
        return view
    }

    @inline(never)
    private mutating func grow(_ count: Int) {
        // Views may be compared eight bytes at a time, for which buffers are padded.
        let chunk = Buffer(capacity: max(count, chunkBytes))
        chunkBytes = min(chunkBytes * 2, StringArena.chunkBytesMax)
        chunks.append(chunk)
        next = chunk.pointer(to: UInt8.self)
        free = chunk.capacity
    }
}
