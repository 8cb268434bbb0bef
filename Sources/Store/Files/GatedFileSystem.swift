import Glibc

/// A file system whose changes can be held up for a moment, so that a backup sees a folder as it stands.
///
/// Reading and syncing are never held up. A change that is waits, and is then made.
package final class GatedFileSystem: FileSystem {
    /// What is behind the gate: for who holds it.
    let base: any FileSystem
    let gate = FileGate()

    private static let waitMicros: UInt32 = 1_000

    package init(_ base: any FileSystem) { self.base = base }

    /// Does something while nobody changes anything.
    ///
    /// - Parameters:
    ///   - micros: How long the changes that are under way may take to end.
    ///   - body: Uses ``base`` alone, and bounds its own time.
    /// - Returns: What `body` gave, and how long changes were held up, microseconds.
    /// - Throws: `.inUse` where changes did not end in time.
    func holding<R>(
        atMostMicros micros: Int64, _ body: () throws(StoreError) -> R
    ) throws(StoreError) -> (result: R, heldMicros: Int64) {
        let begun = Self.monotonicMicros()
        guard gate.hold(atMostMicros: micros) else { throw .cannotHold(micros: micros) }
        defer { gate.release() }
        let result = try body()
        return (result, Self.monotonicMicros() - begun)
    }

    static func monotonicMicros() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// Makes a change as soon as nobody holds changes up or has pinned what it would change.
    private func change<R>(
        unless isPinned: () throws(StoreError) -> Bool = { false },
        _ body: () throws(StoreError) -> R
    ) throws(StoreError) -> R {
        while true {
            gate.enter()
            do {
                defer { gate.leave() }
                let isFree = gate.isPinning ? try !isPinned() : true
                if isFree { return try body() }
            }
            usleep(Self.waitMicros)
        }
    }

    private func isPinned(_ file: OpenFile, at position: Int64) throws(StoreError) -> Bool {
        gate.isPinned(FileIdentity(try base.status(file)), at: position)
    }

    // MARK: - FileSystem

    package func open(_ path: String, _ access: FileAccess, permissions: UInt32)
        throws(StoreError) -> OpenFile
    {
        switch access {
        case .read, .write: return try base.open(path, access, permissions: permissions)
        case .create, .createNew:
            return try change { () throws(StoreError) in
                try base.open(path, access, permissions: permissions)
            }
        case .replace:
            return try change { () throws(StoreError) in
                guard let status = try base.status(path: path) else { return false }
                return gate.isPinned(FileIdentity(status), at: 0)
            } _: { () throws(StoreError) in
                try base.open(path, access, permissions: permissions)
            }
        }
    }

    package func close(_ file: OpenFile) { base.close(file) }

    package func read(
        _ file: OpenFile, at position: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Int {
        try base.read(file, at: position, into: buffer)
    }

    package func write(_ file: OpenFile, at position: Int64, _ bytes: UnsafeRawBufferPointer)
        throws(StoreError)
    {
        try change { () throws(StoreError) in
            try isPinned(file, at: position)
        } _: { () throws(StoreError) in
            try base.write(file, at: position, bytes)
        }
    }

    package func truncate(_ file: OpenFile, to length: Int64) throws(StoreError) {
        try change { () throws(StoreError) in
            try isPinned(file, at: length)
        } _: { () throws(StoreError) in
            try base.truncate(file, to: length)
        }
    }

    package func reserve(_ file: OpenFile, length: Int64) throws(StoreError) {
        try change { () throws(StoreError) in try base.reserve(file, length: length) }
    }

    package func sync(_ file: OpenFile) throws(StoreError) { try base.sync(file) }

    package func status(_ file: OpenFile) throws(StoreError) -> FileStatus {
        try base.status(file)
    }

    package func status(path: String) throws(StoreError) -> FileStatus? {
        try base.status(path: path)
    }

    package func lock(_ file: OpenFile) throws(StoreError) -> Bool { try base.lock(file) }

    package func rename(_ path: String, to newPath: String) throws(StoreError) {
        try change { () throws(StoreError) in try base.rename(path, to: newPath) }
    }

    package func link(_ path: String, to newPath: String) throws(StoreError) {
        try change { () throws(StoreError) in try base.link(path, to: newPath) }
    }

    package func clone(_ file: OpenFile, to target: OpenFile) -> Bool {
        gate.enter()
        defer { gate.leave() }
        return base.clone(file, to: target)
    }

    @discardableResult
    package func unlink(_ path: String) throws(StoreError) -> Bool {
        try change { () throws(StoreError) in try base.unlink(path) }
    }

    @discardableResult
    package func createDirectory(_ path: String, permissions: UInt32) throws(StoreError) -> Bool {
        try change { () throws(StoreError) in
            try base.createDirectory(path, permissions: permissions)
        }
    }

    @discardableResult
    package func removeDirectory(_ path: String) throws(StoreError) -> Bool {
        try change { () throws(StoreError) in try base.removeDirectory(path) }
    }

    package func list(_ path: String) throws(StoreError) -> [String] { try base.list(path) }

    package func availableBytes(_ path: String) throws(StoreError) -> Int64 {
        try base.availableBytes(path)
    }

    package func syncDirectory(_ path: String) throws(StoreError) { try base.syncDirectory(path) }
}
