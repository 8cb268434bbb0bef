import Glibc
import Synchronization

/// What names a file for as long as it exists, whatever its path.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    package init(_ status: FileStatus) {
        device = status.device
        inode = status.inode
    }
}

/// Lets changes of files through, and holds all of them up while somebody looks.
///
/// A change is one call of a ``FileSystem``. What is seen while they are held is therefore what a killed
/// process leaves: what the store is made to recover from.
final class FileGate: Sendable {
    /// How many changes are under way.
    private let changing = Atomic<Int>(0)
    private let isHeld = Atomic(false)
    /// Files that may grow and not change below a length.
    private let pins = Mutex<[FileIdentity: Int64]>([:])
    private let hasPins = Atomic(false)

    private static let waitMicros: UInt32 = 200

    // MARK: Changing

    /// Begins a change, as soon as it may be made.
    func enter() {
        while true {
            // Announced before looking, as the holder asks for a hold before it looks: one of the two
            // sees the other.
            changing.add(1, ordering: .sequentiallyConsistent)
            if !isHeld.load(ordering: .sequentiallyConsistent) { return }
            changing.subtract(1, ordering: .sequentiallyConsistent)
            usleep(Self.waitMicros)
        }
    }

    func leave() { changing.subtract(1, ordering: .sequentiallyConsistent) }

    // MARK: Holding

    /// Holds changes up until ``release()``.
    ///
    /// - Returns: False where one that was under way has not ended in time, or somebody else holds
    ///   them; nothing is held then.
    func hold(atMostMicros micros: Int64) -> Bool {
        guard !isHeld.exchange(true, ordering: .sequentiallyConsistent) else { return false }
        var waited: Int64 = 0
        while changing.load(ordering: .sequentiallyConsistent) > 0 {
            guard waited < micros else {
                release()
                return false
            }
            usleep(Self.waitMicros)
            waited += Int64(Self.waitMicros)
        }
        return true
    }

    func release() { isHeld.store(false, ordering: .sequentiallyConsistent) }

    // MARK: Pins

    /// Lets a file only grow behind `length`, until it is unpinned.
    func pin(_ file: FileIdentity, length: Int64) {
        pins.withLock { $0[file] = length }
        hasPins.store(true, ordering: .sequentiallyConsistent)
    }

    func unpin(_ file: FileIdentity) {
        let isEmpty = pins.withLock { pins in
            pins[file] = nil
            return pins.isEmpty
        }
        if isEmpty { hasPins.store(false, ordering: .sequentiallyConsistent) }
    }

    func unpinAll() {
        pins.withLock { $0 = [:] }
        hasPins.store(false, ordering: .sequentiallyConsistent)
    }

    /// Whether any file is pinned.
    var isPinning: Bool { hasPins.load(ordering: .sequentiallyConsistent) }

    /// Whether a change at this byte has to wait.
    func isPinned(_ file: FileIdentity, at position: Int64) -> Bool {
        pins.withLock { pins in pins[file].map { position < $0 } ?? false }
    }
}
