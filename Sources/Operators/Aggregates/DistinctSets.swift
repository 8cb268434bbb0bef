/// The values that a DISTINCT call has seen, a set for each group.
final class DistinctSets {
    private let codec: KeyCodec
    private var sets: [KeyTable?] = []
    /// How many of a set's values, which stand in the order they came, checkpoints have.
    private var captured: [Int] = []

    init(type: ColumnType) { codec = KeyCodec(types: [type]) }

    func reserve(_ count: Int) {
        guard count > sets.count else { return }
        sets.append(contentsOf: Array(repeating: nil, count: count - sets.count))
        captured.append(contentsOf: Array(repeating: 0, count: count - captured.count))
    }

    func reset(_ group: Int) {
        sets[group] = nil
        captured[group] = 0
    }

    /// Adds the rows' values; sets `groups[row]` to −1 unless the row's value is new to its group.
    func keepNew(_ groups: UnsafeMutablePointer<Int32>, count: Int, argument: Column) {
        let keys = codec.encode([argument], count: count)
        let views = keys.strings
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 { continue }
            if argument.isNull(row) || !add(views[row], to: group) { groups[row] = -1 }
        }
    }

    private func add(_ value: StringView, to group: Int) -> Bool {
        let set: KeyTable
        if let known = sets[group] {
            set = known
        } else {
            set = KeyTable()
            sets[group] = set
        }
        let hash = value.hash
        if set.find(value, hash: hash) >= 0 { return false }
        set.insert(value, hash: hash, value: 0)
        return true
    }

    /// The part of a node's state in which the values of all its DISTINCT calls stand.
    static let part: UInt8 = 1

    /// Puts the values that came since the last call, for the `call`-th of the node's calls.
    func capture(
        group: Int, key: StringView, time: Int64, call: Int, into changes: inout StateChanges
    ) {
        guard let set = sets[group] else { return }
        for index in captured[group]..<set.count {
            let value = set.entries[index].key
            var bytes: [UInt8] = []
            bytes.append(littleEndian: UInt32(key.count))
            bytes.append(contentsOf: key.bytes)
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: call))
            bytes.append(contentsOf: value.bytes)
            bytes.withUnsafeBufferPointer {
                changes.put(part: DistinctSets.part, time: time, key: $0, value: { _ in })
            }
        }
        captured[group] = set.count
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

    func restore(_ value: StringView, group: Int) {
        _ = add(value, to: group)
        captured[group] = sets[group]?.count ?? 0
    }

    var entryCount: Int { sets.reduce(0) { $0 + ($1?.count ?? 0) } }
}
