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

    private mutating func grow(_ count: Int) {
        let size = max(count, min(firstBlockBytes << min(blocks.count, 8), 1 << 20))
        let block = Buffer(capacity: size)
        blocks.append(block)
        capacity = block.capacity
        used = 0
    }
}
