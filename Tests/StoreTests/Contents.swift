import Foundation

@testable import Store

/// How far the exhaustive tests go: `TEST_DEPTH`, 1 in the ordinary run. 50 looks at more than
/// 100,000 disks after a power cut, and at each bit of a journal of 12 KiB.
let testDepth: Int =
    ProcessInfo.processInfo.environment["TEST_DEPTH"].flatMap { Int($0) }.map { max(1, $0) } ?? 1

/// What names an entry.
struct EntryName: Hashable, Sendable {
    var node: [UInt8]
    var time: Int64
    var key: [UInt8]
}

/// A change to a state, as a plain value.
enum Change: Sendable {
    case put(EntryName, [UInt8])
    case delete(EntryName)
    case deleteBelow(node: [UInt8], time: Int64)
    case dropNode([UInt8])
    case meta([UInt8])
}

/// A state as plain values, changed the slow way: what a journal is held against.
struct Contents: Equatable, Sendable {
    var meta: [UInt8] = []
    var entries: [EntryName: [UInt8]] = [:]

    mutating func apply(_ change: Change) {
        switch change {
        case .put(let name, let value): entries[name] = value
        case .delete(let name): entries[name] = nil
        case .deleteBelow(let node, let time):
            entries = entries.filter { $0.key.node != node || $0.key.time >= time }
        case .dropNode(let node): entries = entries.filter { $0.key.node != node }
        case .meta(let bytes): meta = bytes
        }
    }
}

extension JournalRecordBuilder {
    mutating func add(_ change: Change) {
        switch change {
        case .put(let name, let value):
            put(node: name.node, key: name.key, time: name.time, value: value)
        case .delete(let name): delete(node: name.node, key: name.key, time: name.time)
        case .deleteBelow(let node, let time): deleteBelow(node: node, time: time)
        case .dropNode(let node): dropNode(node: node)
        case .meta(let bytes): setMeta(bytes)
        }
    }
}

extension RecoveredState {
    var contents: Contents {
        var contents = Contents(meta: meta)
        for node in nodes {
            forEachEntry(node: node) { time, key, value in
                let name = EntryName(node: node, time: time, key: [UInt8](key))
                contents.entries[name] = [UInt8](value)
            }
        }
        return contents
    }
}

/// Epochs of changes from a seed, with few names, so that they meet.
struct Workload: Sendable {
    let epochs: [[Change]]
    /// The state before the first epoch and after each.
    let states: [Contents]

    init(seed: UInt64, epochs: Int, changes: Int, valueBytesMax: Int = 24) {
        var random = RandomSource(seed: seed)
        var all: [[Change]] = []
        var states = [Contents()]
        for epoch in 0..<epochs {
            var changes = (0..<changes).map { _ in
                Self.change(epoch: epoch, valueBytesMax, &random)
            }
            // A number that no other epoch has, so that no two states are alike.
            changes.append(.meta([UInt8(epoch & 255), UInt8(epoch >> 8), 0xEE]))
            var next = states[epoch]
            for change in changes { next.apply(change) }
            all.append(changes)
            states.append(next)
        }
        self.epochs = all
        self.states = states
    }

    private static func change(epoch: Int, _ valueBytesMax: Int, _ random: inout RandomSource)
        -> Change
    {
        let nodes: [[UInt8]] = [Array("views".utf8), Array("late".utf8), []]
        let node = nodes[Int.random(in: 0..<3, using: &random)]
        let time = Int64(epoch) * 10 + Int64.random(in: -30...9, using: &random)
        let key = [UInt8]("key".utf8) + [UInt8.random(in: 0..<12, using: &random)]
        let name = EntryName(node: node, time: time, key: Bool.random(using: &random) ? key : [])
        switch Int.random(in: 0..<40, using: &random) {
        case 0: return .dropNode(node)
        case 1, 2: return .deleteBelow(node: node, time: time)
        case 3...7: return .delete(name)
        default:
            let count = Int.random(in: 0...valueBytesMax, using: &random)
            return .put(name, (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }

    func record(_ epoch: Int, blockBytes: Int = 256 << 10) -> JournalRecordBuilder {
        var record = JournalRecordBuilder(type: .changes, blockBytes: blockBytes)
        for change in epochs[epoch] { record.add(change) }
        return record
    }
}

extension JournalOptions {
    /// Rewrites every few records, in several blocks.
    static var small: JournalOptions {
        var options = JournalOptions()
        options.rewriteBytesMin = 2000
        options.rewriteFactor = 2
        options.blockBytes = 300
        return options
    }
}
