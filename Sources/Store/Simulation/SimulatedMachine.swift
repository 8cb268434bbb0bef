import Glibc

/// A call that a ``SimulatedFileSystem`` can be told to refuse.
package enum SimulatedCall: String, CaseIterable, Sendable {
    case open, read, write, truncate, reserve, sync, status, lock, rename, link, unlink
    case createDirectory, removeDirectory, list, availableBytes, syncDirectory
}

/// Which call is refused, and how.
package struct SimulatedFault: Sendable {
    /// `nil` for any call.
    package var call: SimulatedCall?
    /// How many such calls succeed before.
    package var skipping: Int
    /// The error number, as in `EIO`.
    package var code: Int32
    /// Whether every later call of the kind is refused too.
    package var isPermanent: Bool

    package init(
        _ call: SimulatedCall? = nil, skipping: Int = 0, code: Int32, isPermanent: Bool = false
    ) {
        self.call = call
        self.skipping = skipping
        self.code = code
        self.isPermanent = isPermanent
    }
}

/// Why a simulated call was refused: an `errno`.
struct Refusal: Error {
    let code: Int32
    init(_ code: Int32) { self.code = code }
}

/// The state of a ``SimulatedFileSystem``: a disk, what is open, and what is to go wrong.
struct SimulatedMachine: Sendable {
    var disk = SimulatedDisk()
    /// By descriptor.
    var files: [Int32: UInt64] = [:]
    var nextDescriptor: Int32 = 3
    /// Which descriptor holds a file's lock.
    var locks: [UInt64: Int32] = [:]
    var random: RandomSource
    var faults: [SimulatedFault] = []
    var ignored: Set<SimulatedCall> = []
    var capacity = Int.max
    var mutationCount = 0
    var crashMutation: Int?
    var hasCrashed = false
    var trace: [(call: SimulatedCall, path: String)] = []

    init(disk: SimulatedDisk = SimulatedDisk(), random: RandomSource, capacity: Int = .max) {
        self.disk = disk
        self.random = random
        self.capacity = capacity
    }

    mutating func describe(_ inode: UInt64, _ path: String) -> OpenFile {
        defer { nextDescriptor += 1 }
        files[nextDescriptor] = inode
        return OpenFile(descriptor: nextDescriptor, path: path)
    }

    func inode(_ file: OpenFile) throws(Refusal) -> UInt64 {
        guard let inode = files[file.descriptor] else { throw Refusal(EBADF) }
        return inode
    }

    func node(_ file: OpenFile) throws(Refusal) -> SimulatedDisk.Node {
        guard let node = disk.nodes[try inode(file)] else { throw Refusal(EBADF) }
        return node
    }

    func status(_ inode: UInt64) -> FileStatus {
        let node = disk.nodes[inode]
        return FileStatus(
            kind: node?.isDirectory == true ? .directory : .regular, device: 1, inode: inode,
            length: Int64(node?.data.count ?? 0), modifiedMicros: 0)
    }

    /// Whether a call of this kind is refused now, and with which error.
    mutating func fault(_ call: SimulatedCall) -> Int32? {
        var code: Int32?
        for index in faults.indices where faults[index].call == nil || faults[index].call == call {
            if faults[index].skipping > 0 {
                faults[index].skipping -= 1
            } else if faults[index].skipping == 0 {
                code = faults[index].code
                if !faults[index].isPermanent { faults[index].skipping = -1 }
            }
        }
        return code
    }

    /// Changes something. If the machine is to stop here the change is made first, un-synced, so
    /// that a power cut may leave all, a part or nothing of it.
    mutating func mutate<R>(_ change: (inout SimulatedMachine) -> R) throws(Refusal) -> R {
        let result = change(&self)
        try countMutation()
        return result
    }

    /// Syncs something, unless the machine is to stop here.
    mutating func sync(_ inode: UInt64, _ call: SimulatedCall) throws(Refusal) {
        try countMutation()
        if !ignored.contains(call) { disk.sync(inode) }
    }

    private mutating func countMutation() throws(Refusal) {
        defer { mutationCount += 1 }
        if mutationCount == crashMutation {
            hasCrashed = true
            throw Refusal(EIO)
        }
    }
}
