/// What a power cut leaves of what was written and not synced.
package enum PowerCut: Equatable, Sendable {
    /// Nothing.
    case lost
    /// Everything: the same as a killed process.
    case kept
    /// The first operations of each file and folder, the last of them torn.
    case prefix
    /// Any of the operations, each write torn into sectors of so many bytes, and files that have
    /// grown without their bytes.
    case scattered(sectorBytes: Int)
}

/// Files and folders in memory, each with what is durable and what has been done since.
///
/// Unkinder than real file systems in that a file's sync does not make its name durable, that the
/// operations on a folder may survive in any combination, and that one refused sync loses for good
/// what it was to write although readers go on seeing it.
struct SimulatedDisk: Sendable {
    enum DataChange: Sendable {
        case write(position: Int, bytes: [UInt8])
        case resize(Int)
    }

    enum NameChange: Sendable {
        case set(String, UInt64)
        case remove(String)
        case rename(String, String, UInt64)
    }

    struct Node: Sendable {
        var isDirectory = false
        /// What readers see.
        var data: [UInt8] = []
        var durableData: [UInt8] = []
        var dataChanges: [DataChange] = []
        /// What a folder's readers see.
        var names: [String: UInt64] = [:]
        var durableNames: [String: UInt64] = [:]
        var nameChanges: [NameChange] = []
    }

    var nodes: [UInt64: Node] = [SimulatedDisk.root: Node(isDirectory: true)]
    var nextInode: UInt64 = 2
    static let root: UInt64 = 1

    // MARK: - Paths

    static func parts(_ path: String) -> [String] {
        path.split(separator: "/").filter { $0 != "." }.map(String.init)
    }

    func inode(_ path: String) -> UInt64? { inode(Self.parts(path)) }

    func inode(_ parts: [String]) -> UInt64? {
        var inode = Self.root
        for part in parts {
            guard let next = nodes[inode]?.names[part] else { return nil }
            inode = next
        }
        return inode
    }

    /// The folder that holds the path's last name, and that name.
    func parent(_ path: String) -> (inode: UInt64, name: String)? {
        let parts = Self.parts(path)
        guard let name = parts.last, let inode = inode(parts.dropLast()),
            nodes[inode]?.isDirectory == true
        else { return nil }
        return (inode, name)
    }

    /// Whether the file has a name in any folder.
    func hasName(_ inode: UInt64) -> Bool {
        nodes.values.contains { $0.names.values.contains(inode) }
    }

    // MARK: - Changes

    mutating func change(_ inode: UInt64, _ change: DataChange) {
        nodes[inode]?.dataChanges.append(change)
        if var data = nodes[inode]?.data {
            nodes[inode]?.data = []
            Self.apply(change, to: &data)
            nodes[inode]?.data = data
        }
    }

    mutating func change(_ directory: UInt64, _ change: NameChange) {
        nodes[directory]?.nameChanges.append(change)
        if var names = nodes[directory]?.names {
            Self.apply(change, to: &names)
            nodes[directory]?.names = names
        }
    }

    mutating func create(isDirectory: Bool, in directory: UInt64, _ name: String) -> UInt64 {
        let inode = nextInode
        nextInode += 1
        nodes[inode] = Node(isDirectory: isDirectory)
        change(directory, .set(name, inode))
        return inode
    }

    /// Makes a file's bytes, or a folder's names, durable.
    mutating func sync(_ inode: UInt64) {
        guard var node = nodes[inode] else { return }
        for change in node.dataChanges { Self.apply(change, to: &node.durableData) }
        for change in node.nameChanges { Self.apply(change, to: &node.durableNames) }
        node.dataChanges = []
        node.nameChanges = []
        nodes[inode] = node
    }

    /// A sync that is refused: some of what it was to write is on the disk, the rest never will be.
    mutating func failSync(_ inode: UInt64, _ random: inout RandomSource) {
        guard var node = nodes[inode] else { return }
        for change in node.dataChanges where Bool.random(using: &random) {
            Self.apply(change, to: &node.durableData)
        }
        node.dataChanges = []
        nodes[inode] = node
    }

