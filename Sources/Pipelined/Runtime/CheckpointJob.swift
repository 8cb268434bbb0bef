import Connectors
import Operators
import Store

/// One epoch on its way to being committed, off the lane: sinks synced, record committed, sinks
/// committed, in this order.
// SAFETY: filled by the lane, then handed to one thread of the blocking pool, then read by the
// lane after that thread has said that it is done.
final class CheckpointJob: @unchecked Sendable {
    private let journal: Journal
    private let cuts: [(name: String, cut: any SinkCut)]
    private let changes: [(node: String, changes: StateChanges)]
    private let takeover: StateTakeover
    /// With the sinks' tokens once the job has run.
    private(set) var meta: CheckpointMeta

    init(
        journal: Journal, cuts: [(name: String, cut: any SinkCut)],
        changes: [(node: String, changes: StateChanges)], takeover: StateTakeover,
        meta: CheckpointMeta
    ) {
        self.journal = journal
        self.cuts = cuts
        self.changes = changes
        self.takeover = takeover
        self.meta = meta
    }

    /// Commits the epoch. After an error it may or may not be found committed by a restart.
    func run() throws(EngineError) {
        for (name, cut) in cuts {
            do throws(ConnectorError) {
                try cut.sync()
            } catch {
                throw EngineError(error, node: name)
            }
        }
        meta.sinks = cuts.filter { !$0.cut.token.isEmpty }.map {
            CheckpointMeta.Named(name: $0.name, value: $0.cut.token)
        }
        var record = JournalRecordBuilder()
        takeover.add(to: &record)
        for (node, changes) in changes { record.add(NodeChanges(node: node, changes: changes)) }
        record.setMeta(meta.encoded())
        do throws(StoreError) {
            try journal.commit(&record)
        } catch {
            throw EngineError(error)
        }
        for (name, cut) in cuts {
            do throws(ConnectorError) {
                try cut.commit()
            } catch {
                throw EngineError(error, node: name)
            }
        }
    }
}

extension EngineError {
    init(_ error: StoreError) {
        self.init(
            message: error.message, node: nil, isTerminal: !error.isRetriable,
            isDiskFull: error.kind == .full)
    }
}

/// What the first checkpoint of a graph changes besides what its rows do: how the state that another
/// version left becomes its own.
struct StateTakeover: Sendable {
    /// Entries of another state, or of another node.
    struct Adopted: Sendable {
        var state: RecoveredState
        var from: [UInt8]
        var to: [UInt8]
    }
    /// Nodes of the journal that go. They go first.
    var dropped: [[UInt8]] = []
    var adopted: [Adopted] = []
    /// Whether it has to be committed even if no row comes: the journal is another version's until
    /// then.
    var isOwed = false

    var isEmpty: Bool { dropped.isEmpty && adopted.isEmpty && !isOwed }

    func add(to record: inout JournalRecordBuilder) {
        for node in dropped { record.dropNode(node: node) }
        for part in adopted {
            part.state.forEachEntry(node: part.from) { time, key, value in
                record.put(node: part.to, key: key, time: time, value: value)
            }
        }
    }
}

/// How a node's state stands in a journal: the parts of a node are nodes of their own there.
enum StateNode {
    /// The node's name, and for parts above 0 a zero byte and the part.
    static func key(_ name: String, part: UInt8) -> [UInt8] {
        part == 0 ? Array(name.utf8) : Array(name.utf8) + [0, part]
    }

    static func split(_ key: [UInt8]) -> (name: String, part: UInt8) {
        if key.count > 2, key[key.count - 2] == 0 {
            return (String(decoding: key.dropLast(2), as: UTF8.self), key[key.count - 1])
        }
        return (String(decoding: key, as: UTF8.self), 0)
    }
}

/// The changes of one node, as the journal takes them while it writes.
struct NodeChanges: JournalPart {
    let node: String
    let changes: StateChanges

    var longestBytes: Int { changes.longestBytes }
    var nodeBytes: Int { node.utf8.count + 2 }
    var isBase: Bool { !changes.deletesAfterPuts }

    func add(
        to record: inout JournalRecordBuilder,
        next: (inout JournalRecordBuilder) throws(StoreError) -> Void
    ) throws(StoreError) {
        var keys: [UInt8: [UInt8]] = [:]
        try changes.bytes.span.bytes.withUnsafeBytes { raw throws(StoreError) in
            for item in changes.items {
                let nodeKey: [UInt8]
                if let known = keys[item.part] {
                    nodeKey = known
                } else {
                    nodeKey = StateNode.key(node, part: item.part)
                    keys[item.part] = nodeKey
                }
                let key = UnsafeRawBufferPointer(rebasing: raw[item.keyStart..<item.valueStart])
                switch item.change {
                case .put:
                    record.put(
                        node: nodeKey, key: key, time: item.time,
                        value: UnsafeRawBufferPointer(rebasing: raw[item.valueStart..<item.end]),
                        tail: UnsafeRawBufferPointer(item.tail.bytes))
                case .delete: record.delete(node: nodeKey, key: key, time: item.time)
                case .deleteBelow: record.deleteBelow(node: nodeKey, time: item.time)
                }
                try next(&record)
            }
        }
    }
}
