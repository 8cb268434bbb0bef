import Glibc
import Synchronization

/// A file system in memory that fails as it is told to: for tests of everything that must survive.
///
/// It refuses any call, fills up, stops at any mutating call as a machine that loses power, and
/// gives the disk that is found afterwards (``afterPowerCut(_:seed:)``) or after the process alone
/// was killed (``afterKill()``). The same seed gives the same run.
package final class SimulatedFileSystem: FileSystem {
    private let state: Mutex<SimulatedMachine>

    package init(seed: UInt64 = 1) {
        state = Mutex(SimulatedMachine(random: RandomSource(seed: seed)))
    }

    private init(disk: SimulatedDisk, capacity: Int, seed: UInt64) {
        state = Mutex(
            SimulatedMachine(disk: disk, random: RandomSource(seed: seed), capacity: capacity))
    }

    // MARK: - What a test does to it

    /// Refuses a call. Several faults count independently.
    package func inject(_ fault: SimulatedFault) { state.withLock { $0.faults.append(fault) } }

    /// Makes calls of this kind succeed and do nothing, as a program with a mistake would have it:
    /// for tests that must notice.
    package func ignore(_ call: SimulatedCall) { state.withLock { _ = $0.ignored.insert(call) } }

    package func removeFaults() { state.withLock { $0.faults = [] } }

    /// How many bytes fit on the disk.
    package func setCapacity(_ bytes: Int) { state.withLock { $0.capacity = bytes } }

    /// Stops the machine at a mutating call, 0 for the next one: it is done, perhaps in part, but
    /// the caller gets an error, as for every call afterwards.
    package func crash(afterMutations count: Int) {
        state.withLock { $0.crashMutation = $0.mutationCount + count }
    }

    package var hasCrashed: Bool { state.withLock { $0.hasCrashed } }
    /// How many calls have changed something or synced it.
    package var mutationCount: Int { state.withLock { $0.mutationCount } }
    /// How many descriptors are open.
    package var openCount: Int { state.withLock { $0.files.count } }
    /// All calls so far, refused ones included.
    package var trace: [(call: SimulatedCall, path: String)] { state.withLock { $0.trace } }

    /// The machine after a power cut and a new start. This one is left as it is, so that several
    /// outcomes can be looked at.
    package func afterPowerCut(_ cut: PowerCut, seed: UInt64) -> SimulatedFileSystem {
        state.withLock { state in
            var random = RandomSource(seed: seed)
            let disk = state.disk.afterPowerCut(cut, &random)
            return SimulatedFileSystem(disk: disk, capacity: state.capacity, seed: seed)
        }
    }

    /// The machine after the process was killed: what was written is there, synced or not.
    package func afterKill() -> SimulatedFileSystem {
        state.withLock { state in
            SimulatedFileSystem(disk: state.disk, capacity: state.capacity, seed: 1)
        }
    }

    /// A file's bytes as readers see them.
    package func contents(_ path: String) -> [UInt8]? {
        state.withLock { state in
            state.disk.inode(path).flatMap { state.disk.nodes[$0]?.data }
        }
    }

    /// Gives a file the bytes, durably and without a trace, creating it and its folders.
    package func setContents(_ path: String, _ bytes: [UInt8]) {
        state.withLock { state in
            var inode = SimulatedDisk.root
            let parts = SimulatedDisk.parts(path)
            for (index, part) in parts.enumerated() {
                if let next = state.disk.nodes[inode]?.names[part] {
                    inode = next
                    continue
                }
                let isDirectory = index + 1 < parts.count
                let created = state.disk.create(isDirectory: isDirectory, in: inode, part)
                state.disk.sync(inode)
                inode = created
            }
            state.disk.nodes[inode]?.data = bytes
            state.disk.nodes[inode]?.durableData = bytes
            state.disk.nodes[inode]?.dataChanges = []
        }
    }

    // MARK: - FileSystem

    package func open(_ path: String, _ access: FileAccess, permissions: UInt32)
        throws(StoreError) -> OpenFile
    {
        try run(.open, "open", path) { (state) throws(Refusal) in
            if let inode = state.disk.inode(path) {
                if case .createNew = access { throw Refusal(EEXIST) }
                guard state.disk.nodes[inode]?.isDirectory == false else { throw Refusal(EISDIR) }
                if case .replace = access {
                    try state.mutate { $0.disk.change(inode, .resize(0)) }
                }
                return state.describe(inode, path)
            }
            switch access {
            case .read, .write: throw Refusal(ENOENT)
            case .create, .createNew, .replace: break
            }
            guard let (directory, name) = state.disk.parent(path) else { throw Refusal(ENOENT) }
            let inode = try state.mutate { state in
                state.disk.create(isDirectory: false, in: directory, name)
            }
            return state.describe(inode, path)
        }
    }

    package func close(_ file: OpenFile) {
        state.withLock { state in
            guard let inode = state.files.removeValue(forKey: file.descriptor) else { return }
            if state.locks[inode] == file.descriptor { state.locks[inode] = nil }
        }
    }

    package func read(
        _ file: OpenFile, at position: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Int {
        // The buffer is the caller's for as long as the call lasts, and the closure does not escape.
        nonisolated(unsafe) let buffer = buffer
        return try run(.read, "read", file.path, at: position) { (state) throws(Refusal) in
            let data = try state.node(file).data
            guard position >= 0, position < data.count else { return 0 }
            let count = min(buffer.count, data.count - Int(position))
            buffer.copyBytes(from: data[Int(position)..<Int(position) + count])
            return count
        }
    }

    package func write(_ file: OpenFile, at position: Int64, _ bytes: UnsafeRawBufferPointer)
        throws(StoreError)
    {
        let bytes = [UInt8](bytes)
        try run(.write, "write", file.path, at: position) { (state) throws(Refusal) in
            let length = try state.node(file).data.count
            let growth = max(0, Int(position) + bytes.count - length)
            let room = max(0, state.capacity - state.disk.byteCount)
            let kept = growth <= room ? bytes : Array(bytes.dropLast(growth - room))
            let inode = try state.inode(file)
            if !kept.isEmpty || growth == 0 {
                try state.mutate {
                    $0.disk.change(inode, .write(position: Int(position), bytes: kept))
                }
            }
            if kept.count < bytes.count { throw Refusal(ENOSPC) }
        }
    }

    package func truncate(_ file: OpenFile, to length: Int64) throws(StoreError) {
        try run(.truncate, "cut", file.path, at: length) { (state) throws(Refusal) in
            let inode = try state.inode(file)
            try state.mutate { $0.disk.change(inode, .resize(Int(length))) }
        }
    }

    package func reserve(_ file: OpenFile, length: Int64) throws(StoreError) {
        try run(.reserve, "reserve room for", file.path) { (state) throws(Refusal) in
            let growth = Int(length) - (try state.node(file).data.count)
            guard growth > 0 else { return }
            guard growth <= state.capacity - state.disk.byteCount else { throw Refusal(ENOSPC) }
            let inode = try state.inode(file)
            try state.mutate { $0.disk.change(inode, .resize(Int(length))) }
        }
    }

    package func sync(_ file: OpenFile) throws(StoreError) {
        try run(.sync, "sync", file.path) { (state) throws(Refusal) in
            let inode = try state.inode(file)
            try state.sync(inode, .sync)
        } onFault: { state in
            if let inode = state.files[file.descriptor] {
                state.disk.failSync(inode, &state.random)
            }
        }
    }

    package func status(_ file: OpenFile) throws(StoreError) -> FileStatus {
        try run(.status, "look at", file.path) { (state) throws(Refusal) in
            state.status(try state.inode(file))
        }
    }

    package func status(path: String) throws(StoreError) -> FileStatus? {
        try run(.status, "look at", path) { state in state.disk.inode(path).map(state.status) }
    }

    package func lock(_ file: OpenFile) throws(StoreError) -> Bool {
        try run(.lock, "lock", file.path) { (state) throws(Refusal) in
            let inode = try state.inode(file)
            if let holder = state.locks[inode] { return holder == file.descriptor }
            state.locks[inode] = file.descriptor
            return true
        }
    }

    package func rename(_ path: String, to newPath: String) throws(StoreError) {
        try run(.rename, "rename", path) { (state) throws(Refusal) in
            guard let inode = state.disk.inode(path), let old = state.disk.parent(path),
                let new = state.disk.parent(newPath)
            else { throw Refusal(ENOENT) }
            try state.mutate { state in
                if old.inode == new.inode {
                    state.disk.change(old.inode, .rename(old.name, new.name, inode))
                } else {
                    state.disk.change(new.inode, .set(new.name, inode))
                    state.disk.change(old.inode, .remove(old.name))
                }
            }
        }
    }

    package func link(_ path: String, to newPath: String) throws(StoreError) {
        try run(.link, "link", path) { (state) throws(Refusal) in
            guard let inode = state.disk.inode(path),
                let (directory, name) = state.disk.parent(newPath)
            else { throw Refusal(ENOENT) }
            guard state.disk.inode(newPath) == nil else { throw Refusal(EEXIST) }
            try state.mutate { $0.disk.change(directory, .set(name, inode)) }
        }
    }

    @discardableResult
    package func unlink(_ path: String) throws(StoreError) -> Bool {
        try run(.unlink, "remove", path) { (state) throws(Refusal) in
            guard let inode = state.disk.inode(path),
                let (directory, name) = state.disk.parent(path)
            else { return false }
            guard state.disk.nodes[inode]?.isDirectory == false else { throw Refusal(EISDIR) }
            try state.mutate { $0.disk.change(directory, .remove(name)) }
            // Room is given back at once. What survives a power cut keeps its durable bytes.
            if !state.files.values.contains(inode), !state.disk.hasName(inode) {
                state.disk.nodes[inode]?.data = []
            }
            return true
        }
    }

    @discardableResult
    package func createDirectory(_ path: String, permissions: UInt32) throws(StoreError) -> Bool {
        try run(.createDirectory, "create the folder", path) { (state) throws(Refusal) in
            if let inode = state.disk.inode(path) {
                guard state.disk.nodes[inode]?.isDirectory == true else { throw Refusal(EEXIST) }
                return false
            }
            guard let (directory, name) = state.disk.parent(path) else { throw Refusal(ENOENT) }
            _ = try state.mutate { $0.disk.create(isDirectory: true, in: directory, name) }
            return true
        }
    }

    @discardableResult
    package func removeDirectory(_ path: String) throws(StoreError) -> Bool {
        try run(.removeDirectory, "remove the folder", path) { (state) throws(Refusal) in
            guard let inode = state.disk.inode(path),
                let (directory, name) = state.disk.parent(path)
            else { return false }
            guard state.disk.nodes[inode]?.names.isEmpty == true else { throw Refusal(ENOTEMPTY) }
            try state.mutate { $0.disk.change(directory, .remove(name)) }
            return true
        }
    }

    package func list(_ path: String) throws(StoreError) -> [String] {
        try run(.list, "list", path) { (state) throws(Refusal) in
            guard let inode = state.disk.inode(path), let node = state.disk.nodes[inode] else {
                throw Refusal(ENOENT)
            }
            guard node.isDirectory else { throw Refusal(ENOTDIR) }
            return node.names.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    package func availableBytes(_ path: String) throws(StoreError) -> Int64 {
        try run(.availableBytes, "look at", path) { (state) throws(Refusal) in
            Int64(max(0, state.capacity - state.disk.byteCount))
        }
    }

    package func syncDirectory(_ path: String) throws(StoreError) {
        try run(.syncDirectory, "sync the folder", path) { (state) throws(Refusal) in
            guard let inode = state.disk.inode(path) else { throw Refusal(ENOENT) }
            try state.sync(inode, .syncDirectory)
        }
    }

    // MARK: - Calls

    /// Makes one call, or refuses it.
    private func run<R: Sendable>(
        _ call: SimulatedCall, _ verb: String, _ path: String, at position: Int64? = nil,
        _ body: (inout SimulatedMachine) throws(Refusal) -> R,
        onFault: (inout SimulatedMachine) -> Void = { _ in }
    ) throws(StoreError) -> R {
        var result: R?
        let code: Int32 = state.withLock { state in
            state.trace.append((call, path))
            if state.hasCrashed { return EIO }
            if let code = state.fault(call) {
                onFault(&state)
                return code
            }
            do throws(Refusal) {
                result = try body(&state)
                return 0
            } catch {
                return error.code
            }
        }
        guard let result, code == 0 else { throw .system(verb, path, at: position, code: code) }
        return result
    }
}