    var byteCount: Int { nodes.values.reduce(0) { $0 + $1.data.count } }

    private static func apply(_ change: DataChange, to data: inout [UInt8]) {
        switch change {
        case .resize(let length):
            if length < data.count {
                data.removeLast(data.count - length)
            } else {
                data.append(contentsOf: [UInt8](repeating: 0, count: length - data.count))
            }
        case .write(let position, let bytes):
            if data.count < position { apply(.resize(position), to: &data) }
            let end = min(data.count, position + bytes.count)
            data.replaceSubrange(position..<end, with: bytes)
        }
    }

    private static func apply(_ change: NameChange, to names: inout [String: UInt64]) {
        switch change {
        case .set(let name, let inode): names[name] = inode
        case .remove(let name): names[name] = nil
        case .rename(let old, let new, let inode):
            names[old] = nil
            names[new] = inode
        }
    }

    // MARK: - Power cuts

    /// The disk as it is found after the power came back.
    func afterPowerCut(_ cut: PowerCut, _ random: inout RandomSource) -> SimulatedDisk {
        var after = SimulatedDisk()
        after.nextInode = nextInode
        var queue = [Self.root]
        // In the order of inodes, so that the same seed gives the same disk.
        while let inode = queue.popLast() {
            guard let node = nodes[inode] else { continue }
            var kept = Node(isDirectory: node.isDirectory)
            kept.data = Self.survivingData(node, cut, &random)
            kept.names = Self.survivingNames(node, cut, &random)
            kept.durableData = kept.data
            kept.durableNames = kept.names
            after.nodes[inode] = kept
            queue.append(contentsOf: kept.names.values.sorted())
        }
        return after
    }

    private static func survivingNames(
        _ node: Node, _ cut: PowerCut, _ random: inout RandomSource
    ) -> [String: UInt64] {
        var names = node.durableNames
        let count = node.nameChanges.count
        let prefix = cut == .prefix ? Int.random(in: 0...count, using: &random) : 0
        for (index, change) in node.nameChanges.enumerated() {
            let survives =
                switch cut {
                case .lost: false
                case .kept: true
                case .prefix: index < prefix
                case .scattered: Bool.random(using: &random)
                }
            if survives { apply(change, to: &names) }
        }
        return names
    }

    private static func survivingData(
        _ node: Node, _ cut: PowerCut, _ random: inout RandomSource
    ) -> [UInt8] {
        var data = node.durableData
        switch cut {
        case .lost: break
        case .kept: for change in node.dataChanges { apply(change, to: &data) }
        case .prefix:
            let count = Int.random(in: 0...node.dataChanges.count, using: &random)
            for change in node.dataChanges.prefix(count) { apply(change, to: &data) }
            if count < node.dataChanges.count,
                case .write(let position, let bytes) = node.dataChanges[count]
            {
                let part = Int.random(in: 0...bytes.count, using: &random)
                apply(.write(position: position, bytes: Array(bytes.prefix(part))), to: &data)
            }
        case .scattered(let sectorBytes):
            for change in node.dataChanges {
                scatter(change, sectorBytes, over: &data, &random)
            }
        }
        return data
    }

    private static func scatter(
        _ change: DataChange, _ sectorBytes: Int, over data: inout [UInt8],
        _ random: inout RandomSource
    ) {
        guard case .write(let position, let bytes) = change else {
            if Bool.random(using: &random) { apply(change, to: &data) }
            return
        }
        var start = 0
        while start < bytes.count {
            // Up to the end of the disk's sector, whatever the write was aligned to.
            let room = sectorBytes - (position + start) % sectorBytes
            let end = min(bytes.count, start + room)
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                apply(
                    .write(position: position + start, bytes: Array(bytes[start..<end])), to: &data)
            case 2:
                // The file has grown and its new bytes are zeros.
                if data.count < position + end { apply(.resize(position + end), to: &data) }
            default: break
            }
            start = end
        }
    }
}
