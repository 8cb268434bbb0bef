/// The values of one call over rows that may be taken back, a multiset for each group: those that a
/// DISTINCT call counts, or those among which a call finds its next result (SEMANTICS 24). Where rows
/// are only added, ``DistinctValues`` keeps what has been seen.
///
/// Checkpoints have an entry for each value, in a part of their own, so that one costs what changed.
final class ValueSets {
    let codec: KeyCodec
    private let end: ValueSet.End?
    private var sets: [ValueSet?] = []
    /// Entries in memory, standing or not.
    private(set) var entryCount = 0

    /// - Parameters:
    ///   - types: The columns that make a value, first those it is ordered by.
    ///   - end: Which end is asked for, if one is.
    init(types: [ColumnType], end: ValueSet.End? = nil) {
        codec = KeyCodec(types: types)
        self.end = end
    }

    func reserve(_ count: Int) {
        guard count > sets.count else { return }
        sets.append(contentsOf: Array(repeating: nil, count: count - sets.count))
    }

    /// Forgets a group whose entries are gone from the checkpoint, too.
    func reset(_ group: Int) {
        entryCount -= sets[group]?.entryCount ?? 0
        sets[group] = nil
    }

    /// Takes all of a group's values back; the next checkpoint drops their entries.
    func clear(_ group: Int) { change(group) { $0.clear() } }

    subscript(group: Int) -> ValueSet? { sets[group] }

    /// Lets `body` change a group's set, if there is one, and keeps count of the entries.
    private func change(_ group: Int, _ body: (ValueSet) -> Void) {
        guard let set = sets[group] else { return }
        entryCount -= set.entryCount
        body(set)
        entryCount += set.entryCount
    }

    private func set(_ group: Int) -> ValueSet {
        if let known = sets[group] { return known }
        let set = ValueSet(end: end)
        sets[group] = set
        return set
    }

    /// Adds the values of rows; with `keepsNulls` also of those that have nulls.
    ///
    /// - Parameters:
    ///   - groups: The group of each row; becomes −1 unless the row's value has come or has left.
    ///   - weights: nil when all are +1.
    ///   - changes: With `weights`, gets 1 for a value that has come and −1 for one that has left.
    func add(
        _ groups: UnsafeMutablePointer<Int32>, count: Int, columns: [Column],
        weights: UnsafePointer<Int32>?, changes: UnsafeMutablePointer<Int32>?,
        keepsNulls: Bool = false
    ) {
        let keys = codec.encode(columns, count: count)
        let views = keys.strings
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 { continue }
            var change: Int32 = 0
            if keepsNulls || !columns.contains(where: { $0.isNull(row) }) {
                let set = set(group)
                entryCount -= set.entryCount
                change = set.add(views[row], weight: Int64(weights?[row] ?? 1))
                entryCount += set.entryCount
            }
            if change == 0 { groups[row] = -1 }
            changes?[row] = change
        }
    }

    /// Adds to a group the values that another one has.
    ///
    /// - Returns: Those that have come, in the order of their bytes: the value's columns.
    func merge(_ source: Int, into target: Int) -> [Column] {
        guard let other = sets[source] else { return [] }
        var values: [(key: StringView, count: Int64)] = []
        other.visit { values.append(($0, $1)) }
        values.sort { StringView.compare($0.key, $1.key) < 0 }
        let known = set(target)
        entryCount -= known.entryCount
        let come = values.filter { known.add($0.key, weight: $0.count) > 0 }.map(\.key)
        entryCount += known.entryCount
        guard let columns = codec.decode(come, retained: other.blocks) else {
            preconditionFailure("values of a set do not decode")
        }
        return columns
    }

    /// The part of a node's state in which the values of all its calls stand.
    static let part: UInt8 = 1

    /// Puts and deletes what has changed, for the `call`-th of the node's calls.
    func capture(
        group: Int, key: StringView, time: Int64, call: Int, into changes: inout StateChanges
    ) {
        change(group) { capture($0, key, time, call, into: &changes) }
    }

    private func capture(
        _ set: ValueSet, _ key: StringView, _ time: Int64, _ call: Int,
        into changes: inout StateChanges
    ) {
        set.takeChanges { value, count in
            var bytes: [UInt8] = []
            bytes.append(littleEndian: UInt32(key.count))
            bytes.append(contentsOf: key.bytes)
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: call))
            bytes.append(contentsOf: value.bytes)
            bytes.withUnsafeBufferPointer {
                guard count > 0 else {
                    return changes.delete(part: ValueSets.part, time: time, key: $0)
                }
                changes.put(part: ValueSets.part, time: time, key: $0) { bytes in
                    bytes.append(littleEndian: count)
                }
            }
        }
    }

    /// The group's key out of an entry's key, the call and the value; nil when it is not these.
    static func split(
        _ key: UnsafeBufferPointer<UInt8>
    ) -> (group: StringView, call: Int, value: StringView)? {
        var reader = ByteReader(key)
        guard let count = reader.read(UInt32.self), let group = reader.readBytes(Int(count)),
            let call = reader.read(UInt32.self),
            let value = reader.readBytes(key.count - 8 - Int(count)), let base = key.baseAddress
        else { return nil }
        return (
            StringView(base: group.baseAddress ?? base, count: group.count), Int(call),
            StringView(base: value.baseAddress ?? base, count: value.count)
        )
    }

    /// Takes back one entry; false when it is not one of these.
    func restore(_ value: StringView, count bytes: UnsafeBufferPointer<UInt8>, group: Int) -> Bool {
        var reader = ByteReader(bytes)
        guard let count = reader.read(Int64.self), count > 0, reader.isAtEnd, codec.isKey(value)
        else { return false }
        let set = set(group)
        entryCount -= set.entryCount
        set.restore(value, count: count)
        entryCount += set.entryCount
        return true
    }
}
