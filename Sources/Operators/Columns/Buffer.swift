import Glibc
import Synchronization

/// A reference-counted piece of raw memory that columns, string views and chunks of input share.
///
/// It is written by whoever made it and read-only once it is part of a ``Column``. Large buffers
/// come from and go back to a pool, so that a batch does not fault fresh pages in: on the
/// reference machine that was a fifth of the time of parsing.
// SAFETY: The memory is written before the buffer is shared and never after.
package final class Buffer: @unchecked Sendable {
    /// The first byte, aligned to 64 bytes.
    package let base: UnsafeMutableRawPointer
    /// How many bytes may be used; another ``paddingBytes`` behind them may be read.
    package let capacity: Int

    /// Readable bytes behind every buffer, so that scans may load whole words at its end.
    package static let paddingBytes = 64

    private let sizeClass: Int

    /// - Parameter capacity: Bytes needed, at least 0. The content is undefined.
    /// - Complexity: O(1) from the pool, otherwise one allocation.
    package init(capacity: Int) {
        precondition(capacity >= 0, "buffer capacity \(capacity)")
        let (memory, size, sizeClass) = BufferPool.take(bytes: capacity + Buffer.paddingBytes)
        self.base = memory
        self.capacity = size - Buffer.paddingBytes
        self.sizeClass = sizeClass
    }

    deinit {
        BufferPool.give(base, sizeClass: sizeClass)
    }

    /// The memory as an array of `T` that starts at the first byte.
    @inlinable package func pointer<T>(to type: T.Type) -> UnsafeMutablePointer<T> {
        // SAFETY: `base` is aligned to 64 bytes and the caller stays within `capacity`.
        base.assumingMemoryBound(to: type)
    }
}

/// Free blocks of memory by power-of-two size, bounded in bytes.
private enum BufferPool {
    /// Blocks below this size go to malloc, which keeps small blocks itself.
    static let pooledBytesMin = 16 * 1024
    /// Blocks above this size go back to the system at once.
    static let pooledClassMax = 23
    /// How much free memory is kept at most.
    static let keptBytesMax = 32 << 20

    struct State: @unchecked Sendable {  // SAFETY: only reached under the mutex.
        var free: [[UnsafeMutableRawPointer]] = Array(repeating: [], count: 64)
        var keptBytes = 0
    }
    static let state = Mutex(State())

    static func take(bytes: Int) -> (UnsafeMutableRawPointer, Int, Int) {
        if bytes < pooledBytesMin {
            return (allocate(bytes), bytes, -1)
        }
        let sizeClass = Int.bitWidth - (bytes - 1).leadingZeroBitCount
        if sizeClass > pooledClassMax {
            return (allocate(bytes), bytes, -1)
        }
        let size = 1 << sizeClass
        // SAFETY: a block is in the pool only when no buffer holds it.
        let kept = state.withLock { state -> UnsafeMutableRawPointer? in
            guard let block = state.free[sizeClass].popLast() else { return nil }
            state.keptBytes -= size
            return block
        }
        return (kept ?? allocate(size), size, sizeClass)
    }

    static func give(_ memory: UnsafeMutableRawPointer, sizeClass: Int) {
        guard sizeClass >= 0 else { return free(memory) }
        let size = 1 << sizeClass
        nonisolated(unsafe) let block = memory  // SAFETY: its last owner is gone.
        let isKept = state.withLock { state -> Bool in
            guard state.keptBytes + size <= keptBytesMax else { return false }
            state.free[sizeClass].append(block)
            state.keptBytes += size
            return true
        }
        if !isKept { free(block) }
    }

    private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        var memory: UnsafeMutableRawPointer?
        let code = posix_memalign(&memory, 64, bytes)
        guard code == 0, let memory else {
            fatalError("cannot allocate \(bytes) bytes: \(String(cString: strerror(code)))")
        }
        return memory
    }
}
