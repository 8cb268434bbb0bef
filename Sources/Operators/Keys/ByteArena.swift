import Glibc

/// Owned bytes for keys: appended, never moved, freed all at once.
///
/// Blocks are ``Buffer``s, so that a column can point into them and outlive the arena.
package struct ByteArena {
    package private(set) var blocks: [Buffer] = []
    /// Bytes stored.
    package private(set) var byteCount = 0
    private var used = 0
    private var capacity = 0
    private let firstBlockBytes: Int

    package init(firstBlockBytes: Int = 4096) { self.firstBlockBytes = firstBlockBytes }

    /// Copies bytes in; the view is valid for as long as the blocks are retained.
    package mutating func store(_ source: UnsafePointer<UInt8>, count: Int) -> StringView {
        if blocks.isEmpty || used + count > capacity { grow(count) }
        guard let block = blocks.last else { return .empty }
        let target = block.pointer(to: UInt8.self) + used
        memcpy(target, source, count)
        used += count
        byteCount += count
        return StringView(base: target, count: count)
    }

    /// Room for `count` bytes, which the caller writes before it calls again.
    package mutating func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if blocks.isEmpty || used + count > capacity { grow(count) }
        let target = blocks[blocks.count - 1].pointer(to: UInt8.self) + used
        used += count
        byteCount += count
        return target
    }

    private mutating func grow(_ count: Int) {
        let size = max(count, min(firstBlockBytes << min(blocks.count, 8), 1 << 20))
        let block = Buffer(capacity: size)
        blocks.append(block)
        capacity = block.capacity
        used = 0
    }
}

extension StringView {
    /// Copies another view's bytes; its header, and so the first four bytes, are known.
    @inline(__always)
    init(copying other: StringView, to target: UnsafeMutablePointer<UInt8>) {
        memcpy(target, other.base, other.count)
        self = other
        base = UnsafePointer(target)
    }
}
