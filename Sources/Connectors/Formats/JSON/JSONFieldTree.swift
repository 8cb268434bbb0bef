import CPrimitives
import Config

/// Which keys of a JSON object matter, by path: a tree whose leaves are fields.
///
/// Nodes and key bytes lie in raw memory that is written once, so that the parser's loop reads them
/// without counting references.
// SAFETY: immutable after init; owned and freed by this class.
final class JSONFieldTree {
    /// What becomes of the value behind a key.
    enum Action {
        /// Checked, and otherwise ignored.
        static let skip: Int32 = -1
        // 0... : the field of that index. -2 - n: an object whose keys are node n's.
        static func descend(_ node: Int) -> Int32 { Int32(-2 - node) }
        static func node(_ action: Int32) -> Int { Int(-2 - action) }
    }

    struct Key {
        let text: UnsafePointer<UInt8>
        let count: Int
        let action: Int32
    }

    struct Node {
        let keys: UnsafePointer<Key>
        let count: Int
        /// The fields anywhere below the node: those before the 64th as bits, the others by index.
        let fieldsMask: UInt64
        let fields: UnsafePointer<Int32>
        let fieldCount: Int
    }

    let nodes: UnsafeMutablePointer<Node>
    private var owned: [UnsafeMutableRawPointer] = []

    private struct Draft {
        var keys: [(text: [UInt8], action: Int32)] = []
        var fields: [Int32] = []
    }

    /// - Throws: ``ConnectorError`` when two fields have one `path`, or one's is the beginning of
    ///   another's.
    init(fields: [FieldSpec]) throws(ConnectorError) {
        let drafts = try JSONFieldTree.drafts(fields)
        nodes = .allocate(capacity: drafts.count)
        for (index, draft) in drafts.enumerated() {
            let keys = UnsafeMutablePointer<Key>.allocate(capacity: draft.keys.count + 1)
            owned.append(UnsafeMutableRawPointer(keys))
            for (position, key) in draft.keys.enumerated() {
                let text = UnsafeMutablePointer<UInt8>.allocate(capacity: key.text.count + 8)
                text.initialize(repeating: 0, count: key.text.count + 8)
                for (offset, byte) in key.text.enumerated() { text[offset] = byte }
                owned.append(UnsafeMutableRawPointer(text))
                (keys + position).initialize(
                    to: Key(text: UnsafePointer(text), count: key.text.count, action: key.action))
            }
            let below = UnsafeMutablePointer<Int32>.allocate(capacity: draft.fields.count + 1)
            owned.append(UnsafeMutableRawPointer(below))
            var mask: UInt64 = 0
            for (position, field) in draft.fields.enumerated() {
                (below + position).initialize(to: field)
                if field < 64 { mask |= 1 << UInt64(field) }
            }
            (nodes + index).initialize(
                to: Node(
                    keys: UnsafePointer(keys), count: draft.keys.count, fieldsMask: mask,
                    fields: UnsafePointer(below), fieldCount: draft.fields.count))
        }
    }

    private static func drafts(_ fields: [FieldSpec]) throws(ConnectorError) -> [Draft] {
        var drafts = [Draft()]
        for (index, field) in fields.enumerated() {
            var node = 0
            for (depth, part) in field.path.enumerated() {
                let text = Array(part.utf8)
                let isLeaf = depth == field.path.count - 1
                drafts[node].fields.append(Int32(index))
                let known = drafts[node].keys.first { $0.text == text }
                if let known, isLeaf || known.action >= 0 {
                    let other =
                        known.action >= 0
                        ? known.action : drafts[Action.node(known.action)].fields[0]
                    throw ConnectorError(
                        .terminal,
                        "cannot read field '\(field.name)': its path and that of "
                            + "'\(fields[Int(other)].name)' are one, or begin alike; read it once")
                }
                if isLeaf {
                    drafts[node].keys.append((text, Int32(index)))
                } else if let known {
                    node = Action.node(known.action)
                } else {
                    drafts.append(Draft())
                    drafts[node].keys.append((text, Action.descend(drafts.count - 1)))
                    node = drafts.count - 1
                }
            }
        }
        return drafts
    }

    deinit {
        for memory in owned { memory.deallocate() }
        nodes.deallocate()
    }

    /// The action for a key of a node.
    static func action(_ node: Node, key: UnsafePointer<UInt8>, count: Int) -> Int32 {
        var index = 0
        while index < node.count {
            let candidate = node.keys[index]
            if candidate.count == count && cp_equal(candidate.text, key, count) != 0 {
                return candidate.action
            }
            index += 1
        }
        return Action.skip
    }
}
