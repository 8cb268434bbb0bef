/// The values of one call, a multiset for each group: those that a DISTINCT call has seen, or those
/// among which a call finds its next result when one is taken back (SEMANTICS 24).
///
/// Checkpoints have an entry for each value, in a part of their own, so that one costs what changed.
final class ValueSets {
    let codec: KeyCodec
    private let end: ValueSet.End?
    private let isCounted: Bool
    private var sets: [ValueSet?] = []

    /// - Parameters:
    ///   - types: The columns that make a value, first those it is ordered by.
    ///   - end: Which end is asked for, if one is.
    ///   - isCounted: Whether values may be taken back.
    init(types: [ColumnType], end: ValueSet.End? = nil, isCounted: Bool) {
        codec = KeyCodec(types: types)
        self.end = end
        self.isCounted = isCounted
    }

    func reserve(_ count: Int) {
        guard count > sets.count else { return }
        sets.append(contentsOf: Array(repeating: nil, count: count - sets.count))
    }

    /// Forgets a group whose entries are gone from the checkpoint, too.
    func reset(_ group: Int) { sets[group] = nil }

    /// Takes all of a group's values back; the next checkpoint drops their entries.
    func clear(_ group: Int) { sets[group]?.clear() }

    subscript(group: Int) -> ValueSet? { sets[group] }

    private func set(_ group: Int) -> ValueSet {
        if let known = sets[group] { return known }
        let set = ValueSet(end: end, isCounted: isCounted)
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
                change = set(group).add(views[row], weight: Int64(weights?[row] ?? 1))
            }
            if change == 0 { groups[row] = -1 }
            changes?[row] = change
        }
    }

    /// The part of a node's state in which the values of all its calls stand.
    static let part: UInt8 = 1

    /// Puts and deletes what has changed, for the `call`-th of the node's calls.
    func capture(
        group: Int, key: StringView, time: Int64, call: Int, into changes: inout StateChanges
    ) {
        sets[group]?.takeChanges { value, count in
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
                    if isCounted { bytes.append(littleEndian: count) }
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
        var count: Int64 = 1
        if isCounted {
            guard let read = reader.read(Int64.self), read > 0 else { return false }
            count = read
        }
        guard reader.isAtEnd, codec.isKey(value) else { return false }
        set(group).restore(value, count: count)
        return true
    }

    var entryCount: Int { sets.reduce(0) { $0 + ($1?.entryCount ?? 0) } }
}
